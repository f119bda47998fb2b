/*
 * How a view comes into force, and how another member becomes coordinator.
 *
 * The coordinator makes one view after the other: tells it to all that were in the one before, goes
 * over to it itself, and waits for all; then tells a newcomer, for whom the others have by then
 * handed over what it is to have.  Who does not answer is suspected, and the next view is without it; a
 * newcomer is then told that one.  A view that all have gone over to is settled, and the next says so.
 *
 * When the coordinator is dead, the lowest that lives fences all that were before it, asks the others
 * which view they have, and goes on from the latest.  A newcomer that was told none is ended.
 */
#include "libos/fleet/private.h"

#include <stdlib.h>
#include <string.h>

struct telling {
	struct fleet_peer *peer; /* NULL: not told */
	struct rpc_pending pending;
	bool started;
};

static struct fleet_peer *hold(struct fleet_self *s, uint32_t number)
{
	struct fleet_peer *p = number == s->fleet->number ? NULL : peer_of(s, number);

	if (p)
		p->users++;
	return p;
}

static void start_telling(struct fleet_self *s, struct telling *t, const struct fleet_view *v)
{
	if (!t->peer)
		return;
	fleet_peer(s->fleet, t->peer->number);
	t->started =
		!t->peer->dead && !fleet_install_start(&t->peer->client, &t->pending, &v->head, v->count, v->member);
}

/* Has it gone over? */
static bool finish_telling(struct telling *t)
{
	err_t err = ERR_CLOSED;

	if (!t->peer)
		return true;
	if (t->started)
		err = fleet_install_finish(&t->pending);
	if (err)
		t->peer->suspect = true;
	t->peer->users--;
	return !err;
}

/* Newcomers are the last to hear of it. */
static bool tell_newcomers(struct fleet_self *s, const struct fleet_view *next)
{
	bool all = true;

	for (uint32_t i = 0; i < next->count; i++) {
		struct telling t = { 0 };

		if (next->member[i].state != FLEET_JOINING)
			continue;
		t.peer = hold(s, next->member[i].number);
		start_telling(s, &t, next);
		all &= finish_telling(&t);
	}
	return all;
}

void change_view(struct fleet_self *s, struct fleet_view *next)
{
	struct telling *t = calloc(FLEET_MEMBERS, sizeof(*t));
	bool all = true;

	if (!t) {
		self_end(s, "no memory for another view");
		return;
	}
	/* What commands have changed since it was made of ours: making room, and fencing, may have taken a while. */
	if (next->head.version == s->fleet->view.head.version) {
		next->head.policy = s->fleet->view.head.policy;
		next->head.wanted = s->fleet->view.head.wanted;
	}
	next->head.settled = s->settled;
	next->head.version = view_next_version(next->head.version, s->fleet->number);
	next->head.next = s->next;
	s->adapted = false;
	s->changing = true;
	for (uint32_t i = 0; i < next->count; i++)
		if (next->member[i].state != FLEET_JOINING)
			t[i].peer = hold(s, next->member[i].number);
	for (uint32_t i = 0; i < next->count; i++)
		start_telling(s, &t[i], next);
	self_install(s, next);
	for (uint32_t i = 0; i < next->count; i++)
		all &= finish_telling(&t[i]);
	if (all && tell_newcomers(s, next))
		s->settled = next->head.version;
	s->changing = false;
	self_wake(s);
	free(t);
}

/* --- another coordinator ----------------------------------------------------------------------- */

/* The later of *base and what that member has. False: it has none, or does not answer. */
static bool hear(struct fleet_self *s, struct fleet_peer *p, struct fleet_view *base, struct fleet_view *other)
{
	err_t err;

	fleet_peer(s->fleet, p->number);
	other->count = FLEET_MEMBERS;
	err = p->dead ? ERR_CLOSED : fleet_state(&p->client, &other->head, &other->count, other->member);
	if (err || !other->head.version)
		return false;
	if (other->head.version > base->head.version)
		*base = *other;
	if (other->head.settled > s->settled)
		s->settled = other->head.settled;
	return true;
}

/* Who is in `base` and not known to us has never been told a view: all who had one before are told first. */
static void drop_untold(struct fleet_self *s, struct fleet_view *base)
{
	for (uint32_t i = base->count; i-- > 0;) {
		const struct fleet_member *m = &base->member[i];

		if (m->number < s->fleet->number)
			view_remove(base, m->number);
		else if (!view_get(&s->fleet->view, m->number)) {
			mon_kill(m->at.pid);
			view_remove(base, m->number);
		}
	}
}

/* Who was told to leave, and out of the view for some: nobody would tell it anything any more. */
static void end_leavers(struct fleet_self *s, const struct fleet_view *base)
{
	struct fleet_view *v = &s->fleet->view;

	if (s->left)
		mon_kill(s->left);
	for (uint32_t i = 0; i < v->count; i++)
		if (!view_get(base, v->member[i].number))
			fleet_fence(s->fleet, v->member[i].number);
}

/*
 * Asks all members of our view; the latest view that one of them has goes to *base, and who is dead, or is now, to
 * `lost`. False: meanwhile another view came, that somebody who has died had sent, and all that is void.
 */
static bool hear_all(struct fleet_self *s, struct fleet_view *base, struct fleet_view *other, bool lost[FLEET_MEMBERS])
{
	const struct fleet_view *v = &s->fleet->view;
	uint64_t version = v->head.version;

	*base = *v;
	for (uint32_t i = 0; i < v->count && v->head.version == version; i++) {
		struct fleet_peer *p = hold(s, v->member[i].number);

		lost[i] = false;
		if (!p)
			continue;
		lost[i] = p->number < s->fleet->number || !hear(s, p, base, other);
		if (lost[i])
			peer_fence_wait(s, p);
		p->users--;
	}
	return v->head.version == version;
}

static void take_over(struct fleet_self *s, struct fleet_view *base, struct fleet_view *other)
{
	struct fleet *f = s->fleet;
	bool lost[FLEET_MEMBERS];
	struct fleet_member *own;

	while (!hear_all(s, base, other, lost))
		;
	drop_untold(s, base);
	for (uint32_t i = 0; i < f->view.count; i++)
		if (lost[i]) {
			view_remove(base, f->view.member[i].number);
			s->times.deaths++;
		}
	own = view_find(base, f->number);
	if (!own) { /* we have left, and others know */
		self_end(s, NULL);
		return;
	}
	if (own->state == FLEET_LEAVING)
		own->state = FLEET_SERVING;
	end_leavers(s, base);
	if (s->next < base->head.next)
		s->next = base->head.next;
	s->coordinator = true;
	s->times.fenced = fabric_now(f->fabric);
	change_view(s, base);
	s->times.told = fabric_now(f->fabric);
}

void change_coordinator(struct fleet_self *s)
{
	struct fleet_view *base = malloc(sizeof(*base)), *other = malloc(sizeof(*other));

	if (base && other)
		take_over(s, base, other);
	else
		self_end(s, "no memory to become coordinator");
	free(base);
	free(other);
}
