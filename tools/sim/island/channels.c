/*
 * Channels, as far as capabilities are sent over them: every process has one to every other, under the number of
 * its own; the sender says whose it means.
 */
#include "monitor/connections.h"
#include "monitor/caps/share.h"

static struct connection *channel(uint32_t process, coreid_t peer_core, uint32_t peer)
{
	static struct connection c;

	if (!process_alive(process_table_find(&monitor.processes, process)))
		return NULL;
	c = (struct connection){
		.id = process, .state = CONNECTION_OPEN, .process = process, .peer_core = peer_core, .peer_id = peer
	};
	return &c;
}

struct connection *connection_find(uint32_t id) { return channel(id, 0, 0); }

struct connection *connection_of(struct origin who, uint64_t id)
{
	return channel(who.number, (coreid_t)(id >> 32), (uint32_t)id);
}

void connections_process_gone(struct process *p) { parcels_channel_gone(p->number); }
