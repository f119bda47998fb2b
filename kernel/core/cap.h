/*
 * Capabilities inside the CPU driver: the slot, and what each type is.
 *
 * A slot is one cache line.  Of the capabilities to one object, one is primary:
 * it sits in the derivation tree (mdb.h) and holds what is true of the object;
 * the others hang off it in a list of copies.  Objects nest or are disjoint, so
 * the descendants of an object are the run of tree nodes that follows it and
 * lies in its block.
 *
 * Portable: of the machine it needs only kernel/x86/arch.h, and builds hosted
 * for unit tests and fuzzing.
 */
#pragma once

#include "../abi/cap.h"
#include "../abi/error.h"
#include "../abi/types.h"

struct cap {
	uint8_t type;        /* enum cap_type */
	uint8_t rights;      /* RIGHT_ */
	uint8_t bits;        /* object is 1 << bits units at base */
	uint8_t flags;       /* CAP_FLAG_, and those below */
	uint32_t generation; /* page tables, see cap_map.c */
	uint64_t base;       /* physical address, first port, first interrupt, first core */
	/* endpoint: badge. CLEARING: bytes done. Foreign notification: core << 32 | number. Else see cap_map.c */
	uint64_t badge;
	uint64_t mapping; /* frames, and a page table's primary: where it is mapped, see cap_map.c */
	union {
		struct {
			struct cap *child[2], *parent, *copies;
		}; /* primary */
		struct {
			struct cap *prev, *next;
			uint64_t spare[2];
		}; /* copy: prev is the primary for the first */
	};
};
_Static_assert(sizeof(struct cap) == CACHE_LINE, "a capability slot is one line");

/* Flags that users do not see. */
enum {
	CAP_FLAG_EMBEDDED = 32,   /* the slot is in a dispatcher's control block */
	CAP_FLAG_HEAVY_LEFT = 64, /* balance of the tree */
	CAP_FLAG_HEAVY_RIGHT = 128,
	CAP_FLAGS_HEAVY = CAP_FLAG_HEAVY_LEFT | CAP_FLAG_HEAVY_RIGHT,
	CAP_FLAGS_SEEN = 31
};

/*
 * Each space has a derivation tree of its own. Kernels and channels both name cores, but neither
 * is ever made from the other, so they must not look nested.
 */
enum cap_space { SPACE_MEMORY, SPACE_IRQ, SPACE_IOPORT, SPACE_KERNEL, SPACE_CHANNEL, SPACES };

struct cap_kind {
	uint8_t space; /* enum cap_space */
	uint8_t bits_min;
	uint8_t bits_max;
	uint8_t clear;  /* retype clears it */
	uint32_t makes; /* bit t: it can be retyped to type t */
};
extern const struct cap_kind cap_kind[CAP_TYPES];
/* Objects of a space lie below 1 << this. */
extern const uint8_t cap_space_bits[SPACES];

static inline uint64_t cap_size(const struct cap *c) { return SIZE_OF_BITS(c->bits); }
static inline bool cap_same_object(const struct cap *a, const struct cap *b)
{
	return a->base == b->base && a->type == b->type && a->bits == b->bits;
}
static inline bool cap_is_table(const struct cap *c)
{
	return c->type - (unsigned)CAP_PTABLE1 <= CAP_PTABLE4 - CAP_PTABLE1;
}
static inline bool cap_is_frame(const struct cap *c)
{
	return c->type - (unsigned)CAP_FRAME <= CAP_DEVFRAME - CAP_FRAME;
}
