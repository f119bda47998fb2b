/*
 * Records of processes in the fleet's partitioned store: records.h.
 */
#include "services/proc/records.h"

#include "libos/core/monitor_client.h"
#include "libos/fleet/kv_partitioned.h"

#include <stdlib.h>
#include <string.h>

/* Keys begin with a letter that says what they are. */
struct id_key {
	uint32_t kind;
	uint32_t id;
};
struct ticket_key {
	uint32_t kind[2];
	uint64_t ticket;
};
enum { KIND_ID = 'i', KIND_TICKET = 't' };

static struct kvp store;

/* For a write that expects something: known when it comes again after the death of a member, and not refused. */
static struct kvp_tag tag_make(void)
{
	static uint64_t writes;

	return (struct kvp_tag){ .who = process_self_pid(), .which = ++writes };
}

err_t records_open(struct fleet *f) { return kvp_init(&store, f); }

void records_changed(const struct fleet_view *old) { kvp_changed(&store, old); }

err_t record_get(uint32_t id, struct record *out)
{
	const struct id_key key = { KIND_ID, id };
	size_t bytes = sizeof *out;

	return kvp_get(&store, &key, sizeof key, out, &bytes, NULL);
}

err_t record_put(const struct record *r)
{
	const struct id_key key = { KIND_ID, r->id };

	return kvp_put(&store, &key, sizeof key, r, sizeof *r, KVP_ANY, NULL);
}

err_t ticket_find(uint64_t ticket, uint32_t *id)
{
	const struct ticket_key key = { { KIND_TICKET }, ticket };
	size_t bytes = sizeof *id;

	return kvp_get(&store, &key, sizeof key, id, &bytes, NULL);
}

err_t ticket_take(uint64_t ticket, uint32_t *id)
{
	const struct ticket_key key = { { KIND_TICKET }, ticket };
	struct kvp_tag tag = tag_make();
	err_t err = kvp_put(&store, &key, sizeof key, id, sizeof *id, KVP_NONE, &tag);

	if (err == ERR_EXISTS && ticket_find(ticket, id))
		return ERR_AGAIN;
	return err;
}

void record_drop(uint32_t id)
{
	const struct id_key key = { KIND_ID, id };

	kvp_remove(&store, &key, sizeof key, KVP_ANY, NULL);
}

bool record_remove(const struct record *r)
{
	const struct ticket_key ticket = { { KIND_TICKET }, r->ticket };
	const struct id_key key = { KIND_ID, r->id };
	struct kvp_tag tag = tag_make();
	struct record now;
	size_t bytes = sizeof now;
	uint64_t version;

	if (kvp_get(&store, &key, sizeof key, &now, &bytes, &version) || now.ticket != r->ticket ||
	    now.watcher != r->watcher || now.state != r->state || kvp_remove(&store, &key, sizeof key, version, &tag))
		return false;
	kvp_remove(&store, &ticket, sizeof ticket, KVP_ANY, NULL);
	return true;
}

/* --- all that are ours ------------------------------------------------------------------------- */

struct copies {
	struct record *r;
	uint32_t count, room;
	bool all;
};

static void copy(void *arg, const struct kvp_entry *e)
{
	struct copies *c = arg;

	if (e->key_bytes != sizeof(struct id_key) || e->value_bytes != sizeof(struct record))
		return;
	if (c->count == c->room)
		c->all = false;
	else
		memcpy(&c->r[c->count++], e->value, sizeof(struct record));
}

struct numbers {
	uint32_t *id;
	uint32_t count, room;
};

static void number_note(void *arg, const struct kvp_entry *e)
{
	struct numbers *n = arg;
	struct id_key key;

	if (e->key_bytes != sizeof key)
		return;
	memcpy(&key, e->key, sizeof key);
	if (n->count < n->room)
		n->id[n->count] = key.id;
	n->count++;
}

uint32_t records_ids(uint32_t *ids, uint32_t room)
{
	struct numbers n = { .id = ids, .room = room };

	kvp_each(&store, number_note, &n);
	return n.count;
}

err_t records_own(void (*fn)(const struct record *r))
{
	struct copies c = { .room = 256 };

	/* fn makes calls, and the store changes meanwhile: it gets copies. */
	do {
		free(c.r);
		c.room *= 2;
		c.count = 0;
		c.all = true;
		c.r = malloc(c.room * sizeof *c.r);
		if (!c.r)
			return ERR_NO_MEMORY;
		kvp_each(&store, copy, &c);
	} while (!c.all);
	for (uint32_t i = 0; i < c.count; i++)
		fn(&c.r[i]);
	free(c.r);
	return ERR_OK;
}
