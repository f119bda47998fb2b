/*
 * Processor features, descriptor table, task state segment, the SYSCALL registers.
 *
 * Everything here is this core's.  The feature flags decide what is switched on;
 * what the processor does not report is never used, even where it would work.
 */
#include "cpu.h"
#include "machine.h"

struct cpu_features cpu;

/* entry.asm */
extern const char entry_syscall[];

/* States of XCR0 that fit the dispatcher page: x87, SSE, AVX, AVX-512. */
#define LEVELS_MAX 8 /* of topology */
#define XCR0_KNOWN UINT64_C(0xe7)
#define FXSAVE_BYTES 512

/* RFLAGS that SYSCALL clears: TF, IF, DF, IOPL, NT, RF, AC. */
#define SYSCALL_FLAGS 0x57700

struct tss {
	uint32_t unused0;
	uint64_t rsp[3];
	uint64_t unused1;
	uint64_t ist[7]; /* ist[n - 1] is number n */
	uint64_t unused2;
	uint16_t unused3;
	uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "task state segment");

static struct tss tss;
static uint64_t gdt[] = {
	0,
	0x00af9a000000ffff, /* kernel code */
	0x00cf92000000ffff, /* kernel data */
	0x00cff2000000ffff, /* user data */
	0x00affa000000ffff, /* user code */
	0,
	0, /* TSS, filled in */
};

static void detect_xsave(struct cpu_features *f)
{
	uint32_t r[4], sub[4];
	uint64_t has;

	f->fpu_bytes = FXSAVE_BYTES;
	if (!f->xsave)
		return;
	cpuid(0xd, 0, r);
	has = (r[0] | (uint64_t)r[3] << 32) & XCR0_KNOWN;
	if ((has & XCR0_AVX512) != XCR0_AVX512)
		has &= ~XCR0_AVX512;
	f->xcr0 = has;
	f->fpu_bytes = 576;
	for (unsigned i = 2; i < 8; i++) {
		if (!(has & UINT64_C(1) << i))
			continue;
		cpuid(0xd, i, sub);
		if (sub[0] + sub[1] > f->fpu_bytes)
			f->fpu_bytes = sub[0] + sub[1];
	}
	cpuid(0xd, 1, r);
	f->xsaveopt = r[0] & 1;
	f->xinuse = r[0] >> 2 & 1;
}

void cpu_detect(struct cpu_features *f)
{
	uint32_t r[4], top, extended_top;

	*f = (struct cpu_features){ .paddr_bits = 36 };
	cpuid(0, 0, r);
	top = r[0];
	cpuid(1, 0, r);
	f->x2apic = r[2] >> 21 & 1;
	f->tsc_deadline = r[2] >> 24 & 1;
	f->xsave = top >= 0xd && (r[2] >> 26 & 1);
	if (top >= 7) {
		cpuid(7, 0, r);
		f->fsgsbase = r[1] & 1;
		f->smep = r[1] >> 7 & 1;
		f->smap = r[1] >> 20 & 1;
		f->umip = r[2] >> 2 & 1;
	}
	cpuid(0x80000000, 0, r);
	extended_top = r[0];
	cpuid(0x80000001, 0, r);
	f->nx = r[3] >> 20 & 1;
	f->page1g = r[3] >> 26 & 1;
	if (extended_top >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		f->paddr_bits = r[0] & 0xff;
	}
	detect_xsave(f);
}

uint32_t cpu_apic_id(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	if (r[0] >= 0xb) {
		cpuid(0xb, 0, r);
		if (r[1] != 0)
			return r[3];
	}
	cpuid(1, 0, r);
	return r[1] >> 24;
}

/* How many low bits of APIC ids tell the processors of a package apart, by one of the topology leaves; 0: not said. */
static unsigned leaf_shift(uint32_t leaf)
{
	unsigned shift = 0;
	uint32_t r[4];

	cpuid(0, 0, r);
	for (unsigned i = 0; r[0] >= leaf && i < LEVELS_MAX; i++) {
		uint32_t level[4];

		cpuid(leaf, i, level);
		if ((level[2] >> 8 & 0xff) == 0)
			break;
		shift = level[0] & 0x1f;
	}
	return shift;
}

/* Intel SDM volume 3, 9.9.3: leaf 1FH, else BH, else the count in leaf 1. */
unsigned cpu_package_shift(void)
{
	unsigned shift = leaf_shift(0x1f), count;
	uint32_t r[4];

	if (shift == 0)
		shift = leaf_shift(0xb);
	cpuid(1, 0, r);
	count = r[3] >> 28 & 1 ? r[1] >> 16 & 0xff : 1;
	if (shift == 0)
		while (1u << shift < count)
			shift++;
	return shift;
}

static void features_enable(void)
{
	uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= cpu.umip ? CR4_UMIP : 0;
	cr4 |= cpu.fsgsbase ? CR4_FSGSBASE : 0;
	cr4 |= cpu.xsave ? CR4_OSXSAVE : 0;
	cr4 |= cpu.smep ? CR4_SMEP : 0;
	cr4 |= cpu.smap ? CR4_SMAP : 0;
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(uint64_t)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP);
	if (cpu.xsave)
		xsetbv(0, cpu.xcr0);
	cpu.wide = cpu.xsave && cpu.xcr0 & XCR0_AVX;
}

static void segments_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(gdt) - 1, (vaddr_t)gdt };
	vaddr_t base = (vaddr_t)&tss;

	tss.rsp[0] = (vaddr_t)kernel_stack_top;
	tss.ist[IST_NMI - 1] = (vaddr_t)ist1_stack_top;
	tss.ist[IST_DOUBLE_FAULT - 1] = (vaddr_t)ist2_stack_top;
	tss.ist[IST_MACHINE_CHECK - 1] = (vaddr_t)ist3_stack_top;
	tss.io_map = sizeof(tss);
	gdt[SELECTOR_TSS / 8] =
		(sizeof(tss) - 1) | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
	__asm__ volatile("push %0\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:"
			 :
			 : "i"(SELECTOR_KERNEL_CODE)
			 : "rax", "memory");
	__asm__ volatile("mov %0, %%ss\n\tmov %1, %%ds\n\tmov %1, %%es\n\tmov %1, %%fs\n\tmov %1, %%gs"
			 :
			 : "r"(SELECTOR_KERNEL_DATA), "r"(0)
			 : "memory");
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

static void syscall_enable(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)SELECTOR_KERNEL_CODE << 32 | (uint64_t)(SELECTOR_KERNEL_DATA | 3) << 48);
	wrmsr(MSR_LSTAR, (vaddr_t)entry_syscall);
	wrmsr(MSR_FMASK, SYSCALL_FLAGS);
}

void cpu_load(void)
{
	segments_load();
	syscall_enable();
}

void cpu_init(void)
{
	cpu_detect(&cpu);
	features_enable();
	cpu_load();
}
