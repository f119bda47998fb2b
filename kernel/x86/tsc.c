/*
 * Calibration of the TSC and the APIC timer against HPET, ACPI timer or PIT.
 *
 * Under an emulator, or above a hypervisor, the core may be taken away between two
 * reads.  So there are several short windows; at each end the clock is read
 * between two reads of the TSC, a few times, and the tightest reading counts; of
 * the windows, the one whose ends are tightest.  No CPUID leaf is believed.
 */
#include "apic.h"
#include "cpu.h"
#include "machine.h"
#include "paging.h"
#include "tsc.h"

#define WINDOWS 4
#define WINDOWS_PER_SECOND 200
#define READS 5
#define POLLS_MAX 50000000 /* a clock that stands still */

#define PM_TIMER_HZ 3579545
#define PIT_HZ 1193182
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61

/* A clock that counts up, and wraps at its mask. */
struct clock {
	uint64_t hz, mask;
	uint64_t (*read)(void);
};

struct reading {
	uint64_t tsc, clock, width; /* width: of the TSC around it */
	uint32_t apic;
};

static volatile uint32_t *hpet;

static uint64_t hpet_read(void) { return hpet[0xf0 / 4]; }
static uint64_t pm_timer_read(void) { return inl(machine.acpi.pm_timer); }

/* Latches the down-counter. */
static uint64_t pit_read(void)
{
	uint8_t lo;

	outb(PIT_COMMAND, 0x80);
	lo = inb(PIT_CHANNEL2);
	return 0xffff - (lo | (unsigned)inb(PIT_CHANNEL2) << 8);
}

/* Period in femtoseconds: HPET specification 1.0a, 2.3.4. Its low 32 bits will do. */
static bool hpet_start(struct clock *c)
{
	uint32_t period;

	if (machine.acpi.hpet == 0)
		return false;
	hpet = paging_map_device(DEVICE_HPET, machine.acpi.hpet);
	period = hpet[1];
	if (period == 0 || period > 100000000)
		return false;
	hpet[0x10 / 4] |= 1;
	*c = (struct clock){ UINT64_C(1000000000000000) / period, UINT32_MAX, hpet_read };
	return true;
}

static void pit_start(struct clock *c)
{
	outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2) | 1));
	outb(PIT_COMMAND, 0xb4); /* channel 2, both bytes, rate generator */
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0);
	*c = (struct clock){ PIT_HZ, 0xffff, pit_read };
}

static bool clock_runs(const struct clock *c)
{
	uint64_t first = c->read();

	for (unsigned i = 0; i < 100000; i++)
		if (c->read() != first)
			return true;
	return false;
}

static bool clock_choose(struct clock *c)
{
	if (hpet_start(c) && clock_runs(c))
		return true;
	if (machine.acpi.pm_timer != 0) {
		*c = (struct clock){ PM_TIMER_HZ, machine.acpi.pm_timer_wide ? UINT32_MAX : 0xffffff, pm_timer_read };
		if (clock_runs(c))
			return true;
	}
	pit_start(c);
	return clock_runs(c);
}

static struct reading reading_take(const struct clock *c)
{
	struct reading best = { .width = UINT64_MAX };

	for (unsigned i = 0; i < READS; i++) {
		struct reading r;
		uint64_t before = rdtsc();

		r.clock = c->read();
		r.apic = apic_timer_left();
		r.width = rdtsc() - before;
		r.tsc = before + r.width / 2;
		if (r.width < best.width)
			best = r;
	}
	return best;
}

struct rates {
	uint64_t tsc_hz, apic_hz, width;
};

static bool window_measure(const struct clock *c, struct rates *out)
{
	struct reading a, b;
	uint64_t ticks = 0;

	apic_timer_run();
	a = reading_take(c);
	for (unsigned i = 0; ticks < c->hz / WINDOWS_PER_SECOND; i++) {
		if (i == POLLS_MAX)
			return false;
		cpu_pause();
		ticks = (c->read() - a.clock) & c->mask;
	}
	b = reading_take(c);
	ticks = (b.clock - a.clock) & c->mask;
	if (ticks == 0)
		return false;
	out->tsc_hz = mul_div(b.tsc - a.tsc, c->hz, ticks);
	out->apic_hz = (uint64_t)(a.apic - b.apic) * c->hz / ticks;
	out->width = a.width + b.width;
	return true;
}

bool tsc_calibrate(uint64_t *tsc_hz, uint64_t *apic_scale)
{
	struct rates best = { .width = UINT64_MAX }, r;
	struct clock c;

	if (!clock_choose(&c))
		return false;
	for (unsigned i = 0; i < WINDOWS; i++)
		if (window_measure(&c, &r) && r.width < best.width)
			best = r;
	apic_timer_stop();
	if (best.width == UINT64_MAX || best.tsc_hz == 0)
		return false;
	*tsc_hz = best.tsc_hz;
	*apic_scale = mul_div(best.apic_hz, UINT64_C(1) << 32, best.tsc_hz);
	return true;
}
