/*
 * The page service: from the call for a page to the mapped page, both sides and the monitor counted, where
 * a member is on this core.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fleet/client.h"
#include "services/page/page_client.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 8
#define ROUNDS 2 /* that are not counted: page tables, chunks, records are made */

struct pages {
	struct fleet_client fleet;
	cptr_t slot[LOOPS];
	vaddr_t at[LOOPS];
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

static err_t pages_get(struct pages *p, bool map)
{
	coreid_t core = dispatcher_core();
	uint64_t base;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < LOOPS && !err; i++) {
		err = page_take(&p->fleet.rpc, PAGE_BITS, PAGE_FRAME, p->slot[i], core, &base);
		if (!err && map)
			err = vspace_map_frame(p->slot[i], PAGE_BITS, MAP_READ | MAP_WRITE, &p->at[i]);
	}
	return err;
}

static err_t pages_leave(struct pages *p, bool map)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < LOOPS && !err; i++) {
		if (map) {
			*(volatile uint64_t *)p->at[i] = 1; /* it is there */
			err = vspace_unmap(p->at[i]);
		}
		if (!err)
			err = mon_ram_free(p->slot[i]);
	}
	return err;
}

static err_t measure_pages(const struct measure *m, bool map)
{
	static struct pages p;
	double values[SAMPLES + ROUNDS];
	err_t err = pages_open(&p);

	for (unsigned i = 0; i < SAMPLES + ROUNDS && !err; i++) {
		cycles_t start = bench_clock();

		err = pages_get(&p, map);
		values[i] = bench_mean(bench_clock() - start, LOOPS);
		if (!err)
			err = pages_leave(&p, map);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		if (p.slot[i])
			slot_free(p.slot[i]);
	fleet_client_close(&p.fleet);
	if (!err)
		report_samples(m, m->name, 1, values + ROUNDS, SAMPLES);
	return err;
}

static err_t measure_take(const struct measure *m) { return measure_pages(m, false); }
static err_t measure_get(const struct measure *m) { return measure_pages(m, true); }

const struct measure grant_measures[] = {
	{ "page_take", "a 4 KiB frame of the page service", "page", 0, 1, measure_take },
	{ "page_get", "the same, mapped", "page", 2500, 1, measure_get },
	{ 0 },
};
