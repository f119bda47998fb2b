/*
 * A key-value store whose keys are spread over the members of a fleet, each with one mirror or more.
 *
 * A key belongs to its first choice among the members (view_choose), which serves all reads and writes of
 * it, one at a time; a write is acknowledged when the mirrors, the next choices, have it too. How many there are is the
 * fleet's policy. So what one member had when it dies, others have, and with two mirrors two may die at once. Any
 * member can be asked: it passes the call on.
 *
 * Writes carry a tag that names them; one that was done is known when it comes again, whoever brings it, and
 * is not done twice: the word that was remembered with it comes back. Remembered are the last
 * KVP_TAGS_OF_ONE of each of the last KVP_TAGS / KVP_TAGS_OF_ONE writers of a key.
 *
 * How entries move when the view changes: kv_handover.c.
 */
#pragma once

#include "libos/fleet/fleet.h"
#include "libos/fleet/kv_table.h"

struct kvp {
	struct fleet *fleet;
	struct kvp_table table;
	struct fleet_view base; /* the last that was settled before the present one; none in a newcomer */
	uint64_t clock;         /* the highest version seen */
	uint32_t mirrors;       /* by the view that was told last; 0: none was */
	bool begun;             /* our first view is in force */
	bool moving;            /* entries are being handed over */
	uint32_t serving;       /* reads and writes that are not answered yet */
	uint64_t pushed;        /* entries, counted */
	uint64_t sweep_at;      /* so many removed keys */
};

/* In fleet_ops.init: takes port FLEET_PORT_KV. */
err_t kvp_init(struct kvp *k, struct fleet *f);
/* In fleet_ops.changed. */
void kvp_changed(struct kvp *k, const struct fleet_view *old);

/* What a write expects to find: anything; nothing; or the version that kvp_get told. */
#define KVP_ANY UINT64_MAX
#define KVP_NONE 0

/* *bytes: room, then how many. ERR_NOT_FOUND, ERR_TOO_LONG: it has more. *version may be NULL. */
err_t kvp_get(struct kvp *k, const void *key, size_t key_bytes, void *value, size_t *bytes, uint64_t *version);
/*
 * ERR_EXISTS: expected nothing; ERR_NOT_FOUND or ERR_STALE: expected a version, and there is none, or another.
 * ERR_TOO_LONG, ERR_NO_MEMORY. tag NULL: it may be done twice; else tag->note is what was remembered when it was
 * done first.
 */
err_t kvp_put(struct kvp *k, const void *key, size_t key_bytes, const void *value, size_t bytes, uint64_t expected,
	      struct kvp_tag *tag);
/* Likewise. ERR_NOT_FOUND: there is none. */
err_t kvp_remove(struct kvp *k, const void *key, size_t key_bytes, uint64_t expected, struct kvp_tag *tag);
/* The tag of a call: whoever repeats it, it is the same. */
struct kvp_tag kvp_tag_of(const struct rpc_call *call);
/* Calls fn for each key that is this member's now. fn must not block. */
void kvp_each(struct kvp *k, void (*fn)(void *arg, const struct kvp_entry *e), void *arg);

/* --- between the files of the store --------------------------------------------------- */

enum kvp_word { KVP_GET, KVP_PUT, KVP_REMOVE, KVP_MIRROR };

/* Ahead of key, value, tags. */
struct kvp_head {
	uint64_t view;    /* version, of who asks */
	uint64_t version; /* expected; of MIRROR: the entry's */
	struct kvp_tag tag;
	uint32_t key_bytes, value_bytes;
	uint32_t tags; /* MIRROR */
	uint32_t gone; /* MIRROR: the key was removed */
};

struct kvp_message {
	struct kvp_head head;
	unsigned char byte[FLEET_WORDS - sizeof(struct kvp_head)];
};
_Static_assert(sizeof(struct kvp_message) == FLEET_WORDS, "no padding");

/* Sends an entry as it is, with the last of its tags only if `last`, to another member. */
err_t kvp_mirror(struct kvp *k, const struct kvp_entry *e, uint32_t number, const struct kvp_tag *last);
/* A mirror's side. */
err_t kvp_mirrored(struct kvp *k, const struct kvp_head *h, const unsigned char *byte);
/* Who has a key: the first choice, and the mirrors, by number. */
struct kvp_choice {
	uint32_t count;
	uint32_t number[FLEET_MIRRORS + 1];
};
struct kvp_choice kvp_choose(const struct fleet_view *v, uint64_t hash, unsigned mirrors);
bool kvp_chosen(const struct kvp_choice *c, uint32_t number);
/* The first choice by our view; UINT32_MAX: there is none. */
uint32_t kvp_first(const struct kvp *k, uint64_t hash);
/* Before anything else once there is a view: what a newcomer was told before that is to be assured. */
void kvp_begin(struct kvp *k);
/*
 * The first choice has died, and we are the next one that lives: what it had told us may be news to other mirrors. They
 * get all that we have of the entry before it is read or written.
 */
void kvp_assure(struct kvp *k, struct kvp_entry *e);
