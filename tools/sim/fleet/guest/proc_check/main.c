/*
 * When all starters have done: no child ran twice, and each number is in one of the members' shards or stands for a
 * process that the service still knows; none is lost. What a rebuild after the last death brings back may come late.
 */
#include "libos/core/error_text.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/thread/thread.h"
#include "services/proc/proc_client.h"
#include "tools/sim/fleet/guest/proc_client/child.h"
#include "tools/sim/fleet/host.h"

#define NUMBERS 32767
#define LOOKS 20
#define LOOK_NS 10000000

static struct fabric *fabric;
static struct fleet_client client;

static void must(err_t err, const char *what)
{
	if (err)
		host_violation("%s: %s", what, error_text(err));
}

/* In all shards together. */
static uint64_t numbers_free(void)
{
	static struct fleet_member member[FLEET_MEMBERS];
	uint32_t count = FLEET_MEMBERS;
	struct fleet_times times;
	struct fleet_head head;
	uint64_t sum = 0;

	must(fleet_list(&client.rpc, &head, &times, &count, member), "fleet_list");
	for (uint32_t i = 0; i < count; i++) {
		struct proc_statistics s;
		struct rpc_client c;

		rpc_client_init(&c, fabric, NULL);
		must(rpc_client_open_at(&c, &member[i].at), "a member's channel");
		must(proc_statistics(&c, &s), "proc_statistics");
		rpc_client_close(&c);
		sum += s.free;
	}
	return sum;
}

/* That stand for processes, alive or not. */
static uint64_t numbers_used(void)
{
	uint64_t sum = 0;

	for (uint32_t id = 1; id <= NUMBERS; id++) {
		uint64_t pid = 0;
		err_t err = proc_find(&client.rpc, &id, &pid);

		if (err && err != ERR_NO_PROCESS)
			must(err, "proc_find");
		sum += !err;
	}
	return sum;
}

int main(void)
{
	uint64_t used = 0, sum = 0;

	must(fabric_here(&fabric), "no fabric");
	must(fleet_connect(&client, fabric, NULL, "proc"), "no client");
	for (uint64_t i = 0; i < host_count(CHILDREN, 0); i++)
		if (host_tally(CHILD_RAN, i, 0) > 1)
			host_violation("child %lu ran %lu times", i, host_tally(CHILD_RAN, i, 0));
	for (unsigned looks = 0; looks < LOOKS && sum != NUMBERS; looks++) {
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
		used = numbers_used();
		sum = used + numbers_free();
	}
	if (sum != NUMBERS)
		host_violation("%lu numbers stand for processes, %lu are free: not %d in all", used, sum - used,
			       NUMBERS);
	return 0;
}
