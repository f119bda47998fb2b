/*
 * Heartbeats: a core that dies while nobody waits for it is missed all the same.
 *
 * The members of GROUP_ALL are a ring in the order of their places: each is heard by the one behind it.
 * The lowest beats once in each period (option heartbeat=, milliseconds; 0: nobody does), and
 * whoever hears the one before passes the beat on at once: so an idle core wakes once in a
 * period, whether it listens or beats, and sends one line.  When no beat comes, each
 * begins one by itself half a period later.  Who has heard nothing for two periods
 * doubts the one before (doubt.c): from then on it is as if it had been waited for.
 *
 * Nothing depends on all having the same ring at a time: a needless doubt ends with the answer to its ping.
 * Portable.
 */
#include "monitor/agree/heartbeat.h"
#include "libos/x86/context.h"
#include "monitor/agree/doubt.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#define PERIOD_MS 1000
#define PATIENCE 2 /* periods without a beat */

static cycles_t period;      /* 0: off */
static cycles_t sent, heard; /* the last beat, or the ring has changed */
static cycles_t due;         /* nothing is to be done before; 0: not known */

#define DUE_NEVER UINT64_MAX /* till the ring changes */

void heartbeat_init(void)
{
	period = option_number(monitor.info->cmdline, "heartbeat", PERIOD_MS) * monitor.info->tsc_hz / 1000;
	due = 0;
}

void heartbeat_changed(void)
{
	heard = sent = context_now();
	due = 0;
}

/* --- the ring --------------------------------------------------------------------------------- */

/* NULL while there is none. */
static const uint64_t *ring(void)
{
	const struct group *all = group_find(GROUP_ALL);

	return all && all->state == GROUP_MEMBER && group_formed() ? all->set : NULL;
}

static unsigned place_behind(const uint64_t *members, unsigned place)
{
	unsigned at = set_next(members, place + 1, places);

	return at < places ? at : set_next(members, 0, places);
}

static unsigned place_before(const uint64_t *members)
{
	unsigned before = place_own;

	for (unsigned at = place_behind(members, before); at != place_own; at = place_behind(members, at))
		before = at;
	return before;
}

/* --- beating ------------------------------------------------------------------------------------ */

static void beat(const uint64_t *members)
{
	sent = context_now();
	membership_say(place_core(place_behind(members, place_own)), AGREE_BEAT, 0);
}

/* How long after its last beat this core begins one by itself. */
static cycles_t pause(const uint64_t *members)
{
	return set_next(members, 0, places) == place_own ? period : period + period / 2;
}

void heartbeat_hear(coreid_t from)
{
	const uint64_t *members = period ? ring() : NULL;

	if (!members || place_behind(members, core_place(from)) != place_own)
		return;
	heard = context_now();
	if (heard - sent >= period / 2)
		beat(members);
	due = 0;
}

/* When to look again. */
static cycles_t look(void)
{
	const uint64_t *members = period ? ring() : NULL;
	cycles_t now = context_now(), begin, miss;

	if (!members || place_behind(members, place_own) == place_own)
		return DUE_NEVER;
	if (now - heard >= PATIENCE * period) {
		/* Not since it was heard: should all have stood still, it has to get time to answer. */
		doubt_begin(place_before(members), now - PATIENCE * period);
		heard = now;
	}
	if (now - sent >= pause(members))
		beat(members);
	begin = sent + pause(members);
	miss = heard + PATIENCE * period;
	return begin < miss ? begin : miss;
}

void heartbeat_step(cycles_t *next)
{
	if (due == DUE_NEVER)
		return;
	if (context_now() >= due)
		due = look();
	if (due != DUE_NEVER && (*next == 0 || due < *next))
		*next = due;
}
