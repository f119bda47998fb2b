/*
 * A tree for tests of 9P: a null file, one that gives back what was written, one that answers later, a text, and
 * numbered directories made as they are asked for.
 */
#pragma once

#include "libos/ninep/server.h"

#define TREE_FILE_MAX 200000
#define TREE_MADE_MAX 8

struct tree_made {
	char name[32];
	uint32_t mode;
	bool used;
};

extern const struct ninep_node tree_root;
extern char tree_bytes[TREE_FILE_MAX];
extern uint32_t tree_length;
extern unsigned tree_opens, tree_holds, tree_cancels;
extern struct ninep_pending *tree_waiting; /* a read of "later" */
extern const void *tree_written;           /* where the last write's payload lay */
extern bool tree_stop;                     /* a write to "stop" happened */
