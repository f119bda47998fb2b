/*
 * POSIX condition variables.
 */
#include "libos/posix/clock.h"
#include "libos/posix/pthread_self.h"
#include "libos/x86/context.h"

_Static_assert(sizeof(struct cond) <= sizeof(((pthread_cond_t *)0)->room), "struct cond outgrew its room");

static struct cond *cond_of(pthread_cond_t *c) { return (struct cond *)c->room; }

int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *a)
{
	*c = (pthread_cond_t){ .clock = a ? a->clock : 0 };
	return a && !a->is_initialized ? EINVAL : 0;
}

int pthread_cond_destroy(pthread_cond_t *c)
{
	return __atomic_load_n(&cond_of(c)->waiting.head, __ATOMIC_RELAXED) ? EBUSY : 0;
}

int pthread_cond_signal(pthread_cond_t *c)
{
	cond_signal(cond_of(c));
	return 0;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	cond_broadcast(cond_of(c));
	return 0;
}

/* The mutex is held again when the thread is cancelled: its handlers rely on it. */
static int wait_until(pthread_cond_t *c, pthread_mutex_t *m, cycles_t deadline)
{
	struct mutex *mutex = (struct mutex *)m->room;
	bool woken;

	if (m->type != PTHREAD_MUTEX_NORMAL && !mutex_held(mutex))
		return EPERM;
	pthread_cancel_point();
	woken = cond_wait_interruptible(cond_of(c), mutex, deadline);
	if (!woken)
		pthread_cancel_point();
	/* Before its deadline only an interrupt ends it unwoken: a wake-up for no reason. */
	return woken || !deadline || context_now() < deadline ? 0 : ETIMEDOUT;
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { return wait_until(c, m, 0); }

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	cycles_t deadline;
	int err = clock_deadline(clock, at, &deadline);

	return err ? err : wait_until(c, m, deadline);
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
	return pthread_cond_clockwait(c, m, c->clock ? c->clock : CLOCK_REALTIME, at);
}

/* --- attributes -------------------------------------------------------------------- */

int pthread_condattr_init(pthread_condattr_t *a)
{
	*a = (pthread_condattr_t){ .is_initialized = 1, .clock = CLOCK_REALTIME };
	return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *a)
{
	if (!a)
		return EINVAL;
	a->is_initialized = 0;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *a, clockid_t clock)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	a->clock = clock;
	return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *a, clockid_t *clock)
{
	*clock = a->clock;
	return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *a, int shared)
{
	(void)a;
	if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
		return EINVAL;
	return shared == PTHREAD_PROCESS_PRIVATE ? 0 : ENOTSUP;
}

int pthread_condattr_getpshared(const pthread_condattr_t *a, int *shared)
{
	(void)a;
	*shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}
