/*
 * State that every member of a fleet has whole: changes by two-phase commit.
 *
 * What the state is, its store says (struct kv_store): a change is bytes to this file, and the
 * store checks and applies it.  Reading is the store's own matter and asks nobody.  The coordinator
 * orders the changes, one at a time, each with the next sequence number: PREPARE to all replicas, each of
 * which checks it and makes room, then COMMIT, after which it cannot fail.  So all stores go through the
 * same states, and when a write has returned, whoever asks any member sees it.
 *
 * Deaths: a replica that is gone, or out of step, is left out, and fenced.  A coordinator that is gone has committed a
 * change nowhere or all survivors have it prepared; its successor sends its own last change and the one that it has
 * prepared to all again, so they are all where the farthest is.  What only some had prepared is dropped, and its writer
 * asks again.  Writes have a tag by which one that was done is known when it comes again.  And one that was refused: a
 * member that died may have asked for it, too, and the coordinator come to that when the writer has gone on.
 *
 * A new member gets the whole state in pieces from the coordinator, which makes no change meanwhile. Who has state is
 * never given it again, for it may answer questions.
 */
#pragma once

#include "libos/fleet/fleet.h"

#define KV_CHANGE_MAX 3900 /* bytes */
#define KV_TAGS 240        /* of writes, remembered: the last ones, but of one writer only */
#define KV_TAGS_OF_ONE 4   /* ... its last: others do not make his forgotten as long as there are few */
#define KV_OUTCOMES 256    /* of writes, remembered by the coordinator alone */

struct kv_store {
	/* Can the change be made? After ERR_OK apply works, until the next check. An error goes to the writer. */
	err_t (*check)(void *store, const void *change, size_t bytes);
	void (*apply)(void *store, uint64_t sequence, const void *change, size_t bytes);
	/* The next piece of the whole state, *cursor being 0 at first; returns its bytes, 0 at the end. */
	size_t (*save)(void *store, uint64_t *cursor, void *to, size_t room);
	/* Takes such a piece. */
	err_t (*load)(void *store, const void *from, size_t bytes);
	/* Drops all state; sequence: that of the one that comes next, by load. */
	err_t (*clear)(void *store, uint64_t sequence);
};

/* Names a write for ever: whose, and which of his. All zero: it may be done twice. */
struct kv_tag {
	uint64_t who, which;
	uint64_t when; /* the library's: sequence of the change */
};

struct kv_replicated {
	struct fleet *fleet;
	const struct kv_store *ops;
	void *store;
	struct mutex lock; /* of writing and handing over, at the coordinator */
	uint64_t sequence; /* of the last change that was applied */
	bool leading;      /* we are the coordinator, and have made the others catch up */
	bool loaded;
	uint32_t leader;   /* the highest number of a coordinator that has told us anything */
	uint32_t replicas; /* that have the state, the coordinator not among them */
	uint32_t replica[FLEET_MEMBERS];
	struct kv_change {
		uint64_t sequence; /* 0: none */
		struct kv_tag tag; /* up to the data it lies as PREPARE has it */
		unsigned char data[KV_CHANGE_MAX];
		uint32_t bytes;
	} last, prepared;            /* applied; to be */
	struct kv_tag tags[KV_TAGS]; /* the same in all replicas */
	struct kv_outcome {
		struct kv_tag tag;
		err_t err;
	} outcome[KV_OUTCOMES];       /* what those who asked us were told */
	uint32_t outcomes;            /* so far */
	uint64_t writes, handed_over; /* counted */
};

/* In or before fleet_ops.start: listens at FLEET_PORT_REPLICA, one for each fleet. */
void kv_init(struct kv_replicated *kv, struct fleet *f, const struct kv_store *ops, void *store);
/* At the end of fleet_ops.start: ERR_CLOSED when this member has no state, and is not the first. */
err_t kv_start(struct kv_replicated *kv);
/* In fleet_ops.changed. */
void kv_changed(struct kv_replicated *kv);
/*
 * At any member, in a thread of its server: makes the change everywhere. The store's error, or a replica's
 * (ERR_NO_MEMORY); ERR_TOO_LONG.
 */
err_t kv_write(struct kv_replicated *kv, const struct kv_tag *tag, const void *change, size_t bytes);
/* Was the write of that tag done, as far as is remembered? */
bool kv_seen(const struct kv_replicated *kv, const struct kv_tag *tag);
