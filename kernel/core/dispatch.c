/*
 * A dispatcher's life: set up, run, stop, watch, its end.
 *
 * It holds copies of the capabilities that it lives on (root cnode, page table
 * root, frame) in its control block.  They are in the derivation tree like any
 * other, so revoking the objects finds them: then the dispatcher stops for good
 * (dispatcher_cap_lost).  It is set up once in its life.
 */
#include "dispatch.h"
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"

#define FRAME_RIGHTS (RIGHT_READ | RIGHT_WRITE)

void dispatcher_halt(struct dispatcher *d, unsigned state)
{
	schedule_remove(d);
	d->state = state;
	d->resume_area = SAVE_ENABLED;
}

void dispatcher_pause(struct dispatcher *d, unsigned state)
{
	uint32_t area = d->resume_area;

	dispatcher_halt(d, state);
	d->resume_area = area;
}

/* No page any more: nothing that points into it may stay. */
static void dispatcher_page_drop(struct dispatcher *d)
{
	struct endpoint *e = (struct endpoint *)((char *)d + CAP_ENDPOINT_OFFSET);

	for (unsigned i = 0; i < CAP_ENDPOINTS; i++)
		e[i].ring = NULL;
	notification_unbind_all(d);
	d->page = NULL;
}

void dispatcher_cap_lost(struct cap *c)
{
	struct dispatcher *d = (struct dispatcher *)((uintptr_t)c & ~(uintptr_t)(CAP_ENDPOINT_OFFSET - 1));

	if (c == &d->watch_cap || !d->page)
		return;
	dispatcher_halt(d, DISP_STOPPED);
	dispatcher_page_drop(d);
}

void dispatcher_destroy(paddr_t base)
{
	struct dispatcher *d = arch_window(base);

	dispatcher_halt(d, DISP_STOPPED);
	if (d->page)
		dispatcher_page_drop(d);
}

static err_t setup_check(const struct dispatcher *d, const struct cap *cspace, const struct cap *vspace,
			 const struct cap *frame, vaddr_t va)
{
	if (!cspace || !vspace || !frame)
		return ERR_CAP_LOOKUP;
	if (cspace->type != CAP_CNODE || vspace->type != CAP_PTABLE4)
		return ERR_CAP_TYPE;
	if ((cspace->flags | vspace->flags | frame->flags) & (CAP_FLAG_FOREIGN | CAP_FLAG_CLEARING))
		return ERR_CAP_TYPE;
	/* Whoever runs in them can do all that a root cnode and an address space allow. */
	if ((cspace->rights & FRAME_RIGHTS) != FRAME_RIGHTS || (vspace->rights & FRAME_RIGHTS) != FRAME_RIGHTS)
		return ERR_CAP_RIGHTS;
	if (frame->type != CAP_FRAME || (frame->rights & FRAME_RIGHTS) != FRAME_RIGHTS ||
	    SIZE_OF_BITS(frame->bits) < DISPATCHER_PAGE_BYTES)
		return ERR_DISP_FRAME;
	if (va % PAGE_SIZE || va >= USER_END_VA || SIZE_OF_BITS(frame->bits) > USER_END_VA - va)
		return ERR_DISP_FRAME;
	if (d->state == DISP_RUNNABLE || d->state == DISP_WAITING)
		return ERR_DISP_STATE;
	return ERR_OK;
}

static err_t setup_copies(struct dispatcher *d, struct cap *cspace, struct cap *vspace, struct cap *frame)
{
	err_t err = cap_embed(&d->cspace, cspace);

	if (!err)
		err = cap_embed(&d->vspace_cap, vspace);
	if (!err)
		err = cap_embed(&d->frame_cap, frame);
	return err;
}

static void page_init(struct dispatcher *d)
{
	struct dispatcher_page *p = d->page;

	p->self = d->page_va;
	p->events = p->notify = p->messages = 0;
	p->disabled = 1;
	p->core = arch_start.info.core;
	p->tsc_hz = arch_tsc_hz();
	p->fpu_bytes = arch_fpu_bytes();
	p->fpu_mask = arch_fpu_mask();
}

err_t dispatcher_setup(struct dispatcher *d, struct cap *cspace, struct cap *vspace, struct cap *frame, vaddr_t va)
{
	err_t err = setup_check(d, cspace, vspace, frame, va);

	if (err)
		return err;
	if (d->cspace.type || d->vspace_cap.type || d->frame_cap.type)
		return ERR_DISP_STATE;
	err = setup_copies(d, cspace, vspace, frame);
	if (err)
		return err;
	d->page = arch_window(frame->base);
	d->page_va = va;
	d->cspace_slots = arch_window(cspace->base);
	d->cspace_count = SIZE_OF_BITS(cspace->bits - CAP_SLOT_BITS);
	d->frame_bytes = SIZE_OF_BITS(frame->bits);
	d->vspace = vspace->base;
	d->resume_area = SAVE_ENABLED;
	page_init(d);
	return ERR_OK;
}

static struct sys_result setup_invoke(struct dispatcher *d, cptr_t cspace, cptr_t vspace, cptr_t frame, vaddr_t va)
{
	struct cap *root = &current->cspace;

	return SYS_ERROR(
		dispatcher_setup(d, cap_lookup(root, cspace), cap_lookup(root, vspace), cap_lookup(root, frame), va));
}

err_t dispatcher_run(struct dispatcher *d)
{
	if (!d->page)
		return ERR_DISP_INCOMPLETE;
	if (d->state == DISP_RUNNABLE || d->state == DISP_WAITING)
		return ERR_DISP_STATE;
	schedule_add(d);
	return ERR_OK;
}

static err_t run_invoke(struct dispatcher *d, bool debugged)
{
	err_t err = dispatcher_run(d);

	if (!err)
		d->debugged = debugged;
	return err;
}

static err_t dispatcher_stop(struct dispatcher *d)
{
	if (d->state != DISP_RUNNABLE && d->state != DISP_WAITING)
		return ERR_DISP_STATE;
	dispatcher_pause(d, DISP_STOPPED);
	return ERR_OK;
}

static err_t dispatcher_watch(struct dispatcher *d, cptr_t notification)
{
	struct cap *c = cap_lookup(&current->cspace, notification);

	if (!c)
		return ERR_CAP_LOOKUP;
	if (c->type != CAP_NOTIFICATION)
		return ERR_CAP_TYPE;
	if (!(c->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	if (d->watch_cap.type)
		return ERR_DISP_STATE;
	return cap_embed(&d->watch_cap, c);
}

static err_t dispatcher_alarm(struct dispatcher *d, cycles_t deadline)
{
	if (d != current)
		return ERR_DISP_STATE;
	schedule_alarm(deadline);
	return ERR_OK;
}

static struct sys_result dispatcher_inspect(const struct dispatcher *d)
{
	struct regs *f = arch_frame();

	f->r8 = d->fault_rip;
	f->r9 = d->fault_address;
	f->r10 = d->cycles + (d == current ? arch_now() - d->since : 0);
	return SYS_OK(d->state | d->fault_vector << 8 | (uint64_t)d->resume_area << 16 | d->fault_error << 32);
}

/* --- memory, for a monitor ------------------------------------------------- */

static err_t memory_find(const struct cap *c, vaddr_t va, uint64_t **word, bool *writable)
{
	const struct dispatcher *d;

	if (!c)
		return ERR_CAP_LOOKUP;
	if (c->type != CAP_DISPATCHER)
		return ERR_CAP_TYPE;
	if (c->flags & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	if (va % sizeof **word || va >= USER_END_VA)
		return ERR_ARGUMENT;
	d = arch_window(c->base);
	*word = d->page ? arch_user_memory(d->vspace, va, writable) : NULL;
	return *word ? ERR_OK : ERR_MAP_UNMAPPED;
}

struct sys_result dispatcher_peek(const struct cap *c, vaddr_t va)
{
	bool writable = false;
	uint64_t *word;
	err_t err = memory_find(c, va, &word, &writable);

	if (err)
		return SYS_ERROR(err);
	arch_frame()->r8 = arch_window_paddr(word) | (writable ? MAP_WRITE : 0);
	return SYS_OK(*word);
}

err_t dispatcher_poke(const struct cap *c, vaddr_t va, uint64_t word)
{
	bool writable;
	uint64_t *at;
	err_t err = memory_find(c, va, &at, &writable);

	if (err)
		return err;
	*at = word;
	arch_user_mark(((struct dispatcher *)arch_window(c->base))->vspace, va);
	return ERR_OK;
}

/* Whole pages only: what is not the user's is not looked at. */
static struct sys_result dispatcher_written(const struct dispatcher *d, vaddr_t va, uint64_t pages)
{
	if (!d->page)
		return SYS_ERROR(ERR_DISP_INCOMPLETE);
	if (va % PAGE_SIZE || pages == 0 || pages > 64 || va >= USER_END_VA || pages > (USER_END_VA - va) >> PAGE_BITS)
		return SYS_ERROR(ERR_ARGUMENT);
	return SYS_OK(arch_user_written(d->vspace, va, (unsigned)pages));
}

/* --- invocations ------------------------------------------------------------- */

struct sys_result dispatcher_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct dispatcher *d = arch_window(c->base);

	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	if ((op & 0xff) == CAP_OP_DISP_INSPECT)
		return c->rights & RIGHT_READ ? dispatcher_inspect(d) : SYS_ERROR(ERR_CAP_RIGHTS);
	if ((op & 0xff) == CAP_OP_DISP_WRITTEN)
		return c->rights & RIGHT_READ ? dispatcher_written(d, a0, a1) : SYS_ERROR(ERR_CAP_RIGHTS);
	if (!(c->rights & RIGHT_WRITE))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	switch (op & 0xff) {
	case CAP_OP_DISP_SETUP:
		return setup_invoke(d, a0, a1, a2, a3);
	case CAP_OP_DISP_RUN:
		return SYS_ERROR(run_invoke(d, op >> 8 & 1));
	case CAP_OP_DISP_STOP:
		return SYS_ERROR(dispatcher_stop(d));
	case CAP_OP_DISP_WATCH:
		return SYS_ERROR(dispatcher_watch(d, a0));
	case CAP_OP_DISP_ALARM:
		return SYS_ERROR(dispatcher_alarm(d, a0));
	default:
		return SYS_ERROR(ERR_CAP_OP);
	}
}
