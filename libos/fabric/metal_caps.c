/*
 * Capabilities sent over channels on metal: by the monitors, under a ticket that goes in a message of the
 * sender's own.
 */
#include "libos/core/shared_cap.h"
#include "libos/fabric/metal.h"

static struct metal_link *link_of(const struct channel *c)
{
	return c->ops && (c->ops == &metal_channel_ops || c->ops == &metal_lmp_ops) ? c->link : NULL;
}

err_t channel_send_cap(struct channel *c, cptr_t cap, unsigned rights, uint64_t *ticket)
{
	struct metal_link *link = link_of(c);

	return link ? shared_send(link->number, cap, rights, ticket) : ERR_UNSUPPORTED;
}

err_t channel_receive_cap(struct channel *c, uint64_t ticket, cptr_t slot)
{
	struct metal_link *link = link_of(c);

	return link ? shared_receive(link->number, ticket, slot) : ERR_UNSUPPORTED;
}
