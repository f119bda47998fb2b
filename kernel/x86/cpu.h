/*
 * This core's processor: what it can do, its segments, its fixed numbers.
 *
 * cpu_init() runs once on each core, with interrupts off, on that core's final
 * page tables; from then on the features found are constant.
 */
#pragma once

#include "../abi/types.h"
#include "asm.h"

/* Selectors, in the order that SYSCALL and SYSRET want. entry.asm has them too. */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

/* Interrupt stack table indices in gate descriptors. Each is 4 KiB above a guard page. */
#define IST_NMI 1
#define IST_DOUBLE_FAULT 2
#define IST_MACHINE_CHECK 3

/* Vectors. Device interrupt n arrives at VECTOR_IRQ + n. */
#define VECTOR_IRQ 0x30
#define VECTOR_IRQ_END 0xe0
#define VECTOR_TIMER 0xe0
#define VECTOR_DOORBELL 0xe1
#define VECTOR_SPURIOUS 0xff

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101

#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_NXE 0x800

#define CR0_MP 0x2
#define CR0_EM 0x4
#define CR0_TS 0x8
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR4_PAE 0x20
#define CR4_MCE 0x40
#define CR4_PGE 0x80
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP 0x800
#define CR4_FSGSBASE 0x10000
#define CR4_OSXSAVE 0x40000
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000

/* States of XCR0. */
#define XCR0_AVX UINT64_C(0x4)
#define XCR0_AVX512 UINT64_C(0xe0)

#define RFLAGS_RESERVED 0x2
#define RFLAGS_IF 0x200

/* What this core's processor has. */
struct cpu_features {
	bool nx, smep, smap, umip, fsgsbase, page1g, x2apic, tsc_deadline;
	bool xsave, xsaveopt;
	bool xinuse;         /* XGETBV tells which states are in use */
	bool wide;           /* registers of 32 bytes, switched on */
	uint64_t xcr0;       /* states enabled in XCR0; 0 without XSAVE */
	uint32_t fpu_bytes;  /* of an FXSAVE or standard XSAVE area with those states */
	unsigned paddr_bits; /* width of physical addresses */
};
extern struct cpu_features cpu;

/* Look only, touch no register and no global: also for the early start. */
void cpu_detect(struct cpu_features *f);
/* The local APIC's number of the core that runs this, by CPUID. */
uint32_t cpu_apic_id(void);
/* How many low bits of APIC ids tell the processors of one package apart. */
unsigned cpu_package_shift(void);
/* Features on, GDT and TSS loaded, SYSCALL leads to entry_syscall. */
void cpu_init(void);
/* Descriptor table and SYSCALL again, after another island had this processor. */
void cpu_load(void);
