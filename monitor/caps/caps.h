/*
 * Capabilities across cores: which objects are shared, and who must be asked.
 *
 * Every object has one owner core, where it is not FOREIGN.  Objects are made by the
 * owner of what they are made of, so an owner's tree has a node for everything in its
 * objects: its own, or, where the block was given away, a FOREIGN node that keeps the
 * block taken.  Only the owner decides; the others ask it.  Of each object that is
 * shared, each monitor concerned keeps a record with one capability of its own (the
 * keeper), so no such object goes without the monitors knowing.
 *
 * docs/capabilities.md, "Other cores", has the state, the messages and why the properties hold.
 * A file per operation.  Portable: runs on metal and in the simulator.
 */
#pragma once

#include "libos/core/dispatcher.h"
#include "monitor/monitor.h"

/* An operation on behalf of somebody has ended. */
typedef void caps_done(uint64_t context, err_t err, uint64_t value);

/* Has the CPU driver say when a shared object may be without users; then waker(arg) runs, and caps_step() has work. */
err_t caps_init(event_handler *waker, void *arg);
/* Goes on with what waits for nobody else; true when there was something. Else `next` is when to look again, or 0. */
bool caps_step(cycles_t *next);

/* Requests of processes (MON_CAP_*), and of other monitors (MON_CAPS). */
void caps_copy_request(struct request *r);
void caps_fetch_request(struct request *r);
void caps_send_request(struct request *r);
void caps_receive_request(struct request *r);
void caps_retype_request(struct request *r);
void caps_delete_request(struct request *r);
void caps_revoke_request(struct request *r);
void caps_message(struct request *r);

/*
 * For the monitor itself. `cap` is an address of the monitor's own or, by CPTR_IN, of a process's.
 * Copies it to a slot of the process `pid` on `core`, where it may have a member only.
 */
err_t caps_copy_to(cptr_t cap, unsigned rights, coreid_t core, uint64_t pid, uint32_t slot, caps_done *done,
		   uint64_t context);
/* From a slot of the member of that process on `core`, another one, to one of the member here. */
err_t caps_fetch_from(coreid_t core, uint32_t there, unsigned rights, uint64_t pid, uint32_t here, caps_done *done,
		      uint64_t context);
/*
 * Deletes everything made of the capability and all its copies on all cores. `stopped`: no core runs
 * the address spaces that it may be mapped in, so none need flush.
 */
err_t caps_revoke(cptr_t cap, bool stopped, caps_done *done, uint64_t context);
/* A process of this core has ended: what it had of others' is let go. */
void caps_process_gone(struct process *p);
/* Core `core` is dead: what it owned is gone, and it shares nothing any more. Part of SUBJECT_EXCLUDE. */
void caps_core_gone(coreid_t core);
/* The CPU driver says that a shared object may be without users here (CAP_OP_KERNEL_WATCH). */
void caps_sweep(void);
/* It lives again, and has nothing. */
void caps_core_back(coreid_t core);
/*
 * A capability of the monitor's own to what another part of it shares, by rules of its own: link, connection,
 * board. It is given to nobody else. `owner`: whose it is. And its end, before the object can be another.
 */
void caps_pin(cptr_t cap, coreid_t owner);
void caps_unpin(cptr_t cap);
/*
 * What processes of this core have of an object that was or is pinned goes, `cap` stays. What was mapped in page tables
 * of several cores is forgotten by all. `done` may come at once; with ERR_NO_MEMORY not all has gone.
 */
void caps_withdraw(cptr_t cap, caps_done *done, uint64_t context);
/* MON_WALK: compares what all cores have. */
void caps_walk_request(struct request *r);
/* Whose cores may remember what was in a shared page table (base | type); 0: nobody knows. */
uint64_t caps_table_pid(uint64_t table);
/* Operations under way; for the checker, which wants none. */
unsigned caps_busy(void);
/* Lines from other monitors that made no sense. */
unsigned caps_malformed(void);
