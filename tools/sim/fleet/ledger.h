/*
 * What the programs of a run have counted: for the checks and figures of worlds.
 */
#pragma once

#include "tools/sim/fleet/fleetsim.h"

#define COUNTERS_MAX 512

struct answer_times {
	char what[32];
	uint64_t count;
	cycles_t sum, most;
	cycles_t first, last; /* when the first began and the last was answered */
};

/* Made when it is first asked for. */
uint64_t *ledger_counter(const char *name);
struct answer_times *ledger_times(const char *what);
/* All times, and all together. */
void ledger_show(void);
/* Programs that have done what they were to do. */
extern uint64_t programs_done;
