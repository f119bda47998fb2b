/*
 * Doubts: which cores seem to be silent.
 *
 * While something is waited for there is a tick four times a second.  Who has left somebody
 * waiting for two ticks is doubted and pinged; any line from it ends the doubt.  If none comes
 * for the silence time (option silence=, milliseconds) it is suspected: membership.c.  A
 * tick that comes late says that this core stood still, so that time does not count.
 * Portable.
 */
#include "monitor/agree/doubt.h"
#include "libos/x86/context.h"
#include "monitor/agree/dissemination.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

#define TICKS_IN_SECOND 4
#define SILENCE_MS 5000
#define SILENCE_GUEST_MS 20000 /* where a host with too much to do takes cores away */
#define HEARD_NEVER 0x8000     /* units of membership_heard ago */
#define HEARD_SINCE ((cycles_t)0x7000 << HEARD_SHIFT)

/*
 * One for each place: when a core has died with many rounds under way, many that live and wait are doubted with it,
 * at each tick anew, and must not keep it from being doubted.
 */
static cycles_t doubt_since[CORES_MAX];
static uint64_t doubted[SET_WORDS_MAX];
static unsigned doubts;
static cycles_t silence, tick, next_tick;

static uint16_t heard_now(void) { return (uint16_t)(context_now() >> HEARD_SHIFT); }

void doubt_init(void)
{
	unsigned usual = monitor.guest ? SILENCE_GUEST_MS : SILENCE_MS;
	uint64_t ms = option_number(monitor.info->cmdline, "silence", usual);

	memset(doubted, 0, sizeof doubted);
	doubts = 0;
	next_tick = 0;
	silence = (ms ? ms : usual) * monitor.info->tsc_hz / 1000;
	tick = monitor.info->tsc_hz / TICKS_IN_SECOND;
	if (tick > silence / 8)
		tick = silence / 8 + 1;
}

static bool heard_within(coreid_t core, cycles_t cycles)
{
	return (uint16_t)(heard_now() - membership_heard[core]) < (cycles >> HEARD_SHIFT) + 1;
}

bool doubt_heard_lately(coreid_t core) { return heard_within(core, silence / 2); }

/* --- who is doubted ------------------------------------------------------------------------ */

bool doubt_holds(unsigned place) { return place < places && set_has(doubted, place); }

bool doubt_is_old(unsigned place) { return doubt_holds(place) && context_now() - doubt_since[place] >= silence; }

unsigned doubt_next_old(unsigned place)
{
	for (place = set_next(doubted, place, places); place < places; place = set_next(doubted, place + 1, places))
		if (doubt_is_old(place))
			break;
	return place;
}

void doubt_begin(unsigned place, cycles_t since)
{
	if (place == place_own || doubt_holds(place))
		return;
	doubt_since[place] = since;
	set_add(doubted, place);
	doubts++;
	membership_heard[place_core(place)] = (uint16_t)(heard_now() - HEARD_NEVER);
	membership_say(place_core(place), AGREE_PING, 0);
}

void doubt_hasten(unsigned place) { doubt_begin(place, context_now() - silence + TICKS_PATIENT * tick); }

void doubt_end(unsigned place)
{
	if (!doubt_holds(place))
		return;
	set_remove(doubted, place);
	doubts--;
}

static void doubt_look(unsigned place)
{
	if (heard_within(place_core(place), HEARD_SINCE)) {
		doubt_end(place);
		membership_trust(place);
	} else if (doubt_is_old(place)) {
		membership_suspect(place);
	}
}

/* --- what is overdue ------------------------------------------------------------------------- */

static void round_look(struct round *r)
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
static void requests_look(void)
{
	cycles_t now = context_now();

	for (unsigned i = 0; i < PENDING_MAX && monitor.pendings.timed; i++) {
		const struct pending *p = &monitor.pendings.entry[i];

		if (p->sequence && p->deadline && request_deadline() - p->deadline > TICKS_PATIENT * tick &&
		    p->deadline > now)
			membership_doubt(p->core);
	}
}

static void groups_look(void)
{
	for (unsigned at = 0; at < places; at++)
		if (group_untold(at))
			membership_doubt(place_core(at));
}

static bool needed(void)
{
	return rounds_used() != 0 || doubts != 0 || monitor.pendings.timed != 0 || resolve_busy() || !group_formed();
}

/* This core has not run for so long, and maybe none has: nobody was silent then. */
static void doubts_forgive(cycles_t now, cycles_t time)
{
	for (unsigned at = set_next(doubted, 0, places); at < places; at = set_next(doubted, at + 1, places))
		doubt_since[at] = now - doubt_since[at] > time ? doubt_since[at] + time : now;
}

bool doubt_tick(cycles_t *next)
{
	cycles_t now = context_now();

	if (!needed()) {
		next_tick = 0;
		return false;
	}
	if (!next_tick)
		next_tick = now + tick;
	*next = next_tick;
	if (now < next_tick)
		return false;
	if (now - next_tick > tick)
		doubts_forgive(now, now - next_tick);
	*next = next_tick = now + tick;
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (rounds[i].state != ROUND_FREE && rounds[i].state != ROUND_FINISHED)
			round_look(&rounds[i]);
	requests_look();
	if (!group_formed())
		groups_look();
	for (unsigned at = set_next(doubted, 0, places); at < places; at = set_next(doubted, at + 1, places))
		doubt_look(at);
	resolve_step();
	return true;
}
