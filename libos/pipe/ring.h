/*
 * A pipe in memory that its users share: positions, who sleeps, and the bytes.
 *
 * Any number of processes read and write. Each side has a lock that holds the serial number of who has it, so that
 * whoever counts the ends (services/pipe) can break it when its holder has died; the positions move in one store,
 * so what a dead one had begun was not done. Nothing here is trusted: whatever another user of the pipe writes into
 * the frame, no access leaves it and no call loops; only what goes through this pipe is spoilt. Pure; no system calls.
 *
 * Sleeping: a bit of the side's `asleep` for each sleeper is set before it looks a last time; who has changed something
 * takes the bits and wakes those. Both are locked instructions, so one sees what the other did.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/x86/barrier.h"

#define PIPE_RING_BITS 16
#define PIPE_RING_BYTES ((uint32_t)SIZE_OF_BITS(PIPE_RING_BITS) - 128) /* that a pipe holds */
#define PIPE_RING_ATOMIC 4096u                                         /* a write of so many goes in whole */
#define PIPE_RING_SLEEPERS 63                                          /* that have a bit of their own */
#define PIPE_RING_SERVICE (UINT64_C(1) << PIPE_RING_SLEEPERS)          /* ... and who waits by way of the service */

enum pipe_end { PIPE_READERS, PIPE_WRITERS };

struct pipe_side {
	_Alignas(64) uint64_t position; /* bytes that went by, ever; changed with the lock */
	uint64_t asleep;
	uint64_t lock;     /* the holder's serial, or 0 */
	uint32_t gone;     /* nobody has this end open: told by the service */
	uint32_t nonblock; /* likewise: O_NONBLOCK */
};

struct pipe_ring {
	struct pipe_side side[2];
	uint8_t bytes[PIPE_RING_BYTES];
};
_Static_assert(sizeof(struct pipe_ring) == SIZE_OF_BITS(PIPE_RING_BITS), "a frame");

/* Bytes that wait; without a lock it may be out of date. */
uint32_t pipe_ring_fill(const struct pipe_ring *r);
static inline uint32_t pipe_ring_space(const struct pipe_ring *r) { return PIPE_RING_BYTES - pipe_ring_fill(r); }

/* Takes a side's lock, if nobody has it. */
static inline bool pipe_side_try(struct pipe_side *s, uint32_t serial) { return mem_change64(&s->lock, 0, serial); }
/* Orders what was done before what is looked at then: who sleeps. */
static inline void pipe_side_unlock(struct pipe_side *s) { (void)mem_swap64(&s->lock, 0); }
/* Its holder has died. */
static inline void pipe_side_break(struct pipe_side *s, uint32_t serial) { (void)mem_change64(&s->lock, serial, 0); }

/* With the readers' lock: up to `count` bytes; how many. */
uint32_t pipe_ring_get(struct pipe_ring *r, void *into, uint32_t count);
/* With the writers' lock: as many as there is room for; up to PIPE_RING_ATOMIC all or none. */
uint32_t pipe_ring_put(struct pipe_ring *r, const void *from, uint32_t count);

static inline void pipe_side_sleep(struct pipe_side *s, uint64_t bit)
{
	(void)__atomic_fetch_or(&s->asleep, bit, __ATOMIC_SEQ_CST);
}
/* Those who sleep there, to be woken: they are told once. */
static inline uint64_t pipe_side_wake(struct pipe_side *s)
{
	return mem_load64(&s->asleep) ? mem_swap64(&s->asleep, 0) : 0;
}

/* Of poll's events those that hold at an end (NINEP_READY_*); a write that may wait wants so much room. */
uint32_t pipe_ring_events(const struct pipe_ring *r, enum pipe_end end);
