/*
 * What a fork's child gets of its parent's private mappings: the addresses, what may be done with each page, and
 * copies of what is in them. What lies over them, files' own memory, is mapping_inherit.c's.
 *
 * In a program that maps nothing, fork_regions is NULL. The parent's side takes mmap's lock for itself; in the child
 * nobody else is there.
 */
#pragma once

#include "libos/posix/inherit.h"
#include "libos/posix/region.h"

/* The parent's memory, one frame after the other, in the order in which it is packed; `region` NULL: the first. */
struct region_place {
	struct region *region;
	unsigned chunk; /* the next one to look at */
	/* What was found: pages with an access other than REGION_GONE are there. */
	cptr_t frame;
	vaddr_t va;
	unsigned bits;
	const uint8_t *access;
};

struct fork_regions {
	/* The parent's: a section of the text; bytes and number of frames of all memory; each, false: no more. */
	void (*pack)(struct inherit *i);
	uint64_t (*bytes)(uint64_t *frames);
	bool (*next)(struct region_place *at);
	/* The child's: makes them, so that memory can be written to; and in the end as they were. */
	err_t (*begin)(const struct inherit *text);
	err_t (*end)(const struct inherit *text);
	/* In between: open() says where the parent's n-th frame is mapped, which is unmapped again. */
	err_t (*copy)(const struct inherit *text, err_t (*open)(uint64_t n, vaddr_t *at));
};
extern const struct fork_regions *fork_regions;

/* For region.c. */
extern const struct fork_regions region_inheritance;
