/*
 * A dPool among the members of a fleet: messages by port FLEET_PORT_DPOOL, others as the view has them.
 *
 * One pool per fleet.
 */
#pragma once

#include "libos/fleet/dpool.h"
#include "libos/fleet/fleet.h"

/* In fleet_ops.init: an empty shard. As dpool_open. */
err_t dpool_fleet_open(struct dpool *p, struct fleet *f, const struct dpool_scheme *scheme, uint32_t bytes,
		       uint32_t low, uint32_t high);
/* In fleet_ops.changed. A member that leaves hands over all that it has. */
void dpool_fleet_changed(struct dpool *p, struct fleet *f, const struct fleet_view *old);
