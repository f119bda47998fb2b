/*
 * Events by time: a heap of places, and a pool of events of one size.
 *
 * Of two events at one time the one that was put first comes first.  A place in the pool stays
 * the taker's until it gives it back.
 */
#pragma once

#include "kernel/abi/types.h"

struct queue_place {
	cycles_t time;
	uint64_t order;
	uint32_t event;
};

struct queue {
	size_t bytes; /* of an event */
	struct queue_place *heap;
	uint8_t *pool;
	uint32_t *unused; /* of the pool */
	unsigned count, room, unused_count;
	uint64_t orders; /* given out so far */
};

/* Empty, for events of that size. */
void queue_init(struct queue *q, size_t bytes);
/* A copy of the event happens at `time`. */
void queue_put(struct queue *q, cycles_t time, const void *event);
/* Takes the first: its place in the pool. There is one. */
uint32_t queue_take(struct queue *q);
void queue_drop(struct queue *q, uint32_t place);
/* Valid until something is put. */
static inline void *queue_event(const struct queue *q, uint32_t place) { return q->pool + place * q->bytes; }
/* When the first is; UINT64_MAX: there is none. */
static inline cycles_t queue_next(const struct queue *q) { return q->count ? q->heap[0].time : UINT64_MAX; }
