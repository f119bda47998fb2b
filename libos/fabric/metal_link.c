/*
 * What a channel on metal holds: capabilities, memory, its place among the
 * monitor's connections.
 *
 * The list of links is changed in disabled mode, because the monitor's word that a
 * connection is over comes there.  That word may come before its link is in the
 * list; then it is kept in `gone`.
 */
#include "libos/fabric/metal.h"

#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"

#include <stdlib.h>

#define GONE 64

static struct metal_link *links;
static uint32_t gone[GONE]; /* 1 + number; 0: none */

static void gone_put(uint32_t number)
{
	for (unsigned i = 0; i < GONE; i++)
		if (!gone[i]) {
			gone[i] = number + 1;
			return;
		}
}

/* Forgets it; was it there? */
static bool gone_take(uint32_t number)
{
	for (unsigned i = 0; i < GONE; i++)
		if (gone[i] == number + 1) {
			gone[i] = 0;
			return true;
		}
	return false;
}

/* In disabled mode. */
void metal_link_closed(uint32_t number)
{
	for (struct metal_link *l = links; l; l = l->next)
		if (l->channel && l->number == number) {
			/* Release: what the peer sent before is in its ring; pairs with the load in receive. */
			mem_store32_release(&l->channel->closed, 1);
			metal_wake_all(NULL);
			if (l->has_endpoint)
				metal_lmp_poke(l);
			return;
		}
	gone_put(number);
}

void metal_notify(struct channel *c)
{
	struct metal_link *link = c->link;

	/* Fails only when the peer has ended, which the monitor tells. */
	ntfn_signal(link->doorbell);
}

static void slot_drop(cptr_t *slot)
{
	err_t err = *slot ? cap_delete(*slot) : ERR_CAP_LOOKUP;

	/* The monitor may have filled it or not. */
	if (*slot && (!err || err == ERR_CAP_LOOKUP))
		slot_free(*slot);
	*slot = 0;
}

static void endpoint_drop(struct metal_link *link)
{
	if (link->has_endpoint)
		lmp_endpoint_destroy(&link->endpoint);
	link->has_endpoint = false;
}

void metal_link_drop(struct metal_link *link)
{
	struct metal_link **at = &links;

	dispatcher_disable();
	while (*at && *at != link)
		at = &(*at)->next;
	if (*at)
		*at = link->next;
	dispatcher_enable();
	endpoint_drop(link);
	if (link->va)
		vspace_unmap(link->va);
	if (link->board_va)
		vspace_unmap(link->board_va);
	slot_drop(&link->board);
	slot_drop(&link->peer);
	slot_drop(&link->doorbell);
	free(link);
}

void metal_link_free(struct metal_link *link)
{
	uint32_t number = link->number;

	link->channel = NULL;
	metal_link_drop(link);
	mon_close(number);
	dispatcher_disable();
	gone_take(number);
	dispatcher_enable();
}

static void urpc_channel_close(struct channel *c)
{
	channel_urpc_end(c);
	metal_link_free(c->link);
}

const struct channel_ops metal_channel_ops = CHANNEL_URPC_OPS(urpc_channel_close);

/* What we bring to a connection, not knowing yet which kind it will be. */
err_t metal_link_make(struct metal_link **out, cptr_t notification, struct mon_offer *offer)
{
	struct metal_link *link = calloc(1, sizeof(*link));
	err_t err;

	if (!link)
		return ERR_NO_MEMORY;
	/* Without room for one more endpoint, only peers on other cores can be reached. */
	link->has_endpoint = !lmp_endpoint_create(&link->endpoint, METAL_LMP_MESSAGES, false);
	err = slot_alloc(&link->peer);
	if (!err)
		err = slot_alloc(&link->doorbell);
	if (err) {
		metal_link_drop(link);
		return err;
	}
	*offer = (struct mon_offer){
		.endpoint = link->has_endpoint ? link->endpoint.cap : CPTR_NULL,
		.notification = notification,
		.slot_channel = link->peer,
		.slot_doorbell = link->doorbell,
	};
	*out = link;
	return ERR_OK;
}

err_t metal_link_offer_hints(struct metal_link *link, struct mon_offer *offer)
{
	err_t err = slot_alloc(&link->board);

	if (err)
		link->board = 0;
	offer->slot_board = link->board;
	return err;
}

/* LMP: the frame that the monitor gave to both, if any, is bulk memory. */
static err_t channel_map_bulk(struct channel *c, struct metal_link *link, unsigned bits)
{
	err_t err;

	c->ops = &metal_lmp_ops;
	if (!bits)
		return ERR_OK;
	err = vspace_map_frame(link->doorbell, bits, MAP_READ | MAP_WRITE, &link->va);
	if (!err) {
		c->bulk = (void *)link->va;
		c->bulk_bytes = SIZE_OF_BITS(bits);
	}
	return err;
}

/* URPC: the server has a board. */
static err_t channel_map_board(struct channel *c, struct metal_link *link, unsigned byte)
{
	struct hint_board *board;
	err_t err = ERR_ARGUMENT;

	if (byte < HINT_BYTES)
		err = vspace_map_frame(link->board, PAGE_BITS, MAP_READ | MAP_WRITE, &link->board_va);
	if (err)
		return err;
	board = (struct hint_board *)link->board_va;
	urpc_use_hint(&c->urpc, &board->hint[byte]);
	return ERR_OK;
}

/* URPC: the inboxes at the frame's start; its upper half, if it is larger, is bulk memory. */
static err_t channel_map(struct channel *c, struct metal_link *link, unsigned bits)
{
	err_t err;

	endpoint_drop(link);
	if (bits < URPC_FRAME_BITS)
		return ERR_ARGUMENT;
	err = vspace_map_frame(link->peer, bits, MAP_READ | MAP_WRITE, &link->va);
	if (err)
		return err;
	c->ops = &metal_channel_ops;
	if (bits > URPC_FRAME_BITS) {
		c->bulk_bytes = SIZE_OF_BITS(bits - 1);
		c->bulk = (char *)link->va + c->bulk_bytes;
	}
	return urpc_init(&c->urpc, (void *)link->va, SIZE_OF_BITS(URPC_FRAME_BITS), c->side);
}

err_t metal_link_attach(struct channel *c, struct metal_link *link, const struct mon_binding *b)
{
	err_t err;

	link->number = b->channel;
	c->link = link;
	c->peer = b->peer;
	if (b->kind == MON_BINDING_URPC)
		err = channel_map(c, link, b->frame_bits);
	else
		err = channel_map_bulk(c, link, b->frame_bits);
	if (!err && b->hint && b->side == 0)
		err = channel_map_board(c, link, b->hint - 1);
	if (err) {
		metal_link_free(link);
		return err;
	}
	dispatcher_disable();
	link->channel = c;
	link->next = links;
	links = link;
	c->closed = gone_take(link->number);
	dispatcher_enable();
	if (c->ops == &metal_lmp_ops)
		metal_lmp_attach(link);
	return ERR_OK;
}

err_t metal_board_open(struct wait_board *b)
{
	vaddr_t va = 0;
	uint32_t number;
	cptr_t slot;
	err_t err = slot_alloc(&slot);

	if (err)
		return err;
	err = mon_board(slot, &number);
	if (err) {
		slot_free(slot);
		return err;
	}
	b->link = slot;
	b->number = number;
	err = vspace_map_frame(slot, PAGE_BITS, MAP_READ | MAP_WRITE, &va);
	b->shared = (struct hint_board *)va;
	if (err)
		metal_board_close(b);
	return err;
}

void metal_board_close(struct wait_board *b)
{
	cptr_t slot = b->link;

	if (b->shared)
		vspace_unmap((vaddr_t)b->shared);
	b->shared = NULL;
	slot_drop(&slot);
	mon_board_close((uint32_t)b->number);
}
