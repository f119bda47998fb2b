/*
 * Who uses whose memory: what is kept when a process ends whose children share its pages (fork).
 *
 * A process whose memory others use has an estate. Its heirs are those children that live, and the estates of such
 * that have ended but have heirs themselves: they use what those had of it. When it has no heir any more and its
 * process has ended, what that left goes back, and so on with whose heir it was. Portable, and tested on the host.
 */
#pragma once

#include "monitor/process_table.h"

#define ESTATES_MAX 256

struct estate {
	uint32_t heirs;       /* 0: the record is free */
	struct process *of;   /* NULL: it has ended, and below is what it had */
	struct estate *above; /* whose heir it was; NULL: nobody's */
	cptr_t block, slots;
	uint8_t block_bits;
	struct extent *extents;
};

/* The child uses its parent's memory from now on. ERR_HEIRS: no room to write that down; ERR_DENIED: another's, too. */
err_t heir_add(struct process *parent, struct process *child);
/* How many use this process's memory; itself not counted. */
uint32_t heirs_of(const struct process *p);
/*
 * It ends. NULL: nobody uses its memory, which may go, and heir_end follows when it has gone. Else what it has is to be
 * written there, for estate_release; the process has nothing to do with it any more.
 */
struct estate *heirs_leave(struct process *p);
/* The process has no memory any more, and uses nobody's. */
void heir_end(struct process *p);
/* Of what ended processes have left: the extents of the i-th, i below ESTATES_MAX. */
const struct extent *estate_extents(unsigned i);

/* In memory.c: all of it goes back; the record is the caller's. */
void estate_release(struct estate *e);
