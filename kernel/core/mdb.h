/*
 * The derivation tree: per space, an AVL tree of primary capabilities.
 *
 * Its order is base ascending, size descending, type: every object comes right
 * before what lies in it.  The nodes are the slots themselves; the balance is in
 * their flags.  No recursion; each operation is bounded by the tree's height.
 */
#pragma once

#include "cap.h"

extern struct cap *mdb_root[SPACES];

/* A position between two neighbours in the order. */
struct mdb_place {
	struct cap *before; /* last node not above the key; NULL: none */
	struct cap *after;  /* first node above it; NULL: none */
};

/* The place of an object (base, bits, type) in `space`. If it has a node, that is `before`. */
struct mdb_place mdb_seek(enum cap_space space, uint64_t base, unsigned bits, unsigned type);
/* The primary capability to an object, or NULL. */
struct cap *mdb_find(uint64_t base, unsigned bits, unsigned type);
/* Adds c right after the node `before` (NULL: first). Its type and flags are set; its list of copies becomes empty. */
void mdb_insert(struct cap *before, struct cap *c);
void mdb_remove(struct cap *c);
/* `c`, whose links and balance are a byte-wise copy of the node `old`, takes old's place. */
void mdb_replace(struct cap *c, const struct cap *old);
struct cap *mdb_first(enum cap_space space);
struct cap *mdb_next(const struct cap *c);
/* The next node if it lies in c's block, else NULL: c's descendants, one by one. */
struct cap *mdb_descendant(const struct cap *c);
/* The smallest object in `space` that contains the block and is not in it, given the block's own place; NULL: none. */
struct cap *mdb_container(enum cap_space space, const struct mdb_place *p, uint64_t base, unsigned bits);

static inline bool mdb_contains(const struct cap *outer, uint64_t base) { return base - outer->base < cap_size(outer); }
