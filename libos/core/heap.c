/*
 * The heap: addresses from LIBOS_HEAP_VA to a moving end, to which memory comes
 * in chunks when they are first touched.
 *
 * What the end is moved back over stays mapped.  Moving the end up asks for as much
 * memory as the heap lacks, and whether there are slots for it, so that a program hears of a
 * shortage from malloc; but what is not touched is not set apart, and others may take it first.
 */
#include "libos/core/arrival.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/stay.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"

#include "kernel/abi/error.h"

#define CHUNK_BITS 16
#define HEAP_BYTES UINT64_C(0x200000000)
#define TRIES 3 /* to bring memory to a chunk, each behind who was making what it lacked */

static uint64_t length;    /* of the heap; changed under `lock` */
static uint64_t populated; /* bytes that memory has come to; by any core */
static struct mutex lock = MUTEX_INIT;

/* A bit for each chunk that a thread is bringing memory to: others, of any core, wait for it. */
static uint64_t claimed[HEAP_BYTES >> CHUNK_BITS >> 6];

static bool chunk_claim(uint64_t chunk)
{
	uint64_t bit = UINT64_C(1) << chunk % 64;

	return !(__atomic_fetch_or(&claimed[chunk / 64], bit, __ATOMIC_ACQUIRE) & bit);
}

static void chunk_release(uint64_t chunk)
{
	__atomic_fetch_and(&claimed[chunk / 64], ~(UINT64_C(1) << chunk % 64), __ATOMIC_RELEASE);
}

/* Page tables, slots and records of what is mapped take up to 1/64 besides, and a chunk for the first of them. */
#define UPKEEP(bytes) ((bytes) / 64 + SIZE_OF_BITS(CHUNK_BITS))
/* A slot for each chunk; page tables, records and new sources of memory take up to 1/8 besides, and a few at once. */
#define SLOTS(chunks) ((chunks) + (chunks) / 8 + 32)

/* Are there memory and slots for the heap to be `bytes` larger? In whole chunks: that is how it will be taken. */
static bool heap_affords(uint64_t bytes)
{
	uint64_t chunk = SIZE_OF_BITS(CHUNK_BITS), lacks = (length + bytes - populated + chunk - 1) & ~(chunk - 1);

	if (length + bytes <= populated)
		return true;
	return slots_left() >= SLOTS(lacks >> CHUNK_BITS) && !ram_reserve(lacks + UPKEEP(lacks), CHUNK_BITS) &&
	       slots_left() >= SLOTS(lacks >> CHUNK_BITS);
}

vaddr_t heap_extend(int64_t bytes)
{
	vaddr_t end;

	if (bytes > (int64_t)HEAP_BYTES || (bytes > 0 && !heap_affords((uint64_t)bytes)))
		return 0;
	mutex_lock(&lock);
	end = LIBOS_HEAP_VA + length;
	/* One comparison for both directions: a length below 0 is a huge one. */
	if (length + (uint64_t)bytes <= HEAP_BYTES)
		length += (uint64_t)bytes;
	else
		end = 0;
	mutex_unlock(&lock);
	return end;
}

void heap_begin(uint64_t chunks) { length = populated = chunks << CHUNK_BITS; }

uint64_t heap_chunks(void) { return (length + SIZE_OF_BITS(CHUNK_BITS) - 1) >> CHUNK_BITS; }

bool heap_chunk(uint64_t n, vaddr_t *at, uint64_t *bytes)
{
	uint64_t left = length - (n << CHUNK_BITS);

	*at = LIBOS_HEAP_VA + (n << CHUNK_BITS);
	*bytes = left < SIZE_OF_BITS(CHUNK_BITS) ? left : SIZE_OF_BITS(CHUNK_BITS);
	return vspace_begins(*at);
}

void heap_lacks(uint64_t chunks) { __atomic_fetch_sub(&populated, chunks << CHUNK_BITS, __ATOMIC_RELAXED); }

uint64_t heap_populated(void) { return __atomic_load_n(&populated, __ATOMIC_RELAXED); }

bool heap_holds(vaddr_t va) { return va - LIBOS_HEAP_VA < length; }

static err_t chunk_map(vaddr_t chunk)
{
	cptr_t frame;
	err_t err;

	if (vspace_begins(chunk))
		return 0;
	err = frame_alloc(CHUNK_BITS, &frame);
	if (err)
		return err;
	err = vspace_map_at(chunk, frame, SIZE_OF_BITS(CHUNK_BITS), 0, MAP_READ | MAP_WRITE);
	if (err)
		ram_free(frame);
	else
		__atomic_fetch_add(&populated, SIZE_OF_BITS(CHUNK_BITS), __ATOMIC_RELAXED);
	return err;
}

err_t heap_populate(vaddr_t va)
{
	uint64_t chunk = (va - LIBOS_HEAP_VA) >> CHUNK_BITS;
	err_t err;

	if (!heap_holds(va))
		return ERR_ARGUMENT;
	/* Who has claimed it may wait for this core's monitor. */
	while (!chunk_claim(chunk))
		dispatcher_yield();
	core_stay();
	err = chunk_map(LIBOS_HEAP_VA + (chunk << CHUNK_BITS));
	/* Many threads at once may use up the slots or nodes that are left while one of them makes more. */
	for (unsigned tries = 0; err && tries < TRIES; tries++) {
		slots_settle();
		vspace_settle();
		err = chunk_map(LIBOS_HEAP_VA + (chunk << CHUNK_BITS));
	}
	core_go();
	chunk_release(chunk);
	return err;
}
