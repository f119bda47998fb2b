/*
 * Page faults and other exceptions of this process's threads.
 *
 * The upcall comes on the upcall stack in disabled mode.  Bringing memory to the
 * heap takes locks and may ask the monitor, so the faulting thread does it itself:
 * its registers are put on its own stack, below the red zone or below where it left that for another stack, and it
 * goes on in fault_serve, enabled, which ends by loading them again.  Others may divert a thread in the same way, on
 * the stack that it is on.
 */
#include "libos/core/fault.h"

#include "libos/core/invoke.h"
#include "libos/core/vspace.h"
#include "libos/thread/control.h"
#include "libos/x86/context.h"

#define RED_ZONE 128
#define FAULT_ROOM 4096 /* stack that fault_serve may need */
#define PF_PRESENT 1
#define PF_WRITE 2
#define PF_VECTOR 14

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
static void __attribute__((noreturn)) frame_load(const struct thread_saved *f)
{
	struct dispatcher_page *page = dispatcher_page();

	page->save[SAVE_ENABLED] = f->regs;
	page->save_fs[SAVE_ENABLED] = f->fs;
	context_copy(page->fpu, f->fpu, page->fpu_bytes);
	sys_resume(SAVE_ENABLED);
}

static void __attribute__((noreturn)) fault_serve(void *arg)
{
	struct thread_saved *f = arg;
	err_t err;

	dispatcher_enable();
	err = f->fault.error ? fault_share->serve(f->fault.address) : heap_populate(f->fault.address);
	dispatcher_disable();
	if (err)
		report(PF_VECTOR, f->fault.error, f->fault.address, &f->regs);
	frame_load(f);
}

static void __attribute__((noreturn)) divert_serve(void *arg)
{
	struct thread_saved *f = arg;

	dispatcher_enable();
	f->fn(f);
	dispatcher_disable();
	thread_current()->left_at = f->left_at;
	thread_current()->other = f->other;
	frame_load(f);
}

void thread_continue(const struct thread_saved *s)
{
	dispatcher_disable();
	frame_load(s);
}

/* Where the frame goes below `rsp` on that stack; 0 when there is no room, or that is somewhere else. */
static vaddr_t frame_place(struct thread_stack on, vaddr_t rsp)
{
	uint64_t bytes = sizeof(struct thread_saved) + dispatcher_page()->fpu_bytes;
	vaddr_t place = (rsp - RED_ZONE - bytes) & ~UINT64_C(63);

	return rsp <= on.top && place >= on.low + FAULT_ROOM && place < rsp ? place : 0;
}

static vaddr_t place_own(const struct thread *t, vaddr_t rsp)
{
	return frame_place((struct thread_stack){ t->stack_low, t->stack_top }, rsp);
}

/* On the stack that it is on, if we know that: what it is diverted to may leave by a jump and come back later. */
static vaddr_t place_here(const struct thread *t, vaddr_t rsp)
{
	return thread_owns_stack(t, rsp) ? place_own(t, rsp) : frame_place(t->other, rsp);
}

/* For bringing memory: on its own stack, even if it has left that, for others may have little room. */
static vaddr_t place_roomy(const struct thread *t, vaddr_t rsp)
{
	vaddr_t place = place_own(t, thread_owns_stack(t, rsp) ? rsp : t->left_at);

	return place ? place : place_here(t, rsp);
}

const struct fault_share *fault_share;

/* What is there may be written to: a fault in the midst of that would be saved where we copy from. */
static bool shared_part(vaddr_t at) { return !fault_share || !fault_share->holds(at) || fault_share->within(at); }

/* Puts what is saved in that area into a frame; NULL: it has no place. */
static struct thread_saved *frame_save(const struct thread *t, vaddr_t place, unsigned area)
{
	struct dispatcher_page *page = dispatcher_page();
	struct thread_saved *f = (struct thread_saved *)place;

	if (!f || !shared_part(place) || !shared_part((vaddr_t)f->fpu + page->fpu_bytes))
		return NULL;
	f->regs = page->save[area];
	f->fs = page->save_fs[area];
	f->left_at = t->left_at;
	f->other = t->other;
	context_copy(f->fpu, area == SAVE_FAULT ? page->fpu_fault : page->fpu, page->fpu_bytes);
	return f;
}

void thread_divert(struct thread *t, unsigned area, const struct thread_stack *on, void (*fn)(struct thread_saved *s))
{
	vaddr_t rsp = dispatcher_page()->save[area].rsp;
	struct thread_saved *f = frame_save(t, on ? frame_place(*on, on->top) : place_here(t, rsp), area);

	if (!f)
		return;
	if (on)
		thread_stack_change(t, rsp, on->top, *on);
	f->fn = fn;
	context_set_thread_pointer(t);
	context_call(divert_serve, f, (vaddr_t)f);
}

void thread_divert_fault(struct thread *t, const struct fault_info *info, void (*mend)(struct thread_saved *s))
{
	struct thread_saved *f = frame_save(t, place_roomy(t, info->rsp), SAVE_FAULT);

	if (!f)
		return;
	f->fn = mend;
	f->fault = *info;
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

void fault_within_begin(vaddr_t stack)
{
	dispatcher_page()->within_stack = stack;
	dispatcher_page()->upcall_within = (uint64_t)upcall_within;
}

static bool writes_present(uint64_t error) { return error & PF_PRESENT && error & PF_WRITE; }

/* Of code in disabled mode, which goes on there. */
void dispatcher_within(vaddr_t address, uint64_t error)
{
	if (!writes_present(error) || !fault_share->within(address))
		report(PF_VECTOR, error, address, &dispatcher_page()->save[SAVE_FAULT]);
	dispatcher_page()->upcall_within = (uint64_t)upcall_within;
	sys_resume(RESUME_DISABLED);
}

void dispatcher_fault(vaddr_t address, uint64_t error)
{
	bool shared = fault_share && writes_present(error) && fault_share->holds(address);
	struct thread *t = thread_current();
	struct thread_saved *f;

	if (!shared && ((error & PF_PRESENT) || !heap_holds(address)))
		give_up(PF_VECTOR, error, address);
	f = t ? frame_save(t, place_roomy(t, dispatcher_page()->save[SAVE_FAULT].rsp), SAVE_FAULT) : NULL;
	if (!f)
		give_up(PF_VECTOR, error, address);
	f->fault.address = address;
	f->fault.error = shared ? error : 0;
	context_set_thread_pointer(t);
	context_call(fault_serve, f, (vaddr_t)f);
}

void dispatcher_trap(uint64_t vector, uint64_t error) { give_up(vector, error, 0); }
