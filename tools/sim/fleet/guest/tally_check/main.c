/* When the clients have done all: are the counters that they share what they made them? */
#include "libos/core/error_text.h"
#include "libos/fleet/client.h"
#include "services/tally/tally_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

#define SHARED (8 + host_option("clients") / 8)

int main(void)
{
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, "tally");
	for (uint64_t i = 0; i < SHARED && !err; i++) {
		uint64_t sum = 0;
		char name[40];

		snprintf(name, sizeof name, "shared/%lu", i);
		err = tally_read(&c.rpc, name, &sum);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
		if (!err && sum != host_count(name, 0))
			host_violation("%s is %lu, and %lu was added", name, sum, host_count(name, 0));
	}
	if (err)
		host_violation("the check failed: %s", error_text(err));
	return 0;
}
