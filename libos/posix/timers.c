/*
 * Timers: alarm, setitimer, timer_create. All count on the time stamp counter, and are one list with one next time,
 * which the dispatcher's alarm is set to (thread_timer_set).
 *
 * What is due is seen in disabled mode: a signal is posted there; a function that is to be called (SIGEV_THREAD) has a
 * thread of its own, which is woken. The alarm is of the core where the process started; who sets a timer goes there.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/clock.h"
#include "libos/posix/errno.h"
#include "libos/posix/signals.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

#define TIMERS_MAX 33 /* the first is alarm's and setitimer's */
#define NANO 1000000000L
#define MICRO 1000000L

struct timer {
	bool used;
	struct sigevent how;
	clockid_t clock;
	cycles_t due, interval; /* 0: not set; once */
	int overrun;
	/* SIGEV_THREAD */
	struct event news;
	uint32_t calls;
	bool ends;
};

static struct timer timers[TIMERS_MAX] = {
	{ .used = true, .how = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM } },
};

/* --- time ------------------------------------------------------------------------------------------- */

static cycles_t ticks_of(uint64_t seconds, uint64_t part, uint64_t parts)
{
	uint64_t hz = dispatcher_tsc_hz();

	if (seconds >= (UINT64_C(1) << 62) / hz)
		return UINT64_C(1) << 62;
	return seconds * hz + (part * hz + parts - 1) / parts;
}

static cycles_t ticks_left(const struct timer *t)
{
	cycles_t now = context_now();

	if (!t->due)
		return 0;
	return t->due > now ? t->due - now : 1;
}

static struct timespec time_of(cycles_t ticks)
{
	uint64_t hz = dispatcher_tsc_hz();

	return (struct timespec){ .tv_sec = (time_t)(ticks / hz), .tv_nsec = (long)(ticks % hz * (uint64_t)NANO / hz) };
}

/* --- what is due, in disabled mode -------------------------------------------------------------------- */

static void fire(struct timer *t, cycles_t now)
{
	const struct signal_info info = { .code = SI_TIMER,
					  .sender = 0,
					  .value = (uint64_t)t->how.sigev_value.sival_ptr };
	unsigned missed = 0;

	if (t->interval) {
		missed = (unsigned)((now - t->due) / t->interval);
		t->due += (missed + 1) * t->interval;
	} else {
		t->due = 0;
	}
	if (t->how.sigev_notify == SIGEV_THREAD) {
		t->calls++;
		event_raise(&t->news);
	} else if (t->how.sigev_notify == SIGEV_SIGNAL) {
		if (signal_is_pending(t->how.sigev_signo)) {
			t->overrun += 1 + (int)missed;
			return;
		}
		t->overrun = (int)missed;
		(void)signal_post(t->how.sigev_signo, &info);
	}
}

static void rearm(void)
{
	cycles_t first = 0;

	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (timers[i].used && timers[i].due && (!first || timers[i].due < first))
			first = timers[i].due;
	if (first)
		signal_timer(first);
}

static void expire(void)
{
	cycles_t now = context_now();

	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (timers[i].used && timers[i].due && timers[i].due <= now)
			fire(&timers[i], now);
	rearm();
}

static void set(struct timer *t, cycles_t due, cycles_t interval)
{
	coreid_t back = thread_visit((coreid_t)(process_self_pid() >> 32));

	dispatcher_disable();
	t->due = due;
	t->interval = interval;
	t->overrun = 0;
	signal_timers = expire;
	rearm();
	dispatcher_enable();
	thread_return(back);
}

/* --- alarm, setitimer --------------------------------------------------------------------------------------- */

unsigned alarm(unsigned seconds)
{
	cycles_t left = ticks_left(&timers[0]), hz = dispatcher_tsc_hz();

	set(&timers[0], seconds ? context_now() + ticks_of(seconds, 0, 1) : 0, 0);
	return (unsigned)((left + hz - 1) / hz);
}

static struct timeval timeval_of(cycles_t ticks)
{
	struct timespec t = time_of(ticks);

	return (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
}

/* Processor time is not counted, so nothing can be set by it. */
int getitimer(int which, struct itimerval *out)
{
	if (which != ITIMER_REAL)
		return errno_fail(EINVAL);
	out->it_value = timeval_of(ticks_left(&timers[0]));
	out->it_interval = timeval_of(timers[0].interval);
	return 0;
}

static bool timeval_ok(const struct timeval *t) { return t->tv_sec >= 0 && t->tv_usec >= 0 && t->tv_usec < MICRO; }

int setitimer(int which, const struct itimerval *restrict new, struct itimerval *restrict old)
{
	cycles_t first, interval;

	if (which != ITIMER_REAL || !timeval_ok(&new->it_value) || !timeval_ok(&new->it_interval))
		return errno_fail(EINVAL);
	if (old)
		getitimer(which, old);
	first = ticks_of((uint64_t) new->it_value.tv_sec, (uint64_t) new->it_value.tv_usec, MICRO);
	interval = ticks_of((uint64_t) new->it_interval.tv_sec, (uint64_t) new->it_interval.tv_usec, MICRO);
	set(&timers[0], first ? context_now() + first : 0, interval);
	return 0;
}

useconds_t ualarm(useconds_t first, useconds_t interval)
{
	const struct itimerval new = {
		.it_value = { .tv_sec = first / MICRO, .tv_usec = first % MICRO },
		.it_interval = { .tv_sec = interval / MICRO, .tv_usec = interval % MICRO },
	};
	struct itimerval old;

	if (setitimer(ITIMER_REAL, &new, &old))
		return (useconds_t)-1;
	return (useconds_t)(old.it_value.tv_sec * MICRO + old.it_value.tv_usec);
}

/* --- timer_create ----------------------------------------------------------------------------------------------- */

static struct timer *timer_of(timer_t id)
{
	if (id > 0 && id < TIMERS_MAX && timers[id].used)
		return &timers[id];
	errno = EINVAL;
	return NULL;
}

static void *caller(void *arg)
{
	struct timer *t = arg;

	while (!t->ends) {
		event_wait(&t->news, 0);
		while (__atomic_load_n(&t->calls, __ATOMIC_ACQUIRE) && !t->ends) {
			__atomic_fetch_sub(&t->calls, 1, __ATOMIC_ACQ_REL);
			t->how.sigev_notify_function(t->how.sigev_value);
		}
	}
	t->used = false;
	return NULL;
}

int timer_create(clockid_t clock, struct sigevent *restrict how, timer_t *restrict out)
{
	struct timer *t = &timers[1];
	struct thread *thread;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return errno_fail(EINVAL);
	if (how && how->sigev_notify == SIGEV_SIGNAL && (how->sigev_signo <= 0 || how->sigev_signo >= NSIG))
		return errno_fail(EINVAL);
	if (how && (how->sigev_notify < SIGEV_NONE || how->sigev_notify > SIGEV_THREAD))
		return errno_fail(EINVAL);
	while (t < &timers[TIMERS_MAX] && t->used)
		t++;
	if (t == &timers[TIMERS_MAX])
		return errno_fail(EAGAIN);
	*t = (struct timer){ .used = true, .clock = clock };
	if (how)
		t->how = *how;
	else
		t->how = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL,
					    .sigev_signo = SIGALRM,
					    .sigev_value = { .sival_int = (int)(t - timers) } };
	event_init(&t->news);
	if (t->how.sigev_notify == SIGEV_THREAD) {
		if (thread_create(&thread, caller, t)) {
			t->used = false;
			return errno_fail(EAGAIN);
		}
		thread_detach(thread);
	}
	*out = (timer_t)(t - timers);
	return 0;
}

int timer_delete(timer_t id)
{
	struct timer *t = timer_of(id);

	if (!t)
		return -1;
	set(t, 0, 0);
	if (t->how.sigev_notify == SIGEV_THREAD) {
		t->ends = true; /* its thread gives the place back */
		event_signal(&t->news);
	} else {
		t->used = false;
	}
	return 0;
}

int timer_gettime(timer_t id, struct itimerspec *out)
{
	const struct timer *t = timer_of(id);

	if (!t)
		return -1;
	out->it_value = time_of(ticks_left(t));
	out->it_interval = time_of(t->interval);
	return 0;
}

static bool timespec_ok(const struct timespec *t) { return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < NANO; }

int timer_settime(timer_t id, int flags, const struct itimerspec *restrict new, struct itimerspec *restrict old)
{
	struct timer *t = timer_of(id);
	const struct timespec *first;
	cycles_t due = 0;
	int error;

	if (!t)
		return -1;
	first = &new->it_value;
	if (!timespec_ok(first) || !timespec_ok(&new->it_interval))
		return errno_fail(EINVAL);
	if (old)
		timer_gettime(id, old);
	if (flags & TIMER_ABSTIME && (first->tv_sec || first->tv_nsec)) {
		error = clock_deadline(t->clock, first, &due);
		if (error)
			return errno_fail(error);
	} else if (first->tv_sec || first->tv_nsec) {
		due = context_now() + ticks_of((uint64_t)first->tv_sec, (uint64_t)first->tv_nsec, NANO);
	}
	set(t, due, ticks_of((uint64_t) new->it_interval.tv_sec, (uint64_t) new->it_interval.tv_nsec, NANO));
	return 0;
}

int timer_getoverrun(timer_t id)
{
	const struct timer *t = timer_of(id);

	return t ? t->overrun : -1;
}
