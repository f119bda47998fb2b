/*
 * The operations that every capability has, and those of memory: decoding of
 * SYS_INVOKE's registers, and lookup of what they name.
 *
 * A register holds whatever a user put there; each field is taken out here and
 * checked here or by the operation.
 */
#include "../x86/arch.h"
#include "cap_find.h"

static inline unsigned field(uint64_t op, unsigned shift, unsigned width)
{
	return (unsigned)(op >> shift) & ((1u << width) - 1);
}

/* Types that keep something of their own in `badge`. */
#define BADGE_INTERNAL                                                                                      \
	(1u << CAP_FRAME | 1u << CAP_DEVFRAME | 1u << CAP_PTABLE1 | 1u << CAP_PTABLE2 | 1u << CAP_PTABLE3 | \
	 1u << CAP_PTABLE4)

struct sys_result cap_identify(struct cap *c)
{
	uint32_t head = cap_head(c);

	if (c->flags & CAP_FLAG_COPY)
		head |= cap_head(cap_primary(c)) & CAP_INFO(0, 0, 0, CAP_FLAG_REMOTE);
	arch_frame()->r8 = c->base;
	arch_frame()->r9 = c->badge;
	if (1u << c->type & BADGE_INTERNAL || c->flags & CAP_FLAG_CLEARING)
		arch_frame()->r9 = 0;
	return SYS_OK(head & CAP_INFO(0xff, 0xff, 0xff, CAP_FLAGS_SEEN));
}

/* These two are apart, so that the other operations save no registers for them. */

static NOINLINE err_t invoke_copy(const struct cap *root, struct cap *c, uint64_t op, uint64_t a0, uint64_t a1)
{
	struct cap *to = cap_find_slots(root, a0, 1);

	if (!to)
		return ERR_SLOT_LOOKUP;
	if (op & INVOKE_COPY_BADGE)
		return cap_mint(to, c, field(op, 8, 8), a1);
	return cap_copy(to, c, field(op, 8, 8));
}

static NOINLINE err_t invoke_map(const struct cap *root, struct cap *c, uint64_t op, uint64_t a0, uint64_t a1)
{
	struct cap *table = cap_find(root, a0);

	return table ? cap_map(c, table, a1, field(op, 8, 8)) : ERR_CAP_LOOKUP;
}

static inline err_t operate(const struct cap *root, struct cap *c, uint64_t op, uint64_t a0, uint64_t a1)
{
	switch (field(op, 0, 8)) {
	case CAP_OP_COPY:
		return invoke_copy(root, c, op, a0, a1);
	case CAP_OP_DELETE:
		return cap_delete(c);
	case CAP_OP_REVOKE:
		return cap_revoke(c);
	case CAP_OP_RETYPE:
		return cap_retype(root, c, op, a0, a1);
	case CAP_OP_MAP:
		return invoke_map(root, c, op, a0, a1);
	case CAP_OP_UNMAP:
		return cap_unmap(c);
	case CAP_OP_PROTECT:
		return cap_protect(c, a1, field(op, 8, 8));
	default:
		return ERR_CAP_OP;
	}
}

/* Also what is being cleared, or deleted in parts, can be looked at and deleted: cap_lookup() hides it. */
static NOINLINE struct sys_result invoke_far(const struct cap *root, cptr_t address, uint64_t op, uint64_t a0,
					     uint64_t a1)
{
	unsigned number = field(op, 0, 8);
	struct cap *c = number == CAP_OP_DELETE ? NULL : cap_lookup(root, address);

	if (!c && (number == CAP_OP_IDENTIFY || number == CAP_OP_DELETE))
		c = cap_lookup_slot(root, address);
	if (!c || (number == CAP_OP_IDENTIFY && cap_empty(c)))
		return SYS_ERROR(ERR_CAP_LOOKUP);
	if (number == CAP_OP_IDENTIFY)
		return cap_identify(c);
	return SYS_ERROR(operate(root, c, op, a0, a1));
}

struct sys_result cap_invoke(const struct cap *root, cptr_t address, uint64_t op, uint64_t a0, uint64_t a1)
{
	struct cap *c = cap_find_near(root, address);

	if (!c || field(op, 0, 8) == CAP_OP_IDENTIFY)
		return invoke_far(root, address, op, a0, a1);
	return SYS_ERROR(operate(root, c, op, a0, a1));
}
