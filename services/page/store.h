/*
 * What a member has to give out, by cores: chunks that it gives pages of, and empty ones in its shard of
 * that core's pool.
 *
 * All of it is only what the monitors know, ordered for quick answers; they keep who has what. So a
 * chunk may turn out to be gone, or another's, when something is granted of it, and then it is
 * forgotten.
 */
#pragma once

#include "libos/fleet/dpool.h"
#include "libos/fleet/fleet.h"
#include "services/page/chunk.h"
#include "services/page/types.h"

/* One core's memory. */
struct shelf {
	struct book book;
	struct dpool pool; /* of struct element */
	struct store *store;
	coreid_t core;
};

/* An empty chunk that nobody gives out. */
struct element {
	paddr_t base;
	uint64_t owner; /* pid, at its monitor */
	uint32_t number;
	uint32_t bits;
};

struct store {
	struct fleet *fleet;
	const struct dpool_scheme *scheme;
	struct page_stat stat;
	struct shelf *shelf[CORES_MAX]; /* NULL: never asked for */
};

/* Before the member is known to others. */
err_t store_open(struct store *s, struct fleet *f, const char *scheme);
/*
 * A block of 1 << bits bytes of that core's memory. It counts as taken, and its chunk is busy until store_done.
 * May block; ERR_NO_MEMORY, ERR_CORE_ID, ERR_REGIONS.
 */
err_t store_take(struct store *s, coreid_t core, unsigned bits, struct chunk **out, paddr_t *base);
/* What came of it. */
enum store_outcome {
	STORE_GRANTED,  /* or somebody still has something of it: it comes back by itself */
	STORE_UNUSED,   /* it is free again */
	STORE_NOT_OURS, /* the chunk is gone, or another's */
};
void store_done(struct store *s, struct chunk *c, paddr_t base, unsigned bits, enum store_outcome outcome);
/* Takes over the chunks that `pid` had, and those of processes that are no members. May block. */
void store_inherit(struct store *s, uint64_t pid);
/* Begins the thread that does so when store_inherit_soon has said that a member is dead. */
err_t store_heir(struct store *s);
void store_inherit_soon(void);
/*
 * The same of one core alone, `pid` 0: of nobody else than those that are no members. What a member asked for when it
 * died it may have got when its heir had been there. ERR_CORE_ID: there is no such core.
 */
err_t store_inherit_core(struct store *s, coreid_t core, uint64_t pid);
/* Gives away what is empty, and has another member take over the rest. */
void store_leave(struct store *s);
/* A member that has such a block in a chunk of that core, when we have none. ERR_NO_MEMORY: nobody has. May block. */
err_t store_elsewhere(struct store *s, coreid_t core, unsigned bits, uint32_t *number);
/* Words of other members: dPool's, and those of store_leave. */
err_t store_told(struct store *s, uint32_t from, uint32_t what, const void *data, size_t bytes);
/* A member is in the view no more. */
void store_member_gone(struct store *s, uint32_t number);
/* That core's, made if need be; NULL: no memory for it. */
struct shelf *store_shelf(struct store *s, coreid_t core);
/* An empty chunk that is ours: into our shard, or back to the monitor if there are enough. May block. */
void shelf_put(struct shelf *h, const struct element *e);
/* Takes in what came back to a region. May block. */
void store_collect(struct store *s, coreid_t core, paddr_t base);
/* The bases of its chunks, for who goes over them all and asks monitors; returns how many. base may be NULL. */
unsigned shelf_bases(const struct shelf *h, paddr_t *base);
/* Marks in *seen, a bit for each page, what is granted of the chunk. May block. */
err_t granted_read(struct store *s, const struct chunk *c, uint64_t seen[CHUNK_PAGES / 64]);
/* Somebody has something of a block that we took for free: the pages of it that nobody has are. May block. */
void store_look(struct store *s, struct chunk *c, paddr_t base, unsigned bits);
/* Holds all that we have against what monitors say. May block. */
void store_check(struct store *s, struct page_faults *out);
void store_stat(const struct store *s, struct page_stat *out);
