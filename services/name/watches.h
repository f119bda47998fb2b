/*
 * Who waits for a change of which names: calls that are answered later.
 *
 * Paths are in their normal form (table_path_normal). Portable but for the answer.
 */
#pragma once

#include "libos/rpc/rpc.h"
#include "services/name/types.h"

#define WATCH_BUCKETS 256 /* a power of two */

struct name_watch_wait;

struct name_watches {
	uint32_t count;
	struct name_watch_wait *bucket[WATCH_BUCKETS];
	/* Gives the answer; the call is over then. */
	void (*answer)(struct rpc_later *later, uint64_t version);
};

/* The call is answered when the path or something below it changes. ERR_NAME_WATCHES, ERR_NO_MEMORY. */
err_t watches_add(struct name_watches *w, struct rpc_call *call, const char *path);
/* The path has changed: answers who watches it, or something that it is below. */
void watches_fire(struct name_watches *w, const char *path, uint64_t version);
/* The process does not want to know of the path any more: its calls are answered. */
void watches_drop(struct name_watches *w, uint64_t peer, const char *path, uint64_t version);
/* Everything may have changed. */
void watches_fire_all(struct name_watches *w, uint64_t version);
/* A channel of the process has closed: answers all it watches, for another channel of it may be there. */
void watches_close(struct name_watches *w, uint64_t peer, uint64_t version);
