/*
 * The entries of one member of a partitioned key-value store: a hash table of keys and values,
 * each with its version and with the writes that made it. Pure data, nothing here sends.
 *
 * Entries do not move: a pointer stays good until table_drop.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define KVP_KEY 256    /* the most bytes */
#define KVP_VALUE 3000 /* likewise */
#define KVP_TAGS 512   /* writes remembered of one entry, of each writer KVP_TAGS_OF_ONE */
#define KVP_TAGS_OF_ONE 4

/* Names a write for ever: whose, and which of his. And a word that is remembered with it. who 0: none. */
struct kvp_tag {
	uint64_t who, which, note;
};

struct kvp_entry {
	struct kvp_entry *next;
	uint64_t hash, version;
	uint64_t stamp; /* version of the view in which it was written here last */
	cycles_t when;  /* that was */
	uint32_t key_bytes, value_bytes;
	uint32_t tags, tag_room, tag_next; /* tag_next: whose turn it is to be forgotten */
	bool busy;                         /* a write is on its way to the mirrors */
	bool unsure;                       /* kvp_assure is to be called */
	bool gone;                         /* the key was removed; kept so that older copies are known to be old */
	void *value;
	struct kvp_tag *tag;
	unsigned char key[];
};

struct kvp_table {
	struct kvp_entry **bucket;
	uint64_t buckets; /* a power of two, or 0 */
	uint64_t entries;
	uint64_t gone; /* of those */
};

struct kvp_entry *table_find(const struct kvp_table *t, uint64_t hash, const void *key, size_t bytes);
/* The entry of that key, made (gone, version 0) if need be; NULL: no memory. */
struct kvp_entry *table_make(struct kvp_table *t, uint64_t hash, const void *key, size_t bytes);
void table_drop(struct kvp_table *t, struct kvp_entry *e);
/* A copy of the value; NULL with `gone`: the key is removed. ERR_NO_MEMORY: nothing has changed. */
err_t entry_set(struct kvp_table *t, struct kvp_entry *e, const void *value, size_t bytes, bool gone);
/* The write of that writer and number, or NULL. */
struct kvp_tag *entry_tag(const struct kvp_entry *e, uint64_t who, uint64_t which);
/* Room for one more tag, so that entry_remember cannot fail. */
err_t entry_tag_room(struct kvp_entry *e);
/* Returns the one that had its place: of an older write, or of none. */
struct kvp_tag entry_remember(struct kvp_entry *e, const struct kvp_tag *tag);
/* That write was not done: the one before has its place again. */
void entry_forget(struct kvp_entry *e, const struct kvp_tag *tag, const struct kvp_tag *before);
/* All entries, in an array from the heap of t->entries pointers; NULL: none, or no memory. */
struct kvp_entry **table_all(const struct kvp_table *t);
