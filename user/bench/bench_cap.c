/*
 * Capability operations on one core: copy, retype of RAM to a 4 KiB frame (the
 * frame is cleared in it), delete of that frame, revoke with one descendant.
 *
 * Each sample times LOOPS operations on slots made ready before, so that undoing
 * one operation is never in the figure of the other.
 */
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 16 /* operations a sample */

/* One 4 KiB RAM block per operation, and a slot for what is made of it. */
struct workbench {
	cptr_t ram[LOOPS];
	cptr_t made;
};

static err_t workbench_open(struct workbench *w)
{
	err_t error = slot_alloc_run(LOOPS, &w->made);
	for (int i = 0; !error && i < LOOPS; i++)
		error = ram_alloc(PAGE_BITS, &w->ram[i]);
	return error;
}

static void workbench_close(struct workbench *w)
{
	for (int i = 0; i < LOOPS; i++) {
		ram_free(w->ram[i]);
		slot_free(w->made + i);
	}
}

static err_t make_all(struct workbench *w)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = cap_retype(w->ram[i], 0, CAP_FRAME, PAGE_BITS, 1, w->made + i);
	return error;
}

static err_t delete_all(struct workbench *w)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = cap_delete(w->made + i);
	return error;
}

static err_t copy_all(struct workbench *w)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = cap_copy(w->ram[i], w->made + i);
	return error;
}

static err_t revoke_all(struct workbench *w)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = cap_revoke(w->ram[i]);
	return error;
}

typedef err_t (*step_fn)(struct workbench *);

/* Ticks per operation of one run of a step. */
static err_t time_step(struct workbench *w, step_fn step, double *value)
{
	cycles_t start = bench_clock();
	err_t error = step(w);
	*value = bench_mean(bench_clock() - start, LOOPS);
	return error;
}

/* Times `timed`, with `before` run untimed ahead of it and `after` untimed behind. */
static err_t measure_step(const struct measure *m, step_fn before, step_fn timed, step_fn after)
{
	struct workbench w;
	double values[SAMPLES];
	err_t error = workbench_open(&w);
	for (int i = 0; i < SAMPLES && !error; i++) {
		error = before ? before(&w) : ERR_OK;
		if (!error)
			error = time_step(&w, timed, &values[i]);
		if (!error && after)
			error = after(&w);
	}
	workbench_close(&w);
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static err_t measure_copy(const struct measure *m) { return measure_step(m, NULL, copy_all, delete_all); }

static err_t measure_retype(const struct measure *m) { return measure_step(m, NULL, make_all, delete_all); }

static err_t measure_delete(const struct measure *m) { return measure_step(m, make_all, delete_all, NULL); }

static err_t measure_revoke(const struct measure *m) { return measure_step(m, make_all, revoke_all, NULL); }

const struct measure cap_measures[] = {
	{ "cap_copy", "copy a RAM capability", "operation", 0, 1, measure_copy },
	{ "cap_retype", "RAM to a cleared 4 KiB frame", "operation", 800, 1, measure_retype },
	{ "cap_delete", "delete that frame, its last capability", "operation", 700, 1, measure_delete },
	{ "cap_revoke_1", "revoke RAM with one frame made of it", "operation", 1500, 1, measure_revoke },
	{ 0 },
};
