/*
 * The dPool of a drill fleet, to be measured under each scheme.
 */
#pragma once

#include "libos/fleet/fleet.h"

struct rpc_call;

/* In init: an empty shard. ERR_ARGUMENT: no scheme has that name. */
err_t pool_open(struct fleet *f, const char *scheme);
/* In start: the first member has all elements. */
err_t pool_start(struct fleet *f);
/* drill_scheme. */
err_t pool_scheme(struct rpc_call *call, char *name);
void pool_changed(struct fleet *f, const struct fleet_view *old);
/* drill_pool. ERR_NO_MEMORY. */
err_t pool_use(struct rpc_call *call, uint64_t start, uint64_t ms, bool turns, uint64_t *taken, uint64_t *messages,
	       uint64_t *moved, uint64_t *wait);
