/*
 * Attributes of POSIX threads.
 */
#include <string.h>

#include "libos/core/vspace.h"
#include "libos/posix/pthread_self.h"

#define GUARD_MAX SIZE_OF_BITS(STACK_BITS)

int pthread_attr_init(pthread_attr_t *a)
{
	*a = (pthread_attr_t){ .is_initialized = PTHREAD_INHERIT_SCHED,
			       .detachstate = PTHREAD_CREATE_JOINABLE,
			       .guardsize = GUARD_MAX };
	return 0;
}

int pthread_attr_destroy(pthread_attr_t *a)
{
	a->is_initialized = 0;
	return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *a, int state)
{
	if (state != PTHREAD_CREATE_DETACHED && state != PTHREAD_CREATE_JOINABLE)
		return EINVAL;
	a->detachstate = state;
	return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *a, int *state)
{
	*state = a->detachstate;
	return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *a, size_t bytes)
{
	if (bytes < PTHREAD_STACK_MIN || bytes > SIZE_OF_BITS(STACK_BITS_MAX) - thread_room())
		return EINVAL;
	a->stacksize = bytes;
	return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *a, size_t *bytes)
{
	*bytes = a->stacksize ? a->stacksize : SIZE_OF_BITS(STACK_BITS) - thread_room();
	return 0;
}

/* Every stack has a guard as large as itself; a larger one is not to be had. */
int pthread_attr_setguardsize(pthread_attr_t *a, size_t bytes)
{
	if (bytes > GUARD_MAX)
		return EINVAL;
	a->guardsize = bytes;
	return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *a, size_t *bytes)
{
	*bytes = a->guardsize;
	return 0;
}

/* Nobody else may use the memory till the thread has ended. */
int pthread_attr_setstack(pthread_attr_t *a, void *address, size_t bytes)
{
	if (bytes < PTHREAD_STACK_MIN || !address || (vaddr_t)address % 16 || bytes % 16)
		return EINVAL;
	a->stackaddr = address;
	a->stacksize = bytes;
	return 0;
}

int pthread_attr_getstack(const pthread_attr_t *a, void **address, size_t *bytes)
{
	*address = a->stackaddr;
	return pthread_attr_getstacksize(a, bytes);
}

/* One priority: 0. */
int pthread_attr_setschedparam(pthread_attr_t *a, const struct sched_param *p)
{
	if (p->sched_priority != 0)
		return ENOTSUP;
	a->schedparam = *p;
	return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *a, struct sched_param *p)
{
	*p = a->schedparam;
	return 0;
}

int pthread_attr_setaffinity_np(pthread_attr_t *a, size_t size, const cpu_set_t *set)
{
	if (size < sizeof(*set) || CPU_COUNT(set) == 0)
		return EINVAL;
	a->bound = 1;
	a->affinity = *set;
	return 0;
}

int pthread_attr_getaffinity_np(const pthread_attr_t *a, size_t size, cpu_set_t *set)
{
	if (size < sizeof(*set))
		return EINVAL;
	if (a->bound)
		*set = a->affinity;
	else
		memset(set, 0xff, sizeof(*set));
	return 0;
}

int pthread_getattr_np(pthread_t t, pthread_attr_t *a)
{
	struct posix_thread *p = t ? t->posix : NULL;
	struct thread_stack s;

	if (!p)
		return ESRCH;
	pthread_attr_init(a);
	s = p->asked.top ? p->asked : (struct thread_stack){ t->stack_low, t->stack_top };
	a->stacksize = s.top - s.low;
	a->stackaddr = (void *)s.low;
	a->detachstate = p->life == LIFE_DETACHED ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE;
	a->bound = t->bound;
	memcpy(&a->affinity, t->affinity, sizeof(a->affinity));
	return 0;
}
