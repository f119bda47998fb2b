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

/*
 * cap_share.c: what becomes of a mapping in a table that other cores use, too ("shared"), when its capability is to go.
 */
enum cap_pass {
	PASS_USER,    /* it stays, and so does the capability */
	PASS_FIRST,   /* taken out of the table, but the capability stays: other cores may remember it */
	PASS_FLUSHED, /* as PASS_FIRST; but what an earlier pass took out goes: all have flushed since */
	PASS_STOPPED  /* it goes: none of those whose it was runs any more; but others may use the table */
};
extern enum cap_pass cap_pass; /* PASS_USER but during an operation of the monitor's */
extern unsigned cap_round;     /* of passes: what is taken out in one goes in a later one */
extern uint32_t cap_scan;      /* counts the monitor's operations */
extern uint64_t cap_held;      /* capabilities that this pass left because of their mappings */
extern bool cap_taken_out;     /* PASS_STOPPED took something out of a shared table, here or before ERR_RESTART */

/* cap_map.c */

/* Any table was shared since this core began: else no one looks for what comes of it. */
extern bool tables_shared;

/* Gives a new page table the number that tells it from earlier ones at its address. */
void table_init(struct cap *c);
/* Gives another core's table its number, and the place that KERNEL_PLACE said, unless it has one. */
void table_place(struct cap *c, uint64_t place);
/* From now on, entries of this table, a primary, may stem from several cores. */
void table_mix(struct cap *c);
/* Another core's table with entries of this one's: if it were forgotten here, so would be what they show. */
bool table_in_use(const struct cap *c);
/* Another core's table is forgotten here. ERR_CAP_REMOTE: later, its entries were only just taken out. */
err_t table_end(struct cap *c);
/* Takes c, which is MAPPED, out of its page table. ERR_CAP_REMOTE: the table is shared, and c has to stay. */
err_t cap_unmap_any(struct cap *c);
/* Entries that c's mapping claims and that are not so, and marks that may not be. */
uint64_t cap_check_mapping(const struct cap *c);

/* cap_delete.c */

/*
 * Starts the count of work that one system call may do. If earlier calls left some, it does of that first and
 * returns ERR_RESTART: no slot that the caller has looked up is valid then.
 */
err_t cap_work_begin(void);
bool cap_work_over(void);
void cap_work_done(unsigned work);
/* Empties a slot. What it leaves behind is to be settled before the next slot. */
err_t cap_delete_slot(struct cap *s);
/* Are there capabilities left inside destroyed objects? */
bool cap_unsettled(void);
/* Deletes those; ERR_RESTART when that is too much at once. */
err_t cap_settle(void);
/* A destroyed cnode that still holds something which could not be deleted? */
bool cap_is_stuck(const struct cap *c);
/* A destroyed cnode that is not emptied yet: its links to copies are no such. */
bool cap_is_doomed(const struct cap *c);
#define DOOMED_SCAN(c) ((c)->generation) /* cap_scan, when it was begun to be emptied for the monitor */
#define DOOMED_HELD(c) ((c)->mapping)    /* of what it is stuck with, so much goes when all have flushed */
/* Begins anew to empty it, for cap_settle(). */
void cap_unstick(struct cap *c);
