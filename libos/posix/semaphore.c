/*
 * POSIX semaphores.
 */
#include <semaphore.h>

#include "libos/posix/clock.h"
#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/x86/context.h"

_Static_assert(sizeof(struct semaphore) <= sizeof(sem_t), "struct semaphore outgrew its room");

static struct semaphore *semaphore_of(sem_t *s) { return (struct semaphore *)s->room; }

int sem_init(sem_t *s, int shared, unsigned value)
{
	if (shared)
		return errno_fail(ENOTSUP);
	if (value > SEM_VALUE_MAX)
		return errno_fail(EINVAL);
	semaphore_init(semaphore_of(s), value);
	return 0;
}

int sem_destroy(sem_t *s) { return semaphore_of(s)->waiting.head ? errno_fail(EBUSY) : 0; }

static int wait_until(sem_t *s, cycles_t deadline)
{
	pthread_cancel_point();
	while (!semaphore_wait_interruptible(semaphore_of(s), deadline)) {
		pthread_cancel_point();
		if (signal_checkpoint())
			return errno_fail(EINTR);
		if (deadline && context_now() >= deadline)
			return errno_fail(ETIMEDOUT);
	}
	return 0;
}

int sem_wait(sem_t *s) { return wait_until(s, 0); }

int sem_trywait(sem_t *s) { return semaphore_try(semaphore_of(s)) ? 0 : errno_fail(EAGAIN); }

int sem_timedwait(sem_t *s, const struct timespec *at)
{
	cycles_t deadline;
	int err;

	if (semaphore_try(semaphore_of(s)))
		return 0;
	err = clock_deadline(CLOCK_REALTIME, at, &deadline);
	return err ? errno_fail(err) : wait_until(s, deadline);
}

int sem_post(sem_t *s)
{
	if (semaphore_of(s)->count >= SEM_VALUE_MAX)
		return errno_fail(EOVERFLOW);
	semaphore_post(semaphore_of(s));
	return 0;
}

int sem_getvalue(sem_t *s, int *value)
{
	*value = (int)semaphore_of(s)->count;
	return 0;
}
