/*
 * Pages: one invocation that maps, unmaps, protects; the same through the libOS; and
 * what a program sees of it all: map, touch, unmap.
 *
 * The bare invocations work in page tables of the benchmark's own, hung into an
 * entry of the root that nothing else uses.
 */
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 16
#define ROOT_ENTRY 200
#define PAGES_VA ((vaddr_t)ROOT_ENTRY << 39)

struct table {
	cptr_t level[3]; /* PTABLE3, 2, 1 */
	cptr_t frame[LOOPS];
};

static err_t table_open(struct table *t)
{
	static const unsigned types[] = { CAP_PTABLE3, CAP_PTABLE2, CAP_PTABLE1 };
	cptr_t parent = TASK_VSPACE;
	err_t error = ERR_OK;
	*t = (struct table){ 0 };
	for (int i = 0; i < 3 && !error; i++) {
		error = ram_object(types[i], CAP_PTABLE_BITS, &t->level[i]);
		if (!error)
			error = ptable_map(t->level[i], parent, i == 0 ? ROOT_ENTRY : 0);
		parent = t->level[i];
	}
	for (int i = 0; i < LOOPS && !error; i++)
		error = frame_alloc(PAGE_BITS, &t->frame[i]);
	return error;
}

static void table_close(struct table *t)
{
	for (int i = 0; i < LOOPS; i++)
		if (t->frame[i])
			ram_free(t->frame[i]);
	for (int i = 2; i >= 0; i--)
		if (t->level[i])
			ram_free(t->level[i]);
}

static err_t map_all(struct table *t)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = frame_map(t->frame[i], t->level[2], i, 1, 0, MAP_READ | MAP_WRITE);
	return error;
}

static err_t unmap_all(struct table *t)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++)
		error = frame_unmap(t->frame[i]);
	return error;
}

static err_t protect_all(struct table *t)
{
	err_t error = ERR_OK;
	for (int i = 0; i < LOOPS && !error; i++) {
		error = frame_protect(t->frame[i], 0, 1, MAP_READ);
		if (!error)
			error = frame_protect(t->frame[i], 0, 1, MAP_READ | MAP_WRITE);
	}
	return error;
}

/* A page that is mapped must be there: the figure would mean nothing otherwise. */
static err_t touch_all(struct table *t)
{
	(void)t;
	for (int i = 0; i < LOOPS; i++) {
		volatile uint64_t *word = (volatile uint64_t *)(PAGES_VA + (vaddr_t)i * PAGE_SIZE);
		*word = i;
		if (*word != (uint64_t)i)
			return ERR_FAULTED;
	}
	return ERR_OK;
}

typedef err_t (*step_fn)(struct table *);

static err_t run_steps(struct table *t, const step_fn *steps, int count)
{
	err_t error = ERR_OK;
	for (int i = 0; i < count && !error; i++)
		error = steps[i](t);
	return error;
}

/* Times steps[timed] of the given sequence. */
static err_t measure_steps(const struct measure *m, const step_fn *steps, int count, int timed)
{
	struct table t;
	double values[SAMPLES];
	err_t error = table_open(&t);
	for (int i = 0; i < SAMPLES && !error; i++) {
		error = run_steps(&t, steps, timed);
		cycles_t start = bench_clock();
		if (!error)
			error = steps[timed](&t);
		values[i] = bench_mean(bench_clock() - start, LOOPS);
		if (!error)
			error = run_steps(&t, steps + timed + 1, count - timed - 1);
	}
	table_close(&t);
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static const step_fn sequence[] = { map_all, touch_all, protect_all, unmap_all };

static err_t measure_map(const struct measure *m) { return measure_steps(m, sequence, 4, 0); }
static err_t measure_protect(const struct measure *m) { return measure_steps(m, sequence, 4, 2); }
static err_t measure_unmap(const struct measure *m) { return measure_steps(m, sequence, 4, 3); }

/* Through the libOS: find room, map, and take away again; with or without the touch. */
static err_t libos_round(cptr_t frame, bool touch, cycles_t *map_ticks, cycles_t *all_ticks)
{
	vaddr_t va;
	cycles_t start = bench_clock();
	err_t error = vspace_map_frame(frame, PAGE_BITS, MAP_READ | MAP_WRITE, &va);
	if (error)
		return error;
	*map_ticks = bench_clock() - start - bench_clock_cost();
	if (touch)
		*(volatile uint64_t *)va = 1;
	error = vspace_unmap(va);
	*all_ticks = bench_clock() - start - 2 * bench_clock_cost();
	return error;
}

static err_t measure_libos(const struct measure *m, bool whole)
{
	double values[SAMPLES];
	cptr_t frame;
	cycles_t map_ticks = 0, all_ticks = 0;
	err_t error = frame_alloc(PAGE_BITS, &frame);
	if (error)
		return error;
	error = libos_round(frame, true, &map_ticks, &all_ticks); /* makes the page tables */
	for (int i = 0; i < SAMPLES && !error; i++) {
		error = libos_round(frame, true, &map_ticks, &all_ticks);
		values[i] = whole ? (double)all_ticks : (double)map_ticks;
	}
	ram_free(frame);
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static err_t measure_libos_map(const struct measure *m) { return measure_libos(m, false); }
static err_t measure_libos_all(const struct measure *m) { return measure_libos(m, true); }

const struct measure page_measures[] = {
	{ "page_map", "map one page, one invocation", "page", 250, 1, measure_map },
	{ "page_unmap", "unmap one page, one invocation", "page", 1500, 1, measure_unmap },
	{ "page_protect_rt", "read-only and back, two invocations", "page", 900, 1, measure_protect },
	{ "page_map_libos", "map one frame through the libOS", "page", 900, 1, measure_libos_map },
	{ "page_map_touch_unmap", "map, touch and unmap through the libOS", "page", 3500, 1, measure_libos_all },
	{ 0 },
};
