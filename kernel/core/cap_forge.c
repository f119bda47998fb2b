/*
 * Capabilities that come from another core, or go there: for monitors only.
 *
 * A forged capability is FOREIGN: the object is another core's, so it can be
 * copied, deleted and (frames, page tables) mapped here, and nothing else.  It may
 * not overlap what belongs to this core.  Device memory belongs to no core: forging
 * is how a monitor gets the first capability to it, and it is retyped here.
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

/* Nodes that a forge looks at for an object of this core in the way; more, and it is refused. */
#define FORGE_LOOKS 1024

static bool is_foreign(const struct cap *c) { return c->flags & CAP_FLAG_FOREIGN; }

/* Is [base, 1 << bits) clear of this core's objects? `space` and place are the block's. */
static err_t check_foreign(const struct mdb_place *place, enum cap_space space, uint64_t base, unsigned bits)
{
	const struct cap *around = mdb_container(space, place, base, bits);
	const struct cap *n = place->after;

	if (around && !is_foreign(around))
		return ERR_RETYPE_OVERLAP;
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

/* There is a capability to this very object: the new one becomes its copy. */
static err_t forge_copy(struct cap *to, struct cap *known, unsigned rights, uint64_t badge)
{
	if (!is_foreign(known) && known->type != CAP_DEVFRAME)
		return ERR_RETYPE_OVERLAP;
	/* Nothing can fail from here on. */
	cap_copy(to, known, RIGHT_ALL);
	to->rights = (uint8_t)rights;
	if (!cap_is_frame(to) && !cap_is_table(to))
		to->badge = badge;
	return ERR_OK;
}

err_t cap_forge(const struct cap *root, uint64_t info, uint64_t base, uint64_t badge, cptr_t slot)
{
	unsigned type = CAP_INFO_TYPE(info), bits = CAP_INFO_BITS(info), rights = CAP_INFO_RIGHTS(info);
	struct cap *to = cap_lookup_slot(root, slot);
	struct mdb_place place;
	enum cap_space space;
	err_t err = check_block(type, base, bits);

	if (err)
		return err;
	if (rights & ~(unsigned)RIGHT_ALL)
		return ERR_ARGUMENT;
	if (!to)
		return ERR_SLOT_LOOKUP;
	if (!cap_empty(to))
		return ERR_SLOT_OCCUPIED;
	space = cap_kind[type].space;
	place = mdb_seek(space, base, bits, type);
	if (place.before && place.before->base == base && place.before->bits == bits && place.before->type == type)
		return forge_copy(to, place.before, rights, badge);
	err = check_foreign(&place, space, base, bits);
	if (err)
		return err;
	/* Nothing can fail from here on. */
	cap_insert(to, type, base, bits, rights, type == CAP_DEVFRAME ? 0 : CAP_FLAG_FOREIGN);
	if (!cap_is_frame(to) && !cap_is_table(to))
		to->badge = badge;
	return ERR_OK;
}

err_t cap_share(struct cap *c, bool remote)
{
	if (is_foreign(c))
		return ERR_CAP_REMOTE;
	c = cap_primary(c);
	c->flags = (uint8_t)(remote ? c->flags | CAP_FLAG_REMOTE : c->flags & ~CAP_FLAG_REMOTE);
	return ERR_OK;
}

err_t cap_give(struct cap *c)
{
	if (c->type != CAP_RAM)
		return ERR_CAP_TYPE;
	if (c->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	if (c->flags & (CAP_FLAG_FOREIGN | CAP_FLAG_REMOTE))
		return ERR_CAP_REMOTE;
	if (!cap_is_last(c) || mdb_descendant(c))
		return ERR_CAP_BUSY;
	c->flags |= CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN;
	return ERR_OK;
}

void cap_give_undo(struct cap *c) { c->flags &= (uint8_t) ~(CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN); }
