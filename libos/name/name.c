/*
 * The client of the name service: its channel, and the cache.
 *
 * A cached name is found by a hash of its bytes, eight at a time, in one of NAME_CACHE entries; another name with
 * the same place takes it over.  From its second use on an entry is watched, by a call that is under way, and believed; before
 * it is believed, the channel is looked at for answers.
 */
#include "libos/name/name.h"
#include "libos/core/monitor_client.h"
#include "services/name/name_client.h"

#include <string.h>

/* --- the channel ---------------------------------------------------------------------------- */

/* While members change there may be none for a moment. */
static err_t renew(struct rpc_client *rpc)
{
	struct name_client *n = (struct name_client *)rpc;
	cycles_t start = fabric_now(rpc->fabric);
	err_t err;

	while ((err = rpc_client_open(rpc, NAME_SERVICE)) && err != ERR_NO_MEMORY &&
	       fabric_now(rpc->fabric) - start < n->patience) {
		if (rpc->server)
			rpc_release(rpc->server);
		thread_sleep_until(fabric_now(rpc->fabric) + n->patience / NAME_PATIENCE_MS);
	}
	return err;
}

void name_client_init(struct name_client *n, struct fabric *f, struct rpc_server *server)
{
	_Static_assert(offsetof(struct name_client, rpc) == 0, "the runtime hands back the rpc_client");
	struct mon_core core;

	memset(n, 0, sizeof *n);
	rpc_client_init(&n->rpc, f, server);
	n->rpc.renew = renew;
	mutex_init(&n->lock, false);
	if (!mon_core(process_self_core(), &core))
		n->patience = core.tsc_hz / 1000 * NAME_PATIENCE_MS;
}

/* --- the cache ------------------------------------------------------------------------------- */

/* 0 for a name that is not cached. The bytes behind the NUL in its last word count for nothing. */
static inline uint64_t hash_of(const char *path, size_t length)
{
	uint64_t h = length, word;
	size_t i = 0;

	for (; i + sizeof word <= length; i += sizeof word) {
		memcpy(&word, path + i, sizeof word);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	word = 0;
	for (; i < length; i++)
		word = word << 8 | (unsigned char)path[i];
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return (h ^ h >> 32) | 1;
}

static inline struct name_cached *entry_at(struct name_client *n, uint64_t hash)
{
	return &n->cached[hash >> 1 & (NAME_CACHE - 1)];
}

/* A watch that is under way is given up, here and at the service. */
static void entry_free(struct name_client *n, struct name_cached *e)
{
	e->hash = 0;
	if (!e->watched)
		return;
	if (!rpc_done(&e->watch))
		name_unwatch(&n->rpc, e->path);
	rpc_abandon(&e->watch);
	e->watched = false;
}

/* Takes the answers that have come; what they are about is to be asked again. */
static void answers_take(struct name_client *n)
{
	rpc_client_poll(&n->rpc);
	for (unsigned i = 0; i < NAME_CACHE; i++)
		if (n->cached[i].watched && rpc_done(&n->cached[i].watch))
			entry_free(n, &n->cached[i]);
}

static void entry_watch(struct name_client *n, struct name_cached *e)
{
	e->watched = !name_watch_start(&n->rpc, &e->watch, e->path, e->answer.version);
}

static void entry_put(struct name_client *n, const char *path, size_t length, const struct name_answer *answer)
{
	uint64_t hash = hash_of(path, length);
	struct name_cached *e = entry_at(n, hash);

	/* A watch that was asked for before this answer came stays. */
	if (e->hash != hash || memcmp(e->path, path, length + 1) || (e->watched && rpc_done(&e->watch)))
		entry_free(n, e);
	e->hash = hash;
	e->answer = *answer;
	memcpy(e->path, path, length + 1);
}

static void cache_lock(struct name_client *n)
{
	if (n->shared)
		mutex_lock(&n->lock);
}

static void cache_unlock(struct name_client *n)
{
	if (n->shared)
		mutex_unlock(&n->lock);
}

static struct name_cached *entry_find(struct name_client *n, const char *path, size_t length)
{
	uint64_t hash = hash_of(path, length);
	struct name_cached *e = entry_at(n, hash);

	return e->hash == hash && !memcmp(e->path, path, length + 1) ? e : NULL;
}

/* --- resolving ----------------------------------------------------------------------------------- */

err_t name_find_other(struct name_client *n, const char *path, uint64_t avoid, struct mailbox *out)
{
	size_t length = strnlen(path, NAME_CACHE_PATH + 1);
	struct name_answer answer;
	err_t err;

	n->misses++;
	err = name_resolve(&n->rpc, path, process_self_core(), avoid, &answer);
	if (err)
		return err;
	*out = answer.mailbox;
	cache_lock(n);
	if (length <= NAME_CACHE_PATH)
		entry_put(n, path, length, &answer);
	cache_unlock(n);
	return ERR_OK;
}

/* Has something come that might say that the entry is wrong? */
static inline bool news(const struct name_client *n, const struct name_cached *e)
{
	return e->watch.done || (!n->rpc.server && channel_ready(n->rpc.channel));
}

/*
 * From the cache, if what is there is watched. If not it is from now on, and asked for once more: that answer
 * comes when the service has the watch.
 */
static bool find_cached(struct name_client *n, const char *path, size_t length, struct mailbox *out)
{
	struct name_cached *e = entry_find(n, path, length);

	if (!e)
		return false;
	if (!e->watched) {
		entry_watch(n, e);
		return false;
	}
	if (__builtin_expect(news(n, e), 0)) {
		answers_take(n);
		if (!e->hash)
			return false;
	}
	*out = e->answer.mailbox;
	n->hits++;
	return true;
}

err_t name_find(struct name_client *n, const char *path, struct mailbox *out)
{
	size_t length = strnlen(path, NAME_CACHE_PATH + 1);
	bool found;

	if (length <= NAME_CACHE_PATH) {
		cache_lock(n);
		found = find_cached(n, path, length, out);
		cache_unlock(n);
		if (found)
			return ERR_OK;
	}
	return name_find_other(n, path, 0, out);
}

void name_drop(struct name_client *n, const char *path)
{
	size_t length = strnlen(path, NAME_CACHE_PATH + 1);
	struct name_cached *e;

	cache_lock(n);
	e = length <= NAME_CACHE_PATH ? entry_find(n, path, length) : NULL;
	if (e)
		entry_free(n, e);
	cache_unlock(n);
}

void name_client_close(struct name_client *n)
{
	for (unsigned i = 0; i < NAME_CACHE; i++)
		entry_free(n, &n->cached[i]);
	rpc_client_close(&n->rpc);
}

/* --- lists ----------------------------------------------------------------------------------------- */

const struct name_entry *name_list_next(const void *entries, uint32_t length, uint32_t *at, const char **name)
{
	const struct name_entry *e = (const struct name_entry *)((const char *)entries + *at);

	if (length - *at < sizeof *e || e->length >= length - *at - sizeof *e)
		return NULL;
	*name = (const char *)(e + 1);
	if ((*name)[e->length])
		return NULL;
	*at += (uint32_t)((sizeof *e + e->length + 1 + 7) & ~(size_t)7);
	return e;
}

/* --- the process's own ------------------------------------------------------------------------------- */

err_t name_here(struct name_client **out)
{
	static struct name_client client;
	static struct mutex making = MUTEX_INIT;
	static bool made;
	struct fabric *f;
	err_t err = ERR_OK;

	mutex_lock(&making);
	if (!made)
		err = fabric_here(&f);
	if (!made && !err) {
		name_client_init(&client, f, NULL);
		rpc_client_share(&client.rpc);
		client.shared = made = true;
	}
	mutex_unlock(&making);
	*out = &client;
	return err;
}
