/*
 * The other members: a client for each that we have talked to, words between libraries, and
 * making sure that one is dead.
 *
 * A peer's record stays while the view has the member; its client is never renewed, because
 * another member is not the same. Records go in peers_prune, when no thread uses them.
 */
#include "libos/fleet/private.h"

#include <stdlib.h>
#include <string.h>

static struct fleet_peer *peer_find(struct fleet_self *s, uint32_t number)
{
	struct fleet_peer *p = s->peers;

	while (p && p->number != number)
		p = p->next;
	return p;
}

struct fleet_peer *peer_of(struct fleet_self *s, uint32_t number)
{
	const struct fleet_member *m = view_get(&s->fleet->view, number);
	struct fleet_peer *p = peer_find(s, number);

	if (p || !m)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->self = s;
	p->number = number;
	p->at = m->at;
	rpc_client_init(&p->client, s->fleet->fabric, &s->fleet->server);
	p->next = s->peers;
	s->peers = p;
	return p;
}

/* As below, for one that does not go meanwhile. `tried`: another thread has, while we waited for it. */
static err_t peer_try(struct fleet_self *s, struct fleet_peer *p, bool tried)
{
	err_t err;

	if (p->dead)
		return ERR_CLOSED;
	if (p->client.channel)
		return ERR_OK;
	if (tried)
		return ERR_CLOSED;
	p->opening = true;
	err = rpc_client_open_at(&p->client, &p->at);
	p->opening = false;
	self_wake(s);
	return err ? ERR_CLOSED : ERR_OK;
}

/*
 * Opens the channel, once; several threads may want it. Who has waited for another's attempt shares its outcome: those
 * that try again and again would else keep it waiting for ever.
 */
static err_t peer_open(struct fleet_self *s, struct fleet_peer *p)
{
	bool tried = p->opening;
	err_t err;

	p->users++;
	while (p->opening)
		self_wait(s, 0);
	err = peer_try(s, p, tried);
	p->users--;
	return err;
}

struct rpc_client *fleet_peer(struct fleet *f, uint32_t number)
{
	struct fleet_peer *p = peer_of(f->self, number);

	if (!p)
		return NULL;
	/* A channel that could not be opened gives ERR_CLOSED at the first call. */
	peer_open(f->self, p);
	return &p->client;
}

void peer_heard(struct fleet_self *s, uint32_t number)
{
	const struct fleet_member *first = view_coordinator(&s->fleet->view);
	struct fleet_peer *p = peer_find(s, number);

	if (p)
		p->missed = 0;
	if (first && first->number == number)
		s->beats++;
}

void peers_prune(struct fleet_self *s)
{
	struct fleet_peer **at = &s->peers, *p;

	while ((p = *at)) {
		if (view_get(&s->fleet->view, p->number) || p->users || p->opening || p->fencing || p->beating) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		rpc_client_close(&p->client);
		free(p);
	}
}

bool peer_fence_hung(struct fleet_self *s, struct fleet_peer *p, unsigned ms)
{
	err_t err;

	while (p->fencing)
		self_wait(s, 0);
	if (p->dead)
		return true;
	p->fencing = true;
	err = ms ? mon_kill_hung(p->at.pid, ms) : mon_kill(p->at.pid);
	p->fencing = false;
	/* A process that is no more, or whose core has been excluded, does nothing any more. */
	p->dead = !err || err == ERR_NO_PROCESS || err == ERR_CORE_TIMEOUT || err == ERR_CORE_DOWN;
	self_wake(s);
	return p->dead;
}

bool peer_fence(struct fleet_self *s, struct fleet_peer *p) { return peer_fence_hung(s, p, 0); }

void fleet_fence(struct fleet *f, uint32_t number)
{
	struct fleet_self *s = f->self;
	struct fleet_peer *p = peer_find(s, number);

	if (!p || p->dead)
		return;
	p->users++;
	peer_fence_wait(s, p);
	p->users--;
	event_signal(&s->work);
}

bool fleet_lives(const struct fleet *f, uint32_t number)
{
	const struct fleet_peer *p = peer_find(f->self, number);

	return p ? !p->dead : view_get(&f->view, number) != NULL;
}

void peer_fence_wait(struct fleet_self *s, struct fleet_peer *p)
{
	while (!peer_fence(s, p) && !s->ending)
		self_wait(s, fabric_now(s->fleet->fabric) + s->ms);
}

/* --- words -------------------------------------------------------------------------------- */

void fleet_listen(struct fleet *f, enum fleet_port port, fleet_port_fn *fn, void *arg)
{
	f->self->port[port] = (struct fleet_listener){ fn, arg };
}

/* To this member itself. */
static err_t ask_self(struct fleet_self *s, enum fleet_port port, uint32_t what, const void *data, size_t bytes,
		      void *answer, size_t *answered)
{
	struct fleet_listener *l = &s->port[port];

	return l->fn ? l->fn(l->arg, s->fleet->number, what, data, bytes, answer, answered) : ERR_UNSUPPORTED;
}

err_t fleet_ask(struct fleet *f, uint32_t number, enum fleet_port port, uint32_t what, const void *data, size_t bytes,
		void *answer, size_t *answered)
{
	uint32_t length = answer ? (uint32_t)*answered : 0;
	struct fleet_peer *p;
	size_t none = 0;
	uint8_t nothing;
	err_t err;

	if (bytes > FLEET_WORDS || length > FLEET_ANSWER)
		return ERR_TOO_LONG;
	if (number == f->number)
		return ask_self(f->self, port, what, data, bytes, answer ? answer : &nothing,
				answer ? answered : &none);
	p = peer_of(f->self, number);
	if (!p)
		return ERR_NOT_FOUND;
	p->users++;
	err = peer_open(f->self, p);
	if (!err)
		err = fleet_carry(&p->client, port, what, (uint32_t)bytes, data, &length, answer ? answer : &nothing);
	p->users--;
	if (err != ERR_CLOSED)
		peer_heard(f->self, number);
	if (!err && answer)
		*answered = length;
	return err;
}

err_t fleet_tell(struct fleet *f, uint32_t number, uint32_t what, const void *data, size_t bytes)
{
	return fleet_ask(f, number, FLEET_PORT_SERVICE, what, data, bytes, NULL, NULL);
}

err_t fleet_redirect(struct fleet *f, struct rpc_call *call, uint32_t number)
{
	const struct fleet_member *m = view_get(&f->view, number);

	return m ? rpc_redirect(call, &m->at) : ERR_NOT_FOUND;
}
