/* In place of libos/x86/random.h: the run's own numbers, so that the same seed draws the same. */
#pragma once

#include "tools/sim/fleet/host.h"

static inline bool random_word(uint64_t *out)
{
	*out = host_random(UINT64_MAX);
	return true;
}
