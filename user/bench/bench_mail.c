/*
 * Mail: a call that the monitors carry, the same by a channel of its own, and what that channel costs
 * to set up and close: so many calls repay it.
 *
 * Needs the name service (services=name). The service is on the bench's core, and on the next if there is one.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/name/mail.h"
#include "libos/thread/thread.h"
#include "services/sample/sample_client.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 8
#define PATH "/bench/mail"

static struct {
	uint64_t pid;
	struct fabric *fabric;
	struct name_client names;
	struct mailbox at;
} mail;

/* The sample service, with a name. */
static err_t begin(coreid_t core)
{
	const char *argv[] = { "sample", "bench.mail", PATH };
	cycles_t deadline;
	err_t err = fabric_here(&mail.fabric);

	if (!err)
		err = mon_spawn(core, 3, argv, &mail.pid);
	if (err)
		return err;
	name_client_init(&mail.names, mail.fabric, NULL);
	deadline = fabric_now(mail.fabric) + 5 * dispatcher_tsc_hz();
	while ((err = name_find_other(&mail.names, PATH, 0, &mail.at)) == ERR_NOT_FOUND &&
	       fabric_now(mail.fabric) < deadline)
		thread_sleep_until(fabric_now(mail.fabric) + dispatcher_tsc_hz() / 1000);
	return err;
}

static void end(void)
{
	struct mailbox at;

	mon_kill(mail.pid);
	mon_wait(mail.pid, NULL, NULL);
	while (!name_find_other(&mail.names, PATH, 0, &at))
		thread_sleep_until(fabric_now(mail.fabric) + dispatcher_tsc_hz() / 1000);
	name_client_close(&mail.names);
}

static err_t add(struct rpc_client *c)
{
	uint64_t sum;

	return sample_add(c, 1, 2, &sum);
}

/* Calls by whatever the client has: without `carried` of its own it stays with that. */
static err_t calls_measure(const struct measure *m, bool carried)
{
	double values[SAMPLES];
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, mail.fabric, NULL);
	err = carried ? rpc_client_open_carried(&c, &mail.at) : rpc_client_open_at(&c, &mail.at);
	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = add(&c);
	if (!err) {
		BENCH_SAMPLES(values, SAMPLES, LOOPS, add(&c));
		report_samples(m, m->name, 1, values, SAMPLES);
	}
	rpc_client_close(&c);
	return err;
}

static err_t once(bool carried)
{
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, mail.fabric, NULL);
	err = carried ? rpc_client_open_carried(&c, &mail.at) : rpc_client_open_at(&c, &mail.at);
	if (!err)
		err = add(&c);
	rpc_client_close(&c);
	return err;
}

static err_t once_measure(const struct measure *m, bool carried)
{
	double values[SAMPLES];
	err_t err = ERR_OK;

	for (unsigned i = 0; i < LOOPS && !err; i++)
		err = once(carried);
	if (err)
		return err;
	BENCH_SAMPLES(values, SAMPLES, 2, once(carried));
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

static err_t run(const struct measure *m, coreid_t core, err_t (*measure)(const struct measure *m, bool carried),
		 bool carried)
{
	err_t err = begin(core);

	if (!err)
		err = measure(m, carried);
	if (mail.pid)
		end();
	return err;
}

static err_t run_carried(const struct measure *m) { return run(m, dispatcher_core(), calls_measure, true); }
static err_t run_channel(const struct measure *m) { return run(m, dispatcher_core(), calls_measure, false); }
static err_t run_once(const struct measure *m) { return run(m, dispatcher_core(), once_measure, true); }
static err_t run_opened(const struct measure *m) { return run(m, dispatcher_core(), once_measure, false); }
static err_t run_carried_far(const struct measure *m) { return run(m, 1, calls_measure, true); }
static err_t run_channel_far(const struct measure *m) { return run(m, 1, calls_measure, false); }
static err_t run_once_far(const struct measure *m) { return run(m, 1, once_measure, true); }
static err_t run_opened_far(const struct measure *m) { return run(m, 1, once_measure, false); }

const struct measure mail_measures[] = {
	{ "mail_call", "call and answer that the monitor carries, same core", "op", 0, 1, run_carried },
	{ "mail_channel_call", "the same by a channel of its own", "op", 0, 1, run_channel },
	{ "mail_once", "one call by mail to whom nothing was sent before", "op", 0, 1, run_once },
	{ "mail_channel_once", "the same by a channel that is opened, and closed", "op", 0, 1, run_opened },
	{ "mail_call_2cores", "call and answer that two monitors carry", "op", 0, 2, run_carried_far },
	{ "mail_channel_call_2cores", "the same by a channel of its own", "op", 0, 2, run_channel_far },
	{ "mail_once_2cores", "one call by mail between cores to whom nothing was sent before", "op", 0, 2,
	  run_once_far },
	{ "mail_channel_once_2cores", "the same by a channel that is opened, and closed", "op", 0, 2, run_opened_far },
	{ NULL, NULL, NULL, 0, 0, NULL },
};
