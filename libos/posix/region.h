/*
 * Memory at addresses of mmap's: regions of pages, each with an access of its own.
 *
 * A region is a piece of address space in chunks of up to 64 KiB; a chunk has memory from the moment that one of
 * its pages may be accessed till all are gone. Pages of a chunk with the same access are one mapping. With mmap's
 * lock; all functions return 0 or an errno value.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/cap.h"

#define REGION_GONE 0xff /* as an access: no page any more */
#define CHUNK_PAGES 16

struct region_chunk {
	cptr_t frame; /* 0: no memory yet */
	uint8_t access[CHUNK_PAGES];
	uint8_t mapped[CHUNK_PAGES]; /* ... as the page tables have it: 0: not there */
};

struct region {
	struct region *next;
	vaddr_t va;
	unsigned bits;       /* of the addresses: 1 << bits bytes */
	unsigned chunk_bits; /* of a chunk */
	uint64_t pages;      /* that mmap was asked for */
	coreid_t core;       /* whose memory and mappings these are */
	unsigned chunks;
	struct region_chunk chunk[];
};

/* Addresses for `bytes`, none of them accessible. ENOMEM. */
int region_make(uint64_t bytes, struct region **out);
/* At addresses that another process has it at, in one that has no region there. ENOMEM. */
int region_make_at(vaddr_t va, uint64_t bytes, struct region **out);
/* That an address range lies in, whole; NULL. */
struct region *region_of(vaddr_t va, uint64_t bytes);
/* Of the range's pages in this region: access (PROT_ bits, MAP_'s too) from now on, or REGION_GONE. ENOMEM. */
int region_access(struct region *r, vaddr_t va, uint64_t bytes, uint8_t access);
/* Are all pages of the range there? */
bool region_has(const struct region *r, vaddr_t va, uint64_t bytes);
/* Frees it if no page is there any more. */
void region_tidy(struct region *r);
/* For a child that is to have the same memory: the regions one after the other; NULL: the first. */
struct region *region_next(const struct region *r);
