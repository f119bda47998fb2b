/*
 * Answers: into the channel, or, when its client does not read, into a bounded queue.
 *
 * A handler never waits for its client.  What does not fit at once is queued, and a thread of
 * its own tries again from time to time; a client that lets more than RPC_QUEUE_LINES
 * pile up loses its channel.
 */
#include "libos/rpc/server.h"

#include <stdlib.h>

#define LOOKS_MAX 64 /* for room, before an answer is queued */
#define PAUSE_MIN (UINT64_C(1) << 14)
#define PAUSE_MAX (UINT64_C(1) << 23)

/* --- queues ----------------------------------------------------------------------------------- */

static err_t queue_grow(struct rpc_queue *q)
{
	uint32_t room = q->room ? 2 * q->room : 16;
	struct urpc_message *line;

	if (room > RPC_QUEUE_LINES)
		return ERR_NO_MEMORY;
	line = malloc(room * sizeof(*line));
	if (!line)
		return ERR_NO_MEMORY;
	for (uint32_t i = 0; i < q->count; i++)
		line[i] = q->line[(q->first + i) % q->room];
	free(q->line);
	*q = (struct rpc_queue){ .line = line, .count = q->count, .room = room };
	return ERR_OK;
}

static err_t queue_put(struct rpc_queue *q, const uint64_t *word, unsigned words, unsigned line)
{
	for (; line < rpc_lines(words); line++) {
		if (q->count == q->room && queue_grow(q))
			return ERR_NO_MEMORY;
		rpc_line_fill(&q->line[(q->first + q->count++) % q->room], word, words, line);
	}
	return ERR_OK;
}

/* Sends what there is room for. True: something went. */
static bool queue_send(struct rpc_connection *n)
{
	struct rpc_queue *q = &n->queue;
	uint32_t count = q->count;
	err_t err = ERR_OK;

	while (q->count && !(err = channel_put(&n->channel, &q->line[q->first]))) {
		q->first = (q->first + 1) % q->room;
		q->count--;
	}
	if (count != q->count)
		channel_flush(&n->channel);
	if (err && err != ERR_AGAIN)
		q->count = 0; /* the loop finds it closed */
	return count != q->count;
}

/* One turn over the channels with a queue; those that have none any more leave the list. */
static bool queues_send(struct rpc_server *s)
{
	struct rpc_connection **at = &s->queued, *n;
	bool some = false;

	while ((n = *at)) {
		some |= n->open && queue_send(n);
		if (n->queue.count && !s->stop) {
			at = &n->queued;
			continue;
		}
		*at = n->queued;
		n->in_queue = false;
		rpc_connection_unref(n);
	}
	return some;
}

static void *flush_main(void *arg)
{
	struct rpc_server *s = arg;
	cycles_t pause = PAUSE_MIN;

	while (s->queued) {
		thread_sleep_until(fabric_now(s->fabric) + pause);
		pause = queues_send(s) ? PAUSE_MIN : pause < PAUSE_MAX ? 2 * pause : PAUSE_MAX;
	}
	s->flushing = false;
	event_signal(&s->ended);
	return NULL;
}

static err_t flush_start(struct rpc_server *s)
{
	struct thread *t;
	err_t err = ERR_OK;

	if (!s->flushing)
		err = thread_create_with(&t, &(struct thread_options){ .detached = true }, flush_main, s);
	s->flushing |= !err;
	return err;
}

/* What is queued has to wait for a thread that tries again. */
static void queue_later(struct rpc_connection *n)
{
	struct rpc_server *s = n->server;

	if (flush_start(s)) {
		rpc_connection_close(n);
		return;
	}
	if (n->in_queue)
		return;
	n->in_queue = true;
	n->refs++;
	n->queued = s->queued;
	s->queued = n;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Lets the client read. Other threads may run meanwhile, and the channel may be closed. */
static bool room_comes(struct rpc_connection *n)
{
	uint32_t looks = n->channel.ops->near ? 2 : n->server->fabric->looks;

	channel_flush(&n->channel);
	for (uint32_t i = 0; i < looks && i < LOOKS_MAX && n->open; i++) {
		if (n->channel.ops->room(&n->channel))
			return n->open;
		n->server->fabric->ops->relax(n->server->fabric);
	}
	return false;
}

/* There is no room for the lines from `line` on, or others wait already. */
static void answer_queue(struct rpc_connection *n, const uint64_t *word, unsigned words, unsigned line)
{
	n->refs++;
	if (queue_put(&n->queue, word, words, line)) {
		n->server->stats.overrun++;
		rpc_connection_close(n);
	}
	for (unsigned idle = 0; n->open && n->queue.count && idle < 2; idle++)
		if (room_comes(n) && queue_send(n))
			idle = 0;
	if (n->open && n->queue.count)
		queue_later(n);
	rpc_connection_unref(n);
}

/* In one piece, or, if it is one line, as the struct urpc_message that it is. */
static void answer_send(struct rpc_connection *n, const uint64_t *word, unsigned words)
{
	unsigned line = 0, lines = rpc_lines(words);
	struct urpc_message m;
	err_t err = n->queue.count ? ERR_AGAIN : ERR_OK;

	for (; !err && line < lines; line += !err) {
		rpc_line_fill(&m, word, words, line);
		err = channel_put(&n->channel, &m);
	}
	if (err == ERR_AGAIN)
		answer_queue(n, word, words, line);
	else if (!err)
		channel_flush(&n->channel);
}

/* The header of the answer to a call. */
static uint64_t answer_header(uint64_t call, err_t err, unsigned words)
{
	uint64_t names = call & RPC_NAMES;

	if (!err)
		return names | RPC_REPLY | (uint64_t)words << 16;
	if (err < 0 || err > RPC_LENGTH_MASK)
		err = ERR_MESSAGE; /* no error of ours */
	return names | RPC_REPLY | RPC_ERROR | (uint64_t)err << 16;
}

/* A call that is not idempotent: its answer is remembered before it goes out. */
static void answer_note(struct rpc_call *call, err_t err, const uint64_t *word, unsigned words)
{
	const struct rpc_hooks *hooks = call->server->hooks;

	if (hooks && hooks->answered && !call->method->idempotent && call->from->identity)
		hooks->answered(call, &(struct rpc_answer){ .err = err, .words = err ? 0 : words, .word = word + 1 });
}

void rpc_answer_line(struct rpc_call *call, err_t err, struct urpc_message *m, unsigned words)
{
	struct rpc_connection *n = call->from;

	if (rpc_call_later(call) || call->method->oneway)
		return;
	if (call->server->hooks)
		answer_note(call, err, m->word, words);
	m->word[0] = answer_header(call->header, err, words);
	if (!n->open)
		return;
	if (n->queue.count || channel_send(&n->channel, m))
		answer_send(n, m->word, err ? 1 : words + 1);
}

void rpc_answer_words(struct rpc_call *call, err_t err, uint64_t *word, unsigned words)
{
	word[0] = answer_header(call->header, err, words);
	if (call->from->open)
		answer_send(call->from, word, err ? 1 : words + 1);
}

void rpc_answer_long(struct rpc_call *call, err_t err, uint64_t *word, const struct rpc_cursor *k)
{
	unsigned words = (unsigned)(k->at - word - 1);

	if (rpc_call_later(call))
		return;
	if (!err && k->bad)
		err = ERR_TOO_LONG; /* the handler gave more than it may */
	answer_note(call, err, word, words);
	rpc_answer_words(call, err, word, words);
}

err_t rpc_redirect(struct rpc_call *call, const struct mailbox *to)
{
	uint64_t word[1 + RPC_REDIRECT_WORDS];

	memcpy(word + 1, to, sizeof(*to));
	word[0] = answer_header(call->header, ERR_REDIRECT, 0);
	if (call->from->open && !call->method->oneway)
		answer_send(call->from, word, 1 + RPC_REDIRECT_WORDS);
	call->header |= RPC_REPLY;
	return ERR_REDIRECT;
}
