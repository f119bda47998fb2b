/*
 * What signals are pending, for whom, and what is done with each: signals.h.
 *
 * All of it is changed in disabled mode and, for processes with several cpus, under one guard; nobody is nudged under
 * that, since a nudge takes another.
 */
#include "libos/posix/signal_state.h"

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

_Static_assert(SIGKILL == MON_SIGNAL_KILL && SIGSTOP == MON_SIGNAL_STOP && SIGCONT == MON_SIGNAL_CONTINUE,
	       "monitors heed these");
_Static_assert(MON_SIGNAL_STOPPERS ==
		       (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU)),
	       "and these");

#define UNTOLD_AT_ONCE 8
#define STOP_LOOKS 1000 /* a second, of who waits for a stop of its own process */

struct signal_state signal_state;

void (*signal_timers)(void);
struct posix_thread *const *const signal_threads_at = &signal_state.threads;

void signals_lock(void)
{
	dispatcher_disable();
	wait_lock(&signal_state.guard);
}

void signals_unlock(void)
{
	wait_unlock(&signal_state.guard);
	dispatcher_enable();
}

enum signal_ordinary signal_ordinary_of(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGCONT:
		return SIGNAL_IGNORED;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return SIGNAL_STOPS;
	default:
		return SIGNAL_ENDS;
	}
}

static bool is_ignored(int signal)
{
	_sig_func_ptr h = signal_state.action[signal].sa_handler;

	return h == SIG_IGN || (h == SIG_DFL && signal_ordinary_of(signal) == SIGNAL_IGNORED);
}

/* --- what is pending -------------------------------------------------------------------------------- */

static err_t pending_add(int signal, const struct signal_info *info)
{
	if (signal >= SIGRTMIN) {
		if (signal_state.queued == SIGNALS_QUEUED)
			return ERR_AGAIN;
		signal_state.queue[signal_state.queued].signal = signal;
		signal_state.queue[signal_state.queued++].info = *info;
	} else if (!(signal_state.pending & SIGNAL_BIT(signal))) {
		signal_state.info[signal] = *info;
	}
	signal_state.pending |= SIGNAL_BIT(signal);
	return ERR_OK;
}

static struct signal_info queue_take(int signal)
{
	struct signal_info first = { 0 };
	unsigned kept = 0, found = 0;

	for (unsigned i = 0; i < signal_state.queued; i++) {
		if (signal_state.queue[i].signal == signal && !found++)
			first = signal_state.queue[i].info;
		else
			signal_state.queue[kept++] = signal_state.queue[i];
	}
	signal_state.queued = kept;
	if (found < 2)
		signal_state.pending &= ~SIGNAL_BIT(signal);
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
	if (!(signal_state.pending & set))
		return 0;
	signal = __builtin_ctzll(signal_state.pending & set);
	if (signal >= SIGRTMIN) {
		*info = queue_take(signal);
	} else {
		*info = signal_state.info[signal];
		signal_state.pending &= ~SIGNAL_BIT(signal);
	}
	return signal;
}

int signal_take(uint64_t set, struct signal_info *info)
{
	int signal;

	signals_lock();
	signal = pending_take(posix_self(), set, info);
	signals_unlock();
	return signal;
}

bool signal_is_pending(int signal) { return signal_state.pending >> signal & 1; }

uint64_t signals_pending(void) { return signal_state.pending | posix_self()->pending; }

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

	for (struct posix_thread *p = signal_state.threads; p; p = p->next)
		if (takes(p, signal) && (!found || p->thread == t))
			found = p;
	return found;
}

static bool somebody_blocks(int signal)
{
	for (struct posix_thread *p = signal_state.threads; p; p = p->next)
		if (p->blocked & SIGNAL_BIT(signal))
			return true;
	return false;
}

void signal_stop_self(uint64_t signal)
{
	const struct mon_signal s = { .to = MON_TO_PID, .who = process_self_pid(), .signal = SIGSTOP, .value = signal };
	unsigned count;

	mon_signal((coreid_t)(s.who >> 32), &s, &count);
}

#define STOPPERS (SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))

/* Unless SIGCONT has come meanwhile. */
static void stop_errand(uint64_t signal)
{
	if (signal_state.stops & SIGNAL_BIT(signal))
		signal_stop_self(signal);
	signals_lock();
	signal_state.stops &= ~SIGNAL_BIT(signal);
	signals_unlock();
}

static bool stop_begin(int signal)
{
	/* One that is on its way already stops for this one too. */
	if (signal_state.stops & SIGNAL_BIT(signal))
		return true;
	if (!errand_raise(stop_errand, (uint64_t)signal))
		return false;
	signal_state.stops |= SIGNAL_BIT(signal);
	return true;
}

void signal_stop_settled(void)
{
	while (__atomic_load_n(&signal_state.stops, __ATOMIC_RELAXED))
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / STOP_LOOKS);
}

static void end_errand(uint64_t signal) { signal_end((int)signal); }

/* What needs no thread of the program's: true when it was done. */
static bool done_at_once(int signal, const struct posix_thread *taker)
{
	if (!taker || taker->wanted & SIGNAL_BIT(signal) || signal_state.action[signal].sa_handler != SIG_DFL)
		return false;
	if (signal_ordinary_of(signal) == SIGNAL_ENDS) {
		mon_exit_disabled(EXIT_SIGNAL | (unsigned)signal);
		return errand_raise(end_errand, (uint64_t)signal);
	}
	return signal_ordinary_of(signal) == SIGNAL_STOPS && stop_begin(signal);
}

static void interrupt_errand(uint64_t thread) { posix_interrupt((struct thread *)thread); }

void signal_tell(struct thread *t)
{
	bool again;

	if (thread_nudge(t))
		return;
	/*
	 * It may be put away just now, or go to another cpu: it is told till it has looked. So is this one, which may
	 * come out of disabled mode without looking.
	 */
	again = thread_ring(t) || t == thread_current();
	/* Somebody is at something else in there: it is told later, or sees it by itself. */
	if (interrupt_needed() && !errand_raise(interrupt_errand, (uint64_t)t))
		again = true;
	if (again) {
		signal_state.untold = true;
		signal_timer(context_now() + dispatcher_tsc_hz() / SIGNAL_RETRIES);
	}
}

err_t signal_post(int signal, const struct signal_info *info)
{
	struct posix_thread *taker = NULL;
	err_t err = ERR_OK;

	wait_lock(&signal_state.guard);
	if (signal == SIGCONT) {
		signal_state.pending &= ~STOPPERS;
		signal_state.stops = 0;
	} else if (SIGNAL_BIT(signal) & STOPPERS) {
		signal_state.pending &= ~SIGNAL_BIT(SIGCONT);
	}
	if (!is_ignored(signal) || somebody_blocks(signal)) {
		taker = taker_find(signal);
		if (!done_at_once(signal, taker))
			err = pending_add(signal, info);
	}
	wait_unlock(&signal_state.guard);
	if (taker)
		signal_tell(taker->thread);
	return err;
}

/* A real-time signal to the only thread is one to the process, and so pending as often as it is sent. */
static bool queued_alone(int signal)
{
	const struct signal_info info = { .code = SI_USER };

	return signal >= SIGRTMIN && signal_state.threads && !signal_state.threads->next && !pending_add(signal, &info);
}

void signal_post_thread(struct thread *t, int signal)
{
	struct posix_thread *p = posix_of(t);
	bool nudge = false;

	wait_lock(&signal_state.guard);
	if (!is_ignored(signal) || p->blocked & SIGNAL_BIT(signal)) {
		nudge = takes(p, signal);
		if (!(nudge && done_at_once(signal, p)) && !queued_alone(signal))
			p->pending |= SIGNAL_BIT(signal);
	}
	wait_unlock(&signal_state.guard);
	if (nudge)
		signal_tell(t);
}

void signal_thread_add(struct thread *t)
{
	struct posix_thread *p = posix_of(t);

	p->thread = t;
	signals_lock();
	p->next = signal_state.threads;
	p->at = &signal_state.threads;
	if (p->next)
		p->next->at = &p->next;
	signal_state.threads = p;
	signals_unlock();
}

bool signal_thread_remove(struct posix_thread *p)
{
	bool others;

	signals_lock();
	if (p->at) {
		*p->at = p->next;
		if (p->next)
			p->next->at = p->at;
		p->at = NULL;
	}
	others = signal_state.threads;
	signals_unlock();
	return others;
}

/* --- time -------------------------------------------------------------------------------------------------- */

bool signal_due(const struct posix_thread *p)
{
	return (signal_state.pending | p->pending) & ~p->blocked || cancel_is_due(p);
}

/* Those who have not looked; of many, some now. */
static void untold_tell(void)
{
	struct thread *of[UNTOLD_AT_ONCE];
	unsigned n = 0;

	wait_lock(&signal_state.guard);
	for (struct posix_thread *p = signal_state.threads; p && n < UNTOLD_AT_ONCE; p = p->next)
		if (signal_due(p))
			of[n++] = p->thread;
	signal_state.untold = n == UNTOLD_AT_ONCE;
	wait_unlock(&signal_state.guard);
	for (unsigned i = 0; i < n; i++)
		signal_tell(of[i]);
}

/* The program's timers are of the core where it started; this may be another. */
static void timer_due(void)
{
	if (signal_state.untold)
		untold_tell();
	if (signal_timers && process_self_pid() >> 32 == dispatcher_core())
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

	return (signal_state.pending | p->pending) & ~p->blocked;
}

void signals_init(void)
{
	posix_signal_pending = have_one;
	signal_thread_add(thread_current());
	thread_interrupted_hook = signal_interrupted;
	thread_nudged = signal_nudged;
	fault_hook = signal_faulted;
	mon_set_signal_handler(arrived);
}

void signals_pack(uint64_t *blocked, uint64_t *ignored)
{
	*blocked = posix_self()->blocked;
	*ignored = signal_state.ignored;
}

void signals_unpack(uint64_t blocked, uint64_t ignored)
{
	posix_self()->blocked = blocked & ~SIGNALS_ALWAYS;
	signal_state.ignored = ignored & ~SIGNALS_ALWAYS;
	for (uint64_t left = signal_state.ignored; left; left &= left - 1)
		signal_state.action[__builtin_ctzll(left)].sa_handler = SIG_IGN;
}

/* What is not as it is in any new process. */
struct packed_action {
	uint64_t signal;
	struct sigaction action;
};

static bool action_is_first(const struct sigaction *a) { return !a->sa_handler && !a->sa_flags && !a->sa_mask; }

void signals_handlers_pack(struct inherit *i)
{
	for (unsigned s = 1; s < NSIG; s++) {
		const struct packed_action p = { .signal = s, .action = signal_state.action[s] };

		if (!action_is_first(&p.action))
			inherit_add(i, &p, sizeof p);
	}
}

int signals_handlers_unpack(const char *data, size_t bytes)
{
	struct packed_action p;

	if (bytes % sizeof p)
		return EPROTO;
	for (; bytes; data += sizeof p, bytes -= sizeof p) {
		memcpy(&p, data, sizeof p);
		if (!p.signal || p.signal >= NSIG)
			return EPROTO;
		signal_state.action[p.signal] = p.action;
	}
	return 0;
}

bool signal_children_forgotten(void)
{
	const struct sigaction *a = &signal_state.action[SIGCHLD];

	return a->sa_handler == SIG_IGN || a->sa_flags & SA_NOCLDWAIT;
}

bool signal_children_stops_told(void) { return !(signal_state.action[SIGCHLD].sa_flags & SA_NOCLDSTOP); }

int sigaction(int signal, const struct sigaction *new, struct sigaction *old)
{
	struct sigaction set;

	if (signal <= 0 || signal >= NSIG || (new &&SIGNAL_BIT(signal) & SIGNALS_ALWAYS))
		return errno_fail(EINVAL);
	if (new)
		set = *new;
	signals_lock();
	if (old)
		*old = signal_state.action[signal];
	if (new) {
		signal_state.action[signal] = set;
		signal_state.ignored &= ~SIGNAL_BIT(signal);
		if (set.sa_handler == SIG_IGN)
			signal_state.ignored |= SIGNAL_BIT(signal);
		/* What is ignored from now on is not pending. */
		if (is_ignored(signal) && signal < SIGRTMIN)
			signal_state.pending &= ~SIGNAL_BIT(signal);
	}
	signals_unlock();
	return 0;
}

/* newlib has these too. That ours are named in a file that is always linked has them found first; it costs nothing. */
static const void *const ours[] __attribute__((used)) = { raise, abort, signal, memmove, strcspn, strsignal };
