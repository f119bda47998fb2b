/*
 * What dispatch needs of a machine, on the host: time, timer and IPIs that tests
 * read and set, and ways out to user mode that end up back in the test.
 */
#pragma once

#include <setjmp.h>

#include "kernel/core/dispatch.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

enum way { WAY_RESULT, WAY_FAST, WAY_FULL, WAY_UPCALL, WAY_IDLE, WAY_ISLAND, WAY_PARK };

/* How the last entry into the kernel ended, and what user mode would see. */
struct leave {
	enum way way;
	struct sys_result result; /* WAY_RESULT: back to the caller, with this */
	vaddr_t entry, stack;     /* WAY_UPCALL */
	uint64_t a, b;            /* WAY_ISLAND: root and enum arrival; WAY_PARK: APIC id */
};
extern struct leave leave;
extern jmp_buf leave_point;

extern cycles_t hosted_now, hosted_timer;
extern paddr_t hosted_root;
extern vaddr_t hosted_gs;
extern unsigned hosted_ipis, hosted_fpu_saves;
extern uint64_t hosted_masked;                                                   /* interrupts 0-63 */
extern uint32_t hosted_apic_id, hosted_ipi_apic, hosted_started, hosted_stopped; /* our APIC; the last to hear of us */
extern unsigned hosted_vector;                                                   /* served for another island */
extern err_t hosted_start_error;                                                 /* of the next start */

/* A system call, or an interrupt: afterwards `leave` says how it ended. */
#define ENTER(call) (leave.way = WAY_RESULT, setjmp(leave_point) ? (void)0 : (void)(leave.result = (call)))
#define INTERRUPT(call) (leave.way = WAY_RESULT, setjmp(leave_point) ? (void)0 : (call))

/* Slots of the dispatchers' objects in the first process's cnode 0. */
enum {
	SLOT_A = 40,
	SLOT_B,
	SLOT_C,
	SLOT_FRAME_A,
	SLOT_FRAME_B,
	SLOT_FRAME_C,
	SLOT_SPACE_A,
	SLOT_SPACE_B,
	SLOT_SPACE_C,
	SLOT_EP_A,
	SLOT_EP_B,
	SLOT_EP_C,
	SLOT_TEST
};
extern struct dispatcher *disp_a, *disp_b, *disp_c;
#define PAGE_VA UINT64_C(0x200000)
#define ENTRY_RUN(d)                                   \
	(0xa000 + 0x1000 * (uint64_t)((d) == disp_b) + \
	 0x2000 * (uint64_t)((d) == disp_c)) /* + 1: message, + 2: fault, + 3: trap */
#define RING_MESSAGES 4

/* Two dispatchers in spaces of their own; A runs, B is runnable behind it. Endpoint 0 of each has a ring. */
void dispatch_world(void);
/* One more, C, runnable behind them. */
void dispatch_c(void);
/* Takes them away again. */
void dispatch_world_end(void);
/* Lets A be current and B wait. */
void dispatch_b_waits(void);
