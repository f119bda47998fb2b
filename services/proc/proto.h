/*
 * The process service's interface.
 */
#pragma once

#include "libos/rpc/annotate.h"
#include "services/proc/types.h"

rpc_interface(proc, 6);

/*
 * Starts the program named by the first string of `text`; its number and its pid. Idempotent by the ticket.
 * ERR_NOT_FOUND: no such program. ERR_PROCESSES, ERR_CORE_ID,
 * ERR_CORE_DOWN. ERR_ARGUMENT: the text does not hold so many strings.
 */
rpc_idempotent err_t proc_start(rpc_in const struct proc_start *how,
				rpc_in rpc_sized(bytes) rpc_max(PROC_TEXT_MAX) const char *text, rpc_in uint32_t bytes,
				rpc_out uint32_t *id, rpc_out uint64_t *pid);

/* Answered when the process has ended. What is known of ended ones is kept for a while. ERR_NO_PROCESS. */
rpc_idempotent err_t proc_wait(rpc_in uint32_t id, rpc_out struct proc_end *end);

/* Ends it. Of one that has ended already: ERR_NO_PROCESS, unless this call did it before. */
rpc_idempotent err_t proc_kill(rpc_in uint32_t id);

/* Has it go on on that core. */
rpc_idempotent err_t proc_migrate(rpc_in uint32_t id, rpc_in uint32_t core);

/* Number and pid of a process, by either: the one that is 0 is filled in. ERR_NO_PROCESS. */
rpc_idempotent err_t proc_find(rpc_inout uint32_t *id, rpc_inout uint64_t *pid);

/*
 * Processes of all cores from a cursor on, which is {0, 0} at first; *count: room, then how many there are. The cursor
 * is moved on; ERR_NOT_FOUND past the last.
 */
rpc_idempotent err_t proc_list(rpc_inout struct proc_cursor *cursor,
			       rpc_out rpc_sized(*count) rpc_max(PROC_LIST_MAX) struct proc_info *list,
			       rpc_inout uint32_t *count);

/* Of the member that answers. */
rpc_idempotent err_t proc_statistics(rpc_out struct proc_statistics *out);

/* The caller, which has that number, gives it to a process that it has started with it. ERR_DENIED: it has not. */
rpc_idempotent err_t proc_become(rpc_in uint32_t id, rpc_in uint64_t pid);

/* A core for a program that is not started yet. */
rpc_idempotent err_t proc_place(rpc_out uint32_t *core);
