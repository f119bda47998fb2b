/*
 * Threads of a process that spans cores: creation, mutexes, barriers, hops, work that
 * moves, on 1, 2, 4, 8, 16 cores. A process does not shrink, so these come last, and all at one
 * number of cores before the next.
 *
 * Where vCPUs run in turn, elapsed time is what all of them did together.
 */
#include <pthread.h>
#include <string.h>

#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/barrier.h"
#include "user/bench/bench.h"

#define SAMPLES 8
#define LOOPS 50
#define CORES_MOST 16

struct team {
	unsigned cores;
	struct thread *member[CORES_MOST];
	thread_fn *round; /* what each does in a sample, LOOPS times; the argument is its number */
	struct spin_barrier start;
};

static struct team team;
static struct mutex lock = MUTEX_INIT, own = MUTEX_INIT;
static struct barrier blocking;
static struct spin_barrier spinning;
static double values[SAMPLES];

static void *member_run(void *arg)
{
	for (unsigned s = 0; s < SAMPLES + 1; s++) {
		spin_barrier_wait(&team.start);
		for (unsigned i = 0; i < LOOPS; i++)
			team.round(arg);
		spin_barrier_wait(&team.start);
	}
	return NULL;
}

static err_t member_start(unsigned n)
{
	uint64_t cores[CORES_MAX / 64] = { 0 };
	struct thread_options o = { .cores = cores };
	coreid_t core = cpu_listed(n);
	cores[core / 64] = UINT64_C(1) << core % 64;
	return thread_create_with(&team.member[n], &o, member_run, (void *)(uintptr_t)n);
}

/* Each of the cores runs fn LOOPS times a sample; ticks of the whole team, divided by `per` and LOOPS. */
static err_t team_measure(thread_fn *fn, unsigned per)
{
	err_t error = ERR_OK;
	team.round = fn;
	spin_barrier_init(&team.start, team.cores);
	for (unsigned n = 1; n < team.cores && !error; n++)
		error = member_start(n);
	if (error)
		return error;
	for (unsigned s = 0; s < SAMPLES + 1; s++) {
		spin_barrier_wait(&team.start);
		cycles_t start = bench_clock();
		for (unsigned i = 0; i < LOOPS; i++)
			fn((void *)0);
		spin_barrier_wait(&team.start);
		/* The first is for warming up. */
		if (s)
			values[s - 1] = bench_mean(bench_clock() - start, LOOPS) / per;
	}
	for (unsigned n = 1; n < team.cores; n++)
		thread_join(team.member[n], NULL);
	return ERR_OK;
}

/* The pause lets an emulator that runs cores in turn go on with the others while the mutex is held. */
static void *lock_common(void *arg)
{
	mutex_lock(&lock);
	cpu_pause();
	mutex_unlock(&lock);
	return arg;
}

static err_t lock_own(void)
{
	mutex_lock(&own);
	mutex_unlock(&own);
	return ERR_OK;
}

static void *meet_blocking(void *arg)
{
	barrier_wait(&blocking);
	return arg;
}

static void *meet_spinning(void *arg)
{
	spin_barrier_wait(&spinning);
	return arg;
}

static void *give_back(void *arg) { return arg; }

static err_t create_join(void)
{
	struct thread *t;
	err_t error = thread_create(&t, give_back, NULL);
	return error ? error : thread_join(t, NULL);
}

static err_t create_join_posix(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, give_back, NULL))
		return ERR_NO_MEMORY;
	return pthread_join(t, NULL) ? ERR_ARGUMENT : ERR_OK;
}

static err_t hop_and_back(void)
{
	coreid_t here = cpu_current();
	err_t error = thread_hop(cpu_listed(1));
	return error ? error : thread_hop(here);
}

static volatile cycles_t taken;

static void *note_start(void *arg)
{
	taken = bench_clock();
	return arg;
}

static void *look_for_start(void *arg)
{
	*(cycles_t *)arg = bench_clock();
	while (!taken)
		cpu_pause();
	return NULL;
}

/* Two threads on one core, of which the first never gives way: till the second runs on another. */
static err_t steal_once(double *ticks)
{
	struct thread *busy, *waits;
	cycles_t begun = 0;
	taken = 0;
	err_t error = thread_create(&busy, look_for_start, &begun);
	if (!error)
		error = thread_create(&waits, note_start, NULL);
	if (error)
		return error;
	thread_join(busy, NULL);
	thread_join(waits, NULL);
	*ticks = taken > begun ? (double)(taken - begun) : 0;
	return ERR_OK;
}

static err_t measure_steal(void)
{
	err_t error = ERR_OK;
	for (unsigned s = 0; s < SAMPLES && !error; s++)
		error = steal_once(&values[s]);
	return error;
}

#define LOCAL(statement)                                                               \
	do {                                                                           \
		BENCH_SAMPLES(values, SAMPLES, LOOPS, if (!error) error = (statement)) \
	} while (0)

/* One record each, at the number of cores that the process has by now. */
static err_t report(const struct measure *m, const char *name, double goal, err_t error)
{
	struct measure one = *m;
	one.name = name;
	one.goal = goal;
	if (!error)
		report_samples(&one, name, team.cores, values, SAMPLES);
	return error;
}

static err_t measure_level(const struct measure *m)
{
	err_t error = ERR_OK;
	barrier_init(&blocking, team.cores);
	spin_barrier_init(&spinning, team.cores);
	LOCAL(create_join());
	error = report(m, "span_create_join", 1200, error);
	if (error)
		return error;
	LOCAL(lock_own());
	error = report(m, "span_mutex_uncontended", 0, error);
	if (!error)
		error = report(m, "span_mutex_contended", 0, team_measure(lock_common, team.cores));
	if (!error)
		error = report(m, "span_barrier_blocking", 30000, team_measure(meet_blocking, 1));
	if (!error)
		error = report(m, "span_barrier_spinning", 2000, team_measure(meet_spinning, 1));
	if (error || team.cores < 2)
		return error;
	LOCAL(hop_and_back());
	error = report(m, "span_hop", 0, error);
	return error ? error : report(m, "span_steal", 0, measure_steal());
}

static err_t measure_posix(const struct measure *m)
{
	err_t error = create_join_posix();
	LOCAL(create_join_posix());
	return report(m, "span_pthread_create_join", 1200, error);
}

static err_t measure_span(const struct measure *m)
{
	err_t error = ERR_OK;
	for (team.cores = 1; team.cores <= CORES_MOST && team.cores <= bench_cores() && !error; team.cores *= 2) {
		if (pthread_setconcurrency((int)team.cores))
			return ERR_UNSUPPORTED;
		thread_set_preemptive(false);
		error = measure_level(m);
		if (!error)
			error = measure_posix(m);
	}
	return error;
}

const struct measure span_measures[] = {
	{ "span_threads", "threads, mutexes, barriers on 1 to 16 cores of one process", "op", 0, 1, measure_span },
	{ 0 },
};
