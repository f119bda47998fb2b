/*
 * Events and who runs: notifications, doorbells, interrupts, the timer, faults,
 * save areas and upcalls.
 */
/* needs: tests/unit/dispatch_hosted.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c kernel/core/dispatch.c kernel/core/schedule.c kernel/core/upcall.c kernel/core/lmp.c kernel/core/notify.c kernel/core/doorbell.c kernel/core/island.c kernel/core/irq.c kernel/core/syscall.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dispatch_hosted.h"

#define SLOT_NTFN SLOT_TEST
#define BIT 5
#define SLICE 1000

static int setup(void **state)
{
	(void)state;
	dispatch_world();
	return invoke(W_RAM, INVOKE_RETYPE(CAP_NOTIFICATION, 6, 1), 0x300000, SLOT_NTFN);
}

static int teardown(void **state)
{
	(void)state;
	dispatch_world_end();
	return (int)world_reset();
}

static void ntfn(unsigned op, uint64_t a0, uint64_t a1)
{
	ENTER(notification_invoke(world_slot(SLOT_NTFN), op, a0, a1));
}

static void upcall_is(struct dispatcher *d, uint64_t events)
{
	assert_int_equal(leave.way, WAY_UPCALL);
	assert_ptr_equal(current, d);
	assert_int_equal(leave.entry, ENTRY_RUN(d));
	assert_int_equal(leave.stack, ENTRY_RUN(d) + 0x800);
	assert_int_equal(leave.a, events);
	assert_int_equal(d->page->disabled, 1);
	assert_int_equal(hosted_gs, PAGE_VA);
}

static void start_and_yield(void **state)
{
	(void)state;
	upcall_is(disp_a, 0);
	ENTER(sys_yield());
	upcall_is(disp_b, 0);
	ENTER(sys_yield());
	upcall_is(disp_a, 0);
	ENTER(sys_wait(0));
	upcall_is(disp_b, 0);
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_IDLE);
	assert_null(current);
}

static void bind_refusals(void **state)
{
	(void)state;
	ntfn(CAP_OP_NTFN_SIGNAL, 0, 0);
	assert_int_equal(leave.result.err, ERR_OK); /* bound to none: nothing happens */
	ntfn(CAP_OP_NTFN_BIND, 0, BIT);
	assert_int_equal(leave.result.err, ERR_CAP_LOOKUP);
	ntfn(CAP_OP_NTFN_BIND, W_RAM, BIT);
	assert_int_equal(leave.result.err, ERR_CAP_TYPE);
	ntfn(CAP_OP_NTFN_BIND, SLOT_A, 64);
	assert_int_equal(leave.result.err, ERR_ARGUMENT);
	ntfn(CAP_OP_DISP_RUN, SLOT_A, 0);
	assert_int_equal(leave.result.err, ERR_CAP_OP);
}

static void signal_to_one_that_waits(void **state)
{
	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	dispatch_b_waits();
	ntfn(CAP_OP_NTFN_SIGNAL, 0, 0);
	assert_int_equal(leave.way, WAY_RESULT);
	assert_int_equal(disp_b->state, DISP_RUNNABLE);
	ENTER(sys_wait(0));
	upcall_is(disp_b, EVENT_NOTIFY);
	assert_int_equal(disp_b->page->notify, 1 << BIT);
}

/* A shared object is left with one capability: whoever asked hears of it, until its notification or dispatcher goes. */
static void watch_shared(void **state)
{
	const cptr_t kept = SLOT_TEST + 1, used = SLOT_TEST + 2;

	(void)state;
	assert_int_equal(notification_watch(world_slot(W_RAM)), ERR_CAP_TYPE);
	assert_int_equal(copy(SLOT_NTFN, used, RIGHT_READ), ERR_OK);
	assert_int_equal(notification_watch(world_slot(used)), ERR_CAP_RIGHTS);
	assert_int_equal(invoke(used, CAP_OP_DELETE, 0, 0), ERR_OK);
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	assert_int_equal(notification_watch(world_slot(SLOT_NTFN)), ERR_OK);
	assert_int_equal(retype(W_RAM, 0x302000, CAP_FRAME, 12, 1, kept), ERR_OK);
	assert_int_equal(cap_share(world_slot(kept), true), ERR_OK);
	dispatch_b_waits();
	for (unsigned i = 0; i < 3; i++) {
		disp_b->page->events = 0;
		if (i == 1) { /* another one in its place is not meant */
			assert_int_equal(invoke(SLOT_NTFN, CAP_OP_DELETE, 0, 0), ERR_OK);
			assert_int_equal(retype(W_RAM, 0x300000, CAP_NOTIFICATION, 6, 1, SLOT_NTFN), ERR_OK);
			ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
		} else if (i == 2) {
			assert_int_equal(notification_watch(world_slot(SLOT_NTFN)), ERR_OK);
			notification_unbind_all(disp_b);
		}
		assert_int_equal(copy(kept, used, RIGHT_READ), ERR_OK);
		assert_int_equal(disp_b->page->events, 0);
		assert_int_equal(invoke(used, CAP_OP_DELETE, 0, 0), ERR_OK);
		assert_int_equal(disp_b->page->events, i ? 0 : EVENT_NOTIFY);
	}
	assert_int_equal(disp_b->state, DISP_RUNNABLE);
	assert_int_equal(cap_share(world_slot(kept), false), ERR_OK);
}

/* To oneself: as if interrupted after the call when enabled, just a bit when disabled. */
static void signal_to_oneself(void **state)
{
	struct regs *f = arch_frame();

	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_A, BIT);
	ntfn(CAP_OP_NTFN_SIGNAL, 0, 0);
	assert_int_equal(leave.way, WAY_RESULT);
	assert_int_equal(disp_a->page->events, EVENT_NOTIFY);
	disp_a->page->events = disp_a->page->disabled = 0;
	*f = (struct regs){ .rip = 0x4321, .rax = SYS_INVOKE, .rbx = 77 };
	ntfn(CAP_OP_NTFN_SIGNAL, 0, 0);
	upcall_is(disp_a, EVENT_NOTIFY);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rip, 0x4321);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rax, ERR_OK);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rbx, 77);
}

static void notification_goes(void **state)
{
	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	ntfn(CAP_OP_NTFN_EXPORT, 0, 0);
	assert_non_null(notification_of_number(leave.result.value));
	assert_int_equal(invoke(SLOT_NTFN, CAP_OP_DELETE, 0, 0), ERR_OK);
	assert_null(disp_b->bound);
	assert_null(notification_of_number(leave.result.value));
}

static void dispatcher_goes(void **state)
{
	struct notification *n = arch_window(world_slot(SLOT_NTFN)->base);

	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	assert_int_equal(invoke(SLOT_EP_B, CAP_OP_DELETE, 0, 0), ERR_OK);
	assert_int_equal(invoke(SLOT_B, CAP_OP_DELETE, 0, 0), ERR_OK);
	assert_null(n->dispatcher);
	assert_int_equal(schedule_check(), 0);
}

/* Another core's, and ours from another core. */
static void doorbell(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(doorbell_ring(4, 0), ERR_CORE_ID);
	assert_int_equal(doorbell_ring(2, DOORBELL_WORDS * 64), ERR_CORE_ID);
	hosted_ipis = 0;
	assert_int_equal(doorbell_ring(2, 70), ERR_OK);
	assert_int_equal(doorbell_ring(2, 71), ERR_OK);
	assert_int_equal(doorbell_ring(2, 4000), ERR_OK);
	assert_int_equal(hosted_ipis, 1); /* one wakes it for all */
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	ntfn(CAP_OP_NTFN_EXPORT, 0, 0);
	number = leave.result.value;
	dispatch_b_waits();
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_IDLE);
	doorbell_ring(0, number);
	INTERRUPT(kernel_doorbell());
	upcall_is(disp_b, EVENT_NOTIFY);
	assert_int_equal(*arch_doorbell(0), 0);
}

static void device_interrupt(void **state)
{
	struct cap irq = *world_slot(W_IRQ);

	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	hosted_masked = ~UINT64_C(0);
	assert_int_equal(irq_invoke(&irq, CAP_OP_IRQ_BIND, SLOT_NTFN, 64).err, ERR_IRQ_RANGE);
	assert_int_equal(irq_invoke(&irq, CAP_OP_IRQ_BIND, W_RAM, 4).err, ERR_CAP_TYPE);
	assert_int_equal(irq_invoke(&irq, CAP_OP_IRQ_BIND, SLOT_NTFN, 4).err, ERR_OK);
	assert_int_equal(hosted_masked, ~(UINT64_C(1) << 4));
	dispatch_b_waits();
	arch_irq_mask(4); /* as trap.c does */
	disp_a->page->disabled = 0;
	*arch_frame() = (struct regs){ .rip = 0x4444 };
	INTERRUPT(kernel_interrupt(4));
	upcall_is(disp_b, EVENT_NOTIFY); /* before A, which was interrupted */
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rip, 0x4444);
	assert_int_equal(irq_invoke(&irq, CAP_OP_IRQ_ACK, 0, 4).err, ERR_OK);
	assert_int_equal(hosted_masked, ~(UINT64_C(1) << 4));
	disp_b->page->events = 0;
	ENTER(sys_wait(0));
	assert_ptr_equal(current, disp_a);
	assert_int_equal(invoke(SLOT_NTFN, CAP_OP_DELETE, 0, 0), ERR_OK);
	assert_int_equal(hosted_masked, ~UINT64_C(0)); /* nobody serves it any more */
	INTERRUPT(kernel_interrupt(4));
	assert_int_equal(leave.way, WAY_RESULT);
}

static void slices(void **state)
{
	(void)state;
	assert_int_equal(hosted_timer, 100 + SLICE);
	hosted_now = 150; /* early: nothing happens but a new deadline */
	INTERRUPT(kernel_timer());
	assert_int_equal(leave.way, WAY_RESULT);
	assert_ptr_equal(current, disp_a);
	hosted_now = hosted_timer;
	*arch_frame() = (struct regs){ .rip = 0x1111 };
	INTERRUPT(kernel_timer());
	upcall_is(disp_b, 0);
	assert_int_equal(disp_a->page->save[SAVE_DISABLED].rip, 0x1111);
	assert_int_equal(hosted_timer, hosted_now + SLICE);
	hosted_now = hosted_timer;
	*arch_frame() = (struct regs){ .rip = 0x2222 };
	INTERRUPT(kernel_timer());
	assert_int_equal(leave.way, WAY_FULL); /* A was disabled: it goes on where it was */
	assert_int_equal(arch_frame()->rip, 0x1111);
	ENTER(sys_wait(0));
	hosted_timer = 0;
	hosted_now += SLICE;
	INTERRUPT(kernel_timer());
	assert_int_equal(hosted_timer, 0); /* alone: no more interrupts */
}

/* B wakes now and then while A runs: that makes A's turn no longer, and C has its own. */
static void a_slice_in_parts(void **state)
{
	(void)state;
	dispatch_c();
	ENTER(sys_yield());
	ENTER(sys_wait(600));
	ENTER(sys_yield());
	assert_ptr_equal(current, disp_a);
	hosted_now = 600;
	INTERRUPT(kernel_timer());
	upcall_is(disp_b, EVENT_TIMEOUT);
	disp_b->page->events = 0;
	hosted_now = 700;
	ENTER(sys_wait(1150));
	assert_ptr_equal(current, disp_a);
	while (hosted_timer < 1150) {
		hosted_now = hosted_timer;
		INTERRUPT(kernel_timer());
		assert_ptr_equal(current, disp_a);
	}
	hosted_now = 1150;
	INTERRUPT(kernel_timer());
	upcall_is(disp_b, EVENT_TIMEOUT);
	disp_b->page->events = 0;
	hosted_now = 1160;
	ENTER(sys_wait(0));
	while (hosted_now < 100 + SLICE + 110) {
		assert_ptr_equal(current, disp_a);
		hosted_now = hosted_timer;
		INTERRUPT(kernel_timer());
	}
	assert_int_equal(hosted_now, 100 + SLICE + 110);
	assert_ptr_equal(current, disp_c);
	assert_int_equal(schedule_check(), 0);
}

static err_t alarm_set(unsigned slot, cycles_t deadline)
{
	ENTER(dispatcher_invoke(world_slot(slot), CAP_OP_DISP_ALARM, deadline, 0, 0, 0));
	return leave.result.err;
}

static void alarm_while_running(void **state)
{
	(void)state;
	dispatch_b_waits();
	hosted_now = 1100; /* what is left of the slices */
	INTERRUPT(kernel_timer());
	assert_int_equal(alarm_set(SLOT_B, 5000), ERR_DISP_STATE);
	assert_int_equal(alarm_set(SLOT_A, 5000), ERR_OK);
	assert_int_equal(schedule_check(), 0);
	assert_int_equal(hosted_timer, 5000);
	disp_a->page->disabled = 0;
	hosted_now = 5000;
	INTERRUPT(kernel_timer());
	upcall_is(disp_a, EVENT_TIMEOUT);
	disp_a->page->events = 0;
	/* Taken back by the caller, then by a wait. */
	assert_int_equal(alarm_set(SLOT_A, 6000), ERR_OK);
	assert_int_equal(alarm_set(SLOT_A, 0), ERR_OK);
	hosted_now = 6000;
	INTERRUPT(kernel_timer());
	assert_int_equal(disp_a->page->events, 0);
	assert_int_equal(alarm_set(SLOT_A, 7000), ERR_OK);
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_IDLE);
	hosted_now = 7000;
	INTERRUPT(kernel_timer());
	assert_int_equal(disp_a->page->events, 0);
	assert_int_equal(disp_a->state, DISP_WAITING);
	assert_int_equal(schedule_check(), 0);
}

static void sleep_till_deadline(void **state)
{
	(void)state;
	ENTER(sys_wait(5000));
	ENTER(sys_wait(3000));
	assert_int_equal(leave.way, WAY_IDLE);
	hosted_now = 1100; /* what is left of the slices */
	INTERRUPT(kernel_timer());
	assert_int_equal(hosted_timer, 3000);
	hosted_now = 3001;
	INTERRUPT(kernel_timer());
	upcall_is(disp_b, EVENT_TIMEOUT);
	assert_int_equal(hosted_timer, 5000);
	disp_b->page->events = 0;
	ENTER(sys_wait(2000)); /* past: at once */
	upcall_is(disp_b, EVENT_TIMEOUT);
	disp_b->page->events = 0;
	ENTER(sys_wait(0));
	assert_int_equal(schedule_check(), 0);
	hosted_now = 5000;
	INTERRUPT(kernel_timer());
	upcall_is(disp_a, EVENT_TIMEOUT);
}

static void wait_with_event(void **state)
{
	(void)state;
	disp_a->page->events = EVENT_NOTIFY;
	ENTER(sys_wait(0));
	upcall_is(disp_a, EVENT_NOTIFY);
}

static void page_fault_upcall(void **state)
{
	(void)state;
	disp_a->page->disabled = 0;
	*arch_frame() = (struct regs){ .rip = 0x5555, .vector = 14, .error = 6 };
	INTERRUPT(kernel_exception(ARCH_VECTOR_PAGE_FAULT, 6, 0xbad));
	assert_int_equal(leave.way, WAY_UPCALL);
	assert_int_equal(leave.entry, ENTRY_RUN(disp_a) + 2);
	assert_int_equal(leave.a, 0xbad);
	assert_int_equal(leave.b, 6);
	assert_int_equal(disp_a->page->save[SAVE_FAULT].rip, 0x5555);
	ENTER(sys_resume(SAVE_FAULT));
	assert_int_equal(leave.way, WAY_FULL);
	assert_int_equal(arch_frame()->rip, 0x5555);
	assert_int_equal(disp_a->page->disabled, 0);
	INTERRUPT(kernel_exception(6, 0, 0));
	assert_int_equal(leave.entry, ENTRY_RUN(disp_a) + 3);
	assert_int_equal(leave.a, 6);
}

/* An event between the libOS's last look and the resumption interrupts at once. */
static void resume_with_event(void **state)
{
	(void)state;
	disp_a->page->save[SAVE_FAULT] = (struct regs){ .rip = 0x6666 };
	disp_a->page->events = EVENT_NOTIFY;
	ENTER(sys_resume(SAVE_FAULT));
	upcall_is(disp_a, EVENT_NOTIFY);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rip, 0x6666);
	ENTER(sys_resume(SAVE_DISABLED));
	assert_int_equal(leave.result.err, ERR_ARGUMENT);
}

static void fatal_fault(void **state)
{
	struct regs *f = arch_frame();

	(void)state;
	ntfn(CAP_OP_NTFN_BIND, SLOT_B, BIT);
	assert_int_equal(dispatcher_invoke(world_slot(SLOT_A), CAP_OP_DISP_WATCH, SLOT_NTFN, 0, 0, 0).err, ERR_OK);
	*f = (struct regs){ .rip = 0x7777 };
	INTERRUPT(kernel_exception(ARCH_VECTOR_PAGE_FAULT, 4, 0xbad)); /* disabled */
	upcall_is(disp_b, EVENT_NOTIFY);
	ENTER(dispatcher_invoke(world_slot(SLOT_A), CAP_OP_DISP_INSPECT, 0, 0, 0, 0));
	assert_int_equal(leave.result.value,
			 DISP_FAULTED | ARCH_VECTOR_PAGE_FAULT << 8 | SAVE_DISABLED << 16 | UINT64_C(4) << 32);
	assert_int_equal(f->r8, 0x7777);
	assert_int_equal(f->r9, 0xbad);
	assert_int_equal(disp_a->page->save[SAVE_DISABLED].rip, 0x7777);
}

/* A breakpoint of one that is debugged: it stops, and goes on from what was saved; of another, its own affair. */
static void breakpoint(void **state)
{
	struct regs *f = arch_frame();

	(void)state;
	assert_int_equal(dispatcher_invoke(world_slot(SLOT_A), CAP_OP_DISP_STOP, 0, 0, 0, 0).err, ERR_OK);
	assert_int_equal(dispatcher_invoke(world_slot(SLOT_A), INVOKE(CAP_OP_DISP_RUN, 1), 0, 0, 0, 0).err, ERR_OK);
	INTERRUPT(schedule());
	while (current != disp_a)
		ENTER(sys_yield());
	disp_a->page->disabled = 0;
	*f = (struct regs){ .rip = 0x1235, .rbx = 7 };
	INTERRUPT(kernel_exception(ARCH_VECTOR_BREAKPOINT, 0, 0));
	assert_ptr_equal(current, disp_b);
	assert_int_equal(disp_a->state, DISP_FAULTED);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rip, 0x1235);
	assert_int_equal(disp_a->page->save[SAVE_ENABLED].rbx, 7);
	ENTER(dispatcher_invoke(world_slot(SLOT_A), CAP_OP_DISP_INSPECT, 0, 0, 0, 0));
	assert_int_equal(leave.result.value, DISP_FAULTED | ARCH_VECTOR_BREAKPOINT << 8 | SAVE_ENABLED << 16);
	assert_int_equal(dispatcher_invoke(world_slot(SLOT_A), CAP_OP_DISP_RUN, 0, 0, 0, 0).err, ERR_OK);
	ENTER(sys_yield());
	assert_ptr_equal(current, disp_a);
	disp_a->page->disabled = 0;
	INTERRUPT(kernel_exception(ARCH_VECTOR_BREAKPOINT, 0, 0));
	assert_ptr_equal(current, disp_a);
	assert_int_equal(disp_a->page->save[SAVE_FAULT].rip, f->rip);
}

static void memory_refusals(void **state)
{
	(void)state;
	assert_int_equal(dispatcher_peek(NULL, PAGE_VA).err, ERR_CAP_LOOKUP);
	assert_int_equal(dispatcher_peek(world_slot(W_RAM), PAGE_VA).err, ERR_CAP_TYPE);
	assert_int_equal(dispatcher_peek(world_slot(SLOT_A), PAGE_VA + 4).err, ERR_ARGUMENT);
	assert_int_equal(dispatcher_peek(world_slot(SLOT_A), USER_END_VA).err, ERR_ARGUMENT);
	assert_int_equal(dispatcher_peek(world_slot(SLOT_A), 0x1000).err, ERR_MAP_UNMAPPED);
	assert_int_equal(dispatcher_poke(world_slot(SLOT_A), 0x1000, 1), ERR_MAP_UNMAPPED);
}

static void setup_refusals(void **state)
{
	struct dispatcher *d;

	(void)state;
	assert_int_equal(dispatcher_run(disp_a), ERR_DISP_STATE);
	assert_int_equal(invoke(W_RAM, INVOKE_RETYPE(CAP_DISPATCHER, 13, 1), 0x400000, SLOT_TEST + 1), ERR_OK);
	d = arch_window(world_slot(SLOT_TEST + 1)->base);
	assert_int_equal(dispatcher_run(d), ERR_DISP_INCOMPLETE);
	assert_int_equal(dispatcher_setup(d, NULL, world_slot(SLOT_SPACE_A), world_slot(SLOT_FRAME_A), PAGE_VA),
			 ERR_CAP_LOOKUP);
	assert_int_equal(
		dispatcher_setup(d, world_slot(W_RAM), world_slot(SLOT_SPACE_A), world_slot(SLOT_FRAME_A), PAGE_VA),
		ERR_CAP_TYPE);
	assert_int_equal(dispatcher_setup(d, world_slot(W_ROOT), world_slot(SLOT_SPACE_A), world_slot(W_RAM), PAGE_VA),
			 ERR_DISP_FRAME);
	assert_int_equal(dispatcher_setup(d, world_slot(W_ROOT), world_slot(SLOT_SPACE_A), world_slot(SLOT_FRAME_A),
					  USER_END_VA - PAGE_SIZE),
			 ERR_DISP_FRAME);
	assert_int_equal(dispatcher_setup(d, world_slot(W_ROOT), world_slot(SLOT_SPACE_A), world_slot(SLOT_FRAME_A),
					  PAGE_VA + 8),
			 ERR_DISP_FRAME);
	assert_int_equal(d->cspace.type, CAP_NULL);
}

/* What it runs on is revoked under it. */
static void space_goes(void **state)
{
	(void)state;
	assert_int_equal(invoke(SLOT_SPACE_A, CAP_OP_REVOKE, 0, 0), ERR_OK);
	assert_null(current);
	assert_int_equal(hosted_root, 0x1234000);
	INTERRUPT(schedule());
	upcall_is(disp_b, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(start_and_yield),
		T(bind_refusals),
		T(signal_to_one_that_waits),
		T(watch_shared),
		T(signal_to_oneself),
		T(notification_goes),
		T(dispatcher_goes),
		T(doorbell),
		T(device_interrupt),
		T(slices),
		T(a_slice_in_parts),
		T(alarm_while_running),
		T(sleep_till_deadline),
		T(wait_with_event),
		T(page_fault_upcall),
		T(resume_with_event),
		T(fatal_fault),
		T(breakpoint),
		T(memory_refusals),
		T(setup_refusals),
		T(space_goes),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
