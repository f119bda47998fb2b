/*
 * The loop of a service that speaks 9P: accepts clients, hands their messages to connection.c.
 *
 * A connection whose answers find no room leaves the wait set until they are sent: its client's
 * requests stay in the channel meanwhile, and nobody else waits.
 */
#include "libos/ninep/server.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPT_EVERY 32    /* turns: also a busy loop accepts */
#define STALL_TICKS 100000 /* of the fabric's clock, between tries to send */

err_t ninep_server_init(struct ninep_server *s, struct fabric *f, const struct ninep_node *root)
{
	memset(s, 0, sizeof(*s));
	s->fabric = f;
	s->root = root;
	return wait_set_init(&s->set, f);
}

err_t ninep_server_export(struct ninep_server *s, const char *name)
{
	err_t err = service_export_as(s->fabric, name, 0, &s->service);

	if (!err)
		wait_set_serve(&s->set, &s->service);
	return err;
}

static err_t connection_accept(struct ninep_server *s)
{
	struct ninep_connection *n = aligned_alloc(CACHE_LINE, (sizeof(*n) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	struct ninep_link link;
	err_t err = n ? ERR_OK : ERR_NO_MEMORY;

	if (err)
		return err;
	memset(n, 0, sizeof(*n));
	err = service_accept(&s->service, NULL, &n->channel);
	if (!err)
		err = ninep_link_channel(&link, &n->channel);
	if (err) {
		channel_close(&n->channel);
		free(n);
		return err;
	}
	ninep_connection_init(n, s->root, &link);
	n->server = s;
	n->relay = s->relay;
	n->number = ++s->numbers;
	n->pid = n->channel.peer;
	n->channel.tag = n;
	n->next = s->connections;
	s->connections = n;
	wait_set_add(&s->set, &n->channel);
	return ERR_OK;
}

static void accept_all(struct ninep_server *s)
{
	while (s->service.fabric && s->fabric->ops->incoming(&s->service))
		if (connection_accept(s))
			return;
}

static void connection_end(struct ninep_server *s, struct ninep_connection *n)
{
	struct ninep_connection **at = &s->connections;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	if (s->last == n)
		s->last = NULL;
	s->stalled -= n->waits;
	ninep_connection_close(n);
	channel_close(&n->channel);
	free(n);
}

/* It leaves the set till stalled_turns finds that its answers have gone, or that it has ended. */
static void connection_waits(struct ninep_server *s, struct ninep_connection *n)
{
	if (!n->waits)
		s->stalled++;
	n->waits = true;
	wait_set_remove(&n->channel);
}

/*
 * The answer that is left goes: on the way to sleep, where nothing else is to be done, and the client, if it is on our
 * core, runs at once.
 */
static __attribute__((noinline)) void last_answer(struct ninep_server *s, bool sleeps)
{
	struct ninep_connection *n = s->last;

	s->last = NULL;
	if (sleeps && wait_set_part(&s->set, &n->channel, &n->link.last)) {
		n->link.kept = false;
		return;
	}
	if (ninep_link_last(&n->link))
		n->dead = true;
	if (n->dead || ninep_link_stalled(&n->link))
		connection_waits(s, n);
}

/* Serves it, and sees to it that it is in the set or among those that wait for room. */
static void connection_turn(struct ninep_server *s, struct ninep_connection *n)
{
	bool waits;
	err_t err;

	if (s->last)
		last_answer(s, false);
	n->link.keeps = wait_set_parts(&s->set, &n->channel);
	err = ninep_connection_serve(n);
	n->link.keeps = false;
	if (err) {
		(void)ninep_link_last(&n->link);
		connection_end(s, n);
		return;
	}
	if (n->link.kept)
		s->last = n;
	waits = !ninep_connection_room(n);
	if (waits) {
		connection_waits(s, n);
	} else if (n->waits) {
		n->waits = false;
		s->stalled--;
		if (!n->channel.set)
			wait_set_add(&s->set, &n->channel);
	}
}

static void stalled_turns(struct ninep_server *s)
{
	struct ninep_connection *n = s->connections, *next;

	for (; n; n = next) {
		next = n->next;
		if (n->waits || n->dead)
			connection_turn(s, n);
	}
}

static err_t turn_wait(struct ninep_server *s, struct channel **c)
{
	cycles_t deadline = s->turn ? s->turn(s) : 0, again;

	if (s->last)
		last_answer(s, !deadline && !s->stalled);
	if (s->stalled) {
		again = fabric_now(s->fabric) + STALL_TICKS;
		deadline = deadline && deadline < again ? deadline : again;
	}
	return wait_set_wait(&s->set, c, deadline);
}

err_t ninep_serve(struct ninep_server *s)
{
	struct channel *c;
	err_t err = ERR_OK;

	for (uint32_t turn = 0; !s->stop && !err; turn++) {
		c = NULL;
		if (s->stalled)
			stalled_turns(s);
		err = turn_wait(s, &c);
		if (err == ERR_TIMEOUT) {
			err = ERR_OK;
			continue;
		}
		if (!err && (!c || turn % ACCEPT_EVERY == 0))
			accept_all(s);
		if (!err && c && c->set)
			connection_turn(s, c->tag);
	}
	if (s->last)
		last_answer(s, false);
	return err;
}

void ninep_server_destroy(struct ninep_server *s)
{
	while (s->connections)
		connection_end(s, s->connections);
	wait_set_destroy(&s->set);
}

err_t ninep_serve_tree(struct fabric *f, const struct ninep_node *root, const char *name)
{
	struct ninep_server s;
	err_t err = ninep_server_init(&s, f, root);

	if (err)
		return err;
	err = ninep_server_export(&s, name);
	if (!err)
		err = ninep_serve(&s);
	ninep_server_destroy(&s);
	return err;
}
