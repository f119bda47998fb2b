/*
 * Stacks of threads: each has memory in the upper half of its addresses and none
 * in the lower, so that running over its end faults.
 */
#include "libos/core/arrival.h"
#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/stay.h"
#include "libos/core/vspace.h"
#include "libos/x86/barrier.h"

#include "kernel/abi/error.h"

#define STACKS_MAX (UINT64_C(1) << 20)

static uint64_t count; /* of stacks' places ever taken, by any core */

/* A larger stack takes several places; its memory is then the upper half of them. */
static bool places_take(unsigned bits, vaddr_t *low)
{
	uint64_t places = SIZE_OF_BITS(bits - STACK_BITS), before, first;

	do {
		before = mem_load64(&count);
		first = (before + places - 1) & ~(places - 1);
		if (first + places > STACKS_MAX)
			return false;
	} while (!mem_change64(&count, before, first + places));
	*low = LIBOS_STACKS_VA + 2 * first * SIZE_OF_BITS(STACK_BITS) + SIZE_OF_BITS(bits);
	return true;
}

err_t stack_map_again(uint64_t bits, vaddr_t low)
{
	cptr_t frame;
	err_t err;

	core_stay();
	err = frame_alloc((unsigned)bits, &frame);
	if (!err) {
		err = vspace_map_at(low, frame, SIZE_OF_BITS(bits), 0, MAP_READ | MAP_WRITE);
		if (err)
			ram_free(frame);
	}
	core_go();
	return err;
}

err_t stack_map(unsigned bits, vaddr_t *top)
{
	vaddr_t low;
	err_t err;

	if (bits < STACK_BITS || bits > STACK_BITS_MAX)
		return ERR_ARGUMENT;
	err = places_take(bits, &low) ? stack_map_again(bits, low) : ERR_NO_MEMORY;
	if (!err)
		*top = low + SIZE_OF_BITS(bits);
	return err;
}

uint64_t stack_places(void) { return mem_load64(&count); }

void stack_places_take(uint64_t places) { count = places < STACKS_MAX ? places : STACKS_MAX; }

bool stack_guard_holds(vaddr_t va)
{
	vaddr_t first = process_args()->stack_top - process_args()->stack_bytes;

	if (first - va - 1 < SIZE_OF_BITS(STACK_BITS))
		return true; /* below the first thread's */
	/* What is there of a stack does not fault. */
	return va - LIBOS_STACKS_VA < count * 2 * SIZE_OF_BITS(STACK_BITS);
}
