/*
 * Which cores are up: the members of GROUP_ALL, on every core the same.
 *
 * Nobody sends a heartbeat while nobody waits: a core of its own is to see no noise. Who waits for a
 * core that has not answered for two ticks doubts it and pings it.  If it is not heard of for the
 * silence time (option silence=, milliseconds), the lowest member that is not doubted is told.
 * That one, when it hears nothing either, proposes to all others, each asked directly, that the
 * core be excluded; who has heard of it lately refuses.  After the decision the core is
 * fenced, then all are told: it is no member of any group, its link is closed, its
 * acknowledgements count as given, and those that it served are served by who asked it.
 *
 * A core that was doubted without cause hears afterwards who was excluded without it.  Portable.
 */
#include "monitor/agree/membership.h"
#include "monitor/members.h"
#include "libos/core/error_text.h"
#include "libos/x86/context.h"
#include "monitor/agree/dissemination.h"
#include "monitor/agree/engine.h"
#include "monitor/caps/caps.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

#define TICKS_IN_SECOND 4
#define TICKS_PATIENT 2 /* without an answer */
#define SILENCE_MS 5000

struct doubt {
	bool excluding; /* proposed by this core */
	cycles_t since;
};

/*
 * One for each place: when a core has died with many rounds under way, many that live and wait are doubted with it,
 * at each tick anew, and must not keep it from being doubted.
 */
static struct doubt doubts[CORES_MAX];
static uint64_t doubted[SET_WORDS_MAX];
static unsigned doubts_count;
static uint64_t missed[SET_WORDS_MAX]; /* whom this core has not asked about an exclusion, and not told of it yet */
static unsigned exclusions;            /* proposed by this core, and not decided */
static cycles_t silence, tick, next_tick;
uint16_t membership_heard[CORES_MAX];
uint64_t membership_out[SET_WORDS_MAX];
bool membership_lost;

static uint16_t heard_now(void) { return (uint16_t)(context_now() >> HEARD_SHIFT); }

void membership_init(void)
{
	char value[8];
	uint64_t ms = 0;

	memset(doubted, 0, sizeof doubted);
	memset(missed, 0, sizeof missed);
	memset(membership_out, 0, sizeof membership_out);
	doubts_count = exclusions = 0;
	membership_lost = false;
	next_tick = 0;
	if (option_find(monitor.info->cmdline, "silence", value, sizeof value))
		for (const char *p = value; *p >= '0' && *p <= '9'; p++)
			ms = ms * 10 + (uint64_t)(*p - '0');
	silence = (ms ? ms : SILENCE_MS) * monitor.info->tsc_hz / 1000;
	tick = monitor.info->tsc_hz / TICKS_IN_SECOND;
	if (tick > silence / 8)
		tick = silence / 8 + 1;
}

static bool heard_within(coreid_t core, cycles_t cycles)
{
	return (uint16_t)(heard_now() - membership_heard[core]) < (cycles >> HEARD_SHIFT) + 1;
}

static void say(coreid_t to, unsigned kind, uint64_t word)
{
	struct mon_message m = { .header = agree_header(kind, 0, 0), .word = { word } };

	link_send(to, &m);
}

/* --- doubts ------------------------------------------------------------------------------- */

static struct doubt *doubt_of(unsigned place)
{
	return place < places && set_has(doubted, place) ? &doubts[place] : NULL;
}

static bool doubt_is_old(const struct doubt *d) { return context_now() - d->since >= silence; }

bool membership_doubted(unsigned place)
{
	struct doubt *d = doubt_of(place);

	return d && doubt_is_old(d);
}

static void doubt_begin(unsigned place, cycles_t since)
{
	if (place == place_own || doubt_of(place))
		return;
	doubts[place] = (struct doubt){ .since = since };
	set_add(doubted, place);
	doubts_count++;
	membership_heard[place_core(place)] = (uint16_t)(heard_now() - 0x8000);
	say(place_core(place), AGREE_PING, 0);
}

static void members_tell(coreid_t core)
{
	const struct group *all = group_find(GROUP_ALL);

	if (all && group_holds(GROUP_ALL, core))
		group_tell(all, core, false);
}

/* Not before the last exclusion is decided: it may have begun without one that has been heard of since. */
static void missed_tell(unsigned place)
{
	if (exclusions || !set_has(missed, place) || set_has(doubted, place))
		return;
	set_remove(missed, place);
	members_tell(place_core(place));
}

static void doubt_end(unsigned place)
{
	set_remove(doubted, place);
	doubts_count--;
	missed_tell(place);
}

void membership_doubt(coreid_t core)
{
	unsigned place = core_place(core);

	if (place < places && !set_has(membership_out, place))
		doubt_begin(place, context_now());
}

/* The lowest member that is not doubted: who proposes. */
static coreid_t leader(void)
{
	for (coreid_t core = group_next(GROUP_ALL, CORES_MAX); core < CORES_MAX; core = group_next(GROUP_ALL, core))
		if (core == monitor.core || !membership_doubted(core_place(core)))
			return core;
	return monitor.core;
}

static void excluded(uint64_t context, err_t err, const struct proposal *p)
{
	struct doubt *d = doubt_of((unsigned)context);

	(void)p;
	(void)err;
	if (d)
		d->excluding = false;
	exclusions--;
	for (unsigned at = set_next(missed, 0, places); at < places; at = set_next(missed, at + 1, places))
		missed_tell(at);
}

static void exclude(unsigned place)
{
	struct proposal p = { .group = GROUP_ALL, .subject = SUBJECT_EXCLUDE, .word = { place_core(place) } };
	struct route all = { DISSEMINATE_UNICAST, 0, (uint16_t)places };

	if (doubts[place].excluding)
		return;
	for (unsigned at = set_next(doubted, 0, places); at < places; at = set_next(doubted, at + 1, places))
		if (doubt_is_old(&doubts[at]) && at != place)
			set_add(missed, at);
	doubts[place].excluding = two_phase_over(&p, &all, excluded, place) == ERR_OK;
	exclusions += doubts[place].excluding;
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
		if (!member && r->kind == AGREE_PREPARE && !r->err)
			r->err = ERR_CORE_TIMEOUT;
		spread_without(r, place);
	}
}

/* Who is told is waited for like anybody else: should it be dead too, the next lowest is told. */
static void suspect_say(coreid_t to, coreid_t core)
{
	say(to, AGREE_SUSPECT, core);
	membership_doubt(to);
}

static void doubt_step(unsigned place)
{
	coreid_t core = place_core(place);
	bool member = group_holds(GROUP_ALL, core);

	if (heard_within(core, (cycles_t)0x7000 << HEARD_SHIFT)) {
		doubt_end(place);
		return;
	}
	if (!doubt_is_old(&doubts[place]))
		return;
	rounds_go_on(place, member);
	if (!doubt_of(place))
		return;
	if (!member)
		doubt_end(place);
	else if (leader() == monitor.core)
		exclude(place);
	else
		suspect_say(leader(), core);
}

/* --- what is overdue ------------------------------------------------------------------------- */

static void round_step(struct round *r)
{
	if (r->unsent)
		spread_retry(r);
	if (r->age < UINT8_MAX)
		r->age++;
	if (r->age < TICKS_PATIENT)
		return;
	for (unsigned at = set_next(r->awaited, 0, places); at < places; at = set_next(r->awaited, at + 1, places))
		membership_doubt(place_core(at));
	if (r->parent != monitor.core && (r->state == ROUND_PREPARED || r->state == ROUND_REFUSED)) {
		membership_doubt(r->parent);
		membership_doubt(round_coordinator(r->id));
	}
}

/* Requests that are answered at once, and are not: request_deadline() is when they have waited for all of it. */
static void requests_step(void)
{
	cycles_t now = context_now();

	for (unsigned i = 0; i < PENDING_MAX && monitor.pendings.timed; i++) {
		const struct pending *p = &monitor.pendings.entry[i];

		if (p->sequence && p->deadline && request_deadline() - p->deadline > TICKS_PATIENT * tick &&
		    p->deadline > now)
			membership_doubt(p->core);
	}
}

static void groups_step(void)
{
	for (unsigned at = 0; at < places; at++)
		if (group_untold(at))
			membership_doubt(place_core(at));
}

static bool needed(void)
{
	return rounds_used() != 0 || doubts_count != 0 || monitor.pendings.timed != 0 || resolve_busy() ||
	       !group_formed();
}

bool membership_step(cycles_t *next)
{
	if (!needed()) {
		next_tick = 0;
		return false;
	}
	if (!next_tick)
		next_tick = context_now() + tick;
	*next = next_tick;
	if (context_now() < next_tick)
		return false;
	*next = next_tick = context_now() + tick;
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (rounds[i].state != ROUND_FREE && rounds[i].state != ROUND_FINISHED)
			round_step(&rounds[i]);
	requests_step();
	if (!group_formed())
		groups_step();
	for (unsigned at = set_next(doubted, 0, places); at < places; at = set_next(doubted, at + 1, places))
		doubt_step(at);
	resolve_step();
	return true;
}

/* --- exclusion ---------------------------------------------------------------------------------- */

err_t membership_exclude_prepare(const struct proposal *p)
{
	coreid_t core = (coreid_t)p->word[0];

	if (p->word[0] >= places || core == monitor.core || p->group != GROUP_ALL)
		return ERR_CORE_ID;
	/* Heard while it was doubted, or lately: it lives. */
	if (group_holds(GROUP_ALL, core) && heard_within(core, silence / 2)) {
		say(core, AGREE_PING, 0);
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
	struct doubt *d = doubt_of(place);

	set_add(membership_out, place);
	membership_lost = true;
	members_core_gone(core);
	groups_remove(place);
	set_remove(missed, place);
	if (d)
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
		say(from, AGREE_PONG, 0);
		return true;
	case AGREE_PONG:
		return true;
	case AGREE_SUSPECT:
		if (m->word[0] >= places || m->word[0] == monitor.core)
			return false;
		/* Somebody has waited for it: it is given two ticks to answer us. Or it is gone, and one does not know. */
		if (group_holds(GROUP_ALL, (coreid_t)m->word[0]))
			doubt_begin(place, context_now() - silence + 2 * tick);
		else
			members_tell(from);
		return true;
	default:
		return resolve_message(from, m);
	}
}
