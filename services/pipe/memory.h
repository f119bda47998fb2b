/* What a pipe's users share, as capabilities: its memory, and the bells that wake them. */
#pragma once

#include "libos/fabric/fabric.h"
#include "libos/pipe/ring.h"

struct ring_memory {
	struct pipe_ring *ring;
	uint64_t frame;
};

/* Zeroed; false: there is none. */
bool ring_memory_make(struct ring_memory *m);
/* From all who have it, too. */
void ring_memory_free(const struct ring_memory *m);
/* A ticket for the channel's peer; false: it cannot have it. */
bool ring_memory_send(const struct ring_memory *m, struct channel *to, uint64_t *ticket);

/* A notification that the channel's peer has sent; 0: it cannot be had here. */
uint64_t ring_bell_take(struct channel *from, uint64_t ticket);
void ring_bell_free(uint64_t bell);
bool ring_bell_send(uint64_t bell, struct channel *to, uint64_t *ticket);
void ring_bell_ring(uint64_t bell);
