/*
 * What the page service and its users both know.
 */
#pragma once

#include "kernel/abi/types.h"

#define PAGE_FLEET "page" /* the fleet's name */

/* What page_take makes in the slot. */
enum page_kind { PAGE_FRAME, PAGE_RAM, PAGE_KINDS };

/* What a member has and has done. */
struct page_stat {
	uint64_t taken;         /* calls of page_take that got something */
	uint64_t refused;       /* ... and that did not */
	uint64_t repeated;      /* ... that had been done before */
	uint64_t regions;       /* reserved of monitors, all */
	uint64_t returned;      /* blocks that came back */
	uint64_t chunks;        /* that it has now */
	uint64_t chunks_free;   /* of which nothing is given out, in its shards of the pools */
	uint64_t bytes_free;    /* in chunks of which something is given out */
	uint64_t adopted;       /* chunks that it took over from others */
	uint64_t pool_asked;    /* messages for elements of the pools */
	uint64_t pool_received; /* elements that came */
};
