/*
 * The battery-backed clock (MC146818): read once, by the boot core.
 *
 * It is read until two readings in a row agree, with no update between, as its
 * registers change one by one; if that does not come about soon, there is no clock.
 */
#include "asm.h"
#include "rtc.h"

enum { SECOND = 0, MINUTE = 2, HOUR = 4, DAY = 7, MONTH = 8, YEAR = 9, STATUS_A = 10, STATUS_B = 11 };
#define A_UPDATING 0x80
#define B_BINARY 0x04
#define B_24_HOURS 0x02
#define HOUR_PM 0x80
#define TRIES 100
#define SPIN_MAX 1000000

struct date {
	unsigned second, minute, hour, day, month, year;
};

static uint8_t clock_register(unsigned reg)
{
	outb(0x70, (uint8_t)reg);
	return inb(0x71);
}

static unsigned decimal(unsigned v, bool binary) { return binary ? v : (v >> 4) * 10 + (v & 15); }

static struct date clock_date(uint8_t century)
{
	uint8_t b = clock_register(STATUS_B), hour = clock_register(HOUR);
	bool binary = b & B_BINARY;
	struct date d = {
		.second = decimal(clock_register(SECOND), binary),
		.minute = decimal(clock_register(MINUTE), binary),
		.hour = decimal(b & B_24_HOURS ? hour : hour & ~HOUR_PM, binary),
		.day = decimal(clock_register(DAY), binary),
		.month = decimal(clock_register(MONTH), binary),
		.year = decimal(clock_register(YEAR), binary),
	};

	if (!(b & B_24_HOURS))
		d.hour = d.hour % 12 + (hour & HOUR_PM ? 12 : 0);
	d.year += century ? 100 * decimal(clock_register(century), binary) : d.year < 70 ? 2000 : 1900;
	return d;
}

static bool date_equal(const struct date *a, const struct date *b)
{
	return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
	       a->month == b->month && a->year == b->year;
}

/* Days since 1970-01-01 in the Gregorian calendar; the year is counted from March, so a leap day is its last. */
static uint64_t days_since_1970(const struct date *d)
{
	uint64_t y = d->month > 2 ? d->year : d->year - 1;
	uint64_t m = d->month > 2 ? d->month - 3 : d->month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d->day - 1 - 719468;
}

bool rtc_read(uint8_t century, uint64_t *seconds)
{
	struct date d = { 0 }, again;

	for (unsigned i = 0; i < TRIES; i++) {
		for (unsigned spin = 0; spin < SPIN_MAX && clock_register(STATUS_A) & A_UPDATING; spin++)
			cpu_pause();
		again = clock_date(century);
		if (i > 0 && date_equal(&d, &again))
			break;
		d = again;
	}
	if (!date_equal(&d, &again) || d.year < 1970 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 ||
	    d.hour > 23 || d.minute > 59 || d.second > 60)
		return false;
	*seconds = ((days_since_1970(&d) * 24 + d.hour) * 60 + d.minute) * 60 + d.second;
	return true;
}
