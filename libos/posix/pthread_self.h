/*
 * What POSIX keeps for each thread, in its control block, and between the files of pthreads.
 *
 * A pthread_t is the control block. It is never unmapped, so one that is used too
 * late finds a thread that has ended, or another one, but no fault.
 */
#pragma once

#include <errno.h>
#include <pthread.h>

#include "libos/thread/control.h"

enum posix_life {
	LIFE_NONE,     /* no thread, or not one that POSIX knows */
	LIFE_JOINABLE, /* somebody is to join it */
	LIFE_JOINING,  /* somebody does */
	LIFE_DETACHED
};

struct key_value;

struct posix_thread {
	thread_fn *fn;
	void *arg;
	struct _pthread_cleanup_context *cleanup; /* the handler pushed last */
	struct key_value *values;                 /* PTHREAD_KEYS_MAX of them, once one is set */
	uint32_t life;                            /* enum posix_life */
	uint8_t cancel_state, cancel_type;
	bool exiting;
	uint32_t cancelled; /* pthread_cancel was called */
	/* Signals: signals.h. */
	bool broken;                   /* a handler ran that does not want the call to go on */
	uint64_t blocked, pending;     /* a bit each; pending: for this thread alone */
	uint64_t wanted;               /* by sigwait */
	struct thread_stack alternate; /* sigaltstack's */
	struct posix_thread *next;     /* in the list of those that signals may go to */
	struct posix_thread **at;      /* what leads to it there; NULL: it is not in it */
	struct thread *thread;
	struct window_copy *copy;  /* the read of a window that it is in the midst of */
	struct thread_stack asked; /* the stack that it was made with; 0: the library's choice */
};
_Static_assert(sizeof(struct posix_thread) <= THREAD_POSIX_BYTES, "struct posix_thread outgrew its room");

static inline struct posix_thread *posix_of(struct thread *t)
{
	/* A thread that pthread_create did not make: its room may be left over. */
	if (!t->posix) {
		__builtin_memset(t->posix_room, 0, sizeof(t->posix_room));
		t->posix = t->posix_room;
		((struct posix_thread *)t->posix)->life = LIFE_DETACHED;
	}
	return t->posix;
}
static inline struct posix_thread *posix_self(void) { return posix_of(thread_current()); }

/* May a wait of the calling thread be ended by pthread_cancel? */
static inline bool cancel_enabled(void)
{
	struct posix_thread *p = posix_self();

	return p->cancel_state == PTHREAD_CANCEL_ENABLE && !p->exiting;
}

/* Is the thread cancelled, and to end wherever it is? */
static inline bool cancel_is_due(const struct posix_thread *p)
{
	return p->cancelled && p->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS &&
	       p->cancel_state == PTHREAD_CANCEL_ENABLE && !p->exiting;
}

/* Does not return when the thread is cancelled. Cheap, and no reason to link more than a program uses. */
extern void (*pthread_cancel_hook)(void);
static inline void pthread_cancel_point(void)
{
	if (__builtin_expect(pthread_cancel_hook != NULL, 0))
		pthread_cancel_hook();
}

/* The same where only those end that are cancelled asynchronously. */
static inline void pthread_cancel_now(void)
{
	if (cancel_is_due(posix_self()))
		pthread_cancel_point();
}

/* Runs the destructors of the thread's values. */
void pthread_keys_finish(struct posix_thread *p);
