/*
 * A client of the fleet drill: it gives a member a little work, and pauses for long, so that several of them are one
 * member's load. Of the last quarter of its calls it says who answered them.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/thread/thread.h"
#include "services/drill/drill_client.h"
#include "tools/sim/fleet/host.h"

#define WORK_US 100
#define PAUSE_NS 800000 /* on the average */

int main(void)
{
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, "drill");
	for (uint64_t i = 0; !err && host_go_on(i); i++) {
		uint64_t from = fabric_now(f);
		uint32_t member;

		err = drill_work(&c.rpc, WORK_US, &member);
		if (err)
			break;
		host_answered("work", from);
		if (i >= host_option("calls") * 3 / 4)
			host_tally("answers", member, 1);
		thread_sleep_until(fabric_now(f) + host_random(2 * PAUSE_NS));
	}
	if (err)
		host_violation("a call of a client failed: %s", error_text(err));
	fleet_client_close(&c);
	host_done();
	return 0;
}
