/*
 * The steward: the thread of each member that hears of deaths, and in the coordinator does all that changes
 * the view, one thing after the other: the dead go, newcomers come in, who is to leave leaves, who is missing
 * is started.
 *
 * Monitors tell of ends (mon_watch): the coordinator watches all, each other member those few before it.
 */
#include "libos/fleet/private.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_BEFORE 3 /* a member watches so many before it, and the coordinator */
#define JOIN_MS 5000   /* a newcomer has so long to join */
#define RETRY_MS 50    /* after a start that failed */
#define END_MS 1000    /* a member that leaves has so long to end */

/* --- deaths ----------------------------------------------------------------------------- */

void steward_gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	struct fleet_self *s = (struct fleet_self *)((char *)w - offsetof(struct fleet_self, watcher));

	(void)cause, (void)status;
	s->ends.pid[s->ends.put++ % FLEET_ENDS] = pid;
	s->ends.at = fabric_now(s->fleet->fabric);
	event_raise(&s->work);
}

static bool same_process(uint64_t ended, uint64_t pid)
{
	return ended == pid || ((uint32_t)ended == 0 && ended >> 32 == pid >> 32);
}

static void ended(struct fleet_self *s, uint64_t pid)
{
	for (struct fleet_peer *p = s->peers; p; p = p->next)
		if (same_process(pid, p->at.pid) && !p->dead) {
			p->dead = true;
			s->times.seen = s->ends.at;
		}
	for (unsigned i = 0; i < FLEET_NEWCOMERS; i++)
		if (s->newcomer[i].used && same_process(pid, s->newcomer[i].pid))
			s->newcomer[i].used = false;
	if (!s->serving && s->parent && same_process(pid, s->parent))
		self_end(s, "who started it is gone");
}

/* Watches it. True: there is nothing to watch any more. */
static bool is_gone(uint64_t pid)
{
	err_t err = mon_watch(pid);

	return err == ERR_NO_PROCESS || err == ERR_CORE_TIMEOUT;
}

static struct fleet_peer *living(struct fleet_self *s, uint32_t rank)
{
	uint32_t number = s->fleet->view.member[rank].number;
	struct fleet_peer *p = number == s->fleet->number ? NULL : peer_of(s, number);

	return p && !p->dead ? p : NULL;
}

/* True: it was dead already, which nobody has told us. */
static bool watch(struct fleet_self *s, struct fleet_peer *p)
{
	if (!p || p->watched)
		return false;
	p->watched = true;
	if (!is_gone(p->at.pid))
		return false;
	ended(s, p->at.pid);
	return true;
}

/* Those whose end we must hear of, as far as they live. True: one of them does not, and others come in its place. */
static bool watch_some(struct fleet_self *s)
{
	struct fleet_view *v = &s->fleet->view;
	uint32_t i = s->coordinator ? v->count : view_rank(v, s->fleet->number), before = 0, first = 0;

	while (first < i && !living(s, first))
		first++;
	while (i-- > first && i < v->count)
		if (living(s, i) && (s->coordinator || i == first || before++ < WATCH_BEFORE) && watch(s, living(s, i)))
			return true;
	return false;
}

static void watch_all(struct fleet_self *s)
{
	while (watch_some(s))
		;
}

static void take_ends(struct fleet_self *s)
{
	if (s->ends.put - s->ends.taken > FLEET_ENDS) { /* some were lost: ask for all again */
		s->ends.taken = s->ends.put;
		for (struct fleet_peer *p = s->peers; p; p = p->next)
			p->watched = false;
	}
	while (s->ends.taken != s->ends.put)
		ended(s, s->ends.pid[s->ends.taken++ % FLEET_ENDS]);
	watch_all(s);
}

/* Are all that come before us dead, or to be fenced? Then we are the coordinator. */
static bool follows(struct fleet_self *s)
{
	struct fleet_view *v = &s->fleet->view;
	bool all = true;

	for (uint32_t i = 0; i < v->count && v->member[i].number < s->fleet->number; i++) {
		struct fleet_peer *p = peer_of(s, v->member[i].number);

		all &= p && p->dead;
	}
	return all;
}

/* --- the coordinator's work: each says whether it did something --------------------------------- */

static bool bury(struct fleet_self *s, struct fleet_view *next)
{
	struct fleet *f = s->fleet;
	unsigned dead = 0;

	for (uint32_t i = 0; i < f->view.count; i++) {
		uint32_t number = f->view.member[i].number;
		struct fleet_peer *p = number == f->number ? NULL : peer_of(s, number);

		if (!p || !(p->dead || p->suspect) || !peer_fence(s, p))
			continue;
		view_remove(next, number);
		dead++;
	}
	if (!dead)
		return false;
	s->times.deaths += dead;
	s->times.fenced = fabric_now(f->fabric);
	s->times.replaced = 0;
	change_view(s, next);
	s->times.told = fabric_now(f->fabric);
	return true;
}

static bool admit(struct fleet_self *s, struct fleet_view *next)
{
	struct fleet_newcomer *n = s->newcomer;
	struct fleet_member m = { .state = FLEET_JOINING };

	while (n < s->newcomer + FLEET_NEWCOMERS && !(n->used && n->joined))
		n++;
	if (n == s->newcomer + FLEET_NEWCOMERS)
		return false;
	m.number = n->number;
	m.at = n->at;
	n->used = false;
	if (view_add(next, &m))
		return false;
	change_view(s, next);
	return true;
}

/* Who has been told its first view, and has answered, serves. */
static bool appoint(struct fleet_self *s, struct fleet_view *next)
{
	bool any = false;

	if (!fleet_settled(s->fleet))
		return false;
	for (uint32_t i = 0; i < next->count; i++) {
		if (next->member[i].state != FLEET_JOINING)
			continue;
		next->member[i].state = FLEET_SERVING;
		any = true;
	}
	if (!any)
		return false;
	change_view(s, next);
	if (s->times.deaths && !s->times.replaced && s->fleet->view.count >= s->fleet->view.head.wanted)
		s->times.replaced = fabric_now(s->fleet->fabric);
	return true;
}

/*
 * Who leaves when there are too many: who is told already, by a coordinator that has died since; who was asked to; else
 * the highest number.
 */
static uint32_t leaver(const struct fleet_self *s, const struct fleet_view *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->member[i].state == FLEET_LEAVING)
			return v->member[i].number;
	if (s->dismissing && view_get(v, s->dismissed))
		return s->dismissed;
	return v->member[v->count - 1].number;
}

/* Tells a member that it is out, and sees to it that it ends. */
static void end_member(struct fleet_self *s, struct fleet_peer *p)
{
	err_t err = fleet_end(&p->client);
	cycles_t deadline = fabric_now(s->fleet->fabric) + END_MS * s->ms;

	while (!err && !p->dead && fabric_now(s->fleet->fabric) < deadline && !s->ending) {
		take_ends(s);
		if (!p->dead)
			event_wait(&s->work, deadline);
	}
	peer_fence(s, p);
}

static bool release(struct fleet_self *s, struct fleet_view *next)
{
	struct fleet *f = s->fleet;
	uint32_t number = leaver(s, next);
	struct fleet_peer *p = number == f->number ? NULL : peer_of(s, number);
	struct fleet_member *m = view_find(next, number);

	if (next->count < 2)
		return false;
	if (m->state != FLEET_LEAVING && view_count(next, FLEET_SERVING) <= next->head.wanted)
		return false;
	if (number == s->dismissed)
		s->dismissing = false;
	if (m->state != FLEET_LEAVING) {
		m->state = FLEET_LEAVING;
		change_view(s, next);
	}
	if (number == f->number) { /* the next one will find us dead */
		if (f->ops->leave)
			f->ops->leave(f);
		self_end(s, NULL);
		return true;
	}
	if (!p)
		return true;
	p->users++;
	*next = f->view;
	view_remove(next, number);
	change_view(s, next);
	end_member(s, p);
	p->users--;
	return true;
}

static bool start_one(struct fleet_self *s, struct fleet_newcomer *n)
{
	const struct mailbox *at = &s->fleet->at;
	char member[24], parent[64];
	const char *argv[3 + FLEET_ARGUMENTS] = { s->fleet->ops->name, member, parent };
	coreid_t core = place_choose(s, s->dismissing && s->near != CORES_MAX ? s->near : s->fleet->caller);

	if (core == CORES_MAX)
		return false;
	snprintf(member, sizeof member, "member=%" PRIu32, s->next);
	snprintf(parent, sizeof parent, "parent=%" PRIx64 ":%" PRIx32 ":%" PRIx64, at->pid, at->service, at->secret);
	*n = (struct fleet_newcomer){ .number = s->next, .core = core };
	n->deadline = fabric_now(s->fleet->fabric) + JOIN_MS * s->ms;
	n->used = true; /* before it can join */
	memcpy(argv + 3, s->argument, (size_t)s->arguments * sizeof *argv);
	if (mon_spawn(core, 3 + s->arguments, argv, &n->pid)) {
		n->used = false;
		return false;
	}
	s->next++;
	if (is_gone(n->pid))
		n->used = false;
	return true;
}

/* Of those that we started: how many are to come; who is late is ended. */
static unsigned expected(struct fleet_self *s)
{
	unsigned count = 0;

	for (unsigned i = 0; i < FLEET_NEWCOMERS; i++) {
		struct fleet_newcomer *n = &s->newcomer[i];

		if (n->used && !n->joined && fabric_now(s->fleet->fabric) > n->deadline) {
			mon_kill(n->pid);
			n->used = false;
		}
		count += n->used;
	}
	return count;
}

static bool recruit(struct fleet_self *s, const struct fleet_view *v)
{
	unsigned target = v->head.wanted + s->dismissing;
	cycles_t now = fabric_now(s->fleet->fabric);
	struct fleet_newcomer *n = s->newcomer;

	if (v->count + expected(s) >= target || now < s->retry)
		return false;
	while (n < s->newcomer + FLEET_NEWCOMERS && n->used)
		n++;
	if (n == s->newcomer + FLEET_NEWCOMERS)
		return false;
	s->retry = 0;
	if (start_one(s, n))
		return true;
	s->retry = now + RETRY_MS * s->ms;
	return false;
}

static bool coordinate(struct fleet_self *s, struct fleet_view *next)
{
	*next = s->fleet->view;
	if (bury(s, next) || appoint(s, next) || admit(s, next) || release(s, next) || recruit(s, next))
		return true;
	if (!s->adapted)
		return false;
	change_view(s, next);
	return true;
}

/* When to look again without being asked: while something is expected, or failed. */
static cycles_t look_again(struct fleet_self *s)
{
	return s->coordinator && (s->retry || expected(s)) ? fabric_now(s->fleet->fabric) + RETRY_MS * s->ms : 0;
}

void steward_main(struct fleet_self *s)
{
	struct fleet_view *next = malloc(sizeof(*next));

	if (!next)
		self_end(s, "no memory for a view");
	while (!s->ending) {
		take_ends(s);
		if (s->serving && !s->coordinator && !s->installing && follows(s))
			change_coordinator(s);
		if (s->ending || (s->coordinator && coordinate(s, next)))
			continue;
		peers_prune(s);
		event_wait(&s->work, look_again(s));
	}
	free(next);
}
