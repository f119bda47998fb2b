/*
 * What a member answers to others and to commands (libos/fleet/proto.h).
 *
 * Words of members are believed only from processes that are members: the pid of a caller is told by
 * its monitor.
 */
#include "libos/fleet/private.h"

#include <stdlib.h>
#include <string.h>

static struct fleet_self *self_of(const struct rpc_call *call) { return ((struct fleet *)call->server->tag)->self; }

static const struct fleet_member *member_of(const struct rpc_call *call)
{
	return view_find_pid(&self_of(call)->fleet->view, call->peer);
}

/* --- between members -------------------------------------------------------------------------- */

static err_t handle_join(struct rpc_call *call, uint32_t number, const struct mailbox *at)
{
	struct fleet_self *s = self_of(call);

	for (unsigned i = 0; i < FLEET_NEWCOMERS; i++) {
		struct fleet_newcomer *n = &s->newcomer[i];

		/* It may be here sooner than the monitor's word that it was started. */
		while (n->used && n->number == number && !n->pid)
			self_wait(s, fabric_now(s->fleet->fabric) + s->ms);
		if (!n->used || n->number != number || n->pid != call->peer || at->pid != call->peer)
			continue;
		n->at = *at;
		n->joined = true;
		event_signal(&s->work);
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

/* Who made this view, and may tell it: the coordinator in it, or for a newcomer also who started it. */
static bool may_install(const struct fleet_self *s, const struct rpc_call *call, const struct fleet_view *v)
{
	const struct fleet_member *c = view_coordinator(v);

	if (!c || c->at.pid != call->peer || v->head.version >> 32 != c->number)
		return false;
	return s->serving ? view_get(&s->fleet->view, c->number) != NULL : s->parent == call->peer;
}

static err_t handle_install(struct rpc_call *call, const struct fleet_head *head, uint32_t count,
			    const struct fleet_member *members)
{
	struct fleet_self *s = self_of(call);
	struct fleet_view *v;
	err_t err;

	if (!count || count > FLEET_MEMBERS)
		return ERR_MESSAGE;
	v = calloc(1, sizeof(*v));
	if (!v)
		return ERR_NO_MEMORY;
	v->head = *head;
	for (uint32_t i = 0; i < count; i++)
		view_add(v, &members[i]);
	err = may_install(s, call, v) ? self_install(s, v) : ERR_DENIED;
	free(v);
	return err;
}

static err_t handle_beat(struct rpc_call *call, uint64_t settled, uint32_t mean, struct fleet_pulse *pulse)
{
	struct fleet_self *s = self_of(call);

	if (!member_of(call))
		return ERR_DENIED;
	s->beats++;
	if (settled > s->settled)
		s->settled = settled;
	s->mean = mean;
	*pulse = pulse_own(s);
	return ERR_OK;
}

static err_t view_out(const struct fleet_view *v, struct fleet_head *head, uint32_t *count,
		      struct fleet_member *members)
{
	if (*count < v->count)
		return ERR_TOO_LONG;
	*head = v->head;
	*count = v->count;
	memcpy(members, v->member, v->count * sizeof(*members));
	return ERR_OK;
}

static err_t handle_state(struct rpc_call *call, struct fleet_head *head, uint32_t *count, struct fleet_member *members)
{
	struct fleet_self *s = self_of(call);

	if (member_of(call))
		s->beats++; /* somebody is about to be coordinator */
	return view_out(&s->fleet->view, head, count, members);
}

static err_t told(struct fleet *f, uint32_t from, uint32_t what, const void *data, size_t bytes, size_t *answered)
{
	*answered = 0;
	return f->ops->told ? f->ops->told(f, from, what, data, bytes) : ERR_UNSUPPORTED;
}

/*
 * A member may tell us something of a view that we have not got yet, and be in it where it is not in ours; then it
 * has been told of us by the coordinator, and is one that we shall be told of.
 */
static err_t handle_carry(struct rpc_call *call, uint32_t port, uint32_t what, uint32_t bytes, const void *data,
			  uint32_t *answered, void *answer)
{
	struct fleet_self *s = self_of(call);
	const struct fleet_member *m = member_of(call);
	uint32_t from = m ? m->number : UINT32_MAX;
	size_t room = *answered;
	err_t err;

	if (!m && s->serving)
		return ERR_DENIED;
	if (m)
		peer_heard(s, from);
	if (port == FLEET_PORT_SERVICE)
		err = told(s->fleet, from, what, data, bytes, &room);
	else if (port < FLEET_PORTS && s->port[port].fn)
		err = s->port[port].fn(s->port[port].arg, from, what, data, bytes, answer, &room);
	else
		err = ERR_UNSUPPORTED;
	*answered = (uint32_t)room;
	return err;
}

static err_t handle_end(struct rpc_call *call)
{
	struct fleet_self *s = self_of(call);

	if (!member_of(call))
		return ERR_DENIED;
	if (s->fleet->ops->leave)
		s->fleet->ops->leave(s->fleet);
	self_end(s, NULL);
	return ERR_OK;
}

/* --- commands ------------------------------------------------------------------------------------- */

/* ERR_OK here, or what the handler is to return. */
static err_t at_coordinator(struct rpc_call *call)
{
	struct fleet_self *s = self_of(call);
	const struct fleet_member *c = view_coordinator(&s->fleet->view);

	if (s->coordinator)
		return ERR_OK;
	return c && c->number != s->fleet->number ? rpc_redirect(call, &c->at) : ERR_AGAIN;
}

/* The same before what every view has is changed: in one that is being told now the change would be lost. */
static err_t at_coordinator_still(struct rpc_call *call)
{
	struct fleet_self *s = self_of(call);

	while (s->coordinator && s->changing)
		self_wait(s, 0);
	return at_coordinator(call);
}

static err_t handle_list(struct rpc_call *call, struct fleet_head *head, struct fleet_times *times, uint32_t *count,
			 struct fleet_member *members)
{
	struct fleet_self *s = self_of(call);
	err_t err = at_coordinator(call);

	if (err)
		return err;
	pulse_collect(s);
	*times = s->times;
	times->settled = s->settled;
	return view_out(&s->fleet->view, head, count, members);
}

static err_t handle_resize(struct rpc_call *call, uint32_t wanted)
{
	struct fleet_self *s = self_of(call);
	struct fleet_head *head = &s->fleet->view.head;
	err_t err = at_coordinator_still(call);

	if (err)
		return err;
	if (wanted < 1 || wanted > head->policy.most)
		return ERR_ARGUMENT;
	head->wanted = wanted;
	head->policy.least = wanted; /* else it would shrink again by itself */
	s->adapted = true;
	event_signal(&s->work);
	return ERR_OK;
}

static err_t handle_dismiss(struct rpc_call *call, uint32_t number)
{
	struct fleet_self *s = self_of(call);
	err_t err = at_coordinator(call);

	if (err)
		return err;
	if (!view_get(&s->fleet->view, number))
		return ERR_NOT_FOUND;
	if (s->dismissing && s->dismissed != number)
		return ERR_AGAIN;
	s->dismissed = number;
	s->near = CORES_MAX;
	s->dismissing = true;
	event_signal(&s->work);
	return ERR_OK;
}

static err_t handle_adapt(struct rpc_call *call, const struct fleet_policy *policy)
{
	struct fleet_self *s = self_of(call);
	struct fleet_head *head = &s->fleet->view.head;
	struct fleet_policy p = *policy;
	err_t err = at_coordinator_still(call);

	if (err)
		return err;
	scale_policy(&p, &head->policy);
	head->policy = p;
	if (head->wanted < p.least)
		head->wanted = p.least;
	if (head->wanted > p.most)
		head->wanted = p.most;
	s->adapted = true;
	event_signal(&s->work);
	return ERR_OK;
}

const struct fleet_handlers fleet_control = {
	.join = handle_join,
	.install = handle_install,
	.beat = handle_beat,
	.state = handle_state,
	.carry = handle_carry,
	.end = handle_end,
	.list = handle_list,
	.resize = handle_resize,
	.dismiss = handle_dismiss,
	.adapt = handle_adapt,
};
