/*
 * Threads of a process, and what they wait on.
 *
 * They run on the cpus that the process has (libos/thread/cpu.h): one at start.
 * Cooperative unless made preemptive: then a thread also loses the processor to
 * the next at the end of a time slice, and its registers are kept in its control
 * block.  Scheduler state is changed in disabled mode only (libos/core/dispatcher.h).
 * What threads wait on may be used from all cpus.  Nothing here needs the heap.
 *
 * A deadline is a TSC value; 0 means none.
 */
#pragma once

#include "kernel/abi/regs.h"
#include "kernel/abi/types.h"

struct thread;

/* Threads that wait for one thing, or for the processor, first come first served. */
struct thread_queue {
	struct thread *head, *tail;
};

/* --- threads ------------------------------------------------------------ */

typedef void *thread_fn(void *arg);

/* Starts fn(arg) in a new thread. It must be joined or detached. ERR_NO_MEMORY when there is none for its stack. */
err_t thread_create(struct thread **out, thread_fn *fn, void *arg);

struct thread_options {
	unsigned stack_bits;   /* of its stack, STACK_BITS to STACK_BITS_MAX; 0: STACK_BITS */
	bool detached;         /* from the start */
	const uint64_t *cores; /* a bit for each core that it may run on, CORES_MAX of them; NULL: any */
	bool held;             /* does not run before thread_start */
};
/* The same with options. ERR_ARGUMENT. */
err_t thread_create_with(struct thread **out, const struct thread_options *o, thread_fn *fn, void *arg);
void thread_start(struct thread *held);
/* A held one that is never to run. */
void thread_drop(struct thread *held);
/* Waits till the thread has ended, and frees it. `result` may be NULL. */
err_t thread_join(struct thread *t, void **result);
/* ERR_TIMEOUT: the deadline came first, or an interrupt if that may end it. */
err_t thread_join_until(struct thread *t, void **result, cycles_t deadline, bool interruptible);
/* The thread is freed when it ends. */
void thread_detach(struct thread *t);
void thread_exit(void *result) __attribute__((noreturn));
struct thread *thread_self(void);
/* Lets the next runnable thread of this process run, if there is one. */
void thread_yield(void);
/* Is another thread ready to run, or has one slept till its deadline? For loops that do not block. */
bool thread_others(void);
/* Sleeps till the TSC has reached `deadline`. */
void thread_sleep_until(cycles_t deadline);
/* The same (0: for ever); false when thread_interrupt ended it. */
bool thread_sleep_interruptible(cycles_t deadline);
/* From now on the thread's interruptible waits end at once, and so does one that is under way. */
void thread_interrupt(struct thread *t);
/*
 * The same till the thread itself says thread_nudge_taken. In disabled mode. True: an interruptible wait was ended.
 */
bool thread_nudge(struct thread *t);
/*
 * For a thread that was nudged in vain: does it compute? Then its cpu looks, if that is another one; and may have to be
 * told again. In disabled mode.
 */
bool thread_ring(struct thread *t);
/* The calling thread's interruptible waits end as usual again. */
void thread_nudge_taken(void);
/*
 * What a thread is nudged for: called by waits that do not tell their callers of it, in enabled mode, outside of
 * everything of theirs; it says thread_nudge_taken. NULL: nothing.
 */
extern void (*thread_nudged)(void);
/* ... also after thread_interrupt. */
void thread_interrupt_taken(void);
/* Has the calling thread been interrupted for good? */
bool thread_interrupted(void);
/* The thread runs on these cores only, as far as the process spans them: a bit each, CORES_MAX. */
void thread_bind(struct thread *t, const uint64_t *cores);
/* From now on threads lose the processor at the end of a slice, or do not. Off at start. */
void thread_set_preemptive(bool on);
/* For libraries: a pointer of theirs in each thread (errno and stdio of newlib are kept apart from it). */
void *thread_local_get(void);
void thread_local_set(void *value);

/*
 * Waits in a queue till thread_wake; false when the deadline came first.
 * Called in disabled mode, returns in it.
 */
bool thread_block(struct thread_queue *q, cycles_t deadline);
/* Makes the first of the queue runnable; NULL when it is empty. In disabled mode. */
struct thread *thread_wake(struct thread_queue *q);

/* --- mutexes, recursive or not -------------------------------------------- */

struct mutex {
	uint64_t word; /* the owner, and a bit: libos/thread/mutex.c */
	uint32_t depth;
	uint32_t recursive;
	struct thread_queue waiting;
};
#define MUTEX_INIT \
	{          \
		0  \
	}
#define MUTEX_INIT_RECURSIVE   \
	{                      \
		.recursive = 1 \
	}

void mutex_init(struct mutex *m, bool recursive);
void mutex_lock(struct mutex *m);
/* False when the deadline came first. */
bool mutex_lock_until(struct mutex *m, cycles_t deadline);
/* The same; a nudge is seen to in between. */
bool mutex_lock_nudged(struct mutex *m, cycles_t deadline);
bool mutex_try(struct mutex *m);
/* The caller holds it. */
void mutex_unlock(struct mutex *m);
/* Does the caller hold it? */
bool mutex_held(const struct mutex *m);

/* --- condition variables --------------------------------------------------- */

struct cond {
	struct thread_queue waiting;
};
#define COND_INIT            \
	{                    \
		{            \
			0, 0 \
		}            \
	}

void cond_init(struct cond *c);
/* Releases the mutex, waits, takes the mutex again; false when the deadline came first. */
bool cond_wait(struct cond *c, struct mutex *m, cycles_t deadline);
/* ... or a nudge, which has been seen to before the mutex was taken again. */
bool cond_wait_nudged(struct cond *c, struct mutex *m, cycles_t deadline);
/* ... or thread_interrupt. */
bool cond_wait_interruptible(struct cond *c, struct mutex *m, cycles_t deadline);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* --- semaphores ------------------------------------------------------------- */

struct semaphore {
	uint64_t count;
	struct thread_queue waiting;
};
#define SEMAPHORE_INIT(n)    \
	{                    \
		.count = (n) \
	}

void semaphore_init(struct semaphore *s, uint64_t count);
bool semaphore_wait(struct semaphore *s, cycles_t deadline);
/* False also after thread_interrupt. */
bool semaphore_wait_interruptible(struct semaphore *s, cycles_t deadline);
bool semaphore_try(struct semaphore *s);
void semaphore_post(struct semaphore *s);

/* --- events -------------------------------------------------------------------- */

/*
 * Something happened: set once however often it is signalled, cleared by the one
 * that waited. Several endpoints and notifications may share one, so a thread
 * can wait for any of them and then look which it was.
 */
struct event {
	uint64_t set;
	struct thread_queue waiting;
};
#define EVENT_INIT \
	{          \
		0  \
	}

void event_init(struct event *e);
/* From a thread, or from a handler in disabled mode: event_raise. */
void event_signal(struct event *e);
void event_raise(struct event *e);
bool event_wait(struct event *e, cycles_t deadline);
/* For its only waiter, who goes on to look at all that it tells of. */
static inline void event_clear(struct event *e) { __atomic_store_n(&e->set, 0, __ATOMIC_RELAXED); }
static inline bool event_is_set(const struct event *e) { return __atomic_load_n(&e->set, __ATOMIC_RELAXED) != 0; }

/* --- barriers ------------------------------------------------------------------ */

/* `count` threads wait for each other, again and again. */
struct barrier {
	uint32_t count, arrived;
	struct thread_queue waiting;
	uint64_t round; /* no two barriers ever have the same */
};

void barrier_init(struct barrier *b, uint32_t count);
/* True for the one that came last. A nudge is seen to in between. */
bool barrier_wait(struct barrier *b);

/* For threads that each have a cpu to themselves: they look instead of sleeping. */
struct spin_barrier {
	_Alignas(CACHE_LINE) uint32_t arrived; /* all write */
	uint32_t count;
	_Alignas(CACHE_LINE) uint32_t round; /* all but the last only read */
};

void spin_barrier_init(struct spin_barrier *b, uint32_t count);
bool spin_barrier_wait(struct spin_barrier *b);
