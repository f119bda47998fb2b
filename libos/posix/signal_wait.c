/*
 * Waiting for signals: for handlers (sigsuspend, pause), or in place of them (sigwait).
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "libos/posix/clock.h"
#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/x86/context.h"

int sigsuspend(const sigset_t *set)
{
	struct posix_thread *p = posix_self();
	uint64_t before = p->blocked;

	pthread_cancel_point();
	p->blocked = *set & ~SIGNALS_ALWAYS;
	while (!signals_run()) {
		thread_sleep_interruptible(0);
		thread_nudge_taken();
		pthread_cancel_point();
	}
	p->blocked = before;
	signals_run();
	return errno_fail(EINTR);
}

int pause(void)
{
	sigset_t now = posix_self()->blocked;

	return sigsuspend(&now);
}

int sigpause(int signal)
{
	sigset_t set = posix_self()->blocked;

	return sigdelset(&set, signal) ? -1 : sigsuspend(&set);
}

/* 0: the deadline came first; negative: an errno. */
static int await(uint64_t set, cycles_t deadline, struct signal_info *info)
{
	struct posix_thread *p = posix_self();
	int signal;

	pthread_cancel_point();
	p->wanted = set;
	while (!(signal = signal_take(set, info))) {
		bool broken;

		if (deadline && context_now() >= deadline)
			break;
		thread_sleep_interruptible(deadline);
		p->wanted = 0;
		pthread_cancel_point();
		/* Those that are waited for are blocked: none of them is lost to a handler. */
		broken = !(signals_pending() & set) && signal_checkpoint();
		thread_nudge_taken();
		if (broken) {
			signal = -EINTR;
			break;
		}
		p->wanted = set;
	}
	p->wanted = 0;
	return signal;
}

int sigtimedwait(const sigset_t *set, siginfo_t *out, const struct timespec *limit)
{
	cycles_t deadline = 0;
	struct signal_info info;
	struct timespec at;
	int signal;

	if (limit) {
		if (limit->tv_nsec < 0 || limit->tv_nsec >= 1000000000)
			return errno_fail(EINVAL);
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec += limit->tv_sec + (at.tv_nsec + limit->tv_nsec) / 1000000000;
		at.tv_nsec = (at.tv_nsec + limit->tv_nsec) % 1000000000;
		clock_deadline(CLOCK_MONOTONIC, &at, &deadline);
	}
	signal = await(*set, deadline, &info);
	if (signal <= 0)
		return errno_fail(signal ? -signal : EAGAIN);
	if (out)
		signal_info_fill(out, signal, &info);
	return signal;
}

int sigwaitinfo(const sigset_t *set, siginfo_t *out) { return sigtimedwait(set, out, NULL); }

int sigwait(const sigset_t *set, int *out)
{
	struct signal_info info;

	/* POSIX knows no EINTR here. */
	do
		*out = await(*set, 0, &info);
	while (*out <= 0);
	return 0;
}
