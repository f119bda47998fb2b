/*
 * Islands that share a processor: who has it when, who is rung where, coming and going.
 * The test is island 0; of the others there are the words of their doorbell pages.
 */
/* needs: tests/unit/dispatch_hosted.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c kernel/core/dispatch.c kernel/core/schedule.c kernel/core/upcall.c kernel/core/lmp.c kernel/core/notify.c kernel/core/doorbell.c kernel/core/island.c kernel/core/irq.c kernel/core/syscall.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/abi/syscall.h"
#include "tests/unit/dispatch_hosted.h"

#define SLICE 1000
#define ROOT_OF(core) (UINT64_C(0x100000) * ((core) + 1u))

enum { SUMMARY, ROOT, DUE, FIRST, NEXT, APIC, HOME, VECTOR }; /* kernel/core/island.c */

static uint64_t *word(unsigned core, unsigned which) { return arch_doorbell((coreid_t)core) + which; }

static struct sys_result island(unsigned op, unsigned core, uint64_t apic)
{
	return island_invoke((uint64_t)op << 8, core, apic);
}

static int setup(void **state)
{
	(void)state;
	hosted_apic_id = 40;
	hosted_start_error = ERR_OK;
	dispatch_world();
	for (unsigned core = 1; core < 4; core++)
		*word(core, HOME) = *word(core, APIC) = 40 + core;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned core = 1; core < 4; core++) {
		*word(core, ROOT) = 0;
		island(ISLAND_GUEST_REMOVE, core, 0);
	}
	arch_start.info.core = 0;
	dispatch_world_end();
	return 0;
}

/* A guest that has arrived and wants the processor at `due`. */
static void guest(unsigned core, uint64_t due)
{
	assert_int_equal(island(ISLAND_GUEST_ADD, core, 0).err, ERR_OK);
	*word(core, ROOT) = ROOT_OF(core);
	*word(core, DUE) = due;
}

static void entered_is(unsigned core)
{
	assert_int_equal(leave.way, WAY_ISLAND);
	assert_int_equal(leave.a, ROOT_OF(core));
	assert_int_not_equal(*word(0, ROOT), 0);
}

/* It has run, and gives the processor back with nothing to do before `due`. */
static void back(unsigned core, uint64_t due)
{
	*word(core, ROOT) = ROOT_OF(core);
	*word(core, DUE) = due;
	INTERRUPT(kernel_resume(false));
	assert_int_equal(*word(0, ROOT), 0);
}

static void alone(void **state)
{
	(void)state;
	dispatch_b_waits();
	assert_false(island_shared);
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_IDLE);
	assert_int_equal(island(ISLAND_HOST, 0, 0).value, 0);
	assert_int_equal(island(ISLAND_HOME, 0, 0).value, 40);
}

static void idle_gives_way(void **state)
{
	(void)state;
	dispatch_b_waits();
	guest(1, 1);
	ENTER(sys_wait(0));
	entered_is(1);
	assert_int_equal(*word(0, DUE), 0);
	back(1, 0);
	assert_int_equal(leave.way, WAY_IDLE);
	assert_int_equal(schedule_check(), 0);
}

static void deadlines_of_others(void **state)
{
	(void)state;
	dispatch_b_waits();
	guest(1, hosted_now + 5000);
	ENTER(sys_wait(hosted_now + 9000));
	assert_int_equal(leave.way, WAY_IDLE);
	INTERRUPT(kernel_timer());
	assert_int_equal(leave.way, WAY_RESULT); /* not due: back to where it idled */
	assert_int_equal(hosted_timer, hosted_now + 5000);
	hosted_now += 5000;
	INTERRUPT(kernel_timer());
	entered_is(1);
	assert_int_equal(*word(0, DUE), hosted_now + 4000);
}

static void turn_ends(void **state)
{
	(void)state;
	dispatch_b_waits();
	guest(1, 1);
	hosted_now += 100 * SLICE; /* the turn before is long over */
	disp_a->page->disabled = 0;
	*arch_frame() = (struct regs){ .rip = 0x5555 };
	INTERRUPT(kernel_timer());
	entered_is(1);
	assert_int_equal(*word(0, DUE), 1);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rip, 0x5555);
	back(1, 1);
	assert_int_equal(leave.way, WAY_UPCALL);
	assert_int_equal(leave.entry, ENTRY_RUN(disp_a));
	assert_int_equal(hosted_timer, hosted_now + SLICE);
	hosted_now += SLICE / 2;
	INTERRUPT(kernel_timer());
	assert_int_equal(leave.way, WAY_RESULT); /* the turn is not over */
	hosted_now += SLICE / 2;
	INTERRUPT(kernel_timer());
	entered_is(1);
}

/* An event for one is the turn of the next: else two that wake each other keep out the rest. */
static void events_are_fair(void **state)
{
	(void)state;
	guest(1, 1);
	guest(2, 0);
	guest(3, 0);
	back(1, 1);
	*word(3, SUMMARY) = 1;
	INTERRUPT(kernel_doorbell());
	entered_is(3);
	*word(3, SUMMARY) = 0;
	back(3, 0);
	*word(2, SUMMARY) = 1;
	*word(3, DUE) = 1;
	INTERRUPT(kernel_doorbell());
	entered_is(3); /* it comes before 2 */
}

static void rung_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(island(ISLAND_GUEST_ADD, 2, 0).err, ERR_OK);
	hosted_ipis = 0;
	INTERRUPT(kernel_doorbell());
	assert_int_equal(hosted_ipis, 0);
	*word(2, SUMMARY) = 4;
	INTERRUPT(kernel_doorbell());
	assert_int_equal(leave.way, WAY_RESULT);
	assert_int_equal(hosted_ipis, 1);
	assert_int_equal(hosted_ipi_apic, 42);
}

static void leaves_and_arrives(void **state)
{
	uint64_t root = schedule_root();

	(void)state;
	assert_int_equal(island(ISLAND_MOVE, 2, 0).err, ERR_CORE_STATE); /* no guest of 2's */
	*word(2, FIRST) = 1 + 0;
	ENTER(island(ISLAND_MOVE, 2, 0));
	assert_int_equal(leave.way, WAY_PARK);
	assert_int_equal(leave.a, 42);
	assert_int_equal(*word(0, ROOT), root);
	assert_int_equal(*word(0, DUE), 1);
	hosted_apic_id = 42;
	hosted_stopped = 0;
	*word(0, SUMMARY) = 0;
	INTERRUPT(kernel_resume(false));
	assert_int_equal(hosted_stopped, 40);
	assert_int_equal(*word(0, APIC), 42);
	assert_int_equal(island(ISLAND_HOST, 0, 0).value, 2);
	assert_true(island_shared);
	assert_int_equal(island(ISLAND_MOVE, 3, 0).err, ERR_CORE_STATE); /* from home only */
	assert_int_equal(island(ISLAND_GUEST_ADD, 3, 0).err, ERR_CORE_STATE);
	hosted_apic_id = 40;
	INTERRUPT(kernel_resume(true));
	assert_int_equal(*word(0, APIC), 40);
	assert_int_equal(island(ISLAND_HOST, 0, 0).value, 0);
	assert_false(island_shared);
}

static void guests_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(island(ISLAND_GUEST_ADD, 0, 0).err, ERR_CORE_STATE);
	assert_int_equal(island(ISLAND_GUEST_ADD, 4, 0).err, ERR_CORE_ID);
	assert_int_equal(island(99, 1, 0).err, ERR_CAP_OP);
	assert_int_equal(island(ISLAND_GUEST_REMOVE, 1, 0).err, ERR_CORE_STATE);
	assert_int_equal(island(ISLAND_GUEST_WAKE, 1, 0).err, ERR_CORE_STATE);
	guest(1, 0);
	guest(2, 0);
	assert_int_equal(island(ISLAND_GUEST_ADD, 1, 0).err, ERR_CORE_STATE);
	assert_int_equal(island(ISLAND_MOVE, 3, 0).err, ERR_CORE_STATE); /* has guests */
	assert_int_equal(island(ISLAND_GUEST_REMOVE, 1, 0).err, ERR_CORE_STATE);
	hosted_start_error = ERR_CORE_TIMEOUT;
	assert_int_equal(island(ISLAND_GUEST_WAKE, 1, 0).err, ERR_CORE_TIMEOUT);
	assert_int_equal(*word(1, ROOT), ROOT_OF(1)); /* it is here still */
	hosted_start_error = ERR_OK;
	assert_int_equal(island(ISLAND_GUEST_WAKE, 1, 0).value, 41);
	assert_int_equal(hosted_started, 41);
	assert_int_equal(*word(1, ROOT), 0);
	assert_int_equal(island(ISLAND_GUEST_REMOVE, 1, 0).err, ERR_OK);
	assert_true(island_shared);
	*word(2, ROOT) = 0;
	assert_int_equal(island(ISLAND_GUEST_REMOVE, 2, 0).err, ERR_OK);
	assert_false(island_shared);
}

/* As if this island were 1, a guest on processor 0. */
static void device_interrupt(void **state)
{
	(void)state;
	assert_false(island_interrupt(0x34));
	*word(0, ROOT) = ROOT_OF(0);
	*word(0, FIRST) = 1 + 1;
	arch_start.info.core = 1;
	INTERRUPT((void)island_interrupt(0x34));
	assert_int_equal(leave.way, WAY_ISLAND);
	assert_int_equal(leave.a, ROOT_OF(0));
	assert_int_equal(*word(0, VECTOR), 0x34);
	arch_start.info.core = 0;
	INTERRUPT(kernel_resume(false));
	assert_int_equal(hosted_vector, 0x34);
	assert_int_equal(*word(0, VECTOR), 0);
}

/* It is not entered any more; and if it is us, we leave. */
static void fenced(void **state)
{
	(void)state;
	assert_int_equal(island(ISLAND_FENCE, 0, 0).err, ERR_CORE_ID);
	assert_int_equal(island(ISLAND_FENCE, 3, 0).err, ERR_OK);
	assert_int_equal(hosted_stopped, 43);
	dispatch_b_waits();
	guest(1, 1);
	*word(1, APIC) = 40;
	assert_int_equal(island(ISLAND_FENCE, 1, 0).err, ERR_OK);
	assert_int_equal(hosted_ipi_apic, 40);
	assert_int_equal(hosted_stopped, 43);
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_IDLE);
	assert_int_equal(island(ISLAND_GUEST_WAKE, 1, 0).err, ERR_CORE_STATE);
	*word(2, FIRST) = 1 + 0;
	*word(2, ROOT) = ROOT_OF(2);
	ENTER(island(ISLAND_MOVE, 2, 0));
	assert_int_equal(leave.way, WAY_RESULT); /* it has a guest still */
}

static void fenced_ourselves(void **state)
{
	(void)state;
	*word(2, FIRST) = 1 + 0;
	ENTER(island(ISLAND_MOVE, 2, 0));
	INTERRUPT(kernel_resume(false));
	*word(2, ROOT) = ROOT_OF(2);
	*word(0, VECTOR) = ~UINT64_C(0);
	INTERRUPT(kernel_doorbell());
	entered_is(2);
	*word(0, VECTOR) = 0;
	INTERRUPT(kernel_resume(true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alone, setup, teardown),
		cmocka_unit_test_setup_teardown(idle_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(deadlines_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(turn_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(events_are_fair, setup, teardown),
		cmocka_unit_test_setup_teardown(rung_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_and_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(guests_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(device_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(fenced, setup, teardown),
		cmocka_unit_test_setup_teardown(fenced_ourselves, setup, teardown),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
