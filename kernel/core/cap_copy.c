/*
 * Further capabilities to an object, and capabilities that change their slot.
 *
 * A copy's place in the list of copies is of no consequence, so a copy of a copy
 * is put right behind it, and nothing here looks for the primary but
 * cap_make_primary().
 */
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

uint64_t cap_count;

/* Takes what is true of each capability to the object, nothing that is true of src's slot. */
static void copy_fill(struct cap *to, const struct cap *src, unsigned rights)
{
	to->type = src->type;
	to->rights = (uint8_t)(src->rights & rights);
	to->bits = src->bits;
	to->flags = (uint8_t)(CAP_FLAG_COPY | (src->flags & CAP_FLAG_FOREIGN));
	to->generation = 0;
	to->base = src->base;
	to->badge = cap_is_table(src) || cap_is_frame(src) ? 0 : src->badge;
	to->mapping = 0;
}

static void copy_link(struct cap *to, struct cap *src)
{
	struct cap **link = src->flags & CAP_FLAG_COPY ? &src->next : &src->copies;

	to->prev = src;
	to->next = *link;
	if (to->next)
		to->next->prev = to;
	*link = to;
	cap_count++;
}

err_t cap_copy(struct cap *to, struct cap *src, unsigned rights)
{
	if (!cap_empty(to))
		return ERR_SLOT_OCCUPIED;
	/* Nothing can fail from here on. */
	copy_fill(to, src, rights);
	copy_link(to, src);
	return ERR_OK;
}

err_t cap_mint(struct cap *to, struct cap *src, unsigned rights, uint64_t badge)
{
	err_t err;

	if (src->type != CAP_ENDPOINT)
		return ERR_CAP_TYPE;
	if (src->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	err = cap_copy(to, src, rights);
	if (!err)
		to->badge = badge;
	return err;
}

err_t cap_embed(struct cap *to, struct cap *src)
{
	err_t err = cap_copy(to, src, RIGHT_ALL);

	if (!err)
		to->flags |= CAP_FLAG_EMBEDDED;
	return err;
}

void cap_unlink_copy(struct cap *c)
{
	if (c->prev->flags & CAP_FLAG_COPY)
		c->prev->next = c->next;
	else
		c->prev->copies = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

static void links_follow(struct cap *to, const struct cap *from)
{
	if (to->flags & CAP_FLAG_COPY) {
		if (to->prev->flags & CAP_FLAG_COPY)
			to->prev->next = to;
		else
			to->prev->copies = to;
		if (to->next)
			to->next->prev = to;
		return;
	}
	mdb_replace(to, from);
	if (to->copies)
		to->copies->prev = to;
}

void cap_move(struct cap *to, struct cap *from)
{
	*to = *from;
	to->flags &= (uint8_t)~CAP_FLAG_EMBEDDED;
	links_follow(to, from);
	cap_slot_clear(from);
}

/*
 * What is true of the object and not of the slot goes along with the place in the
 * tree: being shared, and a page table's own place.
 */
static void object_state_move(struct cap *to, struct cap *from)
{
	unsigned moved = CAP_FLAG_REMOTE | CAP_FLAGS_HEAVY | (cap_is_table(from) ? (unsigned)CAP_FLAG_MAPPED : 0);

	to->flags = (uint8_t)((to->flags & ~CAP_FLAG_COPY) | (from->flags & moved));
	from->flags = (uint8_t)((from->flags & ~moved) | CAP_FLAG_COPY);
	if (cap_is_table(from)) {
		to->generation = from->generation;
		to->badge = from->badge;
		to->mapping = from->mapping;
		from->generation = 0;
		from->badge = from->mapping = 0;
	}
}

/* c, a copy, takes old's place in the tree; old is in no list then. */
static void primary_replace(struct cap *c, struct cap *old)
{
	cap_unlink_copy(c);
	object_state_move(c, old);
	c->child[0] = old->child[0];
	c->child[1] = old->child[1];
	c->parent = old->parent;
	c->copies = old->copies;
	mdb_replace(c, old);
	if (c->copies)
		c->copies->prev = c;
}

void cap_make_primary(struct cap *c)
{
	struct cap *old = cap_primary(c);

	if (old == c)
		return;
	primary_replace(c, old);
	copy_link(old, c);
	cap_count--;
}

void cap_unlink(struct cap *c)
{
	if (c->flags & CAP_FLAG_COPY)
		cap_unlink_copy(c);
	else if (c->copies)
		primary_replace(c->copies, c);
	else
		mdb_remove(c);
	cap_slot_clear(c);
	cap_count--;
}
