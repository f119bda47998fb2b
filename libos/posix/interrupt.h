/*
 * Calls that block, and how a signal breaks them off.
 *
 * A thread that blocks in a call (a read from a pipe or a terminal, poll, a lock) says so by interrupt_begin, and
 * looks at `interrupted` each time it wakes. posix_interrupt sets that and wakes it, whichever way it sleeps.
 */
#pragma once

#include <stdbool.h>

#include "libos/thread/thread.h"

struct interruptible {
	struct thread *thread;
	volatile bool interrupted;
	void (*wake)(struct interruptible *i); /* makes the thread look again */
	void *arg;
	struct interruptible *next;
};

/* The thread is in a call from now on. True when there is a signal to be handled already: `interrupted` is set. */
bool interrupt_begin(struct interruptible *i, void (*wake)(struct interruptible *i), void *arg);
void interrupt_end(struct interruptible *i);

/* For signals: may that thread be in such a call? In disabled mode; posix_interrupt is for enabled mode. */
bool interrupt_needed(void);
/* For signals: the call that this thread blocks in, if it does, gives EINTR. */
void posix_interrupt(struct thread *t);
/* For signals: does the calling thread have one to handle? Asked when it is about to block. NULL: there are none. */
extern bool (*posix_signal_pending)(void);
