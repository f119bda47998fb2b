/*
 * The dispatcher page: what a CPU driver and a process's libOS say to each other.
 *
 * It is the first page of the dispatcher frame, mapped at the user address given
 * to CAP_OP_DISP_SETUP; the rest of the frame holds the rings of LMP endpoints.
 * The user gs base points at it whenever the dispatcher runs.  The CPU driver
 * writes it through its own window and believes nothing that it reads there.
 *
 * Enabled: a thread runs; an interrupt that gives the CPU away saves into
 * `save[SAVE_ENABLED]`, and the dispatcher goes on with the run upcall.
 * Disabled: the libOS's scheduler runs; an interrupt saves into
 * `save[SAVE_DISABLED]` and the dispatcher goes on exactly there.
 * An upcall sets `disabled` and starts on `upcall_stack` with rdi, rsi as said.
 */
#pragma once

#include "regs.h"
#include "types.h"

enum save_area { SAVE_ENABLED, SAVE_DISABLED, SAVE_FAULT, SAVE_AREAS };
#define RESUME_DISABLED SAVE_AREAS /* for sys_resume: SAVE_FAULT, but disabled mode stays */

/* Bits of `events`. The CPU driver sets them, the libOS clears them with one instruction. */
enum {
	EVENT_NOTIFY = 1,  /* bits in `notify` */
	EVENT_MESSAGE = 2, /* bits in `messages`: endpoints whose ring holds something */
	EVENT_TIMEOUT = 4, /* the deadline of SYS_WAIT has passed */
	EVENT_OWN = 8      /* the libOS's own: the CPU driver never sets it */
};

#define DISPATCHER_FPU_BYTES 2816 /* x87, SSE, AVX, AVX-512 in standard format, rounded up */

struct dispatcher_page {
	uint64_t disabled; /* the libOS writes; the CPU driver sets it at an upcall */
	uint64_t self;     /* user address of this page: %gs:8 */
	/* Entries of the upcalls, and their stack's top (16-byte aligned); libOS writes. */
	uint64_t upcall_run;     /* rdi = events at that moment */
	uint64_t upcall_message; /* registers as in abi/syscall.h, LMP */
	uint64_t upcall_fault;   /* page fault: rdi = address, rsi = error code; state in save[SAVE_FAULT] */
	uint64_t upcall_trap;    /* any other exception: rdi = vector, rsi = error code; state as above */
	uint64_t upcall_stack;
	uint64_t events;
	/* The CPU driver sets bits; the libOS clears them. */
	uint64_t notify;
	uint64_t messages;
	/* The CPU driver writes once. */
	uint64_t core;
	uint64_t tsc_hz;
	uint64_t fpu_bytes; /* of fpu that are used */
	uint64_t fpu_mask;  /* XCR0, or 0 when the processor has only FXSAVE */
	uint64_t libos[2];  /* the libOS's own: no one else reads them */
	/*
	 * A page fault in disabled mode: entry, and a stack of its own; 0: there is none, and the dispatcher stops.
	 * Entered as upcall_fault is. The CPU driver clears the entry, the libOS sets it again before it goes on by
	 * RESUME_DISABLED.
	 */
	uint64_t upcall_within, within_stack;
	struct regs save[SAVE_AREAS];
	uint64_t save_fs[SAVE_AREAS]; /* fs base, thread-local storage */
	/* FPU state that goes with SAVE_ENABLED or SAVE_DISABLED, then with SAVE_FAULT. */
	_Alignas(64) uint8_t fpu[DISPATCHER_FPU_BYTES];
	_Alignas(64) uint8_t fpu_fault[DISPATCHER_FPU_BYTES];
};

#define DISPATCHER_PAGE_BYTES 8192 /* the first two pages of the frame */
_Static_assert(sizeof(struct dispatcher_page) <= DISPATCHER_PAGE_BYTES, "dispatcher page outgrew its pages");
#define DISPATCHER_FRAME_BITS 15 /* what spawn allocates: 8 KiB page, 24 KiB of rings */

/* Ring of an endpoint in the dispatcher frame: a header line, then its messages. */
struct lmp_message {
	uint64_t badge;
	uint64_t header; /* as in the message upcall; LMP_CAP says that one came along */
	uint64_t words[8];
	uint64_t unused[6];
};
struct lmp_ring {
	uint32_t consumed; /* messages taken so far; the libOS writes */
	uint32_t unused0;
	uint32_t produced; /* messages put so far; the CPU driver writes */
	uint32_t unused[13];
	struct lmp_message slot[];
};
_Static_assert(sizeof(struct lmp_message) == 128, "lmp_message is two lines");
_Static_assert(sizeof(struct lmp_ring) == 64, "lmp_ring header is one line");

/* States in CAP_OP_DISP_INSPECT. */
enum dispatcher_state { DISP_NEW, DISP_RUNNABLE, DISP_WAITING, DISP_STOPPED, DISP_FAULTED };

/* User address space: where spawn puts things. Programs link at USER_TEXT_VA. */
#define USER_TEXT_VA UINT64_C(0x400000)
#define DISPATCHER_VA UINT64_C(0x200000)
#define ARGS_VA UINT64_C(0x210000)
#define ARCHIVE_VA UINT64_C(0x100000000) /* monitors: the boot archive */
#define USER_LOCAL_VA UINT64_C(0x240000) /* a core's instance of the libOS: libos/core/local.h; up to the first stack */
#define BOOT_INFO_VA UINT64_C(0x220000)  /* monitors: struct boot_info */
#define USER_HEAP_VA UINT64_C(0x200000000)
#define USER_STACKS_VA UINT64_C(0x400000000)
#define USER_CHANNELS_VA UINT64_C(0x600000000)
#define USER_END_VA UINT64_C(0x800000000000)
