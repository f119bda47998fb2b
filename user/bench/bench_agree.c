/*
 * Agreement among monitors: rounds that change nothing, by each scheme, on 2 to 16 cores.
 *
 * round1_SCHEME: one-phase, one at a time; round2_SCHEME: two-phase; _flow: 8 in flight at once.
 * The clock is that of the monitor that proposes, from the first request to the last acknowledgement of
 * the last round.  When instructions are counted, cores run in turn, so the figure is what
 * all cores do for a round, going to sleep and waking included; divided by the messages
 * of a round (2 for each member and phase) it is what a message costs.
 */
#include "libos/core/monitor_client.h"
#include "libos/x86/meter.h"
#include "user/bench/bench.h"

#define SAMPLES 8
#define ROUNDS 32
#define FLOW 8

static err_t sample(struct mon_rounds *r, double *value)
{
	METER(METER_OPEN);
	err_t err = mon_rounds(r);
	METER(METER_CLOSE);

	*value = (double)r->cycles / r->count;
	return err;
}

static err_t on_cores(const struct measure *m, unsigned kind, unsigned scheme, unsigned cores, unsigned in_flight)
{
	double values[SAMPLES];
	struct mon_rounds r = {
		.kind = kind, .scheme = scheme, .cores = cores, .count = ROUNDS, .in_flight = in_flight
	};
	/* The first rounds make the links. */
	err_t err = mon_rounds(&r);

	for (unsigned i = 0; i < SAMPLES && !err; i++)
		err = sample(&r, &values[i]);
	bench_window_ops = ROUNDS;
	if (!err)
		report_samples(m, m->name, cores, values, SAMPLES);
	return err;
}

static err_t rounds(const struct measure *m, unsigned kind, unsigned scheme, unsigned in_flight)
{
	err_t err = ERR_OK;

	for (unsigned cores = 2; cores <= 16 && cores <= bench_cores() && !err; cores *= 2)
		err = on_cores(m, kind, scheme, cores, in_flight);
	return err;
}

#define MEASURE(name, kind, scheme, in_flight)                                       \
	static err_t name(const struct measure *m)                                   \
	{                                                                            \
		return rounds(m, MON_ROUND_##kind, DISSEMINATE_##scheme, in_flight); \
	}

MEASURE(round1_broadcast, ONE_PHASE, BROADCAST, 1)
MEASURE(round1_unicast, ONE_PHASE, UNICAST, 1)
MEASURE(round1_multicast, ONE_PHASE, MULTICAST, 1)
MEASURE(round1_numa, ONE_PHASE, NUMA, 1)
MEASURE(round1_flow, ONE_PHASE, NUMA, FLOW)
MEASURE(round2_broadcast, TWO_PHASE, BROADCAST, 1)
MEASURE(round2_unicast, TWO_PHASE, UNICAST, 1)
MEASURE(round2_multicast, TWO_PHASE, MULTICAST, 1)
MEASURE(round2_numa, TWO_PHASE, NUMA, 1)
MEASURE(round2_flow, TWO_PHASE, NUMA, FLOW)

const struct measure agree_measures[] = {
	{ "round1_broadcast", "one-phase commit, one line that all poll", "round", 0, 2, round1_broadcast },
	{ "round1_unicast", "one-phase commit, each asked by the proposer", "round", 0, 2, round1_unicast },
	{ "round1_multicast", "one-phase commit, by the tree of packages", "round", 0, 2, round1_multicast },
	{ "round1_numa", "one-phase commit, by the tree, farthest first", "round", 0, 2, round1_numa },
	{ "round1_flow", "the same, 8 rounds in flight", "round", 0, 2, round1_flow },
	{ "round2_broadcast", "two-phase commit, one line that all poll", "round", 0, 2, round2_broadcast },
	{ "round2_unicast", "two-phase commit, each asked by the proposer", "round", 0, 2, round2_unicast },
	{ "round2_multicast", "two-phase commit, by the tree of packages", "round", 0, 2, round2_multicast },
	{ "round2_numa", "two-phase commit, by the tree, farthest first", "round", 0, 2, round2_numa },
	{ "round2_flow", "the same, 8 rounds in flight", "round", 0, 2, round2_flow },
	{ 0 },
};
