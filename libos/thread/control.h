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
#include "libos/thread/thread.h"

#define THREAD_REENT_BYTES 2048 /* room for newlib's struct _reent */

struct thread {
	struct thread *self;
	uint64_t rsp;               /* of the saved context; 0: preempted, state in the last three members */
	struct thread *next, *prev; /* in `queue` */
	struct thread_queue *queue; /* NULL: runs, or waits for a message or a deadline alone */
	struct thread *sleep_next, *sleep_prev;
	cycles_t deadline; /* 0: not among the sleepers */
	bool timed_out;    /* why thread_block ended */
	bool ended, detached;
	thread_fn *fn;
	void *arg, *result;
	struct thread_queue joiners;
	vaddr_t stack_low, stack_top; /* the stack proper, guard excluded */
	void *local;
	void *reent; /* newlib's state once it is used */
	_Alignas(16) uint8_t reent_room[THREAD_REENT_BYTES];
	struct regs regs;
	uint64_t fs;
	_Alignas(64) uint8_t fpu[DISPATCHER_FPU_BYTES];
};

/* Runnable threads; the running one is not among them. */
extern struct thread_queue thread_ready;

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

/* Brings memory of the heap in before disabled mode, which must not fault, uses it. In enabled mode. */
static inline void memory_touch(const void *p) { (void)*(const volatile char *)p; }

/* Makes a thread that waits runnable: out of its queue and of the sleepers. */
void thread_make_ready(struct thread *t);
/* Goes on with the next runnable thread, or sleeps. What ran is saved or has ended. */
void thread_schedule(void) __attribute__((noreturn));
/* Sleeps or switches, `t` being saved and linked where its waker finds it; returns when it runs again. */
void thread_suspend(struct thread *t);
/* EVENT_TIMEOUT came: the alarm, or a deadline. */
void thread_timeout(void);
/* Lets the next run if the slice ended while we were in disabled mode. In enabled mode. */
void thread_give_way(void);
/* After a run upcall with events handled: goes on with the thread that it interrupted, or the next. */
void thread_after_upcall(struct thread *interrupted) __attribute__((noreturn));

/* --- sleepers, in libos/thread/sleep.c ------------------------------------ */

/* The one with the first deadline, or NULL. */
extern struct thread *sleep_first;
/* Inserts by deadline. */
void sleep_add(struct thread *t, cycles_t deadline);
void sleep_remove(struct thread *t);
/* Makes those ready whose deadline is past. */
void sleep_expire(void);
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
