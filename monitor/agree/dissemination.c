/*
 * Asking, and counting the answers. Portable.
 *
 * Who is asked is written down before any line is sent, and all sets are by place:
 * no answer can come in between, since sending does not wait.
 */
#include "monitor/agree/dissemination.h"
#include "monitor/agree/broadcast.h"
#include "monitor/agree/doubt.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/latency.h"
#include "monitor/agree/membership.h"
#include "monitor/agree/tree.h"
#include "monitor/monitor.h"

#include <string.h>

#define SPLITS 16

static struct split {
	uint64_t set[SET_WORDS_MAX];
	uint16_t lo, hi;
	bool far_first;
	uint8_t count;
	struct branch branch[BRANCHES_MAX];
} splits[SPLITS];

void spread_forget(void) { memset(splits, 0, sizeof splits); }

/*
 * The core that a round adds is asked too, out of the order of the group's places, and is asked what it knows of
 * that round when the coordinator is dead. `places`: none.
 */
static unsigned extra_place(const struct round *r)
{
	if (round_coordinator(r->id) != monitor.core)
		return places;
	if (r->subject == SUBJECT_JOIN)
		return core_place((coreid_t)r->word[0]);
	return r->subject == SUBJECT_KNOWN && r->word[2] ? core_place((coreid_t)(r->word[2] - 1)) : places;
}

static void ask(struct round *r, unsigned place, unsigned end)
{
	struct mon_message m = { .header = agree_header(r->kind, r->subject | r->scheme << 8, r->version),
				 .word = { r->id, r->group, route_pack(place, end, round_record(r)), r->word[0],
					   r->word[1], r->word[2] } };

	r->lines++;
	/* Who is to join is told first whom it joins. */
	if (r->kind == AGREE_PREPARE && place == extra_place(r) &&
	    group_tell(group_find(r->group), place_core(place), true))
		r->unsent = true;
	else if (link_send(place_core(place), &m))
		r->unsent = true;
}

static void await(struct round *r, unsigned place)
{
	set_add(r->asked, place);
	set_add(r->awaited, place);
	r->waiting++;
}

/* Does the coordinator ask each member itself? */
static bool is_direct(const struct round *r)
{
	return r->scheme == DISSEMINATE_UNICAST || r->scheme == DISSEMINATE_BROADCAST;
}

/* Where the range of the asked at `place` ends. */
static unsigned range_end(const struct round *r, unsigned place)
{
	unsigned own = place_own, extra = extra_place(r), end = r->hi;

	if (place == extra || is_direct(r))
		return place + 1;
	do
		end = set_next(r->asked, end == r->hi ? place + 1 : end + 1, r->hi);
	while (end == extra && end < r->hi);
	return own > place && own < end ? own : end;
}

static void ask_each(struct round *r)
{
	for (unsigned at = set_next(r->awaited, 0, places); at < places; at = set_next(r->awaited, at + 1, places))
		ask(r, at, range_end(r, at));
}

/* One line for all. Only of all cores: of another group somebody may be no member any more, and would not say so. */
static bool ask_all(struct round *r)
{
	struct mon_message m = { .header = agree_header(r->kind, r->subject | r->scheme << 8, r->version),
				 .word = { r->id, r->group, route_pack(r->lo, r->hi, round_record(r)), r->word[0],
					   r->word[1], r->word[2] } };

	if (r->scheme != DISSEMINATE_BROADCAST || r->group != GROUP_ALL || r->subject == SUBJECT_JOIN ||
	    r->subject == SUBJECT_EXCLUDE || r->waiting == 0 || !broadcast_send(r, &m))
		return false;
	r->lines += r->waiting;
	r->shared += r->waiting - 1u;
	return true;
}

static void ask_awaited(struct round *r)
{
	if (!ask_all(r))
		ask_each(r);
}

/* --- asking for the first time -------------------------------------------------------------- */

/* An exclusion waits neither for whom it is about nor for others that seem to be silent. */
static bool is_left_out(const struct round *r, unsigned place)
{
	return place == core_place((coreid_t)r->word[0]) || doubt_is_old(place);
}

static void spread_each(struct round *r, const uint64_t *set, unsigned lo, unsigned hi)
{
	unsigned own = place_own;

	for (unsigned at = set_next(set, lo, hi); at < hi; at = set_next(set, at + 1, hi))
		if (at != own && !(r->subject == SUBJECT_EXCLUDE && is_left_out(r, at)))
			await(r, at);
	ask_awaited(r);
}

/*
 * Groups change seldom, and of each this core is asked to serve the same ranges again and again: how it
 * has split those last is kept, together with the set that it has split.
 */
static const struct split *split(const uint64_t *set, const struct round *r)
{
	bool far_first = r->scheme == DISSEMINATE_NUMA;
	struct split *s = &splits[(set[0] % 61 + r->lo + r->hi * 2u + far_first) % SPLITS];
	unsigned word = 0;

	while (word < set_words && s->set[word] == set[word])
		word++;
	if (word == set_words && s->lo == r->lo && s->hi == r->hi && s->far_first == far_first)
		return s;
	for (word = 0; word < set_words; word++)
		s->set[word] = set[word];
	s->lo = r->lo;
	s->hi = r->hi;
	s->far_first = far_first;
	s->count = (uint8_t)tree_split(set, r->lo, r->hi, place_own, s->branch);
	if (far_first)
		tree_farthest_first(s->branch, s->count, place_own, latency_class);
	return s;
}

static void spread_tree(struct round *r, const uint64_t *set)
{
	const struct split *s = split(set, r);

	for (unsigned i = 0; i < s->count; i++)
		await(r, s->branch[i].head);
	for (unsigned i = 0; i < s->count; i++)
		ask(r, s->branch[i].head, s->branch[i].end);
}

void spread(struct round *r)
{
	struct group *g = group_find(r->group);
	unsigned extra = extra_place(r);

	if (is_direct(r))
		spread_each(r, g->set, r->lo, r->hi);
	else
		spread_tree(r, g->set);
	if (extra < places && extra != place_own && !set_has(r->asked, extra) && !membership_gone(place_core(extra))) {
		await(r, extra);
		ask(r, extra, extra + 1);
	}
}

/* As ask_each, of who was asked in the tree: each one's range ends where the next begins. */
static void ask_tree(struct round *r)
{
	unsigned own = place_own, end;

	for (unsigned at = set_next(r->asked, 0, places); at < places; at = end) {
		end = set_next(r->asked, at + 1, places);
		if (own > at && own < end)
			ask(r, at, own);
		else
			ask(r, at, end < r->hi ? end : r->hi);
	}
}

void spread_again(struct round *r)
{
	r->waiting = 0;
	for (unsigned at = set_next(r->asked, 0, places); at < places; at = set_next(r->asked, at + 1, places)) {
		set_add(r->awaited, at);
		r->waiting++;
	}
	if (is_direct(r) || extra_place(r) < places)
		ask_awaited(r);
	else
		ask_tree(r);
}

void spread_retry(struct round *r)
{
	r->unsent = false;
	ask_each(r);
}

/* --- answers ----------------------------------------------------------------------------------- */

static void served(struct round *r)
{
	switch (r->state) {
	case ROUND_SPREADING:
		one_phase_served(r);
		break;
	case ROUND_PREPARING:
		two_phase_voted(r);
		break;
	case ROUND_COMMITTING:
	case ROUND_ABORTING:
		two_phase_ended(r);
		break;
	default:
		break;
	}
}

static void answered(struct round *r, unsigned place)
{
	set_remove(r->awaited, place);
	r->waiting--;
	r->age = 0;
	if (r->waiting == 0) {
		monitor.stirred = true;
		served(r);
	}
}

bool spread_answered(struct round *r, unsigned place, err_t err, unsigned lines)
{
	if (!set_has(r->awaited, place))
		return false;
	r->lines += lines;
	if (err && !r->err)
		r->err = (uint16_t)err;
	answered(r, place);
	return true;
}

/*
 * Asks those behind `place` in its range. Each by itself: this is rare. While the outcome is not known
 * (`now` false) nobody is told anything: those are told with the others then.
 */
static void range_serve(struct round *r, unsigned place, bool now)
{
	const struct group *g = group_find(r->group);
	unsigned end = range_end(r, place);

	for (unsigned at = g ? set_next(g->set, place + 1, end) : end; at < end; at = set_next(g->set, at + 1, end)) {
		if (set_has(r->asked, at))
			continue;
		set_add(r->asked, at);
		if (now) {
			await(r, at);
			ask(r, at, at + 1);
		}
	}
}

void spread_pass_over(struct round *r, unsigned place) { range_serve(r, place, true); }

void spread_without(struct round *r, unsigned place)
{
	bool now = set_has(r->awaited, place);

	if (!set_has(r->asked, place))
		return;
	range_serve(r, place, now);
	set_remove(r->asked, place);
	if (now)
		answered(r, place);
}
