/*
 * The boot core's first C: what the loader handed over becomes a machine.
 *
 * Runs once, on the early page tables and the boot stack, before any private data
 * exist; all results go into the boot record.  The order matters: tables and tags
 * are read and copied before anything is written to free memory, and the archive
 * is moved before memory is given to others, since the loader may have put any of
 * these anywhere.
 */
#include "arch.h"
#include "archive.h"
#include "cpu.h"
#include "format.h"
#include "loader.h"
#include "machine.h"
#include "memory.h"
#include "paging.h"
#include "serial.h"

#define LOW_END 0x100000 /* the first megabyte is left to the firmware */
#define LOW_RAM_END 0xa0000
#define LARGE_PAGE 0x200000
#define RAM_MIN (UINT64_C(16) << 20)
#define LAPIC_DEFAULT 0xfee00000
#define IOAPIC_DEFAULT 0xfec00000
#define MIB(bytes) ((bytes) >> 20)

void boot_fail(const char *format, ...)
{
	char line[256];
	va_list args;
	size_t n;

	va_start(args, format);
	n = format_text(line, sizeof(line), format, args);
	va_end(args);
	arch_log("\nskerry: cannot start: ", 23);
	arch_log(line, n);
	arch_log("\n", 1);
	cpu_stop();
}

/* acpi_map_fn: all that the early page tables show. They have the window, too, over all of the low 4 GiB. */
static const void *early_map(void *context, paddr_t p, uint64_t length)
{
	(void)context;
	return p < EARLY_LIMIT && length <= EARLY_LIMIT - p ? arch_window(p) : NULL;
}

static void loader_read(uint32_t magic, paddr_t info, struct loader_info *l)
{
	bool ok = false;

	if (magic == MULTIBOOT2_MAGIC)
		ok = multiboot2_parse(arch_window(info), EARLY_LIMIT - info, l);
	else if (magic == PVH_MAGIC)
		ok = pvh_parse(info, early_map, NULL, l);
	if (!ok)
		boot_fail("the boot loader speaks neither multiboot2 nor PVH (magic %x)", magic);
}

/* --- ACPI ---------------------------------------------------------------------- */

/* The loader's copy, or where it says, or where a BIOS has it (ACPI 5.2.5.1). */
static const void *rsdp_find(const struct loader_info *l)
{
	paddr_t ebda = (paddr_t)(*(const volatile uint16_t *)arch_window(0x40e)) << 4;
	const void *p = NULL;

	if (l->rsdp_bytes)
		return l->rsdp;
	if (l->rsdp_at && l->rsdp_at < EARLY_LIMIT - ACPI_RSDP_BYTES)
		return arch_window(l->rsdp_at);
	if (ebda >= 0x80000 && ebda < LOW_RAM_END)
		p = acpi_find_rsdp(arch_window(ebda), 1024);
	return p ? p : acpi_find_rsdp(arch_window(0xe0000), 0x20000);
}

/* The boot core is number 0, the others follow as the MADT has them. */
static void cores_order(struct boot_info *info, unsigned found)
{
	uint32_t own = cpu_apic_id();
	unsigned at = 0;
	uint8_t node;

	while (at < found && info->apic_id[at] != own)
		at++;
	if (at == CORES_MAX)
		at--;
	node = at < found ? info->node[at] : 0;
	for (; at > 0; at--) {
		info->apic_id[at] = info->apic_id[at - 1];
		info->node[at] = info->node[at - 1];
	}
	info->apic_id[0] = own;
	info->node[0] = node;
}

/* Cores whose APIC ids are equal but for the low bits that tell those of a package apart. Dense, in order. */
static void packages_number(struct boot_info *info)
{
	unsigned shift = cpu_package_shift(), packages = 0;

	for (unsigned i = 0; i < info->cores; i++) {
		unsigned j = 0;

		while (j < i && info->apic_id[j] >> shift != info->apic_id[i] >> shift)
			j++;
		info->package[i] = (uint16_t)(j < i ? info->package[j] : packages++);
	}
}

/* Without a table: one core, and the controllers where every PC has them (MultiProcessor Specification 1.4, 3.6). */
static void acpi_default(struct acpi_info *acpi)
{
	arch_log("skerry: no ACPI table of processors: one core\n", 46);
	acpi->lapic = LAPIC_DEFAULT;
	acpi->ioapics = 1;
	acpi->ioapic[0].base = IOAPIC_DEFAULT;
	acpi->isa[0].gsi = 2;
}

static void cores_find(const struct loader_info *l, struct boot_record *r)
{
	struct boot_info *info = &r->start.info;
	struct acpi_info *acpi = &r->machine.acpi;
	const struct acpi_cores cores = { info->apic_id, info->node, info->distance, CORES_MAX };
	const void *rsdp = rsdp_find(l);

	if (!acpi_parse(rsdp, l->rsdp_bytes ? l->rsdp_bytes : ACPI_RSDP_BYTES, early_map, NULL, acpi, &cores))
		acpi_default(acpi);
	cores_order(info, acpi->cores);
	info->cores = acpi->cores ? acpi->cores : 1;
	packages_number(info);
}

/* --- memory ---------------------------------------------------------------------- */

static uint64_t bytes_of(const struct memmap *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->count; i++)
		sum += m->range[i].end - m->range[i].base;
	return sum;
}

static paddr_t take(struct memmap *ram, uint64_t size, uint64_t align, const char *what)
{
	paddr_t p = memmap_take(ram, size, align, EARLY_LIMIT);

	if (p == 0)
		boot_fail("too little memory: no %lu KiB in one piece for %s (%lu MiB are free)", size >> 10, what,
			  MIB(bytes_of(ram)));
	return p;
}

/* Move the archive into an aligned power-of-two block; what is behind it there is cleared. */
static void archive_move(const struct loader_info *l, struct memmap *ram, struct boot_info *info)
{
	uint64_t module_bytes = l->module_end - l->module;
	const struct archive_header *from = arch_window(l->module);
	const char *wrong;
	struct memmap outside = *ram;
	uint64_t block;

	if (l->module == l->module_end)
		boot_fail("no boot archive: the loader gave no module");
	if (l->module_end > EARLY_LIMIT)
		boot_fail("the boot archive lies above 4 GiB");
	wrong = archive_check(from, module_bytes);
	if (wrong)
		boot_fail("bad boot archive: %s", wrong);
	info->archive_size = from->size;
	info->archive_bits = PAGE_BITS;
	while (SIZE_OF_BITS(info->archive_bits) < from->size)
		info->archive_bits++;
	block = SIZE_OF_BITS(info->archive_bits);
	memmap_remove(&outside, l->module & ~(uint64_t)(PAGE_SIZE - 1), l->module_end);
	info->archive = take(&outside, block, block, "the boot archive");
	memcpy(arch_window(info->archive), from, info->archive_size);
	memset(arch_window(info->archive + info->archive_size), 0, block - info->archive_size);
	memmap_remove(ram, info->archive, info->archive + block);
}

/* What the kernel keeps for good. The window is known before, so that the size of a slice is. */
static void reserve(struct boot_record *r, struct memmap *ram)
{
	struct machine *m = &r->machine;
	uint64_t cores = r->start.info.cores;

	m->slice_tables = paging_tables_needed(m);
	m->slices_bytes = (cores * m->slice_bytes + LARGE_PAGE - 1) & -(uint64_t)LARGE_PAGE;
	m->slices = take(ram, m->slices_bytes, LARGE_PAGE, "the kernels' private pages");
	memmap_remove(&m->window, m->slices, m->slices + m->slices_bytes);
	m->doorbells = take(ram, cores * PAGE_SIZE, PAGE_SIZE, "doorbells");
	memset(arch_window(m->doorbells), 0, cores * PAGE_SIZE);
}

static void ram_hand_over(const struct memmap *ram, struct arch_start *start)
{
	for (unsigned i = 0; i < ram->count && i < ARCH_RAM_MAX; i++)
		start->ram[start->ram_count++] =
			(struct arch_ram){ ram->range[i].base, ram->range[i].end - ram->range[i].base };
}

static void memory_divide(const struct loader_info *l, struct boot_record *r)
{
	struct machine *m = &r->machine;
	struct memmap ram = l->ram, low = l->ram;

	m->image = (vaddr_t)image_start - KERNEL_BASE;
	m->image_end = (vaddr_t)rodata_end - KERNEL_BASE;
	m->record = (vaddr_t)&boot_record - KERNEL_BASE;
	memmap_remove(&ram, 0, LOW_END);
	memmap_remove(&ram, m->image, m->image_end);
	memmap_remove(&ram, SIZE_OF_BITS(m->paddr_bits), UINT64_MAX);
	if (bytes_of(&ram) < RAM_MIN)
		boot_fail("too little memory: %lu MiB, at least %lu MiB are needed", MIB(bytes_of(&ram)), MIB(RAM_MIN));
	m->window = ram;
	memmap_remove(&ram, m->image_end, (vaddr_t)image_end - KERNEL_BASE);
	m->trampoline = memmap_take(&low, PAGE_SIZE, PAGE_SIZE, LOW_RAM_END);
	if (m->trampoline)
		memmap_add(&m->window, m->trampoline, m->trampoline + PAGE_SIZE);
	archive_move(l, &ram, &r->start.info);
	reserve(r, &ram);
	ram_hand_over(&ram, &r->start);
}

void boot_main(uint32_t magic, paddr_t info)
{
	struct boot_record *r = &boot_record;
	struct loader_info loader;
	struct cpu_features f;

	memset(r, 0, sizeof(*r));
	r->start.info.magic = BOOT_INFO_MAGIC;
	r->start.info.boot_tsc = rdtsc();
	serial_init();
	cpu_detect(&f);
	r->machine.page1g = f.page1g;
	r->machine.paddr_bits = f.paddr_bits;
	loader_read(magic, info, &loader);
	memcpy(r->start.info.cmdline, loader.cmdline, BOOT_CMDLINE);
	cores_find(&loader, r);
	memory_divide(&loader, r);
	r->slice = r->machine.slices;
	r->stack = r->slice + ((vaddr_t)kernel_stack_top - KPRIV_BASE);
	r->apic_id = r->start.info.apic_id[0];
}
