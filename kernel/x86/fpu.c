/*
 * State of the user that the CPU driver has no use for: fs, gs, floating point
 * and vector registers.
 *
 * FPU areas are in XSAVE's standard format, or FXSAVE's on a processor without
 * XSAVE.  Most lie in dispatcher pages, where the user can write anything, also
 * while they are loaded; so nothing is checked beforehand: if the instruction
 * faults, the initial state is loaded instead (trap.c).
 */
#include "arch.h"
#include "cpu.h"
#include "fpu.h"

#define FPU_CONTROL_INITIAL 0x37f /* x87 control word: all exceptions masked */
#define FPU_MXCSR_INITIAL 0x1f80  /* likewise for SSE */

/* entry.asm */
void fpu_save_x(void *area, uint64_t states);
void fpu_save_fx(void *area);
bool fpu_load_x(const void *area, uint64_t states);
bool fpu_load_fx(const void *area);

const struct fpu_area fpu_initial = { .control = FPU_CONTROL_INITIAL, .mxcsr = FPU_MXCSR_INITIAL };

void arch_fpu_save(void *area)
{
	if (cpu.xcr0)
		fpu_save_x(area, cpu.xcr0);
	else
		fpu_save_fx(area);
}

void arch_fpu_load(const void *area)
{
	if (!(cpu.xcr0 ? fpu_load_x(area, cpu.xcr0) : fpu_load_fx(area)))
		arch_fpu_init();
}

void arch_fpu_init(void)
{
	if (cpu.xcr0)
		fpu_load_x(&fpu_initial, cpu.xcr0);
	else
		fpu_load_fx(&fpu_initial);
}

uint64_t arch_fpu_bytes(void) { return cpu.fpu_bytes; }

uint64_t arch_fpu_mask(void) { return cpu.xcr0; }

/* The user may have written fs and gs itself (FSGSBASE), so they are set without a look at what they were. */
void arch_set_gs(vaddr_t va)
{
	if (cpu.fsgsbase)
		__asm__ volatile("wrgsbase %0" : : "r"(va));
	else
		wrmsr(MSR_GS_BASE, va);
}

void arch_set_fs(vaddr_t va)
{
	if (cpu.fsgsbase)
		__asm__ volatile("wrfsbase %0" : : "r"(va));
	else
		wrmsr(MSR_FS_BASE, va);
}

vaddr_t arch_get_fs(void)
{
	vaddr_t va;

	if (!cpu.fsgsbase)
		return rdmsr(MSR_FS_BASE);
	__asm__ volatile("rdfsbase %0" : "=r"(va));
	return va;
}

bool user_fresh_ok;

void fpu_init(void) { user_fresh_ok = cpu.fsgsbase && cpu.xcr0; }

/* The initial area cannot fault, so the way round by fpu_load_x() is spared. */
void arch_user_fresh(vaddr_t gs)
{
	if (!user_fresh_ok) {
		arch_set_gs(gs);
		arch_set_fs(0);
		arch_fpu_init();
		return;
	}
	__asm__ volatile("wrgsbase %0\n\twrfsbase %1" : : "r"(gs), "r"(UINT64_C(0)));
	__asm__ volatile("xrstor64 %0" : : "m"(fpu_initial), "a"(UINT32_MAX), "d"(UINT32_MAX));
}
