/*
 * A client's channel at the server: its messages, and which handler they are for.
 *
 * Messages of a channel are taken in order, but a handler that waits does not hold up the next.
 * Whatever a peer sends costs it at most its channel: a header that does not say
 * where the next message begins closes it, anything else that is wrong is dropped and counted.
 */
#include "libos/rpc/server.h"

#include <stdlib.h>

#define TURN 16 /* messages of a channel before the others have their turn */

/* --- life ------------------------------------------------------------------------------------- */

void rpc_connection_unref(struct rpc_connection *n)
{
	if (--n->refs)
		return;
	free(n->held);
	free(n);
}

void rpc_connection_start(struct rpc_server *s, struct rpc_connection *n)
{
	n->server = s;
	n->channel.tag = n;
	n->open = true;
	n->refs = 1;
	n->next = s->connections;
	n->at = &s->connections;
	if (n->next)
		n->next->at = &n->next;
	s->connections = n;
	s->stats.clients++;
}

err_t rpc_connection_accept(struct rpc_server *s)
{
	struct channel_options o = { .board = s->board.shared ? &s->board : NULL };
	struct rpc_connection *n = aligned_alloc(CACHE_LINE, (sizeof(*n) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	err_t err;

	if (!n)
		return ERR_AGAIN; /* it goes on waiting */
	memset(n, 0, sizeof(*n));
	err = service_accept(&s->service, &o, &n->channel);
	if (err) {
		free(n);
		return err;
	}
	n->identity = n->channel.opener;
	rpc_connection_start(s, n);
	wait_set_add(&s->set, &n->channel);
	return ERR_OK;
}

/* Whoever is in the middle of something with it finds it closed afterwards. */
void rpc_connection_close(struct rpc_connection *n)
{
	struct rpc_server *s = n->server;
	uint64_t peer = n->channel.peer;

	if (!n->open)
		return;
	n->open = false;
	if (s->current && s->current->from == n)
		s->current = NULL;
	channel_close(&n->channel);
	rpc_inbox_drop(&n->inbox);
	free(n->queue.line);
	n->queue = (struct rpc_queue){ 0 };
	*n->at = n->next;
	if (n->next)
		n->next->at = n->at;
	s->stats.clients--;
	if (s->hooks && s->hooks->closed)
		s->hooks->closed(s, peer);
	rpc_connection_unref(n);
}

/* --- dispatch --------------------------------------------------------------------------------- */

static void call_refuse(struct rpc_call *call, err_t err)
{
	struct urpc_message m = { .word = { 0 } };

	rpc_answer_line(call, err, &m, 0);
}

void rpc_malformed(struct rpc_call *call)
{
	call->server->stats.malformed++;
	call_refuse(call, ERR_MESSAGE);
}

/* A call that may have been done: true if that was all there is to do. */
static bool call_settled(struct rpc_call *call)
{
	const struct rpc_hooks *hooks = call->server->hooks;
	struct rpc_answer answer = { 0 };
	uint64_t *word;
	err_t err;

	if (!rpc_call_repeated(call) || call->method->idempotent)
		return false;
	err = hooks && hooks->seen && call->from->identity ? hooks->seen(call, &answer) : ERR_CLOSED;
	if (err == ERR_NOT_FOUND)
		return false;
	if (!err && answer.words > call->method->answer)
		err = ERR_MESSAGE;
	word = calloc(err ? URPC_WORDS : answer.words + URPC_WORDS, sizeof(uint64_t));
	if (!word) {
		call_refuse(call, ERR_NO_MEMORY);
		return true;
	}
	if (!err)
		memcpy(word + 1, answer.word, answer.words * sizeof(uint64_t));
	rpc_answer_words(call, err ? err : answer.err, word, answer.words);
	free(word);
	return true;
}

/* The runtime's own messages. */
static void control(struct rpc_connection *n, const uint64_t *word)
{
	if (rpc_header_method(word[0]) == RPC_HELLO && rpc_header_length(word[0]) == 1)
		n->identity = word[1];
	else
		n->server->stats.malformed++;
}

/* Runs the handler of a whole message; what is wrong with it is answered and counted. */
static void dispatch(struct rpc_connection *n, const uint64_t *word)
{
	struct rpc_server *s = n->server;
	uint64_t header = word[0];
	unsigned interface = rpc_header_interface(header), words = rpc_header_length(header);
	const struct rpc_service *service = interface < RPC_INTERFACES ? s->interface[interface] : NULL;
	static const struct rpc_method unknown = { .name = "unknown", .idempotent = true };
	struct rpc_call call = { .server = s, .from = n, .peer = n->channel.peer, .header = header };

	call.received = &call.unused;
	if (!interface) {
		control(n, word);
		return;
	}
	s->stats.calls++;
	if (!service || rpc_header_method(header) >= service->methods) {
		call.method = &unknown;
		call_refuse(&call, ERR_UNSUPPORTED);
		return;
	}
	call.method = &service->method[rpc_header_method(header)];
	call.handlers = s->handlers[interface];
	if (words < call.method->least || words > call.method->most || !(header & RPC_ONEWAY) != !call.method->oneway) {
		rpc_malformed(&call);
		return;
	}
	if (call.method->line && !(header & RPC_REPEAT)) {
		n->method = call.method;
		n->handlers = call.handlers;
		n->match = (uint32_t)header;
	}
	n->refs++;
	if (!(header & RPC_REPEAT) || !call_settled(&call))
		call.method->receive(&call, word + 1);
	rpc_connection_unref(n);
}

/* --- taking messages -------------------------------------------------------------------------- */

static void connection_pause(struct rpc_connection *n, uint64_t *message)
{
	struct rpc_connection **at = &n->server->paused;

	wait_set_remove(&n->channel);
	n->server->current = NULL;
	n->held = message;
	n->paused = NULL;
	n->refs++;
	n->server->stats.paused++;
	while (*at)
		at = &(*at)->paused;
	*at = n;
}

/* No thread is free: keeps the message, copied if it is not from the heap. */
static bool pause_with(struct rpc_connection *n, const uint64_t *word, uint64_t *whole)
{
	if (!whole && (whole = malloc(URPC_WORDS * sizeof(uint64_t))))
		memcpy(whole, word, URPC_WORDS * sizeof(uint64_t));
	if (whole)
		connection_pause(n, whole);
	else
		rpc_connection_close(n);
	return false;
}

/* A whole message: in a line, or in `whole` from the heap, which is ours now. */
static bool message_take(struct rpc_connection *n, const uint64_t *word, uint64_t *whole)
{
	unsigned interface = rpc_header_interface(word[0]);

	/* The runtime's own wait for nothing: who says hello first may be the one that those threads wait for. */
	if (interface && !rpc_server_spare(n->server, interface))
		return pause_with(n, word, whole);
	dispatch(n, word);
	free(whole);
	return true;
}

bool rpc_connection_take(struct rpc_connection *n, const struct urpc_message *m)
{
	uint64_t *whole = NULL;

	if (!n->inbox.word) {
		if (m->word[0] & RPC_REPLY) {
			n->server->stats.malformed++;
			return true;
		}
		if (rpc_header_words(m->word[0]) <= URPC_WORDS)
			return message_take(n, m->word, NULL);
	}
	n->method = NULL; /* its next lines have no header */
	if (rpc_inbox_take(&n->inbox, m, &whole)) {
		n->server->stats.malformed++;
		rpc_connection_close(n);
		return false;
	}
	return whole ? message_take(n, whole, whole) : true;
}

/*
 * The short way: messages of one line in URPC's ring that are of the same method as the last, unpacked where they
 * lie. How many; it ends at one that is something else. There is a thread for the loop as long as the channel is
 * current.
 */
static unsigned lines_take(struct rpc_connection *n, struct rpc_call *call, unsigned most)
{
	struct rpc_server *s = call->server;
	const struct urpc_inbox *own = n->channel.urpc.own;
	void (*const receive)(struct rpc_call *, const uint64_t *) = n->method->receive;
	const uint32_t match = n->match;
	const uint64_t *line;
	unsigned left = most;

	call->method = n->method;
	call->handlers = n->handlers;
	call->received = urpc_taken(&n->channel.urpc);
	while (urpc_peek(own, &line)) {
		uint64_t header = mem_load64(line);

		if ((uint32_t)header != match)
			break;
		call->header = header;
		receive(call, line + 1);
		/* Counted down last: the compiler then has its test for nothing. */
		if (s->current != call) {
			left--;
			break;
		}
		if (!--left)
			break;
	}
	s->stats.calls += most - left;
	return most - left;
}

/* Takes a message the long way. False: there is none. */
static bool line_take(struct rpc_connection *n)
{
	struct urpc_message m;
	err_t err = channel_receive(&n->channel, &m);

	if (err && err != ERR_AGAIN)
		rpc_connection_close(n);
	return !err && rpc_connection_take(n, &m);
}

void rpc_connection_ready(struct rpc_connection *n)
{
	struct rpc_server *s = n->server;
	struct rpc_call call = { .server = s, .from = n, .peer = n->channel.peer };
	unsigned taken = 0;

	n->refs++;
	s->current = &call;
	/* A handler that waited has left the channel to another thread. */
	while (taken < TURN && s->current == &call) {
		if (n->method && n->channel.urpc.own && rpc_server_spare(s, 0))
			taken += lines_take(n, &call, TURN - taken);
		if (taken == TURN || s->current != &call || !line_take(n))
			break;
		taken++;
		if (s->current == &call && !channel_ready(&n->channel))
			break;
	}
	if (s->current == &call)
		s->current = NULL;
	rpc_connection_unref(n);
}

/* Runs what it was paused with, and puts the channel back; if more came meanwhile, it is paused again. */
void rpc_connection_resume(struct rpc_server *s)
{
	struct rpc_connection *n = s->paused;
	uint64_t *held = n->held;
	struct urpc_message m;

	s->paused = n->paused;
	s->stats.paused--;
	n->held = NULL;
	if (n->open && held)
		dispatch(n, held);
	else if (n->open && !channel_receive(&n->channel, &m))
		rpc_connection_take(n, &m);
	free(held);
	if (n->open && !n->held && rpc_set_join(s, &n->channel))
		connection_pause(n, NULL);
	rpc_connection_unref(n);
}

/* --- for handlers ----------------------------------------------------------------------------- */

uint64_t rpc_call_identity(const struct rpc_call *call) { return call->from->identity; }
struct channel *rpc_call_channel(struct rpc_call *call) { return &call->from->channel; }

void rpc_later(struct rpc_call *call, struct rpc_later *l)
{
	*l = (struct rpc_later){ .from = call->from, .method = call->method, .header = call->header };
	call->from->refs++;
	call->header |= RPC_REPLY;
}

err_t rpc_later_call(struct rpc_later *l, struct rpc_call *call)
{
	struct rpc_connection *n = l->from;

	*call = (struct rpc_call){
		.server = n->server, .from = n, .method = l->method, .peer = n->channel.peer, .header = l->header
	};
	if (n->open)
		return ERR_OK;
	rpc_later_end(l);
	return ERR_CLOSED;
}

void rpc_later_end(struct rpc_later *l)
{
	rpc_connection_unref(l->from);
	l->from = NULL;
}
