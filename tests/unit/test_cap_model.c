/*
 * Random sequences of capability operations against a naive model: a list of
 * capabilities, each with its slot, where every question is answered by a look at
 * all of them.  After each operation the result, every slot and the kernel's own
 * invariants are compared.  A run is its seed; the seed is printed by a failure.
 */
/* needs: tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_check.c kernel/core/cap_invoke.c */
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

#define SEEDS 100
#define STEPS 3000
#define ENTRIES 8192
#define SLOTS 120    /* of cnode 0 */
#define AREA_BITS 20 /* objects crowd in the first part of memory */

struct entry {
	struct cap *slot;
	unsigned type, bits, rights;
	uint64_t base, badge;
};
static struct entry entries[ENTRIES];
static unsigned count;
static uint64_t seed;
static unsigned deletes; /* of 100 steps, differs by seed */

static unsigned draw(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % limit;
}

/* --- the model ----------------------------------------------------------------- */

static struct entry *entry_at(const struct cap *slot)
{
	for (unsigned i = 0; i < count; i++)
		if (entries[i].slot == slot)
			return &entries[i];
	return NULL;
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->type == b->type && a->base == b->base && a->bits == b->bits;
}

static bool same_space(unsigned a, unsigned b) { return cap_kind[a].space == cap_kind[b].space; }

static bool overlaps(const struct entry *e, unsigned type, uint64_t base, uint64_t size)
{
	return same_space(e->type, type) && e->base < base + size && base < e->base + SIZE_OF_BITS(e->bits);
}

/* Is e in a's block and below it? */
static bool below(const struct entry *e, const struct entry *a)
{
	if (!overlaps(e, a->type, a->base, SIZE_OF_BITS(a->bits)))
		return false;
	return e->bits != a->bits ? e->bits < a->bits : e->type > a->type;
}

static void model_add(struct cap *slot, unsigned type, uint64_t base, unsigned bits, unsigned rights, uint64_t badge)
{
	assert_true(count < ENTRIES);
	entries[count++] = (struct entry){ slot, type, bits, rights, base, badge };
}

static void model_delete(struct cap *slot)
{
	struct entry *e = entry_at(slot), gone = *e;
	const char *start, *at;
	unsigned i;

	*e = entries[--count];
	for (i = 0; i < count; i++)
		if (same(&entries[i], &gone))
			return;
	if (gone.type != CAP_CNODE && gone.type != CAP_DISPATCHER)
		return;
	start = arch_window(gone.base);
	for (i = 0; i < count; i++) {
		at = (const char *)entries[i].slot;
		if (at >= start && at < start + SIZE_OF_BITS(gone.bits)) {
			model_delete(entries[i].slot);
			i = -1u;
		}
	}
}

/* What a revoke of `of` deletes next: copies, then descendants by address and size. */
static struct entry *model_victim(const struct entry *of)
{
	struct entry *best = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct entry *e = &entries[i];

		if (e->slot != of->slot && same(e, of))
			return e;
		if (!below(e, of))
			continue;
		if (!best || e->base < best->base || (e->base == best->base && below(best, e)))
			best = e;
	}
	return best;
}

static err_t model_revoke(struct cap *slot)
{
	struct entry *e = entry_at(slot), *victim, was;

	if (!e)
		return ERR_CAP_LOOKUP;
	was = *e;
	if (e->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	while ((victim = model_victim(&was)) != NULL) {
		model_delete(victim->slot);
		e = entry_at(slot);
		if (!e || !same(e, &was))
			return ERR_CAP_LOOKUP;
	}
	return ERR_OK;
}

static err_t model_copy(struct cap *src, struct cap *to, unsigned rights)
{
	struct entry *e = src ? entry_at(src) : NULL;

	if (!e)
		return ERR_CAP_LOOKUP;
	if (!to)
		return ERR_SLOT_LOOKUP;
	if (entry_at(to))
		return ERR_SLOT_OCCUPIED;
	model_add(to, e->type, e->base, e->bits, e->rights & rights, e->badge);
	return ERR_OK;
}

static err_t model_mint(struct cap *src, struct cap *to, unsigned rights, uint64_t badge)
{
	struct entry *e = src ? entry_at(src) : NULL;
	err_t err;

	if (!e)
		return ERR_CAP_LOOKUP;
	if (!to)
		return ERR_SLOT_LOOKUP;
	if (e->type != CAP_ENDPOINT)
		return ERR_CAP_TYPE;
	if (e->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	err = model_copy(src, to, rights);
	if (!err)
		entry_at(to)->badge = badge;
	return err;
}

struct want {
	unsigned type, bits, count;
	uint64_t offset;
};

static err_t model_legal(const struct entry *e, const struct want *w)
{
	uint64_t size = SIZE_OF_BITS(e->bits);

	if (w->type >= CAP_TYPES || !(cap_kind[e->type].makes >> w->type & 1))
		return ERR_RETYPE_TYPE;
	if (w->bits < cap_kind[w->type].bits_min || w->bits > cap_kind[w->type].bits_max || w->bits > e->bits ||
	    (w->type == e->type && w->bits == e->bits))
		return ERR_RETYPE_SIZE;
	if (!(e->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	if (w->count == 0 || w->count > RETYPE_COUNT_MAX || w->offset % SIZE_OF_BITS(w->bits) || w->offset >= size ||
	    w->offset + ((uint64_t)w->count << w->bits) > size || (w->type == CAP_ENDPOINT && w->offset < 4096))
		return ERR_RETYPE_SIZE;
	return ERR_OK;
}

static err_t model_retype(struct cap *src, const struct want *w, struct cap *first, bool fits)
{
	struct entry *found = src ? entry_at(src) : NULL, e;
	err_t err;

	if (!found)
		return ERR_CAP_LOOKUP;
	e = *found;
	err = model_legal(&e, w);
	if (err)
		return err;
	if (!first || !fits)
		return ERR_SLOT_LOOKUP;
	for (unsigned i = 0; i < w->count; i++)
		if (entry_at(first + i))
			return ERR_SLOT_OCCUPIED;
	for (unsigned i = 0; i < count; i++)
		if (overlaps(&entries[i], w->type, e.base + w->offset, (uint64_t)w->count << w->bits) &&
		    !same(&entries[i], &e) && !below(&e, &entries[i]))
			return ERR_RETYPE_OVERLAP;
	for (unsigned i = 0; i < w->count; i++)
		model_add(first + i, w->type, e.base + w->offset + ((uint64_t)i << w->bits), w->bits, e.rights, 0);
	return ERR_OK;
}

static void compare(void)
{
	for (unsigned i = 0; i < count; i++) {
		const struct entry *e = &entries[i];
		const struct cap *c = e->slot;

		assert_true(c->type == e->type && c->base == e->base && c->bits == e->bits && c->rights == e->rights);
		assert_false(c->flags & CAP_FLAG_CLEARING);
		if (c->type == CAP_ENDPOINT)
			assert_int_equal(c->badge, e->badge);
	}
	assert_int_equal(cap_count, count);
}

/* --- the steps --------------------------------------------------------------------- */

/* A slot that may hold anything: some in cnode 0, some in second levels, some in small cnodes. */
static cptr_t draw_slot(void)
{
	switch (draw(8)) {
	case 0:
		return CPTR_L1(1 + draw(6));
	case 1:
	case 2:
		return CPTR(1 + draw(6), draw(24));
	case 3:
		return CPTR_IN(W_FREE + draw(SLOTS), CPTR_L1(draw(5)));
	default:
		return W_FREE + draw(SLOTS);
	}
}

static cptr_t draw_source(void) { return draw(4) ? draw_slot() : W_RAM + draw(W_ROOT - W_RAM); }

/* As the kernel resolves it, which test_cap.c looks after; NULL also where a right is missing. */
static struct cap *readable(cptr_t c) { return cap_lookup(&world_root, c); }

static void step_retype(void)
{
	static const uint8_t types[] = { CAP_RAM,          CAP_RAM,     CAP_FRAME,      CAP_CNODE,
					 CAP_CNODE,        CAP_CNODE,   CAP_DISPATCHER, CAP_ENDPOINT,
					 CAP_NOTIFICATION, CAP_PTABLE1, CAP_PTABLE4,    CAP_IRQ };
	static const uint8_t bits[] = { 14, 12, 13, 8, 8, 6, 0, 16, 15, 18 };
	static const uint8_t usual[CAP_TYPES] = { [CAP_DISPATCHER] = 13,
						  [CAP_ENDPOINT] = 6,
						  [CAP_NOTIFICATION] = 6,
						  [CAP_PTABLE1] = 12,
						  [CAP_PTABLE4] = 12 };
	cptr_t src = draw_source(), to = draw_slot();
	struct want w = { .type = types[draw(sizeof types)], .count = draw(5) ? 1 : draw(5) };
	struct cap *from = readable(src);
	bool fits;

	w.bits = usual[w.type] && draw(20) ? usual[w.type] : bits[draw(sizeof bits)];
	w.offset = draw(30) ? ((uint64_t)draw(1 << AREA_BITS) & -SIZE_OF_BITS(w.bits)) : draw(1 << AREA_BITS);
	if (from && cap_size(from) < SIZE_OF_BITS(AREA_BITS) && draw(8))
		w.offset &= cap_size(from) - 1;
	fits = w.count == 0 || (world_slot(to) && world_slot(to + w.count - 1) == world_slot(to) + w.count - 1);
	assert_int_equal(model_retype(from, &w, world_slot(to), fits),
			 retype(src, w.offset, w.type, w.bits, w.count, to));
}

static void step_copy(void)
{
	cptr_t src = draw_source(), to = draw_slot();
	unsigned rights = draw(4) ? RIGHT_ALL : draw(16);
	struct cap *from = readable(src);

	if (draw(8))
		assert_int_equal(model_copy(from, world_slot(to), rights), copy(src, to, rights));
	else
		assert_int_equal(model_mint(from, world_slot(to), rights, to),
				 invoke(src, INVOKE(CAP_OP_COPY, rights) | INVOKE_COPY_BADGE, to, to));
}

static void step_delete(void)
{
	cptr_t c = draw_slot();
	struct cap *slot = world_slot(c);
	err_t expected = slot && entry_at(slot) ? ERR_OK : ERR_CAP_LOOKUP;

	if (!expected)
		model_delete(slot);
	assert_int_equal(invoke(c, CAP_OP_DELETE, 0, 0), expected);
}

/* A copy of what the world began with: its revoke would end the world. */
static bool is_first(const struct cap *slot)
{
	for (cptr_t c = W_RAM; c < W_ROOT; c++)
		if (slot != world_slot(c) && cap_same_object(slot, world_slot(c)))
			return true;
	return false;
}

static void step_revoke(void)
{
	cptr_t c = draw(100) ? draw_slot() : W_RAM;
	struct cap *slot = readable(c);
	err_t expected;

	if (slot && is_first(slot))
		return;
	expected = slot ? model_revoke(slot) : ERR_CAP_LOOKUP;
	assert_int_equal(invoke(c, CAP_OP_REVOKE, 0, 0), expected);
}

/* Fill a dispatcher's own slots, as DISP_SETUP does. */
static void step_embed(void)
{
	struct cap *own = readable(draw_slot()), *root = readable(draw_slot());
	struct dispatcher *d;

	if (!own || own->type != CAP_DISPATCHER || !root || root->type != CAP_CNODE)
		return;
	d = arch_window(own->base);
	assert_int_equal(model_copy(root, &d->cspace, RIGHT_ALL), cap_embed(&d->cspace, root));
}

static void step_move(void)
{
	struct cap *from = readable(draw_slot()), *to = world_slot(draw_slot());

	if (!from || !to || !cap_empty(to))
		return;
	entry_at(from)->slot = to;
	cap_move(to, from);
}

static void step(void)
{
	unsigned way = draw(100);

	if (way < 60)
		step_retype();
	else if (way < 80)
		step_copy();
	else if (way < 80 + deletes)
		step_delete();
	else if (way < 90)
		step_move();
	else if (way < 95)
		step_embed();
	else if (draw(4) == 0)
		step_revoke();
}

static void model_start(void)
{
	count = 0;
	model_add(&world_root, CAP_CNODE, world_root.base, world_root.bits, RIGHT_ALL, 0);
	model_add(world_slot(CPTR_L1(0)), CAP_CNODE, world_slot(CPTR_L1(0))->base, CAP_L2CNODE_BITS, RIGHT_ALL, 0);
	for (cptr_t c = W_RAM; c <= W_ROOT; c++) {
		const struct cap *s = world_slot(c);

		model_add(world_slot(c), s->type, s->base, s->bits, s->rights, 0);
	}
}

static void test_model(void **state)
{
	const char *only = getenv("SEED");
	unsigned first = only ? (unsigned)atoi(only) : 1, last = only ? first : SEEDS;

	(void)state;
	for (unsigned s = first; s <= last; s++) {
		seed = s;
		deletes = 1 + s % 5;
		model_start();
		for (unsigned i = 0; i < STEPS; i++) {
			step();
			compare();
			assert_int_equal(cap_check(), 0);
		}
		print_message("seed %u: %u capabilities at its end\n", s, count);
		assert_int_equal(world_reset(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
