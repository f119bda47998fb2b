/*
 * What the service knows of each process that it has started: records by number, and numbers by ticket.
 *
 * All members share them (libos/fleet/kv_partitioned.h): each entry is at the member that its key chooses
 * and, before a put returns, at a second one.  So no record dies with a member.
 */
#pragma once

#include "libos/fleet/fleet.h"
#include "services/proc/types.h"

struct record {
	uint64_t ticket;
	uint64_t pid;    /* 0: not started yet */
	uint64_t status; /* of one that has ended */
	uint32_t id;
	uint32_t watcher; /* the member that is told of its end */
	uint32_t core;    /* where it is started */
	uint32_t parent;
	uint32_t state; /* enum proc_state */
	uint32_t cause; /* enum mon_cause */
};

err_t records_open(struct fleet *f);
/* ERR_NOT_FOUND. */
err_t record_get(uint32_t id, struct record *out);
/* Writes a record, new or not. */
err_t record_put(const struct record *r);
/*
 * Removes the record, and the ticket, if it is as *r says: same start, watcher and state. True: it was removed, by this
 * call and no other.
 */
bool record_remove(const struct record *r);
/* The view has changed: entries go to whom they belong now. */
void records_changed(const struct fleet_view *old);
/* The number that a ticket stands for. ERR_NOT_FOUND. */
err_t ticket_find(uint64_t ticket, uint32_t *id);
/* A record that no ticket leads to yet. */
void record_drop(uint32_t id);
/* Takes a ticket for a number, unless it is taken: *id is whose it is then. */
err_t ticket_take(uint64_t ticket, uint32_t *id);
/* Numbers of the records that this member keeps as first: up to `room` of them; returns how many there are. */
uint32_t records_ids(uint32_t *ids, uint32_t room);
/* Calls fn for the records that this member keeps as first; fn may put and remove. */
err_t records_own(void (*fn)(const struct record *r));
