/*
 * Samples into figures, figures into a table for people and JSON lines for tools.
 *
 * One JSON object per line and per figure; the runner picks out the lines that begin
 * with '{'.  The fields are those of every benchmark record of the project.
 */
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/error_text.h"
#include "libos/x86/meter.h"
#include "user/bench/bench.h"

#define CLOCK_TRIES 64

cycles_t bench_clock_cost(void)
{
	static cycles_t cost;
	if (cost == 0) {
		cost = UINT64_MAX;
		for (int i = 0; i < CLOCK_TRIES; i++) {
			cycles_t start = bench_clock(), took = bench_clock() - start;
			cost = took < cost ? took : cost;
		}
	}
	return cost;
}

/* Ticks of `loops` turns of a loop with an empty body, compiled as BENCH_SAMPLES' is. */
static cycles_t empty_loop(unsigned loops)
{
	cycles_t start = bench_clock();
	for (unsigned i = 0; i < loops; i++)
		__asm__ volatile("" : : : "memory");
	return bench_clock() - start;
}

double bench_mean(cycles_t ticks, unsigned loops)
{
	static unsigned known_loops;
	static cycles_t overhead;
	if (loops != known_loops) {
		overhead = empty_loop(loops);
		known_loops = loops;
	}
	return ticks > overhead ? (double)(ticks - overhead) / loops : 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void report_heading(void)
{
	if (!bench_options.json_only)
		printf("%-22s %5s %12s %12s %12s %10s\n", "measure", "cores", "median", "min", "max", "goal");
}

static void print_row(const char *name, unsigned cores, const double *v, unsigned n, double goal)
{
	printf("%-22s %5u %12.1f %12.1f %12.1f", name, cores, v[n / 2], v[0], v[n - 1]);
	if (goal > 0)
		printf(" %10.0f", goal);
	printf("\n");
}

unsigned bench_window_ops = 1;

void report_samples(const struct measure *m, const char *name, unsigned cores, double *values, unsigned n)
{
	char unit[48];

	snprintf(unit, sizeof unit, "%s/%s", bench_options.method[0] == 'i' ? "instructions" : "cycles", m->unit);
	/* The meter's line comes first, of the windows since the last one; then whose it is. */
	if (bench_options.meter) {
		METER(METER_REPORT);
		printf("{\"meter\":\"%s\",\"cores\":%u,\"ops\":%u}\n", name, cores, bench_window_ops);
	}
	bench_window_ops = 1;
	report_values(name, unit, m->goal, cores, values, n);
}

void report_values(const char *name, const char *unit, double goal, unsigned cores, double *values, unsigned n)
{
	qsort(values, n, sizeof *values, compare);
	if (!bench_options.json_only)
		print_row(name, cores, values, n, goal);
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"method\":\"%s\",\"accelerator\":\"%s\",\"cores\":%u,"
	       "\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,\"n\":%u,\"commit\":\"%s\"}\n",
	       name, unit, bench_options.method, bench_options.accelerator, cores, values[n / 2], values[0],
	       values[n - 1], n, bench_options.commit);
	fflush(stdout);
}

void report_progress(const struct measure *m, unsigned index, unsigned count)
{
	if (!bench_options.json_only)
		printf("[%u/%u] %s: %s\n", index, count, m->name, m->what);
}

void report_failure(const struct measure *m, err_t error) { printf("bench: %s: %s\n", m->name, error_text(error)); }
