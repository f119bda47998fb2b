/*
 * Members move nearer to their callers.
 *
 * With its heartbeat each member says where its last call came from and how many there were; the coordinator looks ten
 * times a second.  When all looks for the policy's `fall` have found calls, and from one core only, and an
 * empty core is nearer to that, the member is dismissed and one started there: grow, hand over, leave.  Where there
 * is no better place the next try takes twice as long.  Calls from several cores, or none, start it all anew.
 */
#include "libos/fleet/private.h"

#define DRIFT_MS 100
#define CALLS_LEAST 10 /* from one look to the next */
#define VAIN_MOST 6

/* True: it is time to look for another place. */
static bool drifts(struct fleet_self *s, struct fleet_drift *d, const struct fleet_pulse *p, coreid_t core,
		   cycles_t now)
{
	bool steady = p->near == d->near && p->near != core && p->calls - d->calls >= CALLS_LEAST;

	d->calls = p->calls;
	if (steady)
		return now - d->since >= (s->fleet->view.head.policy.fall * s->ms) << d->vain;
	if (p->near != d->near)
		d->vain = 0;
	d->near = p->near;
	d->since = now;
	return false;
}

/* It goes, if there is a better place. */
static void move(struct fleet_self *s, struct fleet_drift *d, uint32_t number, coreid_t core)
{
	uint32_t near = d->near;
	coreid_t to = place_choose(s, near);
	bool better = to != CORES_MAX && place_nearer(to, core, (coreid_t)near);

	/* Those were calls: is it all as it was? */
	if (!better || s->dismissing || !view_get(&s->fleet->view, number)) {
		d->vain += !better && d->vain < VAIN_MOST;
		d->since = fabric_now(s->fleet->fabric);
		return;
	}
	s->dismissed = number;
	s->near = near;
	s->dismissing = true;
	event_signal(&s->work);
}

/* A thread of its own asks: a dozen answers of monitors may take as many turns of the processor. */
static void *mover(void *self)
{
	struct fleet_self *s = self;
	uint32_t number = s->drifter;
	const struct fleet_member *m = view_get(&s->fleet->view, number);
	struct fleet_peer *p = number == s->fleet->number ? NULL : peer_of(s, number);

	if (p)
		p->users++;
	if (m && (p || number == s->fleet->number))
		move(s, p ? &p->drift : &s->drift, number, mailbox_core(&m->at));
	if (p)
		p->users--;
	s->drifting = false;
	return NULL;
}

static void move_begin(struct fleet_self *s, uint32_t number)
{
	struct thread *thread;

	s->drifter = number;
	s->drifting = !thread_create(&thread, mover, s);
	if (s->drifting)
		thread_detach(thread);
}

static bool at_rest(const struct fleet_self *s)
{
	const struct fleet_view *v = &s->fleet->view;

	return !s->dismissing && !s->drifting && v->count == v->head.wanted && view_count(v, FLEET_SERVING) == v->count;
}

void drift_look(struct fleet_self *s, cycles_t now)
{
	struct fleet *f = s->fleet;

	if (now - s->drift_at < DRIFT_MS * s->ms)
		return;
	s->drift_at = now;
	for (uint32_t i = 0; i < f->view.count && at_rest(s); i++) {
		const struct fleet_member m = f->view.member[i];
		struct fleet_peer *p = m.number == f->number ? NULL : peer_of(s, m.number);
		struct fleet_drift *d = p ? &p->drift : &s->drift;
		struct fleet_pulse pulse = p ? p->told : pulse_own(s);

		if (m.number != f->number && !p)
			continue;
		if (drifts(s, d, &pulse, mailbox_core(&m.at), now))
			move_begin(s, m.number);
	}
}
