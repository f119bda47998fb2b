/*
 * Between a dispatcher's registers and its page: saving, upcalls, resuming.
 *
 * The user shares the page and may change it at any time, from other cores too:
 * each word is read once, into the frame, and made harmless there.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "dispatch.h"

bool current_posted;

void dispatcher_post(struct dispatcher *d, uint64_t events)
{
	d->page->events |= events;
	if (d->state == DISP_WAITING)
		schedule_add(d);
	else if (d == current)
		current_posted = true;
}

static void regs_save(enum save_area area, void *fpu)
{
	struct dispatcher_page *p = current->page;

	p->save[area] = *arch_frame();
	p->save[area].vector = p->save[area].error = 0;
	p->save_fs[area] = arch_get_fs();
	arch_fpu_save(fpu);
}

void dispatcher_save(void)
{
	struct dispatcher_page *p = current->page;

	current->resume_area = p->disabled ? SAVE_DISABLED : SAVE_ENABLED;
	if (current->resume_area == SAVE_DISABLED)
		regs_save(SAVE_DISABLED, current->fpu_disabled);
	else
		regs_save(SAVE_ENABLED, p->fpu);
}

static void regs_load(enum save_area area, const void *fpu)
{
	struct dispatcher_page *p = current->page;
	vaddr_t fs = *(volatile uint64_t *)&p->save_fs[area];

	*arch_frame() = p->save[area];
	arch_regs_sanitise(arch_frame());
	arch_set_fs(fs < USER_END_VA ? fs : 0);
	arch_set_gs(current->page_va);
	arch_fpu_load(fpu);
}

/* Nothing of who ran before is left in the registers; the way out makes the entry's address harmless. */
static void __attribute__((noreturn)) upcall_on(vaddr_t stack, vaddr_t entry, uint64_t a, uint64_t b)
{
	current->page->disabled = 1;
	arch_user_fresh(current->page_va);
	arch_upcall(entry, stack, a, b);
}

static void __attribute__((noreturn)) upcall(vaddr_t entry, uint64_t a, uint64_t b)
{
	upcall_on(current->page->upcall_stack, entry, a, b);
}

void dispatcher_continue(void)
{
	struct dispatcher_page *p = current->page;

	if (current->resume_area == SAVE_DISABLED) {
		current->resume_area = SAVE_ENABLED;
		regs_load(SAVE_DISABLED, current->fpu_disabled);
		arch_return(true);
	}
	upcall(p->upcall_run, p->events, 0);
}

struct sys_result upcall_after(struct sys_result r)
{
	current_posted = false;
	if (!current->page->disabled) {
		arch_frame()->rax = (uint64_t)r.err;
		arch_frame()->rdx = r.value;
		dispatcher_save();
		dispatcher_continue();
	}
	return r;
}

struct sys_result sys_resume(uint64_t area)
{
	struct dispatcher_page *p = current->page;

	if (area == SAVE_ENABLED)
		regs_load(SAVE_ENABLED, p->fpu);
	else if (area == SAVE_FAULT || area == RESUME_DISABLED)
		regs_load(SAVE_FAULT, p->fpu_fault);
	else
		return SYS_ERROR(ERR_ARGUMENT);
	if (area == RESUME_DISABLED)
		arch_return(true);
	p->disabled = 0;
	/* An event that came since the libOS last looked interrupts at once. */
	if (p->events) {
		dispatcher_save();
		dispatcher_continue();
	}
	arch_return(true);
}

/* No one can help, or somebody wants to look: what there was is saved. Stop it and tell who watches. */
static void __attribute__((noreturn)) dispatcher_fault(unsigned vector, uint64_t error, vaddr_t address)
{
	struct dispatcher *d = current;

	d->fault_vector = vector;
	d->fault_error = error;
	d->fault_rip = arch_frame()->rip;
	d->fault_address = address;
	dispatcher_save();
	dispatcher_pause(d, DISP_FAULTED);
	if (d->watch_cap.type == CAP_NOTIFICATION)
		notification_signal(&d->watch_cap);
	schedule();
}

void kernel_exception(unsigned vector, uint64_t error, vaddr_t address)
{
	struct dispatcher_page *p = current->page;
	bool fault = vector == ARCH_VECTOR_PAGE_FAULT;
	vaddr_t entry = fault ? p->upcall_fault : p->upcall_trap, within = 0;

	if (current->debugged && (vector == ARCH_VECTOR_DEBUG || vector == ARCH_VECTOR_BREAKPOINT))
		dispatcher_fault(vector, error, address);
	if (fault && p->disabled) {
		within = *(volatile uint64_t *)&p->upcall_within;
		p->upcall_within = 0;
	}
	if (!within && (p->disabled || entry == 0))
		dispatcher_fault(vector, error, address);
	regs_save(SAVE_FAULT, p->fpu_fault);
	if (within)
		upcall_on(p->within_stack, within, address, error);
	upcall(entry, fault ? address : vector, error);
}
