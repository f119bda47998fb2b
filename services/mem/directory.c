/*
 * Directories: a hash of names, and the names in the order in which they came.
 *
 * Each name has a serial, by which a reader goes on where it was whatever came and went meanwhile: what is there
 * all the time is read once. Removed names leave empty slots until half of all are.
 */
#include <stdlib.h>
#include <string.h>

#include "services/mem/memfs.h"

#define BUCKETS_FIRST 8u
#define SLOTS_FIRST 8u

struct mem_entry {
	struct mem_entry *next; /* in its bucket */
	struct mem_inode *inode;
	uint64_t serial;
	uint32_t hash;
	uint8_t length;
	char name[];
};

static uint32_t hash_of(struct ninep_text name)
{
	uint64_t h = name.length;

	for (uint32_t i = 0; i < name.length; i++)
		h = (h ^ (uint8_t)name.at[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

struct mem_entry *mem_entry_find(const struct mem_inode *dir, struct ninep_text name)
{
	uint32_t hash = hash_of(name);
	struct mem_entry *e = dir->dir.buckets ? dir->dir.bucket[hash & (dir->dir.buckets - 1)] : NULL;

	while (e && (e->hash != hash || e->length != name.length || memcmp(e->name, name.at, name.length)))
		e = e->next;
	return e;
}

struct mem_inode *mem_entry_inode(const struct mem_entry *e) { return e->inode; }
void mem_entry_set(struct mem_entry *e, struct mem_inode *i) { e->inode = i; }

/* --- room ------------------------------------------------------------------------------------------ */

static bool buckets_grow(struct mem_inode *dir)
{
	struct mem_directory *d = &dir->dir;
	uint32_t buckets = d->buckets ? d->buckets * 2 : BUCKETS_FIRST;
	struct mem_entry **bucket, *e;

	if (d->count < d->buckets)
		return true;
	bucket = mem_take(dir->fs, buckets * sizeof(*bucket));
	if (!bucket)
		return false;
	for (uint32_t b = 0; b < d->buckets; b++)
		while ((e = d->bucket[b])) {
			d->bucket[b] = e->next;
			e->next = bucket[e->hash & (buckets - 1)];
			bucket[e->hash & (buckets - 1)] = e;
		}
	mem_give(dir->fs, d->bucket, d->buckets * sizeof(*d->bucket));
	d->bucket = bucket;
	d->buckets = buckets;
	return true;
}

static void slots_close(struct mem_directory *d)
{
	uint32_t to = 0;

	for (uint32_t at = 0; at < d->slots; at++)
		if (d->slot[at].entry)
			d->slot[to++] = d->slot[at];
	d->slots = to;
}

static bool slots_grow(struct mem_inode *dir)
{
	struct mem_directory *d = &dir->dir;
	uint32_t room = d->room ? d->room * 2 : SLOTS_FIRST;
	struct mem_slot *slot;

	if (d->slots < d->room)
		return true;
	if (d->count < d->slots / 2) {
		slots_close(d);
		return true;
	}
	slot = mem_take(dir->fs, room * sizeof(*slot));
	if (!slot)
		return false;
	if (d->slots)
		memcpy(slot, d->slot, d->slots * sizeof(*slot));
	mem_give(dir->fs, d->slot, d->room * sizeof(*d->slot));
	d->slot = slot;
	d->room = room;
	return true;
}

struct mem_entry *mem_entry_prepare(struct mem_inode *dir, struct ninep_text name)
{
	struct mem_entry *e;

	if (!buckets_grow(dir) || !slots_grow(dir))
		return NULL;
	e = mem_take(dir->fs, sizeof(*e) + name.length);
	if (!e)
		return NULL;
	e->hash = hash_of(name);
	e->length = (uint8_t)name.length;
	memcpy(e->name, name.at, name.length);
	return e;
}

void mem_entry_give(struct mem_inode *dir, struct mem_entry *e) { mem_give(dir->fs, e, sizeof(*e) + e->length); }

/* --- change ----------------------------------------------------------------------------------------- */

void mem_entry_add(struct mem_inode *dir, struct mem_entry *e, struct mem_inode *i)
{
	struct mem_directory *d = &dir->dir;
	struct mem_entry **bucket = &d->bucket[e->hash & (d->buckets - 1)];

	e->inode = i;
	e->serial = ++d->serial;
	e->next = *bucket;
	*bucket = e;
	d->slot[d->slots++] = (struct mem_slot){ e->serial, e };
	d->count++;
}

unsigned mem_entry_load(struct mem_inode *dir, struct ninep_text name, uint64_t serial, struct mem_inode *i)
{
	struct mem_entry *e = mem_entry_prepare(dir, name);

	if (!e)
		return NINEP_ENOSPC;
	dir->dir.serial = serial - 1;
	mem_entry_add(dir, e, i);
	return 0;
}

/* The first slot from that serial on. */
static uint32_t slot_from(const struct mem_directory *d, uint64_t serial)
{
	uint32_t low = 0, high = d->slots;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->slot[middle].serial < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void mem_entry_remove(struct mem_inode *dir, struct mem_entry *e)
{
	struct mem_directory *d = &dir->dir;
	struct mem_entry **at = &d->bucket[e->hash & (d->buckets - 1)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	d->slot[slot_from(d, e->serial)].entry = NULL;
	d->count--;
	if (!d->count)
		d->slots = 0;
	mem_entry_give(dir, e);
}

unsigned mem_next(const struct mem_inode *dir, uint64_t *index, struct mem_inode **out, char *name)
{
	const struct mem_directory *d = &dir->dir;
	uint32_t at = slot_from(d, *index);
	const struct mem_entry *e;

	while (at < d->slots && !d->slot[at].entry)
		at++;
	if (at == d->slots)
		return NINEP_ENOENT;
	e = d->slot[at].entry;
	*index = e->serial;
	*out = e->inode;
	memcpy(name, e->name, e->length);
	name[e->length] = 0;
	return 0;
}

void mem_directory_free(struct mem_inode *dir)
{
	struct mem_directory *d = &dir->dir;

	mem_give(dir->fs, d->bucket, d->buckets * sizeof(*d->bucket));
	mem_give(dir->fs, d->slot, d->room * sizeof(*d->slot));
}
