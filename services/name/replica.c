/*
 * Checking and applying changes of the table, and copying it piece by piece.
 */
#include "services/name/replica.h"

#include <string.h>

size_t replica_pack(void *to, const struct name_change *c, const char *path)
{
	size_t length = strlen(path) + 1;

	memcpy(to, c, sizeof *c);
	memcpy((char *)to + sizeof *c, path, length);
	return sizeof *c + length;
}

/* The path of a packed change, or NULL when it is malformed. */
static const char *unpack(struct name_change *c, const void *data, size_t bytes)
{
	const char *path = (const char *)data + sizeof *c;

	if (bytes <= sizeof *c || path[bytes - sizeof *c - 1])
		return NULL;
	memcpy(c, data, sizeof *c);
	return path;
}

/* --- checking ------------------------------------------------------------------------- */

static err_t check_put(struct name_table *t, const struct name_change *c, const char *path)
{
	uint32_t node = table_find(t, path);
	struct name_entry e;

	if (!c->mailbox.pid || node == TABLE_ROOT)
		return ERR_ARGUMENT;
	if (node == TABLE_NONE)
		return table_room(t, path);
	table_entry(t, node, &e);
	if (e.policy)
		return ERR_EXISTS;
	if (e.mailbox.pid && !(c->flags & NAME_REPLACE) && !mailbox_same(&e.mailbox, &c->mailbox))
		return ERR_EXISTS;
	return ERR_OK;
}

static err_t check_remove(struct name_table *t, const char *path)
{
	uint32_t node = table_find(t, path);
	struct name_entry e;

	if (node == TABLE_NONE)
		return ERR_NOT_FOUND;
	table_entry(t, node, &e);
	return e.mailbox.pid || e.policy ? ERR_OK : ERR_NOT_FOUND;
}

static err_t check_policy(struct name_table *t, const struct name_change *c, const char *path)
{
	uint32_t node = table_find(t, path);
	struct name_entry e = { .below = 0 };

	if (c->policy >= NAME_POLICIES || node == TABLE_ROOT)
		return ERR_ARGUMENT;
	if (node != TABLE_NONE)
		table_entry(t, node, &e);
	if (e.mailbox.pid)
		return ERR_EXISTS;
	return table_room(t, path);
}

static err_t replica_check(void *store, const void *change, size_t bytes)
{
	struct replica *r = store;
	struct name_change c;
	const char *path = unpack(&c, change, bytes);
	err_t err = path ? ERR_OK : ERR_MESSAGE;

	if (!err && c.kind != CHANGE_GONE)
		err = table_path_check(path);
	if (err)
		return err;
	switch (c.kind) {
	case CHANGE_PUT:
		return check_put(&r->table, &c, path);
	case CHANGE_REMOVE:
		return check_remove(&r->table, path);
	case CHANGE_POLICY:
		return check_policy(&r->table, &c, path);
	case CHANGE_GONE:
		return c.mailbox.pid ? ERR_OK : ERR_ARGUMENT;
	default:
		return ERR_MESSAGE;
	}
}

/* --- applying --------------------------------------------------------------------------- */

static void fire(void *arg, const char *path)
{
	struct replica *r = arg;

	watches_fire(&r->watches, path, r->table.version);
}

static void apply_one(struct replica *r, const struct name_change *c, const char *path)
{
	switch (c->kind) {
	case CHANGE_PUT:
		table_put(&r->table, path, &c->mailbox);
		if (r->put)
			r->put(r, c->mailbox.pid);
		break;
	case CHANGE_REMOVE:
		table_remove(&r->table, path);
		break;
	case CHANGE_POLICY:
		table_policy(&r->table, path, c->policy);
		break;
	default:
		table_remove_process(&r->table, c->mailbox.pid, r->watches.count ? fire : NULL, r);
	}
}

static void replica_apply(void *store, uint64_t sequence, const void *change, size_t bytes)
{
	struct replica *r = store;
	struct name_change c;
	const char *path = unpack(&c, change, bytes);
	char normal[NAME_PATH + 1];

	r->table.version = sequence;
	apply_one(r, &c, path);
	if (c.kind == CHANGE_GONE || !r->watches.count)
		return;
	table_path_normal(path, normal);
	watches_fire(&r->watches, normal, sequence);
}

/* --- copying ------------------------------------------------------------------------------ */

struct piece {
	struct name_entry entry;
	uint64_t serial;
	uint32_t length; /* of the path behind it, with its NUL; padded to 8 bytes */
	uint32_t unused;
};

static size_t piece_bytes(uint32_t length) { return sizeof(struct piece) + ((length + 7u) & ~7u); }

/* *cursor is the node that was saved last. */
static size_t replica_save(void *store, uint64_t *cursor, void *to, size_t room)
{
	const struct replica *r = store;
	char path[NAME_PATH + 1];
	size_t used = 0;

	for (;;) {
		uint32_t at = (uint32_t)*cursor;
		struct piece p = { .unused = 0 };

		if (!table_next(&r->table, &at, path, &p.serial, &p.entry))
			return used;
		p.length = (uint32_t)strlen(path) + 1;
		if (piece_bytes(p.length) > room - used)
			return used;
		memcpy((char *)to + used, &p, sizeof p);
		memcpy((char *)to + used + sizeof p, path, p.length);
		used += piece_bytes(p.length);
		*cursor = at;
	}
}

static err_t piece_load(struct replica *r, const struct piece *p, const char *path)
{
	err_t err = path[p->length - 1] || p->entry.policy >= NAME_POLICIES ? ERR_MESSAGE : table_path_check(path);

	if (!err)
		err = table_room(&r->table, path);
	if (err)
		return err;
	table_restore(&r->table, path, p->serial, &p->entry);
	if (r->put && p->entry.mailbox.pid)
		r->put(r, p->entry.mailbox.pid);
	return ERR_OK;
}

static err_t replica_load(void *store, const void *from, size_t bytes)
{
	const char *at = from, *end = at + bytes;

	while (at < end) {
		struct piece p;
		err_t err;

		if ((size_t)(end - at) < sizeof p)
			return ERR_MESSAGE;
		memcpy(&p, at, sizeof p);
		if (!p.length || p.length > NAME_PATH + 1 || piece_bytes(p.length) > (size_t)(end - at))
			return ERR_MESSAGE;
		err = piece_load(store, &p, at + sizeof p);
		if (err)
			return err;
		at += piece_bytes(p.length);
	}
	return ERR_OK;
}

static err_t replica_clear(void *store, uint64_t sequence)
{
	struct replica *r = store;
	err_t err;

	table_destroy(&r->table);
	r->clears++;
	err = table_init(&r->table);
	r->table.version = sequence;
	watches_fire_all(&r->watches, sequence);
	return err;
}

err_t replica_init(struct replica *r)
{
	memset(r, 0, sizeof *r);
	return table_init(&r->table);
}

const struct kv_store replica_store = { .check = replica_check,
					.apply = replica_apply,
					.save = replica_save,
					.load = replica_load,
					.clear = replica_clear };
