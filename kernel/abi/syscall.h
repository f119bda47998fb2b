/*
 * System calls: numbers, registers, operations on capabilities.
 *
 * By the SYSCALL instruction: rax = number; arguments rdi, rsi, rdx, r10, r8,
 * r9; results rax = err_t, rdx = value.  rcx and r11 are lost, rdi, rsi, r8-r10
 * come back as they went in; rbx, rbp, r12-r15 are kept.
 *
 * YIELD, WAIT, RESUME and an LMP_SEND with LMP_WAIT do not return (but on an
 * error): the caller is its dispatcher's scheduler, in disabled mode, with
 * nothing worth saving.  It goes on with an upcall.
 *
 * A long operation does a bounded part of its work, then sets the program
 * counter back to the SYSCALL instruction: interrupts are taken in between and
 * the operation goes on when the caller runs again.
 */
#pragma once

#include "types.h"

enum syscall_number {
	SYS_NULL,     /* does nothing; rdx = how many dispatchers of this core can run */
	SYS_INVOKE,   /* rdi capability, rsi INVOKE(...), rdx, r10, r8, r9 arguments */
	SYS_LMP_SEND, /* below */
	SYS_YIELD,    /* let another dispatcher run; upcall run */
	SYS_WAIT,     /* rdi: TSC deadline or 0. Sleep till an event is pending; upcall run or message */
	SYS_RESUME,   /* rdi: SAVE_ENABLED or SAVE_FAULT. Load that save area and its FPU state, leave disabled mode */
	SYS_COUNT
};

/*
 * LMP: rdi = endpoint capability, rsi = header; the message is up to 8 words in
 * rdx, r10, r8, r9, r12, r13, r14, r15; a capability to copy along is in rbx if
 * LMP_CAP is set. The message upcall delivers in the same registers: rdi = the
 * endpoint capability's badge, rsi = header with the endpoint's index, LMP_CAP
 * when one arrived in the endpoint's receive slot.
 * Words beyond the length are not cleared.
 */
#define LMP_WORDS 8
#define LMP_LENGTH(header) ((unsigned)((header)&0xf))
#define LMP_CAP 0x10   /* a capability goes along */
#define LMP_GIVE 0x20  /* ... and is deleted from the sender's slot */
#define LMP_WAIT 0x40  /* do not return: let the receiver run, sleep till an event */
#define LMP_YIELD 0x80 /* do not return: let the receiver run, stay runnable */
#define LMP_ENDPOINT(header) ((unsigned)(((header) >> 8) & 0x3f))
#define LMP_ENDPOINT_SHIFT 8

/* rsi of SYS_INVOKE: operation in bits 0-7, the rest as the operation says. */
enum cap_op {
	/* any capability */
	CAP_OP_IDENTIFY, /* -> rax = 0, rdx = CAP_INFO; r8 = base, r9 = badge (both results) */
	CAP_OP_COPY,     /* bits 8-15 mask of rights, bit 16: set badge; rdx = destination slot, r10 = badge */
	CAP_OP_DELETE,   /* empties the slot; the last capability destroys the object */
	CAP_OP_REVOKE,   /* needs all rights. Deletes all descendants and all other copies */
	/* bits 8-15 type, 16-23 bits, 32-47 count; rdx = byte offset, r10 = first of count destination slots */
	CAP_OP_RETYPE,
	/* FRAME, DEVFRAME, PTABLE1-3 */
	CAP_OP_MAP,     /* bits 8-15 MAP_ flags; rdx = page table, r10 = index | count << 16 | first page << 32 */
	CAP_OP_UNMAP,   /* the whole mapping of this capability */
	CAP_OP_PROTECT, /* bits 8-15 MAP_ flags; r10 = first | count << 16 within the mapping */
	/* DISPATCHER */
	/* rdx = root cnode, r10 = PTABLE4, r8 = frame, r9 = user address where that frame is mapped */
	CAP_OP_DISP_SETUP,
	/* make it runnable: by upcall run, or where it was stopped. Bit 8: breakpoints and single steps stop it */
	CAP_OP_DISP_RUN,
	CAP_OP_DISP_STOP,  /* take it off the run queue for good, or till RUN */
	CAP_OP_DISP_WATCH, /* rdx = notification to signal when the CPU driver stops it because of a fault */
	/*
	 * -> rdx = state | vector << 8 | save area where it goes on << 16 | error << 32, r8 = rip, r9 = fault address,
	 * r10 = cycles run
	 */
	CAP_OP_DISP_INSPECT,
	/* ENDPOINT, with all rights */
	/* rdx = offset of its ring in the dispatcher frame, r10 = messages (power of two), r8 = receive slot or 0 */
	CAP_OP_EP_BIND,
	/* NOTIFICATION */
	CAP_OP_NTFN_BIND,   /* rdx = dispatcher, r10 = bit 0..63 */
	CAP_OP_NTFN_SIGNAL, /* set its bit; sends an IPI when it is another core's */
	CAP_OP_NTFN_EXPORT, /* -> rdx = number by which other cores signal it */
	/* IRQ */
	CAP_OP_IRQ_BIND, /* rdx = notification, r10 = interrupt number. Masked at each delivery */
	CAP_OP_IRQ_ACK,  /* r10 = interrupt number: unmask */
	/* IOPORT */
	CAP_OP_IO_IN,  /* bits 8-15 bytes (1, 2, 4); rdx = port -> rdx */
	CAP_OP_IO_OUT, /* bits 8-15 bytes; rdx = port, r10 = value */
	/* KERNEL */
	CAP_OP_KERNEL_START, /* rdx = core, r10 = RAM capability for it, r8 = frame to share with its monitor */
	CAP_OP_KERNEL_FORGE, /* rdx = CAP_INFO, r10 = base, r8 = badge, r9 = destination slot: a foreign capability */
	CAP_OP_KERNEL_SHARE, /* rdx = capability: set CAP_FLAG_REMOTE on it (bit 8 set) or clear it (bit 8 clear) */
	CAP_OP_KERNEL_LOG,   /* bits 8-15 length up to 32; text in rdx, r10, r8, r9 */
	CAP_OP_KERNEL_STAT,  /* rdx = enum kernel_stat -> rdx */
	CAP_OP_KERNEL_POWER, /* rdx = enum kernel_power, r10 = exit code */
	CAP_OP_KERNEL_CHECK, /* walk the capability tree's and the scheduler's invariants -> rdx = violations */
	/* DISPATCHER, the caller's own */
	CAP_OP_DISP_ALARM, /* rdx = TSC deadline: EVENT_TIMEOUT then, even if it runs; 0: none. A wait takes it back */
	/* KERNEL: what the monitors need to keep capabilities one across cores (docs/capabilities.md) */
	/*
	 * rdx = RAM or frame, the only capability, not mapped, no descendants: it becomes another core's (bit 8 set)
	 * and stays, so that its block stays taken; or (bit 8 clear) ours again, with what was forged in it since
	 */
	CAP_OP_KERNEL_GIVE,
	/*
	 * as FORGE, but the object (not a page table or container) is this core's own from now on; foreign capabilities
	 * to it become ours. Of what is our own already it makes one more capability, with the rights given (a
	 * monitor's keeper).
	 */
	CAP_OP_KERNEL_ADOPT,
	/*
	 * The node after (type and bits in rdx as in CAP_INFO, base in r10) in the tree of that type's space, below
	 * address r8; bit 8 set: the first that is REMOTE or FOREIGN. A type of CAP_NULL in rdx starts at base r10 in
	 * memory, bits of 255 before all that is at that base. -> rdx = CAP_INFO, 0 at the end; r8 = base; r9 = its
	 * capabilities on this core, of which at most 1,000 are counted
	 */
	CAP_OP_KERNEL_NEXT,
	/*
	 * rdx = capability: as REVOKE, for REMOTE and FOREIGN objects too; stops at REMOTE and FOREIGN descendants
	 * (ERR_CAP_REMOTE). Of a FOREIGN object only the copies go: what is ours in it was given to us by its owner.
	 * What is mapped in a shared page table is only taken out of it and stays; -> rdx: 0 if there is no such.
	 * Bit 8 set, when every core has flushed since: what an earlier call left goes; again until rdx is 0.
	 * Bit 9 set: whose it was runs no more, and all goes at once; rdx is not 0 if something was in a shared table:
	 * no memory is to be used again before all have flushed.
	 * Needs no rights. r10 = CAP_INFO (type and bits), if not 0, and r8 = base: ERR_CAP_LOOKUP if rdx is not to
	 * that object (a process may change its slots at any time).
	 */
	CAP_OP_KERNEL_REVOKE,
	/*
	 * rdx = capability: as DELETE, with REVOKE's bits, arguments and result. Of a destroyed cnode the slot is empty
	 * at once; what is left of it because of mappings goes by a REVOKE of what it was made of
	 */
	CAP_OP_KERNEL_DELETE,
	/*
	 * rdx = frame: as UNMAP, in any table; stays mapped, with nothing there, until bit 8 says that all have
	 * flushed -> the first shared table on the way there, base | type, or 0
	 */
	CAP_OP_KERNEL_UNMAP,
	CAP_OP_KERNEL_PROTECT, /* rdx = frame, r10 = range, bits 8-15 MAP_ flags: as PROTECT, in any table, likewise */
	CAP_OP_KERNEL_FLUSH,   /* forget all translations on this core */
	/*
	 * rdx = capability -> rdx = 1: the only one here, has no descendant, is no foreign table with entries of ours
	 */
	CAP_OP_KERNEL_SOLE,
	CAP_OP_KERNEL_PLACE, /* rdx = page table -> rdx = 1 + first address that it translates, or 0: not placed */
	/* rdx = notification: signalled when the last but one capability to a shared object goes */
	CAP_OP_KERNEL_WATCH,
	/* bits 8-15 enum island_op; rdx = core, r10 = APIC id: where islands run (docs/islands.md) */
	CAP_OP_KERNEL_ISLAND,
	CAP_OP_KERNEL_UPDATE, /* rdx = RAM capability, the only one, with a CPU driver's text, constants and template */
	/*
	 * rdx = dispatcher, r10 = address in its address space, a multiple of 8 -> rdx = the word there, r8 = its
	 * physical address | MAP_WRITE if the dispatcher may write it. ERR_MAP_UNMAPPED: nothing is mapped, or no RAM
	 */
	CAP_OP_KERNEL_PEEK,
	CAP_OP_KERNEL_POKE, /* likewise; r8 = the word to be there, whether or not the dispatcher may write it */
	/*
	 * DISPATCHER: rdx = user address of a page, r10 = pages, up to 64 -> rdx = a bit for each: it was written to
	 * since it was mapped, by this dispatcher's address space or a debugger, or that is not known
	 */
	CAP_OP_DISP_WRITTEN,
	CAP_OPS
};

enum island_op {
	ISLAND_AT,           /* doorbells of the core go to that APIC id */
	ISLAND_GUEST_ADD,    /* this processor is to run that core's island, too, and gets its doorbells */
	ISLAND_GUEST_REMOVE, /* it does not get them any more */
	ISLAND_GUEST_WAKE,   /* the guest goes on, on its own processor -> rdx = its APIC id */
	ISLAND_MOVE,         /* this island goes on, on that core's processor, and this processor stops */
	ISLAND_HOME,         /* -> rdx = APIC id of the processor on which the core started */
	ISLAND_HOST,         /* -> rdx = core on whose processor this island runs */
	ISLAND_FENCE         /* the core's processor stops for good, in the midst of whatever it does */
};

#define INVOKE(op, arg) ((uint64_t)(op) | (uint64_t)(arg) << 8)
#define INVOKE_RETYPE(type, bits, count) \
	(CAP_OP_RETYPE | (uint64_t)(type) << 8 | (uint64_t)(bits) << 16 | (uint64_t)(count) << 32)
#define INVOKE_COPY_BADGE (UINT64_C(1) << 16)
#define RETYPE_COUNT_MAX 256 /* per call */

#define MAP_ARGS(index, count, first) ((uint64_t)(index) | (uint64_t)(count) << 16 | (uint64_t)(first) << 32)
enum { MAP_READ = 1, MAP_WRITE = 2, MAP_EXECUTE = 4, MAP_UNCACHED = 8 };

enum kernel_stat {
	STAT_IPI_SENT,
	STAT_IPI_RECEIVED,
	STAT_INTERRUPTS,
	STAT_SWITCHES, /* dispatcher switches */
	STAT_TIMER,    /* timer interrupts taken */
	STAT_SYSCALLS_LMP,
	STAT_IDLE_CYCLES,
	STAT_APIC_ID,
	STAT_START_TSC,    /* when this CPU driver started */
	STAT_CAPS,         /* capabilities in the tree, copies included */
	STAT_WALK_PAGES,   /* writable kernel pages mapped, from a walk of the live tables */
	STAT_WALK_FOREIGN, /* of those, pages that belong to another core's CPU driver: must be 0 */
	STAT_UPDATES,      /* times that this core's CPU driver was replaced */
	STAT_TEXT,         /* physical address of its text */
	STAT_COUNT
};

enum kernel_power { POWER_OFF, POWER_REBOOT, POWER_DEBUG_EXIT };
