/*
 * Which thread runs next, and where: a table of functions that a program may replace.
 *
 * Each cpu of the process calls them for itself, in disabled mode: they must not block, fault,
 * or touch the heap, and take no lock that is held in enabled mode.  So what a policy keeps for
 * each cpu is CORE_LOCAL, and needs neither locks nor atomics.  What is ready is the policy's:
 * waiting, sleeping, messages between cpus and migration go on unchanged around it.
 *
 * The default is first come first served on each cpu. A new thread starts on an idle cpu, if there is one
 * (but where it was made if threads are cooperative and no other waits there); a woken one goes on
 * where it last ran; a cpu that runs out asks one
 * that has more than it runs, and one that has more gives to one that sleeps.
 */
#pragma once

#include "libos/thread/control.h"

enum thread_ready_why {
	READY_NEW,      /* just made, or come from another cpu */
	READY_WOKEN,    /* what it waited for has happened */
	READY_YIELDED,  /* gave way */
	READY_PREEMPTED /* its slice is over */
};

struct thread_policy {
	const char *name;
	/* This thread can run on this cpu. */
	void (*enqueue)(struct thread *t, enum thread_ready_why why);
	/* Takes the one to run next; NULL: there is none. */
	struct thread *(*dequeue)(void);
	/* Is there any? */
	bool (*waiting)(void);
	/*
	 * Takes one to give to another cpu, or NULL: one for which thread_may_leave(t, thief) holds. Only
	 * ever asked for what is more than this cpu runs.
	 */
	struct thread *(*steal)(coreid_t thief);
	/* Where a new thread that may run anywhere starts: a core that the process spans. */
	coreid_t (*place)(struct thread *t);
};

extern const struct thread_policy thread_policy_default;

/*
 * From now on this policy decides; what is ready is handed over. NULL: the default one.
 * ERR_CAP_BUSY when the process has more than one cpu already.
 */
err_t thread_set_policy(const struct thread_policy *p);

/* For `steal`: may the thread be taken to that core? Not while it is pinned, or bound to others. */
bool thread_may_leave(const struct thread *t, coreid_t core);
/* For `place`: a cpu that sleeps, looking at each once from where the last search ended; this one when none does. */
coreid_t thread_idle_core(void);
/* A word in each thread that is the policy's own; 0 in a new thread. */
static inline uint64_t *thread_policy_word(struct thread *t) { return &t->policy_word; }
