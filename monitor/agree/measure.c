/*
 * MON_ROUNDS: rounds that change nothing, to be measured.
 *
 * A measurement has up to its depth of rounds under way at once, and proposes the next when one
 * has ended.  One at a time on each core.  Portable.
 */
#include "libos/x86/context.h"
#include "monitor/agree/engine.h"
#include "monitor/monitor.h"

#define DEPTH_MAX 32
#define COUNT_MAX 100000

static struct {
	struct request request; /* of whom it is */
	struct route route;
	bool two_phase;
	unsigned left;  /* rounds to be proposed yet */
	unsigned ahead; /* rounds under way */
	cycles_t begun;
	uint64_t lines, written; /* agree_lines, agree_written at the start */
	err_t err;
} now;

/* A range of places with `count` members of GROUP_ALL, this core among them; false when there are not so many. */
static bool route_find(unsigned count, struct route *route)
{
	const struct group *g = group_find(GROUP_ALL);
	unsigned own = place_own, lo = 0, hi = 0, members = 0;

	if (!g || count == 0)
		return false;
	for (unsigned at = set_next(g->set, 0, places); at < places; at = set_next(g->set, at + 1, places)) {
		hi = at + 1;
		if (++members > count) {
			lo = set_next(g->set, lo, places) + 1;
			members--;
		}
		if (members == count && at >= own)
			break;
	}
	route->lo = (uint16_t)lo;
	route->hi = (uint16_t)hi;
	return members == count && lo <= own && own < hi;
}

static void measured(uint64_t context, err_t err, const struct proposal *p);

static void propose(void)
{
	static const struct proposal nothing = { .group = GROUP_ALL, .subject = SUBJECT_NOTHING };
	err_t err = now.two_phase ? two_phase_over(&nothing, &now.route, measured, 0)
				  : one_phase_over(&nothing, &now.route, measured, 0);

	now.left--;
	if (!err)
		now.ahead++;
	else if (!now.err)
		now.err = err;
}

static void finish(void)
{
	uint64_t words[MON_PAYLOAD] = { context_now() - now.begun, agree_lines - now.lines,
					agree_written - now.written };

	request_reply(&now.request, now.err, words);
}

static void measured(uint64_t context, err_t err, const struct proposal *p)
{
	(void)context;
	(void)p;
	now.ahead--;
	if (err && !now.err)
		now.err = err;
	/* Nobody is to have rounds made after his end. */
	if (now.left && !now.err && process_alive(origin_process(now.request.from)))
		propose();
	if (now.ahead == 0)
		finish();
}

void measure_request(struct request *r)
{
	uint64_t kind = r->m.word[0], scheme = r->m.word[1], cores = r->m.word[2], count = r->m.word[3],
		 depth = r->m.word[4];
	err_t err = ERR_OK;

	if (now.ahead)
		err = ERR_AGAIN;
	else if (kind > MON_ROUND_TWO_PHASE || scheme >= DISSEMINATIONS || cores > places || count == 0 ||
		 count > COUNT_MAX || depth == 0 || depth > DEPTH_MAX || !route_find((unsigned)cores, &now.route))
		err = ERR_ARGUMENT;
	if (err) {
		request_reply(r, err, NULL);
		return;
	}
	now.request = *r;
	now.route.scheme = (uint8_t)scheme;
	now.two_phase = kind == MON_ROUND_TWO_PHASE;
	now.left = (unsigned)count;
	now.err = ERR_OK;
	now.lines = agree_lines;
	now.written = agree_written;
	now.begun = context_now();
	while (now.left && now.ahead < depth && !now.err)
		propose();
	if (now.ahead == 0)
		finish();
}
