/*
 * A process on several cores, the libOS's side: members are asked for here, and what
 * they share of the address space is kept in directories (vspace_shared.c).
 *
 * As long as a process has one member, none of this is on its way.
 */
#pragma once

#include "kernel/abi/types.h"

struct thread;
struct vspace_node;

/* From the asking member to the new one, at the top of its first stack; 16 bytes aligned. */
struct member_start {
	struct thread *thread;
	struct vspace_node *nodes;
};

/* Has the process ever asked for a second member? In shared memory; never false again. */
extern bool process_spans;

/* Where a new member begins (libos/x86/context.asm), and goes on in C (start.c). In disabled mode. */
void member_start(void);
void libos_join(const struct member_start *m) __attribute__((noreturn));

/* --- what the monitor does for it; all wait for its answer ---------------------------- */

#define SPAN_PIECES 5
/* `slots` are of the member on `core`, 0: none. When it returns no core of the process sees what was mapped. */
err_t mon_unmap(coreid_t core, const cptr_t slots[SPAN_PIECES]);
err_t mon_protect(coreid_t core, cptr_t slot, unsigned first, unsigned count, unsigned flags);
/* A PTABLE3 of ours into the roots of all members. */
err_t mon_root_slot(cptr_t table, unsigned index);
/* Copies what the member on `core` has in a slot of its into an empty one of ours. */
err_t mon_cap_fetch(coreid_t core, cptr_t there, cptr_t here, unsigned rights);
/* An errand (libos/thread/errand.h): the monitor wants the process to go on on `core`, and hears what came of it. */
void span_move(uint64_t core);
