/*
 * The ACPI parser against tables laid out in a small physical memory, at odd
 * addresses too, and each with single defects.
 */
/* needs: kernel/x86/acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/x86/acpi.h"

#define MEMORY 0x4000
#define XSDT 0x401 /* odd, as some firmware has it */
#define RSDT 0x603
#define MADT 0x805
#define FADT 0xa07
#define HPET 0xc09
#define DSDT 0xe01
#define SRAT 0x1001
#define SLIT 0x1203
#define CORES 8

static uint8_t memory[MEMORY];
static uint8_t rsdp[ACPI_RSDP_BYTES];
static uint32_t apic_id[CORES];
static uint8_t node[CORES];
static uint8_t distance[NODES_MAX][NODES_MAX];
static struct acpi_info info;

/* A copy of exactly what was asked for: the address sanitizer sees any step outside. */
static void *given[64];
static unsigned given_count;

static const void *map(void *context, paddr_t p, uint64_t length)
{
	void *copy;

	(void)context;
	if (p >= MEMORY || length > MEMORY - p)
		return NULL;
	assert_true(given_count < 64);
	copy = malloc(length);
	memcpy(copy, memory + p, length);
	given[given_count++] = copy;
	return copy;
}

static void give_back(void)
{
	while (given_count > 0)
		free(given[--given_count]);
}

static void put(uint64_t at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		memory[at + i] = (uint8_t)(v >> 8 * i);
}

static void checksum_fix(uint8_t *p, uint32_t length, uint8_t *field)
{
	uint8_t sum = 0;

	*field = 0;
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + p[i]);
	*field = (uint8_t)-sum;
}

static void table_close(uint64_t at, const char *signature, uint32_t length)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
	checksum_fix(memory + at, length, memory + at + 9);
}

static uint32_t madt_entry(uint32_t at, uint8_t type, uint8_t length)
{
	put(MADT + at, type, 1);
	put(MADT + at + 1, length, 1);
	return at + length;
}

static void madt_make(void)
{
	uint32_t at = 44;

	put(MADT + 36, 0xfee00000, 4);
	for (unsigned i = 0; i < 4; i++) { /* APIC ids 0, 2, 4, 6; the third is off */
		put(MADT + at + 3, 2 * i, 1);
		put(MADT + at + 4, i != 2, 4);
		at = madt_entry(at, 0, 8);
	}
	put(MADT + at + 4, 0x12345, 4); /* x2APIC */
	put(MADT + at + 8, 1, 4);
	at = madt_entry(at, 9, 16);
	put(MADT + at + 4, 0xfec00000, 4);
	put(MADT + at + 8, 24, 4);
	at = madt_entry(at, 1, 12);
	put(MADT + at + 3, 0, 1); /* ISA 0 arrives at 2 */
	put(MADT + at + 4, 2, 4);
	at = madt_entry(at, 2, 10);
	put(MADT + at + 3, 9, 1); /* ISA 9: level, high */
	put(MADT + at + 4, 9, 4);
	put(MADT + at + 8, 0xd, 2);
	at = madt_entry(at, 2, 10);
	at = madt_entry(at, 0x7f, 6); /* unknown: stepped over */
	put(MADT + at + 4, UINT64_C(0x1fee00000), 8);
	at = madt_entry(at, 5, 12);
	table_close(MADT, "APIC", at);
}

static void dsdt_make(const char *aml, uint32_t bytes)
{
	memcpy(memory + DSDT + 36, aml, bytes);
	table_close(DSDT, "DSDT", 36 + bytes);
}

static void fadt_make(void)
{
	put(FADT + 40, DSDT, 4);
	put(FADT + 48, 0xb2, 4);
	put(FADT + 52, 2, 1);
	put(FADT + 64, 0x604, 4);
	put(FADT + 76, 0x608, 4);
	put(FADT + 91, 4, 1);
	put(FADT + 108, 0x32, 1);
	put(FADT + 112, 1u << 8 | 1u << 10, 4);
	put(FADT + 116, 1, 1);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 0xf, 1);
	put(FADT + 172, 1, 1); /* X_PM1a_CNT: another port, which counts */
	put(FADT + 176, 0x1804, 8);
	table_close(FADT, "FACP", 244);
}

static void hpet_make(void)
{
	put(HPET + 44, 0xfed00000, 8);
	table_close(HPET, "HPET", 56);
}

/* APIC ids 2 and 6 in domain 1, 0x12345 in domain 2, 0 in one that is not usable, another beyond all. */
static void srat_make(void)
{
	static const uint16_t domain[] = { 5, 1, 0, 1 };
	uint32_t at = 48;

	for (unsigned i = 0; i < 4; i++) {
		put(SRAT + at, 0, 1);
		put(SRAT + at + 1, 16, 1);
		put(SRAT + at + 2, domain[i], 1);
		put(SRAT + at + 3, 2 * i, 1);
		put(SRAT + at + 4, i != 0, 4);
		at += 16;
	}
	put(SRAT + at, 1, 1); /* of memory: stepped over */
	put(SRAT + at + 1, 40, 1);
	at += 40;
	put(SRAT + at, 2, 1);
	put(SRAT + at + 1, 24, 1);
	put(SRAT + at + 4, 2, 4);
	put(SRAT + at + 8, 0x12345, 4);
	put(SRAT + at + 12, 1, 4);
	table_close(SRAT, "SRAT", at + 24);
}

static void slit_make(unsigned count)
{
	put(SLIT + 36, count, 8);
	for (unsigned i = 0; i < 9; i++)
		put(SLIT + 44 + i, i % 4 == 0 ? 10 : 20 + i, 1);
	table_close(SLIT, "SLIT", 44 + 9);
}

static void roots_make(void)
{
	static const uint64_t table[] = { 0x3fff, SRAT, FADT, MADT, HPET, SLIT }; /* the first cannot be read */

	for (unsigned i = 0; i < 6; i++) {
		put(XSDT + 36 + 8 * i, table[i], 8);
		put(RSDT + 36 + 4 * i, table[i], 4);
	}
	table_close(XSDT, "XSDT", 36 + 48);
	table_close(RSDT, "RSDT", 36 + 24);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = 2;
	memcpy(rsdp + 16, &(uint32_t){ RSDT }, 4);
	memcpy(rsdp + 20, &(uint32_t){ ACPI_RSDP_BYTES }, 4);
	memcpy(rsdp + 24, &(uint64_t){ XSDT }, 8);
	checksum_fix(rsdp, 20, rsdp + 8);
	checksum_fix(rsdp, ACPI_RSDP_BYTES, rsdp + 32);
}

static int machine_make(void **state)
{
	(void)state;
	memset(memory, 0, sizeof memory);
	memset(rsdp, 0, sizeof rsdp);
	madt_make();
	dsdt_make("xx\x08_S5_\x12\x06\x04\x0a\x05\x01\x00", 14);
	fadt_make();
	hpet_make();
	srat_make();
	slit_make(3);
	roots_make();
	return 0;
}

static int machine_end(void **state)
{
	(void)state;
	give_back();
	return 0;
}

static bool parse(uint64_t bytes, unsigned max)
{
	const struct acpi_cores cores = { apic_id, node, distance, max };

	memset(distance, 0, sizeof distance);
	return acpi_parse(rsdp, bytes, map, NULL, &info, &cores);
}

static void whole_machine(void **state)
{
	(void)state;
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 4);
	assert_int_equal(apic_id[0], 0);
	assert_int_equal(apic_id[1], 2);
	assert_int_equal(apic_id[2], 6);
	assert_int_equal(apic_id[3], 0x12345);
	assert_int_equal(info.lapic, UINT64_C(0x1fee00000));
	assert_int_equal(info.ioapics, 1);
	assert_int_equal(info.ioapic[0].base, 0xfec00000);
	assert_int_equal(info.ioapic[0].gsi, 24);
	assert_int_equal(info.isa[0].gsi, 2);
	assert_int_equal(info.isa[1].gsi, 1);
	assert_int_equal(info.isa[9].flags, 0xd);
	assert_int_equal(info.hpet, 0xfed00000);
	assert_int_equal(info.pm_timer, 0x608);
	assert_true(info.pm_timer_wide);
	assert_int_equal(info.pm1a_control, 0x1804);
	assert_int_equal(info.smi_command, 0xb2);
	assert_int_equal(info.century, 0x32);
	assert_true(info.reset_valid);
	assert_int_equal(info.reset_address, 0xcf9);
	assert_true(info.off_valid);
	assert_int_equal(info.off_a, 5);
	assert_int_equal(info.off_b, 1);
}

static void old_root(void **state)
{
	(void)state;
	assert_true(parse(20, CORES));
	assert_int_equal(info.cores, 4);
	memory[XSDT + 40] ^= 1; /* a broken XSDT: the RSDT serves */
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.hpet, 0xfed00000);
}

static void cores_limited(void **state)
{
	(void)state;
	assert_true(parse(ACPI_RSDP_BYTES, 2));
	assert_int_equal(info.cores, 2);
}

static void core_listed_twice(void **state)
{
	(void)state;
	put(MADT + 44 + 8 + 3, 0, 1); /* the second has the first one's id */
	table_close(MADT, "APIC", 44 + 32 + 16 + 12 + 20 + 6 + 12);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 3);
}

static void bad_rsdp(void **state)
{
	(void)state;
	const struct acpi_cores cores = { apic_id, node, distance, CORES };

	assert_false(acpi_parse(NULL, 0, map, NULL, &info, &cores));
	assert_false(parse(19, CORES));
	rsdp[3] ^= 1;
	assert_false(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 0);
	assert_int_equal(info.isa[5].gsi, 5);
}

static void bad_checksum(void **state)
{
	(void)state;
	memory[MADT + 50] ^= 0x40;
	assert_false(parse(ACPI_RSDP_BYTES, CORES));
	assert_true(info.off_valid); /* the others count */
}

static void entry_too_long(void **state)
{
	(void)state;
	put(MADT + 44 + 8 + 1, 0xff, 1); /* the second entry leaves the table */
	table_close(MADT, "APIC", 44 + 32);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 1);
	put(MADT + 44 + 8 + 1, 0, 1); /* or does not advance */
	table_close(MADT, "APIC", 44 + 32);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 1);
}

static void bad_lengths(void **state)
{
	static const uint32_t length[] = { 0, 35, 0xffffffff, MEMORY };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		put(MADT + 4, length[i], 4);
		assert_false(parse(ACPI_RSDP_BYTES, CORES));
		give_back();
	}
}

static void power_off_forms(void **state)
{
	static const struct {
		const char *aml;
		uint32_t bytes;
		bool valid;
		uint8_t a, b;
	} form[] = {
		{ "\x08_S5_\x12\x0a\x04\x0a\x07\x0a\x06\x00\x00", 14, true, 7, 6 },
		{ "\x08_S5_\x12\x4a\x00\x04\x0b\x05\x00\x0c\x03\x00\x00\x00", 18, true, 5, 3 },
		{ "\x08_S5_\x12\x06\x04\x0a", 9, false, 0, 0 },      /* cut off */
		{ "\x08_S5_\x11\x06\x04\x00\x00", 10, false, 0, 0 }, /* not a package */
		{ "\x08_S5_\x12\x06\x04\x70\x00", 10, false, 0, 0 }, /* not a number */
		{ "\x08_S5_", 5, false, 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof form / sizeof *form; i++) {
		memset(memory + DSDT, 0, 0x100);
		dsdt_make(form[i].aml, form[i].bytes);
		assert_true(parse(ACPI_RSDP_BYTES, CORES));
		assert_int_equal(info.off_valid, form[i].valid);
		assert_int_equal(info.off_a, form[i].a);
		assert_int_equal(info.off_b, form[i].b);
		give_back();
	}
}

static void short_fadt(void **state)
{
	(void)state;
	table_close(FADT, "FACP", 116); /* ACPI 1.0: no reset register, no wide fields */
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.pm1a_control, 0x604);
	assert_false(info.reset_valid);
	table_close(FADT, "FACP", 100);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.pm_timer, 0);
}

static void nodes_and_distances(void **state)
{
	(void)state;
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(node[0], 0);
	assert_int_equal(node[1], 1);
	assert_int_equal(node[2], 1);
	assert_int_equal(node[3], 2);
	assert_int_equal(distance[0][0], 10);
	assert_int_equal(distance[1][2], 25);
	assert_int_equal(distance[2][1], 27);
	assert_int_equal(distance[3][0], 0);
}

static void bad_distances(void **state)
{
	static const unsigned count[] = { 0, 4, 1000 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		slit_make(count[i]);
		assert_true(parse(ACPI_RSDP_BYTES, CORES));
		assert_int_equal(distance[0][0], 0);
		give_back();
	}
	put(SLIT + 36, UINT64_MAX / 2 + 2, 8); /* whose square is 4 */
	table_close(SLIT, "SLIT", 44 + 9);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(distance[0][0], 0);
}

static void bad_nodes(void **state)
{
	(void)state;
	put(SRAT + 48 + 16 + 1, 0xff, 1); /* the second entry leaves the table */
	table_close(SRAT, "SRAT", 48 + 64);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(info.cores, 4);
	assert_int_equal(node[1], 0);
	give_back();
	srat_make();
	put(SRAT + 48 + 16 + 2, NODES_MAX, 1); /* more nodes than there is room for */
	table_close(SRAT, "SRAT", 48 + 64);
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(node[1], 0);
	assert_int_equal(node[2], 1);
	give_back();
	table_close(SRAT, "SRAT", 40); /* not even a whole header */
	assert_true(parse(ACPI_RSDP_BYTES, CORES));
	assert_int_equal(node[2], 0);
}

static void rsdp_search(void **state)
{
	(void)state;
	memcpy(memory + 0x70, rsdp, sizeof rsdp);
	assert_ptr_equal(acpi_find_rsdp(memory, 0x100), memory + 0x70);
	assert_null(acpi_find_rsdp(memory, 0x78));
	memory[0x70] = 0;
	assert_null(acpi_find_rsdp(memory, 0x100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, machine_make, machine_end)
		TEST(whole_machine),   TEST(old_root),     TEST(cores_limited),  TEST(core_listed_twice),
		TEST(bad_rsdp),        TEST(bad_checksum), TEST(entry_too_long), TEST(bad_lengths),
		TEST(power_off_forms), TEST(short_fadt),   TEST(rsdp_search),    TEST(nodes_and_distances),
		TEST(bad_distances),   TEST(bad_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
