/*
 * The page service: from the call for a page to the mapped page, both sides and the monitor counted, where
 * a member is on this core.
 */
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fleet/client.h"
#include "libos/posix/page_stock.h"
#include "libos/x86/meter.h"
#include "services/page/page_client.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 8
#define GETS PAGE_FRAMES_MOST /* pages of a sample of page_get: as many as are granted by one call */
#define ROUNDS 2              /* that are not counted: page tables, chunks, records are made */

struct pages {
	struct fleet_client fleet;
	cptr_t slot[LOOPS];
};

static err_t pages_open(struct pages *p)
{
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_client_init(&p->fleet, f, NULL, PAGE_FLEET);
	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = slot_alloc(&p->slot[i]);
	return err;
}

static err_t pages_take(struct pages *p)
{
	coreid_t core = dispatcher_core();
	uint64_t base;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = page_take(&p->fleet.rpc, PAGE_BITS, PAGE_FRAME, p->slot[i], core, &base);
	return err;
}

static err_t pages_give(struct pages *p)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = mon_ram_free(p->slot[i]);
	return err;
}

static err_t measure_take(const struct measure *m)
{
	static struct pages p;
	double values[SAMPLES + ROUNDS];
	err_t err = pages_open(&p);

	for (unsigned i = 0; i < SAMPLES + ROUNDS && !err; i++) {
		cycles_t start;

		METER(METER_OPEN);
		start = bench_clock();
		err = pages_take(&p);
		values[i] = bench_mean(bench_clock() - start, LOOPS);
		METER(METER_CLOSE);
		if (!err)
			err = pages_give(&p);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		if (p.slot[i])
			slot_free(p.slot[i]);
	fleet_client_close(&p.fleet);
	if (!err)
		report_samples(m, m->name, 1, values + ROUNDS, SAMPLES);
	return err;
}

/* --- mapped, of a stock ---------------------------------------------------------------------------- */

struct gets {
	struct page_stock stock;
	cptr_t frame[GETS];
	vaddr_t at[GETS];
};

static err_t gets_take(struct gets *g, unsigned from, unsigned to)
{
	err_t err = ERR_OK;

	for (unsigned i = from; i < to && !err; i++) {
		err = page_stock_take(&g->stock, &g->frame[i]);
		if (!err)
			err = vspace_map_frame(g->frame[i], PAGE_BITS, MAP_READ | MAP_WRITE, &g->at[i]);
	}
	return err;
}

static err_t gets_give(struct gets *g)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < GETS && !err; i++) {
		*(volatile uint64_t *)g->at[i] = 1; /* it is there */
		err = vspace_unmap(g->at[i]);
		if (!err)
			err = page_stock_give(g->frame[i]);
	}
	return err;
}

/* The mean of as many as one call grants; or the first of them alone, whose call waits for all. */
static err_t measure_gets(const struct measure *m, unsigned count)
{
	static struct pages p;
	static struct gets g;
	double values[SAMPLES + ROUNDS];
	err_t err = pages_open(&p);

	g.stock.page = &p.fleet.rpc;
	for (unsigned i = 0; i < SAMPLES + ROUNDS && !err; i++) {
		cycles_t start;

		METER(METER_OPEN);
		start = bench_clock();
		err = gets_take(&g, 0, count);
		values[i] = bench_mean(bench_clock() - start, count);
		METER(METER_CLOSE);
		if (!err)
			err = gets_take(&g, count, GETS);
		/* Exactly what one call granted. */
		if (!err && g.stock.left)
			err = ERR_NO_MEMORY;
		if (!err)
			err = gets_give(&g);
	}
	page_stock_close(&g.stock);
	fleet_client_close(&p.fleet);
	if (!err)
		report_samples(m, m->name, 1, values + ROUNDS, SAMPLES);
	return err;
}

static err_t measure_get(const struct measure *m) { return measure_gets(m, GETS); }
static err_t measure_get_first(const struct measure *m) { return measure_gets(m, 1); }

/* --- as programs do: libOS makes pages of the blocks that it has asked for ---------------------- */

/* So many that several blocks are asked for: that is in the mean, and in the maximum of the record. */
#define NEEDS 16
#define NEED_PAGES 128

static err_t pages_need(cptr_t *frame, vaddr_t *at, double *ticks)
{
	cycles_t start;
	err_t err = ERR_OK;

	METER(METER_OPEN);
	start = bench_clock();
	for (unsigned i = 0; i < NEED_PAGES && !err; i++) {
		err = frame_alloc_map(PAGE_BITS, &frame[i], &at[i]);
		if (!err)
			*(volatile uint64_t *)at[i] = 1;
	}
	*ticks = bench_mean(bench_clock() - start, NEED_PAGES);
	METER(METER_CLOSE);
	return err;
}

static void needs_end(const cptr_t *frame, const vaddr_t *at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (at[i])
			vspace_unmap(at[i]);
		if (frame[i])
			ram_free(frame[i]);
	}
}

static err_t measure_need(const struct measure *m)
{
	static struct pages p;
	static cptr_t frame[(ROUNDS + NEEDS) * NEED_PAGES];
	static vaddr_t at[(ROUNDS + NEEDS) * NEED_PAGES];
	double values[ROUNDS + NEEDS], mean = 0, most = 0;
	err_t err = pages_open(&p);

	for (unsigned i = 0; i < ROUNDS + NEEDS && !err; i++) {
		free(malloc(1)); /* after the first round the libOS opens its channel */
		err = pages_need(frame + i * NEED_PAGES, at + i * NEED_PAGES, &values[i]);
	}
	/* Without blocks of the service it would be another figure. */
	if (!err && ram_source == mon_ram_alloc)
		err = ERR_NOT_FOUND;
	for (unsigned i = ROUNDS; i < ROUNDS + NEEDS && !err; i++) {
		mean += values[i] / NEEDS;
		most = values[i] > most ? values[i] : most;
	}
	needs_end(frame, at, (ROUNDS + NEEDS) * NEED_PAGES);
	fleet_client_close(&p.fleet);
	values[0] = values[1] = mean; /* the median of the three is the mean of all */
	values[2] = most;
	if (!err)
		report_samples(m, m->name, 1, values, 3);
	return err;
}

const struct measure grant_measures[] = {
	{ "page_take", "a 4 KiB frame of the page service, by a call to the member", "page", 0, 1, measure_take },
	{ "page_get", "the same, mapped, of a stock that a call fills with 16; mean of these", "page", 2500, 1,
	  measure_get },
	{ "page_get_first", "the first of them, whose call waits for all", "page", 0, 1, measure_get_first },
	{ "page_need", "a 4 KiB page, mapped, of blocks that the libOS asks the member for; mean of 8 MiB", "page",
	  2500, 1, measure_need },
	{ 0 },
};
