/*
 * Capabilities sent over a channel: each waits here, at the receiver's monitor, under a ticket that the
 * sender tells the receiver in a message.
 *
 * A parcel is a copy in a slot of the monitor's own.  It goes with the receiver's process, with the
 * channel, or when it has been received; nobody has more than are left for others.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"
#include "monitor/connections.h"

#define PARCELS_MAX 256

static struct parcel {
	uint32_t channel; /* the receiver's side; 0: free */
	uint32_t process;
	cptr_t slot;
} parcels[PARCELS_MAX]; /* ticket n is entry n - 1 */
static unsigned used;

static bool parcel_room(uint32_t process)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PARCELS_MAX && used >= PARCELS_MAX / 2; i++)
		count += parcels[i].channel && parcels[i].process == process;
	return count < PARCELS_MAX - used;
}

err_t parcel_put(uint64_t channel, cptr_t source, unsigned rights, uint64_t *ticket)
{
	struct connection *c = channel <= UINT32_MAX ? connection_find((uint32_t)channel) : NULL;
	unsigned i = 0;
	cptr_t slot;
	err_t err;

	if (!c || c->local_done)
		return ERR_CLOSED;
	if (!parcel_room(c->process))
		return ERR_AGAIN;
	err = slot_alloc(&slot);
	if (err)
		return err;
	err = cap_restrict(source, slot, rights);
	if (err) {
		slot_free(slot);
		return err;
	}
	while (parcels[i].channel)
		i++;
	parcels[i] = (struct parcel){ c->id, c->process, slot };
	used++;
	*ticket = i + 1;
	return ERR_OK;
}

static void parcel_drop(struct parcel *p)
{
	if (slot_delete(p->slot))
		slot_free(p->slot); /* it was revoked */
	p->channel = 0;
	used--;
}

void parcels_channel_gone(uint32_t channel)
{
	for (unsigned i = 0; i < PARCELS_MAX && used; i++)
		if (parcels[i].channel == channel)
			parcel_drop(&parcels[i]);
}

void caps_send_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct connection *c = connection_of(r->from, w[0]);
	struct op *o;
	err_t err = !c || c->state != CONNECTION_OPEN || w[2] > RIGHT_ALL ? ERR_ARGUMENT : ERR_OK;

	if (!err && c->peer_done)
		err = ERR_CLOSED;
	o = op_asked(r, err);
	if (!o)
		return;
	o->slot = (uint32_t)w[1];
	copy_begin(o, &(struct copy_op){ .dest = c->peer_id,
					 .core = c->peer_core,
					 .rights = (uint8_t)w[2],
					 .target = CAPS_TO_CHANNEL });
	ops_run();
}

void caps_receive_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct connection *c = connection_of(r->from, w[0]);
	struct parcel *p = w[1] >= 1 && w[1] <= PARCELS_MAX ? &parcels[w[1] - 1] : NULL;
	cptr_t slot;
	err_t err = !c || !p || p->channel != c->id ? ERR_ARGUMENT : process_slot(origin_process(r->from), w[2], &slot);

	/* Revoked meanwhile, it is still to be taken out. */
	if (!err)
		err = cap_copy(p->slot, slot);
	if (!err || err == ERR_CAP_LOOKUP)
		if (p && c && p->channel == c->id)
			parcel_drop(p);
	request_reply(r, err, NULL);
}
