/*
 * URPC natively: round trip and stream between two threads, each message kicked as
 * a channel does it; and send, receive and empty poll with both sides in one
 * thread, where no line moves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_host/bench_host.h"

#define ROUNDS 500
#define STREAM 4000
#define STREAM_BATCH 8 /* messages to one kick */
#define LOCAL 2000
#define LOCAL_BATCH 16

/* Each side's own state on lines, and pairs of lines, of its own. */
static struct {
	_Alignas(2 * CACHE_LINE) struct urpc u;
} side[2];

static void urpc_reset(char *frame)
{
	memset(frame, 0, SIZE_OF_BITS(URPC_FRAME_BITS));
	for (unsigned i = 0; i < 2; i++)
		if (urpc_init(&side[i].u, frame, SIZE_OF_BITS(URPC_FRAME_BITS), i)) {
			fprintf(stderr, "bench-host: urpc_init failed\n");
			exit(1);
		}
}

static void check(bool good)
{
	if (!good) {
		fprintf(stderr, "bench-host: a message was lost or damaged\n");
		exit(1);
	}
}

static void send(struct urpc *u, const struct urpc_message *m)
{
	while (!urpc_send(u, m))
		cpu_pause();
}

static void receive(struct urpc *u, struct urpc_message *m)
{
	while (!urpc_receive(u, m))
		cpu_pause();
}

static void rounds_here(long rounds)
{
	struct urpc *u = &side[0].u;
	struct urpc_message m = { .word = { 0 } };

	for (long i = 0; i < rounds; i++) {
		send(u, &m);
		check(!urpc_kick(u));
		receive(u, &m);
	}
	check(m.word[0] == (uint64_t)rounds);
}

static void rounds_there(long rounds)
{
	struct urpc *u = &side[1].u;
	struct urpc_message m;

	for (long i = 0; i < rounds; i++) {
		receive(u, &m);
		m.word[0]++;
		send(u, &m);
		check(!urpc_kick(u));
	}
}

static void stream_here(long rounds)
{
	struct urpc *u = &side[0].u;
	struct urpc_message m = { .word = { 0 } };

	for (long i = 0; i < rounds; i++) {
		m.word[6] = (uint64_t)i;
		send(u, &m);
		if (i % STREAM_BATCH == STREAM_BATCH - 1)
			check(!urpc_kick(u));
	}
	receive(u, &m); /* the end has arrived */
}

static void stream_there(long rounds)
{
	struct urpc *u = &side[1].u;
	struct urpc_message m;

	for (long i = 0; i < rounds; i++) {
		receive(u, &m);
		check(m.word[6] == (uint64_t)i);
	}
	send(u, &m);
}

/* --- both sides in one thread ------------------------------------------------------------- */

enum part { SEND, RECEIVE, PARTS };

/* Cycles per message of one part, over batches that go there and back. */
static double local_sample(long rounds, enum part part)
{
	struct urpc_message m = { .word = { 0 } };
	uint64_t took[PARTS] = { 0 };
	long done;

	for (done = 0; done < rounds; done += LOCAL_BATCH) {
		uint64_t start = bench_clock(), middle;
		struct urpc *from = &side[done / LOCAL_BATCH % 2].u, *to = &side[1 - done / LOCAL_BATCH % 2].u;
		bool good = true;

		for (int i = 0; i < LOCAL_BATCH; i++)
			good &= urpc_send(from, &m);
		middle = bench_clock();
		for (int i = 0; i < LOCAL_BATCH; i++)
			good &= urpc_receive(to, &m);
		took[RECEIVE] += bench_clock() - middle;
		took[SEND] += middle - start;
		check(good);
	}
	return (double)took[part] / (double)done;
}

static double send_sample(long rounds) { return local_sample(rounds, SEND); }
static double receive_sample(long rounds) { return local_sample(rounds, RECEIVE); }

static void poll_here(long rounds)
{
	bool found = false;

	while (rounds--)
		found |= urpc_poll(&side[0].u);
	check(!found);
}

const struct measure urpc_measures[] = {
	{ "urpc_rt", "round trip", 2, ROUNDS, urpc_reset, rounds_here, rounds_there, NULL },
	{ "urpc_stream", "message", 2, STREAM, urpc_reset, stream_here, stream_there, NULL },
	{ "urpc_send", "message", 1, LOCAL, urpc_reset, NULL, NULL, send_sample },
	{ "urpc_recv", "message", 1, LOCAL, urpc_reset, NULL, NULL, receive_sample },
	{ "urpc_poll", "poll", 1, LOCAL, urpc_reset, poll_here, NULL, NULL },
	{ 0 },
};
