/*
 * A pipe as a 9P server has it: bytes that wait, who has which end open, and requests that are put off.
 *
 * Its users are handlers of trees (services/pipe, FIFOs of services/mem). A write of up to PIPE_ATOMIC bytes goes in
 * whole, and so does any other that may wait; only one that may not takes what there is room for. A write that finds a
 * reader waiting goes to it and is not kept. No system calls; one thread.
 */
#pragma once

#include "libos/ninep/server.h"

#define PIPE_ATOMIC 4096u
#define PIPE_BYTES 65536u

struct pipe_wait;

struct pipe {
	char *buffer;
	uint32_t room, first, length; /* of the buffer; what is in it */
	unsigned readers, writers;    /* open descriptions */
	bool hung;                    /* the last writer has gone */
	struct pipe_wait *waits;      /* oldest first */
};

/* Zeroed is an empty pipe. Gives its memory back; nobody has it open. */
void pipe_clear(struct pipe *p);

/*
 * One more has it open, with those flags. `waits`: until the other end is open too, unless there is NINEP_NONBLOCK
 * (ENXIO for a writer then); puts off.
 */
unsigned pipe_open(struct ninep_call *c, struct pipe *p, uint32_t flags, bool waits);
void pipe_close(struct pipe *p, uint32_t flags);
/* As the handlers; `flags` are those of its open. EAGAIN with NINEP_NONBLOCK; EPIPE. They may put off. */
unsigned pipe_read(struct ninep_call *c, struct pipe *p, uint32_t flags, void *into, uint32_t *count);
unsigned pipe_write(struct ninep_call *c, struct pipe *p, uint32_t flags, const void *from, uint32_t *count);
unsigned pipe_ready(struct ninep_call *c, struct pipe *p, uint32_t flags, uint32_t *events);
