/*
 * The client's side: sending calls, waiting for their answers, finding another peer.
 *
 * Calls without an answer are in the client's list.  Whoever takes an answer's last line
 * finds its call there by its sequence.  In a server that is the thread that leads the loop;
 * in other programs one of the callers, which makes way for another caller when its own
 * answer has come.  That a peer is gone is declared in one place, client_gone, by whoever receives:
 * so nothing is lost that the peer had answered.
 */
#include "libos/rpc/private.h"

#include <stdlib.h>

#define RPC_SLOW_READY (RPC_SLOW_CLOSED | RPC_SLOW_CARRIED | RPC_SLOW_LOOK) /* something is to be done before a call */

static uint32_t identities;

static void client_lock(struct rpc_client *c)
{
	if (c->slow & RPC_SLOW_SHARED)
		mutex_lock(&c->lock);
}

static void client_unlock(struct rpc_client *c)
{
	if (c->slow & RPC_SLOW_SHARED)
		mutex_unlock(&c->lock);
}

/* --- opening and closing ------------------------------------------------------------------ */

void rpc_client_init(struct rpc_client *c, struct fabric *f, struct rpc_server *server)
{
	*c = (struct rpc_client){
		.fabric = f, .server = server, .slow = RPC_SLOW_CLOSED, .identity = mem_increment32(&identities)
	};
	mutex_init(&c->lock, false);
	mutex_init(&c->sending, false);
	mutex_init(&c->receiving, false);
	mutex_init(&c->renewing, false);
}

void rpc_client_share(struct rpc_client *c) { c->slow |= RPC_SLOW_SHARED; }

/* The peer is gone: so are the calls that it had. Under the lock. */
static void client_gone(struct rpc_client *c)
{
	struct rpc_pending *p;

	c->slow |= RPC_SLOW_CLOSED;
	if (c->server && c->channel)
		wait_set_remove(c->channel);
	rpc_inbox_drop(&c->inbox);
	while ((p = c->calls)) {
		c->calls = p->next;
		p->err = ERR_CLOSED;
		p->gone = p->done = true;
		event_signal(&p->event);
	}
	c->last = NULL;
}

/* Says who we are, so that the peer can tell a repeated call. */
static err_t client_hello(struct rpc_client *c)
{
	struct urpc_message m = { .word = { RPC_HEADER(0, RPC_HELLO, 1) | RPC_ONEWAY, c->identity } };
	err_t err = channel_send_lines(&c->own, &m, 1, 0, NULL);

	return err ? err : channel_settle(&c->own);
}

/* The channel is open. */
static err_t client_attach(struct rpc_client *c)
{
	/* Who gets mail is told our number with it; but a peer in place of one that is gone is tried first. */
	err_t err = c->own.ops->settled && !c->peer ? ERR_OK : client_hello(c);

	if (err) {
		channel_close(&c->own);
		return err;
	}
	c->channel = &c->own;
	c->own.tag = c;
	c->peer = c->own.peer;
	client_lock(c);
	c->slow &= ~(RPC_SLOW_LOOK | RPC_SLOW_CLOSED | RPC_SLOW_CARRIER | RPC_SLOW_CARRIED);
	if (!c->own.urpc.own)
		c->slow |= RPC_SLOW_CARRIER;
	if (c->own.ops->settled)
		c->slow |= RPC_SLOW_CARRIED;
	client_unlock(c);
	/* Nothing is answered yet, but it may have closed again. */
	if (c->server && rpc_set_join(c->server, &c->own))
		rpc_client_ready(c);
	return ERR_OK;
}

static bool client_busy(struct rpc_client *c)
{
	bool busy;

	client_lock(c);
	busy = c->calls != NULL;
	client_unlock(c);
	return busy;
}

/*
 * Nobody sends or receives on the old channel any more when the mutexes are ours. `idle`: ERR_AGAIN if calls are under
 * way on it, since a thread that takes their answers has `receiving` until they have come, however long that is. One
 * that begins now waits for `sending`.
 */
static err_t channel_take(struct rpc_client *c, bool idle)
{
	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->sending);
	if (idle && !(c->slow & RPC_SLOW_CLOSED) && client_busy(c)) {
		mutex_unlock(&c->sending);
		return ERR_AGAIN;
	}
	mutex_lock(&c->receiving);
	return ERR_OK;
}

static void channel_leave(struct rpc_client *c)
{
	mutex_unlock(&c->receiving);
	mutex_unlock(&c->sending);
}

/* In place of the channel that there is; both arguments NULL: none. */
static err_t channel_replace(struct rpc_client *c, const char *name, const struct mailbox *at, bool carried)
{
	struct channel_options o = { .carried = carried ? (uint32_t)c->identity : 0 };
	err_t err = ERR_OK;

	if (c->channel)
		channel_close(c->channel);
	c->channel = NULL;
	if (name)
		err = channel_open(c->fabric, name, NULL, &c->own);
	else if (at)
		err = channel_open_at(c->fabric, at, &o, &c->own);
	return err || !(name || at) ? err : client_attach(c);
}

static err_t client_open(struct rpc_client *c, const char *name, const struct mailbox *at, bool carried)
{
	err_t err = channel_take(c, name || at);

	if (err)
		return err;
	client_lock(c);
	client_gone(c);
	client_unlock(c);
	err = channel_replace(c, name, at, carried);
	channel_leave(c);
	return err;
}

err_t rpc_client_open(struct rpc_client *c, const char *name) { return client_open(c, name, NULL, false); }
err_t rpc_client_open_at(struct rpc_client *c, const struct mailbox *at) { return client_open(c, NULL, at, false); }
err_t rpc_client_open_carried(struct rpc_client *c, const struct mailbox *at) { return client_open(c, NULL, at, true); }

/* A call that begins meanwhile waits for the mutex `sending`, and goes by the new channel. */
err_t rpc_client_promote(struct rpc_client *c, const struct mailbox *at)
{
	err_t err = channel_take(c, true);

	if (err)
		return err;
	if (c->slow & RPC_SLOW_CLOSED) {
		err = ERR_CLOSED;
	} else {
		err = channel_replace(c, NULL, at, false);
		if (err && channel_replace(c, NULL, at, true)) {
			client_lock(c);
			client_gone(c);
			client_unlock(c);
		}
	}
	channel_leave(c);
	return err;
}

err_t rpc_connect(struct rpc_client *c, struct fabric *f, struct rpc_server *server, const char *name)
{
	rpc_client_init(c, f, server);
	return rpc_client_open(c, name);
}

void rpc_client_close(struct rpc_client *c)
{
	c->renew = NULL;
	client_open(c, NULL, NULL, false);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void call_append(struct rpc_client *c, struct rpc_pending *p)
{
	p->next = NULL;
	if (c->last)
		c->last->next = p;
	else
		c->calls = p;
	c->last = p;
}

/* The call that a message answers, out of the list; NULL: none. */
static struct rpc_pending *call_take(struct rpc_client *c, uint64_t header)
{
	struct rpc_pending **at = &c->calls, *before = NULL, *p;

	for (; (p = *at); before = p, at = &p->next) {
		if ((p->call[0] ^ header) & RPC_NAMES)
			continue;
		*at = p->next;
		if (c->last == p)
			c->last = before;
		return p;
	}
	return NULL;
}

/* A whole answer, in `line` or in heap memory that becomes the call's. */
static void answer_take(struct rpc_client *c, const struct urpc_message *line, uint64_t *longer)
{
	uint64_t header = longer ? longer[0] : line->word[0];
	struct rpc_pending *p = call_take(c, header);

	if (!p || rpc_header_words(header) - 1 > p->most + RPC_REDIRECT_WORDS) {
		if (p)
			rpc_pending_done(p, ERR_MESSAGE);
		free(longer);
		return;
	}
	if (longer)
		p->reply = longer;
	else
		p->answer = *line;
	rpc_pending_done(p, header & RPC_ERROR ? (err_t)rpc_header_length(header) : ERR_OK);
}

void rpc_pending_done(struct rpc_pending *p, err_t err)
{
	p->err = err;
	p->done = true;
	if (p->waited)
		event_signal(&p->event);
}

/* Takes a line that came. Not ERR_OK: there is no going on with this peer. */
static err_t line_take(struct rpc_client *c, const struct urpc_message *m)
{
	uint64_t *whole = NULL;
	err_t err;

	if (!c->inbox.word && !(m->word[0] & RPC_REPLY))
		return ERR_MESSAGE;
	if (!c->inbox.word && m->word[0] == (RPC_HEADER(0, RPC_LOOK, 0) | RPC_REPLY)) {
		c->slow |= c->look ? RPC_SLOW_LOOK : 0;
		return ERR_OK;
	}
	if (!c->inbox.word && rpc_header_words(m->word[0]) <= URPC_WORDS) {
		answer_take(c, m, NULL);
		return ERR_OK;
	}
	err = rpc_inbox_take(&c->inbox, m, &whole);
	if (whole)
		answer_take(c, NULL, whole);
	return err;
}

static void client_take(struct rpc_client *c, err_t err, const struct urpc_message *m)
{
	client_lock(c);
	if (!err)
		err = line_take(c, m);
	if (err)
		client_gone(c);
	client_unlock(c);
}

void rpc_client_ready(struct rpc_client *c)
{
	struct urpc_message m;
	err_t err;

	while (!(c->slow & RPC_SLOW_CLOSED) && (err = channel_receive(c->channel, &m)) != ERR_AGAIN)
		client_take(c, err, &m);
}

void rpc_client_poll(struct rpc_client *c)
{
	/* Who leads takes them. */
	if (c->server || c->leading || !c->channel || !mutex_try(&c->receiving))
		return;
	rpc_client_ready(c);
	mutex_unlock(&c->receiving);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* The oldest call that a thread waits for: it goes on with taking answers. Under the lock. */
static void lead_next(struct rpc_client *c)
{
	struct rpc_pending *p = c->calls;

	while (p && !p->waited)
		p = p->next;
	if (p)
		event_signal(&p->event);
}

static void lead_until(struct rpc_client *c, struct rpc_pending *p)
{
	struct urpc_message m;
	err_t err;

	c->leading = true;
	client_unlock(c);
	while (!p->done) {
		mutex_lock(&c->receiving);
		err = p->done ? ERR_AGAIN : channel_receive_wait(c->channel, &m, 0);
		mutex_unlock(&c->receiving);
		if (err != ERR_AGAIN)
			client_take(c, err, &m);
	}
	client_lock(c);
	c->leading = false;
	lead_next(c);
}

/* A program without a server: the caller waits at the channel itself, or for another who does. */
static void wait_alone(struct rpc_client *c, struct rpc_pending *p)
{
	client_lock(c);
	p->waited = true;
	while (!p->done) {
		if (!c->leading) {
			lead_until(c, p);
			continue;
		}
		client_unlock(c);
		event_wait(&p->event, 0);
		client_lock(c);
	}
	client_unlock(c);
}

static void pending_wait(struct rpc_pending *p)
{
	struct rpc_client *c = p->client;

	if (p->done)
		return;
	if (!c->server) {
		wait_alone(c, p);
		return;
	}
	p->waited = true;
	rpc_release(c->server);
	while (!p->done)
		event_wait(&p->event, 0);
}

bool rpc_client_is_open(const struct rpc_client *c) { return !(c->slow & RPC_SLOW_CLOSED); }

bool rpc_client_has_room(const struct rpc_client *c)
{
	return !(c->slow & RPC_SLOW_SENDING) && (!c->channel || c->channel->ops->room(c->channel));
}

bool rpc_done(const struct rpc_pending *p) { return p->done; }

/* --- sending ---------------------------------------------------------------------------------- */

#define BATCH 8

/* All lines, waiting for room. The mutex `sending` is ours. */
static err_t lines_send(struct rpc_client *c, const uint64_t *word, unsigned words)
{
	struct urpc_message m[BATCH];
	unsigned lines = rpc_lines(words), some;
	err_t err = ERR_OK;

	for (unsigned line = 0; line < lines && !err; line += some) {
		some = lines - line < BATCH ? lines - line : BATCH;
		for (unsigned i = 0; i < some; i++)
			rpc_line_fill(&m[i], word, words, line + i);
		err = channel_send_lines(&c->own, m, some, 0, NULL);
	}
	return err ? err : channel_settle(&c->own);
}

/* `call`: what it is; NULL: one-way. */
static err_t message_send_slow(struct rpc_client *c, const uint64_t *word, unsigned words,
			       const struct rpc_pending *call)
{
	err_t err;

	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->sending);
	/* A server's threads that find this set come here, too, and wait. */
	if (c->server)
		c->slow |= RPC_SLOW_SENDING;
	/* The channel may be another one by now, and the call is to be repeated there. */
	err = c->slow & RPC_SLOW_CLOSED || (call && call->gone) ? ERR_CLOSED : lines_send(c, word, words);
	if (c->server)
		c->slow &= ~RPC_SLOW_SENDING;
	mutex_unlock(&c->sending);
	return err;
}

static err_t message_send(struct rpc_client *c, const uint64_t *word, unsigned words, const struct rpc_pending *call)
{
	err_t err = ERR_AGAIN;

	if (words <= URPC_WORDS && !(c->slow & ~RPC_SLOW_CARRIER))
		err = channel_send(&c->own, (const struct urpc_message *)word);
	return err == ERR_AGAIN ? message_send_slow(c, word, words, call) : err;
}

/* Finds another peer, if that is still to be done. */
static err_t client_renew(struct rpc_client *c)
{
	err_t err;

	if (!c->renew)
		return ERR_CLOSED;
	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->renewing);
	err = c->slow & RPC_SLOW_CLOSED ? c->renew(c) : ERR_OK;
	mutex_unlock(&c->renewing);
	return err;
}

/* Monitors carry the channel: asks whose client it is whether they are to carry this, too; `refused`: they did not. */
static err_t client_carried(struct rpc_client *c, unsigned words, err_t refused)
{
	err_t err;

	if (!c->carried)
		return refused;
	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->renewing);
	err = c->slow & RPC_SLOW_CARRIED ? c->carried(c, words, refused) : ERR_OK;
	mutex_unlock(&c->renewing);
	return err;
}

/* No call is under way: is there a better peer? Whoever makes a call meanwhile finds the channel open, or renews it. */
static void client_look(struct rpc_client *c)
{
	if (c->server)
		rpc_release(c->server);
	mutex_lock(&c->renewing);
	if (c->slow & RPC_SLOW_LOOK && !c->calls) {
		client_lock(c);
		c->slow &= ~RPC_SLOW_LOOK;
		client_unlock(c);
		c->look(c);
	}
	mutex_unlock(&c->renewing);
}

/* There is a channel for a message of so many words. */
static err_t client_ready(struct rpc_client *c, unsigned words)
{
	err_t err = ERR_OK;

	if (c->slow & RPC_SLOW_LOOK)
		client_look(c);
	if (c->slow & RPC_SLOW_CLOSED)
		err = client_renew(c);
	if (!err && c->slow & RPC_SLOW_CARRIED)
		err = client_carried(c, words, ERR_OK);
	return err;
}

err_t rpc_client_ensure(struct rpc_client *c)
{
	err_t err = client_ready(c, RPC_WORDS_ANY);

	return !err && c->slow & RPC_SLOW_CARRIED ? ERR_UNSUPPORTED : err;
}

static void call_unlink(struct rpc_client *c, struct rpc_pending *p)
{
	client_lock(c);
	if (!p->done)
		call_take(c, p->call[0]);
	client_unlock(c);
}

/*
 * Puts the call into the list and sends it. A peer that is gone is no error here: the call stays in the list,
 * and whoever receives finds out.
 */
static err_t call_send(struct rpc_client *c, struct rpc_pending *p)
{
	err_t err;

	p->next = NULL;
	p->gone = p->done = p->waited = false;
	client_lock(c);
	call_append(c, p);
	if (c->slow & RPC_SLOW_CLOSED)
		client_gone(c);
	client_unlock(c);
	if (p->done)
		return ERR_OK;
	err = message_send(c, p->call, p->words, p);
	p->sent |= !err;
	if (!err || err == ERR_CLOSED)
		return ERR_OK;
	call_unlink(c, p);
	return err;
}

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
	err_t err = c->slow & RPC_SLOW_READY ? client_ready(c, p->words) : ERR_OK;

	pending_init(c, p, most);
	if (!err) {
		client_lock(c);
		p->call[0] |= (uint64_t)++c->sequence << 32;
		client_unlock(c);
		err = call_send(c, p);
		if (err && c->slow & RPC_SLOW_CARRIED && !client_carried(c, p->words, err))
			err = call_send(c, p);
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
	call_append(c, p);
	client_take(c, err, &m);
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
	err = client_renew(c);
	if (err)
		return err;
	if (p->sent)
		p->call[0] |= RPC_REPEAT;
	return call_send(c, p);
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
		err = call_send(&aside, p);
		if (!err)
			pending_wait(p);
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
	if (client_busy(c)) {
		err = call_aside(c, p, &to);
	} else {
		err = way_open(c, c, &to);
		if (!err)
			err = call_send(c, p);
	}
	return err == ERR_AGAIN ? call_send(c, p) : err;
}

err_t rpc_finish(struct rpc_pending *p)
{
	err_t err = ERR_OK;

	for (;;) {
		pending_wait(p);
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
	call_unlink(p->client, p);
	rpc_forget(p);
}

/* --- one-way ---------------------------------------------------------------------------------- */

err_t rpc_send_slow(struct rpc_client *c, const uint64_t *word, unsigned words)
{
	err_t err = c->slow & (RPC_SLOW_CLOSED | RPC_SLOW_CARRIED) ? client_ready(c, words) : ERR_OK;

	if (err)
		return err;
	err = message_send(c, word, words, NULL);
	if (err && c->slow & RPC_SLOW_CARRIED && !client_carried(c, words, err))
		err = message_send(c, word, words, NULL);
	return err;
}

err_t rpc_wake(struct rpc_client *c)
{
	if (urpc_claim_wakeup(&c->own.urpc))
		c->fabric->ops->notify(&c->own);
	return ERR_OK;
}

err_t rpc_send_long(struct rpc_client *c, uint64_t *word, const struct rpc_cursor *k, const struct rpc_shape *shape)
{
	unsigned words = (unsigned)(k->at - word);

	word[0] = shape->header | (uint64_t)(words - 1) << 16;
	return k->bad ? ERR_TOO_LONG : rpc_send_slow(c, word, words);
}

err_t rpc_send_packed(struct rpc_client *c, const struct rpc_packed *m) { return rpc_send_slow(c, m->word, m->words); }
