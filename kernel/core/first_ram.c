/*
 * The core's RAM at its start: a list of free ranges (arch_start.ram), from which
 * the monitor's own objects are cut; the rest is divided into aligned blocks of
 * powers of two, one capability each.
 */
#include "first_ram.h"
#include "../x86/arch.h"
#include "cap_ops.h"

/* Cuts [block, block + size) out of a range that holds it. With no room for one more range the part behind is lost. */
static void range_cut(struct arch_ram *r, paddr_t block, uint64_t size)
{
	paddr_t behind = block + size;
	uint64_t behind_size = r->base + r->size - behind;

	r->size = block - r->base;
	if (r->size == 0) {
		r->base = behind;
		r->size = behind_size;
	} else if (behind_size && arch_start.ram_count < ARCH_RAM_MAX) {
		arch_start.ram[arch_start.ram_count++] = (struct arch_ram){ behind, behind_size };
	}
}

paddr_t first_ram_take(unsigned bits)
{
	uint64_t size = SIZE_OF_BITS(bits);

	for (unsigned i = 0; i < arch_start.ram_count; i++) {
		struct arch_ram *r = &arch_start.ram[i];
		paddr_t block = (r->base + size - 1) & ~(size - 1);

		if (block - r->base <= r->size && size <= r->size - (block - r->base)) {
			range_cut(r, block, size);
			arch_clear(arch_window(block), size);
			return block;
		}
	}
	kernel_panic("not enough memory: %lu KiB more are needed to start the monitor", size / 1024);
}

/* The largest aligned block at the start of the range. */
static unsigned first_block_bits(const struct arch_ram *r)
{
	unsigned bits = 63 - (unsigned)__builtin_clzll(r->size);
	unsigned aligned = r->base ? (unsigned)__builtin_ctzll(r->base) : 63;

	return bits < aligned ? bits : aligned;
}

unsigned first_ram_give(struct cap *slot, unsigned slots, uint64_t *bytes)
{
	unsigned n = 0;

	*bytes = 0;
	for (unsigned i = 0; i < arch_start.ram_count; i++) {
		struct arch_ram *r = &arch_start.ram[i];

		while (r->size >= PAGE_SIZE && n < slots) {
			unsigned bits = first_block_bits(r);

			cap_insert_first(&slot[n++], CAP_RAM, r->base, bits, RIGHT_ALL);
			r->base += SIZE_OF_BITS(bits);
			r->size -= SIZE_OF_BITS(bits);
			*bytes += SIZE_OF_BITS(bits);
		}
	}
	return n;
}
