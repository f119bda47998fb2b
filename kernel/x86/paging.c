/*
 * Page tables.  Each core has its own kernel half, in its slice:
 *
 *	WINDOW_BASE + p          RAM, read and write; not the image, nor anyone's slice
 *	KERNEL_BASE + p          text read and execute, constants read only
 *	KPRIV_BASE               this core's slice, with holes below the stacks
 *	DEVICE_BASE              pages of device registers
 *
 * One enumeration of these mappings is used twice: by the boot core to count the
 * tables, by every core to fill them.  The accessed and dirty bits are set from
 * the start.  The user half of a root is written by kernel/core with arch_pte_*.
 */
#include "arch.h"
#include "cpu.h"
#include "machine.h"
#include "memory.h"
#include "paging.h"
#include "pte.h"

#include "../abi/syscall.h"

#define DEVICE_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_PWT | PTE_PCD)
#define DATA_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G)
#define CODE_FLAGS (PTE_P | PTE_A | PTE_G)

#define PRIVATE_SPARE UINT64_C(0x10000)
#define TEXT_TABLES 2 /* pages at a slice's end: page tables for the text of later CPU drivers, in turn */

typedef bool leaf_fn(void *context, vaddr_t va, uint64_t pte, unsigned level);

uint64_t arch_pte_access[ARCH_MAP_FLAGS];
static uint64_t *kernel_root;
static unsigned window_slots; /* of the root */

/* --- enumeration ------------------------------------------------------------- */

static unsigned level_choose(paddr_t p, paddr_t end, bool page1g)
{
	unsigned level = page1g ? 3 : 2;

	while (level > 1 &&
	       ((p & (SIZE_OF_BITS(arch_ptable_shift(level)) - 1)) || end - p < SIZE_OF_BITS(arch_ptable_shift(level))))
		level--;
	return level;
}

static bool range_enumerate(vaddr_t base, paddr_t p, paddr_t end, uint64_t flags, bool page1g, leaf_fn *leaf,
			    void *context)
{
	while (p < end) {
		unsigned level = level_choose(p, end, page1g);

		if (!leaf(context, base + p, p | flags | (level > 1 ? PTE_PS : 0), level))
			return false;
		p += SIZE_OF_BITS(arch_ptable_shift(level));
	}
	return true;
}

/* 4 KiB pages: protections change at every one. */
static bool pages_enumerate(vaddr_t va, vaddr_t end, paddr_t p, uint64_t flags, leaf_fn *leaf, void *context)
{
	for (; va < end; va += PAGE_SIZE, p += PAGE_SIZE)
		if (!leaf(context, va, p | flags, 1))
			return false;
	return true;
}

static bool is_guard(vaddr_t va)
{
	vaddr_t next = va + PAGE_SIZE;

	return next == (vaddr_t)kernel_stack || next == (vaddr_t)ist1_stack || next == (vaddr_t)ist2_stack ||
	       next == (vaddr_t)ist3_stack;
}

static bool slice_enumerate(const struct machine *m, paddr_t slice, uint64_t nx, leaf_fn *leaf, void *context)
{
	for (uint64_t at = 0; at < m->slice_bytes; at += PAGE_SIZE)
		if (!is_guard(KPRIV_BASE + at) && !leaf(context, KPRIV_BASE + at, (slice + at) | DATA_FLAGS | nx, 1))
			return false;
	return true;
}

/* All mappings of a core, ascending. The device page stands for its table; it is not present. */
static bool enumerate(const struct machine *m, paddr_t slice, uint64_t nx, leaf_fn *leaf, void *context)
{
	for (unsigned i = 0; i < m->window.count; i++)
		if (!range_enumerate(WINDOW_BASE, m->window.range[i].base, m->window.range[i].end, DATA_FLAGS | nx,
				     m->page1g, leaf, context))
			return false;
	return pages_enumerate((vaddr_t)text_start, (vaddr_t)text_end, (vaddr_t)text_start - KERNEL_BASE, CODE_FLAGS,
			       leaf, context) &&
	       pages_enumerate((vaddr_t)text_end, (vaddr_t)rodata_end, (vaddr_t)text_end - KERNEL_BASE, CODE_FLAGS | nx,
			       leaf, context) &&
	       slice_enumerate(m, slice, nx, leaf, context) && leaf(context, DEVICE_BASE, 0, 1);
}

/* --- counting ------------------------------------------------------------------ */

struct count {
	unsigned tables;
	vaddr_t last[4]; /* address range of the latest table of each level */
};

static bool count_leaf(void *context, vaddr_t va, uint64_t pte, unsigned level)
{
	struct count *c = context;

	(void)pte;
	for (; level < 4; level++) {
		vaddr_t range = va >> arch_ptable_shift(level + 1);

		if (c->last[level] != range) {
			c->last[level] = range;
			c->tables++;
		}
	}
	return true;
}

/* Tables map themselves too, so their number grows till it is enough. Cutting a hole splits at most two 1 GiB pages. */
unsigned paging_tables_needed(struct machine *m)
{
	unsigned needed = 0;

	m->private_bytes = (uint64_t)(private_end - private_start) + PRIVATE_SPARE;
	do {
		struct count c = { .tables = 1 + 2 };

		m->slice_tables = needed;
		m->slice_bytes = m->private_bytes + (uint64_t)(needed + TEXT_TABLES) * PAGE_SIZE;
		enumerate(m, 0, 0, count_leaf, &c);
		needed = c.tables;
	} while (needed != m->slice_tables);
	return needed;
}

/* --- building -------------------------------------------------------------------- */

struct build {
	paddr_t next, end; /* free table pages */
	paddr_t root;
};

/* Tables are seen at their physical address: the early page tables are in use. */
static uint64_t *table_of(uint64_t pte) { return (uint64_t *)(pte & PTE_ADDRESS); }

static paddr_t table_make(struct build *b)
{
	paddr_t p = b->next;

	if (p == b->end)
		return 0;
	b->next += PAGE_SIZE;
	memset((void *)p, 0, PAGE_SIZE);
	return p;
}

static bool build_leaf(void *context, vaddr_t va, uint64_t pte, unsigned level)
{
	struct build *b = context;
	uint64_t *table = table_of(b->root);

	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = &table[va >> arch_ptable_shift(l) & (ARCH_PTABLE_ENTRIES - 1)];

		if (*e == 0) {
			paddr_t p = table_make(b);

			if (p == 0)
				return false;
			*e = p | PTE_P | PTE_W | PTE_A;
		}
		table = table_of(*e);
	}
	table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)] = pte;
	return true;
}

paddr_t paging_build(const struct machine *m, paddr_t slice, bool nx)
{
	struct build b = { .next = slice + m->private_bytes, .end = slice + m->slice_bytes - TEXT_TABLES * PAGE_SIZE };

	b.root = table_make(&b);
	if (b.root == 0 || !enumerate(m, slice, nx ? PTE_NX : 0, build_leaf, &b))
		return 0;
	return b.root;
}

/* --- this core's tables, in use --------------------------------------------------------- */

static paddr_t own_slice(void) { return machine.slices + arch_start.info.core * machine.slice_bytes; }

uint64_t *paging_table(uint64_t pte) { return (uint64_t *)((pte & PTE_ADDRESS) - own_slice() + KPRIV_BASE); }

static uint64_t leaf_access(unsigned map_flags)
{
	uint64_t pte = PTE_P | PTE_U;

	if (map_flags & MAP_WRITE)
		pte |= PTE_W;
	if (map_flags & MAP_UNCACHED)
		pte |= PTE_PCD | PTE_PWT;
	if (!(map_flags & MAP_EXECUTE) && cpu.nx)
		pte |= PTE_NX;
	return pte;
}

void paging_init(void)
{
	paddr_t top = machine.window.range[machine.window.count - 1].end;

	kernel_root = paging_table(read_cr3());
	window_slots = (unsigned)((top - 1) >> arch_ptable_shift(4)) + 1;
}

void paging_access_init(void)
{
	for (unsigned i = 0; i < ARCH_MAP_FLAGS; i++)
		arch_pte_access[i] = leaf_access(i);
}

uint64_t *paging_root(void) { return kernel_root; }

volatile void *paging_map_device(enum device_slot slot, paddr_t p)
{
	vaddr_t va = DEVICE_BASE + (vaddr_t)slot * PAGE_SIZE;
	uint64_t *table = kernel_root;

	for (unsigned l = 4; l > 1; l--)
		table = paging_table(table[va >> arch_ptable_shift(l) & (ARCH_PTABLE_ENTRIES - 1)]);
	table[slot] = (p & PTE_ADDRESS) | DEVICE_FLAGS | (cpu.nx ? PTE_NX : 0);
	invlpg(va);
	return (volatile char *)va + (p & (PAGE_SIZE - 1));
}

/* --- another CPU driver on these tables ------------------------------------------------------ */

/* The entry for `va` at a level, in the kernel's own part. */
static uint64_t *kernel_entry(vaddr_t va, unsigned level)
{
	uint64_t *table = kernel_root;

	for (unsigned l = 4; l > level; l--)
		table = paging_table(table[va >> arch_ptable_shift(l) & (ARCH_PTABLE_ENTRIES - 1)]);
	return &table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];
}

paddr_t arch_text(void) { return *kernel_entry((vaddr_t)text_start, 1) & PTE_ADDRESS; }

uint64_t *paging_text(const struct driver_header *h, paddr_t image, uint64_t *value)
{
	uint64_t *at = kernel_entry((vaddr_t)text_start, 2);
	paddr_t table = own_slice() + machine.slice_bytes - PAGE_SIZE;

	if ((*at & PTE_ADDRESS) == table)
		table -= PAGE_SIZE;
	*value = table | (*at & ~PTE_ADDRESS);
	memset(paging_table(table), 0, PAGE_SIZE);
	for (vaddr_t va = h->text; va < h->rodata_end; va += PAGE_SIZE)
		paging_table(table)[va >> PAGE_BITS & (ARCH_PTABLE_ENTRIES - 1)] =
			(image + (va - h->text)) | CODE_FLAGS | (va >= h->text_end && cpu.nx ? PTE_NX : 0);
	return at;
}

void paging_guards(bool on)
{
	for (uint64_t at = 0; at < machine.private_bytes; at += PAGE_SIZE)
		if (is_guard(KPRIV_BASE + at)) {
			*kernel_entry(KPRIV_BASE + at, 1) =
				on ? 0 : (own_slice() + at) | DATA_FLAGS | (cpu.nx ? PTE_NX : 0);
			invlpg(KPRIV_BASE + at);
		}
}

/* --- what kernel/core asks for ------------------------------------------------------------ */

static bool overlaps(paddr_t base, paddr_t end, paddr_t other, uint64_t size)
{
	return size != 0 && base < other + size && other < end;
}

/* A store anywhere here may become an interrupt message (Intel SDM volume 3, 10.11), of any vector to any core. */
#define MESSAGES_BASE UINT64_C(0xfee00000)
#define MESSAGES_BYTES UINT64_C(0x100000)

/* The interrupt controllers stay the CPU driver's: through them a process could reach any core. */
bool arch_is_device(paddr_t base, uint64_t size)
{
	paddr_t end = base + size;

	if (end <= base || end > SIZE_OF_BITS(machine.paddr_bits))
		return false;
	for (unsigned i = 0; i < machine.acpi.ioapics; i++)
		if (overlaps(base, end, machine.acpi.ioapic[i].base, PAGE_SIZE))
			return false;
	return !memmap_touches(&machine.window, base, end) && !overlaps(base, end, machine.acpi.lapic, PAGE_SIZE) &&
	       !overlaps(base, end, MESSAGES_BASE, MESSAGES_BYTES) &&
	       !overlaps(base, end, machine.image, machine.image_end - machine.image) &&
	       !overlaps(base, end, machine.slices, machine.slices_bytes);
}

bool arch_ptable_leaf_ok(unsigned level) { return level <= 2 || (level == 3 && cpu.page1g); }

void arch_root_init(void *root)
{
	uint64_t *to = root;

	for (unsigned i = 256; i < 256 + window_slots; i++)
		to[i] = kernel_root[i];
	to[511] = kernel_root[511];
}

void arch_flush_page(vaddr_t va) { invlpg(va); }

/* The kernel's own pages are global and never change while in use. */
void arch_flush_all(void) { write_cr3(read_cr3()); }

paddr_t arch_root_current(void) { return read_cr3() & PTE_ADDRESS; }

void arch_root_load(paddr_t root) { write_cr3(root); }

void *arch_user_memory(paddr_t root, vaddr_t va, bool *writable)
{
	uint64_t every = PTE_W;

	for (unsigned level = 4; level > 0; level--) {
		const uint64_t *table = arch_window(root);
		uint64_t size = SIZE_OF_BITS(arch_ptable_shift(level));
		uint64_t e = table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];
		paddr_t p = e & PTE_ADDRESS;

		if (!(e & PTE_P) || !(e & PTE_U))
			return NULL;
		every &= e;
		root = p;
		if (level > 1 && !(e & PTE_PS))
			continue;
		p = (p & ~(size - 1)) + (va & (size - 1));
		*writable = every & PTE_W;
		return memmap_touches(&machine.window, p, p + 1) ? arch_window(p) : NULL;
	}
	return NULL;
}

/* The last table's entry of a user address; NULL: there is no such table. */
static uint64_t *page_entry(paddr_t root, vaddr_t va)
{
	uint64_t *table = arch_window(root);

	for (unsigned level = 4; level > 1; level--) {
		uint64_t e = table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];

		if (!(e & PTE_P) || !(e & PTE_U) || e & PTE_PS)
			return NULL;
		table = arch_window(e & PTE_ADDRESS);
	}
	return &table[va >> PAGE_BITS & (ARCH_PTABLE_ENTRIES - 1)];
}

uint64_t arch_user_written(paddr_t root, vaddr_t va, unsigned pages)
{
	const uint64_t *e = NULL;
	uint64_t written = 0;

	for (unsigned i = 0; i < pages; i++, va += PAGE_SIZE) {
		e = e && va & (SIZE_OF_BITS(arch_ptable_shift(2)) - 1) ? e + 1 : page_entry(root, va);
		if (!e || *e & PTE_D)
			written |= UINT64_C(1) << i;
	}
	return written;
}

void arch_user_mark(paddr_t root, vaddr_t va)
{
	uint64_t *e = page_entry(root, va);

	if (e && *e & PTE_P)
		*e |= PTE_D;
}
