/* See ring.h. What is read of the frame is brought within bounds before it is used. */
#include "libos/pipe/ring.h"

#include <string.h>

#include "libos/ninep/server.h"

uint32_t pipe_ring_fill(const struct pipe_ring *r)
{
	/* What was taken first: looked at later it could be more than what was written. */
	uint64_t taken = mem_load64_acquire(&r->side[PIPE_READERS].position);
	uint64_t fill = mem_load64_acquire(&r->side[PIPE_WRITERS].position) - taken;

	return fill < PIPE_RING_BYTES ? (uint32_t)fill : PIPE_RING_BYTES;
}

/* Where a position is, and how many of `count` bytes lie there in a row. */
static uint32_t place(uint64_t position, uint32_t count, uint32_t *row)
{
	uint32_t at = (uint32_t)(position % PIPE_RING_BYTES), to_end = PIPE_RING_BYTES - at;

	*row = count < to_end ? count : to_end;
	return at;
}

uint32_t pipe_ring_get(struct pipe_ring *r, void *into, uint32_t count)
{
	uint64_t position = mem_load64(&r->side[PIPE_READERS].position);
	uint32_t fill = pipe_ring_fill(r), some = count < fill ? count : fill, row, at = place(position, some, &row);

	memcpy(into, r->bytes + at, row);
	if (row < some)
		memcpy((char *)into + row, r->bytes, some - row);
	/* Release: what was read may be overwritten from now on. Pairs with the load in pipe_ring_fill. */
	mem_store64_release(&r->side[PIPE_READERS].position, position + some);
	return some;
}

uint32_t pipe_ring_put(struct pipe_ring *r, const void *from, uint32_t count)
{
	uint64_t position = mem_load64(&r->side[PIPE_WRITERS].position);
	uint32_t space = pipe_ring_space(r), some = count < space ? count : space, row,
		 at = place(position, some, &row);

	if (some < count && count <= PIPE_RING_ATOMIC)
		return 0;
	memcpy(r->bytes + at, from, row);
	if (row < some)
		memcpy(r->bytes, (const char *)from + row, some - row);
	/* Release: the bytes are there when the position says so. Pairs with the load in pipe_ring_fill. */
	mem_store64_release(&r->side[PIPE_WRITERS].position, position + some);
	return some;
}

uint32_t pipe_ring_events(const struct pipe_ring *r, enum pipe_end end)
{
	/* First whether anybody is there: what he wrote before he went is seen then. */
	bool alone = __atomic_load_n(&r->side[!end].gone, __ATOMIC_ACQUIRE);

	if (end == PIPE_READERS)
		return (pipe_ring_fill(r) ? NINEP_READY_IN : 0) | (alone ? NINEP_READY_HANGUP : 0);
	if (alone)
		return NINEP_READY_ERROR | NINEP_READY_OUT;
	return pipe_ring_space(r) >= PIPE_RING_ATOMIC ? NINEP_READY_OUT : 0;
}
