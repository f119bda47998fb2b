/*
 * The two boot loaders' information, multiboot2 and PVH, sound and with single
 * defects; and the list of memory ranges that both fill.
 */
/* needs: kernel/x86/multiboot2.c kernel/x86/pvh.c kernel/x86/memmap.c kernel/x86/cmdline.c kernel/x86/archive.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/x86/archive.h"
#include "kernel/x86/cmdline.h"
#include "kernel/x86/loader.h"

static uint8_t tags[4096];
static uint32_t end;
static struct loader_info info;

static void put(uint8_t *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* Opens a tag with room for `bytes` behind its header; returns them. */
static uint8_t *tag(uint32_t type, uint32_t bytes)
{
	uint8_t *t = tags + end;

	put(t, type, 4);
	put(t + 4, 8 + bytes, 4);
	end += (8 + bytes + 7) & ~7u;
	put(tags, end, 4);
	return t + 8;
}

static void mmap_entry(uint8_t *at, uint64_t base, uint64_t length, uint32_t type)
{
	put(at, base, 8);
	put(at + 8, length, 8);
	put(at + 16, type, 4);
}

static int tags_make(void **state)
{
	uint8_t *t;

	(void)state;
	memset(tags, 0, sizeof tags);
	end = 8;
	memcpy(tag(1, 12), "cores=4 abc", 12);
	t = tag(3, 8 + 8);
	put(t, 0x200000, 4);
	put(t + 4, 0x280010, 4);
	t = tag(3, 8 + 8); /* a second module changes nothing */
	put(t, 0x300000, 4);
	put(t + 4, 0x300010, 4);
	t = tag(6, 8 + 4 * 24);
	put(t, 24, 4);
	mmap_entry(t + 8, 0, 0x9fc00, 1);
	mmap_entry(t + 32, 0x800000, 0x1000, 4); /* a hole, given before what it is in */
	mmap_entry(t + 56, 0x100000, 0x7f00000, 1);
	mmap_entry(t + 80, 0xfffc0000, 0x40000, 2);
	memcpy(tag(14, 20), "old RSDP old RSDP old", 20);
	memcpy(tag(15, 36), "new RSDP, the longer one, is wanted", 36);
	tag(0, 0);
	return 0;
}

static bool parse(uint64_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	bool ok;

	memcpy(copy, tags, bytes);
	ok = multiboot2_parse(copy, bytes, &info);
	free(copy);
	return ok;
}

static void range_is(unsigned i, uint64_t base, uint64_t limit)
{
	assert_int_equal(info.ram.range[i].base, base);
	assert_int_equal(info.ram.range[i].end, limit);
}

static void whole_machine(void **state)
{
	(void)state;
	assert_true(parse(end));
	assert_string_equal(info.cmdline, "cores=4 abc");
	assert_int_equal(info.module, 0x200000);
	assert_int_equal(info.module_end, 0x280010);
	assert_int_equal(info.modules, 2);
	assert_int_equal(info.ram.count, 3);
	range_is(0, 0, 0x9f000);
	range_is(1, 0x100000, 0x800000);
	range_is(2, 0x801000, 0x8000000);
	assert_int_equal(info.rsdp_bytes, 36);
	assert_memory_equal(info.rsdp, "new", 3);
}

/* Cut off at every length: never a step outside (the sanitizer watches), and refused if the whole says more. */
static void cut_off(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < end; n++)
		assert_false(parse(n));
	for (uint32_t n = 8; n < end; n++) {
		put(tags, n, 4);
		assert_true(parse(n));
	}
}

static void bad_sizes(void **state)
{
	static const uint32_t size[] = { 0, 7, 0x1000, 0xfffffff8, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < sizeof size / sizeof *size; i++) {
		put(tags + 8 + 4, size[i], 4); /* the first tag's */
		assert_true(parse(end));
		assert_int_equal(info.modules, 0);
	}
}

static void bad_map(void **state)
{
	uint8_t *t;

	(void)state;
	end = 8;
	t = tag(6, 8 + 2 * 24);
	put(t, 16, 4); /* entries too short */
	mmap_entry(t + 8, 0, 0x100000, 1);
	assert_true(parse(end));
	assert_int_equal(info.ram.count, 0);
	put(t, 24, 4);
	mmap_entry(t + 8, 0x100000, UINT64_MAX, 1); /* wraps */
	mmap_entry(t + 32, 0x200000, 0x1000, 1);
	assert_true(parse(end));
	assert_int_equal(info.ram.count, 1);
	range_is(0, 0x100000, UINT64_MAX & ~UINT64_C(4095));
}

static void long_cmdline(void **state)
{
	(void)state;
	end = 8;
	memset(tag(1, 1000), 'x', 1000);
	assert_true(parse(end));
	assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE - 1);
}

/* --- PVH ------------------------------------------------------------------------ */

static uint8_t memory[0x1000];

static const void *map(void *context, paddr_t p, uint64_t length)
{
	(void)context;
	return p < sizeof memory && length <= sizeof memory - p ? memory + p : NULL;
}

static void pvh_make(void)
{
	memset(memory, 0, sizeof memory);
	put(memory, PVH_MAGIC, 4);
	put(memory + 4, 1, 4);
	put(memory + 12, 1, 4);
	put(memory + 16, 0x100, 8); /* modules */
	put(memory + 24, 0x180, 8); /* command line */
	put(memory + 32, 0xf0000, 8);
	put(memory + 40, 0x200, 8); /* map */
	put(memory + 48, 2, 4);
	put(memory + 0x100, 0x300000, 8);
	put(memory + 0x108, 0x1800, 8);
	memcpy(memory + 0x180, "verbose", 8);
	mmap_entry(memory + 0x200, 0x100000, 0x1000000, 1);
	mmap_entry(memory + 0x218, 0x101000, 0x1000, 2);
}

static void pvh_machine(void **state)
{
	(void)state;
	pvh_make();
	assert_true(pvh_parse(0, map, NULL, &info));
	assert_string_equal(info.cmdline, "verbose");
	assert_int_equal(info.module, 0x300000);
	assert_int_equal(info.module_end, 0x301800);
	assert_int_equal(info.rsdp_at, 0xf0000);
	assert_int_equal(info.ram.count, 2);
	range_is(1, 0x102000, 0x1100000);
}

static void pvh_defects(void **state)
{
	static const struct {
		unsigned at;
		uint64_t v;
	} refused[] = {
		{ 0, 1 }, { 4, 0 }, { 40, 0x10000 }, { 48, 0xffffffff }, { 48, 1000 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
		pvh_make();
		put(memory + refused[i].at, refused[i].v, 4);
		assert_false(pvh_parse(0, map, NULL, &info));
	}
	assert_false(pvh_parse(sizeof memory - 8, map, NULL, &info));
	pvh_make();
	put(memory + 24, 0xff0, 8); /* a command line that leaves memory */
	memset(memory + 0xff0, 'y', 16);
	put(memory + 16, 0xff8, 8); /* a module list that does */
	assert_true(pvh_parse(0, map, NULL, &info));
	assert_int_equal(strlen(info.cmdline), 16);
	assert_int_equal(info.module_end, 0);
}

/* --- ranges ----------------------------------------------------------------------- */

static struct memmap m;

static void ranges_against_a_bitmap(void **state)
{
	bool model[64];
	uint32_t seed = 1;

	(void)state;
	m.count = 0;
	memset(model, 0, sizeof model);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned a, b;

		seed = seed * 1103515245 + 12345;
		a = seed >> 16 & 63;
		b = seed >> 22 & 63;
		if (seed >> 28 & 1)
			memmap_add(&m, a, b);
		else
			memmap_remove(&m, a, b);
		for (unsigned i = a; i < b; i++)
			model[i] = seed >> 28 & 1;
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(memmap_touches(&m, i, i + 1), model[i]);
		for (unsigned i = 1; i < m.count; i++)
			assert_true(m.range[i - 1].end < m.range[i].base);
	}
}

static void ranges_full(void **state)
{
	(void)state;
	m.count = 0;
	for (unsigned i = 0; i < MEMMAP_MAX + 5; i++)
		memmap_add(&m, 0x10000 * (i + 1), 0x10000 * (i + 1) + 0x3000);
	assert_int_equal(m.count, MEMMAP_MAX);
	memmap_remove(&m, 0x11000, 0x12000); /* no room to split: the upper part is given up */
	assert_true(memmap_touches(&m, 0x10000, 0x11000));
	assert_false(memmap_touches(&m, 0x11000, 0x13000));
}

static void ranges_take(void **state)
{
	(void)state;
	m.count = 0;
	memmap_add(&m, 0x100000, 0x500000);
	memmap_add(&m, 0x700000, 0x710000);
	assert_int_equal(memmap_take(&m, 0x200000, 0x200000, UINT64_MAX), 0x200000);
	assert_int_equal(memmap_take(&m, 0x1000, 0x1000, 0x705000), 0x704000);
	assert_int_equal(memmap_take(&m, 0x200000, 0x200000, UINT64_MAX), 0);
	assert_int_equal(memmap_take(&m, 0x100000, 0x1000, 0x300000), 0x100000);
	assert_int_equal(m.count, 3);
}

static void options(void **state)
{
	const char *c = "init=\"tests cores=9\" cores=12 verbose debugexitx";

	(void)state;
	assert_true(cmdline_has(c, "verbose"));
	assert_false(cmdline_has(c, "debugexit"));
	assert_false(cmdline_has("debugexit=1", "debugexit"));
}

/* --- archive ---------------------------------------------------------------------- */

static void archives(void **state)
{
	union {
		struct archive_header h;
		uint8_t bytes[3 * PAGE_SIZE];
	} *a = calloc(1, sizeof *a);

	(void)state;
	a->h.magic = ARCHIVE_MAGIC;
	a->h.size = sizeof *a;
	a->h.count = 1;
	strcpy(a->h.entry[0].name, "monitor");
	a->h.entry[0].offset = PAGE_SIZE;
	a->h.entry[0].size = 2 * PAGE_SIZE;
	assert_null(archive_check(&a->h, sizeof *a));
	assert_non_null(archive_check(&a->h, 10));
	assert_non_null(archive_check(&a->h, sizeof *a - 1));
	a->h.entry[0].size++;
	assert_non_null(archive_check(&a->h, sizeof *a));
	a->h.entry[0].size--;
	a->h.entry[0].offset = UINT64_C(0xfffffffffffff000);
	assert_non_null(archive_check(&a->h, sizeof *a));
	a->h.entry[0].offset = 8;
	assert_non_null(archive_check(&a->h, sizeof *a));
	a->h.entry[0].offset = PAGE_SIZE;
	memset(a->h.entry[0].name, 'x', ARCHIVE_NAME);
	assert_non_null(archive_check(&a->h, sizeof *a));
	a->h.count = 0xffffffff;
	assert_non_null(archive_check(&a->h, sizeof *a));
	a->h.magic++;
	assert_non_null(archive_check(&a->h, sizeof *a));
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_machine, tags_make),
		cmocka_unit_test_setup(cut_off, tags_make),
		cmocka_unit_test_setup(bad_sizes, tags_make),
		cmocka_unit_test_setup(bad_map, tags_make),
		cmocka_unit_test_setup(long_cmdline, tags_make),
		cmocka_unit_test(pvh_machine),
		cmocka_unit_test(pvh_defects),
		cmocka_unit_test(ranges_against_a_bitmap),
		cmocka_unit_test(ranges_full),
		cmocka_unit_test(ranges_take),
		cmocka_unit_test(options),
		cmocka_unit_test(archives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
