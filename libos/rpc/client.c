/*
 * A client's channel: opening, closing, and finding another peer. The calls that go by it: call.c.
 *
 * That a peer is gone is declared in one place, rpc_client_gone, by whoever receives: so nothing is lost that the peer
 * had answered.
 */
#include "libos/rpc/private.h"

static uint32_t identities;

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

void rpc_client_gone(struct rpc_client *c)
{
	struct rpc_pending *p;

	c->slow |= RPC_SLOW_CLOSED;
	if (c->server && c->channel)
		wait_set_remove(c->channel);
	rpc_inbox_drop(&c->inbox);
	while ((p = c->calls)) {
		c->calls = p->next;
		p->err = ERR_CLOSED;
		p->gone = true;
		p->done = true;
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
	rpc_client_lock(c);
	c->slow &= ~(RPC_SLOW_LOOK | RPC_SLOW_CLOSED | RPC_SLOW_CARRIER | RPC_SLOW_CARRIED);
	if (!c->own.urpc.own)
		c->slow |= RPC_SLOW_CARRIER;
	if (c->own.ops->settled)
		c->slow |= RPC_SLOW_CARRIED;
	rpc_client_unlock(c);
	/* Nothing is answered yet, but it may have closed again. */
	if (c->server && rpc_set_join(c->server, &c->own))
		rpc_client_ready(c);
	return ERR_OK;
}

bool rpc_client_busy(struct rpc_client *c)
{
	bool busy;

	rpc_client_lock(c);
	busy = c->calls != NULL;
	rpc_client_unlock(c);
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
	if (idle && !(c->slow & RPC_SLOW_CLOSED) && rpc_client_busy(c)) {
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
	rpc_client_lock(c);
	rpc_client_gone(c);
	rpc_client_unlock(c);
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
			rpc_client_lock(c);
			rpc_client_gone(c);
			rpc_client_unlock(c);
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

bool rpc_client_is_open(const struct rpc_client *c) { return !(c->slow & RPC_SLOW_CLOSED); }

bool rpc_client_has_room(const struct rpc_client *c)
{
	uint32_t back;
	bool room;

	if (c->slow & RPC_SLOW_SENDING || !c->channel)
		return !(c->slow & RPC_SLOW_SENDING);
	back = fabric_enter(c->fabric);
	room = c->channel->ops->room(c->channel);
	fabric_leave(c->fabric, back);
	return room;
}

/* --- another peer ------------------------------------------------------------------------------ */

err_t rpc_client_renew(struct rpc_client *c)
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

err_t rpc_client_carried(struct rpc_client *c, unsigned words, err_t refused)
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
		rpc_client_lock(c);
		c->slow &= ~RPC_SLOW_LOOK;
		rpc_client_unlock(c);
		c->look(c);
	}
	mutex_unlock(&c->renewing);
}

err_t rpc_client_prepare(struct rpc_client *c, unsigned words)
{
	err_t err = ERR_OK;

	if (c->slow & RPC_SLOW_LOOK)
		client_look(c);
	if (c->slow & RPC_SLOW_CLOSED)
		err = rpc_client_renew(c);
	if (!err && c->slow & RPC_SLOW_CARRIED)
		err = rpc_client_carried(c, words, ERR_OK);
	return err;
}

err_t rpc_client_ensure(struct rpc_client *c)
{
	err_t err = rpc_client_prepare(c, RPC_WORDS_ANY);

	return !err && c->slow & RPC_SLOW_CARRIED ? ERR_UNSUPPORTED : err;
}
