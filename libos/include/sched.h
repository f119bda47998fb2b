/*
 * newlib's header, and the core that the caller runs on.
 */
#ifndef _SKERRY_SCHED_H
#define _SKERRY_SCHED_H

#include_next <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

int sched_getcpu(void);

#ifdef __cplusplus
}
#endif

#endif
