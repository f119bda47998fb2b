/*
 * A machine for tests of kernel/core on the host: some memory, page table entries
 * of an own make, and counters of what the kernel asked for.
 */
#pragma once

#include "kernel/core/cap_ops.h"

#define HOSTED_BASE UINT64_C(0x1000000)                          /* physical address of the memory */
#define HOSTED_RAM_BITS 23                                       /* what tests hand out: the first half of it */
#define HOSTED_OWN (HOSTED_BASE + SIZE_OF_BITS(HOSTED_RAM_BITS)) /* the other half: first cnodes */
#define HOSTED_DEVICE UINT64_C(0x80000000)                       /* device memory from here on */

struct hosted_counts {
	unsigned flush_page, flush_all, dispatcher, lost, endpoint, notification, irq, watched;
	vaddr_t flushed; /* last page */
	struct cap *lost_cap;
};
extern struct hosted_counts hosted;

/* Slots and capabilities of a first process, as startup would make them. */
enum { W_RAM = 16, W_IRQ, W_PORT, W_KERNEL, W_CHANNEL, W_ROOT, W_FREE = 32 };
extern struct cap world_root;
/* Makes it, once per process: an 16-slot root, cnode 0 with the above. */
void world_init(void);
/* Deletes all that tests made, and checks that nothing else is left. Returns violations. */
uint64_t world_reset(void);
/* The slot at an address. */
struct cap *world_slot(cptr_t address);

/* One system call, repeated while it asks for it; `calls`: how often it was made. */
extern unsigned world_calls;
err_t invoke(cptr_t c, uint64_t op, uint64_t a0, uint64_t a1);
err_t retype(cptr_t c, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t to);
err_t copy(cptr_t c, cptr_t to, unsigned rights);
