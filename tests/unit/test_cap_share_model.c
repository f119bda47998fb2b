/*
 * Random sequences of what users, two flows of a monitor, and another core do with
 * capabilities and page tables that they share.  The model is what the other core's processor may
 * remember: every page that a shared table has shown since that processor flushed.  Such a page
 * is in a frame that is still here, and no new object is made of it.  A refused
 * operation changes nothing; what is mapped in a table of one core only is claimed by a
 * capability; the kernel's own invariants hold.  A run is its seed; SEED=n runs one.
 */
/* needs: tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

#define SEEDS 60
#define STEPS 4000
#define POOL 40    /* slots that users have */
#define ENTRIES 12 /* of each table that are used */
#define POOL_SLOT(i) (W_FREE + (cptr_t)(i))
#define THERE (HOSTED_OWN + 0x100000) /* the other core's: a page table, then a block that it may give */
#define GIVEN (THERE + 0x10000)       /* 64 KiB */
#define THEIR_PAGE (THERE + 0x30000)  /* what it maps itself */
#define PAGES (2u << (HOSTED_RAM_BITS - 12))
enum { FLUSHED = 1, STOPPED = 2 };
/* The fixed slots: tables, two of which become shared, and keepers of the monitor's. */
enum { T4 = W_FREE + POOL, T3, T2, TA, TB, KEEP_TABLE, KEEP_BLOCK, KEEP_GIVEN, RAM };

static paddr_t table[3]; /* TA, TB, and the other core's */
static bool remembered[3][PAGES];
static bool put[3][ENTRIES]; /* by the other core: stays till that takes it out */
static uint64_t seed;
static unsigned long accepted, refused, passes;

static unsigned draw(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % limit;
}

/* --- what the other core may see ----------------------------------------------------- */

static uint64_t *entries(unsigned t) { return arch_window(table[t]); }
static unsigned page_of(paddr_t p) { return (unsigned)((p - HOSTED_BASE) >> 12); }
static bool theirs(paddr_t p) { return p >= THEIR_PAGE; }

static bool is_shared(unsigned t)
{
	const struct cap *c = mdb_find(table[t], CAP_PTABLE_BITS, CAP_PTABLE1);

	return c && c->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN);
}

/* It may have used any entry of a shared table just now. */
static void observe(void)
{
	for (unsigned t = 0; t < 3; t++) {
		if (!is_shared(t))
			memset(remembered[t], 0, sizeof remembered[t]);
		for (unsigned i = 0; is_shared(t) && i < ENTRIES; i++)
			if (arch_pte_present(entries(t)[i]) && !theirs(arch_pte_paddr(entries(t)[i])))
				remembered[t][page_of(arch_pte_paddr(entries(t)[i]))] = true;
	}
}

static void flush(void)
{
	memset(remembered, 0, sizeof remembered);
	observe();
}

static void their_entry(unsigned t, unsigned i, bool present)
{
	put[t][i] = present;
	entries(t)[i] = present ? arch_pte_leaf(THEIR_PAGE, 1, MAP_READ) : 0;
}

/* The table is the other core's no more, or is gone with all that was in it. */
static void let_go(unsigned t)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (put[t][i])
			their_entry(t, i, false);
	memset(remembered[t], 0, sizeof remembered[t]);
}

static void check_remembered(void)
{
	for (unsigned t = 0; t < 3; t++)
		for (unsigned p = 0; p < PAGES; p++) {
			paddr_t base = HOSTED_BASE + ((paddr_t)p << 12);
			const struct cap *c;

			if (!remembered[t][p])
				continue;
			c = mdb_seek(SPACE_MEMORY, base, 0, CAP_TYPES).before;
			while (c && !mdb_contains(c, base))
				c = mdb_seek(SPACE_MEMORY, c->base, c->bits, c->type - 1u).before;
			assert_true(c && c->type == CAP_FRAME);
		}
}

static bool claims(const struct cap *c, unsigned t, unsigned index)
{
	unsigned first = c->mapping & 0x1ff, count = (unsigned)(c->mapping >> 52 & 0x1ff) + 1;

	return c->type == CAP_FRAME && c->flags & CAP_FLAG_MAPPED &&
	       (c->mapping & UINT64_C(0x000ffffffffff000)) == table[t] && index >= first && index < first + count &&
	       mdb_contains(c, arch_pte_paddr(entries(t)[index]));
}

static bool claimed(unsigned t, unsigned index)
{
	for (const struct cap *n = mdb_first(SPACE_MEMORY); n; n = mdb_next(n)) {
		if (n->type != CAP_FRAME)
			continue;
		if (claims(n, t, index))
			return true;
		for (const struct cap *c = n->copies; c; c = c->next)
			if (claims(c, t, index))
				return true;
	}
	return false;
}

static void check_claims(void)
{
	for (unsigned t = 0; t < 3; t++)
		for (unsigned i = 0; i < ENTRIES; i++)
			if (put[t][i])
				assert_int_equal(arch_pte_paddr(entries(t)[i]), THEIR_PAGE);
			else if (arch_pte_present(entries(t)[i]))
				assert_true(claimed(t, i));
}

/* --- users ------------------------------------------------------------------------------ */

static cptr_t draw_slot(void)
{
	return draw(6) ? POOL_SLOT(draw(POOL)) : CPTR_IN(POOL_SLOT(draw(POOL)), CPTR_L1(draw(4)));
}

static cptr_t draw_frame(void)
{
	for (unsigned i = 0; i < 8; i++) {
		cptr_t c = draw_slot();

		if (world_slot(c) && world_slot(c)->type == CAP_FRAME)
			return c;
	}
	return draw_slot();
}

/* What is refused because another core is concerned is as it was. */
static err_t careful(cptr_t c, uint64_t op, uint64_t a0, uint64_t a1)
{
	struct cap *slot = world_slot(c), before = slot ? *slot : (struct cap){ 0 };
	err_t err = invoke(c, op, a0, a1);

	if (err == ERR_CAP_REMOTE)
		assert_memory_equal(slot, &before, offsetof(struct cap, child));
	accepted += err == ERR_OK;
	refused += err == ERR_CAP_REMOTE;
	return err;
}

static void user_retype(void)
{
	static const uint8_t types[] = { CAP_FRAME, CAP_FRAME, CAP_FRAME, CAP_RAM, CAP_CNODE };
	unsigned type = types[draw(sizeof types)], bits = type == CAP_CNODE ? 8 : 12 + draw(3);
	cptr_t from = draw(3) ? (draw(4) ? RAM : KEEP_GIVEN) : draw_slot(), to = draw_slot();
	uint64_t offset = (uint64_t)draw(16) << 12 & -SIZE_OF_BITS(bits);
	paddr_t base = world_slot(from) ? world_slot(from)->base + offset : 0;

	if (retype(from, offset, type, bits, 1, to) != ERR_OK)
		return;
	for (unsigned p = 0; p < SIZE_OF_BITS(bits > 12 ? bits : 12) >> 12; p++)
		for (unsigned t = 0; t < 3; t++)
			assert_false(remembered[t][page_of(base) + p]);
}

static void user_map(void)
{
	static const cptr_t tables[] = { TA, TB, KEEP_TABLE };
	cptr_t frame = draw_frame();
	unsigned way = draw(8);

	if (way < 4)
		invoke(frame, INVOKE(CAP_OP_MAP, MAP_READ), tables[draw(3)],
		       MAP_ARGS(draw(ENTRIES - 3), 1 + draw(3), 0));
	else if (way < 6)
		careful(frame, CAP_OP_UNMAP, 0, 0);
	else
		careful(frame, INVOKE(CAP_OP_PROTECT, MAP_READ | MAP_WRITE), 0, 1 << 16);
}

static void user_step(void)
{
	unsigned way = draw(20);
	cptr_t c = draw_slot();

	if (way < 6)
		user_retype();
	else if (way < 9)
		copy(draw(5) ? draw_frame() : c, draw_slot(), RIGHT_ALL);
	else if (way < 12)
		careful(c, CAP_OP_DELETE, 0, 0);
	else if (way < 13)
		invoke(draw(4) ? c : RAM, CAP_OP_REVOKE, 0, 0);
	else
		user_map();
}

/* --- the other core -------------------------------------------------------------------------- */

/* It maps and unmaps what is its own; once in a while at the same moment as this core. */
static void other_core(void)
{
	unsigned t = draw(3), i = draw(ENTRIES);

	if (!is_shared(t))
		return;
	if (put[t][i] || !arch_pte_present(entries(t)[i]) || draw(30) == 0)
		their_entry(t, i, !put[t][i]);
}

/* --- the monitor: one flow that unmaps, one that deletes -------------------------------------- */

static cptr_t unmapping, deleting;
static struct sys_result (*deletion)(struct cap *, uint64_t);
static struct cap deleting_was;

static struct sys_result run(struct sys_result (*operation)(struct cap *, uint64_t), cptr_t c, unsigned flags)
{
	struct sys_result r;

	do
		r = operation(world_slot(c), flags);
	while (r.err == ERR_RESTART);
	passes++;
	return r;
}

static void flow_unmap(void)
{
	cptr_t c = draw_frame();

	if (unmapping) {
		flush();
		if (world_slot(unmapping))
			cap_unmap_shared(world_slot(unmapping), true);
		unmapping = 0;
	} else if (world_slot(c) && cap_unmap_shared(world_slot(c), false) == ERR_OK) {
		unmapping = c;
	}
}

/* A slot may have become another's, or gone, between the passes. */
static bool still_meant(void)
{
	const struct cap *c = world_slot(deleting);

	return c && !cap_empty(c) && cap_same_object(c, &deleting_was);
}

static void flow_delete(void)
{
	static struct sys_result (*const ways[])(struct cap *, uint64_t) = { cap_revoke_shared, cap_delete_shared };
	bool first = !deleting || draw(4) == 0; /* also again, before anyone has flushed */

	if (!deleting) {
		deletion = ways[draw(2)];
		deleting = deletion == cap_revoke_shared && draw(3) == 0 ? RAM : draw(3) ? draw_frame() : draw_slot();
		if (!cap_lookup(&world_root, deleting)) {
			deleting = 0;
			return;
		}
		deleting_was = *world_slot(deleting);
	}
	if (!first)
		flush();
	if (!still_meant() || run(deletion, deleting, first ? 0 : FLUSHED).value == 0)
		deleting = 0;
}

static void flow_tables(void)
{
	unsigned t = draw(2);
	struct cap *c = world_slot(TA + t);

	if (!is_shared(t)) {
		cap_share(c, true);
	} else if (draw(3) == 0) {
		let_go(t);
		cap_share(c, false);
	}
}

/* The other core's table: another copy for a user, or its end, which takes it away from all. */
static void flow_foreign_table(void)
{
	if (cap_empty(world_slot(KEEP_TABLE))) {
		assert_int_equal(cap_forge(&world_root, CAP_INFO(CAP_PTABLE1, RIGHT_ALL, 12, 0), THERE,
					   1 + (UINT64_C(1) << 39), KEEP_TABLE),
				 ERR_OK);
		return;
	}
	if (draw(8))
		return;
	run(cap_revoke_shared, KEEP_TABLE, 0);
	if (run(cap_delete_shared, KEEP_TABLE, 0).value) {
		assert_false(cap_empty(world_slot(KEEP_TABLE)));
		flush();
		assert_int_equal(run(cap_delete_shared, KEEP_TABLE, FLUSHED).value, 0);
	}
	assert_true(cap_empty(world_slot(KEEP_TABLE)));
	let_go(2);
}

/* Blocks go to and fro: one of ours is given, one of the other core's is adopted. */
static void flow_blocks(void)
{
	struct cap *given = world_slot(KEEP_GIVEN);
	cptr_t c = draw_slot();

	if (cap_empty(world_slot(KEEP_BLOCK))) {
		assert_int_equal(cap_forge(&world_root, CAP_INFO(CAP_RAM, RIGHT_ALL, 17, 0), THERE, 0, KEEP_BLOCK),
				 ERR_OK);
	} else if (cap_empty(given)) {
		assert_int_equal(cap_adopt(&world_root, CAP_INFO(CAP_RAM, RIGHT_ALL, 16, 0), GIVEN, 0, KEEP_GIVEN),
				 ERR_OK);
	} else if (cap_sole(given) && draw(2)) {
		assert_int_equal(run(cap_delete_shared, KEEP_GIVEN, 0).err, ERR_OK);
	} else if (draw(2)) {
		run(cap_revoke_shared, KEEP_BLOCK, 0); /* dropped: the block in it stays */
		assert_false(cap_empty(given));
	} else if (world_slot(c) && world_slot(c)->flags & CAP_FLAG_FOREIGN) {
		cap_give_undo(world_slot(c));
	} else if (cap_lookup(&world_root, c)) {
		cap_give(world_slot(c));
	}
}

static void monitor_step(void)
{
	switch (draw(10)) {
	case 0:
	case 1:
	case 2:
		flow_unmap();
		break;
	case 3:
	case 4:
	case 5:
		flow_delete();
		break;
	case 6:
		flow_tables();
		break;
	case 7:
		flow_foreign_table();
		break;
	default:
		flow_blocks();
	}
}

/* --- runs ---------------------------------------------------------------------------------------- */

static void start(void)
{
	memset(arch_window(THERE), 0, 0x40000);
	memset(remembered, 0, sizeof remembered);
	memset(put, 0, sizeof put);
	unmapping = deleting = 0;
	assert_int_equal(retype(W_RAM, 0x100000, CAP_RAM, 16, 1, RAM), ERR_OK);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(retype(W_RAM, i * 4096, CAP_PTABLE4 - i, 12, 1, T4 + i), ERR_OK);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(retype(W_RAM, 0x4000 + i * 4096, CAP_PTABLE1, 12, 1, TA + i), ERR_OK);
		assert_int_equal(invoke(T3 + i, CAP_OP_MAP, T4 + i, MAP_ARGS(0, 1, 0)), ERR_OK);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(invoke(TA + i, CAP_OP_MAP, T2, MAP_ARGS(i, 1, 0)), ERR_OK);
		table[i] = world_slot(TA + i)->base;
	}
	table[2] = THERE;
}

/* No core runs any of it any more. */
static void end(void)
{
	for (struct cap *c = mdb_first(SPACE_MEMORY); c; c = mdb_next(c))
		if (c->flags & CAP_FLAG_REMOTE && !(c->flags & CAP_FLAG_CLEARING)) {
			c->flags &= (uint8_t) ~(CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN);
			for (struct cap *n = c->copies; n; n = n->next)
				n->flags &= (uint8_t)~CAP_FLAG_FOREIGN;
		}
	for (cptr_t c = W_FREE; c <= RAM; c++)
		if (!cap_empty(world_slot(c)) && world_slot(c)->type == CAP_RAM)
			run(cap_revoke_shared, c, STOPPED);
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < ENTRIES; i++)
			assert_false(arch_pte_present(entries(t)[i]) && !theirs(arch_pte_paddr(entries(t)[i])));
	assert_int_equal(run(cap_revoke_shared, W_RAM, STOPPED).err, ERR_OK);
	for (cptr_t c = W_FREE; c <= RAM; c++)
		if (!cap_empty(world_slot(c)))
			assert_int_equal(run(cap_delete_shared, c, STOPPED).err, ERR_OK);
	assert_int_equal(world_reset(), 0);
}

static void test_model(void **state)
{
	const char *only = getenv("SEED");
	unsigned first = only ? (unsigned)atoi(only) : 1, last = only ? first : SEEDS;

	(void)state;
	for (unsigned s = first; s <= last; s++) {
		seed = s;
		start();
		for (unsigned i = 0; i < STEPS; i++) {
			unsigned who = draw(10);

			if (who < 6)
				user_step();
			else if (who < 9)
				monitor_step();
			else
				other_core();
			check_remembered();
			observe();
			check_claims();
			if (cap_check())
				fail_msg("seed %u step %u: %lu violations", s, i, (unsigned long)cap_check());
		}
		end();
	}
	print_message("%lu accepted, %lu refused, %lu passes\n", accepted, refused, passes);
	assert_true(accepted > 1000 && refused > 1000 && passes > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
