/*
 * Making objects: at startup out of nothing, later out of other objects.
 *
 * The range that objects are made of must hold none yet, whatever capability it
 * was made from: the tree tells by the range's two neighbours and by the smallest
 * object that contains it, which must be the source.
 *
 * Objects with contents are cleared.  Up to CLEAR_CHUNK bytes that is done at
 * once; else the new capabilities are CLEARING, and each repetition of the
 * system call clears as much, from the last object to the first.
 */
#include "../x86/arch.h"
#include "cap_find.h"
#include "mdb.h"

#define CLEAR_CHUNK UINT64_C(65536)

/* What is to be made, after all checks. */
struct retype {
	uint64_t base;
	unsigned type, bits, count;
	unsigned rights;
	struct cap *slots;
};

static void cap_fill(struct cap *to, unsigned type, uint64_t base, unsigned bits, unsigned rights, unsigned flags)
{
	to->type = (uint8_t)type;
	to->rights = (uint8_t)rights;
	to->bits = (uint8_t)bits;
	to->flags = (uint8_t)flags;
	to->generation = 0;
	to->base = base;
	to->badge = to->mapping = 0;
}

void cap_insert(struct cap *to, unsigned type, uint64_t base, unsigned bits, unsigned rights, unsigned flags)
{
	struct mdb_place place = mdb_seek(cap_kind[type].space, base, bits, type);

	cap_fill(to, type, base, bits, rights, flags);
	mdb_insert(place.before, to);
	cap_count++;
}

void cap_insert_first(struct cap *to, enum cap_type type, uint64_t base, unsigned bits, unsigned rights)
{
	kernel_assert(cap_empty(to) && !(base & (SIZE_OF_BITS(bits) - 1)));
	cap_insert(to, type, base, bits, rights, 0);
}

/* May `src`, whose object's primary is `primary`, be retyped at all, and to objects of this type and size? */
static inline err_t check_type(const struct cap *src, const struct cap *primary, unsigned type, unsigned bits)
{
	const struct cap_kind *kind;

	if (type >= CAP_TYPES || !(cap_kind[src->type].makes & 1u << type))
		return ERR_RETYPE_TYPE;
	kind = &cap_kind[type];
	if (bits < kind->bits_min || bits > kind->bits_max || bits + (type == src->type) > src->bits)
		return ERR_RETYPE_SIZE;
	if (!(src->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	if (primary->flags & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	return ERR_OK;
}

/* Do count << bits units at `offset` lie in src, and may objects of this type lie there? */
static inline err_t check_range(const struct cap *src, uint64_t offset, unsigned type, unsigned bits, unsigned count)
{
	if (count == 0 || count > RETYPE_COUNT_MAX)
		return ERR_RETYPE_SIZE;
	if (offset & (SIZE_OF_BITS(bits) - 1) || offset >= cap_size(src) || count > (cap_size(src) - offset) >> bits)
		return ERR_RETYPE_SIZE;
	if (type == CAP_ENDPOINT && offset < CAP_ENDPOINT_OFFSET)
		return ERR_RETYPE_SIZE;
	return ERR_OK;
}

/*
 * Is the range free? Then *before is the node that the first new one goes after. src is primary: where it
 * has no descendants, its neighbour says so and there is no need to look further.
 */
static inline err_t check_overlap(struct cap *src, const struct retype *r, struct cap **before)
{
	enum cap_space space = cap_kind[r->type].space;
	uint64_t size = (uint64_t)r->count << r->bits;
	struct mdb_place place;

	*before = src;
	if (!mdb_descendant(src))
		return ERR_OK;
	place = mdb_seek(space, r->base, r->bits, r->type);
	if (place.after && place.after->base - r->base < size)
		return ERR_RETYPE_OVERLAP;
	if (place.before != src && mdb_container(space, &place, r->base, r->bits) != src)
		return ERR_RETYPE_OVERLAP;
	*before = place.before;
	return ERR_OK;
}

static void clear_now(const struct retype *r)
{
	uint64_t size = (uint64_t)r->count << r->bits;

	arch_clear(arch_window(r->base), size);
	if (r->type == CAP_PTABLE4)
		for (uint64_t done = 0; done < size; done += SIZE_OF_BITS(r->bits))
			arch_root_init(arch_window(r->base + done));
}

static inline err_t retype_commit(const struct retype *r, struct cap *before)
{
	bool clear = cap_kind[r->type].clear;
	bool later = clear && (uint64_t)r->count << r->bits > CLEAR_CHUNK;

	if (clear && !later)
		clear_now(r);
	for (unsigned i = 0; i < r->count; i++) {
		struct cap *c = &r->slots[i];

		cap_fill(c, r->type, r->base + ((uint64_t)i << r->bits), r->bits, r->rights,
			 later ? CAP_FLAG_CLEARING : 0);
		if (cap_is_table(c))
			table_init(c);
		mdb_insert(before, c);
		before = c;
	}
	cap_count += r->count;
	return later ? ERR_RESTART : ERR_OK;
}

/* Clears up to *budget bytes of c, which is CLEARING. */
static void clear_some(struct cap *c, uint64_t *budget)
{
	uint64_t done = cap_is_table(c) ? 0 : c->badge;
	uint64_t part = cap_size(c) - done < *budget ? cap_size(c) - done : *budget;

	arch_clear(arch_window(c->base + done), part);
	*budget -= part;
	if (done + part < cap_size(c)) {
		c->badge = done + part;
		return;
	}
	if (c->type == CAP_PTABLE4)
		arch_root_init(arch_window(c->base));
	if (!cap_is_table(c))
		c->badge = 0;
	c->flags &= (uint8_t)~CAP_FLAG_CLEARING;
}

static bool is_clearing(const struct retype *r, unsigned i)
{
	const struct cap *c = &r->slots[i];

	return c->type == r->type && c->flags & CAP_FLAG_CLEARING && c->bits == r->bits &&
	       c->base == r->base + ((uint64_t)i << r->bits);
}

/* Goes on with a retype that has made its capabilities already. */
static err_t retype_continue(const struct retype *r)
{
	uint64_t budget = CLEAR_CHUNK;

	if (!is_clearing(r, 0))
		return ERR_SLOT_OCCUPIED;
	for (unsigned i = r->count; i-- > 0 && budget;)
		while (budget && is_clearing(r, i))
			clear_some(&r->slots[i], &budget);
	return is_clearing(r, 0) ? ERR_RESTART : ERR_OK;
}

err_t cap_retype(const struct cap *root, struct cap *src, uint64_t op, uint64_t offset, cptr_t slots)
{
	struct retype r = { .base = src->base + offset,
			    .type = op >> 8 & 0xff,
			    .bits = op >> 16 & 0xff,
			    .count = op >> 32 & 0xffff,
			    .rights = src->rights };
	struct cap *primary = cap_primary(src);
	struct cap *before;
	err_t err = check_type(src, primary, r.type, r.bits);

	if (!err)
		err = check_range(src, offset, r.type, r.bits, r.count);
	if (err)
		return err;
	r.slots = cap_find_slots(root, slots, r.count);
	if (!r.slots)
		return ERR_SLOT_LOOKUP;
	if (r.slots->flags & CAP_FLAG_CLEARING && !cap_empty(r.slots))
		return retype_continue(&r);
	for (unsigned i = 0; i < r.count; i++)
		if (!cap_empty(&r.slots[i]))
			return ERR_SLOT_OCCUPIED;
	err = check_overlap(primary, &r, &before);
	if (err)
		return err;
	/* Nothing can fail from here on. */
	return retype_commit(&r, before);
}
