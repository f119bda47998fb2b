/*
 * The dispatcher from inside: disabled mode, events, their handlers.
 *
 * In disabled mode no upcall interrupts us: an event only sets its bits.  It is
 * the process's one lock, held for a few instructions; in it nothing may block,
 * fault on purpose, or touch memory that is brought in on demand.  Leaving it
 * looks at the bits once more, so no event is lost.
 */
#pragma once

#include "kernel/abi/dispatcher.h"
#include "kernel/abi/boot.h"

/* This dispatcher's page; at a fixed address in every process. */
static inline struct dispatcher_page *dispatcher_page(void) { return (struct dispatcher_page *)DISPATCHER_VA; }

static inline const struct process_args *process_args(void) { return (const struct process_args *)ARGS_VA; }

static inline coreid_t dispatcher_core(void) { return (coreid_t)dispatcher_page()->core; }
static inline uint64_t dispatcher_tsc_hz(void) { return dispatcher_page()->tsc_hz; }

/* Handles the events that came in disabled mode, and leaves it. */
void dispatcher_catch_up(void);

static inline bool dispatcher_disabled(void) { return *(volatile uint64_t *)&dispatcher_page()->disabled != 0; }

/* Enters disabled mode. Not nested: the caller is enabled. */
static inline void dispatcher_disable(void)
{
	*(volatile uint64_t *)&dispatcher_page()->disabled = 1;
	__asm__ volatile("" ::: "memory");
}

/* Leaves disabled mode; events that waited are handled first. */
static inline void dispatcher_enable(void)
{
	__asm__ volatile("" ::: "memory");
	*(volatile uint64_t *)&dispatcher_page()->disabled = 0;
	if (__builtin_expect(*(volatile uint64_t *)&dispatcher_page()->events != 0, 0))
		dispatcher_catch_up();
}

/*
 * A handler runs in disabled mode, without thread-local storage: it may raise
 * events and wake threads, and returns soon.
 */
typedef void event_handler(void *arg);

/*
 * Makes a notification whose signals run handler(arg), with a free bit of the
 * dispatcher page. `out` gets its capability, with all rights; `bit` may be NULL.
 */
err_t notification_create(event_handler *handler, void *arg, cptr_t *out, unsigned *bit);
/* Gives notification and bit back. */
err_t notification_destroy(cptr_t ntfn, unsigned bit);
/* A handler for the above and for lmp_endpoint_handle: arg is a struct event. */
void event_handle(void *arg);

/*
 * Lets another dispatcher of this core run, if one can; the calling thread goes
 * on afterwards. (thread_yield lets another thread of this process run.)
 */
void dispatcher_yield(void);
