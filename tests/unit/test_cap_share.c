/*
 * What the monitors ask of a CPU driver so that capabilities are one across cores:
 * objects that change hands, page tables that two drivers write, passes with a flush between.
 * The other core is this test: it writes in tables, and says when it has flushed.
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
#define S(i) (W_FREE + (cptr_t)(i))
#define THERE (HOSTED_OWN + 0x100000) /* the other core's memory */
#define THERE_BYTES 0x40000
enum { FLUSHED = 1, STOPPED = 2 };

static int setup(void **state)
{
	(void)state;
	memset(arch_window(THERE), 0, THERE_BYTES);
	return 0;
}

static uint64_t *entry_at(paddr_t table, unsigned index) { return (uint64_t *)arch_window(table) + index; }
static uint64_t *entry(cptr_t table, unsigned index) { return entry_at(world_slot(table)->base, index); }
static bool shows(cptr_t table, unsigned index) { return arch_pte_present(*entry(table, index)); }
static unsigned flags_of(cptr_t c) { return world_slot(c)->flags; }

static err_t forge(unsigned type, unsigned bits, uint64_t base, uint64_t badge, cptr_t to)
{
	return cap_forge(&world_root, CAP_INFO(type, RIGHT_ALL, bits, 0), base, badge, to);
}

static err_t adopt(unsigned type, unsigned bits, uint64_t base, cptr_t to)
{
	return cap_adopt(&world_root, CAP_INFO(type, RIGHT_ALL, bits, 0), base, 9, to);
}

/* A monitor's operation, repeated while it asks for it: `left` gets what stayed because of mappings. */
static unsigned calls;
static err_t pass(struct sys_result (*operation)(struct cap *, uint64_t), cptr_t c, unsigned flags, uint64_t *left)
{
	struct sys_result r;

	calls = 0;
	do {
		r = operation(world_slot(c), flags);
		calls++;
	} while (r.err == ERR_RESTART);
	*left = r.value;
	return r.err;
}

/* The other core lets go of all; what is left must go then, and leave nothing behind. */
static int teardown(void **state)
{
	uint64_t left;

	(void)state;
	assert_int_equal(cap_check(), 0);
	pass(cap_revoke_shared, W_RAM, STOPPED, &left);
	for (unsigned i = 0; i < 64; i++)
		if (!cap_empty(world_slot(S(i))))
			pass(cap_delete_shared, S(i), STOPPED, &left);
	assert_int_equal(cap_check(), 0);
	assert_int_equal(world_reset(), 0);
	return 0;
}

static uint64_t revoke(cptr_t c, unsigned flags)
{
	uint64_t left;

	OK(pass(cap_revoke_shared, c, flags, &left));
	return left;
}

static uint64_t remove_cap(cptr_t c, unsigned flags)
{
	uint64_t left;

	OK(pass(cap_delete_shared, c, flags, &left));
	return left;
}

static err_t map(cptr_t c, cptr_t table, unsigned index)
{
	return invoke(c, INVOKE(CAP_OP_MAP, world_slot(c)->type <= CAP_DEVFRAME ? MAP_READ : 0), table,
		      MAP_ARGS(index, 1, 0));
}

/* --- objects that change hands ---------------------------------------------------------- */

static void test_adopt(void **state)
{
	(void)state;
	OK(forge(CAP_RAM, 18, THERE, 0, S(0)));
	FAILS(adopt(CAP_CNODE, 14, THERE, S(1)), ERR_CAP_TYPE);
	FAILS(adopt(CAP_PTABLE1, 12, THERE, S(1)), ERR_CAP_TYPE);
	FAILS(adopt(CAP_RAM, 14, HOSTED_BASE, S(1)), ERR_RETYPE_OVERLAP);
	FAILS(adopt(CAP_RAM, 14, THERE, S(0)), ERR_SLOT_OCCUPIED);
	FAILS(adopt(CAP_RAM, 14, THERE, CPTR(9, 9)), ERR_SLOT_LOOKUP);
	FAILS(adopt(CAP_RAM, 14, THERE + 64, S(1)), ERR_RETYPE_SIZE);
	OK(adopt(CAP_RAM, 14, THERE + 0x4000, S(1)));
	assert_int_equal(flags_of(S(1)) & CAP_FLAG_FOREIGN, 0);
	OK(copy(S(1), S(2), RIGHT_READ));
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(adopt(CAP_RAM, 14, THERE + 0x4000, S(1))); /* a keeper: one more, whatever rights the others have */
	assert_int_equal(world_slot(S(1))->rights, RIGHT_ALL);
	OK(invoke(S(2), CAP_OP_DELETE, 0, 0));
	FAILS(adopt(CAP_RAM, 12, THERE + 0x4000, S(2)), ERR_RETYPE_OVERLAP);
	FAILS(forge(CAP_FRAME, 12, THERE + 0x5000, 0, S(2)), ERR_RETYPE_OVERLAP);
	FAILS(adopt(CAP_RAM, 17, THERE, S(2)), ERR_RETYPE_OVERLAP); /* around our own */
	/* It is as good as any of ours, though it lies in what is not. */
	OK(retype(S(1), 0, CAP_RAM, 13, 1, S(2)));
	OK(retype(S(2), 0, CAP_FRAME, 12, 2, S(3)));
	FAILS(retype(S(1), 0x1000, CAP_FRAME, 12, 1, S(5)), ERR_RETYPE_OVERLAP);
	OK(retype(S(1), 0x2000, CAP_CNODE, 12, 1, S(5)));
	OK(retype(S(1), 0x3000, CAP_FRAME, 12, 1, S(6)));
	OK(adopt(CAP_CNODE, 12, THERE + 0x6000, S(8))); /* ours already */
	OK(retype(W_RAM, 0, CAP_DISPATCHER, 13, 1, S(9)));
	OK(retype(S(9), 4096, CAP_ENDPOINT, 6, 1, S(10)));
	OK(adopt(CAP_ENDPOINT, 6, HOSTED_BASE + 4096, S(11)));
	assert_int_equal(world_slot(S(11))->badge, 9);
	FAILS(retype(S(0), 0, CAP_FRAME, 12, 1, S(7)), ERR_CAP_REMOTE);
	OK(invoke(S(2), CAP_OP_REVOKE, 0, 0));
	assert_true(cap_empty(world_slot(S(3))));
	assert_int_equal(cap_check(), 0);
}

/* The other core drops its object here: what it gave us of it is ours. */
static void test_drop(void **state)
{
	(void)state;
	OK(forge(CAP_RAM, 18, THERE, 0, S(0)));
	OK(copy(S(0), S(1), RIGHT_ALL));
	OK(copy(S(0), S(2), RIGHT_READ));
	OK(adopt(CAP_RAM, 14, THERE, S(3)));
	OK(retype(S(3), 0, CAP_FRAME, 12, 1, S(4)));
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(revoke(S(2), 0), 0);
	assert_true(cap_empty(world_slot(S(0))) && cap_empty(world_slot(S(1))));
	assert_int_equal(world_slot(S(4))->type, CAP_FRAME);
	assert_int_equal(remove_cap(S(2), 0), 0);
	assert_int_equal(world_slot(S(3))->type, CAP_RAM);
}

/* Ownership comes here with all capabilities that are here, mappings too. */
static void test_adopt_known(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0x10000, CAP_PTABLE4, 12, 1, S(10)));
	OK(forge(CAP_FRAME, 12, THERE, 0, S(0)));
	OK(copy(S(0), S(1), RIGHT_READ));
	OK(adopt(CAP_FRAME, 12, THERE, S(2)));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(flags_of(S(i)) & CAP_FLAG_FOREIGN, 0);
	FAILS(forge(CAP_FRAME, 12, THERE, 0, S(3)), ERR_RETYPE_OVERLAP);
	OK(invoke(S(2), CAP_OP_REVOKE, 0, 0));
	assert_true(cap_empty(world_slot(S(0))) && cap_empty(world_slot(S(1))));
	/* And back to the giver: the tombstone becomes ours, as by undoing. */
	OK(retype(W_RAM, 0, CAP_RAM, 14, 1, S(4)));
	OK(cap_give(world_slot(S(4))));
	OK(adopt(CAP_RAM, 14, HOSTED_BASE, S(5)));
	OK(retype(S(5), 0, CAP_FRAME, 12, 1, S(6)));
	OK(invoke(W_RAM, CAP_OP_REVOKE, 0, 0));
}

/* A block comes back while what the dead core gave on is a third one's. */
static void test_give_back_with_contents(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(cap_give(world_slot(S(0))));
	OK(forge(CAP_RAM, 14, HOSTED_BASE + 0x4000, 0, S(1)));
	OK(cap_give(world_slot(S(1))));
	OK(cap_give_undo(world_slot(S(0))));
	assert_int_equal(cap_check(), 0);
	FAILS(retype(S(0), 0x4000, CAP_FRAME, 12, 1, S(2)), ERR_RETYPE_OVERLAP);
	OK(retype(S(0), 0x8000, CAP_FRAME, 12, 1, S(2)));
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	OK(cap_give_undo(world_slot(S(1))));
	OK(invoke(S(0), CAP_OP_REVOKE, 0, 0));
	assert_true(cap_empty(world_slot(S(1))));
}

/* --- other cores' page tables -------------------------------------------------------------- */

enum { T4 = W_FREE + 20, T3, T2, T1, F0, F1 };

static void make_tables(void)
{
	for (unsigned i = 0; i < 4; i++)
		OK(retype(W_RAM, 0x100000 + i * 4096, CAP_PTABLE4 - i, 12, 1, T4 + i));
	OK(retype(W_RAM, 0x200000, CAP_FRAME, 14, 1, F0));
	OK(retype(W_RAM, 0x208000, CAP_FRAME, 12, 1, F1));
}

static void map_tables(void)
{
	make_tables();
	for (unsigned i = 0; i < 3; i++)
		OK(map(T3 + i, T4 + i, 3 + i));
}

#define VA3 ((uint64_t)7 << 39)

static void test_place(void **state)
{
	(void)state;
	make_tables();
	FAILS(cap_place(world_slot(F0)).err, ERR_CAP_TYPE);
	assert_int_equal(cap_place(world_slot(T4)).value, 1);
	assert_int_equal(cap_place(world_slot(T3)).value, 0);
	OK(map(T3, T4, 7));
	OK(copy(T3, S(0), RIGHT_ALL));
	assert_int_equal(cap_place(world_slot(S(0))).value, VA3 + 1);
	OK(forge(CAP_PTABLE2, 12, THERE, 0, S(1)));
	assert_int_equal(cap_place(world_slot(S(1))).value, 0);
	FAILS(map(T1, S(1), 0), ERR_MAP_UNMAPPED);
	OK(forge(CAP_PTABLE2, 12, THERE, VA3 + 1, S(2))); /* it has been placed since */
	assert_int_equal(cap_place(world_slot(S(1))).value, VA3 + 1);
	OK(map(T1, S(1), 0));
	assert_int_equal(cap_place(world_slot(T1)).value, VA3 + 1);
	assert_int_equal(arch_pte_paddr(*entry_at(THERE, 0)), world_slot(T1)->base);
}

static void test_foreign_into_root(void **state)
{
	(void)state;
	make_tables();
	OK(forge(CAP_PTABLE3, 12, THERE, VA3 + 1, S(0)));
	OK(map(T2, S(0), 2)); /* before it is in our root, and after */
	FAILS(map(S(0), T4, 6), ERR_MAP_RANGE);
	OK(map(S(0), T4, 7));
	FAILS(map(S(0), T4, 7), ERR_MAP_OCCUPIED);
	assert_int_equal(arch_pte_paddr(*entry(T4, 7)), THERE);
	OK(retype(W_RAM, 0x110000, CAP_PTABLE4, 12, 1, S(1)));
	FAILS(map(S(0), S(1), 7), ERR_MAP_MAPPED);
	OK(invoke(S(0), CAP_OP_UNMAP, 0, 0));
	assert_false(shows(T4, 7));
	OK(map(S(0), S(1), 7)); /* a later root: its number is higher */
	assert_true(shows(S(1), 7));
	OK(map(T1, T2, 0));
	OK(map(F0, T1, 0));
	/* By way of T2, which nobody shares. */
	assert_int_equal(cap_shared_table(world_slot(F0)), THERE | CAP_PTABLE3);
	assert_int_equal(cap_check(), 0);
	/* A root that was destroyed, and another at its address: neither has the table. */
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x110000, CAP_PTABLE4, 12, 1, S(1)));
	FAILS(map(S(0), T3, 0), ERR_MAP_UNMAPPED);
	OK(map(S(0), S(1), 7));
	FAILS(invoke(F0, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE); /* whose table it is gets there, too */
	OK(cap_unmap_shared(world_slot(F0), false));
	OK(cap_unmap_shared(world_slot(F0), true));
	/* Into what others use, only its owner puts it. */
	OK(cap_share(world_slot(S(1)), true));
	FAILS(invoke(S(0), CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	OK(forge(CAP_PTABLE3, 12, THERE + 0x1000, 0, S(2)));
	FAILS(map(S(2), S(1), 8), ERR_CAP_REMOTE);
	OK(cap_share(world_slot(S(1)), false));
	assert_int_equal(remove_cap(T2, 0), 1);
	assert_int_equal(remove_cap(T2, FLUSHED), 0);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	assert_int_equal(remove_cap(S(0), 0), 1); /* it has been used */
	FAILS(map(S(0), T4, 7), ERR_CAP_REMOTE);
	assert_int_equal(remove_cap(S(0), FLUSHED), 0);
}

/* While this core's entries are in it, another core's table is not let go by accident. */
static void test_foreign_in_use(void **state)
{
	(void)state;
	make_tables();
	OK(forge(CAP_PTABLE1, 12, THERE, VA3 + 1, S(0)));
	assert_true(cap_sole(world_slot(S(0))));
	OK(copy(S(0), S(1), RIGHT_ALL));
	assert_false(cap_sole(world_slot(S(0))));
	OK(map(F0, S(1), 0));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	assert_false(cap_sole(world_slot(S(1))));
	FAILS(invoke(S(1), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(F0, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	assert_true(arch_pte_present(*entry_at(THERE, 0)));
	/* Its owner takes it away: that is said by the monitors. What we put in is gone from it before we forget it. */
	*entry_at(THERE, 9) = arch_pte_leaf(THERE + 0x1000, 1, MAP_READ);
	assert_int_equal(remove_cap(S(1), 0), 1);
	assert_false(arch_pte_present(*entry_at(THERE, 0)) || arch_pte_present(*entry_at(THERE, 9)));
	FAILS(map(F1, S(1), 1), ERR_CAP_REMOTE);
	assert_int_equal(cap_check(), 0);
	assert_int_equal(remove_cap(S(1), 0), 1);
	assert_int_equal(remove_cap(S(1), FLUSHED), 0);
	assert_true(cap_empty(world_slot(S(1))));
	OK(invoke(F0, CAP_OP_DELETE, 0, 0));
}

/* --- shared tables --------------------------------------------------------------------------- */

static void share_tables(void)
{
	map_tables();
	OK(map(F0, T1, 0));
	OK(cap_share(world_slot(T1), true));
}

static void unshare(cptr_t table) { OK(cap_share(world_slot(table), false)); }

/* Mapped before or after it became shared: a user undoes nothing in it, and what he tries leaves no trace. */
static void test_shared_user(void **state)
{
	struct cap before;

	(void)state;
	share_tables();
	OK(map(F1, T1, 1));
	OK(copy(F1, S(0), RIGHT_ALL));
	for (cptr_t f = F0; f <= F1; f++) {
		before = *world_slot(f);
		FAILS(invoke(f, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
		FAILS(invoke(f, INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 1 << 16), ERR_CAP_REMOTE);
		FAILS(invoke(f, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
		assert_memory_equal(&before, world_slot(f), sizeof before);
	}
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0)); /* not mapped by this one */
	FAILS(invoke(W_RAM, CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	assert_true(shows(T1, 0) && shows(T1, 1));
	assert_int_equal(cap_check(), 0);
	unshare(T1); /* ... and back: it is as any other again */
	OK(invoke(F0, CAP_OP_UNMAP, 0, 0));
	OK(invoke(F1, CAP_OP_DELETE, 0, 0));
	assert_false(shows(T1, 0) || shows(T1, 1));
}

static void test_shared_unmap(void **state)
{
	(void)state;
	share_tables();
	FAILS(cap_unmap_shared(world_slot(T1), false), ERR_CAP_TYPE);
	FAILS(cap_unmap_shared(world_slot(F1), false), ERR_MAP_UNMAPPED);
	FAILS(cap_unmap_shared(world_slot(F0), true), ERR_MAP_MAPPED);
	assert_int_equal(cap_shared_table(world_slot(T1)) | cap_shared_table(world_slot(F1)), 0);
	OK(cap_unmap_shared(world_slot(F0), false));
	assert_int_equal(cap_shared_table(world_slot(F0)), world_slot(T1)->base | CAP_PTABLE1);
	assert_false(shows(T1, 0));
	assert_int_equal(hosted.flush_page, 1);
	/* The frame stays taken till all have flushed; the entry is free at once, for whoever is first. */
	FAILS(map(F0, T1, 4), ERR_MAP_MAPPED);
	FAILS(invoke(F0, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(F0, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	FAILS(cap_protect_shared(world_slot(F0), 1 << 16, MAP_READ), ERR_MAP_UNMAPPED);
	OK(map(F1, T1, 0));
	OK(cap_unmap_shared(world_slot(F0), false)); /* once more */
	assert_int_equal(arch_pte_paddr(*entry(T1, 0)), world_slot(F1)->base);
	assert_int_equal(cap_check(), 0);
	OK(cap_unmap_shared(world_slot(F0), true));
	assert_int_equal(cap_shared_table(world_slot(F0)), 0);
	assert_int_equal(arch_pte_paddr(*entry(T1, 0)), world_slot(F1)->base);
	FAILS(cap_unmap_shared(world_slot(F0), true), ERR_MAP_UNMAPPED);
	OK(map(F0, T1, 4));
	/* A copy at the same entry is another mapping. */
	OK(copy(F0, S(0), RIGHT_ALL));
	OK(cap_unmap_shared(world_slot(F0), false));
	OK(map(S(0), T1, 4));
	OK(cap_unmap_shared(world_slot(F0), false));
	assert_true(shows(T1, 4));
	OK(cap_unmap_shared(world_slot(F0), true));
	assert_true(shows(T1, 4));
	unshare(T1);
}

static void test_shared_protect(void **state)
{
	(void)state;
	share_tables();
	OK(cap_protect_shared(world_slot(F0), 1 << 16, MAP_READ | MAP_WRITE));
	assert_int_equal(*entry(T1, 0), arch_pte_leaf(world_slot(F0)->base, 1, MAP_READ | MAP_WRITE));
	FAILS(cap_protect_shared(world_slot(F0), 2 << 16, MAP_READ), ERR_MAP_RANGE);
	*entry(T1, 0) = arch_pte_leaf(THERE, 1, MAP_READ); /* the other core was there at the same time, and later */
	OK(cap_protect_shared(world_slot(F0), 1 << 16, MAP_READ | MAP_WRITE));
	assert_int_equal(*entry(T1, 0), arch_pte_leaf(THERE, 1, MAP_READ));
	*entry(T1, 0) = 0;
	OK(cap_protect_shared(world_slot(F0), 1 << 16, MAP_READ | MAP_WRITE));
	assert_int_equal(*entry(T1, 0), 0);
	assert_int_equal(cap_check(), 0);
	unshare(T1);
	OK(invoke(F0, INVOKE(CAP_OP_PROTECT, MAP_READ), 0, 1 << 16));
	assert_int_equal(*entry(T1, 0), 0);
}

/* Only what shows the frame is taken out. */
static void test_shared_raced(void **state)
{
	uint64_t others = arch_pte_leaf(THERE, 1, MAP_READ);

	(void)state;
	share_tables();
	*entry(T1, 0) = others;
	OK(cap_unmap_shared(world_slot(F0), false));
	OK(cap_unmap_shared(world_slot(F0), true));
	assert_int_equal(*entry(T1, 0), others);
	*entry(T1, 0) = 0;
	OK(map(F0, T1, 0));
	*entry(T1, 0) = others;
	assert_int_equal(remove_cap(F0, 0), 1);
	assert_int_equal(remove_cap(F0, FLUSHED), 0);
	assert_int_equal(*entry(T1, 0), others);
	/* Not shared any more, it may still hold such. */
	*entry(T1, 1) = 0;
	OK(map(F1, T1, 1));
	*entry(T1, 1) = others;
	unshare(T1);
	assert_int_equal(cap_check(), 0);
	OK(invoke(F1, CAP_OP_UNMAP, 0, 0));
	assert_int_equal(*entry(T1, 1), others);
}

static void test_shared_delete(void **state)
{
	(void)state;
	share_tables();
	assert_int_equal(remove_cap(F0, 0), 1);
	assert_false(shows(T1, 0));
	assert_int_equal(remove_cap(F0, 0), 1); /* no one said that all have flushed */
	FAILS(invoke(F0, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(remove_cap(F0, FLUSHED), 0);
	assert_true(cap_empty(world_slot(F0)));
	OK(map(F1, T1, 1));
	assert_int_equal(remove_cap(F1, FLUSHED), 1); /* flushed, but not since */
	assert_int_equal(remove_cap(F1, FLUSHED), 0);
	/* A mark of an unmap is no mark of a delete. */
	OK(retype(W_RAM, 0x300000, CAP_FRAME, 12, 1, F0));
	OK(map(F0, T1, 2));
	OK(cap_unmap_shared(world_slot(F0), false));
	assert_int_equal(remove_cap(F0, FLUSHED), 1);
	OK(cap_unmap_shared(world_slot(F0), true)); /* its flush came after the entry was emptied, too */
	OK(map(F0, T1, 2));
	assert_int_equal(remove_cap(F0, FLUSHED), 1);
	assert_int_equal(remove_cap(F0, FLUSHED), 0);
	/* Who vouches that no one runs there needs no second pass, but others may use the table: they flush. */
	OK(retype(W_RAM, 0x300000, CAP_FRAME, 12, 1, F0));
	OK(map(F0, T1, 2));
	assert_int_equal(remove_cap(F0, STOPPED), 1);
	assert_true(cap_empty(world_slot(F0)));
	assert_false(shows(T1, 2));
	unshare(T1);
}

/* A page table in a shared one, and the shared one itself. */
static void test_shared_tables(void **state)
{
	(void)state;
	map_tables();
	OK(cap_share(world_slot(T2), true));
	FAILS(invoke(T1, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(T1, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	OK(copy(T1, S(0), RIGHT_ALL));
	OK(invoke(T1, CAP_OP_DELETE, 0, 0)); /* not the last */
	FAILS(invoke(S(0), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	assert_true(shows(T2, 5));
	assert_int_equal(remove_cap(S(0), 0), 1);
	assert_false(shows(T2, 5));
	assert_int_equal(remove_cap(S(0), FLUSHED), 0);
	OK(retype(W_RAM, 0x103000, CAP_PTABLE1, 12, 1, T1));
	OK(map(T1, T2, 5));
	OK(map(F0, T1, 0));
	FAILS(invoke(T2, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	unshare(T2);
	OK(invoke(T2, CAP_OP_DELETE, 0, 0));
	assert_false(shows(T3, 4));
	OK(invoke(T1, CAP_OP_DELETE, 0, 0));
}

static void test_shared_revoke(void **state)
{
	(void)state;
	share_tables();
	OK(retype(W_RAM, 0x300000, CAP_RAM, 16, 1, S(0)));
	OK(copy(S(0), S(1), RIGHT_ALL));
	OK(retype(S(0), 0, CAP_FRAME, 12, 4, S(2)));
	OK(copy(S(2), S(6), RIGHT_ALL));
	OK(copy(S(2), S(7), RIGHT_ALL));
	OK(map(S(2), T1, 2));
	OK(map(S(6), T1, 3));
	OK(map(S(4), T1, 4));
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(revoke(S(0), 0), 3);
	assert_false(shows(T1, 2) || shows(T1, 3) || shows(T1, 4));
	assert_true(cap_empty(world_slot(S(1))) && cap_empty(world_slot(S(3))) && cap_empty(world_slot(S(5))) &&
		    cap_empty(world_slot(S(7))));
	/* Before all have flushed, some are mapped anew. */
	OK(copy(S(2), S(8), RIGHT_ALL));
	OK(map(S(8), T1, 2));
	assert_int_equal(revoke(S(0), FLUSHED), 1);
	assert_true(cap_empty(world_slot(S(2))) && cap_empty(world_slot(S(4))) && cap_empty(world_slot(S(6))));
	assert_false(shows(T1, 2));
	assert_int_equal(revoke(S(0), FLUSHED), 0);
	OK(retype(S(0), 0, CAP_FRAME, 16, 1, S(2)));
	OK(map(S(2), T1, 9));
	assert_int_equal(revoke(S(0), STOPPED), 1); /* who has a share in the table may run */
	assert_int_equal(revoke(S(0), STOPPED), 0);
	assert_false(shows(T1, 9));
	assert_true(shows(T1, 0)); /* not of this */
	unshare(T1);
}

/* Objects that are shared stop it, where they are not what is revoked. */
static void test_revoke_stops(void **state)
{
	uint64_t left;

	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 2, S(1)));
	OK(cap_share(world_slot(S(2)), true));
	OK(cap_share(world_slot(S(0)), true));
	FAILS(pass(cap_revoke_shared, S(0), 0, &left), ERR_CAP_REMOTE);
	assert_true(cap_empty(world_slot(S(1))));
	OK(cap_share(world_slot(S(2)), false));
	OK(pass(cap_revoke_shared, S(0), 0, &left));
	assert_true(cap_empty(world_slot(S(2))));
	FAILS(invoke(S(0), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(pass(cap_delete_shared, S(0), 0, &left), ERR_CAP_REMOTE);
	OK(cap_share(world_slot(S(0)), false));
	OK(pass(cap_delete_shared, S(0), 0, &left));
	FAILS(pass(cap_delete_shared, S(0), 0, &left), ERR_CAP_LOOKUP);
}

/* More mappings than one pass takes, in more work than one call does. */
static void test_revoke_many(void **state)
{
	uint64_t left;
	unsigned passes = 0;

	(void)state;
	share_tables();
	OK(retype(W_RAM, 0x300000, CAP_RAM, 20, 1, S(0)));
	OK(retype(W_RAM, 0x108000, CAP_CNODE, CAP_L2CNODE_BITS, 4, CPTR_L1(1)));
	for (unsigned i = 0; i < 4; i++)
		OK(retype(S(0), (uint64_t)i << 18, CAP_FRAME, 12, 64, CPTR(1 + i, 0)));
	for (unsigned i = 0; i < 256; i++) {
		OK(map(CPTR(1 + i / 64, i % 64), T1, 1 + i));
		OK(copy(CPTR(1 + i / 64, i % 64), CPTR(1 + i / 64, 64 + i % 64), RIGHT_ALL));
		if (i < 255)
			OK(map(CPTR(1 + i / 64, 64 + i % 64), T1, 257 + i));
	}
	OK(retype(W_RAM, 0x104000, CAP_PTABLE1, 12, 1, S(1)));
	OK(map(S(1), T2, 9));
	OK(cap_share(world_slot(S(1)), true));
	for (unsigned i = 0; i < 256; i++) {
		OK(copy(CPTR(1 + i / 64, i % 64), CPTR(1 + i / 64, 128 + i % 64), RIGHT_ALL));
		OK(map(CPTR(1 + i / 64, 128 + i % 64), S(1), i));
	}
	left = revoke(S(0), 0);
	assert_in_range(left, 500, 511);
	while (left) {
		left = revoke(S(0), FLUSHED);
		assert_in_range(++passes, 1, 3);
		assert_int_equal(cap_check(), 0);
	}
	assert_int_equal(passes, 2);
	assert_null(mdb_descendant(world_slot(S(0))));
	unshare(T1);
	unshare(S(1));
}

/* --- destroyed cnodes that hold mappings in shared tables -------------------------------------- */

/* A cnode at `at` in S(0), with frames behind it in some slots, mapped in T1 from entry `index` on. */
static void full_cnode(uint64_t at, unsigned bits, const unsigned *slots, unsigned count, unsigned index)
{
	uint64_t behind = at + SIZE_OF_BITS(bits < 12 ? 12 : bits);

	OK(retype(S(0), at, CAP_CNODE, bits, 1, S(1)));
	for (unsigned i = 0; i < count; i++) {
		cptr_t inside = CPTR_IN(S(1), CPTR_L1(slots[i]));

		OK(retype(S(0), behind + i * 4096, CAP_FRAME, 12, 1, inside));
		OK(map(inside, T1, index + i));
	}
}

static void test_stuck(void **state)
{
	static const unsigned slots[] = { 3, 200 };

	(void)state;
	share_tables();
	OK(retype(W_RAM, 0x300000, CAP_RAM, 18, 1, S(0)));
	full_cnode(0, 14, slots, 2, 10);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	assert_true(cap_empty(world_slot(S(1))));
	assert_true(shows(T1, 10) && shows(T1, 11)); /* out of reach, but no memory is used again */
	FAILS(retype(S(0), 0, CAP_FRAME, 12, 1, S(2)), ERR_RETYPE_OVERLAP);
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(cap_check(), 0);
	assert_true(revoke(S(0), 0));
	assert_false(shows(T1, 10) || shows(T1, 11));
	assert_int_equal(revoke(S(0), FLUSHED), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	/* The same at once. */
	full_cnode(0, 14, slots, 2, 10);
	assert_true(revoke(S(0), 0));
	assert_int_equal(revoke(S(0), FLUSHED), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	full_cnode(0, 14, slots, 2, 10);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	assert_int_equal(revoke(S(0), STOPPED), 1);
	assert_int_equal(revoke(S(0), STOPPED), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	unshare(T1);
}

/* What is in slot 0 would have to go to limbo, where nothing may stay. */
static void test_stuck_slot0(void **state)
{
	static const unsigned slots[] = { 0, 1 };

	(void)state;
	share_tables();
	OK(retype(W_RAM, 0x300000, CAP_RAM, 18, 1, S(0)));
	full_cnode(0, 10, slots, 2, 10);
	FAILS(invoke(S(1), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(remove_cap(S(1), 0), 1);
	assert_int_equal(remove_cap(S(1), FLUSHED), 1); /* now what is in slot 1 */
	assert_true(cap_empty(world_slot(S(1))));
	assert_int_equal(cap_check(), 0);
	assert_true(revoke(S(0), 0));
	assert_int_equal(revoke(S(0), FLUSHED), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	unshare(T1);
}

/* Larger than one call gets through, and not once anew with each call. */
static void test_stuck_large(void **state)
{
	static const unsigned slots[] = { 1, 5000, 16383 };

	(void)state;
	share_tables();
	OK(retype(W_RAM, 0x400000, CAP_RAM, 22, 1, S(0)));
	full_cnode(0, 20, slots, 3, 10);
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	assert_true(revoke(S(0), 0));
	assert_in_range(calls, 8, 20);
	assert_int_equal(revoke(S(0), FLUSHED), 0);
	assert_in_range(calls, 8, 20);
	assert_null(mdb_descendant(world_slot(S(0))));
	unshare(T1);
}

/* One that holds the last capability to something shared is not made better by any flush. */
static void test_stuck_shared(void **state)
{
	struct cap *inside;
	uint64_t left;

	(void)state;
	OK(retype(W_RAM, 0x300000, CAP_RAM, 18, 1, S(0)));
	OK(retype(S(0), 0, CAP_CNODE, 14, 1, CPTR_L1(1)));
	OK(retype(W_RAM, 0x200000, CAP_FRAME, 12, 1, CPTR(1, 7)));
	inside = world_slot(CPTR(1, 7));
	OK(cap_share(inside, true));
	OK(invoke(CPTR_L1(1), CAP_OP_DELETE, 0, 0));
	FAILS(pass(cap_revoke_shared, S(0), 0, &left), ERR_CAP_REMOTE);
	FAILS(pass(cap_revoke_shared, S(0), STOPPED, &left), ERR_CAP_REMOTE);
	OK(cap_share(inside, false));
	assert_int_equal(revoke(S(0), 0), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	assert_true(cap_empty(inside));
}

/*
 * A chain of cnodes, each in slot 0 of the one before, and at its end something that has to stay: the last of
 * them could not leave limbo, and with it no other could be destroyed.
 */
static void chain_make(unsigned depth)
{
	for (unsigned i = 0; i < depth; i++) {
		OK(retype(S(0), (uint64_t)i << 10, CAP_CNODE, 10, 1, S(1)));
		if (i == 0) {
			OK(retype(W_RAM, 0x210000, CAP_FRAME, 12, 1, CPTR_IN(S(1), CPTR_L1(0))));
			OK(map(CPTR_IN(S(1), CPTR_L1(0)), T1, 40));
		} else {
			cap_move(world_slot(CPTR_IN(S(1), CPTR_L1(0))), world_slot(S(2)));
		}
		cap_move(world_slot(S(2)), world_slot(S(1)));
	}
}

static void chain_test(unsigned depth)
{
	share_tables();
	OK(retype(W_RAM, 0x300000, CAP_RAM, 18, 1, S(0)));
	chain_make(depth);
	FAILS(invoke(S(2), CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(cap_check(), 0);
	FAILS(invoke(S(0), CAP_OP_REVOKE, 0, 0), ERR_CAP_REMOTE);
	/* Others are destroyed as ever. */
	OK(retype(W_RAM, 0x340000, CAP_CNODE, 14, 1, S(3)));
	OK(invoke(S(3), CAP_OP_DELETE, 0, 0));
	OK(retype(W_RAM, 0x340000, CAP_FRAME, 14, 1, S(3)));
	OK(invoke(S(3), CAP_OP_DELETE, 0, 0));
	while (revoke(S(0), FLUSHED))
		assert_int_equal(cap_check(), 0);
	assert_null(mdb_descendant(world_slot(S(0))));
	OK(invoke(S(0), CAP_OP_REVOKE, 0, 0));
	unshare(T1);
}

static void test_stuck_chain(void **state)
{
	(void)state;
	chain_test(2);
}

static void test_stuck_deep(void **state)
{
	(void)state;
	chain_test(200);
}

/* Other cores translate by what lies below a shared table, whoever has shares in that. */
static void test_below_shared(void **state)
{
	(void)state;
	map_tables();
	OK(map(F0, T1, 0));
	OK(cap_share(world_slot(T3), true));
	FAILS(invoke(F0, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(F0, INVOKE(CAP_OP_PROTECT, MAP_READ), 0, MAP_ARGS(0, 1, 0)), ERR_CAP_REMOTE);
	FAILS(invoke(F0, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(T1, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE);
	FAILS(invoke(T2, CAP_OP_UNMAP, 0, 0), ERR_CAP_REMOTE);
	assert_int_equal(remove_cap(T1, 0), 1);
	FAILS(invoke(F0, CAP_OP_DELETE, 0, 0), ERR_CAP_REMOTE); /* not yet */
	assert_int_equal(remove_cap(T1, FLUSHED), 0);
	OK(invoke(F0, CAP_OP_DELETE, 0, 0)); /* no one gets there any more */
	unshare(T3);
	OK(invoke(T2, CAP_OP_DELETE, 0, 0));
}

/* --- questions ------------------------------------------------------------------------------------ */

static struct sys_result next(uint64_t info, uint64_t base, uint64_t end, bool shared)
{
	struct sys_result r;

	calls = 0;
	arch_frame()->rdx = info;
	arch_frame()->r10 = base;
	do {
		r = cap_next(arch_frame()->rdx, arch_frame()->r10, end, shared);
		calls++;
	} while (r.err == ERR_RESTART);
	return r;
}

#define INFO(type, bits) CAP_INFO(type, 0, bits, 0)

static void test_next(void **state)
{
	struct sys_result r;
	uint64_t seen = 0;

	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	OK(retype(S(0), 0, CAP_FRAME, 12, 2, S(1)));
	OK(copy(S(1), S(3), RIGHT_READ));
	FAILS(next(CAP_TYPES, 0, -1ull, false).err, ERR_CAP_TYPE);
	r = next(CAP_NULL, 0, -1ull, false);
	assert_int_equal(r.value, CAP_INFO(CAP_RAM, RIGHT_ALL, HOSTED_RAM_BITS, 0));
	assert_int_equal(arch_frame()->r8, HOSTED_BASE);
	r = next(CAP_NULL, HOSTED_BASE + 1, -1ull, false);
	assert_int_equal(arch_frame()->r8, HOSTED_BASE + 0x1000);
	r = next(INFO(CAP_RAM, 16), HOSTED_BASE, -1ull, false);
	assert_int_equal(CAP_INFO_TYPE(r.value), CAP_FRAME);
	assert_int_equal(arch_frame()->r9, 2);
	assert_int_equal(next(INFO(CAP_RAM, 16), HOSTED_BASE, HOSTED_BASE, false).value, 0);
	assert_int_equal(CAP_INFO_TYPE(next(INFO(CAP_IRQ, 255), 0, -1ull, false).value), CAP_IRQ);
	assert_int_equal(next(INFO(CAP_IRQ, 8), 0, -1ull, false).value, 0);
	assert_int_equal(next(CAP_NULL, 0, -1ull, true).value, 0);
	/* The one that is shared, behind more than one call looks at. */
	OK(retype(W_RAM, 0x108000, CAP_CNODE, CAP_L2CNODE_BITS, 3, CPTR_L1(1)));
	for (unsigned i = 0; i < 3; i++)
		OK(retype(W_RAM, 0x200000 + i * 0x4000, CAP_NOTIFICATION, 6, 256, CPTR(1 + i, 0)));
	OK(cap_share(world_slot(CPTR(3, 255)), true));
	r = next(CAP_NULL, 0, -1ull, true);
	assert_int_equal(arch_frame()->r8, world_slot(CPTR(3, 255))->base);
	assert_true(CAP_INFO_FLAGS(r.value) & CAP_FLAG_REMOTE);
	assert_in_range(calls, 2, 4);
	OK(cap_share(world_slot(CPTR(3, 255)), false));
	/* All nodes, each once. */
	r = next(CAP_NULL, 0, -1ull, false);
	for (; r.value; seen++)
		r = next(r.value, arch_frame()->r8, -1ull, false);
	assert_int_equal(seen + 4 + 2, cap_count); /* the other spaces' nodes, and the copies */
}

static void test_sole_watch(void **state)
{
	(void)state;
	OK(retype(W_RAM, 0, CAP_RAM, 16, 1, S(0)));
	assert_true(cap_sole(world_slot(S(0))));
	OK(copy(S(0), S(1), RIGHT_ALL));
	assert_false(cap_sole(world_slot(S(0))));
	assert_false(cap_sole(world_slot(S(1))));
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.watched, 0); /* no one shares it */
	OK(cap_share(world_slot(S(0)), true));
	for (unsigned i = 1; i < 4; i++)
		OK(copy(S(0), S(i), RIGHT_ALL));
	OK(invoke(S(1), CAP_OP_DELETE, 0, 0));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0)); /* the first, which others follow */
	assert_int_equal(hosted.watched, 0);
	OK(invoke(S(3), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.watched, 1);
	OK(retype(S(2), 0, CAP_FRAME, 12, 1, S(0)));
	assert_false(cap_sole(world_slot(S(2))));
	OK(invoke(S(0), CAP_OP_DELETE, 0, 0));
	/* Through a revoke, in a cnode that goes, in a dispatcher's own slot. */
	OK(copy(S(2), S(3), RIGHT_ALL));
	assert_int_equal(revoke(S(3), 0), 0);
	assert_int_equal(hosted.watched, 2);
	OK(retype(W_RAM, 0x20000, CAP_CNODE, 8, 1, S(4)));
	OK(copy(S(3), CPTR_IN(S(4), CPTR_L1(2)), RIGHT_ALL));
	OK(invoke(S(4), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.watched, 3);
	OK(retype(W_RAM, 0x22000, CAP_DISPATCHER, 13, 1, S(4)));
	OK(retype(W_RAM, 0x20000, CAP_FRAME, 13, 1, S(5)));
	OK(cap_share(world_slot(S(5)), true));
	OK(cap_embed(&((struct dispatcher *)arch_window(world_slot(S(4))->base))->frame_cap, world_slot(S(5))));
	OK(invoke(S(4), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.watched, 4);
	OK(forge(CAP_FRAME, 12, THERE, 0, S(6)));
	OK(copy(S(6), S(7), RIGHT_ALL));
	OK(invoke(S(6), CAP_OP_DELETE, 0, 0));
	assert_int_equal(hosted.watched, 5);
	OK(cap_share(world_slot(S(5)), false));
	OK(cap_share(world_slot(S(3)), false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_adopt),          T(test_drop),
		T(test_adopt_known),    T(test_give_back_with_contents),
		T(test_place),          T(test_foreign_into_root),
		T(test_foreign_in_use), T(test_shared_user),
		T(test_shared_unmap),   T(test_shared_protect),
		T(test_shared_raced),   T(test_shared_delete),
		T(test_shared_tables),  T(test_shared_revoke),
		T(test_revoke_stops),   T(test_revoke_many),
		T(test_stuck),          T(test_stuck_slot0),
		T(test_stuck_large),    T(test_stuck_shared),
		T(test_stuck_chain),    T(test_stuck_deep),
		T(test_below_shared),   T(test_next),
		T(test_sole_watch),
	};

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
