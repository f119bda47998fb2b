/*
 * Stubs: what each side spends on a message of one whole line, and a call to another process.
 *
 * Send and receive are taken with both sides in this process, as with URPC: from the call
 * of the stub till it returns, the peer told; and from a message in the ring to the handler and
 * back.  The round trip is a call of the sample service on the same core.
 */
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/rpc/server.h"
#include "services/sample/sample_client.h"
#include "services/sample/sample_server.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 100
#define CALL_NAME "bench.sample"

/* --- one side at a time -------------------------------------------------------------- */

struct sides {
	struct rpc_client client;
	struct rpc_server server;
	struct rpc_connection connection;
	cptr_t frame;
	vaddr_t va;
};

static uint64_t noted;

static void block(struct rpc_call *call, const struct sample_block *b)
{
	(void)call;
	noted += b->word[5];
}

static const struct sample_handlers handlers = { .block = block };

/* A client and a server's connection over one frame. */
static err_t sides_open(struct sides *s)
{
	struct fabric *f;
	err_t err = fabric_metal(&f);

	memset(s, 0, sizeof(*s));
	if (!err)
		err = frame_alloc_map(URPC_FRAME_BITS, &s->frame, &s->va);
	if (!err)
		err = rpc_server_init(&s->server, f);
	if (!err)
		err = rpc_server_add(&s->server, &sample_service, &handlers);
	if (err)
		return err;
	rpc_client_init(&s->client, f, NULL);
	s->client.own = (struct channel){ .ops = &metal_channel_ops, .fabric = f };
	s->connection.channel = (struct channel){ .ops = &metal_channel_ops, .fabric = f, .side = 1 };
	err = urpc_init(&s->client.own.urpc, (void *)s->va, SIZE_OF_BITS(URPC_FRAME_BITS), 0);
	if (!err)
		err = urpc_init(&s->connection.channel.urpc, (void *)s->va, SIZE_OF_BITS(URPC_FRAME_BITS), 1);
	s->client.channel = &s->client.own;
	s->client.slow = 0;
	rpc_connection_start(&s->server, &s->connection);
	s->connection.refs++; /* it is not from the heap */
	return err;
}

static void sides_close(struct sides *s)
{
	wait_set_destroy(&s->server.set);
	vspace_unmap(s->va);
	ram_free(s->frame);
}

/* Ticks for `count` messages one after the other, without a loop. */
#define DEFINE_SENDS(count)                                                                                        \
	static __attribute__((noinline)) cycles_t send_##count(struct rpc_client *c, const struct sample_block *b) \
	{                                                                                                          \
		cycles_t start = bench_clock();                                                                    \
		_Pragma("GCC unroll 16") for (unsigned i = 0; i < (count); i++) if (sample_block(c, b)) return 0;  \
		return bench_clock() - start;                                                                      \
	}
DEFINE_SENDS(2)
DEFINE_SENDS(10)

static cycles_t receive(struct sides *s)
{
	cycles_t start = bench_clock();

	rpc_connection_ready(&s->connection);
	return bench_clock() - start;
}

/* What a batch costs beside its messages falls away in the difference of two sizes. */
static err_t sides_sample(struct sides *s, double *send, double *receipt)
{
	static const struct sample_block b = { { 1, 2, 3, 4, 5, 6 } };
	cycles_t sent2 = send_2(&s->client, &b), received2 = receive(s);
	cycles_t sent10 = send_10(&s->client, &b), received10 = receive(s);

	/* In use, answers bring the acknowledgements; here nothing comes back, so the window is looked at. */
	urpc_window_open(&s->client.own.urpc);
	*send = (double)(int64_t)(sent10 - sent2) / 8;
	*receipt = (double)(int64_t)(received10 - received2) / 8;
	return sent2 && sent10 ? ERR_OK : ERR_AGAIN;
}

static err_t measure_sides(const struct measure *m)
{
	static struct sides s;
	double sends[SAMPLES], receipts[SAMPLES];
	err_t err = sides_open(&s);

	/* The first finds its method, and makes the thread that would take over the server's loop. */
	if (!err)
		err = sides_sample(&s, sends, receipts);
	noted = 0;
	for (unsigned i = 0; i < SAMPLES && !err; i++)
		err = sides_sample(&s, &sends[i], &receipts[i]);
	if (err)
		return err;
	sides_close(&s);
	if (noted != UINT64_C(6) * 12 * SAMPLES || s.server.stats.malformed)
		return ERR_MESSAGE;
	report_samples(m, m->name, 1, strcmp(m->name, "stub_send") == 0 ? sends : receipts, SAMPLES);
	return ERR_OK;
}

/* --- a call to another process ---------------------------------------------------------- */

static err_t service_start(struct rpc_client *c, uint64_t *pid)
{
	const char *argv[] = { "sample", CALL_NAME };
	struct fabric *f;
	err_t err = fabric_metal(&f);

	if (!err)
		err = mon_spawn(dispatcher_core(), 2, argv, pid);
	if (err)
		return err;
	rpc_client_init(c, f, NULL);
	do
		err = rpc_client_open(c, CALL_NAME);
	while (err == ERR_NOT_FOUND);
	return err;
}

static err_t measure_calls(const struct measure *m)
{
	double values[SAMPLES];
	struct rpc_client c;
	uint64_t pid, sum;
	err_t err = service_start(&c, &pid);

	if (!err)
		err = sample_line(&c, 1, 2, 3, 4, 5, 6, &sum);
	BENCH_SAMPLES(values, SAMPLES, LOOPS, if (!err) err = sample_line(&c, 1, 2, 3, 4, 5, 6, &sum));
	if (err)
		return err;
	err = sample_stop(&c);
	if (!err)
		err = mon_wait(pid, NULL, NULL);
	rpc_client_close(&c);
	if (!err && sum != 21)
		err = ERR_MESSAGE;
	if (!err)
		report_samples(m, m->name, 1, values, SAMPLES);
	return err;
}

const struct measure stub_measures[] = {
	{ "stub_send", "56 bytes out of a generated stub, peer told", "message", 40, 1, measure_sides },
	{ "stub_receive", "56 bytes from the ring to the handler and back", "message", 40, 1, measure_sides },
	{ "stub_rt", "call to a service on the same core, 56 bytes there, 16 back", "round trip", 0, 1, measure_calls },
	{ 0 },
};
