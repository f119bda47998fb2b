/*
 * LMP: messages between dispatchers of one core, and the capabilities that travel along.
 *
 * The fast path is for a receiver that waits: the words stay in the registers,
 * the receiver's space is loaded, and it goes on at its message upcall with the
 * rest of the sender's slice.  Otherwise the message goes to the endpoint's ring
 * in the receiver's dispatcher frame.  A ring that is not empty is never overtaken.
 * The ring is the receiver's memory: its consumed count only decides whether
 * there is room, and a wrong one hurts nobody but its owner.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"
#include "mdb.h"

#define DISPATCHER_BYTES (UINT64_C(1) << CAP_DISPATCHER_BITS)
#define HEADER_DELIVERED (0xf | LMP_CAP) /* bits of the sender's header that the receiver sees */

static struct dispatcher *endpoint_dispatcher(struct endpoint *e)
{
	return (struct dispatcher *)((uintptr_t)e & ~(DISPATCHER_BYTES - 1));
}

static unsigned endpoint_index(const struct endpoint *e)
{
	return ((uintptr_t)e - CAP_ENDPOINT_OFFSET) / sizeof *e % CAP_ENDPOINTS;
}

static uint32_t ring_used(const struct endpoint *e) { return e->produced - *(volatile uint32_t *)&e->ring->consumed; }

static uint64_t header_delivered(const struct endpoint *e, uint64_t header)
{
	return (header & HEADER_DELIVERED) | endpoint_index(e) << LMP_ENDPOINT_SHIFT;
}

/* Copies the sender's capability into the receive slot; with LMP_GIVE it leaves the sender. */
static err_t capability_transfer(struct dispatcher *d, struct endpoint *e, const struct cap *through, uint64_t header)
{
	struct cap *from = cap_lookup(&current->cspace, arch_frame()->rbx);
	struct cap *to = e->receive_slot ? cap_lookup_slot(&d->cspace, e->receive_slot) : NULL;

	if (!from)
		return ERR_CAP_LOOKUP;
	if (!(through->rights & RIGHT_GRANT) || !(from->rights & RIGHT_GRANT))
		return ERR_CAP_RIGHTS;
	if (!to || !cap_empty(to))
		return ERR_EP_NO_SLOT;
	if (!(header & LMP_GIVE))
		return cap_copy(to, from, RIGHT_ALL);
	if (!cap_lookup_slot(&current->cspace, arch_frame()->rbx))
		return ERR_CAP_RIGHTS;
	cap_move(to, from);
	return ERR_OK;
}

/* Registers to the message upcall of d; the words are there already. Switches. */
static void __attribute__((noreturn))
message_direct(struct dispatcher *d, struct endpoint *e, uint64_t badge, uint64_t header)
{
	struct regs *f = arch_frame();

	schedule_direct(d, (header & LMP_WAIT) && !current->page->events);
	f->rip = d->page->upcall_message;
	f->rsp = d->page->upcall_stack;
	f->rflags = ARCH_USER_FLAGS;
	f->rdi = badge;
	f->rsi = header_delivered(e, header);
	f->rax = f->rbx = f->rbp = 0;
	d->page->disabled = 1;
	arch_user_fresh(d->page_va);
	arch_return(false);
}

static void message_store(struct dispatcher *d, struct endpoint *e, uint64_t badge, uint64_t header)
{
	const struct regs *f = arch_frame();
	struct lmp_message *m = &e->ring->slot[e->produced & e->mask];

	m->badge = badge;
	m->header = header_delivered(e, header);
	m->words[0] = f->rdx;
	m->words[1] = f->r10;
	m->words[2] = f->r8;
	m->words[3] = f->r9;
	m->words[4] = f->r12;
	m->words[5] = f->r13;
	m->words[6] = f->r14;
	m->words[7] = f->r15;
	e->ring->produced = ++e->produced;
	d->page->messages |= UINT64_C(1) << endpoint_index(e);
	dispatcher_post(d, EVENT_MESSAGE);
}

/* After a message that was stored: LMP_WAIT and LMP_YIELD let the receiver run first. Switches. */
static void __attribute__((noreturn)) message_give_way(struct dispatcher *d, uint64_t header)
{
	if ((header & LMP_WAIT) && !current->page->events)
		schedule_sleep(0);
	if (d->state == DISP_RUNNABLE && d != current)
		schedule_add_next(d);
	schedule();
}

static err_t endpoint_refuse(const struct cap *c)
{
	if (!c)
		return ERR_CAP_LOOKUP;
	if (c->type != CAP_ENDPOINT)
		return ERR_CAP_TYPE;
	return c->flags & CAP_FLAG_FOREIGN ? ERR_CAP_REMOTE : ERR_CAP_RIGHTS;
}

struct sys_result sys_lmp_send(cptr_t endpoint, uint64_t header)
{
	struct cap *c = cap_lookup(&current->cspace, endpoint);
	struct endpoint *e;
	struct dispatcher *d;
	uint64_t badge;

	if (!c || c->type != CAP_ENDPOINT || !(c->rights & RIGHT_WRITE) || c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(endpoint_refuse(c));
	e = arch_window(c->base);
	d = endpoint_dispatcher(e);
	badge = c->badge;
	if (LMP_LENGTH(header) > LMP_WORDS)
		return SYS_ERROR(ERR_ARGUMENT);
	if (!e->ring || !d->page)
		return SYS_ERROR(ERR_EP_UNBOUND);
	if (ring_used(e) > e->mask)
		return SYS_ERROR(ERR_EP_FULL);
	if (header & LMP_CAP) {
		err_t err = capability_transfer(d, e, c, header);

		if (err)
			return SYS_ERROR(err);
	}
	/* Nothing fails from here on. */
	kernel_count[STAT_SYSCALLS_LMP]++;
	if (d->state == DISP_WAITING && (header & (LMP_WAIT | LMP_YIELD)) && ring_used(e) == 0)
		message_direct(d, e, badge, header);
	message_store(d, e, badge, header);
	if (header & (LMP_WAIT | LMP_YIELD))
		message_give_way(d, header);
	return current_posted ? upcall_after(SYS_OK(0)) : SYS_OK(0);
}

static struct sys_result endpoint_bind(struct endpoint *e, uint64_t offset, uint64_t messages, cptr_t receive)
{
	struct dispatcher *d = endpoint_dispatcher(e);
	uint64_t bytes = sizeof(struct lmp_ring) + messages * sizeof(struct lmp_message);

	if (!d->page)
		return SYS_ERROR(ERR_DISP_INCOMPLETE);
	if (messages == 0 || messages > d->frame_bytes || (messages & (messages - 1)) || offset % CACHE_LINE ||
	    offset < DISPATCHER_PAGE_BYTES || bytes > d->frame_bytes || offset > d->frame_bytes - bytes)
		return SYS_ERROR(ERR_EP_RANGE);
	e->ring = (struct lmp_ring *)((char *)d->page + offset);
	e->mask = (uint32_t)messages - 1;
	e->produced = 0;
	e->receive_slot = receive;
	e->ring->produced = 0;
	e->ring->consumed = 0;
	return SYS_OK(0);
}

struct sys_result endpoint_invoke(struct cap *c, uint64_t op, uint64_t offset, uint64_t messages, cptr_t receive)
{
	if ((op & 0xff) != CAP_OP_EP_BIND)
		return SYS_ERROR(ERR_CAP_OP);
	if (c->rights != RIGHT_ALL || (c->flags & CAP_FLAG_FOREIGN))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	/* An endpoint may outlive its dispatcher: what lies below it then may be a user's memory. */
	if (!mdb_find(c->base & -DISPATCHER_BYTES, CAP_DISPATCHER_BITS, CAP_DISPATCHER))
		return SYS_ERROR(ERR_DISP_INCOMPLETE);
	return endpoint_bind(arch_window(c->base), offset, messages, receive);
}

void endpoint_destroy(paddr_t base)
{
	struct endpoint *e = arch_window(base);

	e->ring = NULL;
}
