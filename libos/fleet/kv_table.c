/*
 * Entries by key: chained buckets, doubled when there are more entries than buckets.
 */
#include "libos/fleet/kv_table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64
#define TAGS_FIRST 4

static struct kvp_entry **place(const struct kvp_table *t, uint64_t hash)
{
	return &t->bucket[hash & (t->buckets - 1)];
}

struct kvp_entry *table_find(const struct kvp_table *t, uint64_t hash, const void *key, size_t bytes)
{
	struct kvp_entry *e = t->buckets ? *place(t, hash) : NULL;

	while (e && (e->hash != hash || e->key_bytes != bytes || memcmp(e->key, key, bytes) != 0))
		e = e->next;
	return e;
}

/* Without memory for more buckets the chains grow. */
static err_t grow(struct kvp_table *t)
{
	uint64_t buckets = t->buckets ? 2 * t->buckets : BUCKETS_FIRST, old = t->buckets;
	struct kvp_entry **bucket, **before = t->bucket;

	if (t->entries < t->buckets)
		return ERR_OK;
	bucket = calloc(buckets, sizeof(struct kvp_entry *));
	if (!bucket)
		return t->buckets ? ERR_OK : ERR_NO_MEMORY;
	t->bucket = bucket;
	t->buckets = buckets;
	for (uint64_t i = 0; i < old; i++) {
		for (struct kvp_entry *e = before[i], *next; e; e = next) {
			struct kvp_entry **to = place(t, e->hash);

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(before);
	return ERR_OK;
}

struct kvp_entry *table_make(struct kvp_table *t, uint64_t hash, const void *key, size_t bytes)
{
	struct kvp_entry *e = table_find(t, hash, key, bytes), **to;

	if (e || grow(t))
		return e;
	e = calloc(1, sizeof(*e) + bytes);
	if (!e)
		return NULL;
	e->hash = hash;
	e->key_bytes = (uint32_t)bytes;
	e->gone = true;
	memcpy(e->key, key, bytes);
	to = place(t, hash);
	e->next = *to;
	*to = e;
	t->entries++;
	t->gone++;
	return e;
}

void table_drop(struct kvp_table *t, struct kvp_entry *e)
{
	struct kvp_entry **at = place(t, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	t->entries--;
	t->gone -= e->gone;
	free(e->value);
	free(e->tag);
	free(e);
}

err_t entry_set(struct kvp_table *t, struct kvp_entry *e, const void *value, size_t bytes, bool gone)
{
	void *copy = NULL;

	if (!gone) {
		copy = malloc(bytes ? bytes : 1);
		if (!copy)
			return ERR_NO_MEMORY;
		memcpy(copy, value, bytes);
	}
	free(e->value);
	e->value = copy;
	e->value_bytes = gone ? 0 : (uint32_t)bytes;
	t->gone += gone;
	t->gone -= e->gone;
	e->gone = gone;
	return ERR_OK;
}

struct kvp_tag *entry_tag(const struct kvp_entry *e, uint64_t who, uint64_t which)
{
	for (uint32_t i = 0; i < e->tags; i++)
		if (e->tag[i].who == who && e->tag[i].which == which)
			return &e->tag[i];
	return NULL;
}

err_t entry_tag_room(struct kvp_entry *e)
{
	uint32_t room = e->tag_room ? 2 * e->tag_room : TAGS_FIRST;
	struct kvp_tag *tag;

	if (e->tags < e->tag_room || e->tag_room == KVP_TAGS)
		return ERR_OK;
	tag = realloc(e->tag, room * sizeof(*tag));
	if (!tag)
		return ERR_NO_MEMORY;
	memset(tag + e->tag_room, 0, (room - e->tag_room) * sizeof(*tag));
	e->tag = tag;
	e->tag_room = room;
	return ERR_OK;
}

/* Where a new tag goes: over the oldest of a writer that has its share, else behind all, else over some in turn. */
static struct kvp_tag *tag_place(struct kvp_entry *e, uint64_t who)
{
	struct kvp_tag *oldest = NULL;
	unsigned same = 0;

	for (uint32_t i = 0; i < e->tags; i++) {
		if (e->tag[i].who != who)
			continue;
		same++;
		if (!oldest || e->tag[i].which < oldest->which)
			oldest = &e->tag[i];
	}
	if (same >= KVP_TAGS_OF_ONE)
		return oldest;
	return e->tags < e->tag_room ? &e->tag[e->tags++] : &e->tag[e->tag_next++ % e->tag_room];
}

struct kvp_tag entry_remember(struct kvp_entry *e, const struct kvp_tag *tag)
{
	struct kvp_tag before = { 0 }, *place;

	if (!tag->who || !e->tag_room || entry_tag(e, tag->who, tag->which))
		return before;
	place = tag_place(e, tag->who);
	before = *place;
	*place = *tag;
	return before;
}

void entry_forget(struct kvp_entry *e, const struct kvp_tag *tag, const struct kvp_tag *before)
{
	struct kvp_tag *place = tag->who ? entry_tag(e, tag->who, tag->which) : NULL;

	if (place)
		*place = *before;
}

struct kvp_entry **table_all(const struct kvp_table *t)
{
	struct kvp_entry **all = t->entries ? malloc(t->entries * sizeof(struct kvp_entry *)) : NULL;
	uint64_t n = 0;

	for (uint64_t i = 0; all && i < t->buckets; i++)
		for (struct kvp_entry *e = t->bucket[i]; e; e = e->next)
			all[n++] = e;
	return all;
}
