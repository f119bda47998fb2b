/*
 * Lines about capabilities that make no sense, from a core whose monitor has lost its mind.
 *
 * Each is of a kind that there is not, about an object that cannot be, or an answer to what nobody has asked.
 * It must be dropped and counted against its sender: no line goes out for it, nothing begins or ends.
 */
#include "tools/sim/sim.h"

#include <string.h>

#include "monitor/agree/agreement.h"
#include "monitor/caps/wire.h"

#define NOWHERE UINT64_C(0x7000000000) /* no memory is there */
#define NEVER 0xfffffff0u              /* a number that no operation gets to */

static unsigned below(unsigned n) { return (unsigned)random_below(&dice, n); }

/* An object as there could be one, but is none. */
static struct object object_draw(void)
{
	static const uint8_t types[] = { CAP_RAM, CAP_FRAME, CAP_PTABLE1, CAP_PTABLE3 };
	unsigned bits = PAGE_BITS + below(10);

	return (struct object){ NOWHERE + ((uint64_t)below(1000) << bits), types[below(4)], (uint8_t)bits };
}

static void object_spoil(struct object *o)
{
	switch (below(4)) {
	case 0:
		o->type = (uint8_t)(below(2) ? CAP_DISPATCHER : CAP_TYPES + below(200));
		break;
	case 1:
		o->bits = (uint8_t)(52 + below(200));
		break;
	case 2:
		o->base++;
		break;
	case 3:
		o->base |= UINT64_C(1) << (52 + below(12));
		break;
	}
}

static void line_draw(struct mon_message *m, coreid_t to)
{
	static const uint8_t with_object[] = { CAPS_SHARE,  CAPS_GRANT, CAPS_CARVE,   CAPS_RETURN, CAPS_RELEASE,
					       CAPS_REVOKE, CAPS_DROP,  CAPS_DROPPED, CAPS_TAKE,   CAPS_FREEZE,
					       CAPS_FROZEN, CAPS_HEIR,  CAPS_ADOPT,   CAPS_MOVED,  CAPS_TOLD };
	static const uint8_t unasked[] = { CAPS_RETURN, CAPS_RELEASE, CAPS_DROPPED, CAPS_FROZEN,
					   CAPS_HEIR,   CAPS_ADOPT,   CAPS_MOVED,   CAPS_TOLD };
	struct object o = object_draw();
	unsigned what, core = below(options.cores);

	switch (below(5)) {
	case 0:
		what = below(2) ? CAPS_NONE : CAPS_MESSAGES + below(256 - CAPS_MESSAGES);
		break;
	case 1:
		what = with_object[below(sizeof with_object)];
		object_spoil(&o);
		break;
	case 2:
		what = unasked[below(sizeof unasked)];
		break;
	case 3:
		what = CAPS_GONE;
		core = below(2) ? to : options.cores + below(1000);
		break;
	default:
		what = CAPS_SHARE;
		core = options.cores + below(1000);
	}
	*m = (struct mon_message){ .header = caps_header(what, ERR_OK, NEVER),
				   .word = { o.base, caps_object(&o, 0, 0, (coreid_t)core), random_next(&dice),
					     random_next(&dice), random_next(&dice) } };
}

void garbage_caps_act(void)
{
	coreid_t from = below(options.cores), to = below(options.cores);
	const struct island *island = &cores[to].island;
	unsigned malformed, busy;
	struct mon_message m;
	uint64_t line[SIM_WORDS], lines = fabric_lines();

	if (from == to || !core_alive(from) || !core_alive(to))
		return;
	line_draw(&m, to);
	memcpy(line, &m, sizeof line);
	malformed = island->isle_malformed_caps();
	busy = island->isle_busy();
	trace_note(to, "gets a line about capabilities, of kind %u, from core %u that makes no sense",
		   caps_what(m.header), from);
	island->isle_message(from, line);
	if (fabric_lines() != lines || island->isle_busy() != busy)
		sim_violation(to, "does something about a line of kind %u that makes no sense", caps_what(m.header));
	/* Of a core that is excluded nothing is looked at. */
	if (island->isle_malformed_caps() != malformed + island->isle_group_holds(GROUP_ALL, from))
		sim_violation(to, "does not count a line of kind %u that makes no sense", caps_what(m.header));
	fabric_soon(to);
}
