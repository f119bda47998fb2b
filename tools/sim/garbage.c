/*
 * Lines of agreement that make no sense, from a core whose monitor has lost its mind; and messages of types that no
 * monitor sends.
 *
 * Each is a line as it could be with one thing in it that cannot be.  It must be dropped and counted against its
 * sender: no line goes out for it, nothing begins or ends.  What comes afterwards is for the other checks.
 */
#include "tools/sim/sim.h"

#include <string.h>

#include "monitor/agree/places.h"
#include "monitor/agree/round.h"
#include "monitor/agree/wire.h"

#define NEVER 0xfffffff0u /* a number that no round gets to */
#define UNKNOWN_CORE (options.cores + (coreid_t)random_below(&dice, 100))

static unsigned below(unsigned n) { return (unsigned)random_below(&dice, n); }

/* A question as a member could be asked it, by the sender about a round of its own. */
static void request_draw(struct mon_message *m, coreid_t from)
{
	static const unsigned kinds[] = { AGREE_DO, AGREE_PREPARE, AGREE_COMMIT, AGREE_ABORT };

	m->header = agree_header(kinds[below(4)], SUBJECT_NOTHING | below(DISSEMINATIONS) << 8, 0);
	m->word[0] = round_name(from, NEVER);
	m->word[1] = GROUP_ALL;
	m->word[2] = route_pack(0, options.cores, below(ROUNDS_MAX));
}

static void request_spoil(struct mon_message *m, coreid_t to)
{
	unsigned kind = agree_kind(m->header);

	switch (below(9)) {
	case 0:
		m->header = agree_header(kind, SUBJECTS + below(256 - SUBJECTS), 0);
		break;
	case 1:
		m->header = agree_header(kind, DISSEMINATIONS << 8, 0);
		break;
	case 2:
		m->word[0] = round_name(UNKNOWN_CORE, 1);
		break;
	case 3:
		m->word[0] = round_name(to, NEVER);
		break;
	case 4:
		m->word[0] = round_name(round_coordinator(m->word[0]), 0);
		break;
	case 5: /* of no place */
		m->word[2] = route_pack(0, 0, 0);
		break;
	case 6:
		m->word[2] = route_pack(0, options.cores + 1 + below(1000), 0);
		break;
	case 7:
		m->word[2] = route_pack(0, options.cores, ROUNDS_MAX + below(100));
		break;
	case 8: /* nobody is asked for a vote about this, or hears of that without one */
		m->header = agree_header(kind, kind == AGREE_DO ? SUBJECT_EXCLUDE : SUBJECT_STOP, 0);
		break;
	}
}

static void answer_draw(struct mon_message *m)
{
	m->header = agree_header(AGREE_ACK, below(1 << 16), below(AGREE_KINDS));
	m->word[0] = round_name(UNKNOWN_CORE, 1 + below(100));
	m->word[1] = below(2 * ROUNDS_MAX);
}

/* Who is in a group: of words that there are not. */
static void state_draw(struct mon_message *m)
{
	unsigned words = (options.cores + 63) / 64, at = below(2) ? words + below(20) : 0;

	m->header = agree_header(AGREE_STATE, below(2), 0);
	m->word[1] = at | (at ? 1 : 5 + below(100)) << 16;
	m->word[2] = m->word[3] = m->word[4] = m->word[5] = random_next(&dice);
}

static void other_draw(struct mon_message *m, coreid_t to)
{
	static const unsigned of_rounds[] = { AGREE_DOUBT, AGREE_OUTCOME, AGREE_RELAY };

	switch (below(4)) {
	case 0:
		m->header = agree_header(AGREE_KINDS + below(64 - AGREE_KINDS), 0, 0);
		break;
	case 1:
		m->header = agree_header(AGREE_SUSPECT, 0, 0);
		m->word[0] = below(2) ? to : UNKNOWN_CORE;
		break;
	case 2:
		m->header = agree_header(of_rounds[below(3)], below(SUBJECTS), 0);
		m->word[0] = round_name(UNKNOWN_CORE, 1 + below(100));
		break;
	case 3:
		m->header = agree_header(AGREE_RELAY, SUBJECTS, 0);
		m->word[0] = round_name(0, 1);
		break;
	}
}

static void line_draw(struct mon_message *m, coreid_t from, coreid_t to)
{
	*m = (struct mon_message){ .word = { 0, 0, 0, random_next(&dice), random_next(&dice), random_next(&dice) } };
	switch (below(4)) {
	case 0:
		request_draw(m, from);
		request_spoil(m, to);
		break;
	case 1:
		answer_draw(m);
		break;
	case 2:
		state_draw(m);
		break;
	case 3:
		other_draw(m, to);
		break;
	}
}

void garbage_act(void)
{
	coreid_t from = below(options.cores), to = below(options.cores);
	const struct island *island = &cores[to].island;
	unsigned malformed, busy;
	struct mon_message m;
	uint64_t line[SIM_WORDS], lines = fabric_lines();

	if (from == to || !core_alive(from) || !core_alive(to))
		return;
	line_draw(&m, from, to);
	memcpy(line, &m, sizeof line);
	malformed = island->isle_malformed();
	busy = island->isle_busy();
	trace_note(to, "gets a line of kind %u from core %u that makes no sense", agree_kind(m.header), from);
	island->isle_message(from, line);
	if (fabric_lines() != lines || island->isle_busy() != busy)
		sim_violation(to, "does something about a line of kind %u that makes no sense", agree_kind(m.header));
	/* Of a core that is excluded nothing is looked at. */
	if (island->isle_malformed() != malformed + island->isle_group_holds(GROUP_ALL, from))
		sim_violation(to, "does not count a line of kind %u that makes no sense", agree_kind(m.header));
	fabric_soon(to);
}

/* What only processes say, and types that there are not. */
static unsigned type_draw(void)
{
	static const uint8_t of_processes[] = { MON_EXIT,     MON_RAM,  MON_RAM_FREE,  MON_FAULT,
						MON_ROUNDS,   MON_SPAN, MON_UNMAP,     MON_CAP_COPY,
						MON_CAP_SEND, MON_WALK, MON_MAIL_TAKEN };

	return below(2) ? of_processes[below(sizeof of_processes)] : MON_OPS + below(256 - MON_OPS);
}

void garbage_request_act(void)
{
	coreid_t from = below(options.cores), to = below(options.cores);
	const struct island *island = &cores[to].island;
	struct mon_message m = { .header = mon_header(type_draw(), 0, below(1 << 16), below(1 << 20)),
				 .word = { random_next(&dice), random_next(&dice), random_next(&dice) } };
	uint64_t line[SIM_WORDS], lines = fabric_lines();
	unsigned malformed, busy;

	if (from == to || !core_alive(from) || !core_alive(to))
		return;
	memcpy(line, &m, sizeof line);
	malformed = island->isle_malformed_requests();
	busy = island->isle_busy();
	trace_note(to, "gets a message of type %u from core %u that makes no sense", mon_op(m.header), from);
	island->isle_message(from, line);
	if (fabric_lines() != lines || island->isle_busy() != busy)
		sim_violation(to, "does something about a message of type %u that makes no sense", mon_op(m.header));
	/* Of a core that is excluded nothing is looked at. */
	if (island->isle_malformed_requests() != malformed + island->isle_group_holds(GROUP_ALL, from))
		sim_violation(to, "does not count a message of type %u that makes no sense", mon_op(m.header));
	fabric_soon(to);
}
