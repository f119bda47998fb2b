/*
 * The client's side: taking answers, and waiting for them.
 *
 * Calls without an answer are in the client's list.  Whoever takes an answer's last line
 * finds its call there by its sequence.  In a server that is the thread that leads the loop;
 * in other programs one of the callers, which makes way for another caller when its own
 * answer has come.
 */
#include "libos/rpc/private.h"

#include <stdlib.h>

/* --- answers ---------------------------------------------------------------------------------- */

void rpc_call_append(struct rpc_client *c, struct rpc_pending *p)
{
	p->next = NULL;
	if (c->last)
		c->last->next = p;
	else
		c->calls = p;
	c->last = p;
}

struct rpc_pending *rpc_call_take(struct rpc_client *c, uint64_t header)
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
	struct rpc_pending *p = rpc_call_take(c, header);

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

void rpc_client_take(struct rpc_client *c, err_t err, const struct urpc_message *m)
{
	rpc_client_lock(c);
	if (!err)
		err = line_take(c, m);
	if (err)
		rpc_client_gone(c);
	rpc_client_unlock(c);
}

void rpc_client_ready(struct rpc_client *c)
{
	struct urpc_message m;
	err_t err;

	while (!(c->slow & RPC_SLOW_CLOSED) && (err = channel_receive(c->channel, &m)) != ERR_AGAIN)
		rpc_client_take(c, err, &m);
}

void rpc_client_poll(struct rpc_client *c)
{
	uint32_t back;

	/* Who leads takes them. */
	if (c->server || c->leading || !c->channel || !mutex_try(&c->receiving))
		return;
	back = fabric_enter(c->fabric);
	rpc_client_ready(c);
	fabric_leave(c->fabric, back);
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
	rpc_client_unlock(c);
	while (!p->done) {
		mutex_lock(&c->receiving);
		err = p->done ? ERR_AGAIN : channel_receive_wait(c->channel, &m, 0);
		mutex_unlock(&c->receiving);
		if (err != ERR_AGAIN)
			rpc_client_take(c, err, &m);
	}
	rpc_client_lock(c);
	c->leading = false;
	lead_next(c);
}

/* A program without a server: the caller waits at the channel itself, or for another who does. */
static void wait_alone(struct rpc_client *c, struct rpc_pending *p)
{
	rpc_client_lock(c);
	p->waited = true;
	while (!p->done) {
		if (!c->leading) {
			lead_until(c, p);
			continue;
		}
		rpc_client_unlock(c);
		event_wait(&p->event, 0);
		rpc_client_lock(c);
	}
	rpc_client_unlock(c);
}

void rpc_pending_wait(struct rpc_pending *p)
{
	struct rpc_client *c = p->client;

	/* A thread that has just said so, on another core, may not be done with *p: it has the lock. */
	if (p->done && !(c->slow & RPC_SLOW_SHARED))
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

bool rpc_done(const struct rpc_pending *p) { return p->done; }
