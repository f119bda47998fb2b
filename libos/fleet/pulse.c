/*
 * The pulse: heartbeats, and the load of late.
 *
 * The coordinator asks each member every few milliseconds, one call at a time to each; who lets `patience` of them
 * go by, and says nothing else meanwhile, is hung, and fenced. The others expect those calls; when they and all
 * else stay away the second in line fences the coordinator, the third waits thrice as long for the second, and so
 * on. A tick that comes late counts for little, since a machine that stood still has not been waiting; but where all
 * come late, who is silent for many of them is hung, too. The pulse itself waits for nobody: who has no room
 * for its heartbeat has missed it.  Before a silent one is fenced its monitor is asked whether it has run since it
 * said that it lives, which each member does with each tick: who waits for its processor is let be.
 * Who has not run and is silent for much longer is fenced in any case: it has stopped.
 *
 * A second one is fenced only when a view without the first is settled, lest what both had is lost; or when it is
 * silent for so long that nothing can be settled with it. A fleet of one has no heartbeats.
 */
#include "libos/fleet/private.h"

#define LOAD_MS 100   /* between two looks at the load, and between ticks of a fleet of one */
#define ALIVE_MS 1000 /* that our monitor lets us run without a word; it gets one with each heartbeat */

/* --- load ------------------------------------------------------------------------------------- */

/* Of the time since the last look, in thousandths, that it has run. */
static uint32_t share_run(struct fleet_self *s, cycles_t now)
{
	cycles_t time = now - s->load_at;
	uint64_t cycles = process_self_cycles(), ran = cycles - s->load_cycles;

	s->load_cycles = cycles;
	return ran >= time ? 1000 : (uint32_t)(ran * 1000 / time);
}

static void look_at_load(struct fleet_self *s, cycles_t now)
{
	struct fleet *f = s->fleet;

	if (now - s->load_at < LOAD_MS * s->ms)
		return;
	s->load = f->ops->load ? f->ops->load(f) : share_run(s, now);
	s->load_at = now;
}

struct fleet_pulse pulse_own(struct fleet_self *s)
{
	const struct rpc_stats *stats = &s->fleet->server.stats;

	return (struct fleet_pulse){ .version = s->fleet->view.head.version,
				     .load = s->load,
				     .queue = stats->paused + (stats->busy ? stats->busy - 1 : 0),
				     .near = s->fleet->caller,
				     .calls = s->fleet->noted };
}

void pulse_collect(struct fleet_self *s)
{
	struct fleet_view *v = &s->fleet->view;

	for (uint32_t i = 0; i < v->count; i++) {
		struct fleet_member *m = &v->member[i];
		struct fleet_peer *p = m->number == s->fleet->number ? NULL : peer_of(s, m->number);
		struct fleet_pulse pulse = p ? p->told : pulse_own(s);

		m->load = pulse.load;
		m->queue = pulse.queue;
	}
}

/* More members, or fewer? Not while any come or go. */
static void scale(struct fleet_self *s, cycles_t now)
{
	struct fleet_view *v = &s->fleet->view;
	enum fleet_step step;

	pulse_collect(s);
	s->mean = view_load(v);
	if (s->changing || v->count != v->head.wanted || view_count(v, FLEET_SERVING) != v->count)
		return;
	step = scale_step(&s->scale, &v->head.policy, v->count, view_load(v), now, s->ms);
	if (step == FLEET_STAY)
		return;
	v->head.wanted += step == FLEET_GROW ? 1 : -1;
	s->adapted = true;
	if (step == FLEET_GROW)
		s->times.grown = now;
	else
		s->times.shrunk = now;
	event_signal(&s->work);
}

/* --- heartbeats ------------------------------------------------------------------------------------ */

#define STUCK 4    /* times its patience */
#define STOPPED 25 /* ... */
#define RAN_MS 60  /* that a silent one has run: then it hangs, if it says nothing while its monitor doubts it */
#define ASK_MS 3   /* between two questions whether it does */
#define ASKS 14    /* ... then others have their turn */
#define IN_TIME 16 /* what a tick in time counts, in late ones */

static uint32_t patience_of(const struct fleet_self *s) { return s->fleet->view.head.policy.patience * IN_TIME; }

/* One at a time. */
static bool may_fence(const struct fleet_self *s, const struct fleet_peer *p)
{
	bool mourning = s->mourned && (!fleet_settled(s->fleet) || s->fleet->view.head.version == s->mourned);

	return !s->asking && (!mourning || p->missed >= STUCK * patience_of(s));
}

/* Has it been silent for so long that it does not matter whether it has run? */
static bool has_stopped(const struct fleet_self *s, const struct fleet_peer *p)
{
	unsigned rank = view_rank(&s->fleet->view, s->fleet->number);

	return p->missed >= STOPPED * patience_of(s) || (2 * rank - 1) * s->rank_doubts >= STOPPED;
}

/* Nothing has come of it since there were so many heartbeats. */
static bool is_silent(const struct fleet_self *s, const struct fleet_peer *p, uint64_t beats)
{
	return !p->dead && (s->coordinator ? p->missed >= patience_of(s) : s->beats == beats);
}

static bool hangs(struct fleet_self *s, struct fleet_peer *p)
{
	struct fabric *f = s->fleet->fabric;
	uint64_t beats = s->beats;

	for (unsigned asks = 0; asks < ASKS && is_silent(s, p, beats); asks++) {
		if (peer_fence_hung(s, p, has_stopped(s, p) ? 0 : RAN_MS))
			return true;
		thread_sleep_until(fabric_now(f) + ASK_MS * s->ms);
	}
	return false;
}

static void *inquest(void *peer)
{
	struct fleet_peer *p = peer;
	struct fleet_self *s = p->self;
	cycles_t seen = fabric_now(s->fleet->fabric);
	uint64_t version = s->fleet->view.head.version;

	if (hangs(s, p)) {
		s->mourned = version;
		s->times.seen = seen;
		event_signal(&s->work);
	}
	p->users--;
	s->asking = false;
	return NULL;
}

/* A thread of its own asks, for the monitor's answer may take long. */
static void hung(struct fleet_self *s, struct fleet_peer *p)
{
	struct thread *thread;

	if (s->asking)
		return;
	s->asking = true;
	p->users++;
	if (thread_create(&thread, inquest, p))
		inquest(p);
	else
		thread_detach(thread);
}

/* Takes the answer to the last heartbeat, if it has come. */
static void beat_take(struct fleet_self *s, struct fleet_peer *p)
{
	if (!p->beating || !rpc_done(&p->beat))
		return;
	p->beating = false;
	p->missed = 0;
	if (fleet_beat_finish(&p->beat, &p->told) == ERR_CLOSED && !p->dead) {
		p->suspect = true;
		event_signal(&s->work);
	}
}

static void beat(struct fleet_self *s, uint32_t number, bool in_time)
{
	struct fleet_peer *p = peer_of(s, number);

	if (!p || p->dead)
		return;
	beat_take(s, p);
	if (p->beating || p->opening || !rpc_client_has_room(&p->client))
		p->missed += in_time ? IN_TIME : 1;
	else if (p->client.channel)
		p->beating = !fleet_beat_start(&p->client, &p->beat, s->settled, s->mean);
	if (p->missed >= patience_of(s) && may_fence(s, p))
		hung(s, p);
}

static void beat_all(struct fleet_self *s, bool in_time)
{
	struct fleet *f = s->fleet;

	/* beat() may wait, and the view change meanwhile. */
	for (uint32_t i = 0; i < f->view.count; i++)
		if (f->view.member[i].number != f->number)
			beat(s, f->view.member[i].number, in_time);
}

/* In any other member: is there a coordinator? */
static void listen(struct fleet_self *s, bool in_time)
{
	struct fleet_view *v = &s->fleet->view;
	unsigned rank = view_rank(v, s->fleet->number);

	if (s->beats != s->beats_seen)
		s->rank_waits = s->rank_doubts = 0;
	else
		s->rank_waits += in_time ? IN_TIME : 1;
	s->beats_seen = s->beats;
	if (!rank || s->rank_waits < patience_of(s) * (2 * rank - 1))
		return;
	s->rank_waits = 0;
	s->rank_doubts++;
	for (uint32_t i = 0; i < v->count && v->member[i].number < s->fleet->number; i++) {
		struct fleet_peer *p = peer_of(s, v->member[i].number);

		if (p && !p->dead) {
			hung(s, p);
			return; /* the next of them is to see to the rest */
		}
	}
}

/* --- the thread ------------------------------------------------------------------------------------- */

static cycles_t period_of(const struct fleet_self *s)
{
	const struct fleet_head *head = &s->fleet->view.head;

	return s->ms * (s->fleet->view.count > 1 ? head->policy.beat : LOAD_MS);
}

static void tick(struct fleet_self *s, cycles_t now, bool in_time)
{
	look_at_load(s, now);
	if (!s->serving)
		return;
	balance_look(s, now);
	if (!s->coordinator) {
		listen(s, in_time);
		return;
	}
	beat_all(s, in_time);
	scale(s, now);
	drift_look(s, now);
}

void *pulse_main(void *self)
{
	struct fleet_self *s = self;
	struct fabric *f = s->fleet->fabric;
	cycles_t last = fabric_now(f), now;

	mon_alive(ALIVE_MS);
	while (!s->ending) {
		now = fabric_now(f);
		if (now - last < period_of(s)) {
			self_wait(s, last + period_of(s));
			continue;
		}
		/* What decides whether we hang is how long we have run since: RAN_MS. */
		mon_alive(ALIVE_MS);
		tick(s, now, now - last < 2 * period_of(s));
		last = now;
	}
	return NULL;
}
