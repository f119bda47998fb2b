/*
 * What a process may try that has no right to it: to make the CPU driver follow a
 * pointer into memory that is the process's own by now, and to do by a detour what
 * its capabilities do not allow. Each case was possible once.
 */
/* needs: tests/unit/dispatch_hosted.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c kernel/core/dispatch.c kernel/core/schedule.c kernel/core/upcall.c kernel/core/lmp.c kernel/core/notify.c kernel/core/doorbell.c kernel/core/island.c kernel/core/irq.c kernel/core/syscall.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dispatch_hosted.h"

#define OK(e) assert_int_equal(e, ERR_OK)
#define FAILS(e, code) assert_int_equal(e, code)
#define SLOT(i) (SLOT_TEST + (cptr_t)(i))
#define DISP_B_AT 0x200000             /* in the memory of W_RAM */
#define ELSEWHERE UINT64_C(0x40000000) /* no memory of this core: to touch it aborts */

static int setup(void **state)
{
	(void)state;
	dispatch_world();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(cap_check(), 0);
	dispatch_world_end();
	return (int)world_reset();
}

/* --- pointers into what has gone ------------------------------------------------ */

/* An endpoint whose dispatcher's control block has become a frame, in which the process writes a control block. */
static void endpoint_outlives_dispatcher(void **state)
{
	static uint8_t victim[2 * DISPATCHER_PAGE_BYTES];
	struct dispatcher *fake;

	(void)state;
	memset(victim, 0xee, sizeof victim);
	OK(invoke(SLOT_B, CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, DISP_B_AT, CAP_FRAME, 12, 1, SLOT(0)));
	fake = arch_window(world_slot(SLOT(0))->base);
	fake->page = (struct dispatcher_page *)victim;
	fake->frame_bytes = sizeof victim;
	ENTER(endpoint_invoke(world_slot(SLOT_EP_B), CAP_OP_EP_BIND, DISPATCHER_PAGE_BYTES, 1, 0));
	FAILS(leave.result.err, ERR_DISP_INCOMPLETE);
	assert_int_equal(victim[DISPATCHER_PAGE_BYTES], 0xee);
	ENTER(sys_lmp_send(SLOT_EP_B, 1));
	FAILS(leave.result.err, ERR_EP_UNBOUND);
}

/* A dispatcher in slots 0 to 3, its last capability in a cnode of 256 that is half
 * destroyed; its root holds SLOT(4). */
static struct dispatcher *dispatcher_in_ruins(void)
{
	struct dispatcher *d;

	OK(retype(W_RAM, 0x400000, CAP_DISPATCHER, CAP_DISPATCHER_BITS, 1, SLOT(0)));
	OK(retype(W_RAM, 0x404000, CAP_CNODE, CAP_L2CNODE_BITS, 1, SLOT(1)));
	OK(retype(W_RAM, 0x408000, CAP_FRAME, 13, 1, SLOT(2)));
	OK(retype(W_RAM, 0x40a000, CAP_PTABLE4, CAP_PTABLE_BITS, 1, SLOT(3)));
	OK(retype(W_RAM, 0x40b000, CAP_FRAME, 12, 1, CPTR_IN(SLOT(1), CPTR_L1(1))));
	OK(copy(CPTR_IN(SLOT(1), CPTR_L1(1)), SLOT(4), RIGHT_ALL));
	OK(copy(CPTR_IN(SLOT(1), CPTR_L1(1)), SLOT(5), RIGHT_ALL));
	d = arch_window(world_slot(SLOT(0))->base);
	OK(dispatcher_setup(d, world_slot(SLOT(1)), world_slot(SLOT(3)), world_slot(SLOT(2)), PAGE_VA));
	OK(invoke(SLOT(1), CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x410000, CAP_CNODE, CAP_L2CNODE_BITS, 1, CPTR_L1(1)));
	OK(retype(W_RAM, 0x500000, CAP_NOTIFICATION, 6, 255, CPTR(1, 0)));
	OK(copy(SLOT(0), CPTR(1, 255), RIGHT_ALL));
	OK(invoke(SLOT(0), CAP_OP_DELETE, 0, 0));
	for (unsigned i = 0; i < 2; i++)
		FAILS(cap_invoke(&world_root, i ? SLOT(9) : CPTR_L1(1), CAP_OP_DELETE, 0, 0).err, ERR_RESTART);
	return d;
}

/* What is left of another's deletion destroys who makes the next call, and the slot that the call names. */
static void revoke_finds_its_end(void **state)
{
	struct dispatcher *d = dispatcher_in_ruins();

	(void)state;
	assert_int_equal(d->cspace.type, CAP_CNODE);
	FAILS(cap_invoke(&d->cspace, CPTR_L1(1), CAP_OP_REVOKE, 0, 0).err, ERR_RESTART);
	assert_int_equal(d->cspace.type, CAP_NULL);
	assert_int_equal(cap_check(), 0);
	assert_int_equal(world_slot(SLOT(4))->type, CAP_FRAME);
	assert_int_equal(world_slot(SLOT(5))->type, CAP_FRAME);
}

static void delete_finds_its_end(void **state)
{
	struct dispatcher *d = dispatcher_in_ruins();

	(void)state;
	FAILS(cap_invoke(&d->cspace, CPTR_L1(1), CAP_OP_DELETE, 0, 0).err, ERR_RESTART);
	assert_int_equal(d->cspace.type, CAP_NULL);
	assert_int_equal(cap_check(), 0);
}

/* --- another core's objects --------------------------------------------------------- */

static void foreign_is_not_touched(void **state)
{
	uint64_t endpoint = CAP_INFO(CAP_ENDPOINT, RIGHT_ALL, CAP_ENDPOINT_BITS, 0);
	uint64_t dispatcher = CAP_INFO(CAP_DISPATCHER, RIGHT_ALL, CAP_DISPATCHER_BITS, 0);

	(void)state;
	OK(cap_forge(&world_root, endpoint, ELSEWHERE + CAP_ENDPOINT_OFFSET, 0, SLOT(0)));
	OK(cap_forge(&world_root, dispatcher, ELSEWHERE, 0, SLOT(1)));
	OK(retype(W_RAM, 0x300000, CAP_NOTIFICATION, 6, 1, SLOT(2)));
	ENTER(sys_lmp_send(SLOT(0), 1));
	FAILS(leave.result.err, ERR_CAP_REMOTE);
	ENTER(notification_invoke(world_slot(SLOT(2)), CAP_OP_NTFN_BIND, SLOT(1), 0));
	FAILS(leave.result.err, ERR_CAP_REMOTE);
	OK(invoke(SLOT(0), CAP_OP_DELETE, 0, 0));
	OK(invoke(SLOT(1), CAP_OP_DELETE, 0, 0));
}

/* --- rights -------------------------------------------------------------------------- */

/* Who may only read a cnode does not get further by making it a part of its own space. */
static void cnode_in_own_root(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0x400000, CAP_CNODE, CAP_L2CNODE_BITS, 1, CPTR_L1(1)));
	OK(copy(W_IRQ, CPTR(1, 0), RIGHT_ALL));
	OK(copy(CPTR_L1(1), CPTR_L1(2), RIGHT_READ));
	OK(copy(CPTR_L1(1), CPTR_L1(3), RIGHT_WRITE));
	OK(copy(CPTR(2, 0), SLOT(0), RIGHT_ALL));
	FAILS(copy(W_IRQ, CPTR(2, 1), RIGHT_ALL), ERR_SLOT_LOOKUP);
	FAILS(invoke(CPTR(2, 0), CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
	FAILS(copy(CPTR(3, 0), SLOT(1), RIGHT_ALL), ERR_CAP_LOOKUP);
	OK(copy(W_IRQ, CPTR(3, 1), RIGHT_ALL));
	OK(invoke(CPTR(3, 0), CAP_OP_DELETE, 0, 0));
}

/* To give away is to take out of the cnode. */
static void give_out_of_read_only(void **state)
{
	struct endpoint *e = arch_window(world_slot(SLOT_EP_B)->base);

	(void)state;
	OK(copy(W_ROOT, SLOT(0), RIGHT_READ));
	OK(copy(W_IRQ, SLOT(1), RIGHT_ALL));
	e->receive_slot = SLOT(2);
	*arch_frame() = (struct regs){ .rbx = CPTR_IN(SLOT(0), SLOT(1)) };
	ENTER(sys_lmp_send(SLOT_EP_B, LMP_CAP | LMP_GIVE));
	FAILS(leave.result.err, ERR_CAP_RIGHTS);
	ENTER(sys_lmp_send(SLOT_EP_B, LMP_CAP));
	OK(leave.result.err);
}

/* A dispatcher can do all that its root and address space allow, so it takes the rights to both. */
static void dispatcher_in_anothers_space(void **state)
{
	struct dispatcher *d;
	struct cap *root, *space, *frame = world_slot(SLOT_FRAME_B);

	(void)state;
	OK(retype(W_RAM, 0x400000, CAP_DISPATCHER, CAP_DISPATCHER_BITS, 1, SLOT(0)));
	OK(copy(W_ROOT, SLOT(1), RIGHT_READ));
	OK(copy(SLOT_SPACE_B, SLOT(2), RIGHT_READ));
	d = arch_window(world_slot(SLOT(0))->base);
	root = world_slot(SLOT(1));
	space = world_slot(SLOT(2));
	FAILS(dispatcher_setup(d, root, world_slot(SLOT_SPACE_B), frame, PAGE_VA), ERR_CAP_RIGHTS);
	FAILS(dispatcher_setup(d, world_slot(W_ROOT), space, frame, PAGE_VA), ERR_CAP_RIGHTS);
}

static void bindings_need_rights(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0x300000, CAP_NOTIFICATION, 6, 1, SLOT(0)));
	OK(copy(SLOT(0), SLOT(1), RIGHT_READ));
	OK(copy(SLOT_B, SLOT(2), RIGHT_READ));
	OK(copy(W_IRQ, SLOT(3), RIGHT_READ));
	ENTER(notification_invoke(world_slot(SLOT(0)), CAP_OP_NTFN_BIND, SLOT(2), 0));
	FAILS(leave.result.err, ERR_CAP_RIGHTS);
	FAILS(irq_invoke(world_slot(W_IRQ), CAP_OP_IRQ_BIND, SLOT(1), 4).err, ERR_CAP_RIGHTS);
	FAILS(irq_invoke(world_slot(SLOT(3)), CAP_OP_IRQ_BIND, SLOT(0), 4).err, ERR_CAP_RIGHTS);
	FAILS(irq_invoke(world_slot(SLOT(3)), CAP_OP_IRQ_ACK, 0, 4).err, ERR_CAP_RIGHTS);
}

/* An interrupt stays bound only while a capability made for it is there, also when others further down are. */
static void interrupt_after_revoke(void **state)
{
	struct notification *n;

	(void)state;
	OK(retype(W_RAM, 0x300000, CAP_NOTIFICATION, 6, 1, SLOT(0)));
	OK(retype(W_IRQ, 0, CAP_IRQ, 4, 1, SLOT(1)));
	OK(retype(SLOT(1), 4, CAP_IRQ, 1, 1, SLOT(2)));
	n = arch_window(world_slot(SLOT(0))->base);
	for (unsigned irq = 3; irq < 7; irq++)
		OK(irq_invoke(world_slot(SLOT(1)), CAP_OP_IRQ_BIND, SLOT(0), irq).err);
	assert_int_equal(n->irqs, 4);
	OK(invoke(SLOT(1), CAP_OP_DELETE, 0, 0));
	assert_int_equal(n->irqs, 2);
	assert_int_equal(hosted_masked >> 3 & 0xf, 0x9);
	OK(invoke(W_IRQ, CAP_OP_REVOKE, 0, 0));
	assert_int_equal(n->irqs, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(endpoint_outlives_dispatcher), T(revoke_finds_its_end), T(delete_finds_its_end),
		T(foreign_is_not_touched),       T(cnode_in_own_root),    T(give_out_of_read_only),
		T(dispatcher_in_anothers_space), T(bindings_need_rights), T(interrupt_after_revoke),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
