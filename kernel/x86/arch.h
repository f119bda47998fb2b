/*
 * The seam: all that kernel/core asks of the machine. kernel/x86 provides it;
 * tests/unit provides a hosted stand-in. In the CPU driver, what is most often
 * used is inline.
 */
#pragma once

#include "../abi/boot.h"
#include "../abi/regs.h"
#include "../abi/types.h"
#include "pte.h"

struct dispatcher;

/* --- memory ----------------------------------------------------------- */

/* Kernel address of physical memory in this core's window; any RAM but other cores' private pages. */
#if __STDC_HOSTED__
void *arch_window(paddr_t p);
paddr_t arch_window_paddr(const void *kernel_address);
#else
#define ARCH_WINDOW_BASE UINT64_C(0xffff800000000000)
static inline void *arch_window(paddr_t p) { return (void *)(ARCH_WINDOW_BASE + p); }
static inline paddr_t arch_window_paddr(const void *kernel_address)
{
	return (paddr_t)kernel_address - ARCH_WINDOW_BASE;
}
#endif
/* Clears whole pages' worth or less: `bytes` a multiple of 64, aligned to 64. Fast: one 16-byte store at a time. */
void arch_clear(void *p, uint64_t bytes);
/* Is [base, base + size) memory that a device frame may name: not RAM in the window, below the physical limit? */
bool arch_is_device(paddr_t base, uint64_t size);

/* --- page tables -------------------------------------------------------- */

#define ARCH_PTABLE_ENTRIES 512
/* Level 1 to 4. Shift of the addresses that an entry at a level covers: 12, 21, 30, 39. */
static inline unsigned arch_ptable_shift(unsigned level) { return 12 + 9 * (level - 1); }
/* User's entries of a table at a level: 512, at level 4 only the lower 256. */
static inline unsigned arch_ptable_user_entries(unsigned level) { return level == 4 ? 256 : 512; }
/* Entries: a leaf with the access in `map_flags` (MAP_ of abi/syscall.h, none other), a table. */
#if __STDC_HOSTED__
uint64_t arch_pte_leaf(paddr_t p, unsigned level, unsigned map_flags);
uint64_t arch_pte_table(paddr_t table);
bool arch_pte_present(uint64_t pte);
paddr_t arch_pte_paddr(uint64_t pte);
/* The mark of an entry that its page was written to by it. */
uint64_t arch_pte_written(uint64_t pte);
#else
#define ARCH_MAP_FLAGS 16
extern uint64_t arch_pte_access[ARCH_MAP_FLAGS]; /* bits of a leaf, by map_flags */
static inline uint64_t arch_pte_leaf(paddr_t p, unsigned level, unsigned map_flags)
{
	return p | arch_pte_access[map_flags] | (level > 1 ? PTE_PS : 0);
}
static inline uint64_t arch_pte_table(paddr_t table) { return table | PTE_P | PTE_W | PTE_U; }
static inline bool arch_pte_present(uint64_t pte) { return pte & PTE_P; }
static inline paddr_t arch_pte_paddr(uint64_t pte) { return pte & PTE_ADDRESS; }
static inline uint64_t arch_pte_written(uint64_t pte) { return pte & PTE_D; }
#endif
/* Can the processor map a leaf at this level? (1 GiB pages are optional.) */
bool arch_ptable_leaf_ok(unsigned level);
/* Put this core's kernel half into a fresh root. */
void arch_root_init(void *root);
void arch_flush_page(vaddr_t va);
void arch_flush_all(void);
paddr_t arch_root_current(void);
/*
 * Where a user address lies that the page tables at `root` translate: in the window, up to its page's end. NULL:
 * nowhere, or not in RAM.
 */
void *arch_user_memory(paddr_t root, vaddr_t va, bool *writable);
/*
 * A bit for each of up to 64 pages from the user address va on: it was written to by the page tables at `root`, or that
 * is not known; marks one as such.
 */
uint64_t arch_user_written(paddr_t root, vaddr_t va, unsigned pages);
void arch_user_mark(paddr_t root, vaddr_t va);
void arch_root_load(paddr_t root);

/* --- dispatch ------------------------------------------------------------ */

/* The frame of the entry that is being served: at the top of the kernel stack (linker/kernel.ld). */
#if __STDC_HOSTED__
struct regs *arch_frame(void);
#else
extern struct regs kernel_frame;
static inline struct regs *arch_frame(void) { return &kernel_frame; }
#endif
#define ARCH_USER_FLAGS 0x202 /* rflags at an upcall */
#define ARCH_VECTOR_DEBUG 1
#define ARCH_VECTOR_BREAKPOINT 3
#define ARCH_VECTOR_PAGE_FAULT 14
#define ARCH_SYSCALL_BYTES 2 /* length of the instruction */
/* Leave the kernel to user mode as the frame says; `full`: by IRETQ, all registers; else by SYSRET (rcx, r11 lost). */
void arch_return(bool full) __attribute__((noreturn));
/* Wait for an interrupt with no dispatcher to run; it is served on a fresh stack. */
void arch_idle(void) __attribute__((noreturn));
/* Make user registers harmless: flags, segments, canonical addresses. Works on the kernel's own copy. */
void arch_regs_sanitise(struct regs *r);
/* Leave the kernel to user mode at `entry` on `stack`, rdi = a, rsi = b, and nothing in any other register. */
void arch_upcall(vaddr_t entry, vaddr_t stack, uint64_t a, uint64_t b) __attribute__((noreturn));
/* For an upcall, what no frame holds: gs base to the dispatcher page, fs base 0, FPU as arch_fpu_init(). */
void arch_user_fresh(vaddr_t gs);
/* gs base to the dispatcher page; fs base. */
void arch_set_gs(vaddr_t va);
void arch_set_fs(vaddr_t va);
vaddr_t arch_get_fs(void);
void arch_fpu_save(void *area);       /* 64-byte aligned, arch_fpu_bytes() */
void arch_fpu_load(const void *area); /* never faults: bad contents are made harmless first */
void arch_fpu_init(void);             /* initial state: nothing of the last user is left */
uint64_t arch_fpu_bytes(void);
uint64_t arch_fpu_mask(void);

/* --- time, interrupts, other cores ------------------------------------------- */

cycles_t arch_now(void);
uint64_t arch_tsc_hz(void);
void arch_timer_at(cycles_t deadline); /* one shot; 0: off */
bool arch_irq_valid(unsigned irq);
void arch_irq_unmask(unsigned irq);
void arch_irq_mask(unsigned irq);
void arch_ipi(coreid_t core); /* the doorbell vector */
unsigned arch_apic_id(void);
/*
 * The shared doorbell line of a core (kernel/core/doorbell.c is the one file that
 * touches it): DOORBELL_WORDS words of pending notification numbers and one
 * summary word first.
 */
uint64_t *arch_doorbell(coreid_t core);
#define DOORBELL_WORDS 64 /* 4,096 numbers, behind the summary's line */
/* Boot `core` on its reserved private pages; RAM block and shared frame go into its boot record. 0 or CORE_*. */
err_t arch_core_start(coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc, unsigned urpc_bits);

/* Likewise to a processor, by its APIC's id. */
void arch_ipi_apic(uint32_t apic_id);
/* That processor stops, and waits to be started. */
void arch_apic_init(uint32_t apic_id);
/*
 * To the island whose kernel page tables are at `root`: its kernel_resume() runs, on its own stack. The same processor
 * goes on, and nothing of this island's is touched any more.
 */
enum arrival { ARRIVE_NEW, ARRIVE_PROCESSOR, ARRIVE_TURN };
void arch_island_enter(paddr_t root, enum arrival how) __attribute__((noreturn));
/* Stores root, from when on another processor may have this island; sends that one the doorbell vector; and stops. */
void arch_park(uint64_t *to, paddr_t root, uint32_t apic_id) __attribute__((noreturn));
/* A processor that was parked, started anew, enters the island at `root`. 0 or CORE_TIMEOUT. */
err_t arch_processor_start(uint32_t apic_id, paddr_t root);
/* Serves a device's interrupt that this processor got for this island, when another was on it. */
void arch_interrupt(unsigned vector);

/*
 * May the CPU driver at `image` take over from this one? Then `record` is room for `bytes` of what it shall know,
 * behind it in that RAM. ERR_UPDATE_IMAGE, ERR_UPDATE_SIZE.
 */
err_t arch_update_check(paddr_t image, uint64_t size, uint64_t bytes, void **record);
/* It does: kernel_take_over(record) runs there. No dispatcher runs, and nothing of ours is used any more. */
void arch_update(paddr_t image, void *record, paddr_t root) __attribute__((noreturn));
/* Where this CPU driver's text lies. */
paddr_t arch_text(void);

/* --- devices ------------------------------------------------------------------ */

uint32_t arch_port_in(unsigned port, unsigned bytes);
void arch_port_out(unsigned port, unsigned bytes, uint32_t value);
void arch_log(const char *text, size_t length); /* serial, polled */
void arch_power(unsigned how, unsigned code);   /* enum kernel_power; returns only if it failed */
/* Walk this core's live page tables: writable kernel pages; those that are another core's private pages. */
void arch_walk_tables(uint64_t *writable, uint64_t *foreign);

/* --- start ------------------------------------------------------------------- */

/* What the machine found, for kernel/core/startup.c. RAM ranges are page aligned and free. */
struct arch_ram {
	paddr_t base;
	uint64_t size;
};
#define ARCH_RAM_MAX 128
struct arch_start {
	struct boot_info info; /* all but ram_caps, ram_bytes */
	unsigned ram_count;
	struct arch_ram ram[ARCH_RAM_MAX];
};
extern struct arch_start arch_start;
/* kernel/core/startup.c: makes the monitor out of the archive and runs it. Called once per core. */
void kernel_start(void) __attribute__((noreturn));

/* --- entries from kernel/x86 into kernel/core; the frame is arch_frame() ----------- */

void kernel_interrupt(unsigned irq); /* a device's; it is masked */
void kernel_timer(void);
void kernel_doorbell(void);
/* The island goes on where it was at rest; `arrived`: on its own processor, which was stopped. */
void kernel_resume(bool arrived) __attribute__((noreturn));
void kernel_exception(unsigned vector, uint64_t error, vaddr_t address); /* from user mode */

/* Another CPU driver of this core has left us `record`. */
void kernel_take_over(void *record) __attribute__((noreturn));

/* --- panic, in kernel/x86/panic.c --------------------------------------------------- */

void kernel_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void kernel_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define kernel_assert(x) ((x) ? (void)0 : kernel_panic("%s:%d: %s", __FILE__, __LINE__, #x))
