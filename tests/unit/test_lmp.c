/*
 * Messages between two dispatchers: the direct way, the ring, capabilities that come along.
 */
/* needs: tests/unit/dispatch_hosted.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c kernel/core/dispatch.c kernel/core/schedule.c kernel/core/upcall.c kernel/core/lmp.c kernel/core/notify.c kernel/core/doorbell.c kernel/core/island.c kernel/core/irq.c kernel/core/syscall.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dispatch_hosted.h"

#define BADGE 0x77
#define SLOT_SEND SLOT_TEST /* to B, badged */
#define SLOT_MORE (SLOT_TEST + 1)

static struct lmp_ring *ring_b(void) { return (struct lmp_ring *)((char *)disp_b->page + DISPATCHER_PAGE_BYTES); }

static int setup(void **state)
{
	(void)state;
	dispatch_world();
	return invoke(SLOT_EP_B, INVOKE(CAP_OP_COPY, RIGHT_WRITE | RIGHT_GRANT) | INVOKE_COPY_BADGE, SLOT_SEND, BADGE);
}

static int teardown(void **state)
{
	(void)state;
	dispatch_world_end();
	return (int)world_reset();
}

static void send(cptr_t to, uint64_t header)
{
	struct regs *f = arch_frame();

	*f = (struct regs){ .rip = 0x4000,
			    .rdx = 100,
			    .r10 = 101,
			    .r8 = 102,
			    .r9 = 103,
			    .r12 = 104,
			    .r13 = 105,
			    .r14 = 106,
			    .r15 = 107,
			    .rbx = SLOT_MORE,
			    .rbp = 0x5ec7e7 };
	ENTER(sys_lmp_send(to, header));
}

static void direct(void **state)
{
	struct regs *f = arch_frame();

	(void)state;
	dispatch_b_waits();
	assert_ptr_equal(current, disp_a);
	send(SLOT_SEND, 8 | LMP_WAIT);
	assert_int_equal(leave.way, WAY_FAST);
	assert_ptr_equal(current, disp_b);
	assert_int_equal(disp_a->state, DISP_WAITING);
	assert_int_equal(f->rip, ENTRY_RUN(disp_b) + 1);
	assert_int_equal(f->rsp, ENTRY_RUN(disp_b) + 0x800);
	assert_int_equal(f->rdi, BADGE);
	assert_int_equal(f->rsi, 8);
	assert_int_equal(f->rdx, 100);
	assert_int_equal(f->r15, 107);
	assert_int_equal(f->rbx | f->rbp | f->rax, 0); /* nothing of the sender's own */
	assert_int_equal(disp_b->page->disabled, 1);
	assert_int_equal(hosted_root, disp_b->vspace);
	assert_int_equal(disp_b->page->events, 0);
	assert_int_equal(schedule_check(), 0);
}

/* LMP_YIELD: the receiver runs, and the sender is next. */
static void direct_yield(void **state)
{
	(void)state;
	dispatch_b_waits();
	send(SLOT_SEND, 8 | LMP_YIELD);
	assert_ptr_equal(current, disp_b);
	assert_int_equal(disp_a->state, DISP_RUNNABLE);
	ENTER(sys_wait(0));
	assert_int_equal(leave.way, WAY_UPCALL);
	assert_int_equal(leave.entry, ENTRY_RUN(disp_a));
}

/* A sender with an event of its own does not sleep over it. */
static void no_sleep_over_event(void **state)
{
	(void)state;
	dispatch_b_waits();
	disp_a->page->events = EVENT_NOTIFY;
	send(SLOT_SEND, 1 | LMP_WAIT);
	assert_ptr_equal(current, disp_b);
	assert_int_equal(disp_a->state, DISP_RUNNABLE);
	disp_a->page->events = 0;
}

static void ring(void **state)
{
	(void)state;
	dispatch_b_waits();
	for (unsigned i = 0; i < RING_MESSAGES; i++) {
		send(SLOT_SEND, 8);
		assert_int_equal(leave.way, WAY_RESULT);
		assert_int_equal(leave.result.err, ERR_OK);
	}
	assert_int_equal(disp_b->state, DISP_RUNNABLE);
	assert_int_equal(disp_b->page->events, EVENT_MESSAGE);
	assert_int_equal(disp_b->page->messages, 1);
	assert_int_equal(ring_b()->produced, RING_MESSAGES);
	assert_int_equal(ring_b()->slot[3].badge, BADGE);
	assert_int_equal(ring_b()->slot[3].words[7], 107);
	send(SLOT_SEND, 8);
	assert_int_equal(leave.result.err, ERR_EP_FULL);
	ring_b()->consumed = 1;
	send(SLOT_SEND, 8);
	assert_int_equal(leave.result.err, ERR_OK);
	ring_b()->consumed = 99; /* nonsense: full, and nothing else */
	send(SLOT_SEND, 8);
	assert_int_equal(leave.result.err, ERR_EP_FULL);
}

/* A message behind others in the ring must not be delivered before them. */
static void no_overtaking(void **state)
{
	(void)state;
	dispatch_b_waits();
	send(SLOT_SEND, 8);
	assert_int_equal(disp_b->page->events, EVENT_MESSAGE);
	disp_b->page->events = 0;
	send(SLOT_SEND, 8 | LMP_WAIT);
	assert_int_equal(leave.way, WAY_UPCALL);
	assert_int_equal(leave.entry, ENTRY_RUN(disp_b));
	assert_int_equal(ring_b()->produced, 2);
}

static void refusals(void **state)
{
	(void)state;
	send(SLOT_MORE, 0);
	assert_int_equal(leave.result.err, ERR_CAP_LOOKUP);
	send(W_RAM, 0);
	assert_int_equal(leave.result.err, ERR_CAP_TYPE);
	assert_int_equal(copy(SLOT_SEND, SLOT_MORE, RIGHT_READ), ERR_OK);
	send(SLOT_MORE, 0);
	assert_int_equal(leave.result.err, ERR_CAP_RIGHTS);
	send(SLOT_SEND, 9);
	assert_int_equal(leave.result.err, ERR_ARGUMENT);
	assert_int_equal(retype(SLOT_B, CAP_ENDPOINT_OFFSET + 64, CAP_ENDPOINT, 6, 1, SLOT_MORE + 1), ERR_OK);
	send(SLOT_MORE + 1, 0);
	assert_int_equal(leave.result.err, ERR_EP_UNBOUND);
}

static void transfer(void **state)
{
	struct endpoint *e = arch_window(world_slot(SLOT_EP_B)->base);

	(void)state;
	send(SLOT_SEND, LMP_CAP);
	assert_int_equal(leave.result.err, ERR_CAP_LOOKUP);
	assert_int_equal(copy(W_IRQ, SLOT_MORE, RIGHT_ALL), ERR_OK);
	send(SLOT_SEND, LMP_CAP);
	assert_int_equal(leave.result.err, ERR_EP_NO_SLOT);
	e->receive_slot = SLOT_MORE + 1;
	send(SLOT_SEND, LMP_CAP);
	assert_int_equal(leave.result.err, ERR_OK);
	assert_int_equal(world_slot(SLOT_MORE + 1)->type, CAP_IRQ);
	assert_int_equal(ring_b()->slot[0].header & LMP_CAP, LMP_CAP);
	send(SLOT_SEND, LMP_CAP); /* the slot is taken now */
	assert_int_equal(leave.result.err, ERR_EP_NO_SLOT);
	e->receive_slot = SLOT_MORE + 2;
	send(SLOT_SEND, LMP_CAP | LMP_GIVE);
	assert_int_equal(leave.result.err, ERR_OK);
	assert_int_equal(world_slot(SLOT_MORE)->type, CAP_NULL);
	assert_int_equal(world_slot(SLOT_MORE + 2)->type, CAP_IRQ);
	assert_int_equal(cap_check(), 0);
}

/* The frame of the receiver goes: no one is left who points into it. */
static void receiver_goes(void **state)
{
	(void)state;
	dispatch_b_waits();
	assert_int_equal(invoke(SLOT_FRAME_B, CAP_OP_REVOKE, 0, 0), ERR_OK);
	assert_null(disp_b->page);
	assert_int_equal(disp_b->state, DISP_STOPPED);
	send(SLOT_SEND, 0);
	assert_int_equal(leave.result.err, ERR_EP_UNBOUND);
	assert_int_equal(dispatcher_run(disp_b), ERR_DISP_INCOMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(direct, setup, teardown),
		cmocka_unit_test_setup_teardown(direct_yield, setup, teardown),
		cmocka_unit_test_setup_teardown(no_sleep_over_event, setup, teardown),
		cmocka_unit_test_setup_teardown(ring, setup, teardown),
		cmocka_unit_test_setup_teardown(no_overtaking, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(transfer, setup, teardown),
		cmocka_unit_test_setup_teardown(receiver_goes, setup, teardown),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
