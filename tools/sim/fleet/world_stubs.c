/*
 * Stubs and their runtime: sample services, and clients that call them in all ways.
 */
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/ledger.h"

#include <stdio.h>

static void begin(void)
{
	char name[32], other[32];
	const char *server[] = { "sample", name }, *client[] = { "sample_client", name, other };

	for (unsigned i = 0; i < options.members; i++) {
		snprintf(name, sizeof name, "sample%u", i);
		process_make((coreid_t)((1 + i) % options.cores), 2, server, 0);
	}
	for (unsigned i = 0; i < options.clients; i++) {
		snprintf(name, sizeof name, "sample%u", i % options.members);
		snprintf(other, sizeof other, "sample%u", (i + 1) % options.members);
		process_make((coreid_t)((1 + options.members + i) % options.cores), 3, client, 0);
	}
}

static bool done(void) { return programs_done == options.clients; }

static void figures(void) { ledger_show(); }

const struct world world_stubs = {
	.name = "stubs",
	.what = "the sample service, called by stubs",
	.programs = { "sample", "sample_client" },
	.begin = begin,
	.done = done,
	.figures = figures,
};
