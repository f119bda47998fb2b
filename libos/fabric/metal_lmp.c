/*
 * Channels that LMP carries, between two processes of one core.
 *
 * A line is the first 7 words of an LMP message.  The CPU driver wakes the
 * receiver, so there is no doorbell; and it keeps the receiver's ring, so a full
 * one is known only by trying: who waits for room lets the receiver run.
 */
#include "libos/fabric/metal.h"

#include <string.h>

#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"

_Static_assert(sizeof(struct urpc_message) == LMP_WORDS * sizeof(uint64_t), "lmp_send reads 8 words");

static err_t send_result(struct channel *c, err_t err)
{
	if (!err)
		return ERR_OK;
	if (err == ERR_EP_FULL)
		return ERR_AGAIN;
	/* The capability is gone, or the endpoint unbound: the peer has ended. */
	c->closed = 1;
	return ERR_CLOSED;
}

static err_t lmp_channel_send(struct channel *c, const struct urpc_message *m)
{
	struct metal_link *link = c->link;

	return c->closed ? ERR_CLOSED : send_result(c, lmp_send(link->peer, URPC_WORDS, m->word, CPTR_NULL));
}

/* An empty message is metal_lmp_poke's, which says that the channel may have closed. */
static err_t line_take(struct channel *c, struct urpc_message *m, const struct lmp_message *in)
{
	unsigned length = LMP_LENGTH(in->header);

	if (!length)
		return mem_load32(&c->closed) ? ERR_CLOSED : ERR_AGAIN;
	memcpy(m->word, in->words, URPC_WORDS * sizeof(uint64_t));
	for (unsigned i = length; i < URPC_WORDS; i++)
		m->word[i] = 0;
	return ERR_OK;
}

static err_t lmp_channel_receive(struct channel *c, struct urpc_message *m)
{
	struct metal_link *link = c->link;
	uint32_t closed = __atomic_load_n(&c->closed, __ATOMIC_ACQUIRE);
	struct lmp_message in;

	/* `closed` is read first: what was sent before it is in the ring by then. */
	if (!lmp_poll(&link->endpoint, &in))
		return closed ? ERR_CLOSED : ERR_AGAIN;
	return line_take(c, m, &in);
}

/* By the call that hands the processor over together with the message. */
static err_t lmp_channel_call(struct channel *c, const struct urpc_message *request, struct urpc_message *reply)
{
	struct metal_link *link = c->link;
	struct lmp_message in;
	err_t err = c->closed ? ERR_CLOSED : ERR_OK;

	if (!err)
		err = send_result(c, lmp_call(link->peer, URPC_WORDS, request->word, CPTR_NULL, &link->endpoint, &in));
	if (!err)
		err = line_take(c, reply, &in);
	return err == ERR_AGAIN ? channel_receive_wait(c, reply, 0) : err;
}

static inline bool ring_ready(const struct channel *c)
{
	const struct metal_link *link = c->link;
	const struct lmp_ring *ring = link->endpoint.ring;

	return mem_load32(&ring->produced) != mem_load32(&ring->consumed) || mem_load32(&c->closed);
}

/* The ring is seen on its own core only: asked from another one, there may be something. */
static __attribute__((noinline)) bool ready_from_anywhere(struct channel *c)
{
	return cpu_current() != c->fabric->core || ring_ready(c);
}

static bool lmp_channel_ready(struct channel *c) { return thread_has_cpus() ? ready_from_anywhere(c) : ring_ready(c); }

static bool lmp_channel_room(struct channel *c)
{
	(void)c;
	if (thread_others())
		thread_yield();
	else
		dispatcher_yield();
	return true;
}

static void lmp_channel_flush(struct channel *c) { (void)c; }
static void lmp_channel_mark(struct channel *c, bool on) { (void)c, (void)on; }

static void lmp_channel_close(struct channel *c) { metal_link_free(c->link); }

const struct channel_ops metal_lmp_ops = {
	.name = "lmp",
	.send = lmp_channel_send,
	.receive = lmp_channel_receive,
	.flush = lmp_channel_flush,
	.ready = lmp_channel_ready,
	.tend = lmp_channel_ready,
	.sleep = lmp_channel_mark,
	.starve = lmp_channel_mark,
	.room = lmp_channel_room,
	.call = lmp_channel_call,
	.close = lmp_channel_close,
	.near = true,
};

/* In disabled mode: messages came. */
static void lmp_arrived_handler(void *arg)
{
	struct metal_link *link = arg;

	if (link->channel && link->channel->set)
		metal_wake(link->channel->set);
}

void metal_lmp_poke(struct metal_link *link)
{
	static const uint64_t nothing[LMP_WORDS];

	/* When its ring is full nobody waits for a message. */
	lmp_send(link->endpoint.cap, 0, nothing, CPTR_NULL);
}

void metal_lmp_attach(struct metal_link *link) { lmp_endpoint_handle(&link->endpoint, lmp_arrived_handler, link); }
