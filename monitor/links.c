/*
 * Links: URPC channels between this monitor and others.
 *
 * Every monitor has one link to monitor 0 from its birth, the others come when
 * they are first needed (introduce.c).  All links of a monitor share one doorbell.
 * What a full ring does not take waits in a queue of its own, so nothing here
 * waits for a peer.  Sleeping follows libos/fabric/urpc.h: mark all rings, fence,
 * look once more.
 */
#include "monitor/links.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"

#include <string.h>

#define TURN_MAX 32 /* messages taken from one link before the next has its turn */

_Static_assert(URPC_WORDS == MON_WORDS, "a message is a line");

static struct link *links, *spare;
static struct link *by_core[CORES_MAX];
static uint64_t doorbell_number;

err_t links_init(event_handler *handler, void *arg)
{
	cptr_t doorbell;
	err_t err = notification_create(handler, arg, &doorbell, NULL);

	return err ? err : ntfn_export(doorbell, &doorbell_number);
}

uint64_t links_doorbell(void) { return doorbell_number; }

struct link *link_find(coreid_t peer) { return peer < CORES_MAX ? by_core[peer] : NULL; }

bool link_is_up(coreid_t peer)
{
	struct link *l = link_find(peer);

	return l && l->state == LINK_UP;
}

/* Records come from whole pages: most monitors have few links, the first has many. */
static err_t records_add(void)
{
	vaddr_t page;
	err_t err = frame_alloc_map(PAGE_BITS, NULL, &page);
	struct link *l = (struct link *)page;

	if (err)
		return err;
	for (size_t i = 0; i < PAGE_SIZE / sizeof *l; i++) {
		l[i].next = spare;
		spare = &l[i];
	}
	return ERR_OK;
}

err_t link_new(coreid_t peer, struct link **out)
{
	struct link *l;
	err_t err = spare ? ERR_OK : records_add();

	if (err)
		return err;
	l = spare;
	spare = l->next;
	*l = (struct link){ .next = links, .peer = peer, .state = LINK_CONNECTING };
	links = l;
	by_core[peer] = l;
	*out = l;
	return ERR_OK;
}

err_t link_attach(struct link *l, vaddr_t memory, size_t bytes, unsigned side)
{
	l->memory = memory;
	return urpc_init(&l->urpc, (void *)memory, bytes, side);
}

err_t link_first(coreid_t peer, void *memory, size_t bytes, unsigned side)
{
	struct urpc_message hello = { .word = { mon_header(MON_HELLO, 0, 0, 0), monitor.core, doorbell_number } };
	struct link *l;
	err_t err = link_new(peer, &l);

	if (!err)
		err = link_attach(l, (vaddr_t)memory, bytes, side);
	/* Side 0 says hello before the other core runs: that is its first message there. */
	if (!err && side == 0)
		urpc_send(&l->urpc, &hello);
	return err;
}

/* The end of an introduction by birth: now each knows how to wake the other. */
void link_hello(struct request *r)
{
	struct link *l = link_find(r->from.core);
	struct mon_message hello = { .header = mon_header(MON_HELLO, 0, 0, 0),
				     .word = { monitor.core, doorbell_number } };

	if (!l || l->state == LINK_UP || link_open(l, r->m.word[1]))
		return;
	if (monitor.core == 0)
		core_up(l->peer);
	else
		link_send(l->peer, &hello);
}

/* --- sending ------------------------------------------------------------------------ */

static bool ring_put(struct link *l, const struct mon_message *m)
{
	struct urpc_message line;

	memcpy(line.word, m, sizeof line.word);
	if (l->state != LINK_UP || !urpc_send(&l->urpc, &line))
		return false;
	monitor.messages++;
	l->unkicked = true;
	return true;
}

static void link_kick(struct link *l)
{
	if (!l->unkicked)
		return;
	l->unkicked = false;
	if (urpc_kick(&l->urpc))
		ntfn_signal(l->doorbell);
}

static bool queue_flush(struct link *l)
{
	bool moved = false;

	while (l->head && ring_put(l, &l->head->m)) {
		struct outgoing *o = l->head;

		l->head = o->next;
		outgoing_free(o);
		moved = true;
	}
	return moved;
}

err_t link_send(coreid_t peer, const struct mon_message *m)
{
	struct link *l = link_find(peer);
	struct outgoing *o;
	err_t err = core_is_missing(peer) ? ERR_CORE_TIMEOUT : ERR_OK;

	if (!err && !l)
		err = link_request(peer, &l);
	if (err)
		return err;
	if (!l->head && ring_put(l, m))
		return ERR_OK;
	o = outgoing_new(m, mon_flags(m->header) & MON_REPLY);
	if (!o)
		return ERR_AGAIN;
	if (l->head)
		l->tail->next = o;
	else
		l->head = o;
	l->tail = o;
	return ERR_OK;
}

void links_send_others(coreid_t but, const struct mon_message *m)
{
	for (struct link *l = links; l; l = l->next)
		if (l->state == LINK_UP && l->peer != but)
			link_send(l->peer, m);
}

err_t link_open(struct link *l, uint64_t number)
{
	struct cap_info info = { .type = CAP_NOTIFICATION,
				 .rights = RIGHT_WRITE,
				 .bits = CAP_NOTIFICATION_BITS,
				 .badge = (uint64_t)l->peer << 32 | (uint32_t)number };
	err_t err = slot_alloc(&l->doorbell);

	if (!err)
		err = kernel_forge(TASK_KERNEL, &info, l->doorbell);
	if (err)
		return err;
	l->state = LINK_UP;
	queue_flush(l);
	return ERR_OK;
}

void link_fail(struct link *l, err_t err)
{
	struct link **at = &links;
	coreid_t peer = l->peer;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	by_core[peer] = NULL;
	while (l->head) {
		struct outgoing *o = l->head;

		l->head = o->next;
		outgoing_free(o);
	}
	l->next = spare;
	spare = l;
	pending_fail(&monitor.pendings, peer, err);
}

/* --- receiving ------------------------------------------------------------------------- */

static bool link_poll(struct link *l)
{
	struct urpc_message line;
	unsigned n = 0;

	/* Before its messages are handled: answers go to nobody who is missing. */
	if (core_is_missing(l->peer) && urpc_poll(&l->urpc))
		core_up(l->peer);
	while (n < TURN_MAX && urpc_receive(&l->urpc, &line)) {
		struct mon_message m;

		memcpy(&m, line.word, sizeof m);
		request_handle((struct origin){ .core = l->peer }, &m);
		n++;
	}
	if (n && l->doorbell && urpc_peer_starved(&l->urpc))
		ntfn_signal(l->doorbell);
	return n != 0;
}

/* A link that is not up yet may have a ring: the peer's hello is in it. */
static bool link_has_ring(const struct link *l) { return l->memory && (l->state == LINK_UP || l->frame == 0); }

bool links_poll(void)
{
	bool busy = false;

	/* A handler may add links, in front, but not remove one with a ring. */
	for (struct link *l = links; l; l = l->next) {
		if (!link_has_ring(l))
			continue;
		if (link_poll(l))
			busy = true;
		if (queue_flush(l))
			busy = true;
	}
	for (struct link *l = links; l; l = l->next)
		link_kick(l);
	return busy;
}

void links_wake(void)
{
	for (struct link *l = links; l; l = l->next) {
		if (!link_has_ring(l))
			continue;
		urpc_sleep_cancel(&l->urpc);
		if (l->head)
			urpc_starve_cancel(&l->urpc);
	}
}

bool links_sleep(void)
{
	bool quiet = true;

	for (struct link *l = links; l; l = l->next) {
		if (!link_has_ring(l))
			continue;
		urpc_sleep_mark(&l->urpc);
		if (l->head)
			urpc_starve_mark(&l->urpc);
	}
	mem_fence(); /* pairs with those in urpc_kick and urpc_peer_starved of the peers */
	for (struct link *l = links; l && quiet; l = l->next)
		quiet = !link_has_ring(l) || (!urpc_poll(&l->urpc) && !(l->head && urpc_can_send(&l->urpc)));
	if (!quiet)
		links_wake();
	return quiet;
}
