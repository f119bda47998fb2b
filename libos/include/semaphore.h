/*
 * POSIX semaphores without names, between the threads of a process.
 */
#ifndef _SKERRY_SEMAPHORE_H
#define _SKERRY_SEMAPHORE_H

#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEM_VALUE_MAX 0x7fffffff

typedef struct {
	unsigned long room[3];
} sem_t;

int sem_init(sem_t *__sem, int __shared, unsigned __value);
int sem_destroy(sem_t *__sem);
int sem_wait(sem_t *__sem);
int sem_trywait(sem_t *__sem);
int sem_timedwait(sem_t *__sem, const struct timespec *__abstime);
int sem_post(sem_t *__sem);
int sem_getvalue(sem_t *__sem, int *__value);

#ifdef __cplusplus
}
#endif

#endif
