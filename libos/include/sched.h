/*
 * newlib's header, the core that the caller runs on, and the functions of scheduling: everything runs under
 * SCHED_OTHER, with the one priority 0.
 */
#ifndef _SKERRY_SCHED_H
#define _SKERRY_SCHED_H

#include_next <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

int sched_getcpu(void);
int sched_get_priority_max(int __policy);
int sched_get_priority_min(int __policy);
int sched_getscheduler(pid_t __pid);
int sched_setscheduler(pid_t __pid, int __policy, const struct sched_param *__param);
int sched_getparam(pid_t __pid, struct sched_param *__param);
int sched_setparam(pid_t __pid, const struct sched_param *__param);
int sched_rr_get_interval(pid_t __pid, struct timespec *__interval);

#ifdef __cplusplus
}
#endif

#endif
