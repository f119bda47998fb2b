/*
 * Agreement: rounds of both protocols, by all schemes, over all numbers of cores, send to
 * each member exactly one request and get exactly one acknowledgement in each phase.
 */
#include <stdio.h>

#include "libos/core/monitor_client.h"
#include "user/tests/tap.h"

#define ROUNDS 20
#define CORES_TRIED 16

static bool counts_are_right(unsigned kind, unsigned scheme, unsigned cores, unsigned in_flight)
{
	struct mon_rounds r = {
		.kind = kind, .scheme = scheme, .cores = cores, .count = ROUNDS, .in_flight = in_flight
	};
	unsigned phases = kind == MON_ROUND_TWO_PHASE ? 2 : 1;

	EXPECT_OK(mon_rounds(&r));
	if (r.messages != (uint64_t)ROUNDS * phases * 2 * (cores - 1))
		printf("# kind %u, scheme %u, %u cores: %llu messages\n", kind, scheme, cores,
		       (unsigned long long)r.messages);
	EXPECT(r.messages == (uint64_t)ROUNDS * phases * 2 * (cores - 1));
	return true;
}

static bool each_member_is_asked_once(void)
{
	unsigned up = mon_cores_up(CORES_TRIED);

	for (unsigned kind = MON_ROUND_ONE_PHASE; kind <= MON_ROUND_TWO_PHASE; kind++)
		for (unsigned scheme = 0; scheme < DISSEMINATIONS; scheme++)
			for (unsigned cores = 1; cores <= up; cores++)
				EXPECT(counts_are_right(kind, scheme, cores, 1));
	return true;
}

static bool rounds_in_flight_do_not_mix(void)
{
	unsigned up = mon_cores_up(CORES_TRIED);

	for (unsigned kind = MON_ROUND_ONE_PHASE; kind <= MON_ROUND_TWO_PHASE; kind++)
		for (unsigned scheme = 0; scheme < DISSEMINATIONS; scheme++)
			for (unsigned depth = 2; depth <= 16; depth *= 2)
				EXPECT(counts_are_right(kind, scheme, up, depth));
	return true;
}

/* Its request is one line for all; only the answers are each their own. */
static bool a_broadcast_is_one_line(void)
{
	unsigned up = mon_cores_up(CORES_TRIED);

	for (unsigned kind = MON_ROUND_ONE_PHASE; kind <= MON_ROUND_TWO_PHASE && up > 1; kind++) {
		struct mon_rounds r = {
			.kind = kind, .scheme = DISSEMINATE_BROADCAST, .cores = up, .count = ROUNDS, .in_flight = 1
		};
		unsigned phases = kind == MON_ROUND_TWO_PHASE ? 2 : 1;

		/* The first rounds tell all where the line is. */
		EXPECT_OK(mon_rounds(&r));
		EXPECT_OK(mon_rounds(&r));
		EXPECT(r.lines == (uint64_t)ROUNDS * phases * up);
		r.scheme = DISSEMINATE_NUMA;
		EXPECT_OK(mon_rounds(&r));
		EXPECT(r.lines == r.messages);
	}
	return true;
}

static bool nonsense_is_refused(void)
{
	struct mon_rounds good = { .cores = 1, .count = 1, .in_flight = 1, .scheme = DISSEMINATE_UNICAST }, r;

	r = good, r.kind = 2;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	r = good, r.scheme = DISSEMINATIONS;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	r = good, r.cores = 0;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	r = good, r.cores = 100000;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	r = good, r.count = 0;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	r = good, r.in_flight = 1000;
	EXPECT_ERROR(mon_rounds(&r), ERR_ARGUMENT);
	EXPECT_OK(mon_rounds(&good));
	return true;
}

const struct test agreement_tests[] = {
	{ "each member is asked once and answers once", each_member_is_asked_once },
	{ "rounds in flight at once do not mix", rounds_in_flight_do_not_mix },
	{ "a broadcast is one line", a_broadcast_is_one_line },
	{ "nonsense is refused", nonsense_is_refused },
	{ 0 },
};
