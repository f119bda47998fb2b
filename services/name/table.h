/*
 * The table of names: one replica, in the heap of one member.
 *
 * A node for each component, in an array that grows by blocks; found by one hash table over
 * (parent, component); the nodes below one parent are a list in the order in which they
 * came.  About 100 bytes a name.  A node is there while it has a mailbox, a policy or something
 * below it, and goes with the last of these; a fleet's name goes with its last member.
 *
 * Changes are checked first (table_room, table_find) and then cannot fail.  Portable; one
 * thread at a time.
 */
#pragma once

#include "kernel/abi/error.h"
#include "services/name/types.h"

#define TABLE_ROOT 0 /* the node of "/" */
#define TABLE_NONE UINT32_MAX

struct name_node;
struct name_blocks;

struct name_table {
	struct name_node **block; /* of TABLE_BLOCK nodes each */
	uint32_t blocks;          /* that there are */
	uint32_t nodes;           /* in use, the root too */
	uint32_t fresh;           /* the first that was never in use */
	uint32_t free;            /* list of those that were; TABLE_NONE: empty */
	uint32_t *bucket;
	uint32_t buckets; /* a power of two */
	uint64_t serial;  /* of the last node made */
	uint64_t version; /* of the table: set by whoever makes changes, before each */
	uint64_t turn;    /* of members of fleets that are as good */
	uint32_t entries; /* that have a mailbox */
};

err_t table_init(struct name_table *t);
void table_destroy(struct name_table *t);

/* ERR_ARGUMENT: does not begin with '/'. ERR_TOO_LONG: the path, a component, or too many of them. */
err_t table_path_check(const char *path);
/* The node of a path that table_path_check likes, or TABLE_NONE. */
uint32_t table_find(const struct name_table *t, const char *path);
/* Makes sure that table_put of the path will not run out of memory. ERR_NO_MEMORY. */
err_t table_room(struct name_table *t, const char *path);
/* The name has this mailbox now. After table_room. */
void table_put(struct name_table *t, const char *path, const struct mailbox *mailbox);
/* It is a fleet's name with that policy, or none any more. After table_room. Names with a mailbox have no policy. */
void table_policy(struct name_table *t, const char *path, unsigned policy);
/* Takes its mailbox and policy from it; what is below stays. False when there is no such name. */
bool table_remove(struct name_table *t, const char *path);
/* Removes all names whose mailboxes belong to the process, saying which if `removed` is not NULL; how many. */
unsigned table_remove_process(struct name_table *t, uint64_t pid, void (*removed)(void *arg, const char *path),
			      void *arg);
/* Version when the path, or what is below it, changed last, or a later one. */
uint64_t table_changed(const struct name_table *t, const char *path);
/* How loaded the process behind a name is: for its fleet's policy. */
void table_load(struct name_table *t, uint32_t node, uint32_t load);

/* What is known of a node. */
void table_entry(const struct name_table *t, uint32_t node, struct name_entry *out);
/*
 * The mailbox that a name stands for, seen from a core: its own, or by the fleet's policy that of one
 * below, not that of process `avoid` if there is another. ERR_NOT_FOUND; ERR_NO_MEMORY.
 */
err_t table_resolve(struct name_table *t, const char *path, coreid_t core, uint64_t avoid, struct mailbox *out);
/* The same when table_find has said which node that is, or TABLE_NONE. */
err_t table_resolve_node(struct name_table *t, uint32_t node, coreid_t core, uint64_t avoid, struct mailbox *out);
/* The path with one '/' before each component and none at the end; `out` has NAME_PATH + 1 bytes. */
void table_path_normal(const char *path, char *out);

/*
 * The next name right below a node. *cursor is 0 at first; it may be kept while names come and
 * go: what was there all the time is given once. False at the end. `name` has NAME_COMPONENT + 1 bytes.
 */
bool table_below(const struct name_table *t, uint32_t node, uint64_t *cursor, char *name, struct name_entry *out);
/*
 * To copy a table: all nodes, parents before children, with their whole paths (NAME_PATH + 1 bytes). *cursor is
 * TABLE_ROOT at first; the table must not change meanwhile. False at the end.
 */
bool table_next(const struct name_table *t, uint32_t *cursor, char *path, uint64_t *serial, struct name_entry *out);
/* Makes such a node in another table, after table_room. Cursors of table_below hold for the copy too. */
void table_restore(struct name_table *t, const char *path, uint64_t serial, const struct name_entry *e);
