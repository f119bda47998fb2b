/*
 * Connecting two processes, and ending it.
 *
 * Connecting side: look the name up (LOOKUP), ask the serving side (ASKED), open.
 * Serving side: its process is told of the offer (OFFERED) and accepts.  On one
 * core both sides are records here and messages between monitors fall away;
 * otherwise the connecting side's monitor sends MON_OPEN, and the answer comes
 * when the server has accepted.  Each side tells the other once, by MON_CLOSED,
 * that it is done; a record goes when both are.
 */
#include "monitor/connections.h"
#include "monitor/boards.h"
#include "monitor/secret.h"

static void binding_reply(struct connection *c, unsigned op, uint32_t sequence)
{
	uint64_t words[MON_PAYLOAD] = { c->peer_core == monitor.core ? 0 : 1, c->id, c->frame_bits, c->peer_pid,
					c->board ? 1 + c->hint : 0 };

	reply_to((struct origin){ monitor.core, c->process }, op, sequence, ERR_OK, words);
}

/* Connecting side: it came to nothing. */
static void connect_fail(struct connection *c, err_t err)
{
	if (!c->local_done)
		reply_to((struct origin){ monitor.core, c->process }, c->op, c->sequence, err, NULL);
	connection_free(c);
}

/*
 * The serving side's core is missing. If it only is slow it will accept yet, and use
 * the frame: so that stays, until it says that it is done.
 */
static void connect_abandon(struct connection *c, err_t err)
{
	if (!c->local_done)
		reply_to((struct origin){ monitor.core, c->process }, c->op, c->sequence, err, NULL);
	c->local_done = true;
	c->state = CONNECTION_OPEN;
}

static void peer_tell(const struct connection *c);

/* --- serving side ------------------------------------------------------------------ */

static void offer_to(struct process *server, uint32_t service, struct connection *c)
{
	struct mon_message m = { .header = mon_header(MON_INCOMING, 0, 0, 0), .word = { c->id, service, c->peer_pid } };

	server->offered++;
	process_send(server, &m);
}

static err_t serving_side_new(uint32_t number, uint32_t service, uint64_t secret, struct process **server,
			      struct connection **out)
{
	*server = process_table_find(&monitor.processes, number);
	if (!process_alive(*server))
		return ERR_CLOSED;
	if (secret != secret_of(number, service))
		return ERR_DENIED;
	if ((*server)->offered >= CONNECTION_OFFERS)
		return ERR_AGAIN;
	*out = connection_new(*server, CONNECTION_OFFERED);
	return *out ? ERR_OK : ERR_NO_MEMORY;
}

/* From the connecting side's monitor. */
void connection_open(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct process *server;
	struct connection *c;
	err_t err = serving_side_new((uint32_t)w[0], (uint32_t)(w[0] >> 32), w[5], &server, &c);

	if (err) {
		request_reply(r, err, NULL);
		return;
	}
	c->sequence = mon_sequence(r->m.header);
	c->peer_core = r->from.core;
	c->peer_id = (uint32_t)w[1];
	c->doorbell = (uint32_t)(w[1] >> 32);
	c->frame_base = w[2];
	c->frame_bits = (uint8_t)w[3];
	c->can_hint = w[3] >> 8 & 1;
	c->peer_pid = w[4];
	offer_to(server, (uint32_t)(w[0] >> 32), c);
}

/* Serving side: it will not be. The connecting side gets the reason. */
static void offer_refuse(struct connection *c, err_t reason)
{
	struct process *p = process_table_find(&monitor.processes, c->process);

	if (p)
		p->offered--;
	if (c->peer_core != monitor.core) {
		reply_to((struct origin){ c->peer_core, 0 }, MON_OPEN, c->sequence, reason, NULL);
	} else {
		struct connection *client = connection_find(c->peer_id);

		if (client && !c->peer_done)
			connect_fail(client, reason);
	}
	connection_frame_drop(c);
	connection_free(c);
}

static err_t accept_here(struct connection *c)
{
	struct connection *client = connection_find(c->peer_id);
	err_t err;

	if (!client)
		return ERR_CLOSED;
	err = connection_join_here(c, client);
	if (!err)
		err = connection_share_here(c, client);
	if (err)
		return err;
	client->state = CONNECTION_OPEN;
	binding_reply(client, client->op, client->sequence);
	return ERR_OK;
}

/* `board`: number of our process's board and the byte that the client shall hint by. */
static err_t accept_there(struct connection *c, uint64_t board)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	uint32_t number;
	err_t err = connection_doorbell_export(c, &number);

	if (!err)
		err = connection_frame_forge(c);
	if (!err && board && c->can_hint)
		err = connection_board_lend(c, (uint32_t)board, board >> 32);
	if (err)
		return err;
	words[0] = c->id | (uint64_t)number << 32;
	words[1] = (uint64_t)monitor.core << 32 | c->process;
	words[2] = connection_board_base(c);
	words[3] = c->hint;
	reply_to((struct origin){ c->peer_core, 0 }, MON_OPEN, c->sequence, ERR_OK, words);
	return ERR_OK;
}

static void offer_unpack(struct connection *c, const struct request *r)
{
	c->offer = (struct connection_offer){ .endpoint = (uint32_t)r->m.word[2],
					      .notification = (uint32_t)(r->m.word[2] >> 32),
					      .slot_channel = (uint32_t)r->m.word[4],
					      .slot_doorbell = (uint32_t)(r->m.word[4] >> 32),
					      .slot_board = (uint32_t)(r->m.word[3] >> 32) };
}

void connection_accept(struct request *r)
{
	struct connection *c = connection_of(r->from, r->m.word[0]);
	err_t err;

	if (!c || c->state != CONNECTION_OFFERED) {
		request_reply(r, ERR_ARGUMENT, NULL);
		return;
	}
	offer_unpack(c, r);
	if (c->peer_done)
		err = ERR_CLOSED;
	else
		err = c->peer_core == monitor.core ? accept_here(c) : accept_there(c, r->m.word[5]);
	if (err) {
		offer_refuse(c, err);
		request_reply(r, err, NULL);
		return;
	}
	origin_process(r->from)->offered--;
	c->state = CONNECTION_OPEN;
	binding_reply(c, MON_ACCEPT, mon_sequence(r->m.header));
}

void connection_reject(struct request *r)
{
	struct connection *c = connection_of(r->from, r->m.word[0]);
	err_t reason = (err_t)(r->m.word[1] & 0xffff);

	if (!c || c->state != CONNECTION_OFFERED) {
		request_reply(r, ERR_ARGUMENT, NULL);
		return;
	}
	offer_refuse(c, reason ? reason : ERR_DENIED);
	request_reply(r, ERR_OK, NULL);
}

/* --- connecting side -------------------------------------------------------------------- */

static err_t connect_here(struct connection *c, const struct service_name *s)
{
	struct process *server;
	struct connection *other;
	err_t err = serving_side_new(s->process, s->service, s->secret, &server, &other);

	if (err)
		return err;
	other->peer_core = monitor.core;
	other->peer_id = c->id;
	other->peer_pid = (uint64_t)monitor.core << 32 | c->process;
	c->peer_id = other->id;
	offer_to(server, s->service, other);
	return ERR_OK;
}

/* All is there, or what is not is known. */
static void open_end(struct connection *c, err_t err)
{
	if (err)
		reply_to((struct origin){ monitor.core, c->process }, c->op, c->sequence, err, NULL);
	if (!err && !c->local_done) {
		binding_reply(c, c->op, c->sequence);
		return;
	}
	c->local_done = true;
	peer_tell(c);
	if (c->peer_done)
		connection_free(c);
}

void connections_board_again(uint64_t base)
{
	struct connection *c;

	while ((c = connection_late(base))) {
		c->late_board = 0;
		open_end(c, c->peer_done ? ERR_CLOSED : connection_board_take(c, base, c->hint));
	}
}

/* The answer to MON_OPEN: the serving process has accepted, or not. Our process may have ended meanwhile. */
static void open_done(struct pending *p, const struct mon_message *reply)
{
	struct connection *c = connection_find((uint32_t)p->context);
	err_t err = (err_t)mon_aux(reply->header);

	if (!c)
		return;
	if (err == ERR_CORE_TIMEOUT && p->unanswered) {
		connect_abandon(c, err);
		return;
	}
	if (err) {
		connect_fail(c, err);
		return;
	}
	c->state = CONNECTION_OPEN;
	c->peer_id = (uint32_t)reply->word[0];
	c->doorbell = (uint32_t)(reply->word[0] >> 32);
	c->peer_pid = reply->word[1];
	if (!c->local_done)
		err = connection_frame_give(c);
	if (!err && !c->local_done && reply->word[2] && connection_board_leaves(reply->word[2])) {
		c->late_board = reply->word[2];
		c->hint = (uint8_t)reply->word[3];
		return;
	}
	if (!err && !c->local_done && reply->word[2])
		err = connection_board_take(c, reply->word[2], reply->word[3]);
	open_end(c, err);
}

static err_t connect_there(struct connection *c, const struct service_name *s)
{
	struct pending pending = { .origin = { monitor.core, c->process }, .done = open_done, .context = c->id };
	struct mon_message m = { .header = mon_header(MON_OPEN, 0, 0, 0) };
	uint32_t number;
	err_t err = connection_doorbell_export(c, &number);

	if (!err)
		err = connection_frame_make(c, c->frame_bits);
	if (err)
		return err;
	m.word[0] = s->process | (uint64_t)s->service << 32;
	m.word[1] = c->id | (uint64_t)number << 32;
	m.word[2] = c->frame_base;
	m.word[3] = c->frame_bits | (uint64_t)(c->offer.slot_board != 0) << 8;
	m.word[4] = (uint64_t)monitor.core << 32 | c->process;
	m.word[5] = s->secret;
	return request_forward(s->core, &m, NULL, &pending);
}

static void connect_found(struct connection *c, const struct service_name *s)
{
	struct process *p = process_table_find(&monitor.processes, c->process);
	err_t err = connection_allowed(p, s->core);

	c->state = CONNECTION_ASKED;
	c->peer_core = s->core;
	c->peer_pid = (uint64_t)s->core << 32 | s->process;
	if (!err)
		err = s->core == monitor.core ? connect_here(c, s) : connect_there(c, s);
	if (err)
		connect_fail(c, err);
}

static void lookup_done(struct pending *p, const struct mon_message *reply)
{
	struct connection *c = connection_find((uint32_t)p->context);
	struct service_name s = { .core = (coreid_t)reply->word[0],
				  .process = (uint32_t)reply->word[1],
				  .service = (uint32_t)reply->word[2],
				  .secret = reply->word[3] };
	err_t err = (err_t)mon_aux(reply->header);

	if (c && err)
		connect_fail(c, err);
	else if (c)
		connect_found(c, &s);
}

static struct connection *connecting_side_new(struct request *r)
{
	struct connection *c = connection_new(origin_process(r->from), CONNECTION_LOOKUP);

	if (!c) {
		request_reply(r, ERR_NO_MEMORY, NULL);
		return NULL;
	}
	c->sequence = mon_sequence(r->m.header);
	c->op = (uint8_t)mon_op(r->m.header);
	c->frame_bits = (uint8_t)r->m.word[3];
	c->shared_bits = (uint8_t)(r->m.word[3] >> 8);
	c->lender = (uint32_t)r->m.word[5];
	offer_unpack(c, r);
	return c;
}

void connection_connect_at(struct request *r)
{
	struct service_name s = { .core = (coreid_t)(r->m.word[3] >> 16 & 0xffff),
				  .process = (uint32_t)r->m.word[0],
				  .service = (uint32_t)(r->m.word[0] >> 32),
				  .secret = r->m.word[1] };
	struct connection *c = connecting_side_new(r);

	if (c && s.core >= monitor.info->cores)
		connect_fail(c, ERR_CORE_ID);
	else if (c)
		connect_found(c, &s);
}

void connection_connect(struct request *r)
{
	struct connection *c = connecting_side_new(r);
	struct mon_message m = { .header = mon_header(MON_LOOKUP, 0, 0, 0), .word = { r->m.word[0], r->m.word[1] } };
	struct pending pending = { .origin = r->from, .done = lookup_done };
	struct service_name s;
	err_t err;

	if (!c)
		return;
	pending.context = c->id;
	if (monitor.core != MON_SERVICE_CORE) {
		err = request_forward(MON_SERVICE_CORE, &m, NULL, &pending);
	} else {
		err = name_find(r->m.word, monitor.core, &s);
		if (!err)
			connect_found(c, &s);
	}
	if (err)
		connect_fail(c, err);
}

/* --- the end ------------------------------------------------------------------------------- */

/* The other side is done; our process learns it once. */
static void peer_ended(struct connection *c)
{
	struct mon_message m = { .header = mon_header(MON_CLOSED, 0, 0, 0), .word = { c->id } };
	struct process *p = process_table_find(&monitor.processes, c->process);

	if (c->peer_done)
		return;
	c->peer_done = true;
	if (c->leaving)
		return; /* connection_left */
	if (c->local_done)
		connection_free(c);
	else if (c->state == CONNECTION_OPEN && process_alive(p))
		process_send(p, &m);
}

static void peer_tell(const struct connection *c)
{
	struct mon_message m = { .header = mon_header(MON_CLOSED, 0, 0, 0), .word = { c->peer_id } };

	if (c->peer_core != monitor.core) {
		link_send(c->peer_core, &m);
	} else {
		struct connection *peer = connection_find(c->peer_id);

		if (peer)
			peer_ended(peer);
	}
}

/* Its processes do nothing any more, and no monitor is left to say so. Who has been asked is passed over: open_done. */
void connections_core_gone(coreid_t core)
{
	struct connection *c;

	for (unsigned at = 0; at < CONNECTIONS_MAX; at++)
		if ((c = connection_at(at)) && c->peer_core == core) {
			if (c->state == CONNECTION_OPEN)
				peer_ended(c);
			else if (c->state == CONNECTION_OFFERED)
				c->peer_done = true;
		}
}

/* From the other side's monitor. */
void connection_closed(struct request *r)
{
	struct connection *c = r->m.word[0] <= UINT32_MAX ? connection_find((uint32_t)r->m.word[0]) : NULL;

	if (c && c->peer_core == r->from.core && c->state == CONNECTION_OPEN)
		peer_ended(c);
}

/* The side that stays longer keeps the frame that both sides on this core map. */
static void frame_leave(struct connection *c)
{
	struct connection *peer = c->peer_core == monitor.core ? connection_find(c->peer_id) : NULL;

	if (!c->frame || c->state != CONNECTION_OPEN || !peer || peer->local_done)
		return;
	peer->frame = c->frame;
	c->frame = 0;
}

void connection_left(struct connection *c)
{
	if (--c->leaving)
		return;
	if (c->state == CONNECTION_ASKED && c->peer_core != monitor.core)
		return; /* open_done goes on */
	peer_tell(c);
	frame_leave(c);
	if (c->peer_done || c->peer_core == monitor.core)
		connection_free(c);
}

static void local_end(struct connection *c)
{
	if (c->state == CONNECTION_OFFERED) {
		offer_refuse(c, ERR_CLOSED);
		return;
	}
	c->local_done = true;
	parcels_channel_gone(c->id);
	if (c->state == CONNECTION_LOOKUP) {
		connection_free(c);
		return;
	}
	c->leaving = 1;
	if (c->foreign)
		connection_frame_release(c); /* a frame of ours goes with the record, when both sides are done */
	connection_board_leave(c);
	connection_left(c);
}

void connection_close(struct request *r)
{
	struct connection *c = connection_of(r->from, r->m.word[0]);

	if (!c || c->state != CONNECTION_OPEN) {
		request_reply(r, ERR_ARGUMENT, NULL);
		return;
	}
	local_end(c);
	request_reply(r, ERR_OK, NULL);
}

void connections_process_gone(struct process *p)
{
	struct connection *c;

	while ((c = connection_open_of(p)))
		local_end(c);
}
