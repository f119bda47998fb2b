/*
 * Capabilities that two cores share: copy to the other core, fetch from it, retype of the other's
 * memory; revoke of what has a copy there, a descendant there, or was retyped there.
 *
 * Each in a process of its own on cores 0 and 1, which gives its figure as its exit status. The local
 * operations are in bench_cap.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/syscall.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/stay.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define OBJECT_BITS 13
#define OTHER 1

static cptr_t ram, made, copied;          /* here */
static cptr_t their_ram[SAMPLES], theirs; /* on the other core; a block for each sample, since a revoke takes it */
static unsigned sample;

/* The other core's memory and an empty slot there. */
static err_t other_prepare(void)
{
	coreid_t back = thread_visit(OTHER);
	core_stay();
	err_t error = ERR_OK;
	for (unsigned i = 0; i < SAMPLES && !error; i++)
		error = ram_alloc(OBJECT_BITS, &their_ram[i]);
	if (!error)
		error = slot_alloc(&theirs);
	core_go();
	thread_return(back);
	return error;
}

static err_t prepare(void)
{
	err_t error = ram_alloc(OBJECT_BITS, &ram);
	if (!error)
		error = slot_alloc(&made);
	if (!error)
		error = slot_alloc(&copied);
	return error ? error : other_prepare();
}

/* What is measured, and what is done before and after. */
struct step {
	const char *what;
	err_t (*before)(void);
	err_t (*measured)(void);
	err_t (*after)(void);
};

static err_t nothing(void) { return ERR_OK; }
static err_t revoke(void) { return shared_revoke(ram); }
static err_t copy_there(void) { return shared_copy(ram, OTHER, theirs, RIGHT_ALL); }
static err_t fetch(void) { return shared_fetch(OTHER, their_ram[sample], copied, RIGHT_ALL); }
static err_t fetched_delete(void) { return shared_delete(copied); }
static err_t retype_foreign(void) { return shared_retype(copied, 0, CAP_FRAME, PAGE_BITS, 1, made); }
static err_t made_delete(void) { return shared_delete(made); }
static err_t fetched_revoke(void)
{
	err_t error = shared_revoke(copied);
	return error ? error : shared_delete(copied);
}

static err_t child_there(void)
{
	err_t error = cap_retype(ram, 0, CAP_FRAME, PAGE_BITS, 1, made);
	return error ? error : shared_copy(made, OTHER, theirs, RIGHT_ALL);
}

static err_t fetch_and_make(void)
{
	err_t error = fetch();
	return error ? error : retype_foreign();
}

static err_t made_revoke(void) { return shared_revoke(copied); }

static const struct step steps[] = {
	{ "copy", nothing, copy_there, revoke },
	{ "fetch", nothing, fetch, fetched_revoke },
	{ "delete", fetch, fetched_delete, nothing },
	{ "retype", fetch, retype_foreign, fetched_revoke },
	{ "made", fetch_and_make, made_delete, fetched_revoke },
	{ "revoke", copy_there, revoke, nothing },
	{ "child", child_there, revoke, nothing },
	{ "taken", fetch_and_make, made_revoke, fetched_delete },
};

static err_t step_run(const struct step *s, double *ticks)
{
	err_t error = s->before();
	if (error)
		return error;
	cycles_t start = bench_clock();
	error = s->measured();
	*ticks = (double)(bench_clock() - start - bench_clock_cost());
	return error ? error : s->after();
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static err_t measure_here(const char *what, double *median)
{
	static double values[SAMPLES];
	const struct step *s = steps;
	while (s < steps + sizeof steps / sizeof *steps && strcmp(s->what, what))
		s++;
	if (s == steps + sizeof steps / sizeof *steps)
		return ERR_ARGUMENT;
	err_t error = cpu_join(OTHER);
	if (!error)
		error = prepare();
	core_stay();
	for (sample = 0; sample < SAMPLES && !error; sample++)
		error = step_run(s, &values[sample]);
	qsort(values, SAMPLES, sizeof *values, by_size);
	*median = values[SAMPLES / 2];
	return error;
}

int serve_caps(int argc, char **argv)
{
	double median = 0;
	err_t error = argc == 3 ? measure_here(argv[1], &median) : ERR_ARGUMENT;
	if (error)
		fprintf(stderr, "bench: capabilities, %s: error %u\n", argv[1], (unsigned)error);
	mon_exit(error ? 0 : (uint64_t)median);
}

static err_t measure_in_child(const struct measure *m, const char *what)
{
	const char *argv[] = { "bench", "--serve", "caps", what, "2" };
	uint64_t pid, status = 0;
	err_t error = bench_cores() < 2 ? ERR_CORE_ID : mon_spawn(0, 5, argv, &pid);
	if (!error)
		error = mon_wait(pid, NULL, &status);
	double value = (double)status;
	if (!error && !status)
		error = ERR_FAULTED;
	if (!error)
		report_samples(m, m->name, 2, &value, 1);
	return error;
}

static err_t measure_copy(const struct measure *m) { return measure_in_child(m, "copy"); }
static err_t measure_fetch(const struct measure *m) { return measure_in_child(m, "fetch"); }
static err_t measure_delete(const struct measure *m) { return measure_in_child(m, "delete"); }
static err_t measure_retype(const struct measure *m) { return measure_in_child(m, "retype"); }
static err_t measure_made(const struct measure *m) { return measure_in_child(m, "made"); }
static err_t measure_revoke(const struct measure *m) { return measure_in_child(m, "revoke"); }
static err_t measure_child(const struct measure *m) { return measure_in_child(m, "child"); }
static err_t measure_taken(const struct measure *m) { return measure_in_child(m, "taken"); }

const struct measure caps_measures[] = {
	{ "caps_copy", "copy to another core", "capability", 0, 2, measure_copy },
	{ "caps_fetch", "copy from another core, which owns it", "capability", 0, 2, measure_fetch },
	{ "caps_delete", "delete a copy of another core's", "capability", 0, 2, measure_delete },
	{ "caps_retype", "retype another core's RAM to a 4 KiB frame", "object", 0, 2, measure_retype },
	{ "caps_delete_made", "delete that frame", "object", 0, 2, measure_made },
	{ "caps_revoke_copy", "revoke what has a copy on another core", "object", 0, 2, measure_revoke },
	{ "caps_revoke_child", "revoke what has a descendant on another core", "object", 0, 2, measure_child },
	{ "caps_revoke_taken", "revoke another core's RAM of which this one has made a frame", "object", 0, 2,
	  measure_taken },
	{ 0 },
};
