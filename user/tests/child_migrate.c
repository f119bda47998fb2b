/*
 * Processes that are moved to another core by someone else. Their argument is the core that they were started on: they
 * may have been moved before they begin.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"

#define WORKERS 5

static coreid_t start;

/* Never gives way: the core that it finds itself on at last. */
int deed_move_spin(const char *arg)
{
	volatile uint64_t work = 0;
	volatile double sum = 0;

	start = (coreid_t)atoi(arg);
	while (cpu_current() == start) {
		work++;
		sum += 0.5;
	}
	return sum == (double)work / 2 ? cpu_current() : 100;
}

/* Sleeps most of the time. */
int deed_move_sleep(const char *arg)
{
	start = (coreid_t)atoi(arg);
	while (cpu_current() == start)
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	return cpu_current();
}

/* Prints, from wherever it is, while it is moved to and fro; ends when it has been away and back. */
int deed_move_print(const char *arg)
{
	unsigned moves = 0, lines = 0;
	coreid_t at;

	start = at = (coreid_t)atoi(arg);
	while (moves < 2) {
		if (lines++ < 20)
			printf("# line %u\n", lines);
		fflush(stdout);
		thread_yield();
		if (cpu_current() != at) {
			at = cpu_current();
			moves++;
		}
	}
	return at == start ? 0 : 101;
}

static void *worker(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	for (; cpu_current() == start; n++)
		n % 2 ? thread_yield() : thread_sleep_until(context_now() + dispatcher_tsc_hz() / 5000);
	return (void *)(uintptr_t)cpu_current();
}

/* Several threads: all of them get there. */
int deed_move_threads(const char *arg)
{
	struct thread *t[WORKERS];
	void *core, *first = NULL;

	start = (coreid_t)atoi(arg);
	for (unsigned i = 0; i < WORKERS; i++)
		if (thread_create(&t[i], worker, NULL))
			return 102;
	for (unsigned i = 0; i < WORKERS; i++) {
		thread_join(t[i], &core);
		if (i && core != first)
			return 103;
		first = core;
	}
	return (int)(uintptr_t)first;
}
