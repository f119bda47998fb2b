/*
 * Page faults and other exceptions of this process's threads.
 *
 * The upcall comes on the upcall stack in disabled mode.  Bringing memory to the
 * heap takes locks and may ask the monitor, so the faulting thread does it itself:
 * its registers are put on its own stack, below the red zone, and it goes on in
 * fault_serve, enabled, which ends by loading them again.
 */
#include "libos/core/fault.h"

#include "libos/core/invoke.h"
#include "libos/core/vspace.h"
#include "libos/thread/control.h"
#include "libos/x86/context.h"

#define RED_ZONE 128
#define FAULT_ROOM 4096 /* stack that fault_serve may need */
#define PF_PRESENT 1
#define PF_VECTOR 14

struct fault_frame {
	vaddr_t address;
	struct regs regs;
	uint64_t fs;
	_Alignas(64) uint64_t fpu[];
};

/* With nobody to tell, the CPU driver at least notes that we have stopped. */
static void __attribute__((noreturn)) fault_stop(const struct fault_info *info)
{
	(void)info;
	for (;;)
		disp_stop(TASK_DISPATCHER);
}

void (*fault_report)(const struct fault_info *info) __attribute__((noreturn)) = fault_stop;

static void __attribute__((noreturn)) report(uint64_t vector, uint64_t error, vaddr_t address, const struct regs *r)
{
	struct fault_info info = {
		.vector = vector,
		.error = error,
		.rip = r->rip,
		.rsp = r->rsp,
		.address = address,
		.stack_overflow = vector == PF_VECTOR && stack_guard_holds(address),
	};

	fault_report(&info);
}

static void __attribute__((noreturn)) fault_serve(void *arg)
{
	struct dispatcher_page *page = dispatcher_page();
	struct fault_frame *f = arg;
	err_t err;

	dispatcher_enable();
	err = heap_populate(f->address);
	dispatcher_disable();
	if (err)
		report(PF_VECTOR, 0, f->address, &f->regs);
	page->save[SAVE_ENABLED] = f->regs;
	page->save_fs[SAVE_ENABLED] = f->fs;
	context_copy(page->fpu, f->fpu, page->fpu_bytes);
	sys_resume(SAVE_ENABLED);
}

/* Where the frame goes on the thread's stack; 0 when that has no room. */
static vaddr_t frame_place(const struct thread *t, vaddr_t rsp, uint64_t fpu_bytes)
{
	vaddr_t place = (rsp - RED_ZONE - sizeof(struct fault_frame) - fpu_bytes) & ~UINT64_C(63);

	return rsp <= t->stack_top && place >= t->stack_low + FAULT_ROOM && place < rsp ? place : 0;
}

void dispatcher_fault(vaddr_t address, uint64_t error)
{
	struct dispatcher_page *page = dispatcher_page();
	struct thread *t = thread_current();
	const struct regs *r = &page->save[SAVE_FAULT];
	vaddr_t place = t ? frame_place(t, r->rsp, page->fpu_bytes) : 0;
	struct fault_frame *f = (struct fault_frame *)place;

	if (!place || (error & PF_PRESENT) || !heap_holds(address))
		report(PF_VECTOR, error, address, r);
	f->address = address;
	f->regs = *r;
	f->fs = page->save_fs[SAVE_FAULT];
	context_copy(f->fpu, page->fpu_fault, page->fpu_bytes);
	context_set_thread_pointer(t);
	context_call(fault_serve, f, place);
}

void dispatcher_trap(uint64_t vector, uint64_t error)
{
	report(vector, error, 0, &dispatcher_page()->save[SAVE_FAULT]);
}
