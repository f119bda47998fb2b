/*
 * Processes that span cores: a group of cores under the process's pid, with a member on each.
 *
 * A member is a process of its core's monitor: capability space, dispatcher, root
 * page table and the two megabytes from DISPATCHER_VA on are its own.  The page tables of the
 * image and those under all other top-level slots are shared: made once, mapped by all.
 * The monitor of the first member, on the core that the pid names, is the process's home.
 * It does one change of the process at a time (a new member, a top-level slot, the end); the
 * others come to it by MON_MEMBERS.
 *
 *   members.c         messages, and the home's changes, one after the other
 *   member_span.c     a new member
 *   member_root.c     a top-level slot of all
 *   member_end.c      the end
 *   member_make.c     a member from its making to its end, on its own core
 *   member_memory.c   unmap and protect, with every core of the process
 */
#pragma once

#include "kernel/abi/cap.h"
#include "monitor/agree/agreement.h"
#include "monitor/monitor.h"

/* Slots of a member, the same on each, so that what is shared is known by its slot. */
#define MEMBER_TABLE3 TASK_FREE
#define MEMBER_TABLE2 (TASK_FREE + 1)
#define MEMBER_TABLES (TASK_FREE + 2) /* the PTABLE1s; behind them MEMBER_ROOTS of PTABLE3s */
static inline cptr_t member_root(const struct process *p, unsigned n) { return MEMBER_TABLES + p->tables + n; }

/* Members wake each other by capabilities in a cnode at the last slot of the root, by core. */
#define MEMBER_PEERS_L1 MON_PEERS_L1

/* `aux` of a MON_MEMBERS request; w0 = pid always. */
enum member_op {
	/* from the home to a core that is to have a member */
	/* w1 = entry, w2 = stack, w3 = PTABLE1s | local pages << 16, w4, w5 = name -> w0 = doorbell number */
	MEMBER_MAKE,
	MEMBER_ROOTS_ARE, /* no reply. w1 = which shared top-level table, w2 = its index: in the root of all others */
	MEMBER_RING,      /* no reply. w1 = core, w2 = doorbell number of the member there */
	MEMBER_UNROOT,    /* no reply. w1 = which shared top-level table: it came to nothing */
	MEMBER_HALT,      /* no reply. w1 = 1: it is stopped; 0: it goes on */
	MEMBER_DROP,      /* no reply: it came to nothing, or all of it has ended */
	/* to the home */
	MEMBER_SPAN, /* as MON_SPAN, from w1 on */
	MEMBER_ROOT, /* as MON_ROOT_SLOT, from w1 on */
	MEMBER_END,  /* no reply. w1 = enum mon_cause, w2 = status: a member has ended the process */
	MEMBER_GONE, /* no reply: nothing is left of the member on that core */
	/* to any member's monitor */
	MEMBER_UNMAP,   /* w1 to w5: slots, 0: none */
	MEMBER_PROTECT, /* w1 = slot, w2 = first | count << 16, w3 = MAP_ flags */
	MEMBER_OPS
};

/* The member of that process on this core, also while it ends; NULL when there is none. */
struct process *member_find(uint64_t pid);
/* Is this core the process's home? */
static inline bool member_at_home(const struct process *p) { return p->pid >> 32 == monitor.core; }
/* Has the process had, or tried to have, a second member? */
static inline bool member_spans(const struct process *p) { return p->peers != 0; }

/* Requests: MON_SPAN, MON_ROOT_SLOT, MON_UNMAP, MON_PROTECT; MON_MEMBERS. */
void member_span(struct request *r);
void member_root_slot(struct request *r);
void member_unmap(struct request *r);
void member_protect(struct request *r);
void members_message(struct request *r);

/* What is agreed on: rows of subject_table. */
void member_flush_commit(const struct proposal *p);
err_t member_root_prepare(const struct proposal *p);
void member_root_commit(const struct proposal *p);
void member_root_abort(const struct proposal *p);
err_t member_join_prepare(const struct proposal *p);
void member_join_commit(const struct proposal *p);
void member_join_abort(const struct proposal *p);
void member_stop_commit(const struct proposal *p);
void member_end_commit(const struct proposal *p);

/* A process that spans ends, whichever member said so. */
void member_end(struct process *p, unsigned cause, uint64_t status);
/* Processes with a member there stop here: all end for its death. Before their groups forget it. */
void members_core_stop(coreid_t core);
/* Core `core` is dead; its processes' groups still hold it. The processes that it had a member of end. */
void members_core_gone(coreid_t core);
/*
 * Proposes again what could not be proposed, and doubts cores that an end waits for. True when something was due; else
 * `next` is when something will be, or 0.
 */
bool members_step(cycles_t *next);
/* A process waits for other cores, to begin or to end. */
void member_watch(void);

/* --- member_make.c ------------------------------------------------------------------ */

/* The cnode of peers and this member's doorbell; `number` is how others ring it. */
err_t member_peers_make(struct process *p, uint64_t *number);
/* How the member on `core` is rung, as this one knows. */
err_t member_peer_number(const struct process *p, coreid_t core, uint64_t *number);
void member_peer_add(struct process *p, coreid_t core, uint64_t number);
err_t member_make(const struct mon_message *m, uint64_t *number);
/* Which of the shared top-level tables is to be there, and where; what is left of one that came to nothing goes. */
void member_root_is(struct process *p, const struct mon_message *m);
void member_unroot(struct process *p, uint64_t n);
/* Gives a member's memory back: it does not run. `done` follows when nothing of it is left. */
void member_release(struct process *p, void (*done)(struct process *p));

/* --- member_memory.c ----------------------------------------------------------------- */

void member_unmap_here(struct process *p, struct request *r);
void member_protect_here(struct process *p, struct request *r);
