/* What the files of windows have between them: window.c, which reads, and window_store.c. */
#pragma once

#include <setjmp.h>

#include "kernel/abi/cap.h"
#include "libos/ninep/head.h"
#include "libos/posix/window.h"
#include "libos/thread/thread.h"

#define PIECES 256        /* of a window: 16 MiB */
#define WINDOW_NEVER 0xff /* as a count of reads: this file has no window */
#define PIECE_BYTES (UINT64_C(1) << NINEP_EXTENT_BITS)

struct piece {
	char *at; /* NULL: not here */
	cptr_t frame;
	uint8_t reads;
	bool stores; /* it may be written, too */
};

struct window {
	struct window *next;           /* onto the same server */
	const struct ninep_head *head; /* NULL: given up */
	struct ninep_marks *marks;     /* NULL: nothing is stored */
	cptr_t frame, marks_frame;
	struct mutex storing; /* whoever stores in it, or takes away what is */
	uint32_t turn;        /* how often it was given up */
	struct piece piece[PIECES];
};

/* What is under way there. */
struct window_copy {
	jmp_buf lost;
	vaddr_t own; /* the program's memory, of the two */
	uint64_t bytes;
};

enum outcome {
	DONE,
	MISSED,  /* by a message: something is not in the window */
	REFUSED, /* by a message, whatever is in it */
	LOST,    /* the server has taken it away */
};

/* The file has been read or written so often that it has a window from now on. */
void window_count(struct open_file *f);
/* By what is missing, from `offset` on, the window becomes larger. */
void window_mend(struct open_file *f, struct window *w, enum outcome o, uint64_t offset);
