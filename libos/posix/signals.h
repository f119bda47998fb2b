/*
 * Signals, between the files of libos/posix.
 *
 * A signal comes from the monitor, a child's end, a timer or this process itself, by signal_post in disabled mode. What
 * nobody blocks and ends the process does so there and then. A handler runs on the stack of a thread that does not
 * block it: one that computes is diverted at its next upcall, unless it is inside the libOS, whose locks it may hold;
 * one that waits interruptibly is nudged, and runs it when it says signal_checkpoint. What blocks on behalf of POSIX
 * therefore waits interruptibly, in a loop, and says so whenever a wait was ended early.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/types.h"

struct thread;
struct fault_info;
struct posix_thread;
struct thread_saved;

#define SIGNAL_BIT(signal) (UINT64_C(1) << (signal))
#define SIGNALS_ALWAYS (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)) /* not to be blocked */

struct signal_info {
	int code;
	pid_t sender;
	int status;
	uint64_t value;
	void *address;
};

/* Before constructors: from now on signals are taken. */
void signals_init(void);
/*
 * Memory of others that may be taken away while it is used, or is not there yet: `lost`, in disabled mode, says whether
 * a fault is of such; then the thread does `mend`, and tries again. A mender is there for good once it was added; its
 * owner adds it by one thread at a time.
 */
struct signal_mender {
	struct signal_mender *next;
	bool (*lost)(const struct fault_info *info);
	void (*mend)(struct thread_saved *s);
};
void signal_mender_add(struct signal_mender *m);
/* In `mend`: this cannot be mended. Does what the signal does, if the thread may take it there, or ends the process. */
void signal_fault(int signal, struct thread_saved *s);
/* For the process. In disabled mode. ERR_AGAIN: a real-time signal, and so many are queued. */
err_t signal_post(int signal, const struct signal_info *info);
/* For a thread. In disabled mode. */
void signal_post_thread(struct thread *t, int signal);
/* Runs what handlers are due for the calling thread; were there any? In enabled mode. */
bool signals_run(void);
/* The same, after a wait that may have been ended for it: true: the call shall say EINTR, false: it shall go on. */
bool signal_checkpoint(void);
/* The same for sleeps, which no handler lets go on: was there one? */
bool signal_slept(void);
/* A due signal of a set, taken from what is pending; 0: there is none. In enabled mode. */
int signal_take(uint64_t set, struct signal_info *info);
/* For the process. In disabled mode. */
bool signal_is_pending(int signal);
/* Those of process and thread. */
uint64_t signals_pending(void);
void signal_info_fill(siginfo_t *out, int signal, const struct signal_info *info);
/* When a stop of this process is on its way, waits till it is over. In enabled mode. */
void signal_stop_settled(void);
/* Ends the process as that signal does. */
void signal_end(int signal) __attribute__((noreturn));
/* Has the parent asked for children that leave no status? */
bool signal_children_forgotten(void);
bool signal_children_stops_told(void);
/* Threads that signals may go to. */
void signal_thread_add(struct thread *t);
/* False: it was the last of them. */
bool signal_thread_remove(struct posix_thread *p);
/* What children inherit: blocked ones of the calling thread, and those that are ignored. */
void signals_pack(uint64_t *blocked, uint64_t *ignored);
void signals_unpack(uint64_t blocked, uint64_t ignored);
/* For a fork's child: the handlers. An errno. */
struct inherit;
void signals_handlers_pack(struct inherit *i);
int signals_handlers_unpack(const char *data, size_t bytes);
/* What timers.c has due: called in disabled mode when a time that was told to signal_timer is past. */
extern void (*signal_timers)(void);
void signal_timer(cycles_t due);
