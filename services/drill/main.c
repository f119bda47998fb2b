/*
 * drill [scheme=NAME]: a fleet without state, whose members go wrong when they are told to. It has a dPool (pool.c),
 * under one of its schemes, that it uses when it is told to, and whose elements it does not save when a member dies.
 */
#include <string.h>

#include "libos/fleet/fleet.h"
#include "libos/x86/barrier.h"
#include "services/drill/drill_server.h"
#include "services/drill/pool.h"

#define LOOKS 1000

static struct fleet *self_of(const struct rpc_call *call) { return call->server->tag; }

static err_t ask(struct rpc_call *call, uint32_t *member)
{
	*member = self_of(call)->number;
	return ERR_OK;
}

static void busy_until(struct fleet *f, cycles_t time)
{
	while (fabric_now(f->fabric) < time)
		;
}

static err_t work(struct rpc_call *call, uint64_t us, uint32_t *member)
{
	struct fleet *f = self_of(call);

	fleet_note(f, call);
	busy_until(f, fabric_now(f->fabric) + fleet_ms(f, 1) * us / 1000);
	*member = f->number;
	return ERR_OK;
}

static volatile uint64_t *volatile nowhere = (volatile uint64_t *)8;

static void trap(struct rpc_call *call, uint64_t at)
{
	busy_until(self_of(call), at);
	*nowhere = 1;
}

static void hang(struct rpc_call *call, uint64_t at)
{
	busy_until(self_of(call), at);
	for (volatile unsigned round = 0;; round++)
		if (round % LOOKS == 0)
			cpu_pause(); /* an emulated processor lets others have their turn */
}

static err_t at(struct rpc_call *call, uint32_t number, uint32_t *member)
{
	struct fleet *f = self_of(call);

	if (number != f->number)
		return fleet_redirect(f, call, number);
	*member = number;
	return ERR_OK;
}

static const struct drill_handlers handlers = {
	.ask = ask, .work = work, .trap = trap, .hang = hang, .at = at, .pool = pool_use, .scheme = pool_scheme
};
static const struct fleet_interface interfaces[] = { { &drill_service, &handlers }, { NULL, NULL } };

static const char *scheme = "bulk";

static err_t init(struct fleet *f) { return pool_open(f, scheme); }

static const struct fleet_ops ops = {
	.name = "drill", .interface = interfaces, .init = init, .start = pool_start, .changed = pool_changed
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "scheme=", 7))
			scheme = argv[i] + 7;
	return fleet_main(argc, argv, &ops);
}
