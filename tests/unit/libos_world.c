/*
 * See libos_world.h. On the CPU driver's side of the fence: its headers and the
 * libOS's name the same things differently, and never meet in one file.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel/core/dispatch.h"
#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

#define PAGES_VA DISPATCHER_VA /* dispatcher page, then arguments */
#define PAGES_BYTES (ARGS_VA + PAGE_SIZE - DISPATCHER_VA)

/* What the libOS takes for the result of a system call: error, rdx, r8, r9, r10. */
struct libos_result {
	err_t err;
	uint64_t v0, v1, v2, v3;
};

static uint64_t given; /* bytes of W_RAM from its start */
static unsigned fail_after;

void libos_world_init(unsigned ram_bits);
err_t libos_world_ram(unsigned bits, cptr_t slot);
uint64_t libos_world_check(void);
uint64_t libos_world_walk(cptr_t root, uint64_t va);
void libos_world_fail(unsigned after);
struct libos_result libos_world_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

void libos_world_fail(unsigned after) { fail_after = after; }

uint64_t libos_world_check(void) { return cap_check(); }

uint64_t libos_world_walk(cptr_t root, uint64_t va)
{
	const uint64_t *table = arch_window(world_slot(root)->base);
	uint64_t entry = 0;

	for (unsigned level = 4; level > 0; level--) {
		entry = table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];
		if (!arch_pte_present(entry))
			return 0;
		if (level > 1)
			table = arch_window(arch_pte_paddr(entry));
	}
	return entry;
}

err_t libos_world_ram(unsigned bits, cptr_t slot)
{
	uint64_t at = (given + SIZE_OF_BITS(bits) - 1) & ~(SIZE_OF_BITS(bits) - 1);
	err_t err;

	if (at + SIZE_OF_BITS(bits) > SIZE_OF_BITS(HOSTED_RAM_BITS))
		return ERR_NO_MEMORY;
	err = retype(W_RAM, at, CAP_RAM, bits, 1, slot);
	if (!err)
		given = at + SIZE_OF_BITS(bits);
	return err;
}

void libos_world_init(unsigned ram_bits)
{
	void *pages = mmap((void *)PAGES_VA, PAGES_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (pages != (void *)PAGES_VA)
		abort();
	world_init();
	if (copy(W_ROOT, TASK_ROOT_CNODE, RIGHT_ALL) || libos_world_ram(ram_bits, TASK_RAM))
		abort();
	((struct process_args *)ARGS_VA)->ram_bits = ram_bits;
}

struct libos_result libos_world_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct sys_result r;

	if (fail_after && --fail_after == 0)
		return (struct libos_result){ .err = ERR_NO_MEMORY };
	*arch_frame() = (struct regs){ .rdi = cap, .rsi = op, .rdx = a0, .r10 = a1, .r8 = a2, .r9 = a3 };
	do {
		r = cap_invoke(&world_root, cap, op, a0, a1);
	} while (r.err == ERR_RESTART);
	return (struct libos_result){ r.err, r.value, arch_frame()->r8, arch_frame()->r9, arch_frame()->r10 };
}
