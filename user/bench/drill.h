/*
 * A fleet to be measured: drill's, whose members go wrong and are busy as they are told, and clients that keep
 * it busy and count what is answered.
 */
#pragma once

#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"

#define DRILL_MEMBERS 3 /* of the fleets whose members die */
#define DRILL_CLIENTS 8 /* the most */
#define SLICE_MS 10
#define SLICES 120 /* of a run */

struct drill {
	struct fabric *fabric;
	struct fleet_client client;
	struct fleet_survey now; /* as drill_look found it */
};

/* Ticks of so many milliseconds. */
cycles_t drill_ms(uint64_t ms);

/*
 * Starts the fleet, with that policy and an argument (NULL: none), and waits for its members. ERR_EXISTS: there is one
 * already.
 */
err_t drill_begin(struct drill *d, const char *argument, const struct fleet_policy *policy, unsigned members);
/* Ends it. */
err_t drill_finish(struct drill *d);
/* What the coordinator says now. */
err_t drill_look(struct drill *d);
unsigned drill_serving(const struct drill *d);
/* Until exactly so many members serve and all know. ERR_TIMEOUT. */
err_t drill_await(struct drill *d, unsigned members);

/*
 * Clients, each a process, on the cores in turn, that ask for 500 us of work again and again, with a pause in between,
 * from time `start`. Gather waits for them and adds up what they had answered in each of SLICES slices; or those
 * that have no end are ended.
 */
struct load {
	uint64_t pid[DRILL_CLIENTS];
	unsigned clients;
	cycles_t start;
};

/* They end after SLICES slices, or not at all. */
err_t load_begin(struct load *l, struct drill *d, unsigned clients, unsigned pause_us, cycles_t start, bool endless);
err_t load_gather(struct load *l, uint32_t answers[SLICES]);
err_t load_end(struct load *l);
