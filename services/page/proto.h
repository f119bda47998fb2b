/*
 * The page service: memory for processes, out of that of their own cores.
 *
 * What is taken is given back to the process's own monitor (mon_ram_free), which tells the service; so it is
 * when the process ends.
 */
#include "libos/rpc/annotate.h"
#include "services/page/types.h"

rpc_interface(page, 2);

/*
 * 1 << bits bytes, as enum page_kind says, into the empty slot `slot` of the caller's own space on `core`, where it
 * runs: a cleared frame, or RAM. The slot names the call: when it was made before, and its answer lost, the same is
 * answered again. ERR_ARGUMENT; ERR_SLOT_OCCUPIED: there is something else; ERR_QUOTA: the process has as much as it
 * may; ERR_NO_MEMORY: that core's memory is used up.
 */
rpc_idempotent err_t page_take(rpc_in uint32_t bits, rpc_in uint32_t kind, rpc_in uint64_t slot, rpc_in uint32_t core,
			       rpc_out uint64_t *base);
/*
 * `count` cleared frames of 4 KiB, 2 to PAGE_FRAMES_MOST and a power of two, one behind the other in memory, into as
 * many empty slots from `slot` on, in one cnode. All or none; each is given back by itself. Else as page_take.
 */
rpc_idempotent err_t page_take_frames(rpc_in uint32_t count, rpc_in uint64_t slot, rpc_in uint32_t core,
				      rpc_out uint64_t *base);
/*
 * How many bytes a process may have beyond those that it started with, on each of its cores; 0: no limit. What it
 * has more already it keeps. ERR_NO_PROCESS.
 */
rpc_idempotent err_t page_quota_set(rpc_in uint64_t pid, rpc_in uint64_t bytes);
rpc_idempotent err_t page_quota(rpc_in uint64_t pid, rpc_out uint64_t *most, rpc_out uint64_t *has);
/* Of the member that is asked. */
rpc_idempotent err_t page_stat(rpc_out struct page_stat *stat);
/* Compares what the member that is asked believes with what monitors know. */
rpc_idempotent err_t page_check(rpc_out struct page_faults *faults);
