/*
 * Words of the CPU driver, and the end of a core.
 *
 * A panic prints core, cause, registers and a backtrace, and stops this core
 * alone; the others find out by its silence.  The kernel keeps no frame pointers,
 * so the backtrace takes from the stack what is a return address: it points into
 * the text, behind a call instruction whose target is the start of a function.
 */
#include "arch.h"
#include "cpu.h"
#include "format.h"
#include "machine.h"
#include "panic.h"

#define LINE_BYTES 256
#define BACKTRACE_MAX 24
#define CALL_RELATIVE 0xe8
#define CALL_BYTES 5

void kernel_log(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	size_t n;

	va_start(args, format);
	n = format_text(line, sizeof(line), format, args);
	va_end(args);
	arch_log(line, n);
}

static const struct kernel_symbol *symbol_find(vaddr_t va)
{
	unsigned lo = 0, hi = kernel_symbol_count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (kernel_symbols[mid].offset <= va - KERNEL_BASE)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &kernel_symbols[lo - 1] : NULL;
}

static bool in_text(vaddr_t va) { return va >= (vaddr_t)text_start && va < (vaddr_t)text_end; }

static bool is_return_address(vaddr_t va)
{
	const uint8_t *call = (const uint8_t *)(va - CALL_BYTES);
	const struct kernel_symbol *s;
	int32_t distance;
	vaddr_t target;

	if (!in_text(va) || !in_text((vaddr_t)call) || *call != CALL_RELATIVE)
		return false;
	distance = (int32_t)(call[1] | call[2] << 8 | call[3] << 16 | (uint32_t)call[4] << 24);
	target = va + (uint64_t)(int64_t)distance;
	s = symbol_find(target);
	return in_text(target) && (s == NULL || s->offset == target - KERNEL_BASE);
}

static void print_place(vaddr_t va)
{
	const struct kernel_symbol *s = in_text(va) ? symbol_find(va) : NULL;

	if (s)
		kernel_log("  %016lx %s+0x%lx\n", va, kernel_symbol_names + s->name, va - KERNEL_BASE - s->offset);
	else
		kernel_log("  %016lx\n", va);
}

/* The stack that `*rsp` lies in, or below which in the guard page: its top. In none: an empty one. */
static vaddr_t stack_top(vaddr_t *rsp)
{
	const struct {
		const char *low, *top;
	} stack[] = {
		{ kernel_stack, kernel_stack_top },
		{ ist1_stack, ist1_stack_top },
		{ ist2_stack, ist2_stack_top },
		{ ist3_stack, ist3_stack_top },
	};

	for (unsigned i = 0; i < sizeof(stack) / sizeof(*stack); i++) {
		vaddr_t low = (vaddr_t)stack[i].low;

		if (*rsp < low - PAGE_SIZE || *rsp >= (vaddr_t)stack[i].top)
			continue;
		*rsp = *rsp < low ? low : *rsp;
		return (vaddr_t)stack[i].top;
	}
	return *rsp;
}

static void backtrace(vaddr_t rip, vaddr_t rsp)
{
	vaddr_t top;
	unsigned n = 0;

	rsp &= ~UINT64_C(7);
	top = stack_top(&rsp);
	kernel_log("backtrace:\n");
	print_place(rip);
	for (; rsp < top && n < BACKTRACE_MAX; rsp += 8) {
		vaddr_t va = *(const vaddr_t *)rsp;

		if (is_return_address(va)) {
			print_place(va);
			n++;
		}
	}
}

static void print_registers(const struct regs *r)
{
	kernel_log("rip %016lx rsp %016lx flags %08lx cs %02lx ss %02lx\n", r->rip, r->rsp, r->rflags, r->cs, r->ss);
	kernel_log("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	kernel_log("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	kernel_log("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	kernel_log("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
	kernel_log("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

static void __attribute__((noreturn)) panic_stop(void)
{
	kernel_log("core %u is stopped\n", arch_start.info.core);
	cpu_stop();
}

void panic_trap(const struct regs *r, const char *cause)
{
	kernel_log("\npanic: core %u (APIC %u): %s (vector %lu, error %lx) in %s mode\n", arch_start.info.core,
		   arch_apic_id(), cause, r->vector, r->error, r->cs & 3 ? "user" : "kernel");
	print_registers(r);
	backtrace(r->rip, r->rsp);
	panic_stop();
}

/* Of the registers, those that a call keeps; the others hold nothing of the caller's any more. */
void kernel_panic(const char *format, ...)
{
	const uint64_t *frame = __builtin_frame_address(0);
	struct regs r = { .rip = frame[1], .rbp = frame[0], .rsp = (vaddr_t)(frame + 2) };
	char line[LINE_BYTES];
	va_list args;

	__asm__ volatile("mov %%rbx, %0\n\tmov %%r12, %1\n\tmov %%r13, %2\n\tmov %%r14, %3\n\tmov %%r15, %4\n\t"
			 "pushf\n\tpop %%rax\n\tmov %%rax, %5"
			 : "=m"(r.rbx), "=m"(r.r12), "=m"(r.r13), "=m"(r.r14), "=m"(r.r15), "=m"(r.rflags)
			 :
			 : "rax", "memory");
	r.cs = SELECTOR_KERNEL_CODE;
	r.ss = SELECTOR_KERNEL_DATA;
	va_start(args, format);
	format_text(line, sizeof(line), format, args);
	va_end(args);
	kernel_log("\npanic: core %u (APIC %u): %s\n", arch_start.info.core, arch_apic_id(), line);
	print_registers(&r);
	backtrace(r.rip, r.rsp);
	panic_stop();
}
