/*
 * Watches by the path's hash. A change of "/a/b/c" looks into the buckets of "", "/a", "/a/b" and "/a/b/c".
 */
#include "services/name/watches.h"

#include <stdlib.h>
#include <string.h>

struct name_watch_wait {
	struct name_watch_wait *next;
	struct rpc_later later;
	uint64_t peer;
	uint32_t length;
	char path[];
};

#define HASH_FIRST UINT32_C(2166136261)

static uint32_t hash_on(uint32_t h, char c) { return (h ^ (unsigned char)c) * 16777619u; }

static struct name_watch_wait **bucket_of(struct name_watches *w, uint32_t hash)
{
	return &w->bucket[(hash ^ hash >> 16) & (WATCH_BUCKETS - 1)];
}

static uint32_t hash_of(const char *path, size_t length)
{
	uint32_t h = HASH_FIRST;

	for (size_t i = 0; i < length; i++)
		h = hash_on(h, path[i]);
	return h;
}

/* Counts only when there might be too many. */
static bool peer_has_room(const struct name_watches *w, uint64_t peer)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WATCH_BUCKETS && w->count >= NAME_WATCHES; i++)
		for (const struct name_watch_wait *x = w->bucket[i]; x; x = x->next)
			count += x->peer == peer;
	return count < NAME_WATCHES;
}

err_t watches_add(struct name_watches *w, struct rpc_call *call, const char *path)
{
	size_t length = strlen(path);
	struct name_watch_wait **head = bucket_of(w, hash_of(path, length)), *x;

	if (!peer_has_room(w, call->peer))
		return ERR_NAME_WATCHES;
	x = malloc(sizeof *x + length + 1);
	if (!x)
		return ERR_NO_MEMORY;
	x->peer = call->peer;
	x->length = (uint32_t)length;
	memcpy(x->path, path, length + 1);
	rpc_later(call, &x->later);
	x->next = *head;
	*head = x;
	w->count++;
	return ERR_OK;
}

/* Answers those of a bucket that match; nothing blocks, so the list stays as it is meanwhile. */
static void bucket_fire(struct name_watches *w, struct name_watch_wait **at, const char *path, size_t length,
			uint64_t peer, uint64_t version)
{
	while (*at) {
		struct name_watch_wait *x = *at;
		bool meant = (!path || (x->length == length && !memcmp(x->path, path, length))) &&
			     (!peer || x->peer == peer);

		if (!meant) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		w->count--;
		w->answer(&x->later, version);
		free(x);
	}
}

void watches_fire(struct name_watches *w, const char *path, uint64_t version)
{
	uint32_t h = HASH_FIRST;

	if (!w->count)
		return;
	for (size_t i = 0;; i++) {
		if (path[i] == '/' || !path[i])
			bucket_fire(w, bucket_of(w, h), path, i, 0, version);
		if (!path[i])
			return;
		h = hash_on(h, path[i]);
	}
}

void watches_drop(struct name_watches *w, uint64_t peer, const char *path, uint64_t version)
{
	size_t length = strlen(path);

	bucket_fire(w, bucket_of(w, hash_of(path, length)), path, length, peer, version);
}

void watches_close(struct name_watches *w, uint64_t peer, uint64_t version)
{
	for (unsigned i = 0; i < WATCH_BUCKETS && w->count; i++)
		bucket_fire(w, &w->bucket[i], NULL, 0, peer, version);
}

void watches_fire_all(struct name_watches *w, uint64_t version) { watches_close(w, 0, version); }
