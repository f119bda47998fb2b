/*
 * Page faults and other exceptions of this process's threads.
 *
 * The upcall comes on the upcall stack in disabled mode.  Bringing memory to the
 * heap takes locks and may ask the monitor, so the faulting thread does it itself:
 * its registers are put on its own stack, below the red zone, and it goes on in
 * fault_serve, enabled, which ends by loading them again.  Others may divert a thread in the same way.
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
	void (*fn)(void); /* what it is diverted to; NULL: to bring memory to the address */
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

/* In disabled mode. */
static void __attribute__((noreturn)) frame_load(const struct fault_frame *f)
{
	struct dispatcher_page *page = dispatcher_page();

	page->save[SAVE_ENABLED] = f->regs;
	page->save_fs[SAVE_ENABLED] = f->fs;
	context_copy(page->fpu, f->fpu, page->fpu_bytes);
	sys_resume(SAVE_ENABLED);
}

static void __attribute__((noreturn)) fault_serve(void *arg)
{
	struct fault_frame *f = arg;
	err_t err;

	dispatcher_enable();
	err = heap_populate(f->address);
	dispatcher_disable();
	if (err)
		report(PF_VECTOR, 0, f->address, &f->regs);
	frame_load(f);
}

static void __attribute__((noreturn)) divert_serve(void *arg)
{
	const struct fault_frame *f = arg;

	dispatcher_enable();
	f->fn();
	dispatcher_disable();
	frame_load(f);
}

/* Where the frame goes on the thread's stack; 0 when that has no room. */
static vaddr_t frame_place(const struct thread *t, vaddr_t rsp, uint64_t fpu_bytes)
{
	vaddr_t place = (rsp - RED_ZONE - sizeof(struct fault_frame) - fpu_bytes) & ~UINT64_C(63);

	return rsp <= t->stack_top && place >= t->stack_low + FAULT_ROOM && place < rsp ? place : 0;
}

/* Puts what is saved in that area into a frame on the thread's stack; NULL: there is no room. */
static struct fault_frame *frame_save(struct thread *t, unsigned area)
{
	struct dispatcher_page *page = dispatcher_page();
	vaddr_t place = t ? frame_place(t, page->save[area].rsp, page->fpu_bytes) : 0;
	struct fault_frame *f = (struct fault_frame *)place;

	if (!f)
		return NULL;
	f->regs = page->save[area];
	f->fs = page->save_fs[area];
	context_copy(f->fpu, area == SAVE_FAULT ? page->fpu_fault : page->fpu, page->fpu_bytes);
	return f;
}

void thread_divert(struct thread *t, unsigned area, void (*fn)(void))
{
	struct fault_frame *f = frame_save(t, area);

	if (!f)
		return;
	f->fn = fn;
	context_set_thread_pointer(t);
	context_call(divert_serve, f, (vaddr_t)f);
}

void (*fault_hook)(const struct fault_info *info);

/* Somebody may want to hear of it, and then does not return. */
static void __attribute__((noreturn)) give_up(uint64_t vector, uint64_t error, vaddr_t address)
{
	const struct regs *r = &dispatcher_page()->save[SAVE_FAULT];
	const struct fault_info info = {
		.vector = vector, .error = error, .rip = r->rip, .rsp = r->rsp, .address = address
	};

	if (fault_hook && thread_current())
		fault_hook(&info);
	report(vector, error, address, r);
}

void dispatcher_fault(vaddr_t address, uint64_t error)
{
	struct thread *t = thread_current();
	struct fault_frame *f;

	if ((error & PF_PRESENT) || !heap_holds(address))
		give_up(PF_VECTOR, error, address);
	f = frame_save(t, SAVE_FAULT);
	if (!f)
		report(PF_VECTOR, error, address, &dispatcher_page()->save[SAVE_FAULT]);
	f->address = address;
	context_set_thread_pointer(t);
	context_call(fault_serve, f, (vaddr_t)f);
}

void dispatcher_trap(uint64_t vector, uint64_t error) { give_up(vector, error, 0); }
