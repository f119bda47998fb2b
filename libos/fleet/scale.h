/*
 * When a fleet grows and shrinks: thresholds with hysteresis. Pure: time is an argument, in any unit
 * that the policy's times have been turned into.
 */
#pragma once

#include "libos/fleet/types.h"

struct fleet_scale {
	uint64_t above, below; /* since when the load has been above `high`, or below `low`; 0: it is not */
};

enum fleet_step { FLEET_STAY, FLEET_GROW, FLEET_SHRINK };

/*
 * Told the mean load of `members` at time `now` (not 0): shall there be one more, or one less? After either the
 * times start anew. It shrinks only if those that stay will not be loaded above the middle of the thresholds.
 */
enum fleet_step scale_step(struct fleet_scale *s, const struct fleet_policy *p, uint32_t members, uint32_t load,
			   uint64_t now, uint64_t ms);
/* Zero fields are taken from `otherwise`; contradictions are put right: most >= least >= 1, high > low. */
void scale_policy(struct fleet_policy *p, const struct fleet_policy *otherwise);
