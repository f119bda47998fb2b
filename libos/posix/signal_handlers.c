/*
 * Threads take signals: handlers, and what is done without one.
 *
 * A thread comes here out of a wait (signal_checkpoint and kin), diverted from what it computes, or from a fault.
 */
#include "libos/posix/signal_state.h"

#include <stdlib.h>
#include <string.h>

#include "libos/core/fault.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"
#include "libos/posix/pthread_self.h"
#include "libos/x86/context.h"

/* --- handlers --------------------------------------------------------------------------------------------- */

void signal_end(int signal) { mon_exit(EXIT_SIGNAL | (unsigned)signal); }

void signal_info_fill(siginfo_t *out, int signal, const struct signal_info *info)
{
	*out = (siginfo_t){ .si_signo = signal,
			    .si_code = info->code,
			    .si_pid = info->sender,
			    .si_status = info->status,
			    .si_addr = info->address,
			    .si_value.sival_ptr = (void *)info->value };
}

static void handler_run(struct posix_thread *p, int signal, const struct signal_info *info, const struct sigaction *a)
{
	uint64_t before = p->blocked;
	siginfo_t told;

	p->blocked |= a->sa_mask & ~SIGNALS_ALWAYS;
	if (!(a->sa_flags & SA_NODEFER))
		p->blocked |= SIGNAL_BIT(signal);
	if (!(a->sa_flags & SA_RESTART))
		p->broken = true;
	if (a->sa_flags & SA_SIGINFO) {
		signal_info_fill(&told, signal, info);
		a->sa_sigaction(signal, &told, NULL);
	} else {
		a->sa_handler(signal);
	}
	p->blocked = before;
}

/* Was there a handler? */
static bool act(struct posix_thread *p, int signal, const struct signal_info *info)
{
	struct sigaction a;

	signals_lock();
	a = signal_state.action[signal];
	if (a.sa_flags & SA_RESETHAND && a.sa_handler != SIG_IGN)
		signal_state.action[signal] = (struct sigaction){ 0 };
	signals_unlock();
	if (a.sa_handler != SIG_IGN && a.sa_handler != SIG_DFL) {
		handler_run(p, signal, info, &a);
		return true;
	}
	if (a.sa_handler == SIG_DFL && signal_ordinary_of(signal) == SIGNAL_ENDS)
		signal_end(signal);
	if (a.sa_handler == SIG_DFL && signal_ordinary_of(signal) == SIGNAL_STOPS)
		signal_stop_self((uint64_t)signal);
	return false;
}

bool signals_run(void)
{
	struct posix_thread *p = posix_self();
	struct signal_info info;
	bool some = false;
	int signal;

	while ((signal = signal_take(~p->blocked, &info)))
		some |= act(p, signal, &info);
	return some;
}

bool signal_checkpoint(void)
{
	struct posix_thread *p = posix_self();

	thread_nudge_taken();
	p->broken = false;
	signals_run();
	return p->broken;
}

bool signal_slept(void)
{
	thread_nudge_taken();
	return signals_run();
}

/* In a wait whose caller is not told. */
void signal_nudged(void)
{
	int error = errno;

	signal_slept();
	errno = error;
}

static void diverted(void)
{
	int error = errno;

	thread_nudge_taken();
	signals_run();
	errno = error;
}

extern const char libos_text_start[], libos_text_end[];

/* Inside the libOS locks may be held, which a handler that jumps away would leave so. */
static bool in_libos(vaddr_t rip) { return rip >= (vaddr_t)libos_text_start && rip < (vaddr_t)libos_text_end; }

void signal_interrupted(struct thread *t)
{
	const struct posix_thread *p = t->posix;

	if (!p || !((signal_state.pending | p->pending) & ~p->blocked))
		return;
	if (!in_libos(dispatcher_page()->save[SAVE_ENABLED].rip))
		thread_divert(t, SAVE_ENABLED, diverted);
	signal_timer(context_now() + dispatcher_tsc_hz() / SIGNAL_RETRIES);
}

/* --- what a thread does to itself ----------------------------------------------------------------------------- */

static int signal_of(uint64_t vector)
{
	static const uint8_t of[] = {
		[0] = SIGFPE, [1] = SIGTRAP, [3] = SIGTRAP, [6] = SIGILL, [16] = SIGFPE, [17] = SIGBUS, [19] = SIGFPE
	};

	return vector < sizeof of && of[vector] ? of[vector] : SIGSEGV;
}

/* One fault at a time and thread: its signal is blocked while the handler runs, and another is the end. */
const struct signal_mender *signal_mender;

void signal_faulted(const struct fault_info *info)
{
	struct thread *t = thread_current();
	struct posix_thread *p = t->posix;
	int signal = signal_of(info->vector);
	_sig_func_ptr h = signal_state.action[signal].sa_handler;

	if (signal == SIGSEGV && signal_mender && signal_mender->lost(info->address))
		thread_divert(t, SAVE_FAULT, signal_mender->mend);
	if (!p || in_libos(info->rip) || h == SIG_DFL || h == SIG_IGN || (p->blocked | p->pending) & SIGNAL_BIT(signal))
		return;
	signal_state.info[signal] = (struct signal_info){ .code = SEGV_MAPERR, .address = (void *)info->address };
	signal_state.pending |= SIGNAL_BIT(signal);
	thread_divert(t, SAVE_FAULT, diverted);
	signal_state.pending &= ~SIGNAL_BIT(signal);
}
