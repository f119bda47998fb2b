/*
 * The tally service: counters, spread over the members of a fleet. There for the simulator: what is counted twice
 * or not at all is seen at once.
 */
#pragma once

#include "libos/rpc/annotate.h"
#include "tools/sim/fleet/guest/tally/types.h"

rpc_interface(tally, 30);

/* Adds to a counter; what it was before. Not idempotent. */
err_t tally_add(rpc_in uint64_t counter, rpc_in uint64_t more, rpc_out uint64_t *before);
rpc_idempotent err_t tally_get(rpc_in uint64_t counter, rpc_out uint64_t *value);
