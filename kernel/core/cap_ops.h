/*
 * What the rest of the CPU driver asks of capabilities: find, copy, make, destroy, map.
 *
 * Every operation checks all its arguments before it changes anything.  One that
 * may be long returns ERR_RESTART after a bounded part of its work: the system
 * call is then made again with the same registers, and goes on from the state
 * that it finds.  A function that takes a `struct cap *` from cap_lookup() must
 * not keep it over another operation: deletions empty and move slots.
 */
#pragma once

#include "../abi/syscall.h"
#include "cap.h"
#include "dispatch.h"

/* Internal to the CPU driver, never given to a user: make the system call again. */
#define ERR_RESTART ((err_t)-1)

/* --- cap_lookup.c --------------------------------------------------------- */

/*
 * The capability at `address`, seen from `root` (a dispatcher's cspace member). NULL if there is
 * none, or it is still being cleared. It may be FOREIGN: an operation on the object itself must
 * refuse that (ERR_CAP_REMOTE).
 */
struct cap *cap_lookup(const struct cap *root, cptr_t address);
/* The slot at `address`, empty or not, to be written to; NULL if there is none. */
struct cap *cap_lookup_slot(const struct cap *root, cptr_t address);

/* Type, rights, bits, flags as in CAP_INFO: the compiler makes one load of it. */
static inline uint32_t cap_head(const struct cap *c)
{
	return c->type | (uint32_t)c->rights << 8 | (uint32_t)c->bits << 16 | (uint32_t)c->flags << 24;
}

static inline bool cap_empty(const struct cap *slot) { return slot->type == CAP_NULL; }

/* --- cap_copy.c ------------------------------------------------------------ */

/* Puts a capability to src's object into the empty slot `to`, with those of src's rights that are in `rights`. */
err_t cap_copy(struct cap *to, struct cap *src, unsigned rights);
/* The same with a new badge: endpoints with all rights only. */
err_t cap_mint(struct cap *to, struct cap *src, unsigned rights, uint64_t badge);
/* Moves a capability into the empty slot `to`; `from` is empty afterwards. A mapping moves along. */
void cap_move(struct cap *to, struct cap *from);
/* For DISP_SETUP: cap_copy() with all rights into a dispatcher's own empty slot; its
 * loss calls dispatcher_cap_lost(). */
err_t cap_embed(struct cap *to, struct cap *src);

/* --- cap_retype.c ---------------------------------------------------------- */

/* For startup: put the first capability to an object that was not made from another into an empty slot. */
void cap_insert_first(struct cap *to, enum cap_type type, uint64_t base, unsigned bits, unsigned rights);
/* CAP_OP_RETYPE with its arguments as they come; may be ERR_RESTART. */
err_t cap_retype(const struct cap *root, struct cap *src, uint64_t op, uint64_t offset, cptr_t slots);

/* --- cap_delete.c, cap_revoke.c -------------------------------------------- */

/* Empties the slot; the last capability destroys the object. May be ERR_RESTART. */
err_t cap_delete(struct cap *slot);
/* Deletes descendants and other copies; needs all rights. May be ERR_RESTART. */
err_t cap_revoke(struct cap *c);

/* --- cap_map.c ---------------------------------------------------------------- */

err_t cap_map(struct cap *c, struct cap *table, uint64_t where, unsigned flags);
err_t cap_unmap(struct cap *c);
err_t cap_protect(struct cap *c, uint64_t range, unsigned flags);
/* CAP_OP_KERNEL_UNMAP, _PROTECT and _PLACE. */
err_t cap_unmap_shared(struct cap *c, bool finish);
err_t cap_protect_shared(struct cap *c, uint64_t range, unsigned flags);
/* The first shared table on the way to what c, a frame, maps: base | type; 0: there is none. */
uint64_t cap_shared_table(const struct cap *c);
struct sys_result cap_place(struct cap *c);

/* --- cap_share.c: of CAP_OP_KERNEL_, what their names say ------------------------------ */

/* `flags` are the operation's from bit 8 on. May be ERR_RESTART. */
struct sys_result cap_revoke_shared(struct cap *c, uint64_t flags);
struct sys_result cap_delete_shared(struct cap *slot, uint64_t flags);
/* Is c the only capability to its object, and nothing made of that? */
bool cap_sole(const struct cap *c);
/* May be ERR_RESTART, and goes on where it was then. Second and third value are in the frame. */
struct sys_result cap_next(uint64_t info, uint64_t base, uint64_t end, bool shared_only);

/* --- cap_forge.c, cap_check.c ---------------------------------------------------- */

/* CAP_OP_KERNEL_FORGE, with its arguments as they come. */
err_t cap_forge(const struct cap *root, uint64_t info, uint64_t base, uint64_t badge, cptr_t slot);
/* CAP_OP_KERNEL_ADOPT. */
err_t cap_adopt(const struct cap *root, uint64_t info, uint64_t base, uint64_t badge, cptr_t slot);
/* CAP_OP_KERNEL_SHARE. */
err_t cap_share(struct cap *c, bool remote);
/* Memory without copies, descendants and mapping becomes another core's: REMOTE and FOREIGN. Its block stays taken. */
err_t cap_give(struct cap *c);
/* ... or is this core's again. What was forged in it since stays, and stays taken. */
err_t cap_give_undo(struct cap *c);
/* Violations of the invariants in docs/capabilities.md; 0 is what it should say. */
uint64_t cap_check(void);
/* Capabilities on this core, copies included. */
extern uint64_t cap_count;

/* --- cap_invoke.c ------------------------------------------------------------------ */

/* CAP_OP_IDENTIFY on any capability, also one that is being cleared. */
struct sys_result cap_identify(struct cap *c);

/*
 * CAP_OP_IDENTIFY to CAP_OP_PROTECT on the capability at `address`. All lookups, rights and arguments
 * are checked in here; IDENTIFY's second and third value go to the frame's r8 and r9. The result's
 * err may be ERR_RESTART. When it returns, `current` may have been halted (its own objects went).
 */
struct sys_result cap_invoke(const struct cap *root, cptr_t address, uint64_t op, uint64_t a0, uint64_t a1);
