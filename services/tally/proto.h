/* The tally service: counts under names. docs/fleets.md shows it whole. */
#include "libos/rpc/annotate.h"

rpc_interface(tally, 29);

/* Adds to the count of that name, 0 at first, and tells what it is then. Repeated, it is done once. */
rpc_idempotent err_t tally_add(rpc_in rpc_string rpc_max(200) const char *name, rpc_in uint64_t n,
			       rpc_out uint64_t *sum);
/* The count of that name. ERR_NOT_FOUND: nothing was ever added. */
rpc_idempotent err_t tally_read(rpc_in rpc_string rpc_max(200) const char *name, rpc_out uint64_t *sum);
