/*
 * How rounds end whose coordinator is dead.
 *
 * The lowest living member of the group settles them.  One-phase: whoever remembers one of
 * the dead coordinator's rounds hands it to that member (AGREE_RELAY), which asks all
 * members once more under the same name; who knows it already only acknowledges.
 * Two-phase: who has voted and knows no outcome asks that member (AGREE_DOUBT).  It asks
 * all what they know (SUBJECT_KNOWN): if anybody has committed, it is to be committed,
 * else aborted; and tells all (SUBJECT_DECIDE).  A member that dies meanwhile is
 * excluded, and the next lowest is asked: nobody asked before has decided otherwise,
 * or it is among those who know.
 *
 * What is not settled is asked again at each tick.  Portable.
 */
#include "monitor/agree/dissemination.h"
#include "monitor/agree/doubt.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

#define KNOWN_COMMITTED ERR_EXISTS
#define KNOWN_ABORTED ERR_DENIED
#define KNOWN_LATER ERR_AGAIN

static bool relays; /* some of what is remembered is to be relayed */

bool resolve_busy(void) { return relays; }

static coreid_t settler(uint64_t group) { return group_next(group, CORES_MAX); }

/* It is waited for: should it be dead too, somebody must find that out. */
static void settler_say(coreid_t to, const struct mon_message *m)
{
	link_send(to, m);
	membership_doubt(to);
}

static bool is_dead(uint64_t id) { return membership_gone(round_coordinator(id)); }

/* --- two-phase ------------------------------------------------------------------------- */

static enum outcome outcome_known(uint64_t id)
{
	const struct round *r = round_find(id);

	if (r && r->state == ROUND_COMMITTING)
		return OUTCOME_COMMITTED;
	/* With a no from here it cannot have been committed. */
	if (r && (r->state == ROUND_ABORTING || r->state == ROUND_REFUSED))
		return OUTCOME_ABORTED;
	return outcome_noted(id);
}

err_t resolve_known(const struct proposal *p)
{
	switch (outcome_known(p->word[0])) {
	case OUTCOME_COMMITTED:
		return KNOWN_COMMITTED;
	case OUTCOME_ABORTED:
		return KNOWN_ABORTED;
	default:
		/* While it is not known to be dead here, a COMMIT of its may still come, after this answer. */
		return is_dead(p->word[0]) ? ERR_OK : KNOWN_LATER;
	}
}

static void decide(uint64_t id, bool commit)
{
	struct round *r = round_find(id);

	if (r && (r->state == ROUND_PREPARING || r->state == ROUND_PREPARED || r->state == ROUND_REFUSED))
		two_phase_settle(r, commit);
	else if (!r && outcome_noted(id) == OUTCOME_UNKNOWN)
		outcome_note(id, commit);
}

void resolve_decide(const struct proposal *p)
{
	if (is_dead(p->word[0]))
		decide(p->word[0], p->word[1] != 0);
}

static void outcome_say(coreid_t to, uint64_t id, uint64_t group, bool commit)
{
	struct mon_message m = { .header = agree_header(AGREE_OUTCOME, 0, 0), .word = { id, commit, group } };

	if (to != monitor.core)
		link_send(to, &m);
}

static void known(uint64_t context, err_t err, const struct proposal *p)
{
	const struct round *r = round_find(context);
	struct proposal end = { .group = p->group,
				.subject = SUBJECT_DECIDE,
				.word = { context, err == KNOWN_COMMITTED } };

	/* Those in doubt ask again at their next tick. */
	if (err == KNOWN_LATER)
		return;
	/* Who was to join is no member, and is told by itself. */
	if (r && r->subject == SUBJECT_JOIN && core_place((coreid_t)r->word[0]) < places)
		outcome_say((coreid_t)r->word[0], context, p->group, err == KNOWN_COMMITTED);
	outcome_say((coreid_t)p->word[1], context, p->group, err == KNOWN_COMMITTED);
	/* When there is no room it is asked once more, and everything begins anew. */
	one_phase(&end, NULL, 0);
}

static bool is_settling(uint64_t id)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		const struct round *r = &rounds[i];

		if (r->state != ROUND_FREE && (r->subject == SUBJECT_KNOWN || r->subject == SUBJECT_DECIDE) &&
		    r->parent == monitor.core && r->word[0] == id)
			return true;
	}
	return false;
}

static void settle(uint64_t id, uint64_t group, coreid_t asker)
{
	struct proposal p = { .group = group, .subject = SUBJECT_KNOWN, .word = { id, asker } };
	const struct round *r = round_find(id);

	/* Who was to join may be the only one that has heard of the outcome. */
	if (r && r->subject == SUBJECT_JOIN && r->word[0] < places)
		p.word[2] = r->word[0] + 1;
	if (!is_settling(id))
		one_phase(&p, known, id);
}

static void doubt_say(const struct round *r, coreid_t to)
{
	struct mon_message m = { .header = agree_header(AGREE_DOUBT, 0, 0), .word = { r->id, r->group } };

	if (to == monitor.core)
		settle(r->id, r->group, monitor.core);
	else
		settler_say(to, &m);
}

static bool doubt_hear(coreid_t from, const struct mon_message *m)
{
	enum outcome outcome = outcome_known(m->word[0]);

	/* Its way to us is gone and it has left the group, or it was passed over. Till the end it may yet be told. */
	if (round_coordinator(m->word[0]) == monitor.core) {
		if (!round_find(m->word[0]))
			outcome_say(from, m->word[0], m->word[1], outcome == OUTCOME_COMMITTED);
		return true;
	}
	/* Not known to be dead here yet: it will be asked again. */
	if (!is_dead(m->word[0]))
		return true;
	/*
	 * A member that has not voted, and has left as the group's work is over: none could commit. Who has voted does
	 * not leave before it knows (member_end.c).
	 */
	if (outcome == OUTCOME_UNKNOWN && !round_find(m->word[0]) && !group_count(m->word[1]))
		outcome = OUTCOME_ABORTED;
	if (outcome == OUTCOME_COMMITTED || outcome == OUTCOME_ABORTED)
		outcome_say(from, m->word[0], m->word[1], outcome == OUTCOME_COMMITTED);
	else
		settle(m->word[0], m->word[1], from);
	return true;
}

/* --- one-phase --------------------------------------------------------------------------- */

void resolve_ended(struct recent *e) { e->relay = relays = monitor.stirred = true; }

void resolve_relayed(const struct round *r)
{
	struct recent *e = recent_find(r->id);

	if (!e)
		e = recent_add(r->id, r->group, r->subject, r->word);
	e->relay = false;
	e->relayed = true;
}

/* This core settles: it asks all members, under the name that the round had. */
static void relay_begin(uint64_t id, uint64_t group, unsigned subject, const uint64_t *word)
{
	struct group *g = group_find(group);
	struct mon_message m = { .header =
					 agree_header(AGREE_DO, subject | DISSEMINATE_UNICAST << 8, g ? g->version : 0),
				 .word = { id, group, route_pack(0, places, 0), word[0], word[1], word[2] } };
	struct round *r = g && !round_find(id) ? round_take(monitor.core, &m) : NULL;

	/* If there is no record for it just now, it will be asked for again. */
	if (r)
		one_phase_relay(r, recent_find(id) != NULL);
}

static bool relay_hear(coreid_t from, const struct mon_message *m)
{
	unsigned subject = mon_aux(m->header);
	struct recent *e = recent_find(m->word[0]);
	struct mon_message settled = { .header = agree_header(AGREE_OUTCOME, 0, 0), .word = { m->word[0] } };

	if (subject >= SUBJECTS)
		return false;
	if (!is_dead(m->word[0]))
		return true;
	if (e && e->relayed)
		link_send(from, &settled);
	else
		relay_begin(m->word[0], m->word[1], subject, &m->word[3]);
	return true;
}

static void relay_say(struct recent *e)
{
	coreid_t to = settler(e->group);
	struct mon_message m = { .header = agree_header(AGREE_RELAY, e->subject, 0),
				 .word = { e->id, e->group, 0, e->word[0], e->word[1], e->word[2] } };

	/* Without the group there is nobody left whom it concerns. */
	if (to == CORES_MAX)
		e->relay = false;
	else if (to == monitor.core)
		relay_begin(e->id, e->group, e->subject, e->word);
	else
		settler_say(to, &m);
}

/* --- all ------------------------------------------------------------------------------------ */

void resolve_coordinator(coreid_t dead)
{
	struct recent *e;

	for (unsigned i = 0; (e = recent_at(i)); i++)
		if (e->id && round_coordinator(e->id) == dead && !e->relayed)
			e->relay = relays = true;
	resolve_step();
}

/* Who has said no knows the outcome; who is to join a group of which nobody is left makes it. */
static void resolve_round(struct round *r)
{
	if (!is_dead(r->id))
		doubt_say(r, round_coordinator(r->id));
	else if (r->state == ROUND_REFUSED || settler(r->group) == CORES_MAX)
		two_phase_settle(r, false);
	else
		doubt_say(r, settler(r->group));
}

/* Has it lost who is to tell the outcome, or heard nothing for so long that it may have been passed over? */
static bool is_lost(const struct round *r)
{
	bool voted = r->state == ROUND_PREPARED || r->state == ROUND_REFUSED;

	if (r->parent == monitor.core || !(voted || r->state == ROUND_PREPARING))
		return false;
	return is_dead(r->id) || membership_gone(r->parent) || (voted && r->age >= TICKS_PATIENT);
}

void resolve_step(void)
{
	struct recent *e;

	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (is_lost(&rounds[i]))
			resolve_round(&rounds[i]);
	if (!relays)
		return;
	relays = false;
	for (unsigned i = 0; (e = recent_at(i)); i++) {
		if (e->relay)
			relay_say(e);
		relays |= e->relay;
	}
}

static void outcome_hear(const struct mon_message *m)
{
	struct recent *e = recent_find(m->word[0]);

	if (e)
		e->relay = false;
	else
		decide(m->word[0], m->word[1] != 0);
}

bool resolve_message(coreid_t from, const struct mon_message *m)
{
	if (round_coordinator(m->word[0]) >= places)
		return false;
	switch (agree_kind(m->header)) {
	case AGREE_DOUBT:
		return doubt_hear(from, m);
	case AGREE_OUTCOME:
		if (!is_dead(m->word[0]) && from != round_coordinator(m->word[0]))
			return false;
		outcome_hear(m);
		return true;
	case AGREE_RELAY:
		return relay_hear(from, m);
	default:
		return false;
	}
}
