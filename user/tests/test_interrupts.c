/*
 * Threads that are interrupted, wherever they are: signals and cancellation that find them computing, on other cores
 * too, or waiting for each other; and threads on stacks of the program's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "libos/core/monitor_client.h"
#include "libos/thread/cpu.h"
#include "user/tests/tap.h"

#define CORES 4
#define KILLS 3
#define STACK_BYTES 32768

static volatile sig_atomic_t got;
static pthread_t volatile taker;
static sem_t begun;

static void awaited(sem_t *s)
{
	while (sem_wait(s))
		;
}

static void handled(int signal)
{
	(void)signal;
	taker = pthread_self();
	got++;
	sem_post(&begun);
}

static bool begin(int signal)
{
	const struct sigaction a = { .sa_handler = handled, .sa_flags = SA_RESTART };

	got = 0;
	EXPECT(sem_init(&begun, 0, 0) == 0);
	EXPECT(sigaction(signal, &a, NULL) == 0);
	return true;
}

/* A thread on that core, or on any if the process has but one. */
static int on_core(unsigned core, pthread_t *t, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	cpu_set_t one;

	pthread_attr_init(&attr);
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	pthread_attr_setaffinity_np(&attr, sizeof one, &one);
	return pthread_create(t, &attr, fn, arg);
}

/* --- signals ------------------------------------------------------------------------------------------------ */

static void *computes(void *unused)
{
	(void)unused;
	sem_post(&begun);
	while (!got)
		__asm__ volatile("pause");
	return NULL;
}

/* It never waits: if it is not told it computes for ever. */
static bool computing_is_told(bool process)
{
	sigset_t set, before;
	pthread_t t;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (unsigned core = 0; core < cpu_count() && core < CORES; core++) {
		EXPECT(begin(SIGUSR1));
		EXPECT(on_core(cpu_listed(core), &t, computes, NULL) == 0);
		awaited(&begun);
		pthread_sigmask(SIG_BLOCK, &set, &before);
		EXPECT(process ? kill(getpid(), SIGUSR1) == 0 : pthread_kill(t, SIGUSR1) == 0);
		EXPECT(pthread_join(t, NULL) == 0);
		EXPECT(got == 1 && taker == t);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return true;
}

static bool cores_are_added(void)
{
	unsigned up = mon_cores_up(CORES);

	EXPECT(pthread_setconcurrency((int)up) == 0 && cpu_count() >= up);
	return true;
}

static bool thread_is_told(void) { return computing_is_told(false); }
static bool process_is_told(void) { return computing_is_told(true); }

static pthread_barrier_t barrier;

static void *at_barrier(void *unused)
{
	(void)unused;
	for (int i = 0; i < KILLS; i++) {
		sem_post(&begun);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static bool barrier_goes_on(void)
{
	pthread_t t;

	EXPECT(begin(SIGUSR1) && pthread_barrier_init(&barrier, NULL, 2) == 0);
	EXPECT(pthread_create(&t, NULL, at_barrier, NULL) == 0);
	for (int i = 0; i < KILLS; i++) {
		awaited(&begun);
		EXPECT(pthread_kill(t, SIGUSR1) == 0);
		awaited(&begun); /* the handler's */
		EXPECT(got == i + 1 && taker == t);
		pthread_barrier_wait(&barrier);
	}
	EXPECT(pthread_join(t, NULL) == 0 && pthread_barrier_destroy(&barrier) == 0);
	return true;
}

static pthread_once_t once;
static sem_t inside, leave;

static void routine(void)
{
	sem_post(&inside);
	awaited(&leave);
}

static void *runs_once(void *unused)
{
	(void)unused;
	sem_post(&begun);
	pthread_once(&once, routine);
	return NULL;
}

static bool once_goes_on(void)
{
	pthread_t first, second;

	once = PTHREAD_ONCE_INIT;
	EXPECT(begin(SIGUSR1) && sem_init(&inside, 0, 0) == 0 && sem_init(&leave, 0, 0) == 0);
	EXPECT(pthread_create(&first, NULL, runs_once, NULL) == 0);
	awaited(&begun);
	awaited(&inside);
	EXPECT(pthread_create(&second, NULL, runs_once, NULL) == 0);
	awaited(&begun);
	EXPECT(pthread_kill(second, SIGUSR1) == 0);
	awaited(&begun);
	EXPECT(got == 1 && taker == second);
	sem_post(&leave);
	EXPECT(pthread_join(first, NULL) == 0 && pthread_join(second, NULL) == 0);
	return true;
}

/* --- asynchronous cancellation -------------------------------------------------------------------------------- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *computes_on(void *unused)
{
	(void)unused;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&begun);
	for (;;)
		__asm__ volatile("pause");
	return NULL;
}

static void *waits_for_mutex(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&begun);
	pthread_mutex_lock(&held);
	return unused;
}

static void *waits_at_barrier(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&begun);
	pthread_barrier_wait(&barrier);
	return unused;
}

static bool is_cancelled(unsigned core, void *(*fn)(void *))
{
	pthread_t t;
	void *result;

	EXPECT(on_core(cpu_listed(core), &t, fn, NULL) == 0);
	awaited(&begun);
	EXPECT(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED);
	return true;
}

static bool cancelled_anywhere(void)
{
	EXPECT(begin(SIGUSR1));
	pthread_mutex_lock(&held);
	for (unsigned core = 0; core < cpu_count() && core < CORES; core++) {
		EXPECT(pthread_barrier_init(&barrier, NULL, 2) == 0);
		EXPECT(is_cancelled(core, computes_on));
		EXPECT(is_cancelled(core, waits_for_mutex));
		EXPECT(is_cancelled(core, waits_at_barrier));
	}
	EXPECT(pthread_mutex_unlock(&held) == 0);
	return true;
}

/* --- stacks of the program's own ---------------------------------------------------------------------------------- */

static char room[STACK_BYTES] __attribute__((aligned(16)));

/* Memory that is touched there for the first time, and a signal while it computes. */
static void *on_own_stack(void *unused)
{
	volatile char *fresh = malloc(STACK_BYTES * 8);
	pthread_attr_t attr;
	void *address = NULL;
	size_t bytes = 0;
	bool well = (char *)&attr > room && (char *)&attr < room + sizeof room;

	(void)unused;
	for (size_t i = 0; i < STACK_BYTES * 8; i += 1024)
		fresh[i] = 1;
	free((void *)(uintptr_t)fresh);
	well = well && !pthread_getattr_np(pthread_self(), &attr) && !pthread_attr_getstack(&attr, &address, &bytes);
	computes(NULL);
	return well && address == room && bytes == sizeof room ? room : NULL;
}

static bool own_stacks(void)
{
	pthread_attr_t attr;
	pthread_t t;
	void *result;

	pthread_attr_init(&attr);
	EXPECT(pthread_attr_setstack(&attr, room, 100) == EINVAL);
	EXPECT(pthread_attr_setstack(&attr, room, sizeof room) == 0);
	for (int i = 0; i < KILLS; i++) {
		EXPECT(begin(SIGUSR1));
		EXPECT(pthread_create(&t, &attr, on_own_stack, NULL) == 0);
		awaited(&begun);
		EXPECT(pthread_kill(t, SIGUSR1) == 0);
		EXPECT(pthread_join(t, &result) == 0 && result == room && taker == t);
	}
	return true;
}

const struct test interrupts_tests[] = {
	{ "a thread that computes is signalled", thread_is_told },
	{ "threads on stacks of the program's own", own_stacks },
	{ "cancelled asynchronously", cancelled_anywhere },
	{ "more cores", cores_are_added },
	{ "threads that compute on any core are signalled", thread_is_told },
	{ "one that computes takes the process's signal", process_is_told },
	{ "handlers run in waits at barriers", barrier_goes_on },
	{ "handlers run in pthread_once", once_goes_on },
	{ "cancelled asynchronously, on any core", cancelled_anywhere },
	{ "threads on stacks of the program's own, with several cores", own_stacks },
	{ 0 },
};
