/*
 * Scheduling as POSIX asks for it: there is SCHED_OTHER with priority 0, for processes and threads alike. Other
 * policies of POSIX are refused with ENOTSUP, what is no policy with EINVAL.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"

#define PRIORITY 0
#define SLICE_NANOSECONDS 10000000 /* the CPU drivers' */

/* An errno. */
static int policy_check(int policy)
{
	if (policy == SCHED_OTHER)
		return 0;
	return policy == SCHED_FIFO || policy == SCHED_RR ? ENOTSUP : EINVAL;
}

/* An errno. */
static int param_check(int policy, const struct sched_param *p)
{
	int error = policy_check(policy);

	return error ? error : p->sched_priority == PRIORITY ? 0 : EINVAL;
}

/* --- processes -------------------------------------------------------------------------- */

int sched_get_priority_max(int policy) { return policy_check(policy) ? errno_fail(EINVAL) : PRIORITY; }
int sched_get_priority_min(int policy) { return sched_get_priority_max(policy); }

/* -1 and ESRCH, unless there is such a process; 0 is the caller. */
static int process_check(pid_t pid)
{
	if (pid < 0)
		return errno_fail(EINVAL);
	return pid == 0 || pid == getpid() ? 0 : kill(pid, 0);
}

int sched_getscheduler(pid_t pid) { return process_check(pid) ? -1 : SCHED_OTHER; }

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *p)
{
	int error = param_check(policy, p);

	if (process_check(pid))
		return -1;
	return error ? errno_fail(error) : SCHED_OTHER;
}

int sched_getparam(pid_t pid, struct sched_param *p)
{
	if (process_check(pid))
		return -1;
	*p = (struct sched_param){ .sched_priority = PRIORITY };
	return 0;
}

int sched_setparam(pid_t pid, const struct sched_param *p)
{
	return sched_setscheduler(pid, SCHED_OTHER, p) < 0 ? -1 : 0;
}

int sched_rr_get_interval(pid_t pid, struct timespec *out)
{
	if (process_check(pid))
		return -1;
	*out = (struct timespec){ .tv_nsec = SLICE_NANOSECONDS };
	return 0;
}

/* --- threads ------------------------------------------------------------------------------ */

int pthread_setschedparam(pthread_t t, int policy, const struct sched_param *p)
{
	return t && t->posix ? param_check(policy, p) : ESRCH;
}

int pthread_getschedparam(pthread_t t, int *policy, struct sched_param *p)
{
	if (!t || !t->posix)
		return ESRCH;
	*policy = SCHED_OTHER;
	*p = (struct sched_param){ .sched_priority = PRIORITY };
	return 0;
}

int pthread_setschedprio(pthread_t t, int priority)
{
	return pthread_setschedparam(t, SCHED_OTHER, &(struct sched_param){ .sched_priority = priority });
}

int pthread_attr_setschedpolicy(pthread_attr_t *a, int policy)
{
	(void)a;
	return policy_check(policy);
}

int pthread_attr_getschedpolicy(const pthread_attr_t *a, int *policy)
{
	(void)a;
	*policy = SCHED_OTHER;
	return 0;
}

int pthread_attr_setinheritsched(pthread_attr_t *a, int inherit)
{
	if (inherit != PTHREAD_INHERIT_SCHED && inherit != PTHREAD_EXPLICIT_SCHED)
		return EINVAL;
	a->is_initialized = inherit;
	return 0;
}

int pthread_attr_getinheritsched(const pthread_attr_t *a, int *inherit)
{
	*inherit = a->is_initialized;
	return 0;
}

/* All threads of the system compete for its cores. */
int pthread_attr_setscope(pthread_attr_t *a, int scope)
{
	(void)a;
	return scope == PTHREAD_SCOPE_SYSTEM ? 0 : scope == PTHREAD_SCOPE_PROCESS ? ENOTSUP : EINVAL;
}

int pthread_attr_getscope(const pthread_attr_t *a, int *scope)
{
	(void)a;
	*scope = PTHREAD_SCOPE_SYSTEM;
	return 0;
}
