/*
 * Links: URPC channels between this monitor and others.
 *
 * Every monitor has one link to monitor 0 from its birth, the others come when
 * they are first needed (introduce.c), and stay.  What a full ring does not take waits in a queue
 * of its own, so nothing here waits for a peer.
 *
 * However many links a monitor has, it polls one line, and says at one place that it sleeps: its board, a
 * page that all peers map.  A peer that has sent sets its byte of the board's hints,
 * fences, and looks whether the board's owner sleeps; the owner says that it sleeps, fences, and looks
 * at the hints: so not both miss the other.  A byte is cleared before its links
 * are looked at, with a fence between, so no message stays behind a cleared one.
 */
#include "monitor/caps/caps.h"
#include "monitor/links.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/agree/latency.h"
#include "monitor/agree/membership.h"
#include "monitor/broadcast.h"
#include "monitor/shared_frame.h"

#include <string.h>

#define TURN_MAX 32 /* messages taken from one link before the next has its turn */

_Static_assert(URPC_WORDS == MON_WORDS, "a message is a line");

static struct link *links, *spare;
static struct link *by_core[CORES_MAX];
static struct link *by_hint[HINT_BYTES]; /* chained */
static struct link *unkicked;            /* sent to since the last kick, chained */
static unsigned young;                   /* links with a ring whose peer has not said hello */
static unsigned clogged;                 /* links with a queue */
static struct link_board *board;
static paddr_t board_at;
static uint64_t doorbell_number;
static cptr_t doorbell;

static err_t own_board_make(void)
{
	vaddr_t va;
	cptr_t frame;
	err_t err = shared_frame_make_here(PAGE_BITS, &frame, &board_at, &va);

	if (!err)
		board = (struct link_board *)va;
	return err;
}

err_t links_init(event_handler *handler, void *arg)
{
	err_t err = notification_create(handler, arg, &doorbell, NULL);

	if (!err)
		err = ntfn_export(doorbell, &doorbell_number);
	return err ? err : own_board_make();
}

err_t links_ring_self(void) { return ntfn_signal(doorbell); }
uint64_t links_doorbell(void) { return doorbell_number; }
paddr_t links_board(void) { return board_at; }

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
	/* Of a link by introduction only the one that asked for it has a ring and no doorbell; nothing comes before. */
	if (!l->frame && !l->memory)
		young++;
	l->memory = memory;
	return urpc_init(&l->urpc, (void *)memory, bytes, side);
}

err_t link_first(coreid_t peer, void *memory, size_t bytes, unsigned side)
{
	struct urpc_message hello = { .word = { mon_header(MON_HELLO, 0, 0, 0), monitor.core, doorbell_number, 0,
						board_at } };
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
				     .word = { monitor.core, doorbell_number, 0, board_at } };

	if (!l || l->state == LINK_UP || link_open(l, r->m.word[1], r->m.word[3]))
		return;
	if (monitor.core == 0)
		core_up(l->peer);
	else
		link_send(l->peer, &hello);
}

/* --- sending ------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) bool ring_put(struct link *l, const struct mon_message *m)
{
	if (l->state != LINK_UP || !urpc_send_words(&l->urpc, (const uint64_t *)(const void *)m))
		return false;
	monitor.messages++;
	if (!l->unkicked) {
		l->unkicked = true;
		l->next_unkicked = unkicked;
		unkicked = l;
	}
	return true;
}

/* As urpc_kick, for all at once, by the peers' boards. */
static void links_kick(void)
{
	if (!unkicked)
		return;
	for (struct link *l = unkicked; l; l = l->next_unkicked) {
		l->urpc.acknowledged = mem_load32(&l->urpc.own->at.received);
		mem_store8(&l->board->hints.hint[monitor.core % HINT_BYTES], 1);
	}
	mem_fence(); /* pairs with that in links_sleep */
	for (struct link *l = unkicked; l; l = l->next_unkicked) {
		l->unkicked = false;
		/* Of several that find it asleep one need wake it. */
		if (mem_load32(&l->board->asleep) && mem_swap32(&l->board->asleep, 0))
			ntfn_signal(l->doorbell);
	}
	unkicked = NULL;
}

void link_rouse(coreid_t peer)
{
	struct link *l = link_find(peer);

	if (l && l->state == LINK_UP && mem_load32(&l->board->asleep) && mem_swap32(&l->board->asleep, 0))
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
		clogged -= !l->head;
	}
	return moved;
}

static void queue_drop(struct link *l)
{
	clogged -= l->head != NULL;
	while (l->head) {
		struct outgoing *o = l->head;

		l->head = o->next;
		outgoing_free(o);
	}
}

/* There is no link yet, or no room. */
static __attribute__((noinline)) err_t link_send_late(struct link *l, coreid_t peer, const struct mon_message *m)
{
	struct outgoing *o;
	err_t err;

	if (!l) {
		err = membership_gone(peer) ? ERR_CORE_TIMEOUT : link_request(peer, &l);
		if (err)
			return err;
	}
	if (l->state != LINK_UP && core_is_missing(peer))
		return ERR_CORE_TIMEOUT;
	o = outgoing_new(m, mon_flags(m->header) & MON_REPLY || mon_op(m->header) == MON_AGREE);
	if (!o)
		return ERR_AGAIN;
	clogged += !l->head;
	if (l->head)
		l->tail->next = o;
	else
		l->head = o;
	l->tail = o;
	return ERR_OK;
}

err_t link_send(coreid_t peer, const struct mon_message *m)
{
	struct link *l = link_find(peer);

	if (__builtin_expect(l && !l->head, 1) && ring_put(l, m))
		return ERR_OK;
	return link_send_late(l, peer, m);
}

void links_send_others(coreid_t but, const struct mon_message *m)
{
	for (struct link *l = links; l; l = l->next)
		if (l->state == LINK_UP && l->peer != but)
			link_send(l->peer, m);
}

/* The peer's board comes to us as a foreign frame. */
static err_t board_map(struct link *l, paddr_t at)
{
	struct cap_info info = { .type = CAP_FRAME, .rights = RIGHT_READ | RIGHT_WRITE, .bits = PAGE_BITS, .base = at };
	cptr_t frame;
	vaddr_t va;
	err_t err = slot_alloc(&frame);

	if (!err)
		err = kernel_forge(TASK_KERNEL, &info, frame);
	if (!err)
		err = vspace_map_frame(frame, PAGE_BITS, MAP_READ | MAP_WRITE, &va);
	if (err)
		return err;
	caps_pin(frame, l->peer);
	l->board = (struct link_board *)va;
	return ERR_OK;
}

err_t link_open(struct link *l, uint64_t number, paddr_t at)
{
	struct cap_info info = { .type = CAP_NOTIFICATION,
				 .rights = RIGHT_WRITE,
				 .bits = CAP_NOTIFICATION_BITS,
				 .badge = (uint64_t)l->peer << 32 | (uint32_t)number };
	err_t err = slot_alloc(&l->doorbell);

	if (!err)
		err = kernel_forge(TASK_KERNEL, &info, l->doorbell);
	if (!err)
		err = board_map(l, at);
	if (err)
		return err;
	young -= !l->frame;
	l->state = LINK_UP;
	l->next_hinted = by_hint[l->peer % HINT_BYTES];
	by_hint[l->peer % HINT_BYTES] = l;
	/* What it has sent before it could hint. */
	mem_store8(&board->hints.hint[l->peer % HINT_BYTES], 1);
	queue_flush(l);
	if (monitor.core == 0 || l->frame)
		latency_measure(l->peer);
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
	queue_drop(l);
	l->next = spare;
	spare = l;
	pending_fail(&monitor.pendings, peer, err);
}

void link_close(coreid_t peer)
{
	struct link *l = link_find(peer);

	if (!l)
		return;
	queue_drop(l);
	young -= l->state == LINK_CONNECTING && l->memory && !l->frame;
	/* The record stays: somebody may be in the midst of polling it. */
	l->state = LINK_CLOSED;
}

/* --- receiving ------------------------------------------------------------------------- */

static void link_poll(struct link *l)
{
	union {
		struct urpc_message line;
		struct mon_message m;
	} u;
	unsigned n = 0;

	while (n < TURN_MAX && l->state != LINK_CLOSED && urpc_receive(&l->urpc, &u.line)) {
		request_hear(l->peer, &u.m);
		n++;
	}
	if (n == TURN_MAX) /* there may be more */
		mem_store8(&board->hints.hint[l->peer % HINT_BYTES], 1);
	/*
	 * A turn that found nothing asks too: who has filled the ring may have looked at our position, and marked
	 * itself,
	 * while the last turn's was still in our store buffer.  Between that turn and this is the fence of hints_poll.
	 */
	if (l->doorbell && urpc_peer_starved(&l->urpc))
		ntfn_signal(l->doorbell);
}

static bool is_young(const struct link *l) { return l->state == LINK_CONNECTING && l->memory && !l->frame; }

/* The peer's hello is in the ring. */
static void young_poll(void)
{
	/* A handler may add links, in front, but not remove one with a ring. */
	for (struct link *l = links; l; l = l->next)
		if (is_young(l))
			link_poll(l);
}

static void hints_serve(unsigned first, uint64_t set)
{
	while (set) {
		unsigned byte = (unsigned)__builtin_ctzll(set) / 8;

		set &= ~(UINT64_C(0xff) << 8 * byte);
		mem_store8(&board->hints.hint[first + byte], 0);
		mem_fence(); /* pairs with that in links_kick: what was sent before the hint is seen */
		for (struct link *l = by_hint[first + byte]; l; l = l->next_hinted)
			link_poll(l);
	}
}

static inline void hints_poll(void)
{
	uint64_t set;

#pragma GCC unroll 8
	for (unsigned word = 0; word < HINT_BYTES / 8; word++)
		if (__builtin_expect((set = mem_load64(&board->hints.word[word])) != 0, 0))
			hints_serve(8 * word, set);
}

static void queues_flush(void)
{
	for (struct link *l = links; l; l = l->next)
		if (l->head && queue_flush(l))
			monitor.stirred = true;
}

void links_poll(void)
{
	hints_poll();
	if (young)
		young_poll();
	if (clogged)
		queues_flush();
	if (broadcast_sources)
		broadcast_poll();
	links_kick();
}

bool links_hinted(void) { return hint_any(&board->hints) || (broadcast_sources && broadcast_ready()); }

void links_wake(void)
{
	mem_store32(&board->asleep, 0);
	for (struct link *l = links; l && clogged; l = l->next)
		if (l->head && l->state == LINK_UP)
			urpc_starve_cancel(&l->urpc);
}

/* Is there something on a link that no hint tells of? */
static bool links_ready(void)
{
	for (struct link *l = links; l && (young || clogged); l = l->next)
		if ((is_young(l) && urpc_poll(&l->urpc)) || (l->head && l->state == LINK_UP && urpc_can_send(&l->urpc)))
			return true;
	return false;
}

bool links_sleep(void)
{
	links_kick(); /* what was sent since the last turn */
	for (struct link *l = links; l && clogged; l = l->next)
		if (l->head && l->state == LINK_UP)
			urpc_starve_mark(&l->urpc);
	mem_store32(&board->asleep, 1);
	mem_fence(); /* pairs with those in links_kick and urpc_peer_starved of the peers */
	if (!links_hinted() && !links_ready())
		return true;
	links_wake();
	return false;
}
