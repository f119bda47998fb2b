/*
 * What the page service and its users both know.
 */
#pragma once

#include "kernel/abi/types.h"

#define PAGE_FLEET "page" /* the fleet's name */

/* What page_take makes in the slot. */
enum page_kind { PAGE_FRAME, PAGE_RAM, PAGE_KINDS };

#define PAGE_FRAMES_MOST 16 /* that page_take_frames takes */

/* What page_check finds wrong with a member's chunks, held against the monitors; in pages, of a quiet system. */
struct page_faults {
	uint64_t lost;    /* taken, but nobody has them */
	uint64_t doubled; /* free, but somebody has them */
	uint64_t strange; /* chunks that are not ours at their monitor */
	uint64_t orphans; /* regions of which something is granted, owned by no member */
	uint64_t pages;   /* that were looked at */
};

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
