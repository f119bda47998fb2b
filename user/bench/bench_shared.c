/*
 * The question that multikernels began with: to update shared lines from many cores, is it
 * cheaper to move the lines to the cores or the work to the lines?
 *
 * update_lock_L: workers on k cores take a ticket lock and update L lines themselves.
 * update_message_L: they send what to do to a server, on a core of its own, which owns
 *   the lines; each waits for its answer.
 * update_server_L: what one update costs the server: receive, update, answer.
 * Figures are ticks per update as one worker sees them.  (Baumann et al., "The
 * Multikernel", SOSP 2009, figure 3, is the original.)
 *
 * The lines lie in a frame that all workers map: each is connected to the parent twice,
 * once for orders and answers, and once with one and the same frame.
 */
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/urpc.h"
#include "user/bench/bench.h"
#include "user/bench/peer.h"

#define WORKERS_MAX 15
#define LINES_MAX 8
#define UPDATES 200 /* by each worker, a sample */
#define SAMPLES 5
#define FRAME_BITS 13

struct line {
	_Alignas(CACHE_LINE) volatile uint64_t value;
};

/* The frame that all share: a ticket lock, a line for each ticket side, then the lines. */
struct shared {
	struct line next, serving;
	struct line line[LINES_MAX];
};

enum { ORDER_LOCK, ORDER_MESSAGE, ORDER_UPDATE, ORDER_DONE, ORDER_END };

struct worker {
	struct peer peer;
	struct urpc urpc;
	cptr_t frame, doorbell;
	uint32_t channel;
};

static void update(struct line *lines, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		lines[i].value++;
}

static void send(struct urpc *u, uint64_t order, uint64_t a, uint64_t b)
{
	struct urpc_message m = { .word = { order, a, b } };
	while (!urpc_send(u, &m))
		__builtin_ia32_pause();
}

static struct urpc_message receive(struct urpc *u)
{
	struct urpc_message m;
	while (!urpc_receive(u, &m))
		__builtin_ia32_pause();
	return m;
}

/* --- worker ------------------------------------------------------------------- */

static void update_locked(struct shared *s, uint64_t lines)
{
	uint64_t ticket = __atomic_fetch_add(&s->next.value, 1, __ATOMIC_RELAXED);
	while (s->serving.value != ticket)
		__builtin_ia32_pause();
	update(s->line, lines);
	__atomic_store_n(&s->serving.value, ticket + 1, __ATOMIC_RELEASE);
}

static void update_by_message(struct urpc *u, uint64_t lines)
{
	send(u, ORDER_UPDATE, lines, 0);
	receive(u);
}

static void obey(struct urpc *u, struct shared *s, const struct urpc_message *order)
{
	cycles_t start = bench_clock();
	for (uint64_t i = 0; i < order->word[2]; i++)
		if (order->word[0] == ORDER_LOCK)
			update_locked(s, order->word[1]);
		else
			update_by_message(u, order->word[1]);
	send(u, ORDER_DONE, bench_clock() - start, 0);
}

/* Takes the parent's second connection, which brings the shared frame. */
static err_t accept_frame(vaddr_t *va)
{
	struct mon_incoming incoming;
	struct mon_binding binding;
	struct mon_offer offer = { 0 };
	struct event unused;
	unsigned bit;
	event_init(&unused);
	err_t error = mon_incoming(&incoming, true);
	if (!error)
		error = notification_create(event_handle, &unused, &offer.notification, &bit);
	if (!error)
		error = slot_alloc(&offer.slot_channel);
	if (!error)
		error = slot_alloc(&offer.slot_doorbell);
	if (!error)
		error = mon_accept(incoming.channel, &offer, &binding);
	return error ? error : vspace_map_frame(offer.slot_channel, binding.frame_bits, MAP_READ | MAP_WRITE, va);
}

int serve_shared(int argc, char **argv)
{
	struct peer p;
	struct urpc u;
	uint32_t service;
	vaddr_t shared = 0;
	char name[32];
	if (argc < 3)
		return 1;
	snprintf(name, sizeof name, "worker.%.8s", argv[2]);
	if (mon_export(name, &service) || peer_connect(&p, argv, FRAME_BITS) || peer_channel(&p, &u) ||
	    accept_frame(&shared))
		return 1;
	for (;;) {
		struct urpc_message order = receive(&u);
		if (order.word[0] == ORDER_END)
			return 0;
		obey(&u, (struct shared *)shared, &order);
	}
}

/* --- parent ---------------------------------------------------------------------- */

static struct worker workers[WORKERS_MAX];
static unsigned worker_count;

/* The frame of the first worker's second connection serves all others too. */
static err_t share_frame(struct worker *w, unsigned index)
{
	char name[32];
	struct mon_binding binding;
	struct mon_offer offer = { .notification = w->peer.notification,
				   .frame_bits = FRAME_BITS,
				   .frame_of = index == 0 ? 0 : workers[0].channel };
	snprintf(name, sizeof name, "worker.%u", index);
	err_t error = slot_alloc(&w->frame);
	if (!error)
		error = slot_alloc(&w->doorbell);
	offer.slot_channel = w->frame;
	offer.slot_doorbell = w->doorbell;
	if (!error)
		error = mon_connect(name, &offer, &binding);
	w->channel = error ? 0 : binding.channel;
	return error;
}

static err_t start_worker(unsigned index)
{
	struct worker *w = &workers[index];
	err_t error = peer_start(&w->peer, "shared", index, dispatcher_core() + 1 + index, FRAME_BITS);
	if (!error)
		error = peer_channel(&w->peer, &w->urpc);
	if (!error)
		error = share_frame(w, index);
	worker_count += error == ERR_OK;
	return error;
}

static err_t start_workers(unsigned wanted)
{
	err_t error = ERR_OK;
	while (worker_count < wanted && !error)
		error = start_worker(worker_count);
	return error;
}

static err_t end_workers(void)
{
	err_t error = ERR_OK;
	for (unsigned i = 0; i < worker_count; i++)
		send(&workers[i].urpc, ORDER_END, 0, 0);
	for (unsigned i = worker_count; i-- > 0;) {
		mon_close(workers[i].channel);
		err_t last = peer_finish(&workers[i].peer);
		error = error ? error : last;
	}
	worker_count = 0;
	return error;
}

/* Serves the workers until all are done; the mean of what an update took each of them. */
static double serve_until_done(unsigned count, struct line *lines)
{
	unsigned done = 0;
	double ticks = 0;
	while (done < count) {
		bool idle = true;
		for (unsigned i = 0; i < count; i++) {
			struct urpc_message m;
			if (!urpc_receive(&workers[i].urpc, &m))
				continue;
			idle = false;
			if (m.word[0] == ORDER_UPDATE) {
				update(lines, m.word[1]);
				send(&workers[i].urpc, ORDER_DONE, 0, 0);
			} else {
				ticks += (double)m.word[1];
				done++;
			}
		}
		if (idle)
			__builtin_ia32_pause();
	}
	return ticks / count / UPDATES;
}

static void measure_at(const struct measure *m, const char *name, uint64_t order, unsigned count, uint64_t lines)
{
	static struct line own[LINES_MAX];
	double values[SAMPLES];
	for (int s = 0; s < SAMPLES; s++) {
		for (unsigned i = 0; i < count; i++)
			send(&workers[i].urpc, order, lines, UPDATES);
		values[s] = serve_until_done(count, own);
	}
	report_samples(m, name, count, values, SAMPLES);
}

/* For 1, 2, 4, ... workers, and for as many as there are cores beside ours. */
static err_t measure_workers(const struct measure *m, const char *prefix, uint64_t order)
{
	unsigned most = bench_cores() - 1 < WORKERS_MAX ? bench_cores() - 1 : WORKERS_MAX;
	err_t error = ERR_OK;
	for (unsigned count = 1; count <= most && !error; count = count < most && 2 * count > most ? most : 2 * count) {
		error = start_workers(count);
		for (uint64_t lines = 1; lines <= LINES_MAX && !error; lines *= 2) {
			char name[32];
			snprintf(name, sizeof name, "%s_%u", prefix, (unsigned)lines);
			measure_at(m, name, order, count, lines);
		}
	}
	err_t last = end_workers();
	return error ? error : last;
}

static err_t measure_lock(const struct measure *m) { return measure_workers(m, "update_lock", ORDER_LOCK); }
static err_t measure_message(const struct measure *m) { return measure_workers(m, "update_message", ORDER_MESSAGE); }

/* One update at the server, with both ends of a channel in this process and nobody else running. */
static err_t measure_server_at(const struct measure *m, struct urpc *client, struct urpc *server, uint64_t lines)
{
	static struct line own[LINES_MAX];
	double values[SAMPLES];
	char name[32];
	for (int s = 0; s < SAMPLES; s++) {
		double ticks = 0;
		for (int i = 0; i < UPDATES; i++) {
			send(client, ORDER_UPDATE, lines, 0);
			cycles_t start = bench_clock();
			struct urpc_message order = receive(server);
			update(own, order.word[1]);
			send(server, ORDER_DONE, 0, 0);
			ticks += (double)(bench_clock() - start - bench_clock_cost());
			receive(client);
		}
		values[s] = ticks / UPDATES;
	}
	snprintf(name, sizeof name, "update_server_%u", (unsigned)lines);
	report_samples(m, name, 1, values, SAMPLES);
	return ERR_OK;
}

static err_t measure_server(const struct measure *m)
{
	struct urpc client, server;
	cptr_t frame;
	vaddr_t va;
	err_t error = frame_alloc_map(URPC_FRAME_BITS, &frame, &va);
	if (error)
		return error;
	error = urpc_init(&client, (void *)va, SIZE_OF_BITS(URPC_FRAME_BITS), 0);
	if (!error)
		error = urpc_init(&server, (void *)va, SIZE_OF_BITS(URPC_FRAME_BITS), 1);
	for (uint64_t lines = 1; lines <= LINES_MAX && !error; lines *= 2)
		error = measure_server_at(m, &client, &server, lines);
	vspace_unmap(va);
	ram_free(frame);
	return error;
}

const struct measure shared_measures[] = {
	{ "update_lock", "1 to 8 lines updated by k cores under a lock", "update", 0, 2, measure_lock },
	{ "update_message", "the same by messages to a server on a core of its own", "update", 0, 2, measure_message },
	{ "update_server", "what one update costs that server", "update", 0, 1, measure_server },
	{ 0 },
};
