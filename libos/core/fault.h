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
/*
 * For that: as thread_divert of SAVE_FAULT to a function that is told of the fault, and needs as much room as bringing
 * memory does. Returns when the stack has no room.
 */
struct thread;
struct thread_saved;
void thread_divert_fault(struct thread *t, const struct fault_info *info, void (*mend)(struct thread_saved *s));

/* Memory that may only be read because others have it, too: cow.h. NULL: there is none. */
struct fault_share {
	bool (*holds)(vaddr_t va);  /* in disabled mode, as the next two are */
	bool (*within)(vaddr_t va); /* a write in disabled mode; false: it could not be made to go on */
	void (*settle)(void);       /* EVENT_OWN was raised */
	err_t (*serve)(vaddr_t va); /* a thread's, enabled */
	err_t (*end)(void);         /* before the process spans cores: there is to be none any more */
};
extern const struct fault_share *fault_share;
/* From now on page faults in disabled mode come here, on a stack with that upper end. */
void fault_within_begin(vaddr_t stack);
