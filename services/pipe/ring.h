/*
 * Pipes whose users move the bytes themselves, in memory that they share (libos/pipe/ring.h): what the service does for
 * them. It counts the ends, tells that one has gone, knows who uses the memory, and wakes those who cannot be woken by
 * each other.
 */
#pragma once

#include "libos/ninep/server.h"
#include "services/pipe/memory.h"

struct ring_user;
struct ring_wait;

struct ring_pipe {
	struct ring_memory memory;
	unsigned open[2]; /* descriptions, by enum pipe_end */
	uint32_t serials; /* given out so far */
	struct ring_user *users;
	struct ring_wait *waits;
};

/* ENOMEM. */
unsigned ring_pipe_make(struct ring_pipe *p);
/* Nobody has it open. */
void ring_pipe_free(struct ring_pipe *p);

void ring_pipe_open(struct ring_pipe *p, enum pipe_end end, uint32_t flags);
void ring_pipe_close(struct ring_pipe *p, enum pipe_end end);
void ring_pipe_flags(struct ring_pipe *p, enum pipe_end end, uint32_t flags);

/* The handlers of struct ninep_handlers by these names, of one end. */
unsigned ring_pipe_join(struct ring_pipe *p, struct ninep_call *c, uint64_t ticket, struct ninep_ring *out);
unsigned ring_pipe_peer(struct ring_pipe *p, struct ninep_call *c, uint32_t number, uint64_t *ticket);
void ring_pipe_poke(struct ring_pipe *p, uint64_t sleepers);
void ring_pipe_left(struct ring_pipe *p, const struct ninep_connection *n, uint32_t fid);
unsigned ring_pipe_ready(struct ring_pipe *p, struct ninep_call *c, enum pipe_end end, uint32_t *events);
