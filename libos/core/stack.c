/*
 * Stacks of threads: each has memory in the upper half of its addresses and none
 * in the lower, so that running over its end faults.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"

#include "kernel/abi/error.h"

#define STACKS_MAX (UINT64_C(1) << 20)

static uint64_t count; /* of stacks ever made; changed in disabled mode */

static vaddr_t stack_low(uint64_t n) { return LIBOS_STACKS_VA + (2 * n + 1) * SIZE_OF_BITS(STACK_BITS); }

err_t stack_map(vaddr_t *top)
{
	uint64_t n;
	cptr_t frame;
	err_t err = frame_alloc(STACK_BITS, &frame);

	if (err)
		return err;
	dispatcher_disable();
	n = count++;
	dispatcher_enable();
	err = n < STACKS_MAX ? vspace_map_at(stack_low(n), frame, SIZE_OF_BITS(STACK_BITS), 0, MAP_READ | MAP_WRITE)
			     : ERR_NO_MEMORY;
	if (err)
		ram_free(frame);
	else
		*top = stack_low(n) + SIZE_OF_BITS(STACK_BITS);
	return err;
}

bool stack_guard_holds(vaddr_t va)
{
	vaddr_t first = process_args()->stack_top - process_args()->stack_bytes;

	if (first - va - 1 < SIZE_OF_BITS(STACK_BITS))
		return true; /* below the first thread's */
	return va - LIBOS_STACKS_VA < count * 2 * SIZE_OF_BITS(STACK_BITS) &&
	       !((va - LIBOS_STACKS_VA) >> STACK_BITS & 1);
}
