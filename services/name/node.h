/*
 * A node of the table of names; for node.c, table.c and policy.c.
 */
#pragma once

#include "services/name/table.h"

#define TABLE_BLOCK_BITS 10
#define TABLE_BLOCK (1u << TABLE_BLOCK_BITS)
#define NODE_INLINE 16 /* components up to here lie in the node */

/* Where a fleet's members are, in the order of their cores: made when it is asked for, thrown away by changes. */
struct name_fleet {
	uint32_t count;
	struct name_member {
		coreid_t core;
		uint32_t node;
		uint32_t sum; /* of what is left of this one and all before it */
	} member[];
};

struct name_node {
	uint64_t serial;  /* when it came: later ones have more */
	uint64_t changed; /* version of the table when it, or what is below it, changed */
	union {
		struct mailbox mailbox;   /* pid 0: none */
		struct name_fleet *fleet; /* of a node with a policy: NULL, or as the names below are */
	};
	uint32_t parent;
	uint32_t first, last; /* below it */
	uint32_t next, before;
	uint32_t chain; /* next in its bucket, or in the free list */
	uint32_t below; /* how many */
	uint16_t load;
	uint8_t policy;
	uint8_t length; /* of the component; 0: the node is free, or the root */
	union {
		char in[NODE_INLINE];
		char *out;
	} name;
};

static inline struct name_node *node_at(const struct name_table *t, uint32_t node)
{
	return &t->block[node >> TABLE_BLOCK_BITS][node % TABLE_BLOCK];
}

static inline const char *node_name(const struct name_node *n)
{
	return n->length > NODE_INLINE ? n->name.out : n->name.in;
}

static inline bool node_has_mailbox(const struct name_node *n) { return !n->policy && n->mailbox.pid; }

/* --- node.c --------------------------------------------------------------------- */

struct component {
	const char *at;
	uint32_t length;
};

/* The next component from *path on; false at the end. */
bool component_next(const char **path, struct component *c);
/* The node of that path, made with those above it if need be. After table_room. */
uint32_t path_make(struct name_table *t, const char *path);
/* The path of a node; `path` has NAME_PATH + 1 bytes. */
void path_write(const struct name_table *t, uint32_t node, char *path);
/* Nothing of its own is left: unless something is below it, it goes, and so may those above. */
void node_prune(struct name_table *t, uint32_t node);

/* --- policy.c ------------------------------------------------------------------- */

/*
 * The member of a fleet's node by its policy, and not that of process `avoid` if there is another; TABLE_NONE when it
 * has none. ERR_NO_MEMORY.
 */
err_t policy_choose(struct name_table *t, struct name_node *fleet, coreid_t core, uint64_t avoid, uint32_t *out);
/* What is below it has changed. */
void policy_forget(struct name_node *fleet);
