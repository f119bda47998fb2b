/*
 * What signals are pending, for whom, and what is done with each: signals.h.
 *
 * All of it is changed in disabled mode and, for processes with several cpus, under one guard; nobody is nudged under
 * that, since a nudge takes another.
 */
#include "libos/posix/signals.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/fault.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/about.h"
#include "libos/posix/children.h"
#include "libos/posix/errno.h"
#include "libos/posix/inherit.h"
#include "libos/posix/interrupt.h"
#include "libos/posix/pthread_self.h"
#include "libos/thread/errand.h"
#include "libos/x86/context.h"

#define QUEUED_MAX 64         /* real-time signals */
#define RETRIES_A_SECOND 5000 /* at a thread that was found inside the libOS */

_Static_assert(SIGKILL == MON_SIGNAL_KILL && SIGSTOP == MON_SIGNAL_STOP && SIGCONT == MON_SIGNAL_CONTINUE,
	       "monitors heed these");

enum ordinary { ENDS, IGNORED, STOPS };

static struct {
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
	} queue[QUEUED_MAX];
	unsigned queued;
} signals;

void (*signal_timers)(void);
struct posix_thread *const *const signal_threads_at = &signals.threads;

static void lock(void)
{
	dispatcher_disable();
	wait_lock(&signals.guard);
}

static void unlock(void)
{
	wait_unlock(&signals.guard);
	dispatcher_enable();
}

static enum ordinary ordinary_of(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGCONT:
		return IGNORED;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return STOPS;
	default:
		return ENDS;
	}
}

static bool is_ignored(int signal)
{
	_sig_func_ptr h = signals.action[signal].sa_handler;

	return h == SIG_IGN || (h == SIG_DFL && ordinary_of(signal) == IGNORED);
}

/* --- what is pending -------------------------------------------------------------------------------- */

static err_t pending_add(int signal, const struct signal_info *info)
{
	if (signal >= SIGRTMIN) {
		if (signals.queued == QUEUED_MAX)
			return ERR_AGAIN;
		signals.queue[signals.queued].signal = signal;
		signals.queue[signals.queued++].info = *info;
	} else if (!(signals.pending & SIGNAL_BIT(signal))) {
		signals.info[signal] = *info;
	}
	signals.pending |= SIGNAL_BIT(signal);
	return ERR_OK;
}

static struct signal_info queue_take(int signal)
{
	struct signal_info first = { 0 };
	unsigned kept = 0, found = 0;

	for (unsigned i = 0; i < signals.queued; i++) {
		if (signals.queue[i].signal == signal && !found++)
			first = signals.queue[i].info;
		else
			signals.queue[kept++] = signals.queue[i];
	}
	signals.queued = kept;
	if (found < 2)
		signals.pending &= ~SIGNAL_BIT(signal);
	return first;
}

static int pending_take(struct posix_thread *p, uint64_t set, struct signal_info *info)
{
	int signal;

	if (p->pending & set) {
		signal = __builtin_ctzll(p->pending & set);
		p->pending &= ~SIGNAL_BIT(signal);
		*info = (struct signal_info){ .code = SI_USER };
		return signal;
	}
	if (!(signals.pending & set))
		return 0;
	signal = __builtin_ctzll(signals.pending & set);
	if (signal >= SIGRTMIN) {
		*info = queue_take(signal);
	} else {
		*info = signals.info[signal];
		signals.pending &= ~SIGNAL_BIT(signal);
	}
	return signal;
}

int signal_take(uint64_t set, struct signal_info *info)
{
	int signal;

	lock();
	signal = pending_take(posix_self(), set, info);
	unlock();
	return signal;
}

bool signal_is_pending(int signal) { return signals.pending >> signal & 1; }

uint64_t signals_pending(void) { return signals.pending | posix_self()->pending; }

/* --- who gets it --------------------------------------------------------------------------------------- */

static bool takes(const struct posix_thread *p, int signal)
{
	return !(p->blocked & SIGNAL_BIT(signal)) || (p->wanted & SIGNAL_BIT(signal));
}

/* A thread that does not block it, the running one if it is as good. */
static struct posix_thread *taker_find(int signal)
{
	struct thread *t = thread_current();
	struct posix_thread *found = NULL;

	for (struct posix_thread *p = signals.threads; p; p = p->next)
		if (takes(p, signal) && (!found || p->thread == t))
			found = p;
	return found;
}

static bool somebody_blocks(int signal)
{
	for (struct posix_thread *p = signals.threads; p; p = p->next)
		if (p->blocked & SIGNAL_BIT(signal))
			return true;
	return false;
}

static void stop_self(uint64_t signal)
{
	const struct mon_signal s = { .to = MON_TO_PID, .who = process_self_pid(), .signal = SIGSTOP, .value = signal };
	unsigned count;

	mon_signal((coreid_t)(s.who >> 32), &s, &count);
}

static void end_errand(uint64_t signal) { signal_end((int)signal); }

/* What needs no thread of the program's: true when it was done. */
static bool done_at_once(int signal, const struct posix_thread *taker)
{
	if (!taker || taker->wanted & SIGNAL_BIT(signal) || signals.action[signal].sa_handler != SIG_DFL)
		return false;
	if (ordinary_of(signal) == ENDS) {
		mon_exit_disabled(EXIT_SIGNAL | (unsigned)signal);
		return errand_raise(end_errand, (uint64_t)signal);
	}
	return ordinary_of(signal) == STOPS && errand_raise(stop_self, (uint64_t)signal);
}

static void interrupt_errand(uint64_t thread) { posix_interrupt((struct thread *)thread); }

/* It shall look: out of a wait of threads, or of one for a server, also if it is just about to wait for one. */
static void taker_tell(struct thread *t)
{
	if (thread_nudge(t) || !interrupt_needed())
		return;
	/* Somebody is at something else in there: it is told later, or sees it by itself. */
	if (!errand_raise(interrupt_errand, (uint64_t)t)) {
		signals.untold = true;
		signal_timer(context_now() + dispatcher_tsc_hz() / RETRIES_A_SECOND);
	}
}

#define STOPPERS (SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))

err_t signal_post(int signal, const struct signal_info *info)
{
	struct posix_thread *taker = NULL;
	err_t err = ERR_OK;

	wait_lock(&signals.guard);
	if (signal == SIGCONT)
		signals.pending &= ~STOPPERS;
	else if (SIGNAL_BIT(signal) & STOPPERS)
		signals.pending &= ~SIGNAL_BIT(SIGCONT);
	if (!is_ignored(signal) || somebody_blocks(signal)) {
		taker = taker_find(signal);
		if (!done_at_once(signal, taker))
			err = pending_add(signal, info);
	}
	wait_unlock(&signals.guard);
	if (taker)
		taker_tell(taker->thread);
	return err;
}

/* A real-time signal to the only thread is one to the process, and so pending as often as it is sent. */
static bool queued_alone(int signal)
{
	const struct signal_info info = { .code = SI_USER };

	return signal >= SIGRTMIN && signals.threads && !signals.threads->next && !pending_add(signal, &info);
}

void signal_post_thread(struct thread *t, int signal)
{
	struct posix_thread *p = posix_of(t);
	bool nudge = false;

	wait_lock(&signals.guard);
	if (!is_ignored(signal) || p->blocked & SIGNAL_BIT(signal)) {
		nudge = takes(p, signal);
		if (!(nudge && done_at_once(signal, p)) && !queued_alone(signal))
			p->pending |= SIGNAL_BIT(signal);
	}
	wait_unlock(&signals.guard);
	if (nudge)
		taker_tell(t);
}

void signal_thread_add(struct thread *t)
{
	struct posix_thread *p = posix_of(t);

	p->thread = t;
	lock();
	p->next = signals.threads;
	p->at = &signals.threads;
	if (p->next)
		p->next->at = &p->next;
	signals.threads = p;
	unlock();
}

bool signal_thread_remove(struct posix_thread *p)
{
	bool others;

	lock();
	if (p->at) {
		*p->at = p->next;
		if (p->next)
			p->next->at = p->at;
		p->at = NULL;
	}
	others = signals.threads;
	unlock();
	return others;
}

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

	lock();
	a = signals.action[signal];
	if (a.sa_flags & SA_RESETHAND && a.sa_handler != SIG_IGN)
		signals.action[signal] = (struct sigaction){ 0 };
	unlock();
	if (a.sa_handler != SIG_IGN && a.sa_handler != SIG_DFL) {
		handler_run(p, signal, info, &a);
		return true;
	}
	if (a.sa_handler == SIG_DFL && ordinary_of(signal) == ENDS)
		signal_end(signal);
	if (a.sa_handler == SIG_DFL && ordinary_of(signal) == STOPS)
		stop_self((uint64_t)signal);
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

static void interrupted(struct thread *t)
{
	const struct posix_thread *p = t->posix;

	if (!p || !((signals.pending | p->pending) & ~p->blocked))
		return;
	if (!in_libos(dispatcher_page()->save[SAVE_ENABLED].rip))
		thread_divert(t, SAVE_ENABLED, diverted);
	signal_timer(context_now() + dispatcher_tsc_hz() / RETRIES_A_SECOND);
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

static void faulted(const struct fault_info *info)
{
	struct thread *t = thread_current();
	struct posix_thread *p = t->posix;
	int signal = signal_of(info->vector);
	_sig_func_ptr h = signals.action[signal].sa_handler;

	if (signal == SIGSEGV && signal_mender && signal_mender->lost(info->address))
		thread_divert(t, SAVE_FAULT, signal_mender->mend);
	if (!p || in_libos(info->rip) || h == SIG_DFL || h == SIG_IGN || (p->blocked | p->pending) & SIGNAL_BIT(signal))
		return;
	signals.info[signal] = (struct signal_info){ .code = SEGV_MAPERR, .address = (void *)info->address };
	signals.pending |= SIGNAL_BIT(signal);
	thread_divert(t, SAVE_FAULT, diverted);
	signals.pending &= ~SIGNAL_BIT(signal);
}

/* --- time -------------------------------------------------------------------------------------------------- */

static void timer_due(void)
{
	if (signals.untold) {
		signals.untold = false;
		for (struct posix_thread *p = signals.threads; p; p = p->next)
			if ((signals.pending | p->pending) & ~p->blocked)
				taker_tell(p->thread);
	}
	if (signal_timers)
		signal_timers();
}

void signal_timer(cycles_t due)
{
	thread_timer_handler = timer_due;
	if (!thread_timer_due || due < thread_timer_due)
		thread_timer_set(due);
}

/* --- from the monitor, and at start ----------------------------------------------------------------------------- */

static void arrived(const struct mon_signal *s)
{
	const struct signal_info info = { .code = s->code ? (int)s->code : SI_USER,
					  .sender = (pid_t)s->sender,
					  .value = s->value };

	if (s->signal)
		signal_post((int)s->signal, &info);
}

static bool have_one(void)
{
	const struct posix_thread *p = posix_self();

	return (signals.pending | p->pending) & ~p->blocked;
}

void signals_init(void)
{
	posix_signal_pending = have_one;
	signal_thread_add(thread_current());
	thread_interrupted_hook = interrupted;
	fault_hook = faulted;
	mon_set_signal_handler(arrived);
}

void signals_pack(uint64_t *blocked, uint64_t *ignored)
{
	*blocked = posix_self()->blocked;
	*ignored = signals.ignored;
}

void signals_unpack(uint64_t blocked, uint64_t ignored)
{
	posix_self()->blocked = blocked & ~SIGNALS_ALWAYS;
	signals.ignored = ignored & ~SIGNALS_ALWAYS;
	for (int i = 1; i < NSIG; i++)
		if (ignored >> i & 1)
			signals.action[i].sa_handler = SIG_IGN;
}

void signals_handlers_pack(struct inherit *i) { inherit_add(i, signals.action, sizeof signals.action); }

int signals_handlers_unpack(const char *data, size_t bytes)
{
	if (bytes != sizeof signals.action)
		return EPROTO;
	memcpy(signals.action, data, bytes);
	return 0;
}

bool signal_children_forgotten(void)
{
	const struct sigaction *a = &signals.action[SIGCHLD];

	return a->sa_handler == SIG_IGN || a->sa_flags & SA_NOCLDWAIT;
}

bool signal_children_stops_told(void) { return !(signals.action[SIGCHLD].sa_flags & SA_NOCLDSTOP); }

int sigaction(int signal, const struct sigaction *new, struct sigaction *old)
{
	struct sigaction set;

	if (signal <= 0 || signal >= NSIG || (new &&SIGNAL_BIT(signal) & SIGNALS_ALWAYS))
		return errno_fail(EINVAL);
	if (new)
		set = *new;
	lock();
	if (old)
		*old = signals.action[signal];
	if (new) {
		signals.action[signal] = set;
		signals.ignored &= ~SIGNAL_BIT(signal);
		if (set.sa_handler == SIG_IGN)
			signals.ignored |= SIGNAL_BIT(signal);
		/* What is ignored from now on is not pending. */
		if (is_ignored(signal) && signal < SIGRTMIN)
			signals.pending &= ~SIGNAL_BIT(signal);
	}
	unlock();
	return 0;
}

/* newlib has these too. That ours are named in a file that is always linked has them found first; it costs nothing. */
static const void *const ours[] __attribute__((used)) = { raise, abort, signal };
