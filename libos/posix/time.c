/*
 * Clocks and sleep: the time stamp counter, and the wall clock that the boot core
 * read once.
 *
 * A machine without a readable real-time clock has no CLOCK_REALTIME: EINVAL,
 * and gettimeofday fails likewise.
 */
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/posix/clock.h"
#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

#define NANO UINT64_C(1000000000)
#define TICKS_MAX (UINT64_C(1) << 62)

/* Ticks to a time without overflow: whole seconds first. */
static struct timespec ticks_to_time(uint64_t ticks)
{
	uint64_t hz = dispatcher_tsc_hz();

	return (struct timespec){ .tv_sec = (time_t)(ticks / hz), .tv_nsec = (long)(ticks % hz * NANO / hz) };
}

/* No more than TICKS_MAX, which is for ever. */
uint64_t time_to_ticks(const struct timespec *t)
{
	uint64_t hz = dispatcher_tsc_hz();

	if ((uint64_t)t->tv_sec >= TICKS_MAX / hz)
		return TICKS_MAX;
	return (uint64_t)t->tv_sec * hz + (uint64_t)t->tv_nsec * hz / NANO;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	const struct process_args *args = process_args();
	struct timespec t = ticks_to_time(context_now() - args->boot_tsc);

	switch (clock) {
	case CLOCK_REALTIME:
		if (!args->wall_seconds)
			return errno_fail(EINVAL);
		t.tv_sec += (time_t)args->wall_seconds;
		break;
	case CLOCK_MONOTONIC:
		break;
	default:
		return errno_fail(EINVAL);
	}
	*out = t;
	return 0;
}

int clock_getres(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return errno_fail(EINVAL);
	if (out)
		*out = (struct timespec){ .tv_nsec = (long)((NANO + dispatcher_tsc_hz() - 1) / dispatcher_tsc_hz()) };
	return 0;
}

/* Nobody can set the time. */
int clock_settime(clockid_t clock, const struct timespec *to)
{
	(void)to;
	return clock == CLOCK_REALTIME ? errno_fail(EPERM) : errno_fail(EINVAL);
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &t))
		return -1;
	*out = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
	return 0;
}

int clock_deadline(clockid_t clock, const struct timespec *at, cycles_t *out)
{
	const struct process_args *args = process_args();
	struct timespec t = *at;

	if (t.tv_nsec < 0 || t.tv_nsec >= (long)NANO || (clock == CLOCK_REALTIME && !args->wall_seconds) ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
		return EINVAL;
	if (clock == CLOCK_REALTIME)
		t.tv_sec -= (time_t)args->wall_seconds;
	*out = t.tv_sec < 0 ? 1 : args->boot_tsc + time_to_ticks(&t);
	return 0;
}

/* False: a handler ran first. `left` may be NULL. */
static bool sleep_until(cycles_t deadline, struct timespec *left)
{
	bool broken = false;
	cycles_t now;

	pthread_cancel_point();
	while (!broken && !thread_sleep_interruptible(deadline)) {
		pthread_cancel_point();
		broken = signal_slept();
	}
	now = context_now();
	if (left)
		*left = ticks_to_time(broken && now < deadline ? deadline - now : 0);
	return !broken;
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
	if (t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec >= (long)NANO)
		return errno_fail(EINVAL);
	if (!sleep_until(context_now() + time_to_ticks(t), left))
		return errno_fail(EINTR);
	return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
	cycles_t deadline;
	int error;

	if (t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec >= (long)NANO)
		return EINVAL;
	if (flags & TIMER_ABSTIME) {
		error = clock_deadline(clock, t, &deadline);
		if (error)
			return error;
		return sleep_until(deadline, NULL) ? 0 : EINTR;
	}
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	return sleep_until(context_now() + time_to_ticks(t), left) ? 0 : EINTR;
}

int usleep(useconds_t microseconds)
{
	struct timespec t = { .tv_sec = microseconds / 1000000, .tv_nsec = (long)(microseconds % 1000000) * 1000 };

	return nanosleep(&t, NULL);
}

unsigned sleep(unsigned seconds)
{
	struct timespec t = { .tv_sec = seconds };

	return nanosleep(&t, &t) ? (unsigned)t.tv_sec + (t.tv_nsec != 0) : 0;
}

/* Processor time is not counted apart from the time that passes; clock() and times() give the latter. */
clock_t times(struct tms *out)
{
	struct timespec t = ticks_to_time(context_now() - process_args()->boot_tsc);
	clock_t ticks = (clock_t)t.tv_sec * CLOCKS_PER_SEC + (clock_t)(t.tv_nsec / (long)(NANO / CLOCKS_PER_SEC));

	*out = (struct tms){ .tms_utime = ticks };
	return ticks;
}
