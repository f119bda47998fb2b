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
/*
 * This member's threads take elements from the fleet's dPool and give them back, from that time of the fabric on, for
 * so many milliseconds. turns: each member in turn takes up to half of the pool, while the others give back what they
 * have; else each takes a few and gives them back at random. What it took; its messages for elements and the elements
 * that left it in messages; the longest wait for one, in the fabric's time.
 */
err_t drill_pool(rpc_in uint64_t start, rpc_in uint64_t ms, rpc_in bool turns, rpc_out uint64_t *taken,
		 rpc_out uint64_t *messages, rpc_out uint64_t *moved, rpc_out uint64_t *wait);
/* The scheme of this member's dPool. */
rpc_idempotent err_t drill_scheme(rpc_out rpc_string rpc_max(20) char *name);
