/*
 * The libOS's slots and memory, on the CPU driver's own capability code.
 *
 * Oracles: the CPU driver refuses what overlaps or is not empty; its invariants
 * are walked; what was given back can be had again, to the last byte.
 */
/* needs: tests/unit/libos_world.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c libos/core/buddy.c libos/thread/mutex.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/libos_world.h"

#include "libos/core/slot.c"

#include "libos/core/ram.c"

#define RAM_BITS 20
#define OK(e) assert_int_equal(e, ERR_OK)
#define OBJECTS 600

struct sys_result libos_world_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return libos_world_invoke(cap, op, a0, a1, a2, a3);
}

#include "tests/unit/one_thread.h"

/* --- what of the libOS is not here ------------------------------------------------- */

void dispatcher_catch_up(void) { fail_msg("there are no events here"); }

bool vspace_is_locked(void) { return false; }

err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *out)
{
	assert_null(frame);
	*out = (vaddr_t)malloc(SIZE_OF_BITS(bits)); /* never given back, like the nodes it is for */
	return 0;
}

/* --- tests --------------------------------------------------------------------------- */

static struct thread self;

static int start(void **state)
{
	(void)state;
	libos_world_init(RAM_BITS);
	dispatcher_page()->libos[0] = (uint64_t)&self;
	slot_init(32);
	ram_init();
	return 0;
}

/* Every test gives all back. */
static int all_free(void **state)
{
	(void)state;
	return libos_world_check() != 0;
}

static void test_slots_are_distinct_and_grow(void **state)
{
	static cptr_t slots[OBJECTS];

	(void)state;
	for (unsigned i = 0; i < OBJECTS; i++) {
		OK(slot_alloc(&slots[i]));
		OK(cap_copy(TASK_RAM, slots[i])); /* SLOT_OCCUPIED or SLOT_LOOKUP if it were not an empty slot */
	}
	assert_true(cnode_count >= 3);
	for (unsigned i = 0; i < OBJECTS; i++)
		OK(slot_delete(slots[i]));
}

static void test_runs(void **state)
{
	cptr_t run, other;
	uint64_t before = free_total;

	(void)state;
	assert_int_equal(slot_alloc_run(0, &run), ERR_ARGUMENT);
	assert_int_equal(slot_alloc_run(257, &run), ERR_ARGUMENT);
	OK(slot_alloc_run(200, &run));
	OK(slot_alloc_run(200, &other));
	assert_int_not_equal(run >> 8, other >> 8);
	for (unsigned i = 0; i < 200; i++) {
		OK(cap_copy(TASK_RAM, run + i));
		OK(cap_copy(TASK_RAM, other + i));
	}
	for (unsigned i = 0; i < 200; i++) {
		OK(slot_delete(run + i));
		OK(slot_delete(other + i));
	}
	slot_free(run); /* twice does no harm */
	assert_int_equal(free_total, before);
}

static void test_objects_come_and_go(void **state)
{
	static cptr_t objects[OBJECTS];
	uint64_t before = ram_free_bytes();

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 20; round++) {
		unsigned count = 0;

		while (count < OBJECTS / 4 && !ram_object(CAP_FRAME, 12 + (unsigned)rand() % 4, &objects[count]))
			count++;
		assert_true(count > 20);
		while (count)
			OK(ram_free(objects[--count]));
		assert_int_equal(ram_free_bytes(), before);
		assert_int_equal(libos_world_check(), 0);
	}
}

static void test_small_objects(void **state)
{
	cptr_t n[100], big;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		OK(ram_object(CAP_NOTIFICATION, CAP_NOTIFICATION_BITS, &n[i]));
	for (unsigned i = 0; i < 100; i++)
		OK(ram_free(n[i]));
	/* The pieces are merged again. */
	OK(ram_object(CAP_FRAME, RAM_BITS - 1, &big));
	OK(ram_free(big));
	assert_int_equal(ram_object(CAP_FRAME, 5, &big), ERR_RETYPE_SIZE);
	assert_int_equal(ram_object(CAP_FRAME, 49, &big), ERR_RETYPE_SIZE);
}

/* A copy that we do not know of does not stand in the way of revoke; its memory is free at once. */
static void test_free_takes_copies_along(void **state)
{
	cptr_t frame, copy;
	uint64_t before = ram_free_bytes();

	(void)state;
	OK(ram_object(CAP_FRAME, 14, &frame));
	OK(slot_alloc(&copy));
	OK(cap_copy(frame, copy));
	OK(ram_free(frame));
	assert_int_equal(cap_delete(copy), ERR_CAP_LOOKUP);
	slot_free(copy);
	assert_int_equal(ram_free_bytes(), before);
}

/* With each invocation failing in turn, an error comes back and nothing is lost. */
static void test_failures_leak_nothing(void **state)
{
	uint64_t ram_before = ram_free_bytes(), slots_before = free_total;

	(void)state;
	for (unsigned after = 1; after <= 4; after++) {
		cptr_t frame;
		err_t err;

		libos_world_fail(after);
		err = ram_object(CAP_FRAME, 12, &frame);
		if (!err)
			err = ram_free(frame);
		libos_world_fail(0);
		if (err && after > 1)
			OK(ram_free(frame));
		assert_int_equal(ram_free_bytes(), ram_before);
		assert_int_equal(free_total, slots_before);
	}
}

static void test_more_from_the_monitor(void **state)
{
	cptr_t big, whole, frame;

	(void)state;
	assert_int_equal(ram_object(CAP_FRAME, RAM_BITS + 1, &big), ERR_NO_MEMORY);
	ram_source = libos_world_ram;
	OK(ram_object(CAP_FRAME, RAM_BITS + 1, &big));
	OK(ram_free(big));
	/* RAM of a source's own size cannot be made from it: a larger source is asked for. */
	OK(ram_alloc(RAM_BITS + 1, &whole));
	OK(ram_free(whole));
	/* Two thirds of what there is are taken; the rest comes in smaller pieces. */
	assert_int_equal(ram_reserve(SIZE_OF_BITS(24), PAGE_BITS), ERR_NO_MEMORY);
	assert_true(ram_free_bytes() > SIZE_OF_BITS(22));
	OK(ram_object(CAP_FRAME, 12, &frame));
	OK(ram_free(frame));
	ram_source = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_slots_are_distinct_and_grow, all_free),
		cmocka_unit_test_teardown(test_runs, all_free),
		cmocka_unit_test_teardown(test_objects_come_and_go, all_free),
		cmocka_unit_test_teardown(test_small_objects, all_free),
		cmocka_unit_test_teardown(test_free_takes_copies_along, all_free),
		cmocka_unit_test_teardown(test_failures_leak_nothing, all_free),
		cmocka_unit_test_teardown(test_more_from_the_monitor, all_free),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
