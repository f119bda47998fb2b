/*
 * What the files of capabilities across cores share: records of shared objects, operations under
 * way, and who waits for what.
 *
 * Nothing here recurses or waits: an operation that must go on is put on a list and
 * run by ops_run(), which every way into monitor/caps ends with.
 */
#pragma once

#include "libos/core/invoke.h"
#include "monitor/caps/caps.h"
#include "monitor/caps/wire.h"

#define CORE_NONE CORES_MAX

struct op;

/* A core that has capabilities to an object of ours. */
struct sharer {
	struct sharer *next;
	coreid_t core;
	uint32_t count; /* copies sent to it and not released */
	bool awaited;   /* the holder's message to it is not answered */
};

/* What is known here of an object that is shared, or was given away or taken over. */
struct share {
	struct share *next; /* of its chain, or free */
	struct object object;
	bool own;                /* ours: else FOREIGN */
	bool given;              /* not ours any more: the keeper is a tombstone */
	bool pinned;             /* some other part of the monitor ends it */
	bool frozen;             /* its owner is about to change: nobody is to be asked */
	bool told;               /* ... and is the giver: the heir owns it from then on */
	bool stays;              /* it was tried to move it, in vain */
	bool lost;               /* its owner or giver is dead, and it is being taken away */
	coreid_t heir;           /* frozen: whose it will be */
	coreid_t heir_giver;     /* ... and its giver then */
	coreid_t owner;          /* when it is not ours */
	coreid_t giver;          /* ours: whose it was; CORE_NONE */
	coreid_t teller;         /* given: whose it was when we were last told of a move; CORE_NONE */
	uint32_t count;          /* not ours: copies that came from the owner */
	uint64_t pid;            /* of a page table: whose members have it; 0: it was not sent to any yet */
	cptr_t keeper;           /* the monitor's own capability; 0: none */
	struct sharer *sharers;  /* ours */
	struct op *holder;       /* that is changing it */
	struct op *first, *last; /* who waits for the holder */
};

/* Who hears of an operation's end. */
enum answer_to { TO_NOBODY, TO_PROCESS, TO_CORE, TO_CALLER };
struct answer {
	uint8_t to;        /* enum answer_to */
	uint8_t request;   /* enum mon_op, of a process */
	coreid_t core;     /* TO_CORE */
	uint32_t process;  /* TO_PROCESS */
	uint32_t sequence; /* of the request; TO_CORE: number of the operation there */
	caps_done *done;   /* TO_CALLER */
	uint64_t context;
};

struct copy_op {
	uint64_t dest; /* pid or channel */
	cptr_t source; /* when it is the monitor's own */
	coreid_t core;
	uint32_t slot;
	uint8_t rights, target;
};

struct retype_op {
	uint64_t offset;
	uint32_t first; /* slot */
	uint16_t count, made;
	uint8_t type, bits, rights;
};

enum clear_why {
	CLEAR_KEEP_HERE,  /* ours: all but the capability at `keep` */
	CLEAR_KEEP_ASKER, /* ours: all but that of the asker's */
	CLEAR_ALL,        /* ours: nothing is left */
	CLEAR_DROP,       /* another's: at its owner's word */
	CLEAR_FORGET      /* another's: in what we revoke */
};
struct clear_op {
	cptr_t keep;
	uint32_t keep_number; /* of the asker's operation */
	uint16_t awaited;     /* sharers */
	uint8_t why;          /* enum clear_why */
	uint8_t tries;
	bool asked, again;   /* the sharers; the CPU driver has found something shared below */
	bool kept;           /* the asker's capability is still there */
	bool failed;         /* somebody has no memory to do its part */
	struct object taken; /* given block that is awaited */
	uint64_t place;      /* of a page table, when its keeper is to be made anew */
};

struct move_op {
	coreid_t heir;
	uint16_t awaited;
	bool told;
	bool refused; /* somebody has no memory to wait till it can freeze */
};

struct reclaim_op {
	coreid_t asked; /* last */
	bool each;      /* block by block */
};

struct walk_op {
	uint64_t found; /* violations */
	uint64_t base;  /* roots: where to look on */
	unsigned index; /* records */
	unsigned sub;
	coreid_t core;
};

struct op {
	struct op *chain; /* by number, or free */
	struct op *after; /* in the list that it waits in */
	uint32_t number;
	uint32_t process;          /* in whose name; 0: none */
	void (*run)(struct op *o); /* goes on, or begins anew (CAPS_RETRY) */
	void (*reply)(struct op *o, coreid_t from, err_t err, uint64_t value); /* CAPS_DONE */
	struct object object;
	coreid_t peer, other; /* whose answer is awaited; CORE_NONE */
	uint32_t slot;        /* of the process */
	uint8_t step;
	uint8_t age;                         /* ticks */
	bool queued;                         /* in some list */
	bool stopped, flushed, flush_wanted; /* flush.c */
	struct answer answer;
	union {
		struct copy_op copy;
		struct retype_op retype;
		struct clear_op clear;
		struct move_op move;
		struct reclaim_op reclaim;
		struct walk_op walk;
		struct mon_message m; /* who waits its turn */
	} u;
};

/* --- table.c ------------------------------------------------------------------ */

struct share *share_find(const struct object *o);
/* ERR_NO_MEMORY. Of what is ours or, `owner` another core, not. Without a keeper. */
err_t share_new(const struct object *o, coreid_t owner, struct share **out);
/* Makes the keeper; a page table's `place` as its owner says, when it is another's. */
err_t share_keep(struct share *s, uint64_t place);
/* Who waits for it is run. The keeper is gone. */
void share_free(struct share *s);
/* The record after one, in no order; begin with NULL. Not while records go. */
struct share *share_next(const struct share *s);
unsigned shares_count(void);
struct sharer *sharer_find(const struct share *s, coreid_t core);
/* One copy more is that core's. */
err_t sharer_count(struct share *s, coreid_t core, uint32_t count);
void sharer_remove(struct share *s, coreid_t core);
/* The first that is dead, but may not be forgotten yet (gone.c); NULL: none is. */
const struct sharer *sharer_dead(const struct share *s);
/* Cells for records and operations. NULL: no memory. */
void *cell_new(size_t bytes);
void cell_free(void *cell, size_t bytes);
/* Can objects of this type be shared? */
bool object_shareable(unsigned type);
/* Is what an owner says about it to wait? What the next owner says may come before we hear that it is the owner. */
static inline bool share_waits(const struct share *s, coreid_t from)
{
	return s->holder || (s->frozen && s->owner != from);
}
static inline struct object object_of(const struct cap_info *i) { return (struct object){ i->base, i->type, i->bits }; }

/* --- queue.c ---------------------------------------------------------------------- */

/* In the name of a request's sender; ERR_AGAIN: the process has as many as it may. Or of none (r NULL). */
err_t op_new(const struct request *r, struct op **out);
/* What a process's request asks for; NULL: it is refused, by `err` or for want of room, and has its answer. */
static inline struct op *op_asked(const struct request *r, err_t err)
{
	struct op *o = NULL;

	if (!err)
		err = op_new(r, &o);
	if (err)
		request_reply(r, err, NULL);
	return err ? NULL : o;
}
struct op *op_find(uint32_t number);
struct op *op_next(const struct op *o);
void op_end(struct op *o, err_t err, uint64_t value);
/* It goes on soon. */
void op_ready(struct op *o);
/* ... at the next tick. */
void op_later(struct op *o);
/* All that can go on. */
void ops_run(void);
bool ops_tick(cycles_t *next);
/* Takes the record, or (false) waits for it and will be run. */
bool share_hold(struct share *s, struct op *o);
/* Lets the record go. Who waited judges anew. */
void share_release(struct share *s);
/* A message waits for the holder. */
void share_wait(struct share *s, coreid_t from, const struct mon_message *m);
/* To another core's monitor. What there is no room for is sent later, in order. */
void caps_send(coreid_t core, unsigned what, err_t err, uint32_t number, const struct object *o, uint64_t word1,
	       uint64_t w2, uint64_t w3, uint64_t w4);
void caps_send_line(coreid_t core, const struct mon_message *m);
void caps_send_done(coreid_t core, uint32_t number, err_t err, uint64_t value);
void held_forget(coreid_t core);
unsigned held_count(void);
/* Core `core` is known to be dead. */
bool core_gone(coreid_t core);

/* --- clear.c, revoke.c ---------------------------------------------------------------- */

/* The operation will take the object away; clear_run() has it begin. */
void clear_begin(struct op *o, const struct object *object, enum clear_why why);
void clear_run(struct op *o);
/* In a process's name: it looks at its capability again. */
void revoke_run(struct op *o);

/* --- flush.c ------------------------------------------------------------------------ */

enum pass { PASS_REVOKE, PASS_DELETE };
/* A pass of the CPU driver, with a flush and another one when there is need; ERR_AGAIN: the operation will be run. */
err_t pass_do(struct op *o, enum pass what, cptr_t cap, const struct cap_info *expected);
void pass_forget(struct op *o);
/* Has all cores flush; `flushed` is set and the operation run then. */
void flush_begin(struct op *o);

/* --- what each message does: the file of its operation ---------------------------------- */

void message_handle(coreid_t from, const struct mon_message *m);
void share_message(coreid_t from, const struct mon_message *m);
void grant_message(coreid_t from, const struct mon_message *m);
void fetch_message(coreid_t from, const struct mon_message *m);
void carve_message(coreid_t from, const struct mon_message *m);
void return_message(coreid_t from, const struct mon_message *m);
void release_message(coreid_t from, const struct mon_message *m);
void revoke_message(coreid_t from, const struct mon_message *m);
void drop_message(coreid_t from, const struct mon_message *m);
/* There is no memory to do what it says: who has sent it hears so. */
void drop_refuse(coreid_t from, const struct mon_message *m);
void grant_refuse(coreid_t from, const struct mon_message *m);
void dropped_message(coreid_t from, const struct mon_message *m);
void take_message(coreid_t from, const struct mon_message *m);
void freeze_message(coreid_t from, const struct mon_message *m);
void frozen_message(coreid_t from, const struct mon_message *m);
void heir_message(coreid_t from, const struct mon_message *m);
void adopt_message(coreid_t from, const struct mon_message *m);
void moved_message(coreid_t from, const struct mon_message *m);
void told_message(coreid_t from, const struct mon_message *m);
void gone_message(coreid_t from, const struct mon_message *m);
void walk_message(coreid_t from, const struct mon_message *m);
void is_message(coreid_t from, const struct mon_message *m);
bool object_valid(const struct object *o);
/* It makes no sense. */
void line_drop(coreid_t from, const struct mon_message *m);
/*
 * A sharer's answer to what the holder of a record asked all sharers: it is not awaited any more. NULL: nobody
 * has asked it, and the line is dropped; else the record, whose holder is the operation.
 */
struct share *share_answered(coreid_t from, const struct mon_message *m);

/* Deletes a capability of the monitor's own and frees its slot, with the flush that it may need. */
void slot_drop(cptr_t slot, caps_done *done, uint64_t context);
/* Ours, and nobody shares it: it is local again, or goes back to its giver. */
void share_settle(struct share *s);
/* Something has gone that may have kept something else from being alone. */
void sweep_soon(void);
/* Doubts cores that leave somebody waiting; true: somebody waits for another core. To be called at ticks. */
bool ops_watch(void);
/* Looks at all keepers; true: there are blocks taken over, of whose last use nobody tells. */
bool sweep_step(void);
/* What is ours and used by others alone moves to one of them. */
void move_begin(struct share *s);
void move_core_gone(struct share *s, coreid_t core);
/* A tombstone's block has come back. */
void tombstone_undo(struct share *s);
/* What was given to a dead core is to come back. */
void reclaim_begin(coreid_t core);
/* The operation is run when all that was given to a dead core is back. */
err_t reclaim_wait(coreid_t core, struct op *o);
/* Everything of an object whose owner or giver is dead goes; what was given to it comes back. */
void share_lost(struct share *s);
/* monitor/parcels.c: puts a copy where our side of the channel will look for it. */
err_t parcel_put(uint64_t channel, cptr_t source, unsigned rights, uint64_t *ticket);
/* monitor/programs.c: keeps a copy for a start by that process; its number. ERR_CAP_TYPE: no frame of up to 32 MiB. */
err_t program_put(uint64_t owner, cptr_t source, uint64_t *number);
void copy_begin(struct op *o, const struct copy_op *c);
/* The process of a pid that is here, or NULL. */
struct process *caps_process(uint64_t pid);
