/*
 * How many pages the page service hands out, by its members and by its clients, and by cores in all, those that
 * serve among them (figures 5 and 6 of the fos project's report).
 *
 * A client takes a page of 4 KiB and gives it back, all the time.  Clients run on the cores from the first up, members
 * from the last down as far as the fleet places them there; a client asks the nearest. The fleet is held at
 * its number of members while it is measured, and then has its policy back.
 */
#include <stdio.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "services/page/page_client.h"
#include "user/bench/bench.h"
#include "user/bench/crowd.h"
#include "user/bench/drill.h"

#define RUNS 3

/* --- a client ---------------------------------------------------------------------------------- */

static struct fleet_client page;
static cptr_t slot;

static err_t page_there_and_back(void)
{
	uint64_t base;
	err_t err = page_take(&page.rpc, PAGE_BITS, PAGE_FRAME, slot, dispatcher_core(), &base);

	return err ? err : mon_ram_free(slot);
}

int serve_pages(int argc, char **argv)
{
	struct fabric *f;

	(void)argc;
	if (fabric_here(&f) || fleet_connect(&page, f, NULL, PAGE_FLEET) || slot_alloc(&slot))
		return 0;
	return crowd_ask(argv[1], page_there_and_back);
}

/* --- the fleet ------------------------------------------------------------------------------------ */

static struct drill fleet; /* what we know of the page fleet */
static struct fleet_policy before;

static err_t fleet_hold(unsigned members)
{
	const struct fleet_policy held = { .least = members, .most = members };
	err_t err = fleet_adapt(&fleet.client.rpc, &held);

	if (!err)
		err = fleet_resize(&fleet.client.rpc, members);
	return err ? err : drill_await(&fleet, members);
}

static err_t fleet_find(void)
{
	err_t err = fabric_here(&fleet.fabric);

	if (!err)
		err = fleet_connect(&fleet.client, fleet.fabric, NULL, PAGE_FLEET);
	if (!err)
		err = drill_look(&fleet);
	before = fleet.now.head.policy;
	return err;
}

static void fleet_leave(void)
{
	fleet_adapt(&fleet.client.rpc, &before);
	fleet_resize(&fleet.client.rpc, before.least);
	fleet_client_close(&fleet.client);
}

/* --- rates ------------------------------------------------------------------------------------------ */

static err_t rate(const struct measure *m, const char *name, unsigned members, unsigned clients, coreid_t last)
{
	double ticks[RUNS];
	err_t err = fleet_hold(members);

	for (unsigned i = 0; i < RUNS && !err; i++)
		err = crowd_run("pages", clients, 0, last, &ticks[i]);
	if (!err)
		report_samples(m, name, bench_cores(), ticks, RUNS);
	return err;
}

static err_t run_members(const struct measure *m)
{
	err_t err = fleet_find();
	char name[40];

	for (unsigned members = 1; members <= 4 && members < bench_cores() && !err; members *= 2)
		for (unsigned clients = 1; clients <= 8 && !err; clients *= 2) {
			snprintf(name, sizeof name, "%s_%u_%u", m->name, members, clients);
			err = rate(m, name, members, clients, (coreid_t)(bench_cores() - 1));
		}
	fleet_leave();
	return err;
}

/* A quarter of the cores serves, one at least; each other one has a client. */
static err_t run_cores(const struct measure *m)
{
	err_t err = fleet_find();
	char name[40];

	for (unsigned cores = 2; cores <= 16 && cores <= bench_cores() && !err; cores *= 2) {
		unsigned members = cores < 8 ? 1 : cores / 4, clients = cores - members;

		snprintf(name, sizeof name, "%s_%u", m->name, cores);
		err = rate(m, name, members, clients, (coreid_t)(clients - 1));
	}
	fleet_leave();
	return err;
}

const struct measure rate_measures[] = {
	{ "page_rate", "from page to page, all clients together, by members and clients", "page", 0, 2, run_members },
	{ "page_cores", "the same by cores in all, a quarter of them members, a client on each other", "page", 0, 2,
	  run_cores },
	{ 0 },
};
