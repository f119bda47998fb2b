/*
 * What the two parts of a replicated store share: kv_replicated.c, kv_replica.c.
 *
 * Messages, answered when they are done:
 *   SUBMIT   to the coordinator of that view: a write       -> the write's error
 *   PREPARE  sequence, tag, change                          -> ERR_OK, or why not
 *   COMMIT   sequence                                       -> ERR_OK
 *   ABORT    sequence: it was refused                       -> ERR_OK
 *   CLEAR    sequence, tags: a new member's state follows   LOAD  a piece of it    LOADED  that was all
 *   HAS      nothing                                        -> ERR_OK: it has state
 */
#pragma once

#include "libos/fleet/kv_replicated.h"

#include <stddef.h>

enum { KV_SUBMIT, KV_PREPARE, KV_COMMIT, KV_ABORT, KV_CLEAR, KV_LOAD, KV_LOADED, KV_HAS };

struct kv_head {
	uint64_t sequence; /* SUBMIT: version of the view */
	struct kv_tag tag;
};

_Static_assert(sizeof(struct kv_head) + KV_CHANGE_MAX <= FLEET_WORDS, "a change goes in one message");
_Static_assert(offsetof(struct kv_change, data) == sizeof(struct kv_head), "a change is sent as it lies");
_Static_assert(sizeof(struct kv_head) + KV_TAGS * sizeof(struct kv_tag) <= FLEET_WORDS, "so do the tags");

static inline bool kv_tag_given(const struct kv_tag *tag) { return tag->who || tag->which; }

/* --- kv_replica.c -------------------------------------------------------------------- */

/* What was done already is agreed to once more: the coordinator has changed meanwhile. */
err_t kv_prepare(struct kv_replicated *kv, const struct kv_head *h, const void *data, size_t bytes);
/* ERR_MESSAGE: that is not what is prepared. */
err_t kv_commit(struct kv_replicated *kv, uint64_t sequence);
/* A fleet_port_fn. */
err_t kv_told(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer, size_t *answered);

/* --- kv_replicated.c ------------------------------------------------------------------ */

/* Are we the coordinator, by our view? */
bool kv_coordinates(const struct kv_replicated *kv);
