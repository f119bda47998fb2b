/*
 * From an address to a slot: two levels of cnodes, seen from a root.
 *
 * Every part of an address comes from a user and is checked against the size of
 * what it indexes.  A cnode that is still being cleared, or that belongs to
 * another core, is not looked into.
 */
#include "../x86/arch.h"
#include "cap_find.h"

#define ADDRESS_L1 UINT32_C(0x80000000)

static inline bool cnode_usable(const struct cap *c)
{
	return c->type == CAP_CNODE && !(c->flags & (CAP_FLAG_CLEARING | CAP_FLAG_FOREIGN));
}

/*
 * The slot that the low half of an address names, and how many follow it in its cnode, itself included.
 * On the second level's cnode one must have `right`; the root was checked when it became one.
 */
static inline struct cap *slot_in(const struct cap *root, uint32_t address, unsigned right, unsigned *room)
{
	uint32_t l1 = address & ADDRESS_L1 ? address & ~ADDRESS_L1 : address / L2_SLOTS;
	struct cap *c;

	if (!cnode_usable(root) || l1 >> (root->bits - CAP_SLOT_BITS))
		return NULL;
	c = (struct cap *)arch_window(root->base) + l1;
	*room = (1u << (root->bits - CAP_SLOT_BITS)) - l1;
	if (address & ADDRESS_L1)
		return c;
	if (!cnode_usable(c) || c->bits != CAP_L2CNODE_BITS || !(c->rights & right))
		return NULL;
	*room = L2_SLOTS - address % L2_SLOTS;
	return (struct cap *)arch_window(c->base) + address % L2_SLOTS;
}

/* The root that the high half of an address names, if the caller has `right` on it. */
static inline const struct cap *root_in(const struct cap *root, cptr_t address, unsigned right)
{
	unsigned room;
	const struct cap *c;

	if (!(address >> 32))
		return root;
	c = slot_in(root, (uint32_t)(address >> 32), RIGHT_READ, &room);
	return c && c->rights & right ? c : NULL;
}

struct cap *cap_lookup_far(const struct cap *root, cptr_t address)
{
	unsigned room;
	struct cap *c;

	root = root_in(root, address, RIGHT_READ);
	c = root ? slot_in(root, (uint32_t)address, RIGHT_READ, &room) : NULL;
	return c && c->type != CAP_NULL && !(c->flags & CAP_FLAG_CLEARING) ? c : NULL;
}

struct cap *cap_lookup_slots_far(const struct cap *root, cptr_t address, unsigned count)
{
	unsigned room;
	struct cap *c;

	root = root_in(root, address, RIGHT_WRITE);
	c = root ? slot_in(root, (uint32_t)address, RIGHT_WRITE, &room) : NULL;
	return c && count <= room ? c : NULL;
}

struct cap *cap_lookup(const struct cap *root, cptr_t address) { return cap_find(root, address); }
struct cap *cap_lookup_slot(const struct cap *root, cptr_t address) { return cap_find_slots(root, address, 1); }
