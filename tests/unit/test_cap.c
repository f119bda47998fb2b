/*
 * Capability operations one by one, with each error they can give, as a process
 * makes them: through cap_invoke(), on the hosted machine of arch_hosted.c.
 */
/* needs: tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

#define OK(e) assert_int_equal(e, ERR_OK)
#define FAILS(e, code) assert_int_equal(e, code)
#define S(i) (W_FREE + (cptr_t)(i)) /* free slots of cnode 0 */
#define RW (RIGHT_READ | RIGHT_WRITE)

static int setup(void **state)
{
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(cap_check(), 0);
	assert_int_equal(world_reset(), 0);
	return 0;
}

static uint64_t *entry(cptr_t table, unsigned index)
{
	return (uint64_t *)arch_window(world_slot(table)->base) + index;
}

/* --- look-up, identify -------------------------------------------------------- */

static void test_lookup(void **state)
{
	(void)state;
	assert_null(cap_lookup(&world_root, S(0)));
	assert_non_null(cap_lookup_slot(&world_root, S(0)));
	assert_null(cap_lookup_slot(&world_root, CPTR(1, 0)));  /* no cnode there */
	assert_null(cap_lookup_slot(&world_root, CPTR(16, 0))); /* beyond the root */
	assert_non_null(cap_lookup_slot(&world_root, CPTR_L1(15)));
	assert_null(cap_lookup_slot(&world_root, CPTR_L1(16)));
	assert_null(cap_lookup_slot(&world_root, CPTR_L1(0x7fffffff)));
	assert_null(cap_lookup_slot(&world_root, 0x7fffffff));
	assert_ptr_equal(cap_lookup(&world_root, CPTR_IN(W_ROOT, W_RAM)), cap_lookup(&world_root, W_RAM));
	assert_null(cap_lookup(&world_root, CPTR_IN(W_RAM, W_RAM))); /* not a cnode */
	assert_null(cap_lookup(&world_root, CPTR_IN(S(0), W_RAM)));  /* nothing */
	assert_null(cap_lookup(world_slot(W_RAM), W_RAM));
	/* A cnode of another size than the second level has is no second level. */
	OK(retype(W_RAM, 0, CAP_CNODE, 13, 1, CPTR_L1(1)));
	assert_null(cap_lookup_slot(&world_root, CPTR(1, 0)));
	assert_non_null(cap_lookup_slot(&world_root, CPTR_IN(CPTR_L1(1), CPTR_L1(127))));
	assert_null(cap_lookup_slot(&world_root, CPTR_IN(CPTR_L1(1), CPTR_L1(128))));
	OK(retype(W_RAM, 0x4000, CAP_CNODE, 14, 1, CPTR_L1(2)));
	assert_non_null(cap_lookup_slot(&world_root, CPTR(2, 255)));
}

static void test_lookup_rights(void **state)
{
	(void)state;
	OK(copy(W_ROOT, S(0), RIGHT_READ));
	OK(copy(W_ROOT, S(1), RIGHT_WRITE));
	assert_non_null(cap_lookup(&world_root, CPTR_IN(S(0), W_RAM)));
	assert_null(cap_lookup(&world_root, CPTR_IN(S(1), W_RAM)));
	FAILS(copy(W_RAM, CPTR_IN(S(0), S(2)), RIGHT_ALL), ERR_SLOT_LOOKUP);
	OK(copy(W_RAM, CPTR_IN(S(1), S(2)), RIGHT_ALL));
	FAILS(invoke(CPTR_IN(S(0), S(2)), CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
}

static void test_identify(void **state)
{
	struct sys_result r;

	(void)state;
	OK(copy(W_RAM, S(0), RW));
	r = cap_invoke(&world_root, S(0), CAP_OP_IDENTIFY, 0, 0);
	OK(r.err);
	assert_int_equal(r.value, CAP_INFO(CAP_RAM, RW, HOSTED_RAM_BITS, CAP_FLAG_COPY));
	assert_int_equal(arch_frame()->r8, HOSTED_BASE);
	assert_int_equal(arch_frame()->r9, 0);
	FAILS(invoke(S(1), CAP_OP_IDENTIFY, 0, 0), ERR_CAP_LOOKUP);
	FAILS(invoke(CPTR(9, 9), CAP_OP_IDENTIFY, 0, 0), ERR_CAP_LOOKUP);
	FAILS(invoke(W_RAM, CAP_OPS, 0, 0), ERR_CAP_OP);
}

/* --- copy, mint -------------------------------------------------------------------- */

static void test_copy(void **state)
{
	(void)state;
	OK(copy(W_RAM, S(0), RW));
	OK(copy(S(0), S(1), RIGHT_ALL));
	assert_int_equal(world_slot(S(1))->rights, RW); /* they only shrink */
	OK(copy(S(1), S(2), RIGHT_READ));
	FAILS(copy(S(0), S(1), RIGHT_ALL), ERR_SLOT_OCCUPIED);
	FAILS(copy(S(0), S(0), RIGHT_ALL), ERR_SLOT_OCCUPIED);
	FAILS(copy(S(9), S(1), RIGHT_ALL), ERR_CAP_LOOKUP);
	FAILS(copy(S(0), CPTR(5, 0), RIGHT_ALL), ERR_SLOT_LOOKUP);
	assert_int_equal(cap_count, 8 + 3);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0)); /* from the list's middle */
	assert_int_equal(cap_check(), 0);
	FAILS(invoke(S(0), CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
}

static void test_mint(void **state)
{
	uint64_t mint = INVOKE(CAP_OP_COPY, RIGHT_WRITE) | INVOKE_COPY_BADGE;

	(void)state;
	OK(retype(W_RAM, 0, CAP_DISPATCHER, 13, 1, S(0)));
	OK(retype(S(0), 4096, CAP_ENDPOINT, 6, 2, S(1)));
	OK(invoke(S(1), mint, S(3), 77));
	assert_int_equal(world_slot(S(3))->badge, 77);
	OK(copy(S(3), S(4), RIGHT_ALL));
	assert_int_equal(world_slot(S(4))->badge, 77);
	FAILS(invoke(S(3), mint, S(5), 78), ERR_CAP_RIGHTS); /* a badge is not changed by who has it */
	FAILS(invoke(W_RAM, mint, S(5), 78), ERR_CAP_TYPE);
	FAILS(invoke(S(1), mint, S(4), 78), ERR_SLOT_OCCUPIED);
}

/* --- retype -------------------------------------------------------------------------- */

static void test_retype_types(void **state)
{
	static const uint8_t from_ram[CAP_TYPES] = {
		[CAP_RAM] = 12,     [CAP_FRAME] = 12,      [CAP_CNODE] = 12,
		[CAP_PTABLE1] = 12, [CAP_PTABLE2] = 12,    [CAP_PTABLE3] = 12,
		[CAP_PTABLE4] = 12, [CAP_DISPATCHER] = 13, [CAP_NOTIFICATION] = 6,
	};

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		unsigned bits = type < CAP_TYPES ? from_ram[type] : 0;

		if (bits)
			OK(retype(W_RAM, type * 8192, type, bits, 1, S(type)));
		else
			FAILS(retype(W_RAM, 0, type, 12, 1, S(0)), ERR_RETYPE_TYPE);
	}
	FAILS(retype(S(CAP_FRAME), 0, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_TYPE);
	FAILS(retype(S(CAP_CNODE), 0, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_TYPE);
	FAILS(retype(S(CAP_DISPATCHER), 4096, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_TYPE);
	OK(retype(W_IRQ, 16, CAP_IRQ, 0, 1, S(30)));
	OK(retype(W_PORT, 0x3f8, CAP_IOPORT, 3, 1, S(31)));
	OK(retype(W_CHANNEL, 0, CAP_CHANNEL, 4, 2, S(32)));
	FAILS(retype(W_KERNEL, 0, CAP_KERNEL, 0, 1, S(34)), ERR_RETYPE_SIZE);
	FAILS(retype(W_IRQ, 0, CAP_RAM, 6, 1, S(34)), ERR_RETYPE_TYPE);
}

static void test_retype_sizes(void **state)
{
	uint64_t all = SIZE_OF_BITS(HOSTED_RAM_BITS);

	(void)state;
	FAILS(retype(W_RAM, 0, CAP_RAM, HOSTED_RAM_BITS, 1, S(0)), ERR_RETYPE_SIZE); /* strictly smaller */
	FAILS(retype(W_RAM, 0, CAP_RAM, 5, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 11, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 24, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 255, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_PTABLE1, 13, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_CNODE, 7, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_CNODE, 21, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 2048, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, all, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, all - 4096, CAP_FRAME, 12, 2, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, -UINT64_C(4096), CAP_FRAME, 12, 2, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, 0, S(0)), ERR_RETYPE_SIZE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, RETYPE_COUNT_MAX + 1, S(0)), ERR_RETYPE_SIZE);
	OK(retype(W_RAM, all - 4096, CAP_FRAME, 12, 1, S(0)));
	OK(retype(W_RAM, 0, CAP_DISPATCHER, 13, 1, S(1)));
	FAILS(retype(S(1), 4096 - 64, CAP_ENDPOINT, 6, 1, S(2)), ERR_RETYPE_SIZE); /* the control block */
	FAILS(retype(S(1), 4096, CAP_ENDPOINT, 6, 65, S(2)), ERR_RETYPE_SIZE);
	OK(retype(S(1), 4096, CAP_ENDPOINT, 6, 64, S(2)));
}

static void test_retype_slots(void **state)
{
	(void)state;
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, 4, 253), ERR_SLOT_LOOKUP);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, 1, CPTR(3, 0)), ERR_SLOT_LOOKUP);
	OK(copy(W_IRQ, S(2), RIGHT_ALL));
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, 4, S(0)), ERR_SLOT_OCCUPIED);
	assert_true(cap_empty(world_slot(S(0))));
	OK(retype(W_RAM, 0, CAP_FRAME, 12, 4, 252));
	for (unsigned i = 0; i < 4; i++)
		OK(invoke(252 + i, CAP_OP_DELETE, 0, 0));
}

static void test_retype_rights(void **state)
{
	(void)state;
	OK(copy(W_RAM, S(0), RIGHT_READ));
	FAILS(retype(S(0), 0, CAP_FRAME, 12, 1, S(1)), ERR_CAP_RIGHTS);
	OK(copy(W_RAM, S(2), RW));
	OK(retype(S(2), 0, CAP_FRAME, 12, 1, S(1)));
	assert_int_equal(world_slot(S(1))->rights, RW);
}

static void test_retype_overlap(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0x10000, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0x8000, CAP_FRAME, 12, 2, S(1)));
	FAILS(retype(W_RAM, 0x10000, CAP_FRAME, 16, 1, S(9)), ERR_RETYPE_OVERLAP);
	FAILS(retype(W_RAM, 0x10000, CAP_FRAME, 12, 1, S(9)), ERR_RETYPE_OVERLAP);
	FAILS(retype(W_RAM, 0x1f000, CAP_FRAME, 12, 1, S(9)), ERR_RETYPE_OVERLAP); /* in it, behind other objects */
	FAILS(retype(W_RAM, 0xf000, CAP_FRAME, 12, 2, S(9)), ERR_RETYPE_OVERLAP);  /* runs into it */
	FAILS(retype(W_RAM, 0, CAP_FRAME, 17, 1, S(9)), ERR_RETYPE_OVERLAP);       /* around it */
	FAILS(retype(S(0), 0x8000, CAP_FRAME, 12, 1, S(9)), ERR_RETYPE_OVERLAP);
	FAILS(retype(S(0), 0x7000, CAP_FRAME, 12, 2, S(9)), ERR_RETYPE_OVERLAP);
	OK(retype(W_RAM, 0x20000, CAP_FRAME, 12, 1, S(9)));
	OK(retype(S(0), 0x7000, CAP_FRAME, 12, 1, S(10)));
	OK(retype(S(0), 0xa000, CAP_FRAME, 12, 1, S(11)));
	/* What a deleted object held is still held. */
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	FAILS(retype(W_RAM, 0x18000, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_OVERLAP);
	OK(retype(W_RAM, 0x10000, CAP_FRAME, 14, 1, S(0)));
}

static void test_retype_same_block(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 12, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 1, S(1)));
	FAILS(retype(S(0), 0, CAP_PTABLE1, 12, 1, S(2)), ERR_RETYPE_OVERLAP);
	FAILS(retype(S(0), 0, CAP_FRAME, 12, 1, S(2)), ERR_RETYPE_OVERLAP);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(retype(S(0), 0, CAP_PTABLE1, 12, 1, S(2)));
}

static void test_retype_clears(void **state)
{
	uint64_t *p = arch_window(HOSTED_BASE + 0x3000);

	(void)state;
	p[0] = p[511] = 1;
	OK(retype(W_RAM, 0x3000, CAP_FRAME, 12, 1, S(0)));
	assert_true(p[0] == 0 && p[511] == 0);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x3000, CAP_PTABLE4, 12, 1, S(0)));
	assert_true(p[0] == 0 && p[511] == 511);
}

/* More than the kernel clears at once: the call is repeated, and what is not clear cannot be used. */
static void test_retype_long(void **state)
{
	uint64_t op = INVOKE_RETYPE(CAP_FRAME, 17, 3);
	uint8_t *p = arch_window(HOSTED_BASE);

	(void)state;
	memset(p, 1, 3 << 17);
	assert_int_equal(cap_invoke(&world_root, W_RAM, op, 0, S(0)).err, ERR_RESTART);
	assert_int_equal(cap_invoke(&world_root, W_RAM, op, 0, S(0)).err, ERR_RESTART);
	FAILS(copy(S(0), S(9), RIGHT_ALL), ERR_CAP_LOOKUP);
	FAILS(copy(W_RAM, S(0), RIGHT_ALL), ERR_SLOT_OCCUPIED);
	OK(invoke(S(0), CAP_OP_IDENTIFY, 0, 0));
	FAILS(retype(W_IRQ, 0, CAP_IRQ, 1, 1, S(0)), ERR_SLOT_OCCUPIED);
	FAILS(retype(W_RAM, 0x100000, CAP_FRAME, 17, 3, S(0)), ERR_SLOT_OCCUPIED);
	OK(invoke(W_RAM, op, 0, S(0)));
	assert_int_equal(world_calls, 5);
	for (unsigned i = 0; i < 3 << 17; i++)
		assert_int_equal(p[i], 0);
	OK(copy(S(0), S(9), RIGHT_ALL));
	FAILS(invoke(W_RAM, op, 0, S(0)), ERR_SLOT_OCCUPIED);
}

static void test_retype_long_delete(void **state)
{
	uint64_t op = INVOKE_RETYPE(CAP_FRAME, 17, 2);

	(void)state;
	assert_int_equal(cap_invoke(&world_root, W_RAM, op, 0, S(0)).err, ERR_RESTART);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(invoke(W_RAM, op, 0, S(0)));
	assert_false(world_slot(S(0))->flags & CAP_FLAG_CLEARING);
	assert_true(cap_empty(world_slot(S(1))));
}

/* What lies in memory that is not cleared yet is nobody's capabilities. */
static void test_retype_long_garbage(void **state)
{
	static const struct {
		unsigned type, bits, count;
	} kind[] = { { CAP_CNODE, 17, 1 }, { CAP_DISPATCHER, 13, 20 } };

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		uint64_t op = INVOKE_RETYPE(kind[k].type, kind[k].bits, kind[k].count);

		memset(arch_window(HOSTED_BASE), 4, 20 << 13);
		assert_int_equal(cap_invoke(&world_root, W_RAM, op, 0, S(0)).err, ERR_RESTART);
		assert_int_equal(cap_invoke(&world_root, W_RAM, op, 0, S(0)).err, ERR_RESTART);
		assert_null(cap_lookup_slot(&world_root, CPTR_IN(S(0), CPTR_L1(0))));
		OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
		OK(invoke(W_RAM, CAP_OP_REVOKE, 0, 0));
		assert_int_equal(hosted.dispatcher, 8 * k); /* those 64 KiB that were clear */
	}
}

static void test_retype_long_tables(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_PTABLE4, 12, 100, S(0)));
	assert_true(world_calls > 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(*entry(S(i), 300), 300);
		assert_int_equal(world_slot(S(i))->generation, world_slot(S(0))->generation + i);
	}
}

/* --- delete ------------------------------------------------------------------------------ */

static void test_delete_promotes(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 13, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 1, S(1)));
	OK(copy(S(0), S(2), RIGHT_ALL));
	OK(copy(S(0), S(3), RIGHT_ALL));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_check(), 0);
	FAILS(retype(S(2), 0, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_OVERLAP);
	OK(retype(S(3), 4096, CAP_FRAME, 12, 1, S(0)));
	OK(invoke(S(2), CAP_OP_DELETE, 0, 0));
	OK(invoke(S(3), CAP_OP_REVOKE, 0, 0));
	assert_true(cap_empty(world_slot(S(0))) && cap_empty(world_slot(S(1))));
}

static void test_delete_hooks(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_DISPATCHER, 13, 1, S(0)));
	OK(retype(S(0), 4096, CAP_ENDPOINT, 6, 1, S(1)));
	OK(retype(W_RAM, 8192, CAP_NOTIFICATION, 6, 1, S(2)));
	OK(retype(W_IRQ, 4, CAP_IRQ, 0, 1, S(3)));
	OK(copy(S(0), S(4), RIGHT_ALL));
	OK(invoke(S(4), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.dispatcher, 0);
	for (unsigned i = 0; i < 4; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.dispatcher, 1);
	assert_int_equal(hosted.endpoint, 1);
	assert_int_equal(hosted.notification, 1);
	assert_int_equal(hosted.irq, 1);
}

static void test_delete_cnode(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 14, 1, CPTR_L1(1)));
	OK(retype(W_RAM, 0x100000, CAP_FRAME, 12, 256, CPTR(1, 0)));
	OK(copy(CPTR_L1(1), S(0), RIGHT_ALL));
	OK(invoke(CPTR_L1(1), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_count, 8 + 257);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0)); /* the last: takes all with it, and more than one call */
	assert_true(world_calls > 1);
	assert_int_equal(cap_count, 8);
	OK(retype(W_RAM, 0x100000, CAP_FRAME, 20, 1, S(0)));
	FAILS(invoke(S(1), CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
}

/* Cnodes in slot 0 of cnodes, deeper than a call's work. */
static void test_delete_nested(void **state)
{
	cptr_t at = S(0);

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		OK(retype(W_RAM, i * 256, CAP_CNODE, 8, 1, S(1)));
		if (i) {
			cap_move((struct cap *)arch_window(world_slot(S(1))->base), world_slot(at));
			OK(copy(W_RAM, CPTR_IN(S(1), CPTR_L1(3)), RW));
		}
		cap_move(world_slot(at), world_slot(S(1)));
	}
	assert_int_equal(cap_check(), 0);
	OK(invoke(at, CAP_OP_DELETE, 0, 0));
	assert_true(world_calls > 1);
	assert_int_equal(cap_count, 8);
	FAILS(invoke(at, CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
}

/* A tree of cnodes without an empty slot. */
static void test_delete_full(void **state)
{
	cptr_t in;

	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 8, 21, S(0)));
	for (unsigned i = 0; i < 5; i++) {
		in = CPTR_IN(S(i), CPTR_L1(0));
		for (unsigned j = 0; j < 4; j++)
			OK(copy(S(4 * i + j + 1), in + j, RIGHT_ALL));
	}
	for (unsigned i = 5; i < 21; i++)
		for (unsigned j = 0; j < 4; j++)
			OK(retype(W_RAM, 0x10000 + (4 * i + j) * 4096, CAP_FRAME, 12, 1, CPTR_IN(S(i), CPTR_L1(j))));
	for (unsigned i = 1; i < 21; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_count, 8 + 21 + 64);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_count, 8);
}

/* Cnodes that hold each other, and themselves, go with the revoke of their memory. */
static void test_cnode_cycles(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 8, 3, S(0)));
	OK(copy(S(0), CPTR_IN(S(1), CPTR_L1(0)), RIGHT_ALL));
	OK(copy(S(1), CPTR_IN(S(0), CPTR_L1(0)), RIGHT_ALL));
	OK(copy(S(2), CPTR_IN(S(2), CPTR_L1(0)), RIGHT_ALL));
	OK(copy(S(2), CPTR_IN(S(2), CPTR_L1(3)), RIGHT_ALL));
	OK(retype(W_RAM, 0x1000, CAP_FRAME, 12, 1, CPTR_IN(S(0), CPTR_L1(1))));
	OK(copy(W_RAM, CPTR_IN(S(2), CPTR_L1(1)), RIGHT_ALL));
	for (unsigned i = 0; i < 3; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_check(), 0);
	assert_int_equal(cap_count, 8 + 6);
	OK(invoke(W_RAM, CAP_OP_REVOKE, 0, 0));
	assert_int_equal(cap_count, 8);
}

/* Whoever began a deletion may be gone: the next one finishes it. */
static void test_delete_abandoned(void **state)
{
	err_t err;

	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 14, 1, CPTR_L1(1)));
	OK(retype(W_RAM, 0x100000, CAP_FRAME, 12, 256, CPTR(1, 0)));
	err = cap_invoke(&world_root, CPTR_L1(1), CAP_OP_DELETE, 0, 0).err;
	FAILS(err, ERR_RESTART);
	assert_int_equal(cap_check(), 0);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 14, 1, S(0)), ERR_RETYPE_OVERLAP); /* not before it is empty */
	FAILS(invoke(S(0), CAP_OP_DELETE, 0, 0), ERR_CAP_LOOKUP);
	assert_int_equal(cap_count, 8);
	OK(retype(W_RAM, 0, CAP_FRAME, 14, 1, CPTR_L1(1))); /* the slot is free */
}

/* --- a dispatcher's own capabilities ------------------------------------------------------------ */

static struct dispatcher *make_dispatcher(void)
{
	struct dispatcher *d;

	OK(retype(W_RAM, 0, CAP_DISPATCHER, 13, 1, S(0)));
	OK(retype(W_RAM, 0x4000, CAP_CNODE, 14, 1, S(1)));
	OK(retype(W_RAM, 0x8000, CAP_PTABLE4, 12, 1, S(2)));
	OK(retype(W_RAM, 0x10000, CAP_FRAME, 15, 1, S(3)));
	d = arch_window(world_slot(S(0))->base);
	OK(cap_embed(&d->cspace, world_slot(S(1))));
	OK(cap_embed(&d->vspace_cap, world_slot(S(2))));
	OK(cap_embed(&d->frame_cap, world_slot(S(3))));
	FAILS(cap_embed(&d->frame_cap, world_slot(S(3))), ERR_SLOT_OCCUPIED);
	return d;
}

static void test_dispatcher_keeps(void **state)
{
	struct dispatcher *d = make_dispatcher();

	(void)state;
	for (unsigned i = 1; i < 4; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.lost, 0);
	assert_int_equal(d->cspace.type, CAP_CNODE);
	OK(copy(W_RAM, S(1), RW));
	cap_move((struct cap *)arch_window(d->cspace.base), world_slot(S(1)));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0)); /* and all goes with it */
	assert_int_equal(hosted.dispatcher, 1);
	assert_int_equal(hosted.lost, 0);
	assert_int_equal(cap_count, 8);
}

static void test_dispatcher_loses(void **state)
{
	struct dispatcher *d = make_dispatcher();

	(void)state;
	OK(invoke(S(3), CAP_OP_REVOKE, 0, 0));
	assert_int_equal(hosted.lost, 1);
	assert_ptr_equal(hosted.lost_cap, &d->frame_cap);
	assert_true(cap_empty(&d->frame_cap));
	for (unsigned i = 1; i < 3; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x20000, CAP_RAM, 16, 1, S(8)));
	OK(invoke(W_RAM, CAP_OP_REVOKE, 0, 0)); /* the last ones are the dispatcher's own */
	assert_int_equal(cap_count, 8);
}

/* The root cnode names the dispatcher, which names the root cnode. */
static void test_dispatcher_cycle(void **state)
{
	(void)state;
	make_dispatcher();
	cap_move((struct cap *)arch_window(world_slot(S(1))->base) + 7, world_slot(S(0)));
	for (unsigned i = 1; i < 4; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(cap_count, 8 + 4);
	OK(invoke(W_RAM, CAP_OP_REVOKE, 0, 0));
	assert_int_equal(cap_count, 8);
}

/* --- revoke ------------------------------------------------------------------------------------- */

static void test_revoke(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0, CAP_RAM, 14, 2, S(1)));
	OK(retype(S(1), 0, CAP_FRAME, 12, 4, S(3)));
	OK(copy(S(0), S(10), RIGHT_ALL));
	OK(copy(S(3), S(11), RIGHT_READ));
	OK(copy(S(0), S(12), RW));
	FAILS(invoke(S(12), CAP_OP_REVOKE, 0, 0), ERR_CAP_RIGHTS);
	OK(invoke(S(1), CAP_OP_REVOKE, 0, 0));
	for (unsigned i = 3; i < 7; i++)
		assert_true(cap_empty(world_slot(S(i))));
	assert_true(cap_empty(world_slot(S(11))));
	assert_false(cap_empty(world_slot(S(2))));
	OK(invoke(S(10), CAP_OP_REVOKE, 0, 0)); /* by a copy: the first goes */
	assert_true(cap_empty(world_slot(S(0))) && cap_empty(world_slot(S(1))) && cap_empty(world_slot(S(12))));
	OK(retype(S(10), 0, CAP_FRAME, 16, 1, S(0)));
	FAILS(invoke(S(20), CAP_OP_REVOKE, 0, 0), ERR_CAP_LOOKUP);
}

static void test_revoke_many(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 14, 1, CPTR_L1(1)));
	OK(retype(W_RAM, 0x100000, CAP_RAM, 20, 1, S(0)));
	OK(retype(S(0), 0, CAP_NOTIFICATION, 6, 256, CPTR(1, 0)));
	OK(invoke(S(0), CAP_OP_REVOKE, 0, 0));
	assert_true(world_calls > 1);
	assert_int_equal(hosted.notification, 256);
	OK(retype(S(0), 0, CAP_FRAME, 20, 1, S(1)));
}

/* The capability revoked lies in what it revokes. */
static void test_revoke_self(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0, CAP_CNODE, 14, 1, CPTR_L1(1)));
	OK(retype(S(0), 0x8000, CAP_FRAME, 12, 1, CPTR(1, 3)));
	cap_move(world_slot(CPTR(1, 5)), world_slot(S(0)));
	FAILS(invoke(CPTR(1, 5), CAP_OP_REVOKE, 0, 0), ERR_CAP_LOOKUP);
	assert_int_equal(cap_count, 8);
}

/* --- map ------------------------------------------------------------------------------------------ */

enum { T4 = 100, T3, T2, T1, F0 };
#define VA (((uint64_t)3 << 39) + ((uint64_t)4 << 30) + (5 << 21))

static void make_tables(void)
{
	for (unsigned i = 0; i < 4; i++)
		OK(retype(W_RAM, 0x100000 + i * 4096, CAP_PTABLE4 - i, 12, 1, T4 + i));
	OK(retype(W_RAM, 0x200000, CAP_FRAME, 21, 1, F0));
}

static void map_tables(void)
{
	make_tables();
	for (unsigned i = 0; i < 3; i++)
		OK(invoke(T3 + i, CAP_OP_MAP, T4 + i, MAP_ARGS(3 + i, 1, 0)));
}

static void test_map_tables(void **state)
{
	(void)state;
	make_tables();
	FAILS(invoke(T2, CAP_OP_MAP, T3, MAP_ARGS(0, 1, 0)), ERR_MAP_UNMAPPED); /* top down */
	FAILS(invoke(T2, CAP_OP_MAP, T4, MAP_ARGS(0, 1, 0)), ERR_MAP_LEVEL);
	FAILS(invoke(T4, CAP_OP_MAP, T4, MAP_ARGS(0, 1, 0)), ERR_MAP_LEVEL);
	FAILS(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(256, 1, 0)), ERR_MAP_RANGE); /* the kernel's half */
	FAILS(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(0, 2, 0)), ERR_MAP_RANGE);
	FAILS(invoke(T3, CAP_OP_MAP, W_RAM, MAP_ARGS(0, 1, 0)), ERR_CAP_TYPE);
	FAILS(invoke(T3, CAP_OP_MAP, S(0), MAP_ARGS(0, 1, 0)), ERR_CAP_LOOKUP);
	FAILS(invoke(W_RAM, CAP_OP_MAP, T4, MAP_ARGS(0, 1, 0)), ERR_CAP_OP);
	OK(copy(T4, S(1), RIGHT_READ));
	FAILS(invoke(T3, CAP_OP_MAP, S(1), MAP_ARGS(0, 1, 0)), ERR_CAP_RIGHTS);
	OK(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(255, 1, 0)));
	assert_int_equal(arch_pte_paddr(*entry(T4, 255)), world_slot(T3)->base);
	FAILS(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(1, 1, 0)), ERR_MAP_MAPPED);
	OK(invoke(T3, CAP_OP_UNMAP, 0, 0));
	assert_int_equal(*entry(T4, 255), 0);
	assert_int_equal(hosted.flush_all, 1);
	FAILS(invoke(T3, CAP_OP_UNMAP, 0, 0), ERR_MAP_UNMAPPED);
	FAILS(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(1, 1, 0)), ERR_MAP_MAPPED); /* one place in a lifetime */
}

static void test_map_frame(void **state)
{
	(void)state;
	map_tables();
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, 0), T1, MAP_ARGS(0, 1, 0)), ERR_ARGUMENT);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, 16 | MAP_READ), T1, MAP_ARGS(0, 1, 0)), ERR_ARGUMENT);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0, 0, 0)), ERR_MAP_RANGE);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(510, 3, 0)), ERR_MAP_RANGE);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0, 3, 510)), ERR_MAP_RANGE);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0xffff, 0xffff, 0xffffffff)), ERR_MAP_RANGE);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T3, MAP_ARGS(0, 1, 0)), ERR_MAP_LEVEL);
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T4, MAP_ARGS(0, 1, 0)), ERR_MAP_LEVEL);
	OK(copy(F0, S(0), RIGHT_READ));
	FAILS(invoke(S(0), INVOKE(CAP_OP_MAP, MAP_READ | MAP_WRITE), T1, MAP_ARGS(0, 1, 0)), ERR_CAP_RIGHTS);
	OK(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ | MAP_WRITE), T1, MAP_ARGS(7, 3, 2)));
	assert_int_equal(*entry(T1, 8), arch_pte_leaf(world_slot(F0)->base + 0x3000, 1, MAP_READ | MAP_WRITE));
	FAILS(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(20, 1, 0)), ERR_MAP_MAPPED);
	FAILS(invoke(S(0), INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(9, 1, 0)), ERR_MAP_OCCUPIED);
	OK(invoke(S(0), INVOKE(CAP_OP_MAP, MAP_READ), T2, MAP_ARGS(9, 1, 0))); /* a 2 MiB page */
	assert_int_equal(cap_check(), 0);
	OK(invoke(F0, CAP_OP_UNMAP, 0, 0));
	assert_int_equal(*entry(T1, 7) | *entry(T1, 8) | *entry(T1, 9), 0);
	assert_int_equal(hosted.flush_page, 3);
	assert_int_equal(hosted.flushed, VA + 9 * 4096);
	FAILS(invoke(F0, CAP_OP_UNMAP, 0, 0), ERR_MAP_UNMAPPED);
	OK(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0, 512, 0)));
	OK(invoke(F0, CAP_OP_DELETE, 0, 0));
	assert_int_equal(*entry(T1, 0) | *entry(T1, 511), 0);
	assert_true(hosted.flush_all > 0);
}

static void test_protect(void **state)
{
	(void)state;
	map_tables();
	OK(copy(F0, S(0), RW));
	FAILS(invoke(S(0), INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 1 << 16), ERR_MAP_UNMAPPED);
	OK(invoke(S(0), INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(10, 4, 1)));
	FAILS(invoke(S(0), INVOKE(CAP_OP_PROTECT, MAP_READ | MAP_EXECUTE), 0, 1 << 16), ERR_CAP_RIGHTS);
	FAILS(invoke(S(0), INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 3 | 2 << 16), ERR_MAP_RANGE);
	FAILS(invoke(S(0), INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 0), ERR_MAP_RANGE);
	FAILS(invoke(S(0), INVOKE(CAP_OP_PROTECT, 0), 0, 1 << 16), ERR_ARGUMENT);
	FAILS(invoke(T1, INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 1 << 16), ERR_CAP_OP);
	OK(invoke(S(0), INVOKE(CAP_OP_PROTECT, MAP_READ | MAP_WRITE), 0, 2 | 1 << 16));
	assert_int_equal(*entry(T1, 12), arch_pte_leaf(world_slot(F0)->base + 0x3000, 1, MAP_READ | MAP_WRITE));
	assert_int_equal(*entry(T1, 11), arch_pte_leaf(world_slot(F0)->base + 0x2000, 1, MAP_READ));
	assert_int_equal(hosted.flushed, VA + 12 * 4096);
}

/* A table that goes takes its mappings along; one that comes at its address later has none of them. */
static void test_map_stale(void **state)
{
	(void)state;
	map_tables();
	OK(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0, 1, 0)));
	OK(invoke(T1, CAP_OP_DELETE, 0, 0));
	assert_int_equal(*entry(T2, 5), 0);
	FAILS(invoke(F0, INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 1 << 16), ERR_MAP_UNMAPPED);
	OK(retype(W_RAM, 0x103000, CAP_PTABLE1, 12, 1, T1));
	OK(invoke(T1, CAP_OP_MAP, T2, MAP_ARGS(6, 1, 0)));
	OK(copy(F0, S(0), RIGHT_ALL));
	OK(invoke(S(0), INVOKE(CAP_OP_MAP, MAP_READ), T1, MAP_ARGS(0, 1, 3)));
	OK(invoke(F0, CAP_OP_UNMAP, 0, 0));
	assert_true(arch_pte_present(*entry(T1, 0))); /* S(0)'s */
	/* A middle table goes: the lower one's record is stale too. */
	OK(invoke(T2, CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x102000, CAP_PTABLE2, 12, 1, T2));
	OK(invoke(T2, CAP_OP_MAP, T3, MAP_ARGS(9, 1, 0)));
	OK(retype(W_RAM, 0x110000, CAP_PTABLE1, 12, 1, S(1)));
	OK(invoke(S(1), CAP_OP_MAP, T2, MAP_ARGS(6, 1, 0)));
	OK(invoke(T1, CAP_OP_DELETE, 0, 0));
	assert_true(arch_pte_present(*entry(T2, 6)));
	OK(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), S(1), MAP_ARGS(0, 1, 0)));
}

/* A page table's state stays with the object when its first capability goes. */
static void test_map_copies(void **state)
{
	(void)state;
	map_tables();
	OK(copy(T1, S(0), RIGHT_ALL));
	OK(invoke(T1, CAP_OP_DELETE, 0, 0));
	assert_true(arch_pte_present(*entry(T2, 5)));
	OK(invoke(F0, INVOKE(CAP_OP_MAP, MAP_READ), S(0), MAP_ARGS(1, 1, 0)));
	OK(copy(S(0), S(1), RIGHT_ALL));
	OK(invoke(S(1), CAP_OP_REVOKE, 0, 0));
	assert_true(cap_empty(world_slot(S(0))));
	FAILS(invoke(S(1), CAP_OP_MAP, T2, MAP_ARGS(9, 1, 0)), ERR_MAP_MAPPED);
	OK(invoke(F0, CAP_OP_UNMAP, 0, 0));
	assert_int_equal(hosted.flushed, VA + 4096);
	OK(invoke(S(1), CAP_OP_UNMAP, 0, 0));
	assert_int_equal(*entry(T2, 5), 0);
}

/* --- other cores' objects ------------------------------------------------------------------------------ */

#define FAR UINT64_C(0x40000000)

static err_t forge(unsigned type, unsigned bits, uint64_t base, cptr_t to)
{
	bool table = type >= CAP_PTABLE1 && type <= CAP_PTABLE4;

	return cap_forge(&world_root, CAP_INFO(type, RW, bits, 0), base, table ? 0 : 5, to);
}

static void test_forge(void **state)
{
	(void)state;
	OK(forge(CAP_FRAME, 12, FAR, S(0)));
	FAILS(forge(CAP_FRAME, 12, FAR, S(0)), ERR_SLOT_OCCUPIED);
	OK(forge(CAP_FRAME, 12, FAR, S(1))); /* once more: a copy */
	OK(forge(CAP_RAM, 20, FAR, S(2)));   /* around it */
	FAILS(forge(CAP_FRAME, 12, HOSTED_BASE, S(3)), ERR_RETYPE_OVERLAP);
	FAILS(forge(CAP_FRAME, 30, 0, S(3)), ERR_RETYPE_OVERLAP);
	OK(forge(CAP_RAM, 30, 0, S(3))); /* another core may have given what lies in it */
	OK(invoke(S(3), CAP_OP_DELETE, 0, 0));
	FAILS(forge(CAP_NULL, 12, FAR, S(3)), ERR_CAP_TYPE);
	FAILS(forge(200, 12, FAR, S(3)), ERR_CAP_TYPE);
	FAILS(forge(CAP_FRAME, 60, 0, S(3)), ERR_RETYPE_SIZE);
	FAILS(forge(CAP_FRAME, 12, FAR + 64, S(3)), ERR_RETYPE_SIZE);
	FAILS(forge(CAP_FRAME, 12, UINT64_C(1) << 52, S(3)), ERR_RETYPE_SIZE);
	FAILS(forge(CAP_FRAME, 12, FAR, CPTR(4, 4)), ERR_SLOT_LOOKUP);
	FAILS(retype(S(2), 0, CAP_FRAME, 12, 1, S(3)), ERR_CAP_REMOTE);
	OK(forge(CAP_CNODE, 14, FAR + 0x4000, CPTR_L1(1)));
	assert_null(cap_lookup_slot(&world_root, CPTR(1, 0))); /* another core's slots are not looked into */
	OK(forge(CAP_DISPATCHER, 13, FAR + 0x8000, S(4)));
	OK(forge(CAP_NOTIFICATION, 6, FAR + 0xa000, S(5)));
	assert_int_equal(world_slot(S(5))->badge, 5);
	assert_int_equal(cap_check(), 0);
	for (unsigned i = 0; i < 3; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	for (unsigned i = 4; i < 6; i++)
		OK(invoke(S(i), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.dispatcher + hosted.notification, 0);
}

static void test_forge_map(void **state)
{
	(void)state;
	make_tables();
	OK(forge(CAP_PTABLE3, 12, FAR, S(0)));
	OK(invoke(S(0), CAP_OP_MAP, T4, MAP_ARGS(1, 1, 0)));
	OK(forge(CAP_PTABLE4, 12, FAR + 0x1000, S(1)));
	FAILS(invoke(T3, CAP_OP_MAP, S(1), MAP_ARGS(1, 1, 0)), ERR_CAP_REMOTE);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(invoke(T3, CAP_OP_MAP, T4, MAP_ARGS(2, 1, 0)));
	OK(invoke(T2, CAP_OP_MAP, T3, MAP_ARGS(2, 1, 0)));
	OK(forge(CAP_FRAME, 21, FAR + 0x200000, S(1)));
	OK(invoke(S(1), INVOKE(CAP_OP_MAP, MAP_READ), T2, MAP_ARGS(0, 1, 0)));
	assert_int_equal(cap_check(), 0);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	assert_int_equal(*entry(T4, 1), 0);
}

static void test_forge_device(void **state)
{
	(void)state;
	FAILS(forge(CAP_DEVFRAME, 12, FAR, S(0)), ERR_RETYPE_OVERLAP);
	OK(forge(CAP_DEVFRAME, 16, HOSTED_DEVICE, S(0)));
	assert_false(world_slot(S(0))->flags & CAP_FLAG_FOREIGN);
	OK(retype(S(0), 0x1000, CAP_DEVFRAME, 12, 1, S(1)));
	FAILS(forge(CAP_DEVFRAME, 12, HOSTED_DEVICE + 0x2000, S(2)), ERR_RETYPE_OVERLAP);
	OK(forge(CAP_DEVFRAME, 16, HOSTED_DEVICE, S(2)));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(invoke(S(2), CAP_OP_DELETE, 0, 0));
}

static void test_share(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 2, S(1)));
	OK(copy(S(1), S(3), RIGHT_ALL));
	OK(cap_share(world_slot(S(3)), true)); /* by any of its capabilities */
	FAILS(invoke(S(1), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(S(3), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	FAILS(invoke(S(3), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	assert_true(CAP_INFO_FLAGS(cap_invoke(&world_root, S(3), CAP_OP_IDENTIFY, 0, 0).value) & CAP_FLAG_REMOTE);
	OK(cap_share(world_slot(S(3)), false));
	OK(invoke(S(3), CAP_OP_DELETE, 0, 0));
	OK(cap_share(world_slot(S(0)), true));
	OK(retype(S(0), 0x8000, CAP_FRAME, 12, 1, S(4))); /* this core's tree has all that is made of it */
	OK(invoke(S(4), CAP_OP_DELETE, 0, 0));
	OK(cap_share(world_slot(S(0)), false));
	OK(forge(CAP_FRAME, 12, FAR, S(4)));
	FAILS(cap_share(world_slot(S(4)), true), ERR_CAP_REMOTE);
	FAILS(invoke(S(4), CAP_OP_REVOKE, 0, 0), ERR_CAP_RIGHTS);
	OK(cap_forge(&world_root, CAP_INFO(CAP_FRAME, RIGHT_ALL, 12, 0), FAR, 0, S(5)));
	FAILS(invoke(S(5), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
}

/* Memory that was given to another core: its block stays taken, its objects may be named here. */
static void test_give(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 20, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 1, S(1)));
	FAILS(cap_give(world_slot(W_IRQ)), ERR_CAP_TYPE);
	FAILS(cap_give(world_slot(S(0))), ERR_CAP_BUSY);
	OK(cap_give(world_slot(S(1)))); /* a frame may change hands, too */
	FAILS(cap_give(world_slot(S(1))), ERR_CAP_REMOTE);
	OK(cap_give_undo(world_slot(S(1))));
	FAILS(cap_give_undo(world_slot(S(1))), ERR_ARGUMENT);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(cap_give(world_slot(S(0))));
	FAILS(retype(S(0), 0, CAP_FRAME, 12, 1, S(1)), ERR_CAP_REMOTE);
	FAILS(retype(W_RAM, 0x1000, CAP_FRAME, 12, 1, S(1)), ERR_RETYPE_OVERLAP);
	FAILS(invoke(S(0), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(W_RAM, CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	OK(forge(CAP_FRAME, 12, HOSTED_BASE + 0x1000, S(1)));
	assert_int_equal(cap_check(), 0);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(cap_give_undo(world_slot(S(0))));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
}

/* A cnode with the last capability to something shared stays till that is over, and holds its memory. */
static void test_shared_in_cnode(void **state)
{
	struct cap *inside;

	(void)state;
	OK(retype(W_RAM, 0, CAP_CNODE, 8, 2, S(0)));
	OK(retype(W_RAM, 0x1000, CAP_FRAME, 12, 1, CPTR_IN(S(0), CPTR_L1(2))));
	OK(retype(W_RAM, 0x2000, CAP_FRAME, 12, 1, CPTR_IN(S(1), CPTR_L1(0))));
	inside = world_slot(CPTR_IN(S(0), CPTR_L1(2)));
	OK(cap_share(inside, true));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	assert_int_equal(inside->type, CAP_FRAME);
	FAILS(invoke(W_RAM, CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	FAILS(retype(W_RAM, 0, CAP_FRAME, 12, 1, S(0)), ERR_RETYPE_OVERLAP);
	assert_int_equal(cap_check(), 0);
	assert_int_equal(cap_delete(inside), ERR_CAP_REMOTE);
	OK(cap_share(inside, false));
	OK(cap_delete(inside));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_lookup),
		T(test_lookup_rights),
		T(test_identify),
		T(test_copy),
		T(test_mint),
		T(test_retype_types),
		T(test_retype_sizes),
		T(test_retype_slots),
		T(test_retype_rights),
		T(test_retype_overlap),
		T(test_retype_same_block),
		T(test_retype_clears),
		T(test_retype_long),
		T(test_retype_long_delete),
		T(test_retype_long_garbage),
		T(test_retype_long_tables),
		T(test_delete_promotes),
		T(test_delete_hooks),
		T(test_delete_cnode),
		T(test_delete_nested),
		T(test_delete_full),
		T(test_cnode_cycles),
		T(test_delete_abandoned),
		T(test_dispatcher_keeps),
		T(test_dispatcher_loses),
		T(test_dispatcher_cycle),
		T(test_revoke),
		T(test_revoke_many),
		T(test_revoke_self),
		T(test_map_tables),
		T(test_map_frame),
		T(test_protect),
		T(test_map_stale),
		T(test_map_copies),
		T(test_forge),
		T(test_forge_map),
		T(test_forge_device),
		T(test_share),
		T(test_give),
		/* Leaves a doomed cnode behind: last. */
		cmocka_unit_test(test_shared_in_cnode),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
