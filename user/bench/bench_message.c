/*
 * Messages and switches between two processes of one core.
 *
 * The child answers each message with how long it was on its way, by the one
 * clock that both read; so one run gives the round trip and the way there.
 */
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/syscall.h"
#include "user/bench/bench.h"
#include "user/bench/peer.h"

#define SAMPLES 16
#define LOOPS 100

enum { REQUEST_ECHO, REQUEST_CLOCK, REQUEST_END };

int serve_lmp(int argc, char **argv)
{
	struct peer p;
	struct lmp_message in = { 0 };
	if (argc < 3 || peer_connect(&p, argv, 0) || p.binding.kind != MON_BINDING_LMP)
		return 1;
	lmp_receive(&p.endpoint, &in, 0);
	while (in.words[0] != REQUEST_END) {
		uint64_t answer[LMP_WORDS] = { in.words[0] };
		if (in.words[0] == REQUEST_CLOCK)
			answer[1] = bench_clock() - in.words[1];
		if (lmp_call(p.channel, LMP_WORDS, answer, 0, &p.endpoint, &in))
			return 1;
	}
	return 0;
}

/* One message there, one back; *way gets the ticks there when asked for. */
static err_t call(struct peer *p, uint64_t request, uint64_t *way)
{
	struct lmp_message in;
	uint64_t words[LMP_WORDS] = { request };
	if (request == REQUEST_CLOCK)
		words[1] = bench_clock();
	err_t error = lmp_call(p->channel, LMP_WORDS, words, 0, &p->endpoint, &in);
	if (!error && in.words[0] != request)
		return ERR_MESSAGE;
	if (way)
		*way = in.words[1];
	return error;
}

static err_t sample_round_trips(struct peer *p, double *values)
{
	err_t error = call(p, REQUEST_ECHO, NULL);
	BENCH_SAMPLES(values, SAMPLES, LOOPS, if (!error) error = call(p, REQUEST_ECHO, NULL));
	return error;
}

static err_t sample_ways(struct peer *p, double *values)
{
	err_t error = ERR_OK;
	for (int i = 0; i < SAMPLES && !error; i++) {
		uint64_t sum = 0, way = 0;
		for (int k = 0; k < LOOPS && !error; k++, sum += way)
			error = call(p, REQUEST_CLOCK, &way);
		values[i] = (double)sum / LOOPS - bench_clock_cost();
	}
	return error;
}

static err_t measure_lmp(const struct measure *m, err_t (*sample)(struct peer *, double *))
{
	double values[SAMPLES];
	struct peer p;
	uint64_t end[LMP_WORDS] = { REQUEST_END };
	err_t error = peer_start(&p, "lmp", 0, dispatcher_core(), 0);
	if (error)
		return error;
	error = sample(&p, values);
	err_t last = lmp_send_wait(p.channel, 1, end, 0);
	if (!last)
		last = peer_finish(&p);
	if (!error && !last)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error ? error : last;
}

static err_t measure_lmp_rt(const struct measure *m) { return measure_lmp(m, sample_round_trips); }
static err_t measure_lmp_oneway(const struct measure *m) { return measure_lmp(m, sample_ways); }

/* The child yields as often as the parent, so that the two always alternate. */
#define SWITCHES (SAMPLES * LOOPS)

int serve_switch(int argc, char **argv)
{
	struct peer p;
	struct lmp_message in;
	if (argc < 3 || peer_connect(&p, argv, 0))
		return 1;
	uint64_t turns = strtoull(argv[2], NULL, 10), ready[LMP_WORDS] = { 0 };
	if (lmp_call(p.channel, 1, ready, 0, &p.endpoint, &in))
		return 1;
	for (uint64_t i = 0; i < turns; i++)
		dispatcher_yield();
	return 0;
}

static err_t measure_switch(const struct measure *m)
{
	double values[SAMPLES];
	struct peer p;
	struct lmp_message in;
	uint64_t go[LMP_WORDS] = { 0 };
	err_t error = peer_start(&p, "switch", SWITCHES, dispatcher_core(), 0);
	if (error)
		return error;
	lmp_receive(&p.endpoint, &in, 0);
	error = lmp_send_wait(p.channel, 1, go, 0);
	if (!error) {
		dispatcher_yield();
		BENCH_SAMPLES(values, SAMPLES, LOOPS - 1, dispatcher_yield());
	}
	err_t last = peer_finish(&p);
	if (!error && !last)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error ? error : last;
}

const struct measure message_measures[] = {
	{ "lmp_oneway", "64 bytes to a process on the same core", "message", 225, 1, measure_lmp_oneway },
	{ "lmp_rt", "64 bytes there and 64 bytes back, same core", "round trip", 450, 1, measure_lmp_rt },
	{ "switch_rt", "to another process and back, by yielding", "round trip", 600, 1, measure_switch },
	{ 0 },
};
