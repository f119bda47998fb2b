/*
 * Between the files of libos/thread: a cpu's part of the memory that all share, and
 * what a process with several cpus, or a policy of its own, does in place of the
 * short paths.  Disabled mode.
 */
#pragma once

#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/thread/policy.h"

struct cpu {
	struct inbox inbox;
	/* Its own line: it writes, others read. */
	_Alignas(CACHE_LINE) uint32_t surplus; /* threads wait behind the one that runs */
	coreid_t core;
	uint32_t listed; /* threads may come here */
	/* Written by the cpu that was asked, too. */
	_Alignas(CACHE_LINE) struct inbox_item request; /* for work, to another cpu */
	uint32_t asking;                                /* the request is out */
	uint64_t blocks; /* control blocks of ours that others give back, linked by next */
};

/* This cpu; NULL while the process has but one. */
extern CORE_LOCAL struct cpu *cpu_self;
/* Where a thread runs or ran last. */
struct cpu *cpu_of(const struct thread *t);
/* Whose pool a control block is of. */
struct cpu *cpu_maker(const struct thread *t);
/* The cpu on that core, or this one when there is none. */
struct cpu *cpu_at(coreid_t core);
/* Has all others look at what has changed. */
void cpu_wake_others(void);
/* Takes what has come from other cpus. */
void cpu_drain_some(void);
static inline void cpu_drain(void)
{
	if (!inbox_empty(&cpu_self->inbox))
		cpu_drain_some();
}
/*
 * Takes the next thread to run, after everything that could make one ready; NULL: there is none, and the
 * dispatcher may sleep.
 */
struct thread *cpu_next(void);
/* Before a thread goes on: who waits is said, shared, or, when there is none, waited for. */
void cpu_settle(void);
/* Sends a thread that is saved there, to be run there from now on. */
void cpu_give(struct thread *t, struct cpu *to);
/* Must it go on elsewhere, because its affinity says so, or because the process has moved? */
bool cpu_must_leave(const struct thread *t);
/* The current thread goes on elsewhere if it must and can; was it so? */
bool cpu_leave(struct thread *t);
/* In enabled mode: the same when something has come from other cpus. */
void cpu_leave_closed(void);
/* A cpu that the affinity of a thread allows: an idle one if there is one; this one when no cpu is allowed. */
struct cpu *cpu_allowed(const struct thread *t);
/* Something has come while a thread ran: cpu_settle is due. */
extern CORE_LOCAL bool cpu_due;

/* The policy that decides. */
extern const struct thread_policy *thread_policy;
