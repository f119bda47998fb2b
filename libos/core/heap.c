/*
 * The heap: addresses from LIBOS_HEAP_VA to a moving end, to which memory comes
 * in chunks when they are first touched.
 *
 * What the end is moved back over stays mapped.  Moving the end up asks for as
 * much memory as the heap lacks, so that a program hears of a shortage from malloc;
 * but what is not touched is not set apart, and others may take it first.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"

#include "kernel/abi/error.h"

#define CHUNK_BITS 16
#define HEAP_BYTES UINT64_C(0x200000000)

static uint64_t length;    /* of the heap; changed in disabled mode */
static uint64_t populated; /* bytes that memory has come to */
static struct mutex lock = MUTEX_INIT;

/* Is there memory for the heap to be `bytes` larger? */
static bool heap_affords(uint64_t bytes)
{
	return length + bytes <= populated || !ram_reserve(length + bytes - populated);
}

vaddr_t heap_extend(int64_t bytes)
{
	vaddr_t end;

	if (bytes > (int64_t)HEAP_BYTES || (bytes > 0 && !heap_affords((uint64_t)bytes)))
		return 0;
	dispatcher_disable();
	end = LIBOS_HEAP_VA + length;
	/* One comparison for both directions: a length below 0 is a huge one. */
	if (length + (uint64_t)bytes <= HEAP_BYTES)
		length += (uint64_t)bytes;
	else
		end = 0;
	dispatcher_enable();
	return end;
}

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
		populated += SIZE_OF_BITS(CHUNK_BITS);
	return err;
}

err_t heap_populate(vaddr_t va)
{
	err_t err;

	if (!heap_holds(va))
		return ERR_ARGUMENT;
	mutex_lock(&lock);
	err = chunk_map(va & ~(SIZE_OF_BITS(CHUNK_BITS) - 1));
	mutex_unlock(&lock);
	return err;
}
