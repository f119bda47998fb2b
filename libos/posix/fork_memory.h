/*
 * Between fork.c and the two ways in which a child gets its parent's memory: shared till it is written to, on one
 * core (fork_share.c), or copied at once (fork_copy.c).
 *
 * What the program's memory is, is the same for both: the heap's chunks, its variables, the stack of the thread that
 * forks, private mappings (region_inherit.h), which the child makes when it has its heap.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/fabric.h"
#include "libos/posix/inherit.h"

/* A part of the program's memory. */
struct fork_part {
	vaddr_t at;
	uint64_t bytes;
};
#define FORK_VARIABLES 2
#define FORK_ZEROED 1 /* the last: zero at the start */
/* The program's variables; the i-th range. */
struct fork_part fork_variables(unsigned i);
/* Bytes of all that the program has. */
uint64_t fork_bytes(void);

/* The stack waits aside till the end, since the child may run on its place. */
struct stack_copy {
	vaddr_t to;
	uint64_t bytes;
	char *data;
};

err_t fork_copy_receive(struct channel *c, const struct stack_copy *s, const struct inherit *text);
err_t fork_share_receive(const struct stack_copy *s, const struct inherit *text);
err_t fork_line(struct channel *c, uint64_t a, uint64_t b);

/* newlib's; malloc is left alone while memory goes over. */
struct _reent;
extern void __malloc_lock(struct _reent *r);
extern void __malloc_unlock(struct _reent *r);
