/*
 * Between signals.c, which has what is pending and decides whom it is for, and signal_handlers.c, where threads take
 * it.
 */
#pragma once

#include "libos/posix/signals.h"
#include "libos/thread/control.h"

#define SIGNALS_QUEUED 64   /* real-time signals */
#define SIGNAL_RETRIES 5000 /* a second, at a thread that was found inside the libOS, or not found */

/* What is done without a handler. */
enum signal_ordinary { SIGNAL_ENDS, SIGNAL_IGNORED, SIGNAL_STOPS };
enum signal_ordinary signal_ordinary_of(int signal);

struct signal_state {
	struct thread_queue guard; /* nobody waits in it */
	struct sigaction action[NSIG];
	struct signal_info info[NSIG];
	uint64_t pending, ignored;
	uint64_t stops; /* signals that stop the process, and are on their way to the monitor */
	bool untold;    /* that a thread shall look */
	struct posix_thread *threads;
	/* Real-time signals, each as often as it was sent, in that order. */
	struct {
		int signal;
		struct signal_info info;
	} queue[SIGNALS_QUEUED];
	unsigned queued;
};
extern struct signal_state signal_state;

/* Has it anything to do before it goes on? */
bool signal_due(const struct posix_thread *p);
/*
 * It shall look: out of a wait of threads, or of one for a server, also if it is just about to wait for one, or out of
 * what it computes. In disabled mode.
 */
void signal_tell(struct thread *t);
/* Into disabled mode, with the guard. */
void signals_lock(void);
void signals_unlock(void);
/* This process, as that signal does; it has come to it. In enabled mode. */
void signal_stop_self(uint64_t signal);

/* From now on the first thread may overrun its stack and live; nothing for other threads. An errno. */
int stack_part_first(void);
/* Brings its memory in: a diverted thread is laid there in disabled mode. */
void stack_touch(struct thread_stack s);
/* Calls fn(arg) on the stack that ends there, and comes back: libos/x86/ucontext.asm. */
void stack_call(void (*fn)(void *arg), void *arg, vaddr_t stack);
/* The thread's alternate stack; NULL: there is none, or that stack pointer is in it already. */
const struct thread_stack *signal_stack(const struct posix_thread *p, vaddr_t rsp);
/*
 * What a handler is told of where its thread was: what that was diverted from, unless it came by itself, and its stack;
 * and what it made of that is what the thread goes on with.
 */
void context_tell(ucontext_t *uc, const struct thread_saved *s, const struct thread_stack *other);
void context_heed(struct thread_saved *s, const ucontext_t *uc);

/* Hooks of the threads' library: a thread was interrupted while it ran, was nudged out of a wait, has faulted. */
struct fault_info;
void signal_interrupted(struct thread *t);
void signal_nudged(void);
void signal_faulted(const struct fault_info *info);
