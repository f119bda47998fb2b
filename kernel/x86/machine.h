/*
 * The machine as the boot core found it: the same on every core.
 *
 * Each core has a private copy, which it got in its boot record and never
 * changes after its start.  KERNEL_BASE + p is where the image's text and
 * constants are seen; KPRIV_BASE is where each core sees its own slice.
 */
#pragma once

#include "../abi/boot.h"
#include "acpi.h"
#include "arch.h"
#include "memmap.h"

#define KERNEL_BASE UINT64_C(0xffffffff80000000)
#define KPRIV_BASE UINT64_C(0xffffffffc0000000)
#define WINDOW_BASE ARCH_WINDOW_BASE
#define DEVICE_BASE UINT64_C(0xffffffffffe00000) /* pages of this core's device registers */
#define EARLY_LIMIT UINT64_C(0x100000000)        /* the early page tables reach so far */

struct machine {
	struct acpi_info acpi;
	struct memmap window;     /* RAM that the window shows, but for the slices */
	paddr_t image, image_end; /* kernel text and constants, not in the window */
	paddr_t slices;           /* private slice of core c at slices + c * slice_bytes */
	uint64_t slice_bytes;
	uint64_t private_bytes; /* of a slice, before its page tables: room for a later, larger CPU driver */
	uint64_t slices_bytes;  /* of the whole array; a multiple of 2 MiB */
	unsigned slice_tables;  /* pages for page tables at each slice's end */
	paddr_t doorbells;      /* one page a core */
	paddr_t record;         /* struct boot_record of the core that is being started */
	paddr_t trampoline;     /* page below 640 KiB where that core begins; 0: none found */
	unsigned paddr_bits;    /* of the boot core */
	bool page1g;
	uint64_t apic_scale; /* APIC timer's ticks per TSC tick, times 2^32 */
};
extern struct machine machine;

/* At a fixed place of the text of every build: what another has to know of it. */
#define DRIVER_MAGIC UINT64_C(0x317672647972656b) /* "kerydrv1" */
struct driver_header {
	uint64_t magic;
	uint64_t version;      /* HANDOVER_VERSION */
	uint64_t record_bytes; /* of what it wants to know: struct handover, struct arch_handover */
	vaddr_t text, text_end, rodata_end;
	vaddr_t template;       /* of its private data */
	uint64_t private_bytes; /* that it needs of a slice */
};
extern const struct driver_header driver_header;

/* What kernel/x86 hands over (update.c). */
struct arch_handover {
	struct machine machine;
	struct arch_start start;
	bool running[CORES_MAX], prepared;
};
/* update.c: this CPU driver takes over from another, which has left it `record`; no private data are there yet. */
void update_take(void *record) __attribute__((noreturn));
/* smp.c: on the boot core, once, puts the trampoline in place. */
void smp_init(void);
void smp_hand_over(struct arch_handover *h, bool take);

enum record_state { RECORD_WAITING, RECORD_ARRIVED, RECORD_READY };

/*
 * What a core is started with: one after the other by the same record, in the
 * image's scratch pages. boot.asm reads the first member.
 */
struct boot_record {
	uint64_t stack;          /* physical top of the kernel stack in the slice */
	uint32_t apic_id;        /* of the core that this is for */
	volatile uint32_t state; /* enum record_state; the new core writes, the boot core waits */
	paddr_t slice;
	paddr_t root; /* of the island to enter; 0: a new one is made in the slice */
	struct machine machine;
	struct arch_start start;
};

/* linker/kernel.ld */
extern struct boot_record boot_record; /* 32 KiB */
_Static_assert(sizeof(struct boot_record) <= 0x8000, "the boot record outgrew its place");
extern const char image_start[], image_end[], text_start[], text_end[], rodata_end[];
extern const char private_template[];
extern char private_start[], private_data[], private_data_end[], private_bss_end[], private_end[];
extern char boot_stack_top[];
extern char kernel_stack[], kernel_stack_top[], ist1_stack[], ist1_stack_top[], ist2_stack[], ist2_stack_top[],
	ist3_stack[], ist3_stack_top[];

/* boot.c: what is wrong, on the serial line; then the machine stops. Uses no private data. */
void boot_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* boot.c, called by boot.asm on the boot core's early page tables; fills its record. */
void boot_main(uint32_t magic, paddr_t info);
/* start.c, called by boot.asm on every core: fill the slice; returns where to enter (gate.asm). */
struct entrance {
	paddr_t root;
	uint64_t how; /* enum arrival */
};
struct entrance core_prepare(struct boot_record *r);
/* start.c, called by gate.asm on those page tables and kernel_stack_top. */
void core_enter(paddr_t root, uint64_t how) __attribute__((noreturn));
