/*
 * Memory of a process that spans 1, 2, 4, 8, 16 cores: unmap and protect of one page,
 * from the call till no core sees what was there; page faults by all cores at once.
 *
 * A process does not shrink, so each number of cores is measured in a process of its own,
 * which gives its figure as its exit status. Where vCPUs run in turn, elapsed time is what
 * all of them did together: of the faults it is divided by all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/syscall.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/barrier.h"
#include "libos/x86/context.h"
#include "libos/x86/meter.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define RUN 8 /* protects in a row */
#define CORES_MOST 16
#define PAGES_OF_CHUNK 16 /* that a fault brings memory to */
#define CHUNK (PAGES_OF_CHUNK * PAGE_SIZE)
#define FAULTS 24 /* of each core */
#define SCALE 16  /* parts of a tick in the exit status */

static double values[SAMPLES];

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

#define QUIET 1000000 /* cycles after which nobody looks for work any more, and all but this core sleep */

/* The page is in the translations of all cores. */
static void touch_on_all(vaddr_t va, unsigned cores)
{
	for (coreid_t core = 0; core < cores; core++) {
		thread_hop(core);
		*(volatile unsigned *)va = core;
	}
	thread_hop(0);
	thread_sleep_until(context_now() + QUIET);
}

static err_t unmap_once(unsigned cores, double *ticks)
{
	cptr_t frame;
	vaddr_t va;
	err_t error = frame_alloc_map(PAGE_BITS, &frame, &va);
	if (error)
		return error;
	touch_on_all(va, cores);
	METER(METER_OPEN);
	cycles_t start = bench_clock();
	error = vspace_unmap(va);
	*ticks = (double)(bench_clock() - start - bench_clock_cost());
	METER(METER_CLOSE);
	return error ? error : ram_free(frame);
}

static err_t protect_once(unsigned cores, double *ticks)
{
	static vaddr_t va;
	err_t error = va ? ERR_OK : frame_alloc_map(PAGE_BITS, NULL, &va);
	if (error)
		return error;
	touch_on_all(va, cores);
	METER(METER_OPEN);
	cycles_t start = bench_clock();
	error = vspace_protect(va, PAGE_SIZE, MAP_READ);
	*ticks = (double)(bench_clock() - start - bench_clock_cost());
	METER(METER_CLOSE);
	return error ? error : vspace_protect(va, PAGE_SIZE, MAP_READ | MAP_WRITE);
}

/* One after the other, so that the monitors of the other cores are awake. */
static err_t protect_run(unsigned cores, double *ticks)
{
	static vaddr_t va;
	err_t error = va ? ERR_OK : frame_alloc_map(PAGE_BITS, NULL, &va);
	if (error)
		return error;
	touch_on_all(va, cores);
	error = vspace_protect(va, PAGE_SIZE, MAP_READ | MAP_WRITE);
	METER(METER_OPEN);
	cycles_t start = bench_clock();
	for (unsigned i = 0; i < RUN && !error; i++)
		error = vspace_protect(va, PAGE_SIZE, i % 2 ? MAP_READ | MAP_WRITE : MAP_READ);
	*ticks = (double)(bench_clock() - start - bench_clock_cost()) / RUN;
	METER(METER_CLOSE);
	return error;
}

/* --- faults ------------------------------------------------------------------------ */

static char *area;
static struct spin_barrier start_line;
static cycles_t elapsed; /* of the last round */

/* The chunks of a core follow each other: chunk tables are shared, and so are page tables. */
static void *fault_all(void *core)
{
	coreid_t own = (coreid_t)(uintptr_t)core;
	coreid_t back = thread_visit(own);
	for (unsigned round = 0; round < 2; round++) {
		spin_barrier_wait(&start_line);
		cycles_t start = bench_clock();
		for (unsigned i = 0; i < FAULTS; i++)
			*(volatile char *)(area + ((2 * own + round) * FAULTS + i) * CHUNK) = 1;
		spin_barrier_wait(&start_line);
		if (own == 0)
			elapsed = bench_clock() - start;
	}
	thread_return(back);
	return NULL;
}

/* The first round brings page tables and memory to each core; the second is measured. */
static err_t faults(unsigned cores, double *ticks)
{
	struct thread *t[CORES_MOST];
	err_t error = ERR_OK;
	area = aligned_alloc(CHUNK, (size_t)2 * cores * FAULTS * CHUNK);
	if (!area)
		return ERR_NO_MEMORY;
	spin_barrier_init(&start_line, cores);
	for (coreid_t core = 1; core < cores && !error; core++)
		error = thread_create(&t[core], fault_all, (void *)(uintptr_t)core);
	if (error)
		return error;
	fault_all(NULL);
	*ticks = (double)elapsed / ((double)cores * FAULTS * PAGES_OF_CHUNK);
	for (coreid_t core = 1; core < cores; core++)
		thread_join(t[core], NULL);
	return ERR_OK;
}

/* --- a process of so many cores ------------------------------------------------------- */

static err_t measure_here(const char *what, unsigned cores, double *median)
{
	err_t error = ERR_OK;
	for (coreid_t core = 1; core < cores && !error; core++)
		error = cpu_join(core);
	if (strcmp(what, "fault") == 0)
		return error ? error : faults(cores, median);
	for (unsigned i = 0; i < SAMPLES && !error; i++) {
		if (strcmp(what, "unmap") == 0)
			error = unmap_once(cores, &values[i]);
		else if (strcmp(what, "run") == 0)
			error = protect_run(cores, &values[i]);
		else
			error = protect_once(cores, &values[i]);
	}
	qsort(values, SAMPLES, sizeof *values, by_size);
	*median = values[SAMPLES / 2];
	return error;
}

int serve_members(int argc, char **argv)
{
	double median = 0;
	err_t error = argc == 3 ? measure_here(argv[1], (unsigned)atoi(argv[2]), &median) : ERR_ARGUMENT;
	if (error)
		fprintf(stderr, "bench: %s on %s cores: error %u\n", argv[1], argv[2], (unsigned)error);
	mon_exit(error ? 0 : (uint64_t)(median * SCALE));
}

static err_t measure_in_child(const struct measure *m, const char *what, unsigned cores)
{
	char number[12];
	const char *argv[] = { "bench", "--serve", "members", what, number };
	uint64_t pid, status = 0;
	snprintf(number, sizeof number, "%u", cores);
	err_t error = mon_spawn(0, 5, argv, &pid);
	if (!error)
		error = mon_wait(pid, NULL, &status);
	double value = (double)status / SCALE;
	if (!error && !status)
		error = ERR_FAULTED;
	if (!error) {
		bench_window_ops = strcmp(what, "run") == 0 ? RUN : 1;
		report_samples(m, m->name, cores, &value, 1);
	}
	return error;
}

static err_t measure_levels(const struct measure *m, const char *what)
{
	err_t error = ERR_OK;
	for (unsigned cores = 1; cores <= CORES_MOST && cores <= bench_cores() && !error; cores *= 2)
		error = measure_in_child(m, what, cores);
	return error;
}

static err_t measure_unmap(const struct measure *m) { return measure_levels(m, "unmap"); }
static err_t measure_protect(const struct measure *m) { return measure_levels(m, "protect"); }
static err_t measure_run(const struct measure *m) { return measure_levels(m, "run"); }
static err_t measure_faults(const struct measure *m) { return measure_levels(m, "fault"); }

const struct measure member_measures[] = {
	{ "span_unmap", "unmap a page that all cores of the process have used", "page", 8000, 1, measure_unmap },
	{ "span_protect", "make a page read-only that all cores have used", "page", 8000, 1, measure_protect },
	{ "span_protect_run", "the same again and again: the other monitors are awake", "page", 8000, 1, measure_run },
	{ "span_fault", "page faults by all cores at once, of each page", "page", 0, 1, measure_faults },
	{ 0 },
};
