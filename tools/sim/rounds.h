/*
 * Rounds of agreement as work: rounds.c.
 */
#pragma once

#include "tools/sim/sim.h"

/* Groups, and room for so many rounds. */
void round_begin_all(unsigned count);
/* One more is proposed. */
void round_act(void);
/* One that the engine had no room for. */
void round_again(uint32_t token);
void round_core_gone(coreid_t core);
/* Proposed by the living and not ended. */
unsigned round_unfinished(void);
/* When nothing is under way: did all cores do the same? */
void round_check(void);
void round_show(void);

struct round_figures {
	unsigned ended, refused, not_begun;
};
void round_figures(struct round_figures *f);
