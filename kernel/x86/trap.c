/*
 * What happens at a gate: sort out exceptions, interrupts and their origin.
 *
 * Exceptions of user mode go to the dispatcher that runs; interrupts to
 * kernel/core.  In kernel mode an interrupt can only come while the core idles,
 * and an exception is a defect of the CPU driver and stops this core, but for
 * one: FPU state that a user has made invalid faults where it is loaded, and
 * that instruction has a way out.  Non-maskable interrupts, double faults and
 * machine checks run on stacks of their own and always stop the core.
 */
#include "trap.h"
#include "../abi/dispatcher.h"
#include "../abi/syscall.h"
#include "../core/dispatch.h"
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "fsgsbase.h"
#include "fpu.h"
#include "panic.h"

_Static_assert(sizeof(struct regs) == 176 && offsetof(struct regs, rax) == 112 && offsetof(struct regs, rip) == 136 &&
		       offsetof(struct regs, rsp) == 160,
	       "entry.asm knows struct regs");
_Static_assert(SYS_INVOKE == 1 && SYS_LMP_SEND == 2 && SYS_YIELD == 3 && SYS_WAIT == 4 && SYS_RESUME == 5 &&
		       SYS_COUNT == 6,
	       "entry.asm knows the system calls");

#define AT(type, member, offset) _Static_assert(offsetof(struct type, member) == (offset), "message.asm: " #member)
AT(cap, base, 8);
AT(cap, badge, 16);
AT(dispatcher, run, 0);
AT(dispatcher, page, 16);
AT(dispatcher, page_va, 24);
AT(dispatcher, vspace, 32);
AT(dispatcher, state, 40);
AT(dispatcher, cspace_slots, 304);
AT(dispatcher, cspace_count, 312);
AT(dispatcher, deadline, 344);
AT(dispatcher, cycles, 400);
AT(dispatcher, since, 408);
AT(endpoint, ring, 0);
AT(endpoint, produced, 12);
AT(lmp_ring, consumed, 0);
AT(dispatcher_page, disabled, 0);
AT(dispatcher_page, upcall_message, 24);
AT(dispatcher_page, upcall_stack, 48);
AT(dispatcher_page, events, 56);
#undef AT
_Static_assert(CAP_CNODE == 4 && CAP_ENDPOINT == 10 && RIGHT_READ == 1 && RIGHT_WRITE == 2 && CAP_L2CNODE_BITS == 14 &&
		       (CAP_FLAG_CLEARING | CAP_FLAG_FOREIGN) == 6 && CAP_DISPATCHER_BITS == 13 && CAP_SLOT_BITS == 6,
	       "message.asm knows capabilities");
_Static_assert(LMP_CAP == 0x10 && LMP_WAIT == 0x40 && LMP_YIELD == 0x80 && LMP_WORDS == 8 && LMP_ENDPOINT_SHIFT == 8 &&
		       STAT_SWITCHES == 3 && STAT_SYSCALLS_LMP == 5 && DISP_RUNNABLE == 1 && DISP_WAITING == 2 &&
		       ARCH_USER_FLAGS == 0x202,
	       "message.asm knows messages");

#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PROTECTION 13
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define VECTORS 256
#define STUB_BYTES 16

#define GATE_INTERRUPT 0x8e00 /* present, interrupts off */
#define GATE_USER 0x6000      /* INT instructions of user mode may use it */

/* Flags that a user may have: arithmetic, TF, DF, AC, ID. */
#define RFLAGS_USER 0x240dd5

struct gate {
	uint16_t offset0, selector;
	uint16_t ist_type[2];
	uint32_t offset32, reserved;
} __attribute__((packed));

struct gate_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern const char entry_stubs[], fpu_fault_x[], fpu_fault_fx[], fpu_load_bad[]; /* entry.asm */
void idt_load(const struct gate_table *t);

static struct gate idt[VECTORS] __attribute__((aligned(16)));

static void gate_set(unsigned vector, unsigned ist, unsigned type)
{
	uint64_t to = (uint64_t)entry_stubs + STUB_BYTES * vector;

	idt[vector] = (struct gate){
		.offset0 = (uint16_t)to,
		.selector = SELECTOR_KERNEL_CODE,
		.ist_type = { (uint16_t)(ist | type), (uint16_t)(to >> 16) },
		.offset32 = (uint32_t)(to >> 32),
	};
}

void trap_load(void)
{
	struct gate_table t = { sizeof idt - 1, (uint64_t)idt };

	idt_load(&t);
}

void trap_init(void)
{
	for (unsigned v = 0; v < VECTORS; v++)
		gate_set(v, 0, GATE_INTERRUPT);
	gate_set(VECTOR_NMI, IST_NMI, GATE_INTERRUPT);
	gate_set(VECTOR_DOUBLE_FAULT, IST_DOUBLE_FAULT, GATE_INTERRUPT);
	gate_set(VECTOR_MACHINE_CHECK, IST_MACHINE_CHECK, GATE_INTERRUPT);
	gate_set(VECTOR_BREAKPOINT, 0, GATE_INTERRUPT | GATE_USER);
	trap_load();
	fpu_init();
}

static const char *exception_name(unsigned vector)
{
	static const char *const name[] = {
		"divide error",   "debug",      "NMI",          "breakpoint",          "overflow",    "bound",
		"invalid opcode", "no FPU",     "double fault", "coprocessor segment", "invalid TSS", "no segment",
		"stack segment",  "protection", "page fault",   "vector 15",           "x87",         "alignment",
		"machine check",  "SIMD",
	};

	return vector < sizeof name / sizeof *name ? name[vector] : "exception";
}

static void __attribute__((noreturn)) trap_fatal(const struct regs *r)
{
	panic_trap(r, exception_name((unsigned)r->vector));
}

static void trap_kernel_exception(struct regs *r)
{
	if (r->vector != VECTOR_PROTECTION || (r->rip != (uint64_t)fpu_fault_x && r->rip != (uint64_t)fpu_fault_fx))
		trap_fatal(r);
	r->rip = (uint64_t)fpu_load_bad;
}

static void trap_exception(struct regs *r)
{
	uint64_t vector = r->vector;

	if (vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK)
		trap_fatal(r);
	if ((r->cs & 3) == 0)
		trap_kernel_exception(r);
	else if (vector != VECTOR_INVALID_OPCODE || cpu.fsgsbase || !fsgsbase_emulate(r))
		kernel_exception((unsigned)vector, r->error, vector == VECTOR_PAGE_FAULT ? read_cr2() : 0);
}

/*
 * The handlers may not return, hence the end of interrupt goes first; further
 * ones wait for user mode. A device's is masked before, since a level-triggered
 * line that is still asserted would come straight back.
 */
static void trap_interrupt(unsigned vector)
{
	bool device = vector >= VECTOR_IRQ && vector < VECTOR_IRQ_END;

	if (vector == VECTOR_SPURIOUS || (device && island_interrupt(vector)))
		return;
	if (device)
		arch_irq_mask(vector - VECTOR_IRQ);
	apic_eoi();
	if (device)
		kernel_interrupt(vector - VECTOR_IRQ);
	else if (vector == VECTOR_TIMER)
		kernel_timer();
	else if (vector == VECTOR_DOORBELL)
		kernel_doorbell();
}

void arch_interrupt(unsigned vector) { trap_interrupt(vector); }

void trap_entry(struct regs *r)
{
	if (r->vector < 32)
		trap_exception(r);
	else
		trap_interrupt((unsigned)r->vector);
}

void arch_regs_sanitise(struct regs *r)
{
	r->rip = r->rip < USER_END_VA ? r->rip : 0;
	r->rsp = r->rsp < USER_END_VA ? r->rsp : 0;
	r->rflags = (r->rflags & RFLAGS_USER) | RFLAGS_IF | RFLAGS_RESERVED;
	r->cs = SELECTOR_USER_CODE;
	r->ss = SELECTOR_USER_DATA;
}
