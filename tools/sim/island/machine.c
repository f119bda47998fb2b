/*
 * The machine below an island's CPU driver, and the driver's start.
 *
 * kernel/core runs as it stands.  This is its seam (kernel/x86/arch.h): memory is the
 * simulator's, flushes and doorbells are told to it, and the only dispatcher that ever runs
 * is the monitor's, in disabled mode, so the driver never leaves to user mode.  Objects at
 * birth are those of kernel/core/startup.c, without an executable.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/core/cap_ops.h"
#include "kernel/core/dispatch.h"
#include "kernel/core/first_ram.h"
#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tools/sim/island/machine.h"

#define MONITOR_RAM_BITS 18
#define CNODE_SLOTS (1u << (CAP_L2CNODE_BITS - CAP_SLOT_BITS))
#define BADGE_VA UINT64_C(0x1000)
#define RIGHTS_TEXT (RIGHT_READ | RIGHT_EXECUTE | RIGHT_GRANT)
#define RIGHTS_USE (RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT)

struct arch_start arch_start;

static struct island_birth birth;
static struct regs frame;
static struct dispatcher *monitor;
static paddr_t info_at, arguments_at;

/* --- the seam ------------------------------------------------------------------------ */

struct regs *arch_frame(void) { return &frame; }

void *arch_window(paddr_t p)
{
	if (p - SIM_PHYSICAL >= birth.bytes)
		sim_violation(birth.core, "the CPU driver reaches for %lx, where there is no memory", p);
	return birth.memory + (p - SIM_PHYSICAL);
}

paddr_t arch_window_paddr(const void *kernel_address)
{
	return (paddr_t)((const uint8_t *)kernel_address - birth.memory) + SIM_PHYSICAL;
}

void arch_clear(void *p, uint64_t bytes)
{
	sim_clear(birth.core, arch_window_paddr(p), bytes);
	memset(p, 0, bytes);
}

bool arch_is_device(paddr_t base, uint64_t size) { return base >= SIM_DEVICE && base + size > base; }

uint64_t arch_pte_leaf(paddr_t p, unsigned level, unsigned map_flags)
{
	(void)level;
	return p | SIM_PTE_PRESENT | (uint64_t)map_flags << 1 | SIM_PTE_LEAF;
}

uint64_t arch_pte_table(paddr_t table) { return table | SIM_PTE_PRESENT; }
bool arch_pte_present(uint64_t pte) { return pte & SIM_PTE_PRESENT; }
paddr_t arch_pte_paddr(uint64_t pte) { return pte & SIM_PTE_ADDRESS; }
bool arch_ptable_leaf_ok(unsigned level) { return level <= 2; }
void arch_root_init(void *root) { (void)root; }
void arch_flush_page(vaddr_t va) { sim_flush(birth.core, va); }
void arch_flush_all(void) { sim_flush(birth.core, SIM_FLUSH_ALL); }
paddr_t arch_root_current(void) { return 0; }
void arch_root_load(paddr_t root) { sim_root(birth.core, root); }

/* Nobody debugs a process here. */
void *arch_user_memory(paddr_t root, vaddr_t va, bool *writable)
{
	(void)root, (void)va, (void)writable;
	return NULL;
}

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

cycles_t arch_now(void) { return sim_now(); }
uint64_t arch_tsc_hz(void) { return birth.info->tsc_hz; }
void arch_timer_at(cycles_t deadline) { (void)deadline; }
bool arch_irq_valid(unsigned irq) { return irq < 256; }
void arch_irq_mask(unsigned irq) { (void)irq; }
void arch_irq_unmask(unsigned irq) { (void)irq; }
void arch_ipi(coreid_t core) { sim_ipi(birth.core, core); }
unsigned arch_apic_id(void) { return birth.info->apic_id[birth.core]; }
/* An APIC's id is its core's number; islands do not move. */
void arch_ipi_apic(uint32_t apic_id) { sim_ipi(birth.core, apic_id); }
void arch_apic_init(uint32_t apic_id) { sim_fence(birth.core, apic_id); }
void arch_interrupt(unsigned vector) { (void)vector; }
uint64_t *arch_doorbell(coreid_t core) { return sim_doorbell(core); }

err_t arch_core_start(coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc, unsigned urpc_bits)
{
	sim_core_start(core, ram, ram_bits, urpc, urpc_bits);
	return ERR_OK;
}

uint32_t arch_port_in(unsigned port, unsigned bytes) { return port + bytes; }
void arch_port_out(unsigned port, unsigned bytes, uint32_t value) { (void)port, (void)bytes, (void)value; }
void arch_power(unsigned how, unsigned code) { (void)how, (void)code; }
void arch_walk_tables(uint64_t *writable, uint64_t *foreign) { *writable = *foreign = 0; }

void arch_log(const char *text, size_t length)
{
	char line[64] = { 0 };

	memcpy(line, text, length < sizeof line ? length : sizeof line - 1);
	sim_log(birth.core, line);
}

/* Nobody but the monitor runs, and it is disabled, so these are never the way out. */
static void __attribute__((noreturn)) left(const char *how)
{
	sim_violation(birth.core, "the CPU driver leaves the monitor: %s", how);
}
void arch_return(bool full) { left(full ? "IRETQ" : "SYSRET"); }
void arch_upcall(vaddr_t entry, vaddr_t stack, uint64_t a, uint64_t b)
{
	(void)entry, (void)stack, (void)a, (void)b;
	left("upcall");
}
void arch_idle(void) { left("idle"); }
void arch_island_enter(paddr_t root, enum arrival how)
{
	(void)root, (void)how;
	left("another island");
}
void arch_park(uint64_t *to, paddr_t root, uint32_t apic_id)
{
	(void)to, (void)root, (void)apic_id;
	left("parked");
}
err_t arch_processor_start(uint32_t apic_id, paddr_t root)
{
	(void)apic_id, (void)root;
	return ERR_UNSUPPORTED;
}
err_t arch_update_check(paddr_t image, uint64_t size, uint64_t bytes, void **record)
{
	(void)image, (void)size, (void)bytes, (void)record;
	return ERR_UNSUPPORTED;
}
void arch_update(paddr_t image, void *record, paddr_t root)
{
	(void)image, (void)record, (void)root;
	left("an update");
}
paddr_t arch_text(void) { return 0; }
void arch_user_fresh(vaddr_t gs) { (void)gs; }
void arch_set_gs(vaddr_t va) { (void)va; }
void arch_set_fs(vaddr_t va) { (void)va; }
vaddr_t arch_get_fs(void) { return 0; }
void arch_fpu_load(const void *area) { (void)area; }
void arch_fpu_save(void *area) { (void)area; }
uint64_t arch_fpu_bytes(void) { return 512; }
uint64_t arch_fpu_mask(void) { return 0; }
void arch_regs_sanitise(struct regs *r) { r->rflags |= ARCH_USER_FLAGS; }

void kernel_panic(const char *format, ...)
{
	char text[200];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	sim_violation(birth.core, "panic: %s", text);
}

void kernel_log(const char *format, ...)
{
	char text[200];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	sim_log(birth.core, text);
}

/* --- birth ---------------------------------------------------------------------------- */

static struct cap *slot_in(paddr_t cnode, unsigned slot) { return (struct cap *)arch_window(cnode) + slot; }

static void give(paddr_t cnode, unsigned slot, enum cap_type type, uint64_t base, unsigned bits)
{
	cap_insert_first(slot_in(cnode, slot), type, base, bits, RIGHT_ALL);
}

static void give_boot_frames(paddr_t task)
{
	const struct boot_info *info = birth.info;
	err_t err;

	if (birth.core == 0) {
		give(task, TASK_ARCHIVE, CAP_FRAME, info->archive, info->archive_bits);
		return;
	}
	err = cap_forge(slot_in(task, TASK_ROOT_CNODE), CAP_INFO(CAP_FRAME, RIGHTS_USE, birth.urpc_bits, 0), birth.urpc,
			0, CPTR(L1_TASK, TASK_BOOT_URPC));
	if (!err)
		err = cap_forge(slot_in(task, TASK_ROOT_CNODE), CAP_INFO(CAP_FRAME, RIGHTS_TEXT, info->archive_bits, 0),
				info->archive, 0, CPTR(L1_TASK, TASK_ARCHIVE));
	if (err)
		kernel_panic("memory of core 0: %d", (int)err);
}

static paddr_t capabilities_make(paddr_t root, paddr_t ram, paddr_t dispatcher)
{
	paddr_t task = first_ram_take(CAP_L2CNODE_BITS), space = first_ram_take(CAP_PTABLE_BITS);
	paddr_t page = first_ram_take(DISPATCHER_FRAME_BITS);

	give(root, L1_TASK, CAP_CNODE, task, CAP_L2CNODE_BITS);
	give(root, L1_RAM, CAP_CNODE, ram, CAP_L2CNODE_BITS);
	give(task, TASK_ROOT_CNODE, CAP_CNODE, root, CAP_L2CNODE_BITS);
	give(task, TASK_DISPATCHER, CAP_DISPATCHER, dispatcher, CAP_DISPATCHER_BITS);
	give(task, TASK_VSPACE, CAP_PTABLE4, space, CAP_PTABLE_BITS);
	give(task, TASK_DISP_FRAME, CAP_FRAME, page, DISPATCHER_FRAME_BITS);
	give(task, TASK_SELF_EP, CAP_ENDPOINT, dispatcher + CAP_ENDPOINT_OFFSET, CAP_ENDPOINT_BITS);
	give(task, TASK_ARGS_FRAME, CAP_FRAME, arguments_at, PAGE_BITS);
	give(task, TASK_CHANNEL, CAP_CHANNEL, 0, 10);
	give(task, TASK_KERNEL, CAP_KERNEL, birth.core, 0);
	give(task, TASK_BOOT_FRAME, CAP_FRAME, info_at, BOOT_INFO_BITS);
	if (birth.core == 0) {
		give(task, TASK_IRQ, CAP_IRQ, 0, 8);
		give(task, TASK_IOPORT, CAP_IOPORT, 0, 16);
	}
	give_boot_frames(task);
	return task;
}

static void tell(paddr_t ram)
{
	struct process_args *a = arch_window(arguments_at);
	struct boot_info *info = arch_window(info_at);

	a->pid = (uint64_t)birth.core << 32;
	a->ram_bits = MONITOR_RAM_BITS;
	a->free_slot = TASK_FREE;
	*info = arch_start.info;
	info->ram_caps = first_ram_give(slot_in(ram, 0), CNODE_SLOTS, &info->ram_bytes);
}

void machine_start(const struct island_birth *b)
{
	paddr_t own, root, ram, dispatcher, task;
	err_t err;

	birth = *b;
	arch_start.info = *b->info;
	arch_start.info.core = b->core;
	arch_start.ram_count = 1;
	arch_start.ram[0] = (struct arch_ram){ b->ram, b->ram_bytes };
	schedule_init();
	own = first_ram_take(MONITOR_RAM_BITS);
	info_at = first_ram_take(BOOT_INFO_BITS);
	root = first_ram_take(CAP_L2CNODE_BITS);
	ram = first_ram_take(CAP_L2CNODE_BITS);
	dispatcher = first_ram_take(CAP_DISPATCHER_BITS);
	arguments_at = first_ram_take(PAGE_BITS);
	task = capabilities_make(root, ram, dispatcher);
	give(task, TASK_RAM, CAP_RAM, own, MONITOR_RAM_BITS);
	tell(ram);
	monitor = arch_window(dispatcher);
	err = dispatcher_setup(monitor, slot_in(task, TASK_ROOT_CNODE), slot_in(task, TASK_VSPACE),
			       slot_in(task, TASK_DISP_FRAME), DISPATCHER_VA);
	if (!err)
		err = dispatcher_run(monitor);
	if (err)
		kernel_panic("the monitor's dispatcher: %d", (int)err);
	monitor->page->disabled = 1;
	current = monitor;
	loaded_root = monitor->vspace;
}

/* --- system calls ------------------------------------------------------------------------ */

struct machine_result machine_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct sys_result r;
	uint64_t rip;

	do {
		frame = (struct regs){
			.rdi = cap, .rsi = op, .rdx = a0, .r10 = a1, .r8 = a2, .r9 = a3, .rip = BADGE_VA
		};
		r = sys_invoke(cap, op, a0, a1, a2, a3);
		rip = frame.rip;
	} while (rip != BADGE_VA);
	return (struct machine_result){ r.err, { r.value, frame.r8, frame.r9, frame.r10 } };
}

struct machine_result machine_invoke_in(cptr_t root, cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1)
{
	struct sys_result r;

	do {
		const struct cap *cnode = cap_lookup(&monitor->cspace, root);

		if (!cnode || cnode->type != CAP_CNODE || cnode->flags & CAP_FLAG_FOREIGN)
			return (struct machine_result){ .err = ERR_CAP_LOOKUP };
		frame = (struct regs){ 0 };
		r = cap_invoke(cnode, cap, op, a0, a1);
	} while (r.err == ERR_RESTART);
	return (struct machine_result){ r.err, { r.value, frame.r8, frame.r9, frame.r10 } };
}

uint64_t machine_events(uint64_t *notified)
{
	uint64_t events = monitor->page->events;

	*notified = monitor->page->notify;
	monitor->page->events = monitor->page->notify = 0;
	current_posted = false;
	return events;
}

const void *machine_boot_info(void) { return arch_window(info_at); }
const void *machine_arguments(void) { return arch_window(arguments_at); }
void *machine_memory(paddr_t p) { return arch_window(p); }

/* As when a dispatcher in that space runs: what the processor has of another is gone. */
void machine_root_load(paddr_t root)
{
	if (loaded_root == root)
		return;
	loaded_root = root;
	arch_root_load(root);
}

void isle_doorbell(void) { kernel_doorbell(); }

uint64_t isle_check(void) { return cap_check() + schedule_check(); }

static void see_one(const struct cap *c, island_see *see, void *context)
{
	struct island_cap out = { c->base, c->type, c->bits, c->rights, c->flags, c };

	see(context, &out);
}

void isle_caps(island_see *see, void *context)
{
	for (unsigned space = 0; space < SPACES; space++)
		for (const struct cap *c = mdb_first(space); c; c = mdb_next(c)) {
			see_one(c, see, context);
			for (const struct cap *copy = c->copies; copy; copy = copy->next)
				see_one(copy, see, context);
		}
}

/* The marks of kernel/core/cap_map.c. */
static bool marked(const struct cap *c)
{
	for (; c; c = c->flags & CAP_FLAG_COPY ? c->next : c->copies)
		if ((cap_is_frame(c) || cap_is_table(c)) && c->mapping >> 61)
			return true;
	return false;
}

void machine_page(paddr_t page, struct island_page *out)
{
	struct mdb_place p = mdb_seek(SPACE_MEMORY, page, PAGE_BITS, CAP_TYPES - 1);
	const struct cap *c = p.before && p.before->bits >= PAGE_BITS && mdb_contains(p.before, page)
				      ? p.before
				      : mdb_container(SPACE_MEMORY, &p, page, PAGE_BITS);

	*out = (struct island_page){ .type = CAP_NULL };
	if (!c)
		return;
	out->type = c->type;
	out->flags = c->flags;
	out->marked = marked(c);
}

bool isle_table_marked(paddr_t base)
{
	for (unsigned type = CAP_PTABLE1; type <= CAP_PTABLE4; type++)
		if (marked(mdb_find(base, CAP_PTABLE_BITS, type)))
			return true;
	return false;
}
