/*
 * The client's side: sending calls, and messages without an answer.
 *
 * A thread of a process that spans cores may be on another than the channel: what LMP sends by, and what wakes a peer,
 * are capabilities of the channel's core, so it goes there for that.
 */
#include "libos/rpc/private.h"

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

static err_t line_send(struct rpc_client *c, const uint64_t *word)
{
	uint32_t back = fabric_enter(c->fabric);
	err_t err = channel_send(&c->own, (const struct urpc_message *)word);

	fabric_leave(c->fabric, back);
	return err;
}

static err_t message_send(struct rpc_client *c, const uint64_t *word, unsigned words, const struct rpc_pending *call)
{
	err_t err = ERR_AGAIN;

	if (words <= URPC_WORDS && !(c->slow & ~RPC_SLOW_CARRIER))
		err = line_send(c, word);
	return err == ERR_AGAIN ? message_send_slow(c, word, words, call) : err;
}

/* --- calls ------------------------------------------------------------------------------------- */

void rpc_call_unlink(struct rpc_client *c, struct rpc_pending *p)
{
	rpc_client_lock(c);
	if (!p->done)
		rpc_call_take(c, p->call[0]);
	rpc_client_unlock(c);
}

err_t rpc_call_send(struct rpc_client *c, struct rpc_pending *p)
{
	err_t err;

	p->next = NULL;
	p->gone = p->done = p->waited = false;
	rpc_client_lock(c);
	rpc_call_append(c, p);
	if (c->slow & RPC_SLOW_CLOSED)
		rpc_client_gone(c);
	rpc_client_unlock(c);
	if (p->done)
		return ERR_OK;
	err = message_send(c, p->call, p->words, p);
	p->sent |= !err;
	if (!err || err == ERR_CLOSED)
		return ERR_OK;
	rpc_call_unlink(c, p);
	return err;
}

/* --- one-way ---------------------------------------------------------------------------------- */

err_t rpc_send_slow(struct rpc_client *c, const uint64_t *word, unsigned words)
{
	err_t err = c->slow & (RPC_SLOW_CLOSED | RPC_SLOW_CARRIED) ? rpc_client_prepare(c, words) : ERR_OK;

	if (err)
		return err;
	err = message_send(c, word, words, NULL);
	if (err && c->slow & RPC_SLOW_CARRIED && !rpc_client_carried(c, words, err))
		err = message_send(c, word, words, NULL);
	return err;
}

err_t rpc_wake(struct rpc_client *c)
{
	uint32_t back;

	if (!urpc_claim_wakeup(&c->own.urpc))
		return ERR_OK;
	back = fabric_enter(c->fabric);
	c->fabric->ops->notify(&c->own);
	fabric_leave(c->fabric, back);
	return ERR_OK;
}

err_t rpc_send_long(struct rpc_client *c, uint64_t *word, const struct rpc_cursor *k, const struct rpc_shape *shape)
{
	unsigned words = (unsigned)(k->at - word);

	word[0] = shape->header | (uint64_t)(words - 1) << 16;
	return k->bad ? ERR_TOO_LONG : rpc_send_slow(c, word, words);
}

err_t rpc_send_packed(struct rpc_client *c, const struct rpc_packed *m) { return rpc_send_slow(c, m->word, m->words); }
