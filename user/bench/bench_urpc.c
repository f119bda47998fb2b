/*
 * URPC: what each side of a channel spends, and what two cores reach between them.
 *
 * The costs of a send, a receive and an empty poll are taken with both sides in
 * one process on one core, so that nothing waits for anything.  The round trip,
 * the stream and the notification run against a child on the next core.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/fabric/urpc.h"
#include "libos/x86/meter.h"
#include "user/bench/bench.h"
#include "user/bench/peer.h"

#define SAMPLES 16

struct loop {
	struct urpc here, there;
	cptr_t frame;
	vaddr_t va;
};

static err_t loop_open(struct loop *l)
{
	err_t error = frame_alloc_map(URPC_FRAME_BITS, &l->frame, &l->va);
	if (!error)
		error = urpc_init(&l->here, (void *)l->va, SIZE_OF_BITS(URPC_FRAME_BITS), 0);
	return error ? error : urpc_init(&l->there, (void *)l->va, SIZE_OF_BITS(URPC_FRAME_BITS), 1);
}

static void loop_close(struct loop *l)
{
	vspace_unmap(l->va);
	ram_free(l->frame);
}

/*
 * Ticks for `count` messages one after the other, without a loop; NO_TICKS when one did not go through.
 * What a batch costs beside its messages falls away in the difference of two sizes.
 */
#define NO_TICKS UINT64_MAX
#define DEFINE_BATCHES(count)                                                                                          \
	static __attribute__((noinline)) cycles_t send_##count(struct urpc *u, struct urpc_message *m)                 \
	{                                                                                                              \
		cycles_t start = bench_clock();                                                                        \
		_Pragma("GCC unroll 16") for (unsigned i = 0; i < (count); i++) if (!urpc_send(u, m)) return NO_TICKS; \
		return bench_clock() - start;                                                                          \
	}                                                                                                              \
	static __attribute__((noinline)) cycles_t receive_##count(struct urpc *u, struct urpc_message *m)              \
	{                                                                                                              \
		cycles_t start = bench_clock();                                                                        \
		_Pragma("GCC unroll 16") for (unsigned i = 0; i < (count);                                             \
					      i++) if (!urpc_receive(u, m)) return NO_TICKS;                           \
		return bench_clock() - start;                                                                          \
	}
DEFINE_BATCHES(2)
DEFINE_BATCHES(10)

/* Ticks of one message: eight more of them, by eight. The look at the window, once in
 * URPC_LINES sends, shows in the most. */
static err_t per_message(cycles_t two, cycles_t ten, double *cost)
{
	if (two == NO_TICKS || ten == NO_TICKS)
		return ERR_AGAIN;
	*cost = (double)(int64_t)(ten - two) / 8;
	return ERR_OK;
}

static err_t sample_way(struct urpc *from, struct urpc *to, uint64_t word, double *send, double *receive)
{
	struct urpc_message out = { .word = { word } }, in = { .word = { 0 } };
	cycles_t sent2 = send_2(from, &out), sent10 = send_10(from, &out);
	cycles_t received2 = receive_2(to, &in), received10 = receive_10(to, &in);
	err_t error = per_message(sent2, sent10, send);
	if (!error)
		error = per_message(received2, received10, receive);
	return error ? error : in.word[0] == word ? ERR_OK : ERR_MESSAGE;
}

/* Both directions take turns, so that acknowledgements ride along and the windows stay open. */
static err_t sample_sides(struct loop *l, double *sends, double *receives)
{
	err_t error = ERR_OK;
	for (uint64_t i = 0; i < SAMPLES && !error; i++) {
		error = sample_way(&l->here, &l->there, i, &sends[i], &receives[i]);
		if (!error)
			error = sample_way(&l->there, &l->here, i, &sends[i], &receives[i]);
	}
	return error;
}

static err_t measure_sides(const struct measure *m)
{
	struct loop l;
	double sends[SAMPLES], receives[SAMPLES];
	err_t error = loop_open(&l);
	if (error)
		return error;
	error = sample_sides(&l, sends, receives);
	loop_close(&l);
	if (!error)
		report_samples(m, m->name, 1, strcmp(m->name, "urpc_send") == 0 ? sends : receives, SAMPLES);
	return error;
}

static err_t measure_poll(const struct measure *m)
{
	struct loop l;
	double values[SAMPLES];
	err_t error = loop_open(&l);
	if (error)
		return error;
	BENCH_SAMPLES(values, SAMPLES, 1000, if (urpc_poll(&l.here)) return ERR_MESSAGE);
	loop_close(&l);
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

/* --- across cores -------------------------------------------------------- */

enum { MODE_ECHO, MODE_SINK };
#define ROUNDS 500  /* round trips a sample */
#define STREAM 4000 /* messages a sample */

/* Spins: this is about awake peers. PAUSE lets an emulator run the other core. */
static void receive_spinning(struct urpc *u, struct urpc_message *in)
{
	while (!urpc_receive(u, in))
		__builtin_ia32_pause();
}

static void send_spinning(struct urpc *u, const struct urpc_message *out)
{
	while (!urpc_send(u, out))
		__builtin_ia32_pause();
}

/* A batch is out: acknowledges with the next one, and looks whether the peer sleeps, which here it never does. */
static void kick(struct urpc *u) { (void)urpc_kick(u); }

/* Echoes each message, or every STREAM-th; until one comes whose second word is 1. */
int serve_urpc(int argc, char **argv)
{
	struct peer p;
	struct urpc u;
	struct urpc_message in = { .word = { 0 } };
	if (argc < 3 || peer_connect(&p, argv, URPC_FRAME_BITS) || peer_channel(&p, &u))
		return 1;
	unsigned every = strtoul(argv[2], NULL, 10) == MODE_SINK ? STREAM : 1, count = 0;
	while (in.word[1] != 1) {
		receive_spinning(&u, &in);
		if (++count % every == 0) {
			send_spinning(&u, &in);
			kick(&u);
		}
	}
	return 0;
}

static void sample_rounds(struct urpc *u, double *values)
{
	struct urpc_message out = { .word = { 0 } }, in;
	for (int i = 0; i < SAMPLES; i++) {
		METER(METER_OPEN);
		cycles_t start = bench_clock();
		for (int k = 0; k < ROUNDS; k++) {
			send_spinning(u, &out);
			kick(u);
			receive_spinning(u, &in);
		}
		values[i] = (double)(bench_clock() - start) / ROUNDS;
		METER(METER_CLOSE);
	}
	bench_window_ops = ROUNDS;
}

static void sample_stream(struct urpc *u, double *values)
{
	struct urpc_message out = { .word = { 0 } }, in;
	for (int i = 0; i < SAMPLES; i++) {
		cycles_t start = bench_clock();
		for (int k = 0; k < STREAM; k++)
			send_spinning(u, &out);
		receive_spinning(u, &in);
		values[i] = (double)(bench_clock() - start) / STREAM;
	}
}

static coreid_t next_core(void) { return (dispatcher_core() + 1) % bench_cores(); }

static err_t measure_across(const struct measure *m, unsigned mode, void (*sample)(struct urpc *, double *))
{
	struct peer p;
	struct urpc u;
	double values[SAMPLES];
	struct urpc_message last = { .word = { 0, 1 } };
	err_t error = peer_start(&p, "urpc", mode, next_core(), URPC_FRAME_BITS);
	if (!error)
		error = peer_channel(&p, &u);
	if (error)
		return error;
	sample(&u, values);
	send_spinning(&u, &last);
	error = peer_finish(&p);
	if (!error)
		report_samples(m, m->name, 2, values, SAMPLES);
	return error;
}

static err_t measure_rounds(const struct measure *m) { return measure_across(m, MODE_ECHO, sample_rounds); }
static err_t measure_stream(const struct measure *m) { return measure_across(m, MODE_SINK, sample_stream); }

/* --- notifications --------------------------------------------------------- */

#define SIGNALS 50

int serve_notify(int argc, char **argv)
{
	struct peer p;
	if (argc < 3 || peer_connect(&p, argv, URPC_FRAME_BITS))
		return 1;
	for (unsigned long left = strtoul(argv[2], NULL, 10); left > 0; left--)
		if (!event_wait(&p.rung, 0) || ntfn_signal(p.doorbell))
			return 1;
	return 0;
}

/* Both sides sleep until they are rung: half a round trip is one way, wake-up included. */
static err_t measure_notify(const struct measure *m)
{
	struct peer p;
	double values[SAMPLES];
	err_t error = peer_start(&p, "notify", SAMPLES * SIGNALS, next_core(), URPC_FRAME_BITS);
	if (error)
		return error;
	for (int i = 0; i < SAMPLES && !error; i++) {
		cycles_t start = bench_clock();
		for (int k = 0; k < SIGNALS && !error; k++) {
			error = ntfn_signal(p.doorbell);
			if (!error && !event_wait(&p.rung, 0))
				error = ERR_TIMEOUT;
		}
		values[i] = (double)(bench_clock() - start) / (2 * SIGNALS);
	}
	err_t last = peer_finish(&p);
	if (!error && !last)
		report_samples(m, m->name, 2, values, SAMPLES);
	return error ? error : last;
}

const struct measure urpc_measures[] = {
	{ "urpc_send", "send one line", "message", 16, 1, measure_sides },
	{ "urpc_recv", "receive one line", "message", 14, 1, measure_sides },
	{ "urpc_poll", "look at an empty channel", "poll", 5, 1, measure_poll },
	{ "urpc_rt", "one line there and back between two cores, both awake", "round trip", 0, 2, measure_rounds },
	{ "urpc_stream", "one way between two cores", "message", 0, 2, measure_stream },
	{ "notify_ipi", "notification to a sleeping process on another core", "signal", 0, 2, measure_notify },
	{ 0 },
};
