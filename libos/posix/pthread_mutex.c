/*
 * POSIX mutexes: the library's, with types and error codes.
 */
#include "libos/posix/clock.h"
#include "libos/posix/pthread_self.h"
#include "libos/x86/barrier.h"

_Static_assert(sizeof(struct mutex) <= sizeof(((pthread_mutex_t *)0)->room), "struct mutex outgrew its room");

static struct mutex *mutex_of(pthread_mutex_t *m) { return (struct mutex *)m->room; }

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a)
{
	*m = (pthread_mutex_t){ .type = a ? a->type : PTHREAD_MUTEX_DEFAULT };
	if (a && !a->is_initialized)
		return EINVAL;
	mutex_init(mutex_of(m), m->type == PTHREAD_MUTEX_RECURSIVE);
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m) { return mem_load64(&mutex_of(m)->word) ? EBUSY : 0; }

static bool is_deadlock(pthread_mutex_t *m) { return m->type == PTHREAD_MUTEX_ERRORCHECK && mutex_held(mutex_of(m)); }

int pthread_mutex_lock(pthread_mutex_t *m)
{
	if (is_deadlock(m))
		return EDEADLK;
	mutex_lock_nudged(mutex_of(m), 0);
	return 0;
}

int pthread_mutex_trylock(pthread_mutex_t *m) { return mutex_try(mutex_of(m)) ? 0 : EBUSY; }

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	cycles_t deadline;
	int err;

	if (is_deadlock(m))
		return EDEADLK;
	/* What is free is taken, whatever the time says. */
	if (mutex_try(mutex_of(m)))
		return 0;
	err = clock_deadline(CLOCK_REALTIME, at, &deadline);
	if (err)
		return err;
	return mutex_lock_nudged(mutex_of(m), deadline) ? 0 : ETIMEDOUT;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (m->type != PTHREAD_MUTEX_NORMAL && !mutex_held(mutex_of(m)))
		return EPERM;
	mutex_unlock(mutex_of(m));
	return 0;
}

/* --- attributes -------------------------------------------------------------------- */

int pthread_mutexattr_init(pthread_mutexattr_t *a)
{
	*a = (pthread_mutexattr_t){ .is_initialized = 1, .type = PTHREAD_MUTEX_DEFAULT };
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *a)
{
	if (!a)
		return EINVAL;
	a->is_initialized = 0;
	return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type)
{
	if (type != PTHREAD_MUTEX_NORMAL && type != PTHREAD_MUTEX_RECURSIVE && type != PTHREAD_MUTEX_ERRORCHECK)
		return EINVAL;
	a->type = type;
	return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *a, int *type)
{
	*type = a->type;
	return 0;
}

/* No two processes share memory that both could keep a mutex in. */
int pthread_mutexattr_setpshared(pthread_mutexattr_t *a, int shared)
{
	(void)a;
	if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
		return EINVAL;
	return shared == PTHREAD_PROCESS_PRIVATE ? 0 : ENOTSUP;
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *a, int *shared)
{
	(void)a;
	*shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}
