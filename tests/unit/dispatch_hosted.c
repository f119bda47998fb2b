/*
 * The hosted machine of dispatch, and dispatchers made through capabilities.
 */
#include "tests/unit/dispatch_hosted.h"

#include <stdlib.h>
#include <string.h>

struct leave leave;
jmp_buf leave_point;
cycles_t hosted_now, hosted_timer;
paddr_t hosted_root;
vaddr_t hosted_gs;
unsigned hosted_ipis, hosted_fpu_saves;
uint64_t hosted_masked;
uint32_t hosted_apic_id, hosted_ipi_apic, hosted_started, hosted_stopped;
unsigned hosted_vector;
err_t hosted_start_error;
struct arch_start arch_start = { .info = { .cores = 4 } };
struct dispatcher *disp_a, *disp_b, *disp_c;

static uint64_t doorbells[4][8 + DOORBELL_WORDS];

void arch_return(bool full)
{
	leave.way = full ? WAY_FULL : WAY_FAST;
	longjmp(leave_point, 1);
}

void arch_upcall(vaddr_t entry, vaddr_t stack, uint64_t a, uint64_t b)
{
	leave = (struct leave){ .way = WAY_UPCALL, .entry = entry, .stack = stack, .a = a, .b = b };
	longjmp(leave_point, 1);
}

void arch_idle(void)
{
	leave.way = WAY_IDLE;
	longjmp(leave_point, 1);
}

void arch_user_fresh(vaddr_t gs) { hosted_gs = gs; }
void arch_set_gs(vaddr_t va) { hosted_gs = va; }
void arch_set_fs(vaddr_t va) { (void)va; }
vaddr_t arch_get_fs(void) { return 0x7f5; }
void arch_fpu_load(const void *area) { (void)area; }
uint64_t arch_fpu_bytes(void) { return 512; }
uint64_t arch_fpu_mask(void) { return 0; }

void arch_fpu_save(void *area)
{
	memset(area, 0xf0, 512);
	hosted_fpu_saves++;
}

void arch_regs_sanitise(struct regs *r) { r->rflags |= ARCH_USER_FLAGS; }

cycles_t arch_now(void) { return hosted_now; }
uint64_t arch_tsc_hz(void) { return 1000 * SLICE_PER_SECOND; } /* a slice is 1,000 */
void arch_timer_at(cycles_t deadline) { hosted_timer = deadline; }
paddr_t arch_root_current(void) { return 0x1234000; }
void arch_root_load(paddr_t root) { hosted_root = root; }
bool arch_irq_valid(unsigned irq) { return irq < 64; }
void arch_irq_mask(unsigned irq) { hosted_masked |= UINT64_C(1) << irq; }
void arch_irq_unmask(unsigned irq) { hosted_masked &= ~(UINT64_C(1) << irq); }
uint64_t *arch_doorbell(coreid_t core) { return doorbells[core]; }
uint32_t arch_port_in(unsigned port, unsigned bytes) { return port + bytes; }
void arch_port_out(unsigned port, unsigned bytes, uint32_t value) { (void)port, (void)bytes, (void)value; }

void arch_ipi(coreid_t core)
{
	if (core >= 4)
		abort();
	hosted_ipis++;
}

unsigned arch_apic_id(void) { return hosted_apic_id; }
void arch_apic_init(uint32_t apic_id) { hosted_stopped = apic_id; }
void arch_interrupt(unsigned vector) { hosted_vector = vector; }

void arch_ipi_apic(uint32_t apic_id)
{
	hosted_ipis++;
	hosted_ipi_apic = apic_id;
}

void arch_island_enter(paddr_t root, enum arrival how)
{
	leave = (struct leave){ .way = WAY_ISLAND, .a = root, .b = how };
	longjmp(leave_point, 1);
}

void arch_park(uint64_t *to, paddr_t root, uint32_t apic_id)
{
	*to = root;
	leave = (struct leave){ .way = WAY_PARK, .a = apic_id };
	longjmp(leave_point, 1);
}

err_t arch_processor_start(uint32_t apic_id, paddr_t root)
{
	(void)root;
	hosted_started = apic_id;
	return hosted_start_error;
}

static void must(err_t err)
{
	if (err)
		kernel_panic("the world cannot be made: %d\n", (int)err);
}

static struct dispatcher *dispatcher_make(unsigned which, uint64_t at)
{
	struct dispatcher *d;

	must(retype(W_RAM, at, CAP_DISPATCHER, CAP_DISPATCHER_BITS, 1, SLOT_A + which));
	must(retype(W_RAM, at + 0x8000, CAP_FRAME, DISPATCHER_FRAME_BITS, 1, SLOT_FRAME_A + which));
	must(retype(W_RAM, at + 0x10000, CAP_PTABLE4, CAP_PTABLE_BITS, 1, SLOT_SPACE_A + which));
	must(retype(SLOT_A + which, CAP_ENDPOINT_OFFSET, CAP_ENDPOINT, CAP_ENDPOINT_BITS, 1, SLOT_EP_A + which));
	d = arch_window(world_slot(SLOT_A + which)->base);
	must(dispatcher_setup(d, world_slot(W_ROOT), world_slot(SLOT_SPACE_A + which), world_slot(SLOT_FRAME_A + which),
			      PAGE_VA));
	must(endpoint_invoke(world_slot(SLOT_EP_A + which), CAP_OP_EP_BIND, DISPATCHER_PAGE_BYTES, RING_MESSAGES, 0)
		     .err);
	return d;
}

static void dispatcher_enter(struct dispatcher *d)
{
	d->page->upcall_run = ENTRY_RUN(d);
	d->page->upcall_message = ENTRY_RUN(d) + 1;
	d->page->upcall_fault = ENTRY_RUN(d) + 2;
	d->page->upcall_trap = ENTRY_RUN(d) + 3;
	d->page->upcall_stack = ENTRY_RUN(d) + 0x800;
	must(dispatcher_run(d));
}

void dispatch_world(void)
{
	memset(doorbells, 0, sizeof doorbells);
	hosted_now = 100;
	hosted_timer = 0;
	schedule_init();
	disp_a = dispatcher_make(0, 0x100000);
	disp_b = dispatcher_make(1, 0x200000);
	dispatcher_enter(disp_a);
	dispatcher_enter(disp_b);
	INTERRUPT(schedule());
}

void dispatch_c(void)
{
	disp_c = dispatcher_make(2, 0x380000);
	dispatcher_enter(disp_c);
}

void dispatch_world_end(void)
{
	must(invoke(W_RAM, CAP_OP_REVOKE, 0, 0));
	INTERRUPT(kernel_timer()); /* none is set any more */
	if (schedule_check())
		abort();
}

void dispatch_b_waits(void)
{
	ENTER(sys_yield());
	ENTER(sys_wait(0));
}
