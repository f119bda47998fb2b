/*
 * The name service: what a resolution costs, cached and not, and how answers scale with clients.
 *
 * Without the service (services=none) these measures say so and fail.
 */
#include <string.h>

#include "libos/name/name.h"
#include "services/name/name_client.h"
#include "user/bench/bench.h"
#include "user/bench/crowd.h"

#define PATH "/bench/a/name"
#define SAMPLES 16
#define LOOPS 64

/* One name for all measures. */
static err_t begin(struct name_client **n)
{
	static struct name_client client;
	static struct service service;
	static bool ready;
	struct fabric *f;
	struct mailbox at;
	err_t err = fabric_here(&f);

	*n = &client;
	if (err || ready)
		return err;
	name_client_init(&client, f, NULL);
	err = service_export_as(f, NULL, 0, &service);
	at = service_mailbox(&service);
	if (!err)
		err = name_register(&(*n)->rpc, PATH, &at, 0);
	ready = !err;
	return err;
}

static err_t find(struct name_client *n, bool cached)
{
	struct mailbox found;

	return cached ? name_find(n, PATH, &found) : name_find_other(n, PATH, 0, &found);
}

static err_t name_measure(const struct measure *m, bool cached)
{
	double values[SAMPLES];
	struct name_client *n;
	err_t err = begin(&n);

	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = find(n, cached); /* the first ones fill the cache, and memory */
	if (err)
		return err;
	BENCH_SAMPLES(values, SAMPLES, LOOPS, find(n, cached));
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

static err_t run_cached(const struct measure *m) { return name_measure(m, true); }
static err_t run_uncached(const struct measure *m) { return name_measure(m, false); }

static err_t run_register(const struct measure *m)
{
	double values[SAMPLES];
	struct name_client *n;
	struct mailbox found;
	err_t err = begin(&n);

	if (!err)
		err = name_find(n, PATH, &found);
	if (err)
		return err;
	BENCH_SAMPLES(values, SAMPLES, 8, {
		name_register(&n->rpc, "/bench/another", &found, 0);
		name_remove(&n->rpc, "/bench/another");
	});
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

/* --- clients on other cores, each asking for as long as it is told ----------------------- */

static struct name_client *asking;

static err_t ask(void) { return find(asking, false); }

int serve_names(int argc, char **argv)
{
	(void)argc;
	/* Whoever came first has registered the name. */
	if (begin(&asking) && ask())
		return 0;
	return crowd_ask(argv[1], ask);
}

/* Ticks between two answers, all clients together. */
static err_t clients_measure(const struct measure *m, unsigned clients)
{
	double values[3];
	struct name_client *n;
	err_t err = begin(&n);

	for (unsigned i = 0; i < 3 && !err; i++)
		err = crowd_run("names", clients, 0, (coreid_t)(bench_cores() - 1), &values[i]);
	if (!err)
		report_samples(m, m->name, clients, values, 3);
	return err;
}

static err_t run_clients_1(const struct measure *m) { return clients_measure(m, 1); }
static err_t run_clients_2(const struct measure *m) { return clients_measure(m, 2); }
static err_t run_clients_4(const struct measure *m) { return clients_measure(m, 4); }
static err_t run_clients_8(const struct measure *m) { return clients_measure(m, 8); }

const struct measure name_measures[] = {
	{ "name_cached", "name to mailbox, from the process's cache", "op", 100, 1, run_cached },
	{ "name_uncached", "name to mailbox, by asking a member and its answer", "op", 3000, 1, run_uncached },
	{ "name_change", "a name registered and removed, at all members", "op", 0, 1, run_register },
	{ "name_clients_1", "ticks from answer to answer, one client that asks all the time", "answer", 0, 2,
	  run_clients_1 },
	{ "name_clients_2", "likewise, two clients", "answer", 0, 2, run_clients_2 },
	{ "name_clients_4", "likewise, four clients", "answer", 0, 4, run_clients_4 },
	{ "name_clients_8", "likewise, eight clients", "answer", 0, 4, run_clients_8 },
	{ NULL, NULL, NULL, 0, 0, NULL },
};
