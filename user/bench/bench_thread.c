/*
 * Threads of one process: a switch from one to the next, creation and join.
 */
#include "libos/thread/thread.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 200

static volatile bool stop;

static void *yielder(void *arg)
{
	(void)arg;
	while (!stop)
		thread_yield();
	return NULL;
}

/* Two threads yield to each other: each turn of the loop is two switches. */
static err_t measure_switch(const struct measure *m)
{
	double values[SAMPLES];
	struct thread *other;
	stop = false;
	err_t error = thread_create(&other, yielder, NULL);
	if (error)
		return error;
	thread_yield();
	BENCH_SAMPLES(values, SAMPLES, LOOPS, thread_yield());
	stop = true;
	for (int i = 0; i < SAMPLES; i++)
		values[i] /= 2;
	thread_join(other, NULL);
	report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static void *nothing(void *arg) { return arg; }

static err_t create_and_join(void)
{
	struct thread *t;
	err_t error = thread_create(&t, nothing, NULL);
	if (!error)
		thread_join(t, NULL);
	return error;
}

static err_t measure_create(const struct measure *m)
{
	double values[SAMPLES];
	err_t error = create_and_join(); /* the first maps a stack */
	BENCH_SAMPLES(values, SAMPLES, LOOPS, if (!error) error = create_and_join());
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

const struct measure thread_measures[] = {
	{ "thread_switch", "one switch between two threads of a process", "switch", 80, 1, measure_switch },
	{ "thread_create_join", "create a thread that ends at once, and join it", "thread", 1200, 1, measure_create },
	{ 0 },
};
