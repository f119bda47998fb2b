/*
 * Between signals.c, which has what is pending and decides whom it is for, and signal_handlers.c, where threads take
 * it.
 */
#pragma once

#include "libos/posix/signals.h"
#include "libos/thread/thread.h"

#define SIGNALS_QUEUED 64   /* real-time signals */
#define SIGNAL_RETRIES 5000 /* a second, at a thread that was found inside the libOS */

/* What is done without a handler. */
enum signal_ordinary { SIGNAL_ENDS, SIGNAL_IGNORED, SIGNAL_STOPS };
enum signal_ordinary signal_ordinary_of(int signal);

struct signal_state {
	struct thread_queue guard; /* nobody waits in it */
	struct sigaction action[NSIG];
	struct signal_info info[NSIG];
	uint64_t pending, ignored;
	bool untold; /* that a thread shall look */
	struct posix_thread *threads;
	/* Real-time signals, each as often as it was sent, in that order. */
	struct {
		int signal;
		struct signal_info info;
	} queue[SIGNALS_QUEUED];
	unsigned queued;
};
extern struct signal_state signal_state;

/* Into disabled mode, with the guard. */
void signals_lock(void);
void signals_unlock(void);
/* This process, as that signal does; it has come to it. In enabled mode. */
void signal_stop_self(uint64_t signal);

/* Hooks of the threads' library: a thread was interrupted while it ran, was nudged out of a wait, has faulted. */
struct fault_info;
void signal_interrupted(struct thread *t);
void signal_nudged(void);
void signal_faulted(const struct fault_info *info);
