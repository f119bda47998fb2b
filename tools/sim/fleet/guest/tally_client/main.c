/*
 * A client of the tally service with a ledger: its own counters are what it has made them, no call fails.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "services/tally/tally_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

#define OWN 4
#define SHARED (8 + host_option("clients") / 8)

static uint64_t mine[OWN];

static uint64_t add(struct fleet_client *c, const char *name, uint64_t more)
{
	uint64_t sum;
	err_t err = tally_add(&c->rpc, name, more, &sum);

	if (err)
		host_violation("a call of a client failed: %s", error_text(err));
	return sum;
}

static void step(struct fleet_client *c)
{
	uint64_t which = host_random(OWN), more = 1 + host_random(100), sum;
	char name[40];

	if (host_random(4)) {
		snprintf(name, sizeof name, "own/%lx/%lu", process_self_pid(), which);
		sum = add(c, name, more);
		if (sum != mine[which] + more)
			host_violation("%s was %lu, and should have been %lu", name, sum - more, mine[which]);
		mine[which] = sum;
	} else {
		snprintf(name, sizeof name, "shared/%lu", host_random(SHARED));
		add(c, name, more);
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
