/*
 * The metal fabric: opening and accepting through the monitor, blocking, waking.
 *
 * All URPC channels of a process share one notification; its signal wakes every
 * wait set, and each looks at its own channels.  The list of sets is changed in
 * disabled mode, because handlers walk it there.
 */
#include "libos/fabric/metal.h"

#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/x86/context.h"

#include <stdlib.h>

#define STASHED 64 /* connections of other services that came while one was asked for */

static const struct fabric_ops metal_ops;

static struct {
	struct fabric fabric;
	struct mutex lock; /* of what follows up to stashed, and of making the fabric */
	bool made;
	struct mon_incoming stash[STASHED];
	unsigned stashed;
	uint32_t news; /* the monitor may have a connection that is not in the stash */
	cptr_t notification;
	struct wait_set *sets;
} metal = { .lock = MUTEX_INIT };

/* --- waking; handlers run in disabled mode ------------------------------------------ */

void metal_wake(struct wait_set *w)
{
	struct thread_queue *q = w->waiter;

	w->woken = 1;
	/* Who waits does so on this core: nobody comes to the queue meanwhile. */
	while (q->head)
		thread_wake(q);
}

void metal_wake_all(void *arg)
{
	(void)arg;
	for (struct wait_set *w = metal.sets; w; w = w->next)
		metal_wake(w);
}

static void incoming_handler(void)
{
	mem_store32(&metal.news, 1);
	metal_wake_all(NULL);
}

static err_t metal_set_open(struct wait_set *w)
{
	w->waiter = calloc(1, sizeof(struct thread_queue));
	if (!w->waiter)
		return ERR_NO_MEMORY;
	dispatcher_disable();
	w->next = metal.sets;
	metal.sets = w;
	dispatcher_enable();
	return ERR_OK;
}

static void metal_set_close(struct wait_set *w)
{
	struct wait_set **at = &metal.sets;

	dispatcher_disable();
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	dispatcher_enable();
	free(w->waiter);
}

static void metal_block(struct wait_set *w, cycles_t deadline)
{
	bool in_time = true;

	dispatcher_disable();
	while (!w->woken && in_time)
		in_time = thread_block(w->waiter, deadline);
	w->woken = 0;
	dispatcher_enable();
}

/* Whatever keeps it from being sent is seen by the one who then sends it as ever. */
static bool metal_part(struct wait_set *w, struct channel *c, const struct urpc_message *m)
{
	const struct metal_link *link = c->link;
	err_t err = ERR_AGAIN;

	memory_touch(m);
	memory_touch((const char *)(m + 1) - 1);
	dispatcher_disable();
	if (!w->woken && !mem_load32(&c->closed)) {
		wait_lock(w->waiter);
		err = wait_in_sending(w->waiter, link->peer, URPC_WORDS, m->word);
	}
	if (!err)
		w->woken = 0;
	dispatcher_enable();
	return !err;
}

static bool metal_parts(struct fabric *f)
{
	(void)f;
	return thread_is_alone();
}

static void metal_wake_set(struct wait_set *w)
{
	dispatcher_disable();
	metal_wake(w);
	dispatcher_enable();
}

static cycles_t metal_now(struct fabric *f)
{
	(void)f;
	return context_now();
}

static void metal_relax(struct fabric *f)
{
	(void)f;
	if (thread_others())
		thread_yield();
	else
		cpu_pause();
}

/* By name, or where that is NULL by address. */
static err_t metal_connect(const char *name, const struct mon_address *at, const struct channel_options *o,
			   struct channel *c)
{
	struct metal_link *link;
	struct mon_binding b;
	struct mon_offer offer;
	err_t err = metal_link_make(&link, metal.notification, &offer);

	if (err)
		return err;
	offer.frame_bits = o->bulk_bits < URPC_FRAME_BITS ? URPC_FRAME_BITS : o->bulk_bits;
	offer.frame_bits += o->bulk_bits != 0;
	offer.shared_bits = o->bulk_bits;
	err = metal_link_offer_hints(link, &offer);
	if (!err)
		err = name ? mon_connect(name, &offer, &b) : mon_connect_at(at, &offer, &b);
	if (err) {
		metal_link_drop(link);
		return err;
	}
	return metal_link_attach(c, link, &b);
}

static err_t metal_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c)
{
	(void)f;
	return metal_connect(name, NULL, o, c);
}

static err_t metal_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o,
			   struct channel *c)
{
	struct mon_address address = { .pid = at->pid, .service = at->service, .secret = at->secret };

	(void)f;
	if (o->carried)
		return metal_mail_open(at, o->carried, c);
	return metal_connect(NULL, &address, o, c);
}

static err_t metal_lookup(struct fabric *f, const char *name, struct mailbox *out)
{
	struct mon_address at;
	err_t err = mon_lookup(name, &at);

	(void)f;
	if (!err)
		*out = (struct mailbox){ .pid = at.pid, .service = at.service, .secret = at.secret };
	return err;
}

/* --- services --------------------------------------------------------------------------------- */

static err_t metal_export(struct fabric *f, const char *name, unsigned flags, struct service *s)
{
	struct mon_address at = { .service = s->id };
	unsigned further = s->mailbox.pid ? MON_EXPORT_FURTHER : 0;
	err_t err = mon_export_as(name, further | (flags & SERVICE_SHARED ? MON_EXPORT_SHARED : 0), &at);

	(void)f;
	if (err)
		return err;
	s->id = at.service;
	s->mailbox = (struct mailbox){ .pid = at.pid, .service = at.service, .secret = at.secret };
	return ERR_OK;
}

/* Takes all that the monitor has for us, whichever service it is for. Under the lock. */
static void stash_fill(void)
{
	if (!mem_swap32(&metal.news, 0))
		return;
	while (metal.stashed < STASHED && !mon_incoming(&metal.stash[metal.stashed], false))
		metal.stashed++;
	if (metal.stashed == STASHED)
		mem_store32(&metal.news, 1);
}

/* It is for that service, and nothing that its opener has mailed there has to be received before. */
static bool stash_is(unsigned i, uint32_t service)
{
	return metal.stash[i].service == service && !metal_mail_waits(service, metal.stash[i].peer);
}

static bool metal_incoming(struct service *s)
{
	bool found = false;

	if (metal_mail_incoming(s->id))
		return true;
	if (!metal.stashed && !mem_load32(&metal.news))
		return false;
	mutex_lock(&metal.lock);
	stash_fill();
	for (unsigned i = 0; i < metal.stashed && !found; i++)
		found = stash_is(i, s->id);
	mutex_unlock(&metal.lock);
	return found;
}

static bool stash_take(uint32_t service, struct mon_incoming *out)
{
	bool found = false;

	mutex_lock(&metal.lock);
	stash_fill();
	for (unsigned i = 0; i < metal.stashed && !found; i++) {
		found = stash_is(i, service);
		if (!found)
			continue;
		*out = metal.stash[i];
		metal.stashed--;
		for (unsigned j = i; j < metal.stashed; j++)
			metal.stash[j] = metal.stash[j + 1];
	}
	mutex_unlock(&metal.lock);
	return found;
}

static err_t metal_accept(struct service *s, const struct channel_options *o, struct channel *c)
{
	struct mon_incoming incoming;
	struct metal_link *link;
	struct mon_binding b;
	struct mon_offer offer;
	err_t err;

	if (metal_mail_incoming(s->id))
		return metal_mail_accept(s->id, c);
	if (!stash_take(s->id, &incoming))
		return ERR_AGAIN;
	err = metal_link_make(&link, metal.notification, &offer);
	if (err) {
		mon_reject(incoming.channel, err);
		return err;
	}
	if (o->board && o->board->fabric == s->fabric) {
		offer.board = (uint32_t)o->board->number;
		offer.hint = o->board->numbers % HINT_BYTES;
	}
	err = mon_accept(incoming.channel, &offer, &b);
	if (err) {
		metal_link_drop(link);
		return err;
	}
	if (b.hint)
		wait_board_number(o->board, c);
	return metal_link_attach(c, link, &b);
}

/* --- a process on several cores: its capabilities and handlers are this one's -------------------- */

static uint32_t metal_enter(struct fabric *f) { return thread_has_cpus() ? thread_visit(f->core) : CORES_MAX; }

static void metal_leave(struct fabric *f, uint32_t back)
{
	(void)f;
	if (back != CORES_MAX)
		thread_return(back);
}

/* --- start ------------------------------------------------------------------------------------ */

static const struct fabric_ops metal_ops = {
	.open = metal_open,
	.open_at = metal_open_at,
	.lookup = metal_lookup,
	.export = metal_export,
	.accept = metal_accept,
	.incoming = metal_incoming,
	.notify = metal_notify,
	.now = metal_now,
	.relax = metal_relax,
	.set_open = metal_set_open,
	.set_close = metal_set_close,
	.board_open = metal_board_open,
	.board_close = metal_board_close,
	.enter = metal_enter,
	.leave = metal_leave,
	.block = metal_block,
	.wake = metal_wake_set,
	.part = metal_part,
	.parts = metal_parts,
};

#define WAKE_ROUNDS 8
#define LOOK_ROUNDS 64

/* Cycles from a signal of our own notification till the thread that waits for it goes on: the least of several. */
static cycles_t wake_cost(struct wait_set *w)
{
	cycles_t least = UINT64_MAX;

	for (unsigned i = 0; i < WAKE_ROUNDS; i++) {
		cycles_t start = context_now();

		if (ntfn_signal(metal.notification))
			return 0;
		metal_block(w, 0);
		if (context_now() - start < least)
			least = context_now() - start;
	}
	return least;
}

static cycles_t look_cost(void)
{
	static struct urpc_inbox frame[2];
	struct channel c = { .ops = &metal_channel_ops };
	cycles_t start;

	urpc_init(&c.urpc, frame, sizeof(frame), 0);
	start = context_now();
	for (unsigned i = 0; i < LOOK_ROUNDS; i++) {
		c.ops->ready(&c);
		cpu_pause();
	}
	return (context_now() - start) / LOOK_ROUNDS + 1;
}

/* A wake-up costs both sides: the signal is measured here, the halt and the interrupt cost about as much again. */
static err_t looks_measure(void)
{
	struct wait_set w;
	err_t err = wait_set_init(&w, &metal.fabric);

	if (err)
		return err;
	metal.fabric.looks = (uint32_t)(2 * wake_cost(&w) / look_cost()) + 1;
	wait_set_destroy(&w);
	return ERR_OK;
}

static err_t metal_make(void)
{
	err_t err = notification_create(metal_wake_all, NULL, &metal.notification, NULL);

	if (err)
		return err;
	metal.fabric.ops = &metal_ops;
	metal.fabric.core = cpu_current();
	err = looks_measure();
	if (err)
		return err;
	mem_store32(&metal.news, 1);
	mon_set_closed_handler(metal_link_closed);
	mon_set_incoming_handler(incoming_handler);
	mon_set_mail_handlers(metal_mail_arrived, metal_mail_gone);
	metal.made = true;
	return ERR_OK;
}

err_t fabric_here(struct fabric **out) { return fabric_metal(out); }

err_t fabric_metal(struct fabric **out)
{
	err_t err = ERR_OK;

	/* Making it takes memory of the heap, which may want us for more (libos/posix/pager.c). */
	if (mutex_held(&metal.lock))
		return ERR_AGAIN;
	thread_pin();
	mutex_lock(&metal.lock);
	if (!metal.made)
		err = metal_make();
	mutex_unlock(&metal.lock);
	thread_unpin();
	*out = &metal.fabric;
	return err;
}
