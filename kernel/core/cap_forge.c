/*
 * Capabilities that come from another core, or go there: for monitors only.
 *
 * A forged capability is FOREIGN: the object is another core's, so it can be
 * copied, deleted and (frames, page tables) mapped here, and nothing else.  It may
 * not lie in what belongs to this core, unless this core gave the memory away.  An adopted
 * one is this core's from now on, and may lie in another core's block.
 * Device memory belongs to no core: forging is how a monitor gets the first capability to
 * it, and it is retyped here.
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

/* Nodes that a forge looks at for an object of this core in the way; more, and it is refused. */
#define FORGE_LOOKS 1024

static bool is_foreign(const struct cap *c) { return c->flags & CAP_FLAG_FOREIGN; }

/*
 * May another core's object be there, or (`own`) one that is this core's from now on? The place is the block's. Around
 * it may only be another core's. In another core's RAM may be what that core gave to this one.
 */
static err_t check_around(const struct mdb_place *place, unsigned type, uint64_t base, unsigned bits, bool own)
{
	enum cap_space space = cap_kind[type].space;
	const struct cap *around = mdb_container(space, place, base, bits);
	const struct cap *n = place->after;

	if (around && !is_foreign(around))
		return ERR_RETYPE_OVERLAP;
	if (type == CAP_RAM && !own)
		return ERR_OK;
	for (unsigned i = 0; n && n->base - base < SIZE_OF_BITS(bits); i++, n = mdb_next(n)) {
		if (!is_foreign(n))
			return ERR_RETYPE_OVERLAP;
		if (i == FORGE_LOOKS)
			return ERR_CAP_BUSY;
	}
	return ERR_OK;
}

static err_t check_block(unsigned type, uint64_t base, unsigned bits)
{
	const struct cap_kind *kind;

	if (type == CAP_NULL || type >= CAP_TYPES)
		return ERR_CAP_TYPE;
	kind = &cap_kind[type];
	if (bits < kind->bits_min || bits > kind->bits_max || base & (SIZE_OF_BITS(bits) - 1) ||
	    base >> cap_space_bits[kind->space])
		return ERR_RETYPE_SIZE;
	if (type == CAP_DEVFRAME && !arch_is_device(base, SIZE_OF_BITS(bits)))
		return ERR_RETYPE_OVERLAP;
	return ERR_OK;
}

/* What forge and adopt ask for, after all checks. */
struct forge {
	unsigned type, bits, rights;
	uint64_t base;
	struct cap *to;
	struct mdb_place place;
	struct cap *known; /* there is a capability to this very object, the primary */
};

static err_t forge_check(struct forge *f, const struct cap *root, cptr_t slot)
{
	err_t err = check_block(f->type, f->base, f->bits);

	if (err)
		return err;
	if (f->rights & ~(unsigned)RIGHT_ALL)
		return ERR_ARGUMENT;
	f->to = cap_lookup_slot(root, slot);
	if (!f->to)
		return ERR_SLOT_LOOKUP;
	if (!cap_empty(f->to))
		return ERR_SLOT_OCCUPIED;
	f->place = mdb_seek(cap_kind[f->type].space, f->base, f->bits, f->type);
	f->known = f->place.before;
	if (f->known && (f->known->base != f->base || f->known->bits != f->bits || f->known->type != f->type))
		f->known = NULL;
	return ERR_OK;
}

/* Tables get their place when another core says it; of what is neither table nor frame, each has a badge of its own. */
static void badge_fill(const struct forge *f, uint64_t badge)
{
	if (cap_is_table(f->to))
		table_place(f->known ? f->known : f->to, badge);
	else if (!cap_is_frame(f->to))
		f->to->badge = badge;
}

err_t cap_forge(const struct cap *root, uint64_t info, uint64_t base, uint64_t badge, cptr_t slot)
{
	struct forge f = { CAP_INFO_TYPE(info), CAP_INFO_BITS(info), CAP_INFO_RIGHTS(info), base, .to = NULL };
	err_t err = forge_check(&f, root, slot);

	if (err)
		return err;
	if (f.known && !is_foreign(f.known) && f.type != CAP_DEVFRAME)
		return ERR_RETYPE_OVERLAP;
	err = f.known ? ERR_OK : check_around(&f.place, f.type, base, f.bits, false);
	if (err)
		return err;
	/* Nothing can fail from here on. */
	if (f.known)
		cap_copy(f.to, f.known, RIGHT_ALL);
	else
		cap_insert(f.to, f.type, base, f.bits, 0, f.type == CAP_DEVFRAME ? 0 : CAP_FLAG_FOREIGN);
	f.to->rights = (uint8_t)f.rights;
	badge_fill(&f, badge);
	return ERR_OK;
}

/* Types whose objects have no contents that a CPU driver relies on. */
#define ADOPTABLE (1u << CAP_RAM | 1u << CAP_FRAME | 1u << CAP_IRQ | 1u << CAP_IOPORT | 1u << CAP_CHANNEL)

/* Another core's object, with all its capabilities here, becomes this one's. */
static err_t own_all(struct cap *known)
{
	unsigned count = 0;

	for (struct cap *n = known->copies; n; n = n->next)
		if (count++ == FORGE_LOOKS)
			return ERR_CAP_BUSY;
	/* Nothing can fail from here on. */
	known->flags &= (uint8_t) ~(CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN);
	for (struct cap *n = known->copies; n; n = n->next)
		n->flags &= (uint8_t)~CAP_FLAG_FOREIGN;
	return ERR_OK;
}

static err_t adopt_check(const struct forge *f)
{
	if (f->known && !is_foreign(f->known))
		return f->known->flags & CAP_FLAG_CLEARING ? ERR_CAP_BUSY : ERR_OK;
	if (!(ADOPTABLE & 1u << f->type))
		return ERR_CAP_TYPE;
	return f->known ? own_all(f->known) : check_around(&f->place, f->type, f->base, f->bits, true);
}

err_t cap_adopt(const struct cap *root, uint64_t info, uint64_t base, uint64_t badge, cptr_t slot)
{
	struct forge f = { CAP_INFO_TYPE(info), CAP_INFO_BITS(info), CAP_INFO_RIGHTS(info), base, .to = NULL };
	err_t err = forge_check(&f, root, slot);

	if (!err)
		err = adopt_check(&f);
	if (err)
		return err;
	/* Nothing can fail from here on. */
	if (f.known)
		cap_copy(f.to, f.known, RIGHT_ALL);
	else
		cap_insert(f.to, f.type, base, f.bits, 0, 0);
	f.to->rights = (uint8_t)f.rights;
	if (f.type == CAP_ENDPOINT)
		f.to->badge = badge;
	return ERR_OK;
}

err_t cap_share(struct cap *c, bool remote)
{
	if (is_foreign(c))
		return ERR_CAP_REMOTE;
	c = cap_primary(c);
	if (remote && cap_is_table(c))
		table_mix(c);
	c->flags = (uint8_t)(remote ? c->flags | CAP_FLAG_REMOTE : c->flags & ~CAP_FLAG_REMOTE);
	return ERR_OK;
}

err_t cap_give(struct cap *c)
{
	if (c->type != CAP_RAM && c->type != CAP_FRAME)
		return ERR_CAP_TYPE;
	if (c->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	if (!cap_is_last(c) || mdb_descendant(c) || c->flags & CAP_FLAG_MAPPED)
		return ERR_CAP_BUSY;
	if (c->flags & CAP_FLAG_FOREIGN && c->flags & CAP_FLAG_REMOTE)
		return ERR_CAP_REMOTE;
	c->flags |= CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN;
	return ERR_OK;
}

err_t cap_give_undo(struct cap *c)
{
	if (!cap_is_last(c))
		return ERR_CAP_BUSY;
	if (!(c->flags & CAP_FLAG_FOREIGN && c->flags & CAP_FLAG_REMOTE))
		return ERR_ARGUMENT;
	c->flags &= (uint8_t) ~(CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN);
	return ERR_OK;
}
