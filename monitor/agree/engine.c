/*
 * Rounds from their begin to their end, and the lines of MON_AGREE from the link to
 * the function of the protocol that they concern. Portable.
 *
 * A line is checked here, all of it, before any protocol sees it: what makes no sense is
 * dropped, counted against the core that sent it, and reported.
 */
#include "monitor/agree/engine.h"
#include "libos/x86/context.h"
#include "monitor/agree/broadcast.h"
#include "monitor/agree/dissemination.h"
#include "monitor/agree/latency.h"
#include "monitor/agree/doubt.h"
#include "monitor/agree/heartbeat.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

#include <string.h>

static uint32_t last_number; /* of this core's own rounds */
static unsigned finished;    /* rounds in ROUND_FINISHED */
static uint8_t malformed[CORES_MAX];
static unsigned malformed_all;

uint64_t agree_lines, agree_written;

void agree_init(void)
{
	places_init(monitor.info, monitor.core);
	groups_init();
	rounds_init();
	spread_forget();
	latency_init();
	membership_init();
	memset(malformed, 0, sizeof malformed);
	finished = malformed_all = 0;
}

unsigned agree_busy(void) { return rounds_used(); }

unsigned agree_malformed(coreid_t core) { return core < CORES_MAX ? malformed[core] : malformed_all; }

/* Reported at the first, and each time that the count has doubled. */
static void line_drop(coreid_t from, const struct mon_message *m)
{
	unsigned count = malformed[from] < UINT8_MAX ? ++malformed[from] : UINT8_MAX;

	malformed_all++;
	if ((count & (count - 1)) == 0)
		report("monitor %u: a line from core %u makes no sense: kind %u, round %x (%u so far)", monitor.core,
		       from, agree_kind(m->header), m->word[0], count);
}

/* --- rounds --------------------------------------------------------------------------------- */

static bool route_valid(const struct route *route)
{
	unsigned own = place_own;

	return route->scheme < DISSEMINATIONS && route->lo <= own && own < route->hi && route->hi <= places;
}

err_t round_begin(const struct proposal *p, const struct route *route, round_done *done, uint64_t context,
		  struct round **out)
{
	struct group *g = group_find(p->group);
	struct round *r;

	if (p->subject >= SUBJECTS || !route_valid(route))
		return ERR_ARGUMENT;
	if (!g || g->state != GROUP_MEMBER)
		return ERR_NOT_FOUND;
	r = round_new(round_name(monitor.core, last_number + 1), p->subject);
	if (!r)
		return ERR_AGAIN;
	last_number++;
	r->group = p->group;
	memcpy(r->word, p->word, sizeof r->word);
	r->subject = p->subject;
	r->version = g->version;
	r->scheme = route->scheme;
	r->lo = route->lo;
	r->hi = route->hi;
	r->parent = (uint16_t)monitor.core;
	r->own = true;
	r->done = done;
	r->context = context;
	*out = r;
	return ERR_OK;
}

struct round *round_take(coreid_t from, const struct mon_message *m)
{
	struct round *r = round_new(m->word[0], (uint8_t)mon_aux(m->header));

	if (!r)
		return NULL;
	r->group = m->word[1];
	for (unsigned i = 0; i < PROPOSAL_WORDS; i++)
		r->word[i] = m->word[3 + i];
	r->subject = (uint8_t)mon_aux(m->header);
	r->scheme = (uint8_t)(mon_aux(m->header) >> 8);
	r->version = mon_sequence(m->header);
	r->lo = (uint16_t)route_lo(m->word[2]);
	r->hi = (uint16_t)route_hi(m->word[2]);
	r->kind = (uint8_t)agree_kind(m->header);
	r->parent = (uint16_t)from;
	r->own = from == monitor.core;
	r->record = (uint8_t)route_record(m->word[2]);
	return r;
}

void round_proposal(const struct round *r, struct proposal *p)
{
	*p = (struct proposal){ .group = r->group, .subject = r->subject, .coordinator = round_coordinator(r->id) };
	memcpy(p->word, r->word, sizeof p->word);
}

static inline void acknowledge(coreid_t to, uint64_t id, unsigned kind, unsigned record, err_t err, enum ack_note note,
			       unsigned lines)
{
	struct mon_message m = { .header = agree_header(AGREE_ACK, note | (unsigned)err << 4, kind),
				 .word = { id, record, lines } };

	link_send(to, &m);
}

void round_acknowledge(const struct round *r, enum ack_note note)
{
	acknowledge(r->parent, r->id, r->kind, r->record, r->err, note, r->lines + 1);
}

void request_acknowledge(coreid_t to, const struct mon_message *m, err_t err, enum ack_note note)
{
	acknowledge(to, m->word[0], agree_kind(m->header), route_record(m->word[2]), err, note, 1);
}

void round_finish(struct round *r)
{
	if (r->parent != monitor.core) {
		round_acknowledge(r, ACK_PLAIN);
		round_free(r);
		return;
	}
	/* The proposer's part may be to propose again: not while it is still in one_phase() or a handler. */
	r->state = ROUND_FINISHED;
	monitor.pressing = true;
	finished++;
}

static void round_tell(struct round *r)
{
	round_done *done = r->done;
	uint64_t context = r->context;
	err_t err = r->err;
	struct proposal p;

	round_proposal(r, &p);
	agree_lines += r->lines;
	agree_written += r->lines - r->shared;
	round_free(r);
	finished--;
	if (done)
		done(context, err, &p);
}

bool agree_step(cycles_t *next)
{
	bool busy = finished != 0;

	for (unsigned i = 0; i < ROUNDS_MAX && finished; i++)
		if (rounds[i].state == ROUND_FINISHED)
			round_tell(&rounds[i]);
	*next = 0;
	if (doubt_tick(next) || busy)
		return true;
	heartbeat_step(next);
	return false;
}

/* --- requests ----------------------------------------------------------------------------------- */

/* What is heard of without a vote; what is voted on. */
#define ONE_PHASE                                                                                                     \
	(1u << SUBJECT_NOTHING | 1u << SUBJECT_FLUSH | 1u << SUBJECT_LEAVE | 1u << SUBJECT_STOP | 1u << SUBJECT_END | \
	 1u << SUBJECT_CORE_AT | 1u << SUBJECT_KNOWN | 1u << SUBJECT_DECIDE)
#define TWO_PHASE (1u << SUBJECT_NOTHING | 1u << SUBJECT_ROOT_SLOT | 1u << SUBJECT_JOIN | 1u << SUBJECT_EXCLUDE)

static inline bool request_sane(const struct mon_message *m)
{
	unsigned aux = mon_aux(m->header);
	coreid_t coordinator = round_coordinator(m->word[0]);
	uint64_t route = m->word[2];
	unsigned subjects = agree_kind(m->header) == AGREE_DO ? ONE_PHASE : TWO_PHASE;

	return (uint8_t)aux < SUBJECTS && subjects >> (uint8_t)aux & 1 && aux >> 8 < DISSEMINATIONS &&
	       coordinator < places && coordinator != monitor.core && (uint32_t)m->word[0] != 0 &&
	       route_lo(route) <= place_own && place_own < route_hi(route) && route_hi(route) <= places &&
	       route_record(route) < ROUNDS_MAX;
}

/* No member here. Who was to become one and has not been told of the group, or not any more, refuses. */
static void request_decline(coreid_t from, const struct mon_message *m)
{
	bool invited = agree_kind(m->header) == AGREE_PREPARE && (uint8_t)mon_aux(m->header) == SUBJECT_JOIN &&
		       m->word[3] == monitor.core;

	request_acknowledge(from, m, invited ? ERR_AGAIN : ERR_OK, invited ? ACK_PLAIN : ACK_NONE);
}

/* Is this core to take part? If it is to later, the request waits. */
static bool request_admitted(coreid_t from, const struct mon_message *m)
{
	struct group *g = group_find(m->word[1]);
	bool to_join = g && g->state == GROUP_JOINING;
	struct round *r;

	/* That it has prepared a join is what is asked. */
	if (g && g->changing && (uint8_t)mon_aux(m->header) == SUBJECT_KNOWN)
		return true;
	if (!g || g->state == GROUP_LEFT || (to_join && !g->changing && agree_kind(m->header) != AGREE_PREPARE)) {
		request_decline(from, m);
		return false;
	}
	/* A later version is that of a join which this core has prepared, as all have. */
	if (to_join ? agree_kind(m->header) == AGREE_PREPARE && !g->changing
		    : mon_sequence(m->header) <= g->version || !g->changing)
		return true;
	r = round_find(m->word[0]);
	/* Asked again, by another. */
	if (r && r->state == ROUND_PARKED)
		round_free(r);
	else if (r)
		return true;
	r = round_take(from, m);
	if (r)
		r->state = ROUND_PARKED;
	else if (agree_kind(m->header) == AGREE_DO)
		one_phase_alone(from, m, !request_is_alone(m));
	else
		request_acknowledge(from, m, ERR_AGAIN, ACK_PLAIN);
	return false;
}

static inline void request_go(coreid_t from, const struct mon_message *m, bool left_out)
{
	if (agree_kind(m->header) == AGREE_DO)
		one_phase_hear(from, m, left_out);
	else
		two_phase_prepare(from, m, left_out);
}

/* A group that it does not know, or not as the proposer does. */
static __attribute__((noinline)) void request_strange(coreid_t from, const struct mon_message *m)
{
	struct mon_message mine = *m;

	monitor.pressing = true;
	if (!request_admitted(from, m))
		return;
	/*
	 * A join that this core has not been asked about: it has left, and does not know yet. It cannot know who
	 * the others are.
	 */
	if (mon_sequence(m->header) > group_find(m->word[1])->version)
		mine.word[2] = route_pack(place_own, place_own + 1, route_record(m->word[2]));
	request_go(from, &mine, request_is_alone(&mine) && !request_is_alone(m));
}

static inline bool request_first(coreid_t from, const struct mon_message *m)
{
	const struct group *g = group_find(m->word[1]);

	if (!request_sane(m))
		return false;
	if (!g || g->state != GROUP_MEMBER || mon_sequence(m->header) > g->version)
		request_strange(from, m);
	else
		request_go(from, m, false);
	return true;
}

static bool request_outcome(coreid_t from, const struct mon_message *m)
{
	return two_phase_awaited(from, m) || (request_sane(m) && two_phase_outcome(from, m));
}

/* As if the request came now. */
static void parked_resume(struct round *r)
{
	coreid_t from = r->parent;
	struct mon_message m = { .header = agree_header(r->kind, r->subject | r->scheme << 8, r->version),
				 .word = { r->id, r->group, route_pack(r->lo, r->hi, r->record), r->word[0], r->word[1],
					   r->word[2] } };

	round_free(r);
	request_first(from, &m);
}

void engine_group_changed(uint64_t group)
{
	if (group == GROUP_ALL)
		heartbeat_changed();
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (rounds[i].state == ROUND_PARKED && rounds[i].group == group)
			parked_resume(&rounds[i]);
}

/* --- acknowledgements ------------------------------------------------------------------------------ */

static bool acknowledged(coreid_t from, const struct mon_message *m)
{
	struct round *r = m->word[1] < ROUNDS_MAX ? &rounds[m->word[1]] : NULL;
	unsigned place = core_place(from), note = mon_aux(m->header) & 15;
	struct group *g;

	/*
	 * Of a round that was settled without its coordinator, or that ended while the answer was under way; or of an
	 * exclusion that did not wait for it.
	 */
	if (!r || r->id != m->word[0])
		return round_coordinator(m->word[0]) < places &&
		       (membership_gone(round_coordinator(m->word[0])) || membership_missed(place));
	if (r->kind != mon_sequence(m->header) || place == places || !set_has(r->awaited, place))
		/* A vote from below that the proposer has had directly: it has decided. */
		return mon_sequence(m->header) == AGREE_PREPARE && (r->kind == AGREE_COMMIT || r->kind == AGREE_ABORT);
	if (note != ACK_PLAIN)
		spread_pass_over(r, place);
	if (note == ACK_NONE && (g = group_find(r->group)) && r->group != GROUP_ALL)
		group_remove(g, place);
	return spread_answered(r, place, mon_aux(m->header) >> 4, (unsigned)m->word[2]);
}

/* --- lines ----------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void first_hear(coreid_t from, const struct mon_message *m)
{
	if (!request_first(from, m))
		line_drop(from, m);
}

static __attribute__((noinline)) void ack_hear(coreid_t from, const struct mon_message *m)
{
	if (!acknowledged(from, m))
		line_drop(from, m);
}

static __attribute__((noinline)) void outcome_hear(coreid_t from, const struct mon_message *m)
{
	monitor.stirred = true;
	if (!request_outcome(from, m))
		line_drop(from, m);
}

static __attribute__((noinline)) void other_hear(coreid_t from, const struct mon_message *m)
{
	bool sane;

	monitor.pressing = true;
	switch (agree_kind(m->header)) {
	case AGREE_STATE:
		sane = group_hear(from, m);
		break;
	case AGREE_LINE:
	case AGREE_LINE_OK:
		sane = broadcast_hear(from, m);
		break;
	case AGREE_STATE_OK:
		sane = group_told(from, m);
		break;
	default:
		sane = membership_message(from, m);
		break;
	}
	if (!sane)
		line_drop(from, m);
}

/* Those of rounds each by a short way of its own. */
void agree_message(coreid_t from, const struct mon_message *m)
{
	unsigned kind = agree_kind(m->header);

	if (kind == AGREE_ACK)
		ack_hear(from, m);
	else if (kind == AGREE_DO || kind == AGREE_PREPARE)
		first_hear(from, m);
	else if (kind == AGREE_COMMIT || kind == AGREE_ABORT)
		outcome_hear(from, m);
	else
		other_hear(from, m);
}

/* It is for the members within its range, each for itself. */
void agree_overhear(coreid_t from, const struct mon_message *m)
{
	struct mon_message mine = *m;

	if (place_own < route_lo(m->word[2]) || place_own >= route_hi(m->word[2]) || !membership_hear(from) ||
	    !group_holds(m->word[1], monitor.core))
		return;
	mine.word[2] = route_pack(place_own, place_own + 1, route_record(m->word[2]));
	monitor.messages++;
	agree_message(from, &mine);
}
