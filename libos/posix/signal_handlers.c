/*
 * Threads take signals: handlers, and what is done without one.
 *
 * A thread comes here out of a wait (signal_checkpoint and kin), diverted from what it computes, or from a fault.
 */
#include "libos/posix/signal_state.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "libos/core/fault.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"
#include "libos/posix/pthread_self.h"
#include "libos/x86/context.h"

#define PF_PRESENT 1 /* in a page fault's error code */
#define PF_VECTOR 14

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

struct handling {
	struct sigaction a;
	int signal;
	const struct signal_info *info;
	struct thread_saved *saved; /* what the thread was diverted from; NULL: it came by itself */
	uint64_t before;            /* its mask */
	struct thread_stack other;  /* the stack that it was on, unless that was its own */
};

/* With all that SA_SIGINFO promises. */
static void handler_tell(const struct handling *h)
{
	volatile bool done = false;
	ucontext_t uc;
	siginfo_t told;

	/* Who came by itself goes on here, if the handler has it go on by setcontext. */
	getcontext(&uc);
	if (done)
		return;
	done = true;
	signal_info_fill(&told, h->signal, h->info);
	context_tell(&uc, h->saved, &h->other);
	uc.uc_sigmask = h->before;
	h->a.sa_sigaction(h->signal, &told, &uc);
	if (h->saved)
		context_heed(h->saved, &uc);
	posix_self()->blocked = uc.uc_sigmask & ~SIGNALS_ALWAYS;
}

static void handler_call(void *arg)
{
	const struct handling *h = arg;

	if (h->a.sa_flags & SA_SIGINFO) {
		handler_tell(h);
	} else {
		h->a.sa_handler(h->signal);
		posix_self()->blocked = h->before;
	}
}

static void handler_call_on(const struct thread_stack *on, struct handling *h)
{
	struct thread *t = thread_current();
	vaddr_t here = (vaddr_t)__builtin_frame_address(0), top = on->top;

	thread_stack_change(t, here, top, *on);
	stack_call(handler_call, h, top);
	thread_stack_change(t, top, here, h->other);
}

static void handler_run(struct posix_thread *p, struct handling *h)
{
	const struct thread_stack *on = NULL;

	h->before = p->blocked;
	h->other = thread_current()->other;
	p->blocked |= h->a.sa_mask & ~SIGNALS_ALWAYS;
	if (!(h->a.sa_flags & SA_NODEFER))
		p->blocked |= SIGNAL_BIT(h->signal);
	if (!(h->a.sa_flags & SA_RESTART))
		p->broken = true;
	if (h->a.sa_flags & SA_ONSTACK)
		on = signal_stack(p, (vaddr_t)__builtin_frame_address(0));
	if (on)
		handler_call_on(on, h);
	else
		handler_call(h);
}

/* Was there a handler? */
static bool act(struct posix_thread *p, int signal, const struct signal_info *info, struct thread_saved *saved)
{
	struct handling h = { .signal = signal, .info = info, .saved = saved };

	signals_lock();
	h.a = signal_state.action[signal];
	if (h.a.sa_flags & SA_RESETHAND && h.a.sa_handler != SIG_IGN)
		signal_state.action[signal] = (struct sigaction){ 0 };
	signals_unlock();
	if (h.a.sa_handler != SIG_IGN && h.a.sa_handler != SIG_DFL) {
		handler_run(p, &h);
		return true;
	}
	if (h.a.sa_handler == SIG_DFL && signal_ordinary_of(signal) == SIGNAL_ENDS)
		signal_end(signal);
	if (h.a.sa_handler == SIG_DFL && signal_ordinary_of(signal) == SIGNAL_STOPS)
		signal_stop_self((uint64_t)signal);
	return false;
}

static bool run(struct thread_saved *saved)
{
	struct posix_thread *p = posix_self();
	struct signal_info info;
	bool some = false;
	int signal;

	while ((signal = signal_take(~p->blocked, &info)))
		some |= act(p, signal, &info, saved);
	return some;
}

bool signals_run(void) { return run(NULL); }

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
	pthread_cancel_now();
	errno = error;
}

static void diverted(struct thread_saved *s)
{
	int error = errno;

	thread_nudge_taken();
	run(s);
	pthread_cancel_now();
	errno = error;
}

extern const char libos_text_start[], libos_text_end[];

/* Inside the libOS locks may be held, which a handler that jumps away would leave so. */
static bool in_libos(vaddr_t rip) { return rip >= (vaddr_t)libos_text_start && rip < (vaddr_t)libos_text_end; }

void signal_interrupted(struct thread *t)
{
	const struct posix_thread *p = t->posix;

	if (!p || !signal_due(p))
		return;
	if (!in_libos(dispatcher_page()->save[SAVE_ENABLED].rip))
		thread_divert(t, SAVE_ENABLED, NULL, diverted);
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

static struct signal_mender *menders;

void signal_mender_add(struct signal_mender *m)
{
	for (const struct signal_mender *other = menders; other; other = other->next)
		if (other == m)
			return;
	m->next = __atomic_load_n(&menders, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&menders, &m->next, m, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void signal_fault(int signal, struct thread_saved *s)
{
	struct posix_thread *p = posix_self();
	_sig_func_ptr h = signal_state.action[signal].sa_handler;
	const struct signal_info told = { .code = signal == SIGBUS ? BUS_ADRERR : SEGV_MAPERR,
					  .address = (void *)s->fault.address };
	int error = errno;

	if (in_libos(s->fault.rip) || h == SIG_IGN || p->blocked & SIGNAL_BIT(signal) || !act(p, signal, &told, s))
		signal_end(signal);
	errno = error;
}

static int code_of(const struct fault_info *info)
{
	switch (info->vector) {
	case 0:
		return FPE_INTDIV;
	case 16:
	case 19:
		return FPE_FLTINV;
	case 6:
		return ILL_ILLOPC;
	case 17:
		return BUS_ADRALN;
	default:
		return info->error & PF_PRESENT ? SEGV_ACCERR : SEGV_MAPERR;
	}
}

/*
 * One fault at a time and thread: its signal is blocked while the handler runs, and another is the end. Its own stack
 * may be what it has run out of, so one that asked for the alternate stack is there from the start.
 */
void signal_faulted(const struct fault_info *info)
{
	struct thread *t = thread_current();
	struct posix_thread *p = t->posix;
	int signal = signal_of(info->vector);
	const struct sigaction *a = &signal_state.action[signal];
	_sig_func_ptr h = a->sa_handler;

	for (const struct signal_mender *m = signal == SIGSEGV ? menders : NULL; m; m = m->next)
		if (m->lost(info))
			thread_divert_fault(t, info, m->mend);
	if (!p || in_libos(info->rip) || h == SIG_DFL || h == SIG_IGN || (p->blocked | p->pending) & SIGNAL_BIT(signal))
		return;
	signal_state.info[signal] =
		(struct signal_info){ .code = code_of(info),
				      .address = (void *)(info->vector == PF_VECTOR ? info->address : info->rip) };
	signal_state.pending |= SIGNAL_BIT(signal);
	thread_divert(t, SAVE_FAULT, a->sa_flags & SA_ONSTACK ? signal_stack(p, info->rsp) : NULL, diverted);
	signal_state.pending &= ~SIGNAL_BIT(signal);
}
