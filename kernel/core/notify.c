/*
 * Notifications: one bit in a dispatcher's page, set by whoever holds a capability.
 *
 * The object holds no capability to its dispatcher; the dispatcher has the list
 * of what is bound to it, and unbinds it when it goes.  For other cores a
 * notification has a number in this core's table; a foreign capability holds
 * core and number instead of an object (doorbell.c).
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"
#include "handover.h"

#define NUMBERS HANDOVER_NUMBERS /* exported notifications of a core */
#define BOUND_MAX 256            /* notifications of a dispatcher: bounds the work of its end */
#define BITS 64

/* By number: the object, and which numbers are taken. */
static struct notification *exported[NUMBERS];
static unsigned exported_next;
/* The monitor's, by which it hears of shared objects that no one else here uses. */
static struct notification *watcher;

static struct notification *notification_of(const struct cap *c) { return arch_window(c->base); }

void notification_raise(struct notification *n)
{
	if (!n || !n->dispatcher)
		return;
	n->dispatcher->page->notify |= n->mask;
	dispatcher_post(n->dispatcher, EVENT_NOTIFY);
}

err_t notification_signal(const struct cap *c)
{
	if (c->flags & CAP_FLAG_FOREIGN)
		return doorbell_ring((coreid_t)(c->badge >> 32), (uint32_t)c->badge);
	notification_raise(notification_of(c));
	return ERR_OK;
}

struct notification *notification_of_number(uint64_t number) { return number < NUMBERS ? exported[number] : NULL; }

static void notification_unbind(struct notification *n)
{
	struct dispatcher *d = n->dispatcher;

	if (!d)
		return;
	if (n->prev)
		n->prev->next = n->next;
	else
		d->bound = n->next;
	if (n->next)
		n->next->prev = n->prev;
	d->bound_count--;
	n->dispatcher = NULL;
}

void notification_unbind_all(struct dispatcher *d)
{
	while (d->bound)
		notification_unbind(d->bound);
}

err_t notification_watch(const struct cap *c)
{
	if (c->type != CAP_NOTIFICATION)
		return ERR_CAP_TYPE;
	if (c->flags & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	if (!(c->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	watcher = notification_of(c);
	return ERR_OK;
}

void notification_watch_raise(void) { notification_raise(watcher); }

void notification_destroy(paddr_t base)
{
	struct notification *n = arch_window(base);

	if (n == watcher)
		watcher = NULL;
	notification_unbind(n);
	if (n->irqs)
		irq_unbind(n);
	if (n->number)
		exported[n->number - 1] = NULL;
	n->number = 0;
}

static struct sys_result notification_bind(struct notification *n, cptr_t to, uint64_t bit)
{
	struct cap *c = cap_lookup(&current->cspace, to);
	struct dispatcher *d;

	if (!c)
		return SYS_ERROR(ERR_CAP_LOOKUP);
	if (c->type != CAP_DISPATCHER)
		return SYS_ERROR(ERR_CAP_TYPE);
	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	if (!(c->rights & RIGHT_WRITE))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	if (bit >= BITS)
		return SYS_ERROR(ERR_ARGUMENT);
	d = arch_window(c->base);
	if (!d->page)
		return SYS_ERROR(ERR_DISP_INCOMPLETE);
	if (d->bound_count == BOUND_MAX)
		return SYS_ERROR(ERR_NTFN_EXHAUSTED);
	/* Nothing fails from here on. */
	notification_unbind(n);
	n->dispatcher = d;
	n->mask = UINT64_C(1) << bit;
	n->prev = NULL;
	n->next = d->bound;
	if (n->next)
		n->next->prev = n;
	d->bound = n;
	d->bound_count++;
	return SYS_OK(0);
}

/* Numbers go round, so that a late signal for one that is gone meets no one for long. */
static struct sys_result notification_export(struct notification *n)
{
	for (unsigned i = 0; !n->number && i < NUMBERS; i++) {
		unsigned number = exported_next++ % NUMBERS;

		if (!exported[number]) {
			exported[number] = n;
			n->number = number + 1;
		}
	}
	return n->number ? SYS_OK(n->number - 1) : SYS_ERROR(ERR_NTFN_EXHAUSTED);
}

struct sys_result notification_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1)
{
	unsigned operation = op & 0xff;
	struct sys_result r;

	if (operation == CAP_OP_NTFN_SIGNAL) {
		if (!(c->rights & RIGHT_WRITE))
			return SYS_ERROR(ERR_CAP_RIGHTS);
		r = SYS_ERROR(notification_signal(c));
		return current_posted ? upcall_after(r) : r;
	}
	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	if (!(c->rights & RIGHT_READ))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	if (operation == CAP_OP_NTFN_BIND)
		return notification_bind(notification_of(c), a0, a1);
	if (operation == CAP_OP_NTFN_EXPORT)
		return notification_export(notification_of(c));
	return SYS_ERROR(ERR_CAP_OP);
}

void notify_hand_over(struct handover *h, bool take)
{
	HAND_OVER(take, h->exported, exported);
	HAND_OVER(take, h->exported_next, exported_next);
	HAND_OVER(take, h->watcher, watcher);
}
