/*
 * tally: counts under names, by a fleet. Each count is at one member, with a mirror at
 * another; any member can be asked.
 */
#include <string.h>

#include "libos/fleet/kv_partitioned.h"
#include "services/tally/tally_server.h"

static struct kvp counts;

static err_t add(struct rpc_call *call, const char *name, uint64_t n, uint64_t *sum)
{
	struct kvp_tag tag = kvp_tag_of(call);
	err_t err;

	do { /* until nobody has changed it between the two */
		uint64_t before = 0, version = KVP_NONE;
		size_t bytes = sizeof before;

		err = kvp_get(&counts, name, strlen(name), &before, &bytes, &version);
		if (err && err != ERR_NOT_FOUND)
			return err;
		*sum = tag.note = before + n;
		err = kvp_put(&counts, name, strlen(name), sum, sizeof *sum, version, &tag);
	} while (err == ERR_STALE || err == ERR_EXISTS);
	*sum = tag.note; /* had the call been done before, what it gave then */
	return err;
}

static err_t read(struct rpc_call *call, const char *name, uint64_t *sum)
{
	size_t bytes = sizeof *sum;

	(void)call;
	return kvp_get(&counts, name, strlen(name), sum, &bytes, NULL);
}

static err_t init(struct fleet *f) { return kvp_init(&counts, f); }

static void changed(struct fleet *f, const struct fleet_view *old)
{
	(void)f;
	kvp_changed(&counts, old);
}

static const struct tally_handlers handlers = { .add = add, .read = read };
static const struct fleet_interface interfaces[] = { { &tally_service, &handlers }, { NULL, NULL } };
static const struct fleet_ops ops = { .name = "tally", .interface = interfaces, .init = init, .changed = changed };

int main(int argc, char **argv) { return fleet_main(argc, argv, &ops); }
