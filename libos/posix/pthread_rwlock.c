/*
 * POSIX read-write locks. A writer that waits keeps new readers out, so it is not starved.
 */
#include "libos/posix/clock.h"
#include "libos/posix/pthread_self.h"
#include "libos/x86/context.h"

struct rwlock {
	struct mutex mutex; /* of what follows, for a few instructions */
	struct cond readable, writable;
	struct thread *writer;
	uint32_t readers, writers_waiting;
};
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "struct rwlock outgrew its room");

static struct rwlock *rwlock_of(pthread_rwlock_t *l) { return (struct rwlock *)l->room; }

int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a)
{
	*l = (pthread_rwlock_t)_PTHREAD_RWLOCK_INITIALIZER;
	return a && !a->is_initialized ? EINVAL : 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	struct rwlock *r = rwlock_of(l);

	return r->writer || r->readers ? EBUSY : 0;
}

static bool readable(const struct rwlock *r) { return !r->writer && !r->writers_waiting; }
static bool writable(const struct rwlock *r) { return !r->writer && !r->readers; }

static bool is_past(cycles_t deadline) { return deadline && context_now() >= deadline; }

/* A deadline is looked at only when there is something to wait for: `at` may be NULL. */
static int read_lock(pthread_rwlock_t *l, const struct timespec *at)
{
	struct rwlock *r = rwlock_of(l);
	cycles_t deadline = 0;
	int err = 0;

	mutex_lock(&r->mutex);
	if (r->writer == thread_current())
		err = EDEADLK;
	else if (at && !readable(r))
		err = clock_deadline(CLOCK_REALTIME, at, &deadline);
	while (!err && !readable(r))
		if (!cond_wait_nudged(&r->readable, &r->mutex, deadline) && !readable(r) && is_past(deadline))
			err = ETIMEDOUT;
	if (!err)
		r->readers++;
	mutex_unlock(&r->mutex);
	return err;
}

static int write_lock(pthread_rwlock_t *l, const struct timespec *at)
{
	struct rwlock *r = rwlock_of(l);
	cycles_t deadline = 0;
	int err = 0;

	mutex_lock(&r->mutex);
	if (r->writer == thread_current())
		err = EDEADLK;
	else if (at && !writable(r))
		err = clock_deadline(CLOCK_REALTIME, at, &deadline);
	r->writers_waiting++;
	while (!err && !writable(r))
		if (!cond_wait_nudged(&r->writable, &r->mutex, deadline) && !writable(r) && is_past(deadline))
			err = ETIMEDOUT;
	r->writers_waiting--;
	if (!err)
		r->writer = thread_current();
	else if (readable(r))
		cond_broadcast(&r->readable); /* it was our waiting that kept them out */
	mutex_unlock(&r->mutex);
	return err;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *l) { return read_lock(l, NULL); }
int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *at) { return read_lock(l, at); }
int pthread_rwlock_wrlock(pthread_rwlock_t *l) { return write_lock(l, NULL); }
int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *at) { return write_lock(l, at); }

int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	struct rwlock *r = rwlock_of(l);
	bool can;

	mutex_lock(&r->mutex);
	can = readable(r);
	r->readers += can;
	mutex_unlock(&r->mutex);
	return can ? 0 : EBUSY;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	struct rwlock *r = rwlock_of(l);
	bool can;

	mutex_lock(&r->mutex);
	can = writable(r);
	if (can)
		r->writer = thread_current();
	mutex_unlock(&r->mutex);
	return can ? 0 : EBUSY;
}

/* Writers first, since they cannot go on together with anybody. */
static void wake(struct rwlock *r)
{
	if (r->writers_waiting && writable(r))
		cond_signal(&r->writable);
	else if (readable(r))
		cond_broadcast(&r->readable);
}

int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	struct rwlock *r = rwlock_of(l);
	int err = 0;

	mutex_lock(&r->mutex);
	if (r->writer == thread_current())
		r->writer = NULL;
	else if (!r->writer && r->readers)
		r->readers--;
	else
		err = EPERM;
	wake(r);
	mutex_unlock(&r->mutex);
	return err;
}

/* --- attributes -------------------------------------------------------------------- */

int pthread_rwlockattr_init(pthread_rwlockattr_t *a)
{
	a->is_initialized = 1;
	return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *a)
{
	a->is_initialized = 0;
	return 0;
}

int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *a, int shared)
{
	(void)a;
	if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
		return EINVAL;
	return shared == PTHREAD_PROCESS_PRIVATE ? 0 : ENOTSUP;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *a, int *shared)
{
	(void)a;
	*shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}
