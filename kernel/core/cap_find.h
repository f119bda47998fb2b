/*
 * Look-up as the capability operations make it: the common case is in the caller, so
 * that the operation needs no call for it and keeps its registers.
 */
#pragma once

#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"

/* A function that the common case jumps to, and saves no registers for. */
#define NOINLINE __attribute__((noinline))

#define L2_BITS (CAP_L2CNODE_BITS - CAP_SLOT_BITS)
#define L2_SLOTS (1u << L2_BITS)
#define SLOT_RIGHTS (RIGHT_READ | RIGHT_WRITE) /* on a cnode, for all that can be done with a slot */

/* cap_lookup.c: any address. */
struct cap *cap_lookup_far(const struct cap *root, cptr_t address);
struct cap *cap_lookup_slots_far(const struct cap *root, cptr_t address, unsigned count);

/* The common case, one's own root and two levels, without a case distinction; NULL: look again, slowly. */
static inline struct cap *slot_near(const struct cap *root, cptr_t address)
{
	const uint32_t unusable = CAP_INFO(0, 0, 0, CAP_FLAG_CLEARING | CAP_FLAG_FOREIGN);
	const struct cap *c;

	/* Any bit above the root's size, those that ask for another meaning too, is beyond it. */
	if ((cap_head(root) & (unusable | 0xff)) != CAP_CNODE || address >> (root->bits - CAP_SLOT_BITS + L2_BITS))
		return NULL;
	c = (struct cap *)arch_window(root->base) + address / L2_SLOTS;
	if ((cap_head(c) & (unusable | CAP_INFO(0xff, SLOT_RIGHTS, 0xff, 0))) !=
	    CAP_INFO(CAP_CNODE, SLOT_RIGHTS, CAP_L2CNODE_BITS, 0))
		return NULL;
	return (struct cap *)arch_window(c->base) + address % L2_SLOTS;
}

/* cap_lookup(), or NULL: look again, slowly. */
static inline struct cap *cap_find_near(const struct cap *root, cptr_t address)
{
	struct cap *c = slot_near(root, address);

	return c && c->type != CAP_NULL && !(c->flags & CAP_FLAG_CLEARING) ? c : NULL;
}

/* cap_lookup() */
static inline struct cap *cap_find(const struct cap *root, cptr_t address)
{
	struct cap *c = cap_find_near(root, address);

	return c ? c : cap_lookup_far(root, address);
}

/* `count` consecutive slots, all in one cnode, to be written to; NULL: there are none. */
static inline struct cap *cap_find_slots(const struct cap *root, cptr_t address, unsigned count)
{
	struct cap *c = slot_near(root, address);

	if (__builtin_expect(c && count <= L2_SLOTS - address % L2_SLOTS, 1))
		return c;
	return cap_lookup_slots_far(root, address, count);
}
