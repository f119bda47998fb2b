/*
 * POSIX threads: newlib's header, and what it leaves out for systems it does not know.
 */
#ifndef _SKERRY_PTHREAD_H
#define _SKERRY_PTHREAD_H

#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

int pthread_cond_clockwait(pthread_cond_t *__cond, pthread_mutex_t *__mutex, clockid_t __clock,
			   const struct timespec *__abstime);
int pthread_attr_setaffinity_np(pthread_attr_t *__attr, size_t __size, const cpu_set_t *__set);
int pthread_attr_getaffinity_np(const pthread_attr_t *__attr, size_t __size, cpu_set_t *__set);
/* Binds a thread to cores of the set. The process spans those of them that it did not. */
int pthread_setaffinity_np(pthread_t __id, size_t __size, const cpu_set_t *__set);
int pthread_getaffinity_np(pthread_t __id, size_t __size, cpu_set_t *__set);
int pthread_getattr_np(pthread_t __id, pthread_attr_t *__attr);
int pthread_attr_setschedpolicy(pthread_attr_t *__attr, int __policy);
int pthread_attr_getschedpolicy(const pthread_attr_t *__attr, int *__policy);
int pthread_attr_setinheritsched(pthread_attr_t *__attr, int __inherit);
int pthread_attr_getinheritsched(const pthread_attr_t *__attr, int *__inherit);
int pthread_attr_setscope(pthread_attr_t *__attr, int __scope);
int pthread_attr_getscope(const pthread_attr_t *__attr, int *__scope);
int pthread_setschedparam(pthread_t __id, int __policy, const struct sched_param *__param);
int pthread_getschedparam(pthread_t __id, int *__policy, struct sched_param *__param);
int pthread_setschedprio(pthread_t __id, int __priority);

#ifdef __cplusplus
}
#endif

#endif
