/*
 * The table as replicated state (libos/fleet/kv_replicated.h): its changes as bytes, and who is
 * told of them here.
 */
#pragma once

#include "libos/fleet/kv_replicated.h"
#include "services/name/table.h"
#include "services/name/watches.h"

enum change_kind { CHANGE_PUT, CHANGE_REMOVE, CHANGE_POLICY, CHANGE_GONE };

/* The path follows, with its NUL; none after CHANGE_GONE. */
struct name_change {
	uint32_t kind, flags;
	uint32_t policy, unused;
	struct mailbox mailbox; /* CHANGE_GONE: of whom; its pid counts */
};

struct replica {
	struct name_table table;
	struct name_watches watches;
	uint32_t clears; /* how often all was thrown away */
	/* A mailbox of that process has been put into the table. May be NULL. */
	void (*put)(struct replica *r, uint64_t pid);
	void *tag;
};

extern const struct kv_store replica_store;

err_t replica_init(struct replica *r);
/* Packs a change and its path into KV_CHANGE_MAX bytes; how many. The path fits (table_path_check). */
size_t replica_pack(void *to, const struct name_change *c, const char *path);
