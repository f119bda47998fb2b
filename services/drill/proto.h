/*
 * The drill service: a fleet whose members can be told to go wrong, and to be busy. For tests
 * and measurements.
 */
#include "libos/rpc/annotate.h"

rpc_interface(drill, 28);

/* Answers with the number of the member. */
rpc_idempotent err_t drill_ask(rpc_out uint32_t *member);
/* Is busy for so many microseconds, then answers. */
rpc_idempotent err_t drill_work(rpc_in uint64_t us, rpc_out uint32_t *member);
/* The member writes to address 8, at that time of the fabric or later. */
rpc_oneway void drill_trap(rpc_in uint64_t at);
/* The member goes round in a loop for ever. */
rpc_oneway void drill_hang(rpc_in uint64_t at);
/* The caller is sent to that member, which answers. */
rpc_idempotent err_t drill_at(rpc_in uint32_t number, rpc_out uint32_t *member);
