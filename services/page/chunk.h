/*
 * Chunks: regions of a core's memory that a member gives out by pages, and which pages those are.
 *
 * A page is taken here when it is granted or may be; taking and giving are of sets of pages, so
 * to hear twice that a block came back does no harm.  Portable: nothing here asks anybody.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_client.h"

#define CHUNK_BITS 21 /* most that one is given out by pages of */
#define CHUNK_PAGES (1u << (CHUNK_BITS - PAGE_BITS))

struct chunk {
	struct chunk *next, **at; /* in one of its book's lists */
	struct chunk *hash;
	paddr_t base;
	uint32_t number; /* the monitor's */
	uint16_t core;
	uint8_t bits;
	bool gone;      /* in no list any more */
	uint32_t busy;  /* threads that grant of it: it stays until they are done */
	uint32_t looks; /* threads that ask what is granted of it: nothing is, until they know */
	uint32_t free;  /* pages */
	uint64_t used[CHUNK_PAGES / 64];
};

/* The chunks of one core. */
struct book {
	struct chunk *open; /* with free pages; the one that served last first */
	struct chunk *full; /* larger ones are given out whole, and always here */
};

/* Puts it into the book, without pages taken. A chunk of more than CHUNK_BITS counts as taken as a whole. */
void chunk_add(struct book *b, struct chunk *c);
/* Takes it out. The caller frees it when it is not busy. */
void chunk_remove(struct chunk *c);
/* The chunk at that base of that core, in whichever book, or NULL. */
struct chunk *chunk_find(coreid_t core, paddr_t base);
/* A block of 1 << bits bytes out of the book: its chunk, one that nobody looks at; or NULL. */
struct chunk *chunk_take(struct book *b, unsigned bits, paddr_t *base);
/* Could chunk_take give such a block? */
bool chunk_room(const struct book *b, unsigned bits);
/* The pages of that block are taken, as we learn. */
void chunk_mark(struct book *b, struct chunk *c, paddr_t base, unsigned bits);
/* The pages of that block are free. */
void chunk_give(struct book *b, struct chunk *c, paddr_t base, unsigned bits);
/* Nothing is taken of it. */
static inline bool chunk_empty(const struct chunk *c) { return c->free == 1u << (c->bits - PAGE_BITS); }
