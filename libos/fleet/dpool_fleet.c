/*
 * A dPool's transport by a fleet: dpool_fleet.h.
 */
#include "libos/fleet/dpool_fleet.h"

static err_t fleet_transport_tell(struct dpool *p, uint32_t member, uint32_t what, const void *data, size_t bytes)
{
	return fleet_ask(p->tag, member, FLEET_PORT_DPOOL, what, data, bytes, NULL, NULL);
}

static unsigned fleet_transport_others(struct dpool *p, uint32_t *numbers)
{
	const struct fleet *f = p->tag;
	unsigned n = 0;

	for (uint32_t i = 0; i < f->view.count; i++)
		if (f->view.member[i].number != f->number && f->view.member[i].state != FLEET_JOINING)
			numbers[n++] = f->view.member[i].number;
	return n;
}

static void fleet_transport_release(struct dpool *p) { rpc_release(&((struct fleet *)p->tag)->server); }

static const struct dpool_transport fleet_transport = { .tell = fleet_transport_tell,
							.others = fleet_transport_others,
							.release = fleet_transport_release };

static err_t arrived(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		     size_t *answered)
{
	(void)answer;
	*answered = 0;
	return dpool_told(arg, from, what, data, bytes);
}

err_t dpool_fleet_open(struct dpool *p, struct fleet *f, const struct dpool_scheme *scheme, uint32_t bytes,
		       uint32_t low, uint32_t high)
{
	err_t err = dpool_open(p, scheme, &fleet_transport, f->number, bytes, low, high, f);

	if (!err)
		fleet_listen(f, FLEET_PORT_DPOOL, arrived, p);
	return err;
}

void dpool_fleet_changed(struct dpool *p, struct fleet *f, const struct fleet_view *old)
{
	const struct fleet_member *me;

	for (uint32_t i = 0; i < old->count; i++)
		if (!view_get(&f->view, old->member[i].number))
			dpool_member_gone(p, old->member[i].number);
	me = view_get(&f->view, f->number);
	if (me && me->state == FLEET_LEAVING)
		dpool_leave(p);
}
