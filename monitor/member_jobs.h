/*
 * What the files of processes that span cores share among themselves: members.c, member_span.c,
 * member_root.c, member_end.c.
 */
#pragma once

#include "monitor/members.h"

/* A change of a process, at its home. */
struct member_job {
	struct member_job *next;
	struct request request;
	struct proposal proposal;
	round_done *done;
	uint8_t op; /* MEMBER_SPAN, MEMBER_ROOT */
	uint8_t root;
	bool again;       /* the proposal is to be made again */
	uint16_t sharing; /* copies under way, and 1 */
	err_t err;        /* the first of theirs */
	coreid_t core;    /* of the new member */
	uint64_t number;  /* how it is rung */
};

extern unsigned member_agains; /* proposals to be made again */

/* No reply. The one with nothing but the pid. */
void member_tell(coreid_t core, enum member_op op, const struct mon_message *m);
void member_tell_pid(coreid_t core, enum member_op op, uint64_t pid);
/* The request of a member here becomes a job of its home's. */
void member_to_home(struct request *r, enum member_op op, struct mon_message *m);

/* The process's first job is over: its request is answered, and the next begins. */
void job_end(struct process *p, err_t err);
/* Proposes, as often as it takes; `done` is told the process's pid. */
void job_agree(struct process *p, enum subject subject, uint64_t w0, uint64_t w1, round_done *done);
/* A copy of what is in the slot here to the same slot of the member on `core`. When all are there the job goes on. */
void job_share(struct process *p, cptr_t slot, coreid_t core);
void job_shared(uint64_t pid, err_t err, uint64_t value);

/* The first job begins; what it shares has come, or not (job->err). */
void span_begin(struct process *p);
void span_shared(struct process *p);
void root_begin(struct process *p);
void root_shared(struct process *p);

/* No job is left of a process that is to end. */
void end_begin(struct process *p);
void end_agree(struct process *p);
/* Doubts those whose word the process waits for, to begin or to end. False: it waits for nobody. */
bool member_wait_watch(const struct process *p);
/* To the home: nothing is left of the member on that core. From it: all is over, or it came to nothing. */
void member_gone(struct process *p, coreid_t core);
void member_drop(uint64_t pid);
