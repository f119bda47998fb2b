/*
 * The name service: what its members are asked.
 *
 * Every member answers from a whole replica; what changes the table is done by all of them
 * before it is answered, so whoever asks any member later sees it.  Paths: types.h.
 */
#pragma once

#include "libos/rpc/annotate.h"
#include "services/name/types.h"

rpc_interface(name, 1);

/*
 * The path stands for the mailbox, until it is removed or the mailbox's process has ended. Again with the same mailbox:
 * nothing happens. ERR_EXISTS: it stands for another (unless flags say NAME_REPLACE), or is a fleet's name.
 * ERR_ARGUMENT,
 * ERR_TOO_LONG: no path. ERR_NO_MEMORY: the table is full. The name of a process that has ended vanishes soon.
 */
rpc_idempotent err_t name_register(rpc_in rpc_string rpc_max(NAME_PATH) const char *path,
				   rpc_in const struct mailbox *mailbox, rpc_in uint32_t flags);
/*
 * What the path stands for; a fleet's name: the member that its policy chooses for somebody on `core`, and not that of
 * process `avoid` if there is another. ERR_NOT_FOUND.
 */
rpc_idempotent err_t name_resolve(rpc_in rpc_string rpc_max(NAME_PATH) const char *path, rpc_in uint32_t core,
				  rpc_in uint64_t avoid, rpc_out struct name_answer *answer);
/* Takes the path's mailbox or policy from it; what is below stays. ERR_NOT_FOUND: it has none. */
err_t name_remove(rpc_in rpc_string rpc_max(NAME_PATH) const char *path);
/* The names right below a path, from *cursor on, which is 0 at first and 0 again after the last. ERR_NOT_FOUND. */
rpc_idempotent err_t name_list(rpc_in rpc_string rpc_max(NAME_PATH) const char *path, rpc_inout uint64_t *cursor,
			       rpc_out rpc_sized(*length) rpc_max(NAME_LIST_BYTES) void *entries,
			       rpc_inout uint32_t *length);
/*
 * Answered when the path, or something below it, has been registered, removed or given a policy since that version of
 * the table (name_answer); or, now and then, without cause. ERR_NAME_WATCHES: this client waits for too many already.
 */
rpc_idempotent err_t name_watch(rpc_in rpc_string rpc_max(NAME_PATH) const char *path, rpc_in uint64_t version,
				rpc_out uint64_t *now);
/* It is a fleet's name: enum name_policy. ERR_EXISTS: it stands for a mailbox. */
rpc_idempotent err_t name_policy(rpc_in rpc_string rpc_max(NAME_PATH) const char *path, rpc_in uint32_t policy);
/* How loaded what the path stands for is, permille; for its fleet's policy. Reaches the other members in a while. */
rpc_oneway void name_load(rpc_in rpc_string rpc_max(NAME_PATH) const char *path, rpc_in uint32_t load);
/* How many names there are, and the version of the table. */
rpc_idempotent err_t name_count(rpc_out uint64_t *names, rpc_out uint64_t *version);
/* What this client waits for by name_watch of that path is answered now. */
rpc_oneway void name_unwatch(rpc_in rpc_string rpc_max(NAME_PATH) const char *path);
/* name_resolve of a short path, for anybody: quicker. */
rpc_idempotent err_t name_resolve_short(rpc_in const struct name_short *name, rpc_out struct name_answer *answer);
