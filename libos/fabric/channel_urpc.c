/*
 * Channels that URPC carries: the operations that metal and hosted share.
 *
 * The doorbell line is looked at only off the fast path: when the ring is found
 * empty, and before sleeping.  A peer that waits for room has filled the ring
 * and stopped, so its ring is found empty before long.
 */
#include "libos/fabric/fabric.h"

err_t channel_urpc_send(struct channel *c, const struct urpc_message *m)
{
	if (__builtin_expect(c->closed, 0))
		return ERR_CLOSED;
	if (urpc_send(&c->urpc, m))
		return ERR_OK;
	channel_urpc_tend(c);
	/* Also with messages of the peer's still to be received: it will make no room. */
	return c->closed || urpc_peer_deaf(&c->urpc) ? ERR_CLOSED : ERR_AGAIN;
}

err_t channel_urpc_receive(struct channel *c, struct urpc_message *m)
{
	if (urpc_receive(&c->urpc, m))
		return ERR_OK;
	if (!channel_urpc_tend(c))
		return ERR_AGAIN;
	/* Closed is seen only with the ring empty behind it, but a message may have come in between. */
	return urpc_receive(&c->urpc, m) ? ERR_OK : c->closed ? ERR_CLOSED : ERR_AGAIN;
}

void channel_urpc_flush(struct channel *c)
{
	if (urpc_kick(&c->urpc))
		c->fabric->ops->notify(c);
}

bool channel_urpc_ready(struct channel *c) { return urpc_poll(&c->urpc) || c->closed; }

bool channel_urpc_tend(struct channel *c)
{
	if (urpc_peer_starved(&c->urpc))
		c->fabric->ops->notify(c);
	if (urpc_peer_closed(&c->urpc))
		c->closed = 1;
	return channel_urpc_ready(c);
}

void channel_urpc_sleep(struct channel *c, bool asleep)
{
	if (asleep)
		urpc_sleep_mark(&c->urpc);
	else
		urpc_sleep_cancel(&c->urpc);
}

void channel_urpc_starve(struct channel *c, bool starved)
{
	if (starved)
		urpc_starve_mark(&c->urpc);
	else
		urpc_starve_cancel(&c->urpc);
}

bool channel_urpc_room(struct channel *c)
{
	return urpc_can_send(&c->urpc) || (channel_urpc_tend(c) && c->closed) || urpc_peer_deaf(&c->urpc);
}

void channel_urpc_end(struct channel *c)
{
	bool asleep, starved;

	urpc_close(&c->urpc);
	asleep = urpc_kick(&c->urpc); /* its fence is before the look at `starved`, too */
	starved = urpc_peer_starved(&c->urpc);
	if (asleep || starved)
		c->fabric->ops->notify(c);
}
