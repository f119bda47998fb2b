/*
 * A buddy allocator over numbers: addresses, physical or virtual.
 *
 * Blocks are powers of two, aligned to their size.  It keeps nothing in the
 * blocks themselves: free blocks are described by nodes out of a pool that the
 * owner fills.  Freed blocks are merged only when a request finds nothing else,
 * so alloc and free in turn cost a list operation each.  No locks: the owner
 * serialises.  Portable.
 */
#pragma once

#include "kernel/abi/types.h"

#define BUDDY_BITS_MIN 6
#define BUDDY_BITS_MAX 48
#define BUDDY_ORDERS (BUDDY_BITS_MAX - BUDDY_BITS_MIN + 1)
/* An allocation may need this many nodes. */
#define BUDDY_RESERVE BUDDY_ORDERS

struct buddy_node {
	struct buddy_node *next;
	uint64_t base;
	uint64_t tag; /* blocks of different tags are never merged */
	uint64_t unused;
};

struct buddy {
	struct buddy_node *free[BUDDY_ORDERS];
	struct buddy_node *pool;  /* unused nodes */
	struct buddy_node *fresh; /* ... and such as never were used, one behind the other */
	uint32_t fresh_count;
	uint32_t pool_count; /* of both */
	uint32_t largest;    /* bits of the largest block ever given: merging stops there */
	bool from_top;       /* of a block that is split the upper part is taken, else the lower */
	uint64_t free_bytes;
};

void buddy_init(struct buddy *b);
/* Gives the allocator nodes to describe free blocks with. */
void buddy_feed(struct buddy *b, struct buddy_node *nodes, unsigned count);
/* Makes [base, base + bytes) allocatable. False when the pool ran out: then nothing was added. */
bool buddy_add(struct buddy *b, uint64_t base, uint64_t bytes, uint64_t tag);
/* Takes a block of 1 << bits. False when there is none or the pool has fewer than BUDDY_RESERVE nodes. */
bool buddy_alloc(struct buddy *b, unsigned bits, uint64_t *base, uint64_t *tag);
/* Takes that very block. False when it is not free as part of one block, or the pool has too few nodes. */
bool buddy_claim(struct buddy *b, uint64_t base, unsigned bits);
/* Gives a block back. False when the pool is empty: the block is lost. */
bool buddy_release(struct buddy *b, uint64_t base, unsigned bits, uint64_t tag);
/* Bytes that are free in blocks of 1 << bits and more. */
uint64_t buddy_free_from(const struct buddy *b, unsigned bits);
