/*
 * A look at this core's live page tables: is any writable kernel page another's?
 *
 * The whole kernel half is walked as the processor would walk it, starting at CR3,
 * not as paging.c believes to have built it.  Counted are pages of KPRIV, whose
 * frames must be this core's slice, and the window, where no page may be of any
 * slice nor of the image.  Device registers are counted as writable and are no one's.
 */
#include "arch.h"
#include "asm.h"
#include "machine.h"
#include "pte.h"

struct walk {
	paddr_t slice;
	uint64_t writable, foreign;
};

/* Tables of the kernel half lie in the slice; one elsewhere is itself shared, and not followed. */
static const uint64_t *walk_table(struct walk *w, uint64_t pte)
{
	paddr_t p = pte & PTE_ADDRESS;

	if (p >= w->slice && p < w->slice + machine.slice_bytes)
		return (const uint64_t *)(KPRIV_BASE + (p - w->slice));
	w->foreign++;
	return NULL;
}

static uint64_t common_pages(paddr_t base, paddr_t end, paddr_t other, paddr_t other_end)
{
	paddr_t from = base > other ? base : other, to = end < other_end ? end : other_end;

	return from < to ? (to - from) / PAGE_SIZE : 0;
}

static void walk_leaf(struct walk *w, unsigned root_index, uint64_t pte, unsigned level)
{
	uint64_t size = SIZE_OF_BITS(arch_ptable_shift(level));
	paddr_t base = pte & PTE_ADDRESS & ~(size - 1), end = base + size;
	uint64_t slices = common_pages(base, end, machine.slices, machine.slices + machine.slices_bytes);
	uint64_t own = common_pages(base, end, w->slice, w->slice + machine.slice_bytes);

	if (root_index == ARCH_PTABLE_ENTRIES - 1)
		w->writable += size / PAGE_SIZE;
	else
		w->foreign += own; /* seen twice: the window must not show it */
	w->foreign += slices - own + common_pages(base, end, machine.image, machine.image_end);
}

static void walk_level(struct walk *w, const uint64_t *table, unsigned root_index, unsigned level)
{
	for (unsigned i = 0; table && i < ARCH_PTABLE_ENTRIES; i++) {
		if (!(table[i] & PTE_P) || !(table[i] & PTE_W))
			continue;
		if (level == 1 || (table[i] & PTE_PS))
			walk_leaf(w, root_index, table[i], level);
		else
			walk_level(w, walk_table(w, table[i]), root_index, level - 1);
	}
}

void arch_walk_tables(uint64_t *writable, uint64_t *foreign)
{
	struct walk w = { .slice = machine.slices + arch_start.info.core * machine.slice_bytes };
	paddr_t root = arch_root_current();
	const uint64_t *table = root >= w.slice && root < w.slice + machine.slice_bytes
					? (const uint64_t *)(KPRIV_BASE + (root - w.slice))
					: arch_window(root);

	for (unsigned i = ARCH_PTABLE_ENTRIES / 2; i < ARCH_PTABLE_ENTRIES; i++)
		if ((table[i] & PTE_P) && (table[i] & PTE_W))
			walk_level(&w, walk_table(&w, table[i]), i, 3);
	*writable = w.writable;
	*foreign = w.foreign;
}
