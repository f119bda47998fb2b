/*
 * The client's side: a call from its start to its end, repeated or redirected as its peers come and go.
 */
#include "libos/rpc/private.h"

#include <stdlib.h>
#include <string.h>

#define RPC_SLOW_READY (RPC_SLOW_CLOSED | RPC_SLOW_CARRIED | RPC_SLOW_LOOK) /* something is to be done before a call */

static void pending_init(struct rpc_client *c, struct rpc_pending *p, unsigned most)
{
	p->client = c;
	p->next = NULL;
	p->reply = p->answer.word;
	p->most = most;
	p->repeats = p->redirects = 0;
	p->sent = p->gone = p->done = p->waited = false;
	event_init(&p->event);
}

static void line_init(struct rpc_pending *p, unsigned words, bool idempotent)
{
	p->call = p->line.word;
	p->held = NULL;
	p->words = words + 1;
	p->idempotent = idempotent;
	p->once = false;
}

static err_t call_start(struct rpc_client *c, struct rpc_pending *p, unsigned most)
{
	err_t err = c->slow & RPC_SLOW_READY ? rpc_client_prepare(c, p->words) : ERR_OK;

	pending_init(c, p, most);
	if (!err) {
		rpc_client_lock(c);
		p->call[0] |= (uint64_t)++c->sequence << 32;
		rpc_client_unlock(c);
		err = rpc_call_send(c, p);
		if (err && c->slow & RPC_SLOW_CARRIED && !rpc_client_carried(c, p->words, err))
			err = rpc_call_send(c, p);
	}
	if (err)
		rpc_forget(p);
	return err;
}

err_t rpc_start_line(struct rpc_client *c, struct rpc_pending *p, unsigned words, unsigned most, bool idempotent)
{
	line_init(p, words, idempotent);
	return call_start(c, p, most);
}

err_t rpc_start_long(struct rpc_client *c, struct rpc_pending *p, struct rpc_cursor *k, const struct rpc_shape *shape)
{
	p->words = (uint32_t)(k->at - p->call);
	if (k->bad) {
		free(p->held);
		return ERR_TOO_LONG;
	}
	p->call[0] = shape->header | (uint64_t)(p->words - 1) << 16;
	if (p->words <= URPC_WORDS) {
		for (unsigned i = 0; i < URPC_WORDS; i++)
			p->line.word[i] = i < p->words ? p->call[i] : 0;
		free(p->held);
		p->held = NULL;
		p->call = p->line.word;
	}
	p->idempotent = shape->idempotent;
	p->once = shape->once;
	return call_start(c, p, shape->most);
}

err_t rpc_hold(struct rpc_pending *p, struct rpc_cursor *k, unsigned words)
{
	p->call = p->held = malloc(words * sizeof(uint64_t));
	if (!p->held)
		return ERR_NO_MEMORY;
	*k = (struct rpc_cursor){ .at = p->call + 1, .end = p->call + words };
	return ERR_OK;
}

err_t rpc_start_packed(struct rpc_client *c, struct rpc_pending *p, const struct rpc_packed *m)
{
	struct rpc_cursor k;
	err_t err = rpc_hold(p, &k, m->words);

	if (err)
		return err;
	rpc_put_bytes(&k, m->word + 1, (m->words - 1) * sizeof(uint64_t));
	return rpc_start_long(c, p, &k, m->shape);
}

/* --- calling ---------------------------------------------------------------------------------- */

/*
 * A call of a client with no server, in one go: a channel's own way of calling may be quicker than a
 * message each way. What comes that is not just its answer goes the usual way.
 */
static void call_alone(struct rpc_client *c, struct rpc_pending *p)
{
	struct urpc_message m;
	err_t err = channel_call(&c->own, &p->line, &m);

	p->sent = true;
	if (!err && !((m.word[0] ^ p->line.word[0]) & RPC_NAMES) && rpc_header_words(m.word[0]) <= URPC_WORDS &&
	    m.word[0] & RPC_REPLY && rpc_header_words(m.word[0]) - 1 <= p->most + RPC_REDIRECT_WORDS) {
		p->answer = m;
		rpc_pending_done(p, m.word[0] & RPC_ERROR ? (err_t)rpc_header_length(m.word[0]) : ERR_OK);
		return;
	}
	rpc_call_append(c, p);
	rpc_client_take(c, err, &m);
}

err_t rpc_call_line(struct rpc_client *c, struct rpc_pending *p, unsigned words, unsigned most, bool idempotent)
{
	err_t err;

	if (c->server || c->slow & ~RPC_SLOW_CARRIER) {
		err = rpc_start_line(c, p, words, most, idempotent);
		return err ? err : rpc_finish(p);
	}
	pending_init(c, p, most);
	line_init(p, words, idempotent);
	p->line.word[0] |= (uint64_t)++c->sequence << 32;
	call_alone(c, p);
	return rpc_finish(p);
}

/* May it be sent once more? What time has forgotten counts no longer. */
static bool repeat_count(struct rpc_client *c, struct rpc_pending *p)
{
	cycles_t now = fabric_now(c->fabric), forgotten = 0;

	if (!p->repeats)
		p->since = now;
	else if (c->calm)
		forgotten = (now - p->since) / c->calm;
	p->since += forgotten * c->calm;
	p->repeats -= forgotten < p->repeats ? (uint16_t)forgotten : p->repeats;
	return p->repeats++ < RPC_REPEATS;
}

/* Sends the call again, which the peer that had it did not answer. */
static err_t call_repeat(struct rpc_client *c, struct rpc_pending *p)
{
	err_t err;

	if (p->once || !repeat_count(c, p))
		return ERR_CLOSED;
	p->redirects = 0;
	err = rpc_client_renew(c);
	if (err)
		return err;
	if (p->sent)
		p->call[0] |= RPC_REPEAT;
	return rpc_call_send(c, p);
}

static err_t way_open(struct rpc_client *c, struct rpc_client *way, const struct mailbox *to)
{
	err_t err;

	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->renewing);
	err = c->redirect(c, way, to);
	mutex_unlock(&c->renewing);
	return err;
}

/* Makes this one call by a channel of its own, under the same name, and waits for what comes of it. */
static err_t call_aside(struct rpc_client *c, struct rpc_pending *p, const struct mailbox *to)
{
	struct rpc_client aside;
	err_t err;

	rpc_client_init(&aside, c->fabric, c->server);
	aside.identity = c->identity;
	err = way_open(c, &aside, to);
	if (!err) {
		p->client = &aside;
		err = rpc_call_send(&aside, p);
		if (!err)
			rpc_pending_wait(p);
		p->client = c;
	}
	rpc_client_close(&aside);
	return err;
}

/*
 * The peer says that another is to be asked: it did nothing, so this is no repetition. The client goes there, unless
 * other calls of it are under way: those may have to stay where they are, and for long.
 */
static err_t call_redirect(struct rpc_client *c, struct rpc_pending *p)
{
	struct mailbox to;
	err_t err;

	if (p->once || !c->redirect || p->redirects++ == RPC_REPEATS)
		return ERR_REDIRECT;
	memcpy(&to, &p->answer.word[1], sizeof(to));
	p->sent = false;
	if (rpc_client_busy(c)) {
		err = call_aside(c, p, &to);
	} else {
		err = way_open(c, c, &to);
		if (!err)
			err = rpc_call_send(c, p);
	}
	return err == ERR_AGAIN ? rpc_call_send(c, p) : err;
}

err_t rpc_finish(struct rpc_pending *p)
{
	err_t err = ERR_OK;

	for (;;) {
		rpc_pending_wait(p);
		if (p->gone)
			err = call_repeat(p->client, p);
		else if (p->err == ERR_REDIRECT)
			err = call_redirect(p->client, p);
		else
			return p->err;
		if (err)
			return err;
	}
}

void rpc_forget_long(struct rpc_pending *p)
{
	free(p->held);
	if (p->reply != p->answer.word)
		free(p->reply);
	p->held = NULL;
	p->reply = p->answer.word;
}

void rpc_abandon(struct rpc_pending *p)
{
	rpc_call_unlink(p->client, p);
	rpc_forget(p);
}
