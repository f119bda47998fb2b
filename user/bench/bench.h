/*
 * The benchmark program: what a measure is, and how it gives its samples.
 *
 * A measure is a name, a unit, a goal and a function.  The function takes
 * samples, each of them the mean over a loop of operations, and hands them to
 * report_samples(); median, least and most are taken over the samples.  The clock
 * is the time stamp counter: under the emulator's instruction-counting mode it
 * ticks once per guest instruction, so the same code gives counts there and cycles
 * on hardware.  The cost of reading the clock and of the empty loop is taken off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define SAMPLES_MAX 64

/* What measures of reads and writes move; what it holds means nothing. One for all: a fork copies it. */
#define BENCH_BYTES 65536
extern char bench_bytes[BENCH_BYTES];

struct measure {
	const char *name;
	const char *what; /* one line for people */
	const char *unit; /* "op", "round trip", "message": what one count is of */
	double goal;      /* guest instructions; 0: none set */
	unsigned cores;   /* least number of cores that it needs */
	err_t (*run)(const struct measure *m);
};

/* Options of the run, as given on the command line. */
struct bench_options {
	const char *method;      /* "tsc" or "icount" */
	const char *accelerator; /* "unknown" unless the runner says */
	const char *commit;
	bool json_only; /* no table, no progress */
	bool meter;     /* a meter counts: libos/x86/meter.h */
};
extern struct bench_options bench_options;

/* Tables of the measures, one per file, each ended by an entry without a name. */
extern const struct measure kernel_measures[];
extern const struct measure cap_measures[];
extern const struct measure page_measures[];
extern const struct measure grant_measures[];
extern const struct measure message_measures[];
extern const struct measure urpc_measures[];
extern const struct measure stub_measures[];
extern const struct measure name_measures[];
extern const struct measure mail_measures[];
/* In a child of one of them. */
int serve_names(int argc, char **argv);
int serve_pages(int argc, char **argv);
extern const struct measure ninep_measures[];
extern const struct measure host_measures[];
extern const struct measure file_measures[];
extern const struct measure mem_measures[];
extern const struct measure idle_measures[];
extern const struct measure thread_measures[];
extern const struct measure process_measures[];
extern const struct measure proc_measures[];
extern const struct measure fleet_measures[];
extern const struct measure shared_measures[];
extern const struct measure member_measures[];
extern const struct measure caps_measures[];
extern const struct measure span_measures[];
extern const struct measure island_measures[];
extern const struct measure agree_measures[];
extern const struct measure rate_measures[];
extern const struct measure dpool_measures[];

/* Number of cores that are up, as the monitors say; asked once. */
unsigned bench_cores(void);

/* Ticks of the clock, after all earlier instructions. */
static inline cycles_t bench_clock(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (cycles_t)high << 32 | low;
}

/* Ticks that a pair of bench_clock() calls takes with nothing in between. */
cycles_t bench_clock_cost(void);

/*
 * Take `samples` samples of `loops` operations each by running `statement`;
 * values[] gets ticks per operation, without the cost of clock and loop.
 */
#define BENCH_SAMPLES(values, samples, loops, statement)                       \
	for (unsigned sample_ = 0; sample_ < (samples); sample_++) {           \
		cycles_t start_ = bench_clock();                               \
		for (unsigned loop_ = 0; loop_ < (loops); loop_++) {           \
			statement;                                             \
			__asm__ volatile("" : : : "memory");                   \
		}                                                              \
		(values)[sample_] = bench_mean(bench_clock() - start_, loops); \
	}

/* Ticks per operation of a loop that took `ticks`, with the loop's own cost taken off. */
double bench_mean(cycles_t ticks, unsigned loops);

/* Operations in each window of the meter, for the next report; 1 again after it. */
extern unsigned bench_window_ops;

/* Report one record: `n` samples, in ticks per operation. Sorts values[]. `cores` took part. */
void report_samples(const struct measure *m, const char *name, unsigned cores, double *values, unsigned n);
/* The same for a figure that is no count of ticks, under a name, a unit and a goal of its own. */
void report_values(const char *name, const char *unit, double goal, unsigned cores, double *values, unsigned n);
/* Progress for people: the measure that runs now. */
void report_progress(const struct measure *m, unsigned index, unsigned count);
void report_failure(const struct measure *m, err_t error);
void report_heading(void);

/*
 * Helper processes: bench started again as "bench --serve ROLE ARGS" on a core.
 * Each role's main loop; returns the exit status.
 */
int bench_serve(int argc, char **argv);
int serve_lmp(int argc, char **argv);
int serve_switch(int argc, char **argv);
int serve_urpc(int argc, char **argv);
int serve_notify(int argc, char **argv);
int serve_shared(int argc, char **argv);
int serve_members(int argc, char **argv);
int serve_caps(int argc, char **argv);
int serve_load(int argc, char **argv);
int serve_pipe(int argc, char **argv);
