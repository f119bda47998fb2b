/*
 * A thread's control block and the scheduler's inside, for libos/thread and libos/core.
 *
 * The block lies at the top of the thread's stack memory, right above its
 * thread-local storage: its address is the thread pointer (variant II), so its
 * first word points at itself.  Which thread runs is in the dispatcher page.
 * Everything below is for disabled mode unless it says otherwise.
 */
#pragma once

#include "kernel/abi/regs.h"
#include "libos/core/dispatcher.h"
#include "libos/core/fault.h"
#include "libos/core/local.h"
#include "libos/thread/inbox.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

#define THREAD_REENT_BYTES 2048 /* room for newlib's struct _reent */
#define THREAD_POSIX_BYTES 160  /* room for struct posix_thread */

struct thread_stack {
	vaddr_t low, top;
};

struct thread {
	struct thread *self;
	uint64_t rsp;               /* of the saved context; 0: preempted, state in the last three members */
	struct thread *next, *prev; /* in `queue` */
	struct thread_queue *queue;
	struct thread_queue *waits; /* the queue that it waits in; changed under its guard */
	struct thread *sleep_next, *sleep_prev;
	thread_fn *fn;
	void *arg, *result;
	struct cpu *cpu;              /* where it runs or ran last; NULL: where the process started */
	struct cpu *maker;            /* whose memory it is; NULL: likewise */
	vaddr_t stack_low, stack_top; /* the stack proper, guard excluded */
	/* Of a thread on another stack than its own, if it went there by thread_stack_change. */
	vaddr_t left_at;           /* its own is free below this */
	struct thread_stack other; /* whose memory is all there */
	struct inbox_item item;    /* while it is sent to another cpu */
	uint64_t pool;             /* which of the pools of blocks this one goes to */
	/* From here to the end 0 when it starts. */
	_Alignas(16) struct {
		cycles_t deadline; /* 0: not among the sleepers */
		struct thread_queue joiners;
		/* Why and how it waits: libos/thread/wait.c. */
		bool timed_out;        /* not woken: its deadline came, or thread_interrupt */
		bool queued;           /* waits in a queue, with or without a deadline */
		uint8_t interruptible; /* ... and which INTERRUPTED_ bits may end that */
		bool handed;           /* a mutex was handed over */
		bool tried;            /* a mutex was free when it was woken, but gone when it came */
		bool ended, detached;
		bool urgent;          /* the errand thread */
		bool bound;           /* to the cores of `affinity` */
		uint32_t interrupted; /* INTERRUPTED_ bits */
		uint32_t pins;        /* stays on its cpu while it is not 0 */
		uint64_t policy_word;
		void *local;
		void *posix; /* what libos/posix keeps for it, once it does: the room below */
		void *reent; /* newlib's state once it is used */
	};
	uint64_t affinity[CORES_MAX / 64];
	_Alignas(16) uint8_t posix_room[THREAD_POSIX_BYTES];
	_Alignas(16) uint8_t reent_room[THREAD_REENT_BYTES];
	struct regs regs;
	uint64_t fs;
	_Alignas(64) uint8_t fpu[DISPATCHER_FPU_BYTES];
};

enum { INTERRUPTED_FOR_GOOD = 1, INTERRUPTED_ONCE = 2, INTERRUPTED_ANY = 3 };

/*
 * What makes the paths of a process with one cpu and the default policy too short to go:
 * changed in disabled mode, while there is one cpu.
 */
enum { SPECIAL_CPUS = 1, SPECIAL_POLICY = 2, SPECIAL_URGENT = 4, SPECIAL_TIMER = 8 };
extern uint32_t thread_special;

static inline bool thread_is_special(void) { return __builtin_expect(thread_special != 0, 0); }
static inline bool thread_has_cpus(void) { return __builtin_expect(thread_special & SPECIAL_CPUS, 0); }

/* What the default policy has ready on this cpu; the running one is not among them. */
extern CORE_LOCAL struct thread_queue thread_ready;
/* The one with the first deadline, or NULL. */
extern CORE_LOCAL struct thread *sleep_first;

/* No other thread is to run, or will be by itself: when the running one waits, the process sleeps. */
static inline bool thread_is_alone(void) { return !thread_is_special() && !thread_ready.head && !sleep_first; }

static inline struct thread *thread_current(void) { return (struct thread *)dispatcher_page()->libos[0]; }

static inline void thread_queue_add(struct thread_queue *q, struct thread *t)
{
	t->queue = q;
	t->next = NULL;
	t->prev = q->tail;
	if (q->tail)
		q->tail->next = t;
	else
		q->head = t;
	q->tail = t;
}

static inline void thread_queue_remove(struct thread *t)
{
	struct thread_queue *q = t->queue;

	if (t->prev)
		t->prev->next = t->next;
	else
		q->head = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		q->tail = t->prev;
	t->queue = NULL;
}

/* Takes the first of a queue, or NULL. */
static inline struct thread *thread_queue_take(struct thread_queue *q)
{
	struct thread *t = q->head;

	if (!t)
		return NULL;
	q->head = t->next;
	if (t->next)
		t->next->prev = NULL;
	else
		q->tail = NULL;
	t->queue = NULL;
	return t;
}

/* Takes the first of a locked queue, which then is the caller's to make ready once it has unlocked; or NULL. */
static inline struct thread *wait_take(struct thread_queue *q)
{
	struct thread *t = thread_queue_take(q);

	if (t)
		__atomic_store_n(&t->waits, NULL, __ATOMIC_RELEASE);
	return t;
}

/* Brings memory of the heap in before disabled mode, which must not fault, uses it. In enabled mode. */
static inline void memory_touch(const void *p) { (void)*(const volatile char *)p; }

/* Makes a thread that waits, and is in no queue any more, runnable: where it ran last. */
void thread_make_ready(struct thread *t);
/* Goes on with the next runnable thread, or sleeps. What ran is saved or has ended. */
void thread_schedule(void) __attribute__((noreturn));
/* Sleeps or switches, `t` being saved and linked where its waker finds it; returns when it runs again. */
void thread_suspend(struct thread *t);
/*
 * Sends a message and sleeps in one step, where the thread is alone; returns 0 when it runs again. An error: neither
 * has been done.
 */
err_t thread_suspend_sending(struct thread *t, cptr_t to, uint64_t header, const uint64_t *words);
/* Starts fn on a thread that is laid: the one that runs before all others, and only here. */
void thread_launch_urgent(struct thread *t, thread_fn *fn);
/* Whatever runs gives way once, preemptive or not. */
void thread_slice_end(void);
/* EVENT_TIMEOUT came: the alarm, or a deadline. */
void thread_timeout(void);
/* Lets the next run if the slice ended while we were in disabled mode. In enabled mode. */
void thread_give_way(void);
/* After a run upcall with events handled: goes on with the thread that it interrupted, or the next. */
void thread_after_upcall(struct thread *interrupted) __attribute__((noreturn));

/*
 * Something of the process's own that is due at a time, whatever runs then: the handler is called in disabled mode,
 * once that is past. 0: nothing is. On the core where the process started.
 */
void thread_timer_set(cycles_t due);
extern CORE_LOCAL cycles_t thread_timer_due;
extern void (*thread_timer_handler)(void);
/*
 * Asked, in disabled mode, before a thread that an upcall interrupted goes on; may have it go on elsewhere first
 * (thread_divert), and then does not return. NULL: nobody wants to.
 */
extern void (*thread_interrupted_hook)(struct thread *t);
/* What a diverted thread goes on with; it may be changed till then. */
struct thread_saved {
	struct regs regs;
	uint64_t fs;
	struct fault_info fault;            /* if it was one that is to be mended */
	void (*fn)(struct thread_saved *s); /* what it is diverted to; NULL: to bring memory to the address */
	vaddr_t left_at;                    /* as they are in struct thread */
	struct thread_stack other;
	_Alignas(64) uint64_t fpu[];
};
/*
 * The interrupted thread, whose registers are in that save area, runs fn() in enabled mode on the stack that it is on,
 * or on another if that is not NULL, and goes on where it was when that returns. Returns when there is no room.
 */
void thread_divert(struct thread *t, unsigned area, const struct thread_stack *on, void (*fn)(struct thread_saved *s));
/* The calling thread goes on with these registers. In enabled mode; `s` lies on a stack. */
void thread_continue(const struct thread_saved *s) __attribute__((noreturn));

static inline bool thread_owns_stack(const struct thread *t, vaddr_t rsp)
{
	return rsp > t->stack_low && rsp <= t->stack_top;
}
/* The thread is about to go from one stack pointer to another, which is in `other` unless its own stack is meant. */
static inline void thread_stack_change(struct thread *t, vaddr_t from, vaddr_t to, struct thread_stack other)
{
	if (thread_owns_stack(t, to))
		t->left_at = 0;
	else if (thread_owns_stack(t, from))
		t->left_at = from;
	t->other = other;
}

/* Loses the processor at the end of a slice. */
extern bool thread_preemptive;

/* --- waiting, in libos/thread/wait.c ------------------------------------------- */

/*
 * A queue and the state that goes with it are changed in disabled mode and, when the process has
 * several cpus, under the queue's guard: one of some spin locks, which it hashes to, so that a guard
 * outlives every queue.  A holder neither blocks nor gives way, and takes no second one.
 */
void wait_guard(struct thread_queue *q);
void wait_unguard(struct thread_queue *q);
static inline void wait_lock(struct thread_queue *q)
{
	if (thread_has_cpus())
		wait_guard(q);
}
static inline void wait_unlock(struct thread_queue *q)
{
	if (thread_has_cpus())
		wait_unguard(q);
}
/*
 * Waits in a locked queue, which it unlocks; false when it was not woken, but its deadline came, or an interrupt of
 * those kinds (INTERRUPTED_ bits).
 */
bool wait_in(struct thread_queue *q, cycles_t deadline, unsigned interruptible);
/* Without either, and a message is sent on the way to sleep: thread_suspend_sending. An error: it has not waited. */
err_t wait_in_sending(struct thread_queue *q, cptr_t to, uint64_t header, const uint64_t *words);
/* The first half of that: once unlocked the thread may be woken, but it goes on till wait_finish. */
void wait_begin(struct thread_queue *q, unsigned interruptible);
bool wait_finish(cycles_t deadline);
/* After a wait that ended without being woken: does what the thread was nudged for, if it was. In enabled mode. */
bool wait_nudged(void);
/* A thread whose deadline is past; true: it is to be made ready now, false: somebody else has woken it. */
bool wait_expired(struct thread *t);
/* The guards, once there are several cpus. */
#define WAIT_GUARDS 64
struct wait_guard {
	_Alignas(CACHE_LINE) uint32_t taken;
};
extern struct wait_guard *wait_guards;
/* Releases a mutex; what mutex_unlock does in disabled mode. */
void mutex_release(struct mutex *m);

/* --- sleepers, in libos/thread/sleep.c ------------------------------------ */

/* Inserts by deadline. */
void sleep_add(struct thread *t, cycles_t deadline);
void sleep_remove(struct thread *t);
/* Makes those ready whose deadline is past. */
void sleep_expire_some(void);
static inline void sleep_expire(void)
{
	if (__builtin_expect(sleep_first != NULL, 0))
		sleep_expire_some();
}
/* Is there such a one? Enabled or disabled: blocks of threads stay mapped. */
static inline bool sleep_is_due(void)
{
	const struct thread *t = *(struct thread *volatile *)&sleep_first;

	return __builtin_expect(t != NULL, 0) && *(const volatile cycles_t *)&t->deadline <= context_now();
}
/* The first deadline, or 0. */
cycles_t sleep_next_deadline(void);

/* --- control blocks, in libos/thread/block.c; enabled or disabled --------------- */

/* Bytes that a control block and thread-local storage take. */
uint64_t thread_room(void);
/* Lays control block and thread-local storage at the top of a stack's memory [low, top). */
struct thread *thread_lay(vaddr_t low, vaddr_t top);
/* Gives a thread's storage its first contents again. */
void thread_tls_init(struct thread *t);
/* Makes the running code the first thread, its control block being laid. In disabled mode. */
void thread_init(struct thread *first);
extern struct thread *thread_first;

/* In libos/thread/newlib_reent.c: gives back what newlib keeps for a thread that ends. In enabled mode. */
void thread_reent_release(struct thread *t);
