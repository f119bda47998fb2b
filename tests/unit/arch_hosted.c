/*
 * The hosted stand-in of kernel/x86/arch.h, of the parts of the CPU driver that
 * capabilities call, and of startup.
 */
#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>

#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

#define BYTES (SIZE_OF_BITS(HOSTED_RAM_BITS) * 2)
#define PTE_PRESENT UINT64_C(1)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

static _Alignas(8192) uint8_t memory[BYTES]; /* as a dispatcher object */
static struct regs frame;
struct hosted_counts hosted;
struct cap world_root;
unsigned world_calls;

struct regs *arch_frame(void) { return &frame; }

void *arch_window(paddr_t p)
{
	if (p < HOSTED_BASE || p >= HOSTED_BASE + BYTES)
		abort();
	return memory + (p - HOSTED_BASE);
}

paddr_t arch_window_paddr(const void *kernel_address)
{
	return (paddr_t)((const uint8_t *)kernel_address - memory) + HOSTED_BASE;
}

void arch_clear(void *p, uint64_t bytes)
{
	if (bytes % 64 || (uintptr_t)p % 64 || (uint8_t *)p < memory ||
	    bytes > (uint64_t)(memory + BYTES - (uint8_t *)p))
		abort();
	memset(p, 0, bytes);
}

bool arch_is_device(paddr_t base, uint64_t size) { return base >= HOSTED_DEVICE && base + size > base; }

uint64_t arch_pte_leaf(paddr_t p, unsigned level, unsigned map_flags)
{
	return p | PTE_PRESENT | (uint64_t)map_flags << 1 | (level > 1 ? UINT64_C(1) << 7 : 0);
}

uint64_t arch_pte_table(paddr_t table) { return table | PTE_PRESENT; }
bool arch_pte_present(uint64_t pte) { return pte & PTE_PRESENT; }
paddr_t arch_pte_paddr(uint64_t pte) { return pte & PTE_ADDRESS; }

/* No processor marks anything here. */
uint64_t arch_pte_written(uint64_t pte)
{
	(void)pte;
	return 0;
}

uint64_t arch_user_written(paddr_t root, vaddr_t va, unsigned pages)
{
	(void)root, (void)va, (void)pages;
	return UINT64_MAX;
}

void arch_user_mark(paddr_t root, vaddr_t va) { (void)root, (void)va; }
bool arch_ptable_leaf_ok(unsigned level) { return level <= 2; }

void arch_root_init(void *root)
{
	for (unsigned i = 256; i < ARCH_PTABLE_ENTRIES; i++)
		((uint64_t *)root)[i] = i;
}

void *arch_user_memory(paddr_t root, vaddr_t va, bool *writable)
{
	*writable = true;
	for (unsigned level = 4; level > 0; level--) {
		uint64_t e =
			((uint64_t *)arch_window(root))[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];

		if (!arch_pte_present(e))
			return NULL;
		root = arch_pte_paddr(e);
		if (level == 1)
			return (uint8_t *)arch_window(root) + va % PAGE_SIZE;
	}
	return NULL;
}

void arch_flush_page(vaddr_t va)
{
	hosted.flush_page++;
	hosted.flushed = va;
}

void arch_flush_all(void) { hosted.flush_all++; }

void kernel_panic(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	abort();
}

/* --- the rest of the CPU driver, where a test does not link it -------------- */

#define HOOK __attribute__((weak))

HOOK void dispatcher_destroy(paddr_t base)
{
	arch_window(base);
	hosted.dispatcher++;
}

HOOK void dispatcher_cap_lost(struct cap *c)
{
	hosted.lost++;
	hosted.lost_cap = c;
}

HOOK void endpoint_destroy(paddr_t base)
{
	arch_window(base);
	hosted.endpoint++;
}

HOOK void notification_destroy(paddr_t base)
{
	arch_window(base);
	hosted.notification++;
}

HOOK void notification_watch_raise(void) { hosted.watched++; }

HOOK void irq_destroy(uint64_t base, uint64_t count)
{
	(void)base, (void)count;
	hosted.irq++;
}

/* --- a first process --------------------------------------------------------- */

struct cap *world_slot(cptr_t address) { return cap_lookup_slot(&world_root, address); }

void world_init(void)
{
	struct cap *root = arch_window(HOSTED_OWN), *task = arch_window(HOSTED_OWN + 0x4000);

	cap_insert_first(&world_root, CAP_CNODE, HOSTED_OWN, 10, RIGHT_ALL);
	cap_insert_first(root, CAP_CNODE, HOSTED_OWN + 0x4000, CAP_L2CNODE_BITS, RIGHT_ALL);
	cap_insert_first(task + W_RAM, CAP_RAM, HOSTED_BASE, HOSTED_RAM_BITS, RIGHT_ALL);
	cap_insert_first(task + W_IRQ, CAP_IRQ, 0, 8, RIGHT_ALL);
	cap_insert_first(task + W_PORT, CAP_IOPORT, 0, 16, RIGHT_ALL);
	cap_insert_first(task + W_KERNEL, CAP_KERNEL, 3, 0, RIGHT_ALL);
	cap_insert_first(task + W_CHANNEL, CAP_CHANNEL, 0, 10, RIGHT_ALL);
	if (cap_copy(task + W_ROOT, &world_root, RIGHT_ALL))
		abort();
}

uint64_t world_reset(void)
{
	for (cptr_t c = W_RAM; c < W_ROOT; c++)
		if (invoke(c, CAP_OP_REVOKE, 0, 0))
			return 1;
	for (cptr_t c = 0; c < 256; c++)
		if ((c < W_RAM || c > W_ROOT) && !cap_empty(world_slot(c)) && invoke(c, CAP_OP_DELETE, 0, 0))
			return 1;
	for (cptr_t c = 1; c < 16; c++)
		if (!cap_empty(world_slot(CPTR_L1(c))) && invoke(CPTR_L1(c), CAP_OP_DELETE, 0, 0))
			return 1;
	memset(&hosted, 0, sizeof hosted);
	return cap_check() + (cap_count != 8);
}

err_t invoke(cptr_t c, uint64_t op, uint64_t a0, uint64_t a1)
{
	err_t err;

	world_calls = 0;
	do {
		err = cap_invoke(&world_root, c, op, a0, a1).err;
		world_calls++;
	} while (err == ERR_RESTART);
	return err;
}

err_t retype(cptr_t c, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t to)
{
	return invoke(c, INVOKE_RETYPE(type, bits, count), offset, to);
}

err_t copy(cptr_t c, cptr_t to, unsigned rights) { return invoke(c, INVOKE(CAP_OP_COPY, rights), to, 0); }
