/*
 * A client of the tally service with a ledger: its own counters are what it has made them, no call fails.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "tools/sim/fleet/guest/tally/tally_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

#define OWN 4

static uint64_t mine[OWN];

static void add(struct fleet_client *c, uint64_t counter, uint64_t *model)
{
	uint64_t before, more = 1 + host_random(100);
	err_t err = tally_add(&c->rpc, counter, more, &before);

	if (err)
		host_violation("a call of a client failed: %s", error_text(err));
	if (model && before != *model)
		host_violation("counter %lx was %lu, and should have been %lu", counter, before, *model);
	if (model)
		*model += more;
}

static void step(struct fleet_client *c)
{
	uint64_t own = host_random(OWN), shared = host_random(TALLY_SHARED);

	if (host_random(4)) {
		add(c, process_self_pid() << 8 | own, &mine[own]);
	} else {
		char name[24];
		uint64_t more = 1 + host_random(100), before;
		err_t err = tally_add(&c->rpc, shared, more, &before);

		if (err)
			host_violation("a call of a client failed: %s", error_text(err));
		snprintf(name, sizeof name, "shared %lu", shared);
		host_count(name, (int64_t)more);
	}
}

int main(void)
{
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, "tally");
	if (err)
		host_violation("no client: %s", error_text(err));
	for (uint64_t i = 0; host_go_on(i); i++) {
		uint64_t from = fabric_now(f);

		step(&c);
		host_answered("add", from);
	}
	fleet_client_close(&c);
	host_done();
	return 0;
}
