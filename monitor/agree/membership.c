/*
 * Which cores are up: the members of GROUP_ALL, on every core the same.
 *
 * Who suspects a core (doubt.c) tells the lowest member that is not suspected itself.  That
 * one, when it hears nothing either, proposes to all others, each asked directly, that
 * the core be excluded; who has heard of it lately refuses.  After the decision the core is
 * fenced, then all are told: it is no member of any group, its link is closed, its
 * acknowledgements count as given, and those that it served are served by who asked it.
 *
 * No exclusion waits for others that are suspected.  Who was passed over without cause hears
 * afterwards who was excluded without it.  Portable.
 */
#include "monitor/agree/membership.h"
#include "libos/core/error_text.h"
#include "libos/x86/context.h"
#include "monitor/agree/dissemination.h"
#include "monitor/agree/doubt.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/heartbeat.h"
#include "monitor/agree/latency.h"
#include "monitor/caps/caps.h"
#include "monitor/cores.h"
#include "monitor/members.h"
#include "monitor/monitor.h"

#include <string.h>

static uint64_t excluding[SET_WORDS_MAX]; /* whose exclusion this core has proposed; not decided yet */
static unsigned exclusions;               /* how many */
static uint64_t missed[SET_WORDS_MAX];    /* whom it has passed over, and not told what was decided */
uint16_t membership_heard[CORES_MAX];
uint64_t membership_out[SET_WORDS_MAX];
bool membership_lost;

void membership_init(void)
{
	memset(excluding, 0, sizeof excluding);
	memset(missed, 0, sizeof missed);
	memset(membership_out, 0, sizeof membership_out);
	exclusions = 0;
	membership_lost = false;
	doubt_init();
	heartbeat_init();
}

void membership_say(coreid_t to, unsigned kind, uint64_t word)
{
	struct mon_message m = { .header = agree_header(kind, 0, 0), .word = { word } };

	link_send(to, &m);
}

void membership_doubt(coreid_t core)
{
	unsigned place = core_place(core);

	if (place < places && !set_has(membership_out, place))
		doubt_begin(place, context_now());
}

/* --- who was passed over ---------------------------------------------------------------------- */

bool membership_missed(unsigned place) { return place < places && set_has(missed, place); }

static void members_tell(coreid_t core)
{
	const struct group *all = group_find(GROUP_ALL);

	if (all && group_holds(GROUP_ALL, core))
		group_tell(all, core, false);
}

/* Not before the last exclusion is decided: it may have begun without one that has been heard of since. */
void membership_trust(unsigned place)
{
	if (exclusions || !set_has(missed, place) || doubt_holds(place))
		return;
	set_remove(missed, place);
	members_tell(place_core(place));
}

/* --- proposing ---------------------------------------------------------------------------------- */

/* The lowest member that is not suspected. */
static coreid_t leader(void)
{
	for (coreid_t core = group_next(GROUP_ALL, CORES_MAX); core < CORES_MAX; core = group_next(GROUP_ALL, core))
		if (core == monitor.core || !doubt_is_old(core_place(core)))
			return core;
	return monitor.core;
}

static void excluded(uint64_t place, err_t err, const struct proposal *p)
{
	(void)p;
	(void)err;
	set_remove(excluding, (unsigned)place);
	exclusions--;
	for (unsigned at = set_next(missed, 0, places); at < places; at = set_next(missed, at + 1, places))
		membership_trust(at);
}

static void exclude(unsigned place)
{
	struct proposal p = { .group = GROUP_ALL, .subject = SUBJECT_EXCLUDE, .word = { place_core(place) } };
	struct route all = { DISSEMINATE_UNICAST, 0, (uint16_t)places };

	if (set_has(excluding, place))
		return;
	for (unsigned at = doubt_next_old(0); at < places; at = doubt_next_old(at + 1))
		if (at != place)
			set_add(missed, at);
	if (two_phase_over(&p, &all, excluded, place))
		return;
	set_add(excluding, place);
	exclusions++;
}

/* What waits for a core that no exclusion can be about, or that an exclusion shall not wait for, goes on. */
static void rounds_go_on(unsigned place, bool member)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		struct round *r = &rounds[i];

		if (r->state == ROUND_FREE || !r->waiting || !set_has(r->awaited, place))
			continue;
		if (member && r->subject != SUBJECT_EXCLUDE)
			continue;
		if (member)
			set_add(missed, place);
		else if (r->kind == AGREE_PREPARE && !r->err)
			r->err = ERR_CORE_TIMEOUT;
		spread_without(r, place);
	}
}

/* Who is told is waited for like anybody else: should it be dead too, the next lowest is told. */
static void suspect_say(coreid_t to, coreid_t core)
{
	membership_say(to, AGREE_SUSPECT, core);
	membership_doubt(to);
}

void membership_suspect(unsigned place)
{
	coreid_t core = place_core(place);
	bool member = group_holds(GROUP_ALL, core);

	rounds_go_on(place, member);
	if (!doubt_holds(place))
		return;
	if (!member)
		doubt_end(place);
	else if (leader() == monitor.core)
		exclude(place);
	else
		suspect_say(leader(), core);
}

/* --- exclusion ---------------------------------------------------------------------------------- */

err_t membership_exclude_prepare(const struct proposal *p)
{
	coreid_t core = (coreid_t)p->word[0];

	if (p->word[0] >= places || core == monitor.core || p->group != GROUP_ALL)
		return ERR_CORE_ID;
	/* Heard while it was doubted, or lately: it lives. */
	if (group_holds(GROUP_ALL, core) && doubt_heard_lately(core)) {
		membership_say(core, AGREE_PING, 0);
		return ERR_AGAIN;
	}
	return ERR_OK;
}

void membership_exclude_decided(const struct proposal *p) { core_fence((coreid_t)p->word[0]); }

/* Its acknowledgements count as given, and who was asked by way of it is asked directly. */
static void rounds_without(unsigned place)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		struct round *r = &rounds[i];

		if (r->state != ROUND_FREE && r->state != ROUND_PARKED)
			spread_without(r, place);
	}
}

static void exclude_one(unsigned place)
{
	coreid_t core = place_core(place);

	set_add(membership_out, place);
	membership_lost = true;
	members_core_gone(core);
	groups_remove(place);
	heartbeat_changed();
	set_remove(missed, place);
	doubt_end(place);
	core_lost(core);
	rounds_without(place);
	caps_core_gone(core);
	resolve_coordinator(core);
}

void membership_exclude_commit(const struct proposal *p)
{
	if (group_holds(GROUP_ALL, (coreid_t)p->word[0]) && p->word[0] != monitor.core)
		exclude_one(core_place((coreid_t)p->word[0]));
}

void membership_exclude_others(const uint64_t *members)
{
	struct group *all = group_find(GROUP_ALL);

	for (unsigned at = set_next(all->set, 0, places); at < places; at = set_next(all->set, at + 1, places))
		if (!set_has(members, at) && at != place_own)
			exclude_one(at);
}

/* --- coming -------------------------------------------------------------------------------------- */

void membership_return(coreid_t core)
{
	if (core_place(core) < places)
		set_remove(membership_out, core_place(core));
	if (core < CORES_MAX)
		caps_core_back(core);
}

void membership_joined(coreid_t core)
{
	membership_return(core);
	core_joined(core);
}

static void admitted(uint64_t context, err_t err, const struct proposal *p)
{
	(void)p;
	if (err == ERR_AGAIN)
		membership_admit((coreid_t)context);
	else if (err && err != ERR_EXISTS)
		report("monitor: core %u does not join: %s", (unsigned)context, error_text(err));
}

void membership_admit(coreid_t core)
{
	struct proposal p = { .group = GROUP_ALL, .subject = SUBJECT_JOIN, .word = { core } };
	err_t err = two_phase(&p, admitted, core);

	if (err)
		report("monitor: core %u cannot join: %s", core, error_text(err));
}

/* --- lines ----------------------------------------------------------------------------------------- */

bool membership_message(coreid_t from, const struct mon_message *m)
{
	unsigned place = core_place((coreid_t)m->word[0]);

	switch (agree_kind(m->header)) {
	case AGREE_PING:
		membership_say(from, AGREE_PONG, m->word[0]);
		return true;
	case AGREE_BEAT:
		heartbeat_hear(from);
		return true;
	case AGREE_PONG:
		latency_heard(from, m->word[0], context_now());
		return true;
	case AGREE_SUSPECT:
		if (m->word[0] >= places || m->word[0] == monitor.core)
			return false;
		/* Somebody has waited for it. Or it is gone, and one does not know. */
		if (group_holds(GROUP_ALL, (coreid_t)m->word[0]))
			doubt_hasten(place);
		else
			members_tell(from);
		return true;
	default:
		return resolve_message(from, m);
	}
}
