/*
 * Faults of this process's own threads.
 *
 * A page fault in the heap is served and forgotten. Anything else is reported
 * through fault_report (program, core, address, instruction), and the process ends.
 */
#pragma once

#include "kernel/abi/types.h"

/* What went wrong: vector and error code are the processor's. */
struct fault_info {
	uint64_t vector, error;
	vaddr_t rip, rsp, address; /* address of the access, for a page fault */
	bool stack_overflow;
};

/* In the error code of a page fault that is reported to the monitor: it was a stack's guard. */
#define FAULT_STACK_OVERFLOW (UINT64_C(1) << 63)

/*
 * How a fault is reported: by the monitor client in processes. Called in disabled
 * mode, must not return and must not touch the heap.
 */
extern void (*fault_report)(const struct fault_info *info) __attribute__((noreturn));
/*
 * Asked before that, of a thread's own fault: whoever makes something else of it (thread_divert of SAVE_FAULT) does not
 * return. In disabled mode. NULL: nobody does.
 */
extern void (*fault_hook)(const struct fault_info *info);
