/*
 * Groups of cores. Portable.
 *
 * A group changes in two ways.  A core joins by a two-phase round that all members
 * have prepared before any commits, and one at a time: so the number of joins is a
 * version that orders them.  Whoever hears of a round with a later version than its
 * own waits until it has heard of the join (one_phase.c, two_phase.c).  A core goes
 * at once: who still counts on it hears from itself, or from the exclusion, that
 * it is none.
 *
 * A core that is to join is told the members first, on the link on which the
 * question then comes.  GROUP_ALL is made by monitor 0, which tells all cores that
 * are up at the start.
 */
#include "monitor/agree/group.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

#include <string.h>

#define POOL_BYTES 4096
#define WORDS_IN_LINE 4

static _Alignas(8) uint8_t pool[POOL_BYTES];
static size_t pool_used;
static struct group *spare;
struct group *group_chain[GROUP_CHAINS];
static uint64_t untold[SET_WORDS_MAX]; /* who has not said yet that it knows GROUP_ALL */

void groups_init(void)
{
	pool_used = 0;
	spare = NULL;
	memset(untold, 0, sizeof untold);
	memset(group_chain, 0, sizeof group_chain);
}

static struct group *group_new(uint64_t name, enum group_state state)
{
	size_t bytes = sizeof(struct group) + set_words * sizeof(uint64_t);
	struct group *g = spare;

	if (g)
		spare = g->next;
	else if (bytes > POOL_BYTES - pool_used)
		return NULL;
	else
		g = (struct group *)(void *)&pool[pool_used], pool_used += bytes;
	memset(g, 0, bytes);
	g->name = name;
	g->state = (uint8_t)state;
	g->next = *group_chain_of(name);
	*group_chain_of(name) = g;
	return g;
}

static void group_free(struct group *g)
{
	struct group **at = group_chain_of(g->name);

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	g->next = spare;
	spare = g;
}

/* --- for all ------------------------------------------------------------------------ */

bool group_holds(uint64_t name, coreid_t core)
{
	struct group *g = group_find(name);
	unsigned place = core_place(core);

	return g && place < places && set_has(g->set, place);
}

unsigned group_count(uint64_t name)
{
	struct group *g = group_find(name);

	return g && g->state != GROUP_LEFT ? set_count(g->set) : 0;
}

coreid_t group_next(uint64_t name, coreid_t core)
{
	struct group *g = group_find(name);

	for (coreid_t c = core == CORES_MAX ? 0 : core + 1; g && c < places; c++)
		if (set_has(g->set, core_place(c)))
			return c;
	return CORES_MAX;
}

err_t group_make(uint64_t name)
{
	struct group *g;

	if (group_find(name))
		return ERR_EXISTS;
	g = group_new(name, GROUP_MEMBER);
	if (!g)
		return ERR_NO_MEMORY;
	set_add(g->set, place_own);
	return ERR_OK;
}

void group_drop(uint64_t name)
{
	struct group *g = group_find(name);

	if (!g || name == GROUP_ALL)
		return;
	group_free(g);
	engine_group_changed(name);
}

bool group_changes(uint64_t name)
{
	const struct group *g = group_find(name);

	return g && g->changing;
}

void group_remove(struct group *g, unsigned place)
{
	if (place < places)
		set_remove(g->set, place);
}

void group_leave(struct group *g)
{
	g->state = GROUP_LEFT;
	g->changing = 0;
	group_remove(g, place_own);
	engine_group_changed(g->name);
}

void groups_remove(unsigned place)
{
	set_remove(untold, place);
	for (unsigned i = 0; i < GROUP_CHAINS; i++)
		for (struct group *g = group_chain[i]; g; g = g->next)
			group_remove(g, place);
}

/* --- telling who is in it --------------------------------------------------------------- */

err_t group_tell(const struct group *g, coreid_t core, bool joining)
{
	for (unsigned at = 0; at < set_words; at += WORDS_IN_LINE) {
		unsigned count = set_words - at < WORDS_IN_LINE ? set_words - at : WORDS_IN_LINE;
		struct mon_message m = { .header = agree_header(AGREE_STATE, joining, g->version),
					 .word = { g->name, at | count << 16 } };
		err_t err;

		memcpy(&m.word[2], &g->set[at], count * sizeof(uint64_t));
		err = link_send(core, &m);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* Bits of places that the machine does not have mean that somebody knows another machine. */
static bool words_valid(const struct mon_message *m, unsigned at, unsigned count)
{
	unsigned last = places % 64;

	if (count == 0 || count > WORDS_IN_LINE || at >= set_words || count > set_words - at)
		return false;
	return last == 0 || at + count < set_words || m->word[2 + count - 1] >> last == 0;
}

/* What this core takes for members and others do not is none. Who knows fewer joins cannot say that. */
static bool group_correct(const struct group *g, const struct mon_message *m, unsigned at, unsigned count)
{
	uint64_t members[SET_WORDS_MAX];

	if (mon_sequence(m->header) < g->version)
		return true;
	memset(members, 0xff, sizeof members);
	memcpy(&members[at], &m->word[2], count * sizeof(uint64_t));
	membership_exclude_others(members);
	return true;
}

bool group_hear(coreid_t from, const struct mon_message *m)
{
	unsigned at = m->word[1] & 0xffff, count = m->word[1] >> 16 & 0xffff;
	bool joining = mon_aux(m->header) != 0;
	struct group *g = group_find(m->word[0]);
	struct mon_message ok = { .header = agree_header(AGREE_STATE_OK, 0, 0), .word = { m->word[0] } };

	if (!words_valid(m, at, count) || (!joining && m->word[0] != GROUP_ALL))
		return false;
	/* A member knows better, unless exclusions have passed it by. */
	if (g && g->state == GROUP_MEMBER)
		return joining || group_correct(g, m, at, count);
	/* Asked already, and not told the outcome: who asks now is answered afterwards. */
	if (g && g->changing)
		return true;
	if (!g)
		g = group_new(m->word[0], GROUP_JOINING);
	else if (g->state == GROUP_LEFT)
		g->state = GROUP_JOINING;
	/* Without a record the question that follows is answered with no. */
	if (!g)
		return true;
	g->version = mon_sequence(m->header);
	/* Who is told may know of deaths that the teller has not heard of yet. */
	for (unsigned i = 0; i < count; i++)
		g->set[at + i] = m->word[2 + i] & ~membership_out[at + i];
	if (joining || at + count < set_words)
		return true;
	g->state = GROUP_MEMBER;
	link_send(from, &ok);
	engine_group_changed(g->name);
	return true;
}

bool group_told(coreid_t from, const struct mon_message *m)
{
	if (monitor.core != 0 || m->word[0] != GROUP_ALL || !set_has(untold, core_place(from)))
		return false;
	set_remove(untold, core_place(from));
	if (group_formed())
		engine_group_changed(GROUP_ALL);
	return true;
}

err_t group_form(group_member *up)
{
	struct group *g = group_find(GROUP_ALL);
	err_t err = g ? ERR_OK : group_make(GROUP_ALL);

	g = group_find(GROUP_ALL);
	for (coreid_t core = 0; !err && core < places; core++)
		if (core != monitor.core && up(core))
			set_add(g->set, core_place(core));
	for (coreid_t core = 0; !err && core < places; core++) {
		if (core == monitor.core || !set_has(g->set, core_place(core)))
			continue;
		err = group_tell(g, core, false);
		set_add(untold, core_place(core));
	}
	return err;
}

bool group_formed(void) { return set_next(untold, 0, places) == places; }

bool group_untold(unsigned place) { return set_has(untold, place); }

/* --- joining ----------------------------------------------------------------------------- */

err_t group_join_prepare(uint64_t round, const struct proposal *p)
{
	struct group *g = group_find(p->group);
	unsigned place = core_place((coreid_t)p->word[0]);

	if (!g)
		return ERR_NO_MEMORY;
	if (place == places || p->word[0] >= places)
		return ERR_CORE_ID;
	if (set_has(g->set, place))
		return ERR_EXISTS;
	/* It would be asked, too, and never answer. */
	if (p->group != GROUP_ALL && membership_gone((coreid_t)p->word[0]))
		return ERR_CORE_DOWN;
	if (g->changing && g->changing != round)
		return ERR_AGAIN;
	g->changing = round;
	return ERR_OK;
}

void group_join_commit(uint64_t round, const struct proposal *p)
{
	struct group *g = group_find(p->group);

	if (!g || g->changing != round)
		return;
	g->changing = 0;
	g->version++;
	g->state = GROUP_MEMBER;
	/* It may have died meanwhile. */
	if (p->group == GROUP_ALL || group_holds(GROUP_ALL, (coreid_t)p->word[0]))
		set_add(g->set, core_place((coreid_t)p->word[0]));
	if (p->group == GROUP_ALL)
		membership_joined((coreid_t)p->word[0]);
	engine_group_changed(g->name);
}

void group_join_abort(uint64_t round, const struct proposal *p)
{
	struct group *g = group_find(p->group);

	if (!g || g->changing != round)
		return;
	g->changing = 0;
	if (g->state == GROUP_JOINING)
		group_free(g);
	engine_group_changed(p->group);
}
