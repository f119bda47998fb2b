/*
 * Clients of a fleet: an rpc_client that survives the members that it talks to.
 *
 * When its member dies or leaves, the call under way is repeated at another one; what keeps
 * a call from being done twice is the service's matter (docs/fleets.md). When a member
 * says that another serves the call, the client goes there.
 */
#pragma once

#include "libos/fleet/types.h"
#include "libos/rpc/rpc.h"

struct fleet_client {
	struct rpc_client rpc; /* the calls are made on it: page_take(&c.rpc, ...) */
	char name[FLEET_NAME + 1];
	cycles_t patience; /* how long it looks for a member; 0: for FLEET_PATIENCE_MS */
	uint64_t lost;     /* the member that was left last: its pid */
	uint32_t renewals, redirects, looks;
	uint32_t misled; /* times in a row that we were sent to who is gone */
};

#define FLEET_PATIENCE_MS 5000

/*
 * A client of the fleet of that name. `server`: as in rpc_client_init. Connects at once: ERR_NOT_FOUND when there is no
 * such fleet.
 */
err_t fleet_connect(struct fleet_client *c, struct fabric *f, struct rpc_server *server, const char *name);
/* The same, but the fleet is looked for at the first call, and may come to be until then. */
err_t fleet_client_init(struct fleet_client *c, struct fabric *f, struct rpc_server *server, const char *name);
void fleet_client_close(struct fleet_client *c);
