/*
 * Capabilities as user space sees them: types, rights, sizes, addresses.
 *
 * Every object is a block of 1 << bits units, aligned to its size, in one of
 * five number spaces (memory bytes, I/O ports, interrupts, cores for kernels, cores
 * for channels).  Hence two objects nest or are disjoint, and derivation is containment: B descends from
 * A when B lies in A's block and was retyped from it.  docs/capabilities.md
 * gives the rules and the reasons.
 */
#pragma once

#include "types.h"

enum cap_type {
	CAP_NULL,
	CAP_RAM,          /* memory without contents; all memory objects come from it */
	CAP_FRAME,        /* memory that can be mapped; zero when it is made */
	CAP_DEVFRAME,     /* device registers, or memory that is not ours to clear */
	CAP_CNODE,        /* 1 << (bits - CAP_SLOT_BITS) slots */
	CAP_PTABLE1,      /* page table whose entries are 4 KiB pages */
	CAP_PTABLE2,      /* ... 2 MiB pages or PTABLE1s */
	CAP_PTABLE3,      /* ... 1 GiB pages or PTABLE2s */
	CAP_PTABLE4,      /* root of an address space on one core */
	CAP_DISPATCHER,   /* what a CPU driver schedules */
	CAP_ENDPOINT,     /* a place in a dispatcher that messages are sent to */
	CAP_NOTIFICATION, /* one bit in a dispatcher's page, set from anywhere */
	CAP_IRQ,          /* global interrupt numbers */
	CAP_IOPORT,       /* x86 I/O ports */
	CAP_KERNEL,       /* this core's CPU driver, for its monitor */
	CAP_CHANNEL,      /* the right to have channels opened to a block of cores */
	CAP_TYPES
};

/* Object sizes in bits. Others are the caller's choice. */
#define CAP_SLOT_BITS 6 /* one capability is one cache line */
#define CAP_PTABLE_BITS 12
#define CAP_DISPATCHER_BITS 13 /* control block, then 64 endpoints */
#define CAP_ENDPOINT_BITS 6    /* the i-th at offset 4096 + 64 i of the dispatcher */
#define CAP_NOTIFICATION_BITS 6
#define CAP_FRAME_BITS_MIN 12
#define CAP_RAM_BITS_MIN 6
#define CAP_CNODE_BITS_MIN 8
#define CAP_CNODE_BITS_MAX 20
#define CAP_L2CNODE_BITS 14 /* second level: always 256 slots */
#define CAP_ENDPOINTS 64    /* per dispatcher */
#define CAP_ENDPOINT_OFFSET 4096

/* Rights. A copy has at most those of its source. */
enum {
	RIGHT_READ = 1,    /* map for reading; receive; inspect */
	RIGHT_WRITE = 2,   /* map for writing; send; signal */
	RIGHT_EXECUTE = 4, /* map for execution */
	RIGHT_GRANT = 8,   /* endpoint: send capabilities through it; any: be sent in a message */
	RIGHT_ALL = 15
};

/*
 * Addresses. The low 32 bits name a slot: bit 31 clear, (l1 << 8 | l2), slot l2
 * of the 256-slot cnode in slot l1 of the root; bit 31 set, slot l1 of the root
 * itself. The high 32 bits name, in the caller's own space, the cnode to use as
 * the root; 0 is the caller's own root.
 */
#define CPTR(l1, l2) ((cptr_t)(((l1) << 8) | (l2)))
#define CPTR_L1(l1) ((cptr_t)(UINT32_C(0x80000000) | (l1)))
#define CPTR_IN(root, slot) (((cptr_t)(root) << 32) | (cptr_t)(slot))
#define CPTR_NULL ((cptr_t)0)

/* Slots that spawn fills in cnode 0 of every process ("task cnode"). */
enum task_slot {
	TASK_NULL = 0,
	TASK_ROOT_CNODE = 1,
	TASK_DISPATCHER = 2,
	TASK_VSPACE = 3,     /* PTABLE4 */
	TASK_DISP_FRAME = 4, /* mapped at DISPATCHER_VA */
	TASK_SELF_EP = 5,    /* own endpoint 0, all rights: mint and hand out */
	TASK_MONITOR_EP = 6, /* sends to this core's monitor; badge names the process */
	TASK_ARGS_FRAME = 7, /* mapped read-only at ARGS_VA */
	TASK_RAM = 8,        /* the process's first memory */
	TASK_CHANNEL = 9,
	TASK_ARCHIVE = 10, /* boot archive, read and execute only */
	TASK_KERNEL = 11,  /* monitors only, from here on unless given */
	TASK_IRQ = 12,
	TASK_IOPORT = 13,
	TASK_BOOT_FRAME = 14, /* monitors: struct boot_info */
	TASK_BOOT_URPC = 15,  /* monitors but the first: frame shared with monitor 0 */
	TASK_RECV = 16,       /* where monitor replies put a capability */
	TASK_FREE = 17        /* first slot that the libOS may use */
};

/* L1 slots of every process's root. */
enum {
	L1_TASK = 0,
	L1_RAM = 1, /* monitors: the core's memory, one RAM capability a slot */
	L1_FREE = 2 /* first root slot that the libOS may use */
};

/* What CAP_OP_IDENTIFY returns in its first value, packed. */
#define CAP_INFO_TYPE(v) ((unsigned)((v)&0xff))
#define CAP_INFO_RIGHTS(v) ((unsigned)(((v) >> 8) & 0xff))
#define CAP_INFO_BITS(v) ((unsigned)(((v) >> 16) & 0xff))
#define CAP_INFO_FLAGS(v) ((unsigned)(((v) >> 24) & 0xff))
#define CAP_INFO(type, rights, bits, flags) \
	((uint64_t)(type) | (uint64_t)(rights) << 8 | (uint64_t)(bits) << 16 | (uint64_t)(flags) << 24)

/* Flags of a capability. */
enum {
	CAP_FLAG_REMOTE = 1,   /* another core holds copies: local revoke and last delete are refused */
	CAP_FLAG_FOREIGN = 2,  /* made here from another core's description; the object is that core's */
	CAP_FLAG_CLEARING = 4, /* retype has not finished clearing it; unusable until then */
	CAP_FLAG_MAPPED = 8,
	CAP_FLAG_COPY = 16 /* in the list of copies, not itself in the tree (kernel's own) */
};
