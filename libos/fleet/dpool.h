/*
 * dPool: an unordered pool of elements, in one shard per member of a fleet.
 *
 * Who gives, gives to its own shard; who takes, takes from it, and only when that has nothing are others asked.
 * How shards are kept from running dry is a scheme, chosen by name: the five of the fos project's report on
 * distributed data structures.
 *
 *   exhaustion  an empty shard asks the others, one after the other, for one element
 *   bulk        ... for half of what they have
 *   pull        below the low mark a thread asks for half of what another has, ahead of need
 *   push        above the high mark a thread gives half of the surplus to the next member in turn
 *   estimate    ... to the one that is thought to have least, by what each said last
 *
 * Under all of them an empty shard asks the others before it says that the pool is empty. Elements are bytes of
 * one size, copied. A member that dies takes its shard with it: dpool_rebuild brings back what is neither in
 * another shard nor in use.  First all freeze: no element moves between shards, none is given, and what is taken
 * stays in its member's hand. Then each tells what it has, in its shard, its hand and its books. So an element
 * that goes from one to the other meanwhile is told of at least once.
 *
 * Threads are cooperative; the calls that ask others block. The transport is the user's, mostly fleet_tell
 * (dpool_fleet.h), so the same code runs in tests and in the simulator.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"
#include "libos/thread/thread.h"

#define DPOOL_MEMBERS 128 /* others that estimates are kept of */
#define DPOOL_BATCH 5600  /* bytes of elements in one message */

struct dpool;

struct dpool_scheme {
	const char *name;
	bool bulk;      /* who is asked gives half of what it has, not one */
	bool pulls;     /* a thread asks below the low mark */
	bool pushes;    /* a thread gives above the high mark */
	bool estimates; /* ... to the poorest, not to the next in turn */
};
/* NULL: no scheme has that name. */
const struct dpool_scheme *dpool_scheme_find(const char *name);
extern const struct dpool_scheme dpool_schemes[];
#define DPOOL_SCHEMES 5

struct dpool_transport {
	/* Has dpool_told called at that member; returns what that returned, or ERR_CLOSED: it is gone. Blocks. */
	err_t (*tell)(struct dpool *p, uint32_t member, uint32_t what, const void *data, size_t bytes);
	/* Numbers of the other members, ascending; how many. Never more than DPOOL_MEMBERS. */
	unsigned (*others)(struct dpool *p, uint32_t *numbers);
	/* The calling thread is about to wait for what others do: messages are to be taken meanwhile. May be NULL. */
	void (*release)(struct dpool *p);
	/*
	 * NULL, or: somebody keeps whose each element is, and is told here that this one is ours now; it may be
	 * changed. Called before it is in our shard, and for what went to a member that died, which may be ours yet.
	 * May block. An error: it is not ours. Such a pool needs no dpool_rebuild: heirs ask that somebody.
	 */
	err_t (*own)(struct dpool *p, void *element);
};

struct dpool {
	const struct dpool_scheme *scheme;
	const struct dpool_transport *transport;
	void *tag; /* the user's */
	/*
	 * What is in use by this member's own books, for a rebuild: writes up to `room` elements there, returns
	 * how many there are. Set after dpool_open by users that have such books; must not block.
	 */
	uint32_t (*books)(struct dpool *p, void *elements, uint32_t room);
	uint32_t bytes; /* of an element */
	uint32_t self;  /* our number */
	uint32_t low, high;
	uint32_t count; /* in our shard */
	struct {
		uint64_t given, taken;    /* by the user */
		uint64_t asked, received; /* messages that we sent for elements; elements that came */
		uint64_t pushed, sent;    /* messages, elements */
		uint64_t unheard;         /* messages whose receiver was gone */
	} stats;
	/* --- its own --- */
	uint8_t *element;
	uint32_t room;
	uint8_t *hand; /* taken, not settled; behind each a byte: settled while frozen */
	uint32_t hand_count, hand_room;
	uint32_t turn;      /* whose turn it is to be asked, or pushed to */
	uint32_t frozen_by; /* member that rebuilds: no element moves between shards; DPOOL_NOBODY */
	uint32_t moving;    /* messages with elements that are under way from here */
	uint32_t coming;    /* elements that are to be in our shard as soon as they are ours */
	bool leaving, stopped;
	struct event work;
	struct mutex lock;   /* for what follows only: threads are cooperative */
	struct cond changed; /* frozen_by, moving, coming */
	struct {
		uint32_t member, count;
	} estimate[DPOOL_MEMBERS];
	unsigned estimates;
	/* While we rebuild. */
	uint8_t *held;
	uint32_t held_count, held_room;
};
#define DPOOL_NOBODY UINT32_MAX

/* An empty shard. low < high: marks of the schemes that have them. ERR_NO_MEMORY. */
err_t dpool_open(struct dpool *p, const struct dpool_scheme *scheme, const struct dpool_transport *t, uint32_t self,
		 uint32_t bytes, uint32_t low, uint32_t high, void *tag);
/* Frees the shard; the elements in it are dropped. Its thread ends by itself. */
void dpool_close(struct dpool *p);
/* ERR_NOT_FOUND: no shard has any. */
err_t dpool_take(struct dpool *p, void *element);
/*
 * For users whose own books say what is in use, but not at once: until dpool_settle the element counts as ours for a
 * rebuild, so that none comes between the taking and the writing down.
 */
err_t dpool_hold(struct dpool *p, void *element);
/*
 * The other way: an element that is about to be struck out of those books, and given back. During a rebuild it
 * waits.
 */
err_t dpool_keep(struct dpool *p, const void *element);
void dpool_settle(struct dpool *p, const void *element);
/*
 * ERR_NO_MEMORY: it is not in the pool. An element counts as in use, for a rebuild, until this has returned;
 * during one it waits.
 */
err_t dpool_give(struct dpool *p, const void *element);
/* All that we have goes to the others: this member leaves. ERR_NOT_FOUND: there are none. */
err_t dpool_leave(struct dpool *p);

/* What the pool's own thread does when a mark is passed: one step ahead of need. */
void dpool_work(struct dpool *p);
/* A message of another member's pool has come. May block. */
err_t dpool_told(struct dpool *p, uint32_t from, uint32_t what, const void *data, size_t bytes);

/*
 * After the death of members, on one of those that are left (fleet_ops.lost), when the dead are in no view: no
 * element moves until all shards have been heard; then `missing` is called with all that they hold or have in
 * their books, and puts back (dpool_restore) what neither they hold nor anybody uses. Another member that dies
 * meanwhile is passed over (stats.unheard); who is its heir begins anew.
 */
err_t dpool_restore(struct dpool *p, const void *element);
err_t dpool_rebuild(struct dpool *p, void (*missing)(struct dpool *p, const void *held, uint32_t count));
/* The member that rebuilds has died: its freeze is over. To be called with each new view. */
void dpool_member_gone(struct dpool *p, uint32_t member);
