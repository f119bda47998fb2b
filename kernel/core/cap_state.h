/*
 * What the capability operations share among themselves; no one else includes it.
 */
#pragma once

#include "cap.h"
#include "mdb.h"

/* Is it the last capability to its object? */
static inline bool cap_is_last(const struct cap *c) { return !(c->flags & CAP_FLAG_COPY) && !c->copies; }

/* The capability to c's object that is in the tree. */
static inline struct cap *cap_primary(struct cap *c)
{
	return c->flags & CAP_FLAG_COPY ? mdb_find(c->base, c->bits, c->type) : c;
}

/* An empty slot has neither type nor flags, so nothing is left that a later occupant could inherit. */
static inline void cap_slot_clear(struct cap *c)
{
	c->type = CAP_NULL;
	c->flags = 0;
}

/* cap_copy.c */

/* Takes a copy out of the list of copies. */
void cap_unlink_copy(struct cap *c);
/* Swaps roles so that c is in the tree. */
void cap_make_primary(struct cap *c);
/* Takes c out of tree or list and empties its slot, nothing else; another capability becomes primary in its place. */
void cap_unlink(struct cap *c);

/* cap_retype.c: the first capability to an object that was not made from another, into an empty slot. */
void cap_insert(struct cap *to, unsigned type, uint64_t base, unsigned bits, unsigned rights, unsigned flags);

/* cap_map.c */

/* Gives a new page table the number that tells it from earlier ones at its address. */
void table_init(struct cap *c);
/* Takes c out of the page table it is mapped in, if it is. Returns how many entries were looked at. */
unsigned cap_unmap_any(struct cap *c);
/* Entries that c's mapping claims and that are not so. */
uint64_t cap_check_mapping(const struct cap *c);

/* cap_delete.c */

/*
 * Starts the count of work that one system call may do. If earlier calls left some, it does of that first and
 * returns ERR_RESTART: no slot that the caller has looked up is valid then.
 */
err_t cap_work_begin(void);
bool cap_work_over(void);
/* Empties a slot. What it leaves behind is to be settled before the next slot. */
err_t cap_delete_slot(struct cap *s);
/* Are there capabilities left inside destroyed objects? */
bool cap_unsettled(void);
/* Deletes those; ERR_RESTART when that is too much at once. */
err_t cap_settle(void);
