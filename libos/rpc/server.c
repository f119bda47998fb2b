/*
 * The server's loop and its threads.
 *
 * One thread leads: it waits on the set, takes messages, runs their handlers in place.  It does
 * so only while another thread is idle; so when a handler blocks in a call, rpc_release
 * hands the loop to that one, and there is always a leader.  When the pool is used up, a channel
 * with a message is taken out of the set till a thread is free: its client waits, the
 * answers to our own calls do not.  A thread whose handler has ended goes on with such a
 * channel, or becomes idle.
 */
#include "libos/rpc/server.h"

#include <stdlib.h>

#define ACCEPT_EVERY 32 /* messages: also a busy loop accepts */

struct rpc_worker {
	struct rpc_worker *next;
	struct rpc_server *server;
	struct thread *thread;
	struct event event; /* it leads now, or is to end */
};

/* --- threads ---------------------------------------------------------------------------------- */

static void worker_idle(struct rpc_server *s, struct rpc_worker *w)
{
	w->next = s->idle;
	s->idle = w;
	s->stats.busy--;
}

/* The thread leads by now, or ends. */
static struct rpc_worker *worker_wake(struct rpc_server *s)
{
	struct rpc_worker *w = s->idle;

	s->idle = w->next;
	s->stats.busy++;
	event_signal(&w->event);
	return w;
}

static void work(struct rpc_server *s, struct rpc_worker *w);

static void *worker_main(void *arg)
{
	struct rpc_worker *w = arg;
	struct rpc_server *s = w->server;

	event_wait(&w->event, 0);
	work(s, w);
	free(w);
	s->stats.threads--;
	event_signal(&s->ended);
	return NULL;
}

/* One more thread, idle. */
static err_t worker_create(struct rpc_server *s)
{
	struct rpc_worker *w;
	err_t err;

	w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NO_MEMORY;
	w->server = s;
	event_init(&w->event);
	err = thread_create_with(&w->thread, &(struct thread_options){ .detached = true }, worker_main, w);
	if (err) {
		free(w);
		return err;
	}
	s->stats.threads++;
	s->stats.busy++;
	worker_idle(s, w);
	return ERR_OK;
}

bool rpc_server_spare(struct rpc_server *s, unsigned interface)
{
	bool inner = interface < RPC_INTERFACES && s->inner >> interface & 1;
	uint32_t most = s->threads_max + (inner ? RPC_THREADS_INNER : 0);

	return s->stats.busy < most && (s->idle || !worker_create(s));
}

void rpc_release(struct rpc_server *s)
{
	if (!s->leader || s->leader != thread_self() || !s->idle)
		return;
	s->leader = worker_wake(s)->thread;
	s->current = NULL;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void accept_all(struct rpc_server *s)
{
	while (s->service.fabric && s->fabric->ops->incoming(&s->service))
		if (rpc_connection_accept(s) == ERR_AGAIN)
			return;
}

/* Handlers that wait need the loop for their answers, even after stop. */
static bool wanted(const struct rpc_server *s) { return !s->stop || s->stats.busy > 1; }

static void lead(struct rpc_server *s, struct thread *self)
{
	for (uint32_t turn = 0; s->leader == self && wanted(s); turn++) {
		struct channel *c = NULL;

		if (thread_others())
			thread_yield(); /* whose answer has come goes on, also while messages keep coming */
		if (s->leader != self || !wanted(s))
			continue;
		if (wait_set_wait(&s->set, &c, 0))
			continue;
		if (!c || turn % ACCEPT_EVERY == 0)
			accept_all(s);
		if (!c || !c->set)
			continue;
		if (c->side)
			rpc_connection_ready(c->tag);
		else
			rpc_client_ready(c->tag);
	}
}

/* What a thread of the pool does till it is to end. */
static void work(struct rpc_server *s, struct rpc_worker *w)
{
	struct thread *self = thread_self();

	while (wanted(s)) {
		if (s->leader == self) {
			lead(s, self);
		} else if (s->paused && !s->stop && s->stats.busy <= s->threads_max) {
			rpc_connection_resume(s);
		} else {
			worker_idle(s, w);
			event_wait(&w->event, 0);
		}
	}
	s->stats.busy--;
	while (s->idle)
		worker_wake(s);
}

err_t rpc_serve(struct rpc_server *s)
{
	struct rpc_worker w = { .server = s, .thread = thread_self() };
	err_t err;

	event_init(&w.event);
	event_init(&s->ended);
	s->stats.threads++;
	s->stats.busy++;
	s->leader = w.thread;
	err = worker_create(s);
	if (!err)
		work(s, &w);
	s->leader = NULL;
	while (s->stats.threads > 1 || s->flushing)
		event_wait(&s->ended, 0);
	s->stats.threads = 0;
	return err;
}

void rpc_server_look(struct rpc_server *s)
{
	const struct urpc_message m = { .word = { RPC_HEADER(0, RPC_LOOK, 0) | RPC_REPLY } };

	/* Neither call changes the list: a channel that is gone is found by the loop. */
	for (struct rpc_connection *n = s->connections; n; n = n->next)
		if (!n->queue.count && !channel_put(&n->channel, &m))
			channel_flush(&n->channel);
}

unsigned rpc_server_look_one(struct rpc_server *s, unsigned turn)
{
	const struct urpc_message m = { .word = { RPC_HEADER(0, RPC_LOOK, 0) | RPC_REPLY } };
	struct rpc_connection *n;
	unsigned count = 0;

	for (n = s->connections; n; n = n->next)
		count++;
	n = s->connections;
	for (turn = count ? turn % count : 0; turn; turn--)
		n = n->next;
	if (n && !n->queue.count && !channel_put(&n->channel, &m))
		channel_flush(&n->channel);
	return count;
}

void rpc_server_stop(struct rpc_server *s) { s->stop = true; }

/* --- making and ending ------------------------------------------------------------------------ */

err_t rpc_server_init(struct rpc_server *s, struct fabric *f)
{
	*s = (struct rpc_server){ .fabric = f, .threads_max = RPC_THREADS };
	return wait_set_init(&s->set, f);
}

err_t rpc_server_add(struct rpc_server *s, const struct rpc_service *service, const void *handlers)
{
	if (!service->number || service->number >= RPC_INTERFACES)
		return ERR_ARGUMENT;
	if (s->interface[service->number])
		return ERR_EXISTS;
	s->interface[service->number] = service;
	s->handlers[service->number] = handlers;
	return ERR_OK;
}

err_t rpc_server_export(struct rpc_server *s, const char *name)
{
	err_t err = service_export_as(s->fabric, name, 0, &s->service);

	if (err)
		return err;
	/* Without a board the set looks at each channel. */
	if (!wait_board_open(&s->board, s->fabric))
		wait_set_use_board(&s->set, &s->board);
	wait_set_serve(&s->set, &s->service);
	return ERR_OK;
}

void rpc_server_destroy(struct rpc_server *s)
{
	while (s->connections)
		rpc_connection_close(s->connections);
	wait_set_destroy(&s->set);
	if (s->board.shared)
		wait_board_close(&s->board);
}

/* The leader may be asleep, and has not told this channel's peer: so we do, and look. */
bool rpc_set_join(struct rpc_server *s, struct channel *c)
{
	wait_set_add(&s->set, c);
	if (s->leader == thread_self())
		return false;
	c->ops->sleep(c, true);
	mem_fence(); /* pairs with that in urpc_kick */
	return c->ops->tend(c);
}
