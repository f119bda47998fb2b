/*
 * The table of connection sides: numbers, records. A record of number n is in
 * entry n % CONNECTIONS_MAX, and numbers are not used twice in a row.
 */
#include "monitor/caps/caps.h"
#include "monitor/connections.h"
#include "monitor/boards.h"
#include "monitor/shared_frame.h"

static struct connection connections[CONNECTIONS_MAX];
static uint32_t last_id, used;

/* No process has more than are left for others. */
static bool connection_room(const struct process *p)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CONNECTIONS_MAX && used >= CONNECTIONS_MAX / 2; i++)
		count += connections[i].state != CONNECTION_FREE && connections[i].process == p->number;
	return count < CONNECTIONS_MAX - used;
}

struct connection *connection_new(struct process *p, unsigned state)
{
	if (!connection_room(p))
		return NULL;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		uint32_t id = last_id + 1 + i;
		struct connection *c = &connections[id % CONNECTIONS_MAX];

		if (c->state != CONNECTION_FREE || id == 0)
			continue;
		last_id = id;
		used++;
		*c = (struct connection){
			.next = p->connections, .id = id, .state = (uint8_t)state, .process = p->number
		};
		p->connections = c;
		return c;
	}
	return NULL;
}

struct connection *connection_find(uint32_t id)
{
	struct connection *c = &connections[id % CONNECTIONS_MAX];

	return c->state != CONNECTION_FREE && c->id == id ? c : NULL;
}

struct connection *connection_at(unsigned at)
{
	return connections[at].state != CONNECTION_FREE ? &connections[at] : NULL;
}

struct connection *connection_late(uint64_t base)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i].state == CONNECTION_OPEN && connections[i].late_board == base &&
		    !connections[i].local_done)
			return &connections[i];
	return NULL;
}

bool connection_frame_known(uint64_t base)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i].state != CONNECTION_FREE && connections[i].foreign && connections[i].frame &&
		    connections[i].frame_base == base)
			return true;
	return false;
}

struct connection *connection_of(struct origin who, uint64_t id)
{
	struct connection *c = id <= UINT32_MAX ? connection_find((uint32_t)id) : NULL;

	return c && c->process == who.number && !c->local_done ? c : NULL;
}

struct connection *connection_open_of(const struct process *p)
{
	struct connection *c = p->connections;

	while (c && (c->local_done || c->state == CONNECTION_LENT))
		c = c->next;
	return c;
}

/* Out of its process's list, if a record of that is left. */
static void connection_unlink(struct connection *c)
{
	struct process *p = process_table_find(&monitor.processes, c->process);
	struct connection **at = &p->connections;

	if (!p)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

void connection_free(struct connection *c)
{
	connection_board_drop(c);
	if (c->borrowed) {
		struct connection *lender = connection_find(c->lender);

		if (--lender->borrowers == 0 && lender->state == CONNECTION_LENT)
			connection_free(lender);
	}
	if (c->borrowers) {
		c->state = CONNECTION_LENT;
		return;
	}
	if (c->frame)
		shared_frame_free(c->frame);
	connection_unlink(c);
	c->state = CONNECTION_FREE;
	used--;
}
