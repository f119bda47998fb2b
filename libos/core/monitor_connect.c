/*
 * Services, connections and hint boards, by way of the monitor: who is served where, and the channels' making and end.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/error.h"

#include "libos/core/arrival.h"
#include "libos/core/dispatcher.h"
#include "libos/core/local.h"
#include "libos/thread/thread.h"

#define INCOMING_MAX 64 /* connections that wait to be accepted; a power of two */

static CORE_LOCAL struct mon_incoming incoming[INCOMING_MAX];
static CORE_LOCAL uint32_t incoming_put, incoming_taken;
static CORE_LOCAL struct thread_queue incoming_waiting;
static void (*incoming_handler)(void);

/* --- what comes; in disabled mode ---------------------------------------------------- */

void incoming_arrived(const struct mon_message *m)
{
	if (incoming_put - incoming_taken == INCOMING_MAX)
		return; /* the monitor keeps fewer than this per service open */
	incoming[incoming_put++ % INCOMING_MAX] = (struct mon_incoming){ .channel = (uint32_t)m->word[0],
									 .service = (uint32_t)m->word[1],
									 .peer = m->word[2] };
	thread_wake(&incoming_waiting);
	if (incoming_handler)
		incoming_handler();
}

/* --- services and connections ---------------------------------------------------------- */

err_t mon_export_as(const char *name, unsigned flags, struct mon_address *out)
{
	struct mon_message m = { .word = { 0, 0, flags } };
	err_t err = name ? mon_name_pack(name, m.word) : ERR_OK;

	if (!name)
		m.word[2] |= MON_EXPORT_UNNAMED;
	if (flags & MON_EXPORT_FURTHER)
		m.word[2] |= (uint64_t)out->service << 32;
	if (!err)
		err = mon_call(MON_EXPORT, &m);
	if (!err)
		*out = (struct mon_address){ .pid = m.word[2], .secret = m.word[1], .service = (uint32_t)m.word[0] };
	return err;
}

err_t mon_export(const char *name, uint32_t *service)
{
	struct mon_address at;
	err_t err = mon_export_as(name, 0, &at);

	if (!err && service)
		*service = at.service;
	return err;
}

err_t mon_lookup(const char *name, struct mon_address *out)
{
	struct mon_message m;
	err_t err = mon_name_pack(name, m.word);

	if (!err)
		err = mon_call(MON_LOOKUP, &m);
	if (!err)
		*out = (struct mon_address){ .pid = m.word[0] << 32 | (uint32_t)m.word[1],
					     .service = (uint32_t)m.word[2],
					     .secret = m.word[3] };
	return err;
}

err_t mon_incoming(struct mon_incoming *out, bool wait)
{
	err_t err = ERR_AGAIN;

	dispatcher_disable();
	while (wait && incoming_put == incoming_taken)
		thread_block(&incoming_waiting, 0);
	if (incoming_put != incoming_taken) {
		*out = incoming[incoming_taken++ % INCOMING_MAX];
		err = ERR_OK;
	}
	dispatcher_enable();
	return err;
}

static void offer_pack(const struct mon_offer *offer, struct mon_message *m)
{
	m->word[2] = (uint32_t)offer->endpoint | offer->notification << 32;
	m->word[3] = (offer->frame_bits & 0xff) | (uint64_t)(offer->shared_bits & 0xff) << 8 | offer->slot_board << 32;
	m->word[5] = offer->frame_of;
	m->word[4] = (uint32_t)offer->slot_channel | offer->slot_doorbell << 32;
}

static void binding_unpack(struct mon_binding *b, unsigned side, const struct mon_message *m)
{
	*b = (struct mon_binding){ .kind = (unsigned)m->word[0],
				   .side = side,
				   .channel = (uint32_t)m->word[1],
				   .frame_bits = (unsigned)m->word[2],
				   .peer = m->word[3],
				   .hint = (unsigned)m->word[4] };
}

err_t mon_accept(uint32_t channel, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { .word = { channel } };
	err_t err;

	offer_pack(offer, &m);
	m.word[5] = offer->board | (uint64_t)offer->hint << 32;
	err = mon_call(MON_ACCEPT, &m);
	if (!err)
		binding_unpack(out, 1, &m);
	return err;
}

err_t mon_reject(uint32_t channel, err_t reason)
{
	struct mon_message m = { .word = { channel, (uint64_t)reason } };

	return mon_call(MON_REJECT, &m);
}

err_t mon_connect(const char *name, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { 0 };
	err_t err = mon_name_pack(name, m.word);

	if (err)
		return err;
	offer_pack(offer, &m);
	err = mon_call(MON_CONNECT, &m);
	if (!err)
		binding_unpack(out, 0, &m);
	return err;
}

err_t mon_connect_at(const struct mon_address *at, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { .word = { (uint32_t)at->pid | (uint64_t)at->service << 32, at->secret } };
	err_t err;

	if (at->pid >> 32 >= CORES_MAX)
		return ERR_CORE_ID;
	offer_pack(offer, &m);
	m.word[3] |= (at->pid >> 32) << 16;
	err = mon_call(MON_CONNECT_AT, &m);
	if (!err)
		binding_unpack(out, 0, &m);
	return err;
}

err_t mon_close(uint32_t channel)
{
	struct mon_message m = { .word = { channel } };

	return mon_call(MON_CLOSE, &m);
}

err_t mon_board(cptr_t slot, uint32_t *board)
{
	struct mon_message m = { .word = { slot } };
	err_t err = mon_call(MON_BOARD, &m);

	if (!err)
		*board = (uint32_t)m.word[0];
	return err;
}

err_t mon_board_close(uint32_t board)
{
	struct mon_message m = { .word = { board } };

	return mon_call(MON_BOARD_CLOSE, &m);
}

void mon_set_incoming_handler(void (*handler)(void)) { incoming_handler = handler; }
