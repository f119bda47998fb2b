/*
 * Clients of the name service.
 *
 * A client holds a channel to the nearest member, another one's when that dies, and a cache:
 * a name that was resolved costs some tens of instructions.  The cache never lies for long: an
 * entry is watched at the service from its second use on and dropped when the service says that
 * it changed, and its user drops it (name_drop) when the mailbox's process is gone.
 *
 * Everything else than resolving is called by the stubs: name_register(&n->rpc, ...),
 * name_list, ... (services/name/name_client.h).
 *
 * Used as an rpc_client is: by one thread, or by those of a server.
 */
#pragma once

#include "libos/rpc/rpc.h"
#include "services/name/types.h"

#define NAME_SERVICE "name"    /* what members are called in the monitors' table */
#define NAME_CACHE 32          /* entries, a power of two */
#define NAME_CACHE_PATH 63     /* bytes: longer names are not cached */
#define NAME_PATIENCE_MS 5000u /* that it looks for a living member */

struct name_cached {
	uint64_t hash; /* 0: free */
	union {
		char path[NAME_CACHE_PATH + 1]; /* zero behind its end */
		uint64_t word[(NAME_CACHE_PATH + 1) / 8];
	};
	struct name_answer answer;
	struct rpc_pending watch;
	bool watched;
};

struct name_client {
	struct rpc_client rpc;
	cycles_t patience; /* NAME_PATIENCE_MS, in the fabric's time */
	uint64_t hits, misses;
	bool shared;
	struct name_cached *recent; /* found last; NULL: none */
	struct mutex lock;          /* of the cache, when shared */
	struct name_cached cached[NAME_CACHE];
};

/* A client of the name service, connected at the first call. `server`: as in rpc_client_init. */
void name_client_init(struct name_client *n, struct fabric *f, struct rpc_server *server);
void name_client_close(struct name_client *n);

/* What the path stands for, from the cache if it is there. Errors of name_resolve, or ERR_NOT_FOUND: no service. */
err_t name_find(struct name_client *n, const char *path, struct mailbox *out);
/*
 * The same by asking, and another process than `avoid` if a fleet has another (0: any). The cache has it from then on.
 */
err_t name_find_other(struct name_client *n, const char *path, uint64_t avoid, struct mailbox *out);
/* The mailbox that the path was found to stand for does not answer. */
void name_drop(struct name_client *n, const char *path);

/* The next entry in what name_list gave: *at is 0 at first. NULL at the end; *name is its last component. */
const struct name_entry *name_list_next(const void *entries, uint32_t length, uint32_t *at, const char **name);

/* This process's client for programs that serve nothing: made at the first call, shared by its threads. */
err_t name_here(struct name_client **out);
