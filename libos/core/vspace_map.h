/*
 * Between vspace.c and vspace_self.c: nodes and mappings of an address space. The
 * caller holds the space's mutex, but for the pool of nodes, which has its own.
 */
#pragma once

#include "libos/core/vspace.h"

struct vspace_node {
	struct vspace_node *next; /* in its bucket, or in the pool */
	struct vspace_node *more; /* mapping: the next piece */
	uint64_t key;             /* table: covered addresses and level; mapping: address */
	uint64_t pages;           /* mapping: of this piece */
	cptr_t cap;
	bool copy;          /* mapping: the capability is ours */
	uint8_t place_bits; /* mapping: its addresses are of the area, and go back; 0: they are the caller's */
};

/* The pool of nodes: put some in; how many there are. */
void vspace_nodes_feed(struct vspace_node *nodes, unsigned count);
unsigned vspace_nodes_left(void);

/* Maps pages of a frame from page `first` on, through as many pieces as it takes. On an error nothing is mapped. */
err_t vspace_mapping_make(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t pages, uint64_t first, unsigned flags);
/* The mapping that begins at va, or NULL. */
struct vspace_node *vspace_mapping_find(struct vspace *v, vaddr_t va);
/* The same, and takes it out of the space; the caller removes it. */
struct vspace_node *vspace_mapping_take(struct vspace *v, vaddr_t va);
void vspace_mapping_remove(struct vspace_node *n);
/* The piece of a mapping that holds va, or NULL. */
struct vspace_node *vspace_piece_find(struct vspace *v, vaddr_t va);
