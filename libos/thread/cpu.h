/*
 * The cpus of a process: the cores it spans, each with a dispatcher of its own.
 *
 * Between this file and libos/core: who asks the monitor for a member on another core
 * is libos/core, what the member does then is libos/thread.  A process starts with
 * one cpu, where it was spawned, and is no slower for what is said here until it asks
 * for a second.
 *
 * What is CORE_LOCAL belongs to the cpu that looks at it.  A thread may go on elsewhere
 * after anything that blocks or gives way, unless it is pinned: who keeps something core-local
 * over such a call (a capability, a mutex that is CORE_LOCAL) pins itself first.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/local.h"

struct thread;

/* --- libos/core has these --------------------------------------------------- */

/*
 * For libos/thread only; programs call cpu_join. Has the process span `core`, too; returns when the
 * member there is about to run cpu_begin.  From then on cpu_wake reaches it from every member, and
 * it them.  ERR_EXISTS when it is one already.  In enabled mode; may block.
 */
err_t cpu_add(coreid_t core);
/*
 * Has the dispatcher of another member take a run upcall, with cpu_rung as handler of its notification,
 * as soon as it is enabled, or end its wait.  In disabled mode: it neither blocks nor faults.
 */
void cpu_wake(coreid_t core);
/* Calls of this core's threads that another process of the core, the monitor, is to answer. In disabled mode. */
extern CORE_LOCAL uint32_t cpu_asked;
/* Is there a member on that core? */
bool cpu_present(coreid_t core);

/* --- libos/thread has these ----------------------------------------------- */

/*
 * What a new member runs when slots, memory and the address space are ready there: in
 * enabled mode, as a thread whose memory is like that of any other (stack_map, thread_lay, cpu_init),
 * which ends here and is used again for others.  Does not return.
 */
void cpu_begin(void *unused) __attribute__((noreturn));
/* Makes the running code a thread of this cpu, its control block being laid. In disabled mode. */
void cpu_init(struct thread *first);
/* The handler (event_handler) of the notification that cpu_wake signals. In disabled mode. */
void cpu_rung(void *unused);

/*
 * Has the process span that core, too; ERR_EXISTS when it does already, ERR_CORE_ID.
 * In enabled mode.
 */
err_t cpu_join(coreid_t core);
/*
 * The process moves: it spans that core, too, and from now on all its threads run there, but for those
 * that are bound to others, and for calls into what belongs to another core. ERR_CORE_ID. In enabled mode.
 */
err_t cpu_move(coreid_t core);
/*
 * The core is given back: threads leave it at their next switch, the caller at once, and go there no more, but for
 * those that are bound to it, and for calls into what belongs to it. The memory that was brought in there stays, so
 * the member does till the process ends. ERR_CORE_ID; ERR_DENIED: there is no other. In enabled mode.
 */
err_t cpu_close(coreid_t core);
/* Threads may go there again. ERR_CORE_ID. */
err_t cpu_open(coreid_t core);
/* How many cpus the process has: 1 at start. */
unsigned cpu_count(void);
/* The core of the n-th of them. */
coreid_t cpu_listed(unsigned n);
/* Does the process have a cpu there that threads can go to? */
bool cpu_is_member(coreid_t core);
/* The cpu that the caller runs on; it may be another by the time one looks, unless the caller is pinned. */
coreid_t cpu_current(void);

/* --- for any thread ----------------------------------------------------------- */

/*
 * The calling thread goes on on that core, where the process has a cpu; at once if it
 * is there.  It stays until it hops again, or an idle cpu takes it. ERR_CORE_ID. In enabled mode.
 */
err_t thread_hop(coreid_t core);
/* From here on the thread stays on its cpu, hops of its own excepted. Nests. */
void thread_pin(void);
void thread_unpin(void);
/* Hops to a cpu and is pinned there: for a call into what belongs to it. Returns where to go back to. */
coreid_t thread_visit(coreid_t core);
void thread_return(coreid_t back);
