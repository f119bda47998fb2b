/*
 * Blocks of this core's memory: what is kept of ended processes for the next, and what is kept back when memory is
 * short.
 *
 * A program may take all that it can get, and its neighbours, and the program itself, must still be able to connect, to
 * start others and to end.  So whoever needs memory leaves some for those whose need is more pressing (enum
 * memory_use); the monitor's own objects may have the last of it.  What counts is what the allocator has free; blocks
 * of ended processes and regions of which nothing is granted come on top, and are given up first.
 */
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "monitor/monitor.h"

#define SPARE_MAX 4 /* blocks of one size that are kept */
/* Kept back, as parts of all memory, and at most. */
#define KEEP_START_SHIFT 4
#define KEEP_START_MAX (UINT64_C(16) << 20)
#define KEEP_OWN_SHIFT 6
#define KEEP_OWN_MAX (UINT64_C(4) << 20)
#define SMALL_SHIFT 3     /* who has less than so much of what is kept for starts may grow at its expense */
#define OWN_FRAME_BITS 16 /* larger frames are for channels with memory of their own */

static cptr_t spare[BLOCK_BITS_MAX][SPARE_MAX];
static uint8_t spares[BLOCK_BITS_MAX];
static uint64_t spare_bytes, total_bytes;

void blocks_init(uint64_t total) { total_bytes = total; }

void memory_figures(uint64_t *total, uint64_t *free)
{
	*total = total_bytes;
	*free = ram_free_bytes() + spare_bytes + regions_free_bytes();
}

/* --- what is kept back ------------------------------------------------------------------------ */

static uint64_t part(unsigned shift, uint64_t most)
{
	return total_bytes >> shift < most ? total_bytes >> shift : most;
}

static uint64_t kept_for_own(void) { return part(KEEP_OWN_SHIFT, KEEP_OWN_MAX); }
static uint64_t kept_for_starts(void) { return part(KEEP_START_SHIFT, KEEP_START_MAX); }

static uint64_t kept_from(enum memory_use use)
{
	return (use >= MEMORY_START ? kept_for_own() : 0) + (use >= MEMORY_GROWTH ? kept_for_starts() : 0);
}

bool memory_spared(unsigned bits, enum memory_use use)
{
	return bits < BLOCK_BITS_MAX && ram_free_bytes() >= SIZE_OF_BITS(bits) + kept_from(use);
}

enum memory_use memory_use_of(const struct process *p, unsigned bits)
{
	uint64_t small = kept_for_starts() >> SMALL_SHIFT;

	return p->memory + SIZE_OF_BITS(bits) <= small ? MEMORY_START : MEMORY_GROWTH;
}

/* Gives the spare blocks back to the allocator, which can then put them together. */
static bool spares_release(void)
{
	bool some = spare_bytes != 0;

	for (unsigned bits = 0; bits < BLOCK_BITS_MAX; bits++) {
		while (spares[bits])
			ram_free(spare[bits][--spares[bits]]);
	}
	spare_bytes = 0;
	return some;
}

static err_t object_try(unsigned type, unsigned bits, enum memory_use use, cptr_t *out)
{
	return memory_spared(bits, use) ? ram_object(type, bits, out) : ERR_NO_MEMORY;
}

static err_t object_make(unsigned type, unsigned bits, enum memory_use use, cptr_t *out)
{
	err_t err = object_try(type, bits, use, out);

	if (err == ERR_NO_MEMORY && spares_release())
		err = object_try(type, bits, use, out);
	if (err == ERR_NO_MEMORY && regions_reclaim())
		err = object_try(type, bits, use, out);
	return err;
}

err_t block_frame(unsigned bits, cptr_t *frame)
{
	return object_make(CAP_FRAME, bits, bits > OWN_FRAME_BITS ? MEMORY_START : MEMORY_OWN, frame);
}

/* --- blocks for processes -------------------------------------------------------------------------- */

err_t block_alloc(unsigned bits, enum memory_use use, cptr_t *block)
{
	if (bits >= BLOCK_BITS_MAX)
		return ERR_NO_MEMORY;
	if (spares[bits]) {
		*block = spare[bits][--spares[bits]];
		spare_bytes -= SIZE_OF_BITS(bits);
		return ERR_OK;
	}
	return object_make(CAP_RAM, bits, use, block);
}

void block_return(cptr_t block, unsigned bits)
{
	if (spares[bits] < SPARE_MAX) {
		spare[bits][spares[bits]++] = block;
		spare_bytes += SIZE_OF_BITS(bits);
		return;
	}
	ram_free(block);
}
