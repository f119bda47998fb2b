/*
 * How the members of a fleet are found: by a name of the monitors' that all of them share; who opens
 * it gets the nearest that lives.
 */
#include "libos/fleet/private.h"

err_t announce_member(struct fleet *f) { return service_name(&f->server.service, f->ops->name, SERVICE_SHARED); }

err_t announce_open(struct rpc_client *c, const char *name) { return rpc_client_open(c, name); }
