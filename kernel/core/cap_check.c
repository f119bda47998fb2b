/*
 * The invariants of the capability system, walked: for tests, and for a monitor
 * that wants to know.  Not bounded in time, the one operation that is not.
 *
 * Counts violations; docs/capabilities.md says what each rule is for.
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

/* Objects that lie in each other: sizes fall, but for a type that fills its source. */
#define NEST_MAX 128

struct walk {
	uint64_t bad, caps;
	unsigned depth;
	const struct cap *around[NEST_MAX]; /* what the present node lies in, outermost first */
};

/* Heights by the balance that nodes claim: if each node's claim fits its children's, all are true. */
static unsigned height(const struct cap *c)
{
	unsigned h = 0;

	for (; c; c = c->child[c->flags & CAP_FLAG_HEAVY_RIGHT ? 1 : 0])
		h++;
	return h;
}

static uint64_t check_links(const struct cap *c)
{
	unsigned left = height(c->child[0]), right = height(c->child[1]);
	unsigned claim = c->flags & CAP_FLAGS_HEAVY;
	uint64_t bad = claim == CAP_FLAGS_HEAVY || c->flags & CAP_FLAG_COPY;

	bad += claim != (left > right ? CAP_FLAG_HEAVY_LEFT : left < right ? CAP_FLAG_HEAVY_RIGHT : 0u);
	bad += left > right + 1 || right > left + 1;
	for (unsigned side = 0; side < 2; side++)
		bad += c->child[side] && c->child[side]->parent != c;
	return bad;
}

static bool ordered(const struct cap *a, const struct cap *b)
{
	if (a->base != b->base)
		return a->base < b->base;
	return a->bits != b->bits ? a->bits > b->bits : a->type < b->type;
}

static uint64_t check_slot(const struct cap *c)
{
	const struct cap_kind *kind;

	if (c->type == CAP_NULL || c->type >= CAP_TYPES)
		return 1;
	kind = &cap_kind[c->type];
	return (c->bits < kind->bits_min || c->bits > kind->bits_max) + (c->base & (cap_size(c) - 1) ? 1u : 0u) +
	       (c->base >> cap_space_bits[kind->space] ? 1u : 0u) + (c->rights > RIGHT_ALL);
}

/* Can retypes, through objects that are gone by now, lead from a to b? */
static bool derives(const struct cap *a, const struct cap *b)
{
	uint32_t makes = cap_kind[a->type].makes;

	for (unsigned t = 0; t < CAP_TYPES; t++)
		if (cap_kind[a->type].makes & 1u << t)
			makes |= cap_kind[t].makes;
	return makes & 1u << b->type;
}

/* c either lies in what came before or does not touch it; and what it lies in could become it. */
static uint64_t check_nesting(struct walk *w, const struct cap *c)
{
	const struct cap *outer;

	while (w->depth && !mdb_contains(w->around[w->depth - 1], c->base))
		w->depth--;
	outer = w->depth ? w->around[w->depth - 1] : NULL;
	if (w->depth == NEST_MAX)
		return 1;
	w->around[w->depth++] = c;
	if (!outer)
		return 0;
	if (c->base + (cap_size(c) - 1) > outer->base + (cap_size(outer) - 1))
		return 1;
	/* In another core's block lie further ones of its own, and what it gave to this core. */
	return !(outer->flags & CAP_FLAG_FOREIGN) && !derives(outer, c);
}

static uint64_t check_copies(struct walk *w, const struct cap *c)
{
	const struct cap *prev = c;
	uint64_t bad = 0;

	/* A doomed cnode's capability has no copies and uses the link otherwise. */
	if (c->type == CAP_CNODE && c->flags & CAP_FLAG_CLEARING)
		return 0;
	for (const struct cap *n = c->copies; n; prev = n, n = n->next) {
		w->caps++;
		bad += !(n->flags & CAP_FLAG_COPY) || n->prev != prev || !cap_same_object(n, c) ||
		       n->rights > RIGHT_ALL;
		bad += ((n->flags ^ c->flags) & CAP_FLAG_FOREIGN) || n->flags & CAP_FLAG_REMOTE;
		bad += cap_check_mapping(n);
	}
	return bad;
}

static void check_space(struct walk *w, enum cap_space space)
{
	const struct cap *c = mdb_first(space), *prev = NULL;

	w->bad += mdb_root[space] && mdb_root[space]->parent;
	w->depth = 0;
	for (; c; prev = c, c = mdb_next(c)) {
		w->caps++;
		w->bad += (prev && !ordered(prev, c)) + check_slot(c) + check_links(c);
		w->bad += (unsigned)(cap_kind[c->type].space != space) + check_nesting(w, c);
		w->bad += check_copies(w, c) + cap_check_mapping(c);
	}
}

uint64_t cap_check(void)
{
	struct walk w = { 0 };

	for (unsigned space = 0; space < SPACES; space++)
		check_space(&w, space);
	return w.bad + (w.caps != cap_count) + (cap_pass != PASS_USER);
}
