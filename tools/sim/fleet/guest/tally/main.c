/*
 * A fleet of counters: libos/fleet with the partitioned store. A repeated call is known by its tag.
 */
#include "libos/fleet/fleet.h"
#include "libos/fleet/kv_partitioned.h"
#include "tools/sim/fleet/guest/tally/tally_server.h"

static struct kvp store;

static err_t get(uint64_t counter, uint64_t *value, uint64_t *version)
{
	size_t bytes = sizeof *value;
	err_t err = kvp_get(&store, &counter, sizeof counter, value, &bytes, version);

	if (err != ERR_NOT_FOUND)
		return err;
	*value = 0;
	*version = KVP_NONE;
	return ERR_OK;
}

static err_t add(struct rpc_call *call, uint64_t counter, uint64_t more, uint64_t *before)
{
	struct kvp_tag tag = kvp_tag_of(call);
	uint64_t version, after;
	err_t err;

	do {
		err = get(counter, before, &version);
		tag.note = *before;
		after = *before + more;
		if (!err)
			err = kvp_put(&store, &counter, sizeof counter, &after, sizeof after, version, &tag);
	} while (err == ERR_STALE || err == ERR_EXISTS || err == ERR_NOT_FOUND);
	*before = tag.note;
	return err;
}

static err_t value_get(struct rpc_call *call, uint64_t counter, uint64_t *value)
{
	uint64_t version;

	(void)call;
	return get(counter, value, &version);
}

/* The store knows what was done: the call is made again. */
static err_t seen(struct rpc_call *call, struct rpc_answer *answer)
{
	(void)call, (void)answer;
	return ERR_NOT_FOUND;
}

static err_t init(struct fleet *f) { return kvp_init(&store, f); }
static void changed(struct fleet *f, const struct fleet_view *old)
{
	(void)f;
	kvp_changed(&store, old);
}

int main(int argc, char **argv)
{
	static const struct tally_handlers handlers = { .add = add, .get = value_get };
	static const struct fleet_interface interface[] = { { &tally_service, &handlers }, { NULL, NULL } };
	static const struct rpc_hooks hooks = { .seen = seen };
	static const struct fleet_ops ops = {
		.name = "tally", .interface = interface, .hooks = &hooks, .init = init, .changed = changed
	};

	return fleet_main(argc, argv, &ops);
}
