/*
 * A dPool among the members of a fleet that is made whole again after each death.
 *
 * What a lost member had in its shard is brought back by the coordinator, in a thread of its own, so views go on
 * changing meanwhile. It begins when no view is being told, since entries of books (dpool.h) may move then, and
 * begins again if a view came in between. Who finds no element anywhere asks the coordinator whether that is all
 * there is: it answers when nothing is left to be brought back.
 *
 * One pool per fleet; takes FLEET_PORT_DPOOL and FLEET_PORT_OWN.
 */
#pragma once

#include "libos/fleet/dpool.h"
#include "libos/fleet/fleet.h"

struct dpool_whole {
	struct dpool pool; /* first */
	struct fleet *fleet;
	/*
	 * Puts back (dpool_restore) what is not among the elements that members hold or have in their books. False: it
	 * could not, and is to be called again later. Must not block.
	 */
	bool (*missing)(struct dpool_whole *w, const void *held, uint32_t count);
	/* --- its own --- */
	uint64_t lost;     /* members that have gone */
	uint64_t regained; /* ... of which what they had is back, or with others */
	struct event news;
	struct mutex lock; /* for `changed` only */
	struct cond changed;
	struct mutex looking; /* of those who find nothing, one at a time looks farther */
	struct {
		uint64_t view, unheard, lost; /* when shards were begun to be heard */
		bool done;
	} hearing;
};

/* In fleet_ops.init: an empty shard. Marks as in dpool_open; `books` as in dpool.h, may be NULL. */
err_t dpool_whole_open(struct dpool_whole *w, struct fleet *f, const struct dpool_scheme *scheme, uint32_t bytes,
		       uint32_t low, uint32_t high, uint32_t (*books)(struct dpool *p, void *elements, uint32_t room),
		       bool (*missing)(struct dpool_whole *w, const void *held, uint32_t count));
/* In fleet_ops.start. */
err_t dpool_whole_start(struct dpool_whole *w);
/* In fleet_ops.changed, before anything that waits. */
void dpool_whole_changed(struct dpool_whole *w, const struct fleet_view *old);
/* As dpool_hold. ERR_NOT_FOUND: there is none, with the lost ones' back. */
err_t dpool_whole_hold(struct dpool_whole *w, void *element);
