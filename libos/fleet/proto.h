/*
 * What the members of every fleet say to each other, and the commands that every fleet takes.
 *
 * A member serves this beside the service's own interfaces. `join` to `end` are for members; who else
 * calls them gets ERR_DENIED, for the caller's pid is told by its monitor and must be in the view.
 */
#include "libos/fleet/types.h"
#include "libos/rpc/annotate.h"

rpc_interface(fleet, 4);

/* A member that the coordinator has started is ready to be told a view. ERR_NOT_FOUND: it is not expected. */
rpc_idempotent err_t fleet_join(rpc_in uint32_t number, rpc_in const struct mailbox *at);
/*
 * The coordinator tells its view. Answered when the member has gone over to it: has handed over what others have
 * now, or, told for the first time, has taken over its share and serves.
 */
rpc_idempotent err_t fleet_install(rpc_in const struct fleet_head *head, rpc_in uint32_t count,
				   rpc_in rpc_sized(count) rpc_max(128) const struct fleet_member *members);
/* Heartbeat: all members have the view of version `settled`, and `mean` is their mean load. */
rpc_idempotent err_t fleet_beat(rpc_in uint64_t settled, rpc_in uint32_t mean, rpc_out struct fleet_pulse *pulse);
/* The view that this member has. */
rpc_idempotent err_t fleet_state(rpc_out struct fleet_head *head, rpc_inout uint32_t *count,
				 rpc_out rpc_sized(*count) rpc_max(128) struct fleet_member *members);
/* Words between the libraries of two members, or the services: fleet_ask. */
rpc_idempotent err_t fleet_carry(rpc_in uint32_t port, rpc_in uint32_t what, rpc_in uint32_t bytes,
				 rpc_in rpc_sized(bytes) rpc_max(6000) const void *data, rpc_inout uint32_t *answered,
				 rpc_out rpc_sized(*answered) rpc_max(4000) void *answer);
/* The member is in the view no more and all others know: it ends. */
rpc_idempotent err_t fleet_end(void);

/* --- commands; members that are not the coordinator redirect to it ------------------------------------ */

/* Members with their loads of late, and what happened last. */
rpc_idempotent err_t fleet_list(rpc_out struct fleet_head *head, rpc_out struct fleet_times *times,
				rpc_inout uint32_t *count,
				rpc_out rpc_sized(*count) rpc_max(128) struct fleet_member *members);
/* How many members there shall be, from now on, at least; up to the policy's most. */
rpc_idempotent err_t fleet_resize(rpc_in uint32_t wanted);
/* That member shall hand over and leave; another takes its place if the fleet is to keep its size. ERR_NOT_FOUND. */
rpc_idempotent err_t fleet_dismiss(rpc_in uint32_t number);
/* Zero fields stay as they are. */
rpc_idempotent err_t fleet_adapt(rpc_in const struct fleet_policy *policy);
