/*
 * Lists of address ranges: sorted, disjoint, never adjacent.  Portable and
 * without state; used at start to take the machine's memory apart.
 */
#pragma once

#include "../abi/types.h"

#define MEMMAP_MAX 128

struct memmap_range {
	paddr_t base, end;
};
struct memmap {
	unsigned count;
	struct memmap_range range[MEMMAP_MAX];
};

/* Both take any range; an empty one changes nothing. Without room left they err towards less memory. */
void memmap_add(struct memmap *m, paddr_t base, paddr_t end);
void memmap_remove(struct memmap *m, paddr_t base, paddr_t end);
/* Does the list touch [base, end)? */
bool memmap_touches(const struct memmap *m, paddr_t base, paddr_t end);
/* Highest block of `size` bytes below `limit` aligned to `align` (a power of two), taken off the list; 0: none. */
paddr_t memmap_take(struct memmap *m, uint64_t size, uint64_t align, paddr_t limit);
/* Shrink every range to whole pages. */
void memmap_pages(struct memmap *m);
