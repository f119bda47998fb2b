/*
 * Fleets to be measured, and their load: drill.h.
 */
#include "user/bench/drill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "services/drill/drill_client.h"
#include "user/bench/bench.h"

#define WAIT_MS 20000
#define ENDLESS 1000000 /* slices */
#define WORK_US 500
#define COUNTER "bench.load"
#define PART 6 /* slices in a message, behind the number of the first */

cycles_t drill_ms(uint64_t ms) { return ms * (dispatcher_tsc_hz() / 1000); }

/* --- the fleet ------------------------------------------------------------------------------ */

err_t drill_look(struct drill *d) { return fleet_survey(&d->client, &d->now); }

unsigned drill_serving(const struct drill *d) { return fleet_survey_serving(&d->now); }

err_t drill_await(struct drill *d, unsigned members)
{
	cycles_t deadline = fabric_now(d->fabric) + drill_ms(WAIT_MS);

	while (drill_look(d) || d->now.count != members || drill_serving(d) != members ||
	       d->now.times.settled != d->now.head.version) {
		if (fabric_now(d->fabric) > deadline)
			return ERR_TIMEOUT;
		thread_sleep_until(fabric_now(d->fabric) + drill_ms(1));
	}
	return ERR_OK;
}

err_t drill_begin(struct drill *d, const char *argument, const struct fleet_policy *policy, unsigned members)
{
	const char *const argv[] = { "drill", argument };
	uint64_t pid;
	err_t err = fabric_here(&d->fabric);

	if (!err && !fleet_connect(&d->client, d->fabric, NULL, argv[0]))
		err = ERR_EXISTS;
	if (!err)
		err = mon_spawn(process_self_core(), argument ? 2 : 1, argv, &pid);
	if (!err)
		err = fleet_client_init(&d->client, d->fabric, NULL, argv[0]);
	if (!err)
		err = fleet_resize(&d->client.rpc, members); /* it may have begun to grow */
	if (!err)
		err = fleet_adapt(&d->client.rpc, policy);
	return err ? err : drill_await(d, members);
}

/* Till nobody has the name: else the next fleet's first client finds who has just ended. */
static err_t name_goes(struct drill *d)
{
	cycles_t deadline = fabric_now(d->fabric) + drill_ms(WAIT_MS);
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, d->fabric, NULL);
	while ((err = rpc_client_open(&c, "drill")) != ERR_NOT_FOUND && fabric_now(d->fabric) < deadline)
		thread_sleep_until(fabric_now(d->fabric) + drill_ms(1));
	rpc_client_close(&c);
	return err == ERR_NOT_FOUND ? ERR_OK : ERR_TIMEOUT;
}

err_t drill_finish(struct drill *d)
{
	uint64_t pid;
	err_t err = fleet_resize(&d->client.rpc, 1);

	if (!err)
		err = drill_await(d, 1);
	pid = d->now.member[0].at.pid;
	fleet_client_close(&d->client);
	if (!err)
		err = mon_kill(pid);
	if (!err)
		err = mon_wait(pid, NULL, NULL);
	return err ? err : name_goes(d);
}

/* --- load ------------------------------------------------------------------------------------- */

static err_t counts_send(struct fabric *f, const uint32_t answers[SLICES])
{
	struct channel c;
	err_t err = channel_open(f, COUNTER, NULL, &c);

	for (unsigned first = 0; first < SLICES && !err; first += PART) {
		struct urpc_message m = { .word = { first } };

		for (unsigned i = 0; i < PART && first + i < SLICES; i++)
			m.word[1 + i] = answers[first + i];
		err = channel_send_lines(&c, &m, 1, 0, NULL);
	}
	/* Its end tells that all has been read. */
	if (!err) {
		struct urpc_message none;

		channel_receive_wait(&c, &none, 0);
	}
	channel_close(&c);
	return err;
}

/* bench --serve load START PAUSE SLICES: a client. */
int serve_load(int argc, char **argv)
{
	static uint32_t answers[SLICES];
	cycles_t start = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, slice = drill_ms(SLICE_MS), at;
	cycles_t pause = argc > 2 ? strtoull(argv[2], NULL, 10) * drill_ms(1) / 1000 : 0;
	uint64_t slices = argc > 3 ? strtoull(argv[3], NULL, 10) : SLICES;
	struct fleet_client c;
	struct fabric *f;
	uint32_t member;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_client_init(&c, f, NULL, "drill");
	if (err)
		return 1;
	thread_sleep_until(start);
	while (!err && fabric_now(f) < start + slices * slice) {
		err = drill_work(&c.rpc, WORK_US, &member);
		at = (fabric_now(f) - start) / slice;
		if (!err && at < SLICES)
			answers[at]++;
		if (pause)
			thread_sleep_until(fabric_now(f) + pause);
	}
	return err || counts_send(f, answers);
}

/* Where clients bring their counts: one for all measures. */
static struct {
	struct service service;
	struct wait_set set;
	bool open;
} counter;

static err_t counter_open(struct fabric *f)
{
	err_t err = counter.open ? ERR_OK : service_export(f, COUNTER, &counter.service);

	if (err || counter.open)
		return err;
	err = wait_set_init(&counter.set, f);
	if (!err)
		wait_set_serve(&counter.set, &counter.service);
	counter.open = !err;
	return err;
}

err_t load_begin(struct load *l, struct drill *d, unsigned clients, unsigned pause_us, cycles_t start, bool endless)
{
	char text[24], pause[12], slices[12];
	const char *argv[] = { "bench", "--serve", "load", text, pause, slices };
	err_t err = counter_open(d->fabric);

	if (err)
		return err;
	l->start = start;
	snprintf(text, sizeof text, "%" PRIu64, start);
	snprintf(pause, sizeof pause, "%u", pause_us);
	snprintf(slices, sizeof slices, "%u", endless ? ENDLESS : SLICES);
	for (l->clients = 0; l->clients < clients && !err; l->clients += !err)
		err = mon_spawn((coreid_t)(l->clients % bench_cores()), 6, argv, &l->pid[l->clients]);
	return err;
}

static err_t counts_take(struct channel *c, uint32_t answers[SLICES], cycles_t deadline)
{
	err_t err = ERR_OK;

	for (unsigned parts = 0; parts < (SLICES + PART - 1) / PART && !err; parts++) {
		struct urpc_message m;

		err = channel_receive_wait(c, &m, deadline);
		for (unsigned i = 0; i < PART && !err && m.word[0] + i < SLICES; i++)
			answers[m.word[0] + i] += (uint32_t)m.word[1 + i];
	}
	return err;
}

err_t load_gather(struct load *l, uint32_t answers[SLICES])
{
	cycles_t deadline = l->start + drill_ms(SLICES * SLICE_MS + WAIT_MS);
	err_t err = ERR_OK;

	memset(answers, 0, SLICES * sizeof *answers);
	for (unsigned i = 0; i < l->clients && !err; i++) {
		struct channel c, *from;

		err = wait_set_wait(&counter.set, &from, deadline);
		if (!err)
			err = service_accept(&counter.service, NULL, &c);
		if (err)
			break;
		err = counts_take(&c, answers, deadline);
		channel_close(&c);
	}
	for (unsigned i = 0; i < l->clients; i++) {
		uint64_t status = 1;
		unsigned cause;

		if (err)
			mon_kill(l->pid[i]);
		if (mon_wait(l->pid[i], &cause, &status) || cause != MON_EXITED || status)
			err = err ? err : ERR_FAULTED;
	}
	return err;
}

err_t load_end(struct load *l)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < l->clients; i++) {
		uint64_t status;
		unsigned cause;
		err_t failed = mon_kill(l->pid[i]);

		if (!failed)
			failed = mon_wait(l->pid[i], &cause, &status);
		if (!err)
			err = failed ? failed : cause == MON_EXITED ? ERR_FAULTED : ERR_OK; /* it ended of itself */
	}
	return err;
}
