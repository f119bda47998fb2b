/*
 * Of libos/x86/context.h, which it shadows, what a monitor uses: the time, which is the simulator's.
 */
#pragma once

#include "tools/sim/island.h"

static inline cycles_t context_now(void) { return sim_now(); }
