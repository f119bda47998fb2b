/*
 * The five schemes of dPool side by side, in a fleet of three members that take elements and give them back, for
 * PERIOD_MS each: elements taken by all together, messages between members and elements moved in them for a thousand
 * that were taken, and the longest that anybody waited for one.
 *
 * even: all take and give at random. turns: each member in turn wants half of the pool.
 */
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/fleet/dpool.h"
#include "services/drill/drill_client.h"
#include "user/bench/bench.h"
#include "user/bench/drill.h"

#define PERIOD_MS 100
#define NOTICE_MS 10 /* till all members begin together */

static struct drill *fleet; /* while it is measured */
/* Nobody moves to where the calls come from, either: who asks a member means that one. */
static const struct fleet_policy fixed = { .least = DRILL_MEMBERS, .most = DRILL_MEMBERS, .fall = 3600000 };

/* A member's share of a run, by a thread of its own: the call ends with the work. */
struct part {
	struct mailbox at;
	struct thread *thread;
	cycles_t start;
	bool turns;
	uint64_t taken, messages, moved, wait;
	err_t err;
};

static void *part_run(void *arg)
{
	struct part *p = arg;
	struct rpc_client c;

	rpc_client_init(&c, fleet->fabric, NULL);
	p->err = rpc_client_open_at(&c, &p->at);
	if (!p->err)
		p->err = drill_pool(&c, p->start, PERIOD_MS, p->turns, &p->taken, &p->messages, &p->moved, &p->wait);
	rpc_client_close(&c);
	return NULL;
}

/* All members' together; the longest wait. */
static err_t run_all(bool turns, struct part *all)
{
	struct part part[DRILL_MEMBERS] = { 0 };
	cycles_t start = fabric_now(fleet->fabric) + drill_ms(NOTICE_MS);
	unsigned started = 0;
	err_t err = ERR_OK;

	for (; started < DRILL_MEMBERS && !err; started += !err) {
		part[started] = (struct part){ .at = fleet->now.member[started].at, .start = start, .turns = turns };
		err = thread_create(&part[started].thread, part_run, &part[started]);
	}
	for (unsigned i = 0; i < started; i++) {
		thread_join(part[i].thread, NULL);
		err = err ? err : part[i].err;
		all->taken += part[i].taken;
		all->messages += part[i].messages;
		all->moved += part[i].moved;
		all->wait = part[i].wait > all->wait ? part[i].wait : all->wait;
	}
	return err;
}

static void say(const char *load, const char *scheme, const char *what, const char *unit, double value)
{
	char name[60];

	snprintf(name, sizeof name, "dpool_%s_%s_%s", load, scheme, what);
	report_values(name, unit, 0, DRILL_MEMBERS, &value, 1);
}

static err_t measure_load(const char *scheme, bool turns)
{
	const char *load = turns ? "turns" : "even";
	struct part all = { 0 };
	err_t err = run_all(turns, &all);

	if (!err && !all.taken)
		err = ERR_TIMEOUT;
	if (err)
		return err;
	say(load, scheme, "taken", "elements/ms", (double)all.taken / PERIOD_MS);
	say(load, scheme, "messages", "of 1,000 taken", (double)all.messages * 1000 / (double)all.taken);
	say(load, scheme, "moved", "of 1,000 taken", (double)all.moved * 1000 / (double)all.taken);
	say(load, scheme, "wait", "us", (double)all.wait / ((double)dispatcher_tsc_hz() / 1e6));
	return ERR_OK;
}

static err_t run_scheme(const char *scheme)
{
	char argument[24];
	err_t err, end;

	snprintf(argument, sizeof argument, "scheme=%s", scheme);
	err = drill_begin(fleet, argument, &fixed, DRILL_MEMBERS);
	if (err == ERR_EXISTS)
		return err;
	for (unsigned turns = 0; turns < 2 && !err; turns++)
		err = measure_load(scheme, turns);
	end = drill_finish(fleet);
	return err ? err : end;
}

static err_t run(const struct measure *m)
{
	err_t err;

	(void)m;
	fleet = calloc(1, sizeof *fleet);
	err = fleet ? ERR_OK : ERR_NO_MEMORY;
	for (unsigned i = 0; i < DPOOL_SCHEMES && !err; i++)
		err = run_scheme(dpool_schemes[i].name);
	free(fleet);
	return err;
}

const struct measure dpool_measures[] = {
	{ "dpool", "a pool under each scheme, in a fleet of three: all at random, each in turn half of it", "", 0, 4,
	  run },
	{ 0 },
};
