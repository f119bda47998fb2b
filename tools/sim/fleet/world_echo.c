/*
 * The fabric itself: servers that count up what they are sent, clients that check it; servers die and their keeper
 * starts others.
 */
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/ledger.h"

#include <stdio.h>

static void begin(void)
{
	char number[16];
	const char *keeper[] = { "echo_keeper", number };
	const char *client[] = { "echo_client", number };

	snprintf(number, sizeof number, "%u", options.members);
	process_make(0, 2, keeper, 0);
	for (unsigned i = 0; i < options.clients; i++) {
		snprintf(number, sizeof number, "%u", i % options.members);
		process_make((coreid_t)((options.members + 1 + i) % options.cores), 2, client, 0);
	}
	fate_begin("echo_server", 300 * MICROSECOND, 200 * MICROSECOND);
}

static bool done(void) { return programs_done == options.clients; }

static void check(void)
{
	uint64_t asked = *ledger_counter("asked"), answered = ledger_times("echo")->count;

	if (answered != (uint64_t)options.clients * options.calls)
		violation("%lu calls were answered of %lu", answered, (uint64_t)options.clients * options.calls);
	if (asked < answered)
		violation("%lu calls were answered, but the servers saw %lu", answered, asked);
}

static void figures(void) { ledger_show(); }

const struct world world_echo = {
	.name = "echo",
	.what = "the fabric alone",
	.programs = { "echo_keeper", "echo_server", "echo_client" },
	.begin = begin,
	.done = done,
	.check = check,
	.figures = figures,
};
