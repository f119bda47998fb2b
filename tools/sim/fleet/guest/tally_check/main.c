/* When the clients have done all: are the counters that they share what they made them? */
#include "libos/core/error_text.h"
#include "libos/fleet/client.h"
#include "tools/sim/fleet/guest/tally/tally_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

int main(void)
{
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, "tally");
	for (uint64_t i = 0; i < TALLY_SHARED && !err; i++) {
		uint64_t value;
		char name[24];

		snprintf(name, sizeof name, "shared %lu", i);
		err = tally_get(&c.rpc, i, &value);
		if (!err && value != host_count(name, 0))
			host_violation("counter %lu is %lu, and %lu was added", i, value, host_count(name, 0));
	}
	if (err)
		host_violation("the check failed: %s", error_text(err));
	return 0;
}
