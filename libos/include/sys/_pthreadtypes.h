/*
 * The types of POSIX threads, in place of newlib's, which are numbers of objects that
 * a kernel keeps: here the objects are these. libos/posix/pthread*.c has what is in the rooms.
 */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#if defined(_POSIX_THREADS) || __POSIX_VISIBLE >= 199506

#include <sys/cpuset.h>
#include <sys/sched.h>

typedef struct thread *pthread_t;

#define PTHREAD_SCOPE_PROCESS 0
#define PTHREAD_SCOPE_SYSTEM 1
#define PTHREAD_INHERIT_SCHED 1
#define PTHREAD_EXPLICIT_SCHED 2
#define PTHREAD_CREATE_DETACHED 0
#define PTHREAD_CREATE_JOINABLE 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1

#define PTHREAD_STACK_MIN 16384
#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4

typedef struct {
	int is_initialized; /* PTHREAD_INHERIT_SCHED or PTHREAD_EXPLICIT_SCHED */
	int detachstate;
	size_t stacksize, guardsize;
	void *stackaddr; /* NULL: the library's */
	struct sched_param schedparam;
	int bound; /* affinity counts */
	cpu_set_t affinity;
} pthread_attr_t;

#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL

typedef struct {
	unsigned long room[4];
	int type;
} pthread_mutex_t;
#define _PTHREAD_MUTEX_INITIALIZER \
	{                          \
		{ 0 }, 0           \
	}

typedef struct {
	int is_initialized;
	int type;
} pthread_mutexattr_t;

typedef struct {
	unsigned long room[2];
	clockid_t clock; /* 0: CLOCK_REALTIME */
} pthread_cond_t;
#define _PTHREAD_COND_INITIALIZER \
	{                         \
		{ 0 }, 0          \
	}

typedef struct {
	int is_initialized;
	clockid_t clock;
} pthread_condattr_t;

typedef struct {
	unsigned long room[11];
} pthread_rwlock_t;
#define _PTHREAD_RWLOCK_INITIALIZER \
	{                           \
		{                   \
			0           \
		}                   \
	}

typedef struct {
	int is_initialized;
} pthread_rwlockattr_t;

typedef struct {
	unsigned long room[4];
} pthread_barrier_t;

typedef struct {
	int is_initialized;
} pthread_barrierattr_t;

typedef struct {
	unsigned taken;
} pthread_spinlock_t;

typedef unsigned pthread_key_t;

typedef unsigned pthread_once_t; /* so that PTHREAD_ONCE_INIT can be assigned too */
#define _PTHREAD_ONCE_INIT 0

#endif

#endif
