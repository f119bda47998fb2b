/*
 * The table of rounds. Portable.
 */
#include "monitor/agree/round.h"

#include <string.h>

#define RESERVE 6
#define RESERVE_EXCLUDE 3 /* of those, for exclusions alone */

struct round rounds[ROUNDS_MAX];
uint8_t round_chain[ROUND_CHAINS];

static uint64_t sets[ROUND_SET_WORDS];
static uint8_t spare; /* first free record, 1 + index */
static unsigned used;
static struct recent recents[RECENT_MAX];
static unsigned recent_next;
static uint64_t outcomes[OUTCOME_SETS][OUTCOME_WAYS]; /* twice the name, + 1 if it was committed */
static uint8_t outcome_next[OUTCOME_SETS];

static unsigned affordable; /* records that there are sets for */

void rounds_init(void)
{
	memset(rounds, 0, sizeof rounds);
	memset(round_chain, 0, sizeof round_chain);
	memset(recents, 0, sizeof recents);
	memset(outcomes, 0, sizeof outcomes);
	memset(outcome_next, 0, sizeof outcome_next);
	recent_next = used = spare = 0;
	affordable = ROUND_SET_WORDS / (2 * set_words);
	if (affordable > ROUNDS_MAX)
		affordable = ROUNDS_MAX;
	for (unsigned i = affordable; i-- > 0;) {
		rounds[i].asked = &sets[2 * set_words * i];
		rounds[i].awaited = rounds[i].asked + set_words;
		rounds[i].next = spare;
		spare = (uint8_t)(i + 1);
	}
}

static unsigned reserve(unsigned subject)
{
	switch (subject) {
	case SUBJECT_EXCLUDE:
		return 0;
	case SUBJECT_KNOWN:
	case SUBJECT_DECIDE:
		return RESERVE_EXCLUDE;
	default:
		return RESERVE;
	}
}

struct round *round_new(uint64_t id, unsigned subject)
{
	uint8_t *at = round_chain_of(id), first;
	struct round *r;

	if (__builtin_expect(affordable - used <= RESERVE, 0) && affordable - used <= reserve(subject))
		return NULL;
	first = spare;
	r = &rounds[first - 1];
	spare = r->next;
	/* One by one: this is on the path of each question, and most of the record is written next. */
	r->id = id;
	r->next = *at;
	r->lines = r->shared = 0;
	r->waiting = 0;
	r->err = 0;
	r->age = 0;
	r->prepared = r->spoken = r->left_out = r->unsent = false;
	r->own = false;
	r->done = NULL;
	*at = first;
	r->asked[0] = r->awaited[0] = 0;
	for (unsigned i = 1; i < set_words; i++)
		r->asked[i] = r->awaited[i] = 0;
	used++;
	return r;
}

void round_free(struct round *r)
{
	uint8_t *at = round_chain_of(r->id);

	while (&rounds[*at - 1] != r)
		at = &rounds[*at - 1].next;
	*at = r->next;
	r->state = ROUND_FREE;
	r->id = 0;
	r->next = spare;
	spare = (uint8_t)(round_record(r) + 1);
	used--;
}

unsigned rounds_used(void) { return used; }

/* --- what has ended ------------------------------------------------------------------ */

struct recent *recent_add(uint64_t id, uint64_t group, unsigned subject, const uint64_t *word)
{
	struct recent *e = &recents[recent_next];

	recent_next = recent_next + 1 < RECENT_MAX ? recent_next + 1 : 0;
	e->id = id;
	e->group = group;
	for (unsigned i = 0; i < PROPOSAL_WORDS; i++)
		e->word[i] = word[i];
	e->subject = (uint8_t)subject;
	e->relay = e->relayed = false;
	return e;
}

struct recent *recent_find(uint64_t id)
{
	for (unsigned i = 0; i < RECENT_MAX; i++)
		if (recents[i].id == id && id != 0)
			return &recents[i];
	return NULL;
}

struct recent *recent_at(unsigned index) { return index < RECENT_MAX ? &recents[index] : NULL; }

/* Numbers of one coordinator follow each other, so they spread over the sets. */
static unsigned outcome_set(uint64_t id) { return (unsigned)(id + (id >> 32) * 5) % OUTCOME_SETS; }

void outcome_note(uint64_t id, bool commit)
{
	unsigned set = outcome_set(id);

	outcomes[set][outcome_next[set]++ % OUTCOME_WAYS] = id * 2 + commit;
}

enum outcome outcome_noted(uint64_t id)
{
	const uint64_t *set = outcomes[outcome_set(id)];

	for (unsigned i = 0; i < OUTCOME_WAYS; i++)
		if (set[i] / 2 == id && id)
			return set[i] & 1 ? OUTCOME_COMMITTED : OUTCOME_ABORTED;
	return OUTCOME_UNKNOWN;
}
