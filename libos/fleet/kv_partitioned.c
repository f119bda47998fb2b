/*
 * Reads and writes of a partitioned store: at the member that has the key, and on the way there.
 *
 * Who asks says which view he goes by.  A member that has an older one waits for that; one that has not
 * got the key in its own view says ERR_AGAIN, and who asks looks again by a later view.
 */
#include "libos/fleet/kv_partitioned.h"

#include "libos/fleet/private.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MS 10000   /* a removed key is remembered at least so long: a client may repeat its call till then */
#define SWEEP_LEAST 256 /* removed keys, before they are looked through */

struct kvp_choice kvp_choose(const struct fleet_view *v, uint64_t hash, unsigned mirrors)
{
	const struct fleet_member *choice[FLEET_MIRRORS + 1];
	struct kvp_choice c = { .count = view_choose(v, hash, choice, mirrors + 1) };

	for (unsigned i = 0; i < c.count; i++)
		c.number[i] = choice[i]->number;
	return c;
}

bool kvp_chosen(const struct kvp_choice *c, uint32_t number)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->number[i] == number)
			return true;
	return false;
}

/* By our view. */
static struct kvp_choice choose(const struct kvp *k, uint64_t hash)
{
	return kvp_choose(&k->fleet->view, hash, k->fleet->view.head.policy.mirrors);
}

uint32_t kvp_first(const struct kvp *k, uint64_t hash)
{
	struct kvp_choice c = kvp_choose(&k->fleet->view, hash, 0);

	return c.count ? c.number[0] : UINT32_MAX;
}

struct kvp_tag kvp_tag_of(const struct rpc_call *call)
{
	uint64_t who[2] = { call->peer, rpc_call_identity(call) };

	/* 0 would be no tag. */
	return (struct kvp_tag){ .who = view_hash(who, sizeof who) | 1, .which = rpc_call_sequence(call) };
}

void kvp_each(struct kvp *k, void (*fn)(void *arg, const struct kvp_entry *e), void *arg)
{
	for (uint64_t i = 0; i < k->table.buckets; i++)
		for (const struct kvp_entry *e = k->table.bucket[i]; e; e = e->next)
			if (!e->gone && kvp_first(k, e->hash) == k->fleet->number)
				fn(arg, e);
}

/* --- at the member that has the key ------------------------------------------------------------ */

/* The key's entry when nobody writes it, or NULL; waits. ERR_AGAIN: the key is not ours. */
static err_t entry_ours(struct kvp *k, const struct kvp_head *h, uint64_t hash, const void *key, struct kvp_entry **out)
{
	fleet_wait_view(k->fleet, h->view);
	kvp_begin(k);
	while (kvp_first(k, hash) == k->fleet->number) {
		*out = table_find(&k->table, hash, key, h->key_bytes);
		if (!*out || !((*out)->busy || (*out)->unsure))
			return ERR_OK;
		if ((*out)->busy)
			self_wait(k->fleet->self, 0);
		else
			kvp_assure(k, *out);
	}
	return ERR_AGAIN;
}

static err_t serve_get(struct kvp *k, const struct kvp_head *h, const unsigned char *byte, void *answer,
		       size_t *answered)
{
	struct kvp_entry *e = NULL;
	err_t err = entry_ours(k, h, view_hash(byte, h->key_bytes), byte, &e);

	if (err)
		return err;
	if (!e || e->gone)
		return ERR_NOT_FOUND;
	if (*answered < sizeof(e->version) + e->value_bytes)
		return ERR_TOO_LONG;
	memcpy(answer, &e->version, sizeof(e->version));
	memcpy((char *)answer + sizeof(e->version), e->value, e->value_bytes);
	*answered = sizeof(e->version) + e->value_bytes;
	return ERR_OK;
}

/* To those of `c`, but for us, that `but` has not. */
static err_t mirror_to(struct kvp *k, const struct kvp_entry *e, const struct kvp_choice *c,
		       const struct kvp_choice *but, const struct kvp_tag *tag)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < c->count && !err; i++)
		if (c->number[i] != k->fleet->number && !kvp_chosen(but, c->number[i]))
			err = kvp_mirror(k, e, c->number[i], tag);
	return err;
}

/* To the choices of the last settled view, while the present one is not: it may come to nothing. */
static err_t mirror_base(struct kvp *k, const struct kvp_entry *e, const struct kvp_choice *now,
			 const struct kvp_tag *tag)
{
	struct kvp_choice c = kvp_choose(&k->base, e->hash, k->base.head.policy.mirrors), left = { 0 };

	for (unsigned i = 0; i < c.count; i++)
		if (view_get(&k->fleet->view, c.number[i]))
			left.number[left.count++] = c.number[i];
	return mirror_to(k, e, &left, now, tag);
}

/*
 * Until the entry is where the view wants it; the view may change any number of times, and the entry become another's:
 * all choices have it even then before anybody is told that it was written.
 */
static err_t mirror_wait(struct kvp *k, struct kvp_entry *e, const struct kvp_tag *tag)
{
	static const struct kvp_choice none;
	struct fleet *f = k->fleet;

	for (;;) {
		uint64_t version = f->view.head.version;
		struct kvp_choice c = choose(k, e->hash);
		err_t err = mirror_to(k, e, &c, &none, tag);

		if (!err && !fleet_settled(f))
			err = mirror_base(k, e, &c, tag);
		if (err && err != ERR_CLOSED && err != ERR_NOT_FOUND)
			return err;
		if (err)
			fleet_wait_change(f, version);
		else if (version == f->view.head.version)
			return ERR_OK;
	}
}

void kvp_assure(struct kvp *k, struct kvp_entry *e)
{
	e->busy = true;
	/* A mirror that has no room for it gets the value with the next write that it has room for. */
	mirror_wait(k, e, NULL);
	e->busy = e->unsure = false;
	self_wake(k->fleet->self);
}

/* What was there, to be put back when the mirror has no room. */
struct before {
	unsigned char value[KVP_VALUE];
	size_t bytes;
	bool gone;
	uint64_t version;
};

static void before_keep(struct before *b, const struct kvp_entry *e)
{
	b->bytes = e->value_bytes;
	b->gone = e->gone;
	b->version = e->version;
	memcpy(b->value, e->value ? e->value : "", e->value_bytes);
}

static err_t check(const struct kvp_head *h, const struct kvp_entry *e, bool remove)
{
	bool there = e && !e->gone;

	if (h->version == KVP_NONE && !remove)
		return there ? ERR_EXISTS : ERR_OK;
	if (h->version == KVP_ANY)
		return there || !remove ? ERR_OK : ERR_NOT_FOUND;
	if (!there)
		return ERR_NOT_FOUND;
	return h->version == e->version ? ERR_OK : ERR_STALE;
}

/* Here, then at the mirror. Nobody else reads or writes the entry meanwhile. */
static err_t write_entry(struct kvp *k, struct kvp_entry *e, const struct kvp_head *h, const unsigned char *value,
			 bool remove)
{
	struct before before;
	struct kvp_tag tag_before;
	err_t err = entry_tag_room(e);

	before_keep(&before, e);
	if (!err)
		err = entry_set(&k->table, e, value, h->value_bytes, remove);
	if (err)
		return err;
	e->version = ++k->clock;
	e->stamp = k->fleet->view.head.version;
	e->when = fabric_now(k->fleet->fabric);
	e->busy = true;
	/* With the value, not when all have it: who is handed the entry meanwhile must know what made it. */
	tag_before = entry_remember(e, &h->tag);
	err = mirror_wait(k, e, &h->tag);
	/* The old value takes no more room than it had; a later version, for the mirror may have taken the new one. */
	if (err && entry_set(&k->table, e, before.value, before.bytes, before.gone))
		self_end(k->fleet->self, "no memory to undo a write");
	if (err)
		entry_forget(e, &h->tag, &tag_before);
	e->busy = false;
	self_wake(k->fleet->self);
	return err;
}

/* Its removal is known to all members, and nobody will ask for it again. */
static bool forgettable(const struct kvp *k, const struct kvp_entry *e)
{
	return e->gone && !e->busy && e->stamp <= k->fleet->self->settled &&
	       fabric_now(k->fleet->fabric) - e->when > fleet_ms(k->fleet, KEPT_MS);
}

/* Removed keys are forgotten now and then: when there are many, and as many more since the last time. */
static void sweep(struct kvp *k)
{
	struct kvp_entry **all;
	uint64_t count = k->table.entries;

	if (k->moving || k->table.gone < k->sweep_at)
		return;
	all = table_all(&k->table);
	for (uint64_t i = 0; all && i < count; i++)
		if (forgettable(k, all[i]))
			table_drop(&k->table, all[i]);
	free(all);
	k->sweep_at = k->table.gone + k->table.entries / 4 + SWEEP_LEAST;
}

static err_t serve_write(struct kvp *k, const struct kvp_head *h, const unsigned char *byte, bool remove, void *answer,
			 size_t *answered)
{
	uint64_t hash = view_hash(byte, h->key_bytes), note = h->tag.note;
	const struct kvp_tag *done;
	struct kvp_entry *e = NULL;
	err_t err = entry_ours(k, h, hash, byte, &e);

	if (err)
		return err;
	done = e ? entry_tag(e, h->tag.who, h->tag.which) : NULL;
	if (done && h->tag.who) {
		note = done->note;
	} else {
		err = check(h, e, remove);
		if (!err && !e) {
			sweep(k);
			e = table_make(&k->table, hash, byte, h->key_bytes);
			err = e ? ERR_OK : ERR_NO_MEMORY;
		}
		if (!err)
			err = write_entry(k, e, h, byte + h->key_bytes, remove);
	}
	if (err || *answered < sizeof note)
		return err ? err : ERR_TOO_LONG;
	memcpy(answer, &note, sizeof note);
	*answered = sizeof note;
	return ERR_OK;
}

/*
 * They wait for each other, for mirrors, for views. So many may, and no more: a thread must be left for the view that
 * they wait for.
 */
#define SERVED_MOST (RPC_THREADS_INNER * 3 / 4)

static err_t serve(struct kvp *k, uint32_t what, const struct kvp_message *m, void *answer, size_t *answered)
{
	err_t err;

	if (k->serving >= SERVED_MOST)
		return ERR_AGAIN;
	k->serving++;
	if (what == KVP_GET)
		err = serve_get(k, &m->head, m->byte, answer, answered);
	else
		err = serve_write(k, &m->head, m->byte, what == KVP_REMOVE, answer, answered);
	k->serving--;
	return err;
}

static err_t port(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		  size_t *answered)
{
	const struct kvp_message *m = data;
	const struct kvp_head *h = &m->head;
	struct kvp *k = arg;

	(void)from;
	if (bytes < sizeof(*h) || h->key_bytes > KVP_KEY || h->value_bytes > KVP_VALUE || h->tags > KVP_TAGS ||
	    bytes != sizeof(*h) + h->key_bytes + h->value_bytes + h->tags * sizeof(struct kvp_tag))
		return ERR_MESSAGE;
	if (what == KVP_GET || what == KVP_PUT || what == KVP_REMOVE)
		return serve(k, what, m, answer, answered);
	*answered = 0;
	return what == KVP_MIRROR ? kvp_mirrored(k, h, m->byte) : ERR_UNSUPPORTED;
}

err_t kvp_init(struct kvp *k, struct fleet *f)
{
	*k = (struct kvp){ .fleet = f, .sweep_at = SWEEP_LEAST };
	fleet_listen(f, FLEET_PORT_KV, port, k);
	return ERR_OK;
}

/* --- on the way there ---------------------------------------------------------------------------- */

/* For another view than that, but a millisecond at most. */
static void pause(struct fleet *f, uint64_t version)
{
	cycles_t deadline = fabric_now(f->fabric) + f->self->ms;

	while (version == f->view.head.version && fabric_now(f->fabric) < deadline)
		self_wait(f->self, deadline);
}

/* Asks whoever has the key, by ever later views, until somebody has it. */
static err_t ask_owner(struct kvp *k, enum kvp_word what, struct kvp_message *m, void *answer, size_t *answered)
{
	size_t room = *answered, bytes = sizeof(m->head) + m->head.key_bytes + m->head.value_bytes;
	uint64_t hash = view_hash(m->byte, m->head.key_bytes);
	struct fleet *f = k->fleet;

	for (;;) {
		uint64_t version = f->view.head.version;
		err_t err;

		m->head.view = version;
		*answered = room;
		err = fleet_ask(f, kvp_first(k, hash), FLEET_PORT_KV, what, m, bytes, answer, answered);
		if (err == ERR_CLOSED || err == ERR_NOT_FOUND) {
			if (err == ERR_NOT_FOUND && version == f->view.head.version)
				return err; /* said by the owner: there is no such key */
			if (f->self->ending)
				return ERR_CLOSED;
			pause(f, version);
		} else if (err == ERR_AGAIN) {
			pause(f, version);
		} else {
			return err;
		}
	}
}

static err_t message_fill(struct kvp_message *m, const void *key, size_t key_bytes, const void *value, size_t bytes,
			  uint64_t expected, const struct kvp_tag *tag)
{
	if (key_bytes > KVP_KEY || bytes > KVP_VALUE)
		return ERR_TOO_LONG;
	m->head = (struct kvp_head){ .version = expected,
				     .key_bytes = (uint32_t)key_bytes,
				     .value_bytes = (uint32_t)bytes };
	if (tag)
		m->head.tag = *tag;
	memcpy(m->byte, key, key_bytes);
	memcpy(m->byte + key_bytes, value, bytes);
	return ERR_OK;
}

err_t kvp_get(struct kvp *k, const void *key, size_t key_bytes, void *value, size_t *bytes, uint64_t *version)
{
	unsigned char answer[sizeof(uint64_t) + KVP_VALUE];
	size_t answered = sizeof answer;
	struct kvp_message m;
	err_t err = message_fill(&m, key, key_bytes, "", 0, KVP_ANY, NULL);

	if (!err)
		err = ask_owner(k, KVP_GET, &m, answer, &answered);
	if (!err && (answered < sizeof(uint64_t) || answered - sizeof(uint64_t) > *bytes))
		err = ERR_TOO_LONG;
	if (err)
		return err;
	*bytes = answered - sizeof(uint64_t);
	memcpy(value, answer + sizeof(uint64_t), *bytes);
	if (version)
		memcpy(version, answer, sizeof *version);
	return ERR_OK;
}

static err_t write_key(struct kvp *k, enum kvp_word what, struct kvp_message *m, struct kvp_tag *tag)
{
	uint64_t note = 0;
	size_t answered = sizeof note;
	err_t err = ask_owner(k, what, m, &note, &answered);

	if (!err && tag)
		tag->note = note;
	return err;
}

err_t kvp_put(struct kvp *k, const void *key, size_t key_bytes, const void *value, size_t bytes, uint64_t expected,
	      struct kvp_tag *tag)
{
	struct kvp_message m;
	err_t err = message_fill(&m, key, key_bytes, value, bytes, expected, tag);

	return err ? err : write_key(k, KVP_PUT, &m, tag);
}

err_t kvp_remove(struct kvp *k, const void *key, size_t key_bytes, uint64_t expected, struct kvp_tag *tag)
{
	struct kvp_message m;
	err_t err = message_fill(&m, key, key_bytes, "", 0, expected, tag);

	return err ? err : write_key(k, KVP_REMOVE, &m, tag);
}
