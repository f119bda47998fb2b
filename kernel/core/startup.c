/*
 * The start of a core's user space: its monitor, made out of the boot archive.
 *
 * The same on every core.  The memory that the monitor itself consists of is
 * taken from the core's RAM first (first_ram.c); what is left becomes RAM
 * capabilities in its second cnode.  The page tables made here have no
 * capabilities: they live as long as the core.
 */
#include "../abi/boot.h"
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"
#include "elf.h"
#include "first_ram.h"

#define MONITOR_NAME "monitor"
#define MONITOR_STACK_PAGES 16
#define MONITOR_STACK_TOP USER_STACKS_VA
#define MONITOR_RAM_BITS 18 /* TASK_RAM: enough until it takes the rest */
#define ROOT_CNODE_BITS CAP_L2CNODE_BITS
#define CNODE_SLOTS (1u << (CAP_L2CNODE_BITS - CAP_SLOT_BITS))
#define IRQ_BITS 8
#define IOPORT_BITS 16
#define CHANNEL_BITS 10 /* CORES_MAX cores */
#define RIGHTS_USE (RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT)
#define RIGHTS_TEXT (RIGHT_READ | RIGHT_EXECUTE | RIGHT_GRANT)

/* What the monitor is made of: objects' addresses. */
struct birth {
	struct elf_image image;
	paddr_t file;            /* of the executable, in the archive */
	paddr_t root, task, ram; /* cnodes */
	paddr_t space;           /* top page table */
	paddr_t dispatcher, frame;
	paddr_t args, info;
	paddr_t own_ram;
};

static const char *error_text(err_t err)
{
	static const char *const text[] = {
#define ERROR_TEXT(code, name, text) [code] = text,
		ERROR_TABLE(ERROR_TEXT)
#undef ERROR_TEXT
	};

	return err >= 0 && err < ERROR_COUNT ? text[err] : "unknown error";
}

/* --- the executable ------------------------------------------------------ */

static bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static const struct archive_entry *archive_find(const struct archive_header *a, const char *name)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (text_equal(a->entry[i].name, name))
			return &a->entry[i];
	return NULL;
}

static void monitor_open(struct birth *b)
{
	const struct archive_header *a = arch_window(arch_start.info.archive);
	const struct archive_entry *e;
	err_t err;

	if (arch_start.info.archive_size == 0 || a->magic != ARCHIVE_MAGIC)
		kernel_panic("there is no boot archive");
	e = archive_find(a, MONITOR_NAME);
	if (!e)
		kernel_panic("the boot archive has no file \"%s\"", MONITOR_NAME);
	b->file = arch_start.info.archive + e->offset;
	err = elf_open(&b->image, arch_window(b->file), e->size, e->size, USER_LOCAL_VA, ARCHIVE_VA);
	if (err)
		kernel_panic("\"%s\" in the boot archive: %s", MONITOR_NAME, error_text(err));
}

/* --- its address space --------------------------------------------------- */

static uint64_t *space_entry(paddr_t space, vaddr_t va)
{
	uint64_t *table = arch_window(space);

	for (unsigned level = 4; level > 1; level--) {
		uint64_t *e = &table[va >> arch_ptable_shift(level) & (ARCH_PTABLE_ENTRIES - 1)];

		if (!arch_pte_present(*e))
			*e = arch_pte_table(first_ram_take(CAP_PTABLE_BITS));
		table = arch_window(arch_pte_paddr(*e));
	}
	return &table[va >> PAGE_BITS & (ARCH_PTABLE_ENTRIES - 1)];
}

static void space_map(paddr_t space, vaddr_t va, paddr_t p, uint64_t bytes, unsigned flags)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
		*space_entry(space, va + at) = arch_pte_leaf(p + at, 1, flags);
}

static void bytes_copy(char *to, const char *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		to[i] = from[i];
}

/* A page of a segment that is written, or is not all in the file. `va` is its page's start. */
static paddr_t segment_page(const struct birth *b, const struct elf_segment *s, vaddr_t va)
{
	paddr_t page = first_ram_take(PAGE_BITS);
	vaddr_t from = va > s->address ? va : s->address;
	vaddr_t end = s->address + s->file_bytes;

	if (end > va + PAGE_SIZE)
		end = va + PAGE_SIZE;
	if (from < end)
		bytes_copy((char *)arch_window(page) + (from - va),
			   (const char *)b->image.data + s->offset + (from - s->address), end - from);
	return page;
}

static void segment_map(const struct birth *b, const struct elf_segment *s)
{
	vaddr_t first = s->address & ~(vaddr_t)(PAGE_SIZE - 1);
	vaddr_t end = s->address + s->memory_bytes;
	bool in_place = !(s->flags & ELF_WRITE) && s->file_bytes == s->memory_bytes;
	unsigned flags = MAP_READ | (s->flags & ELF_WRITE ? MAP_WRITE : 0) | (s->flags & ELF_EXECUTE ? MAP_EXECUTE : 0);

	for (vaddr_t va = first; va < end; va += PAGE_SIZE) {
		paddr_t p = in_place ? b->file + s->offset - (s->address - va) : segment_page(b, s, va);

		space_map(b->space, va, p, PAGE_SIZE, flags);
	}
}

static void space_fill(struct birth *b)
{
	arch_root_init(arch_window(b->space));
	for (unsigned i = 0; i < b->image.count; i++)
		segment_map(b, &b->image.segment[i]);
	for (unsigned i = 1; i <= MONITOR_STACK_PAGES; i++)
		space_map(b->space, MONITOR_STACK_TOP - i * PAGE_SIZE, first_ram_take(PAGE_BITS), PAGE_SIZE,
			  MAP_READ | MAP_WRITE);
	space_map(b->space, DISPATCHER_VA, b->frame, SIZE_OF_BITS(DISPATCHER_FRAME_BITS), MAP_READ | MAP_WRITE);
	space_map(b->space, ARGS_VA, b->args, PAGE_SIZE, MAP_READ);
	space_map(b->space, BOOT_INFO_VA, b->info, SIZE_OF_BITS(BOOT_INFO_BITS), MAP_READ);
}

/* --- its capabilities ------------------------------------------------------- */

static struct cap *cnode_slot(paddr_t cnode, unsigned slot) { return (struct cap *)arch_window(cnode) + slot; }

static void give(paddr_t cnode, unsigned slot, enum cap_type type, uint64_t base, unsigned bits, unsigned rights)
{
	cap_insert_first(cnode_slot(cnode, slot), type, base, bits, rights);
}

/* Memory of the boot core: its archive, the frame that its monitor shares with ours. */
static void give_foreign(const struct birth *b, unsigned slot, uint64_t base, unsigned bits, unsigned rights)
{
	err_t err = cap_forge(cnode_slot(b->task, TASK_ROOT_CNODE), CAP_INFO(CAP_FRAME, rights, bits, 0), base, 0,
			      CPTR(L1_TASK, slot));

	if (err)
		kernel_panic("memory of the boot core at %lx: %s", base, error_text(err));
}

/* Devices are the boot core's, where the interrupts arrive. */
static void give_boot(const struct birth *b)
{
	const struct boot_info *info = &arch_start.info;

	if (info->core == 0) {
		give(b->task, TASK_IRQ, CAP_IRQ, 0, IRQ_BITS, RIGHT_ALL);
		give(b->task, TASK_IOPORT, CAP_IOPORT, 0, IOPORT_BITS, RIGHT_ALL);
		give(b->task, TASK_ARCHIVE, CAP_FRAME, info->archive, info->archive_bits, RIGHTS_TEXT);
	} else {
		give_foreign(b, TASK_ARCHIVE, info->archive, info->archive_bits, RIGHTS_TEXT);
		give_foreign(b, TASK_BOOT_URPC, info->boot_urpc, info->boot_urpc_bits, RIGHTS_USE);
	}
}

static void task_fill(const struct birth *b)
{
	paddr_t endpoint = b->dispatcher + CAP_ENDPOINT_OFFSET;

	give(b->root, L1_TASK, CAP_CNODE, b->task, CAP_L2CNODE_BITS, RIGHT_ALL);
	give(b->root, L1_RAM, CAP_CNODE, b->ram, CAP_L2CNODE_BITS, RIGHT_ALL);
	give(b->task, TASK_ROOT_CNODE, CAP_CNODE, b->root, ROOT_CNODE_BITS, RIGHT_ALL);
	give(b->task, TASK_DISPATCHER, CAP_DISPATCHER, b->dispatcher, CAP_DISPATCHER_BITS, RIGHT_ALL);
	give(b->task, TASK_VSPACE, CAP_PTABLE4, b->space, CAP_PTABLE_BITS, RIGHT_ALL);
	give(b->task, TASK_DISP_FRAME, CAP_FRAME, b->frame, DISPATCHER_FRAME_BITS, RIGHT_ALL);
	give(b->task, TASK_SELF_EP, CAP_ENDPOINT, endpoint, CAP_ENDPOINT_BITS, RIGHT_ALL);
	give(b->task, TASK_ARGS_FRAME, CAP_FRAME, b->args, PAGE_BITS, RIGHT_ALL);
	give(b->task, TASK_RAM, CAP_RAM, b->own_ram, MONITOR_RAM_BITS, RIGHT_ALL);
	give(b->task, TASK_CHANNEL, CAP_CHANNEL, 0, CHANNEL_BITS, RIGHT_ALL);
	give(b->task, TASK_KERNEL, CAP_KERNEL, arch_start.info.core, 0, RIGHT_ALL);
	give(b->task, TASK_BOOT_FRAME, CAP_FRAME, b->info, BOOT_INFO_BITS, RIGHT_ALL);
	give_boot(b);
}

/* --- what it is told --------------------------------------------------------- */

/* Appends an argument's text; `at` is the offset behind the last one. */
static unsigned args_add(struct process_args *a, unsigned at, const char *text, uint64_t room)
{
	uint64_t n = 0;

	while (n < room && text[n])
		n++;
	a->arg[a->argc++] = (uint16_t)at;
	bytes_copy((char *)a + at, text, n);
	return at + (unsigned)n + 1;
}

static void args_fill(const struct birth *b)
{
	struct process_args *a = arch_window(b->args);
	const struct boot_info *info = &arch_start.info;
	unsigned at = sizeof *a;

	a->pid = (uint64_t)info->core << 32;
	bytes_copy(a->name, MONITOR_NAME, sizeof MONITOR_NAME);
	a->ram_bits = MONITOR_RAM_BITS;
	a->image_end = b->image.end;
	a->stack_top = MONITOR_STACK_TOP;
	a->stack_bytes = MONITOR_STACK_PAGES * PAGE_SIZE;
	if (b->image.has_tls) {
		a->tls_image = b->image.tls.address;
		a->tls_file = b->image.tls.file_bytes;
		a->tls_size = b->image.tls.memory_bytes;
		a->tls_align = b->image.tls_align;
	}
	a->wall_seconds = info->wall_valid ? info->wall_seconds : 0;
	a->boot_tsc = info->boot_tsc;
	a->free_slot = TASK_FREE;
	at = args_add(a, at, MONITOR_NAME, sizeof MONITOR_NAME);
	args_add(a, at, info->cmdline, BOOT_CMDLINE - 1);
}

/* Last, since all memory that is left is given here. */
static void info_fill(const struct birth *b)
{
	struct boot_info *info = arch_window(b->info);

	*info = arch_start.info;
	info->ram_caps = first_ram_give(cnode_slot(b->ram, 0), CNODE_SLOTS, &info->ram_bytes);
}

/* --- in order ------------------------------------------------------------------ */

/* The large objects first, so that little is lost to alignment. */
static void memory_take(struct birth *b)
{
	b->own_ram = first_ram_take(MONITOR_RAM_BITS);
	b->frame = first_ram_take(DISPATCHER_FRAME_BITS);
	b->info = first_ram_take(BOOT_INFO_BITS);
	b->root = first_ram_take(ROOT_CNODE_BITS);
	b->task = first_ram_take(CAP_L2CNODE_BITS);
	b->ram = first_ram_take(CAP_L2CNODE_BITS);
	b->dispatcher = first_ram_take(CAP_DISPATCHER_BITS);
	b->space = first_ram_take(CAP_PTABLE_BITS);
	b->args = first_ram_take(PAGE_BITS);
}

static void __attribute__((noreturn)) monitor_run(const struct birth *b)
{
	struct dispatcher *d = arch_window(b->dispatcher);
	err_t err = dispatcher_setup(d, cnode_slot(b->task, TASK_ROOT_CNODE), cnode_slot(b->task, TASK_VSPACE),
				     cnode_slot(b->task, TASK_DISP_FRAME), DISPATCHER_VA);

	if (err)
		kernel_panic("the monitor's dispatcher: %s", error_text(err));
	d->page->upcall_run = b->image.entry;
	d->page->upcall_stack = MONITOR_STACK_TOP;
	dispatcher_run(d);
	schedule();
}

void kernel_start(void)
{
	struct birth b = { 0 };

	schedule_init();
	monitor_open(&b);
	memory_take(&b);
	space_fill(&b);
	task_fill(&b);
	args_fill(&b);
	info_fill(&b);
	monitor_run(&b);
}
