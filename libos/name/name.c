/*
 * The client of the name service: its channel, and the cache.
 *
 * A cached name is found by a hash of its bytes, eight at a time, in one of NAME_CACHE entries; another name with
 * the same place takes it over.  From its second use on an entry is watched, by a call that is under way, and
 * believed; before it is believed, the channel is looked at for answers.
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

/* A path in whole words, zero behind its end. */
struct key {
	uint64_t word[(NAME_CACHE_PATH + 1) / 8];
	uint64_t hash; /* not 0 */
	uint32_t words;
};

#define ONES UINT64_C(0x0101010101010101)
#define LAST_WORD (PAGE_SIZE - sizeof(uint64_t)) /* offset in a page, of a word that lies in that page whole */

/*
 * The next eight bytes of text, those behind its NUL zero. A word that begins before the NUL and does not leave its
 * page can be read whole: what lies behind the text is there, and counts for nothing.
 */
__attribute__((no_sanitize("address"))) static inline uint64_t text_word(const char *at, bool *end)
{
	uint64_t word = 0, zero;

	if (__builtin_expect(((uintptr_t)at & (PAGE_SIZE - 1)) > LAST_WORD, 0))
		for (unsigned i = 0; i < sizeof word && at[i]; i++)
			word |= (uint64_t)(unsigned char)at[i] << 8 * i;
	else
		word = *(const volatile uint64_t *)at;
	zero = (word - ONES) & ~word & ONES << 7;
	*end = zero != 0;
	/* What is below the lowest zero byte. */
	return zero ? word & (zero ^ (zero - 1)) >> 8 : word;
}

/* False: it is too long for the cache. */
static inline bool key_make(const char *path, struct key *k)
{
	uint64_t h = 0;
	bool end = false;

	for (k->words = 0; !end; k->words++) {
		if (k->words == sizeof k->word / sizeof k->word[0])
			return false;
		k->word[k->words] = text_word(path + sizeof(uint64_t) * k->words, &end);
		h = (h ^ k->word[k->words]) * UINT64_C(0x9e3779b97f4a7c15);
	}
	k->hash = (h ^ h >> 32) | 1;
	return true;
}

static inline struct name_cached *entry_at(struct name_client *n, const struct key *k)
{
	return &n->cached[k->hash >> 1 & (NAME_CACHE - 1)];
}

static inline bool entry_is(const struct name_cached *e, const struct key *k)
{
	bool same = e->hash == k->hash;

	/* One that is longer differs in the last word that both have: that of the shorter ends in a zero. */
	for (uint32_t i = 0; i < k->words && same; i++)
		same = e->word[i] == k->word[i];
	return same;
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

static void entry_put(struct name_client *n, const struct key *k, const struct name_answer *answer)
{
	struct name_cached *e = entry_at(n, k);
	bool same = entry_is(e, k);

	/* A watch that was asked for before this answer came stays. */
	if (!same || (e->watched && rpc_done(&e->watch)))
		entry_free(n, e);
	e->hash = k->hash;
	e->answer = *answer;
	if (same)
		return;
	memset(e->word, 0, sizeof e->word);
	memcpy(e->word, k->word, k->words * sizeof k->word[0]);
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

/* --- resolving ----------------------------------------------------------------------------------- */

static err_t ask(struct name_client *n, const char *path, const struct key *k, uint64_t avoid, struct mailbox *out)
{
	struct name_short s = { .core = process_self_core() };
	struct name_answer answer;
	err_t err;

	n->misses++;
	if (k && k->words <= sizeof s.word / sizeof s.word[0] && !avoid) {
		memcpy(s.word, k->word, k->words * sizeof k->word[0]);
		err = name_resolve_short(&n->rpc, &s, &answer);
	} else {
		err = name_resolve(&n->rpc, path, s.core, avoid, &answer);
	}
	if (err)
		return err;
	*out = answer.mailbox;
	cache_lock(n);
	if (k)
		entry_put(n, k, &answer);
	cache_unlock(n);
	return ERR_OK;
}

err_t name_find_other(struct name_client *n, const char *path, uint64_t avoid, struct mailbox *out)
{
	struct key k;

	return ask(n, path, key_make(path, &k) ? &k : NULL, avoid, out);
}

/* Has something come that might say that the entry is wrong? */
static inline bool news(struct name_client *n, const struct name_cached *e)
{
	return e->watch.done || (!n->rpc.server && channel_ready(&n->rpc.own));
}

/*
 * From the cache, if what is there is watched. If not it is from now on, and asked for once more: that answer
 * comes when the service has the watch.
 */
static inline bool find_cached(struct name_client *n, const struct key *k, struct mailbox *out)
{
	struct name_cached *e = entry_at(n, k);

	if (!entry_is(e, k))
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
	n->recent = e;
	return true;
}

/* Is it that entry's path? Looks at no more of it than it has. */
static inline bool text_is(const char *path, const struct name_cached *e)
{
	bool end = false;

	for (unsigned i = 0; !end; i++)
		if (i == sizeof e->word / sizeof e->word[0] ||
		    text_word(path + sizeof(uint64_t) * i, &end) != e->word[i])
			return false;
	return true;
}

static __attribute__((noinline)) err_t find(struct name_client *n, const char *path, struct mailbox *out)
{
	struct key k;
	bool found;

	if (!key_make(path, &k))
		return ask(n, path, NULL, 0, out);
	cache_lock(n);
	found = find_cached(n, &k, out);
	cache_unlock(n);
	return found ? ERR_OK : ask(n, path, &k, 0, out);
}

/* Mostly it is the name that was asked for before, and no hash is needed. */
err_t name_find(struct name_client *n, const char *path, struct mailbox *out)
{
	const struct name_cached *e = n->recent;

	if (__builtin_expect(!e || n->shared || !e->watched || !text_is(path, e) || news(n, e), 0))
		return find(n, path, out);
	*out = e->answer.mailbox;
	n->hits++;
	return ERR_OK;
}

void name_drop(struct name_client *n, const char *path)
{
	struct key k;

	if (!key_make(path, &k))
		return;
	cache_lock(n);
	if (entry_is(entry_at(n, &k), &k))
		entry_free(n, entry_at(n, &k));
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
