/*
 * Between vspace.c, vspace_self.c and vspace_shared.c: nodes and mappings of an address
 * space. The caller holds the space's mutex, which for our own is one a core, and stays on it.
 *
 * Nodes of our own space lie in memory that all cores share, the pools of free ones are a
 * core's own.  In a process that spans cores the buckets of its mappings have a lock each.
 */
#pragma once

#include "libos/core/vspace.h"

struct vspace_node {
	struct vspace_node *next; /* in its bucket, or in the pool */
	struct vspace_node *more; /* mapping: the next piece */
	uint64_t key;             /* table: covered addresses and level; mapping: address */
	uint64_t pages;           /* mapping: of this piece */
	cptr_t cap;               /* of the member on `core` */
	uint32_t core;
	bool copy;          /* mapping: the capability is ours */
	uint8_t place_bits; /* mapping: its addresses are of the area, and go back; 0: they are the caller's */
	uint8_t share;      /* mapping: enum cow_share */
};

/* Who feeds the pool of nodes, and may take the last of them; NULL: nobody. A core's own. */
extern CORE_LOCAL struct thread *vspace_tender;
/* The pool of nodes: put some in; how many there are. */
void vspace_nodes_feed(struct vspace_node *nodes, unsigned count);
unsigned vspace_nodes_left(void);

/* Maps pages of a frame from page `first` on, through as many pieces as it takes. On an error nothing is mapped. */
err_t vspace_mapping_make(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t pages, uint64_t first, unsigned flags,
			  uint8_t place_bits);
/* Does a mapping begin at va? */
bool vspace_mapping_is(struct vspace *v, vaddr_t va);
/* Takes the mapping that begins at va out of the space; the caller removes it. NULL: none does. */
struct vspace_node *vspace_mapping_take(struct vspace *v, vaddr_t va);
void vspace_mapping_remove(struct vspace_node *n);
/* The mapping that begins at va, itself. Only in a process on one core; not removed by others meanwhile. */
struct vspace_node *vspace_mapping_at(vaddr_t va);
/* A copy of the piece of a mapping that holds va; false: none does. */
bool vspace_piece_find(struct vspace *v, vaddr_t va, struct vspace_node *out);

struct vspace_node *vspace_node_take(void);
void vspace_node_give(struct vspace_node *n);
/* A page table into another's entry, out of fresh memory, in a fresh slot. `in_root`: all members' roots. */
err_t vspace_table_make(unsigned level, cptr_t parent, unsigned index, bool in_root, cptr_t *out);
/* The table of a level that covers va in our space; it is made when it is not there. */
err_t vspace_table_get(struct vspace *v, unsigned level, vaddr_t va, cptr_t *out);
#define VSPACE_LEVELS 4
/* The entry of a table at a level that leads to va. */
unsigned vspace_table_index(unsigned level, vaddr_t va);

/* --- vspace_shared.c: what members know of each other's ------------------------------ */

#define VSPACE_NODES_MEMBER (PAGE_SIZE / sizeof(struct vspace_node))

/* Tells the tables that there are to those who come; from then on the process counts as spanning. */
err_t vspace_share(void);
/* A table that this core does not know: another member's, or, when there is none, one of our own. `key` names it. */
err_t vspace_shared_table(unsigned level, vaddr_t va, uint64_t key, cptr_t *out);
/* Removes a mapping that any core may have translations of, on any core's part. Not under the space's mutex. */
err_t vspace_shared_remove(struct vspace_node *n);
/* Slots of this core whose mappings others have removed. */
void vspace_shared_tidy(void);
