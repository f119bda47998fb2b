/*
 * The client of a fleet: finds another member when its own is gone, or when it is told to ask another.
 *
 * The runtime of the stubs repeats the calls; this only opens channels.  When members come, those that serve tell
 * their clients, who look again which one is the nearest.  While a fleet has
 * lost the member that the name leads to, and the name does not know it yet, the client
 * asks again every millisecond.
 */
#include "libos/fleet/client.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/private.h"

#include <string.h>

#define MISLED_BITS 6 /* of the longest pause, in ms */
/*
 * More than it takes to find a hung member: so a call that hangs each member that takes it is given up, and one that
 * waits while members die of something else is not.
 */
#define CALM_MS 100

static uint64_t ticks_of_ms(void)
{
	static uint64_t ticks;
	struct mon_core core;

	if (!ticks)
		ticks = mon_core_brief(process_self_core(), &core) || !core.tsc_hz ? 1000000 : core.tsc_hz / 1000;
	return ticks;
}

static void pause_ms(struct fleet_client *c, uint64_t ms)
{
	if (c->rpc.server)
		rpc_release(c->rpc.server);
	thread_sleep_until(fabric_now(c->rpc.fabric) + ms * ticks_of_ms());
}

static err_t client_renew(struct rpc_client *rpc)
{
	struct fleet_client *c = (struct fleet_client *)rpc;
	cycles_t deadline = fabric_now(rpc->fabric) + (c->patience ? c->patience : FLEET_PATIENCE_MS * ticks_of_ms());
	err_t err;

	c->renewals++;
	rpc->calm = CALM_MS * ticks_of_ms();
	while ((err = announce_open(rpc, c->name, rpc->peer)) && err != ERR_NO_MEMORY &&
	       fabric_now(rpc->fabric) < deadline)
		pause_ms(c, 1);
	return err;
}

/* Another member serves now, which may be nearer. One that cannot be reached is looked for by the next call. */
static void client_look(struct rpc_client *rpc)
{
	struct fleet_client *c = (struct fleet_client *)rpc;

	c->looks++;
	announce_open(rpc, c->name, 0);
}

static err_t client_redirect(struct rpc_client *rpc, struct rpc_client *way, const struct mailbox *to)
{
	struct fleet_client *c = (struct fleet_client *)rpc;
	err_t err = rpc_client_open_at(way, to);

	c->redirects++;
	if (!err)
		c->misled = 0;
	if (!err || err == ERR_AGAIN)
		return err;
	/* Who sent us there does not know yet that it is gone, and would again. */
	pause_ms(c, UINT64_C(1) << c->misled);
	if (c->misled < MISLED_BITS)
		c->misled++;
	return way == rpc ? client_renew(rpc) : ERR_AGAIN;
}

err_t fleet_client_init(struct fleet_client *c, struct fabric *f, struct rpc_server *server, const char *name)
{
	_Static_assert(offsetof(struct fleet_client, rpc) == 0, "the runtime hands back the rpc_client");
	size_t length = strlen(name);

	if (!length || length > FLEET_NAME)
		return length ? ERR_TOO_LONG : ERR_ARGUMENT;
	*c = (struct fleet_client){ 0 };
	memcpy(c->name, name, length);
	rpc_client_init(&c->rpc, f, server);
	c->rpc.renew = client_renew;
	c->rpc.redirect = client_redirect;
	c->rpc.look = client_look;
	return ERR_OK;
}

err_t fleet_connect(struct fleet_client *c, struct fabric *f, struct rpc_server *server, const char *name)
{
	err_t err = fleet_client_init(c, f, server, name);

	if (!err)
		err = announce_open(&c->rpc, name, 0);
	/* There is such a fleet, and the member that was named has just died. */
	return err == ERR_CLOSED ? client_renew(&c->rpc) : err;
}

void fleet_client_close(struct fleet_client *c) { rpc_client_close(&c->rpc); }
