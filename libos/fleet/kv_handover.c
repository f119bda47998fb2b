/*
 * How the entries of a partitioned store move when the view changes.
 *
 * Of each entry one member is in charge: the first choice of the old view, or, when that is gone, the
 * next one that lives.  It sends the entry to those that are choices now and were none before, while the new view is
 * being told; a newcomer is told last, so it has all that is its when it begins (libos/fleet/fleet.h).  When the first
 * died in the midst of a write, of several mirrors some may have it and some not: they all get it then.
 *
 * Where the old view is not known to be settled, entries may lie as one before it says, and some as it says.
 * Then who has an entry sends it to all choices, and versions decide.  For the same reason a write goes to the
 * choices of the last settled view too while the present one is not settled.
 *
 * What a member has and is no choice for stays until the next view after one that is settled; it is dropped then, lest
 * a key that was removed meanwhile comes back.  A removed key's entry stays as `gone` until all
 * members are known to have the view in which it was removed.
 */
#include "libos/fleet/kv_partitioned.h"

#include "libos/fleet/private.h"

#include <stdlib.h>
#include <string.h>

#define TAGS_AT_ONCE 64

static err_t send_part(struct kvp *k, const struct kvp_entry *e, uint32_t number, const struct kvp_tag *tag,
		       uint32_t tags)
{
	struct kvp_message m;
	size_t bytes = tags * sizeof(*tag);
	size_t answered = 0;

	_Static_assert(KVP_KEY + KVP_VALUE + TAGS_AT_ONCE * sizeof(struct kvp_tag) <= sizeof m.byte, "an entry fits");
	m.head = (struct kvp_head){ .view = k->fleet->view.head.version,
				    .version = e->version,
				    .key_bytes = e->key_bytes,
				    .value_bytes = e->value_bytes,
				    .tags = tags,
				    .gone = e->gone };
	memcpy(m.byte, e->key, e->key_bytes);
	memcpy(m.byte + e->key_bytes, e->value ? e->value : "", e->value_bytes);
	memcpy(m.byte + e->key_bytes + e->value_bytes, tag ? (const void *)tag : "", bytes);
	return fleet_ask(k->fleet, number, FLEET_PORT_KV, KVP_MIRROR, &m,
			 sizeof m.head + e->key_bytes + e->value_bytes + bytes, NULL, &answered);
}

err_t kvp_mirror(struct kvp *k, const struct kvp_entry *e, uint32_t number, const struct kvp_tag *last)
{
	err_t err;

	if (last)
		return send_part(k, e, number, last, last->who != 0);
	err = e->tags ? ERR_OK : send_part(k, e, number, NULL, 0);
	for (uint32_t i = 0; i < e->tags && !err; i += TAGS_AT_ONCE) {
		uint32_t left = e->tags - i;

		err = send_part(k, e, number, e->tag + i, left < TAGS_AT_ONCE ? left : TAGS_AT_ONCE);
	}
	return err;
}

err_t kvp_mirrored(struct kvp *k, const struct kvp_head *h, const unsigned char *byte)
{
	const unsigned char *value = byte + h->key_bytes, *tags = value + h->value_bytes;
	struct kvp_entry *e = table_make(&k->table, view_hash(byte, h->key_bytes), byte, h->key_bytes);
	err_t err = e ? ERR_OK : ERR_NO_MEMORY;

	for (uint32_t i = 0; i < h->tags && !err; i++) {
		struct kvp_tag tag;

		memcpy(&tag, tags + i * sizeof tag, sizeof tag);
		err = entry_tag_room(e);
		if (!err)
			entry_remember(e, &tag);
	}
	if (!err && h->version > e->version)
		err = entry_set(&k->table, e, value, h->value_bytes, h->gone);
	if (err)
		return err;
	if (h->version > e->version)
		e->version = h->version;
	if (h->version > k->clock)
		k->clock = h->version;
	if (h->view > e->stamp)
		e->stamp = h->view;
	e->when = fabric_now(k->fleet->fabric);
	return ERR_OK;
}

/* To a member that has got the entry by the new view only. Who cannot take it is dead, or soon is. */
static void give(struct kvp *k, const struct kvp_entry *e, const struct kvp_choice *before, uint32_t to)
{
	if (to == k->fleet->number || kvp_chosen(before, to))
		return;
	k->pushed++;
	kvp_mirror(k, e, to, NULL);
}

/* Who was in charge of an entry: the first choice, or of the others the first that lives. UINT32_MAX: all are gone. */
static uint32_t in_charge(const struct kvp *k, const struct kvp_choice *before)
{
	for (unsigned i = 0; i < before->count; i++)
		if (view_get(&k->fleet->view, before->number[i]))
			return before->number[i];
	return UINT32_MAX;
}

static bool settled(const struct kvp *k, const struct fleet_view *v)
{
	return v->head.version <= k->fleet->view.head.settled;
}

static bool first_lives(const struct kvp *k, const struct kvp_choice *before)
{
	return before->count && view_get(&k->fleet->view, before->number[0]);
}

/* Do all that were chosen have it? Not if the first choice may have died in the midst of telling them. */
static bool complete(const struct kvp *k, const struct fleet_view *old, const struct kvp_choice *before,
		     unsigned mirrors)
{
	return settled(k, old) && (mirrors == 1 || first_lives(k, before));
}

static void move(struct kvp *k, struct kvp_entry *e, const struct fleet_view *old, unsigned mirrors)
{
	static const struct kvp_choice none;
	struct kvp_choice before = kvp_choose(old, e->hash, mirrors);
	struct kvp_choice now = kvp_choose(&k->fleet->view, e->hash, k->mirrors);
	uint32_t own = k->fleet->number;

	if (settled(k, old) && !kvp_chosen(&before, own) && e->stamp <= old->head.version && !e->busy) {
		table_drop(&k->table, e);
		return;
	}
	if (settled(k, old) && own != in_charge(k, &before))
		return;
	for (unsigned i = 0; i < now.count; i++)
		give(k, e, complete(k, old, &before, mirrors) ? &before : &none, now.number[i]);
}

/* Before anybody can ask for it. */
static void doubt(struct kvp *k, struct kvp_entry *e, const struct fleet_view *old, unsigned mirrors)
{
	struct kvp_choice before = kvp_choose(old, e->hash, mirrors);

	if (!e->busy && !complete(k, old, &before, mirrors) && kvp_first(k, e->hash) == k->fleet->number)
		e->unsure = true;
}

/* Who is told of an entry before its first view does not know who else was, nor whether that one lives. */
void kvp_begin(struct kvp *k)
{
	if (k->begun)
		return;
	k->begun = true;
	for (uint64_t i = 0; i < k->table.buckets; i++)
		for (struct kvp_entry *e = k->table.bucket[i]; e; e = e->next)
			e->unsure = true;
}

void kvp_changed(struct kvp *k, const struct fleet_view *old)
{
	uint64_t count = k->table.entries;
	struct kvp_entry **all = table_all(&k->table);
	/* The coordinator's old view has the new policy already. */
	unsigned mirrors = k->mirrors ? k->mirrors : old->head.policy.mirrors;

	kvp_begin(k);
	k->mirrors = k->fleet->view.head.policy.mirrors;
	if (settled(k, old))
		k->base = *old;
	if (count && !all) {
		self_end(k->fleet->self, "no memory to hand over");
		return;
	}
	k->moving = true;
	for (uint64_t i = 0; i < count; i++)
		doubt(k, all[i], old, mirrors);
	for (uint64_t i = 0; i < count; i++)
		move(k, all[i], old, mirrors);
	k->moving = false;
	free(all);
}
