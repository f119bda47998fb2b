/*
 * Mail: calls to a name that monitors carry, and that become a channel when they are frequent; with services
 * on all cores, and everything that may be wrong with a mailbox.
 *
 * Needs the name service.  The sample service is what is called, under names below "/tests/mail".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/fabric/metal.h"
#include "libos/name/mail.h"
#include "libos/thread/thread.h"
#include "services/name/name_client.h"
#include "services/sample/sample_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define CORES_TRIED 4
#define FLEET_PATH "/tests/mail"
#define CALLS 24
#define MANY 80 /* senders: more than a service has channels for */

static struct name_client names;
static struct fabric *fabric;

static bool begin(void)
{
	if (fabric)
		return true;
	EXPECT_OK(fabric_here(&fabric));
	name_client_init(&names, fabric, NULL);
	return true;
}

/* Starts a sample service with that path, and waits till it is there. */
static bool sample_begin(coreid_t core, const char *path, uint64_t *pid)
{
	/* Each has a name of its own among the monitors': the one before may be on its way out. */
	static unsigned started;
	char name[MON_NAME + 1];
	const char *argv[] = { "sample", name, path };
	cycles_t deadline;
	struct mailbox at;
	err_t err;

	EXPECT(begin());
	snprintf(name, sizeof name, "mail.%u", started++);
	deadline = fabric_now(fabric) + PATIENCE * dispatcher_tsc_hz();
	/* Who bore the path before, and has died, may still be named. */
	while (!name_find_other(&names, path, 0, &at) && fabric_now(fabric) < deadline)
		thread_sleep_until(fabric_now(fabric) + dispatcher_tsc_hz() / 1000);
	EXPECT_OK(mon_spawn(core, 3, argv, pid));
	while (((err = name_find_other(&names, path, 0, &at)) == ERR_NOT_FOUND || (!err && at.pid != *pid)) &&
	       fabric_now(fabric) < deadline)
		thread_sleep_until(fabric_now(fabric) + dispatcher_tsc_hz() / 1000);
	EXPECT_OK(err);
	EXPECT(at.pid == *pid);
	return true;
}

static bool sample_finish(uint64_t pid)
{
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	return true;
}

static bool is_carried(const struct mail_client *m)
{
	return m->rpc.channel && strcmp(m->rpc.own.ops->name, "mail") == 0;
}

/* Messages of a busy host are as frequent, though they take longer. */
static void have_time(struct mail_client *m) { m->ms *= PATIENCE; }

/* --- from mail to a channel ------------------------------------------------------------------- */

/* Calls that may not be done twice, one-way messages in between: each once, and in order. */
static bool calls_become_frequent(struct mail_client *m)
{
	uint64_t before, expected = 0, sum;
	unsigned carried = 0;

	for (unsigned i = 1; i <= CALLS; i++) {
		EXPECT_OK(sample_note(&m->rpc, i, 0, 0, 0, 0, 0));
		carried += is_carried(m);
		EXPECT_OK(sample_count(&m->rpc, i, &before));
		EXPECT(before == expected);
		expected += i;
		carried += is_carried(m);
	}
	EXPECT(carried == MAIL_FREQUENT && m->carried == MAIL_FREQUENT);
	EXPECT(m->promoted == 1 && m->renewed == 0 && !is_carried(m));
	EXPECT_OK(sample_line(&m->rpc, 0, 0, 0, 0, 0, 0, &sum));
	EXPECT(sum == expected); /* of the one-way messages */
	return true;
}

static bool frequent_calls_get_a_channel(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	uint64_t pid;

	for (coreid_t core = 0; core < cores; core++) {
		struct mail_client m;

		EXPECT(sample_begin(core, FLEET_PATH "/one", &pid));
		mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
		have_time(&m);
		EXPECT(calls_become_frequent(&m));
		mail_client_close(&m);
		EXPECT(sample_finish(pid));
	}
	return true;
}

static bool rare_calls_stay_mail(void)
{
	struct mail_client m;
	uint64_t pid, sum;

	EXPECT(sample_begin((coreid_t)(mon_cores_up(CORES_TRIED) - 1), FLEET_PATH "/one", &pid));
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
	for (unsigned i = 0; i < MAIL_FREQUENT + 2; i++) {
		EXPECT_OK(sample_add(&m.rpc, i, 1, &sum));
		EXPECT(sum == i + 1 && is_carried(&m));
		if (i == MAIL_FREQUENT / 2)
			thread_sleep_until(fabric_now(fabric) + (MAIL_WINDOW_MS + 50) * m.ms);
	}
	mail_client_close(&m);
	EXPECT(sample_finish(pid));
	return true;
}

/* Several calls under way, all of which are answered before there is a change. */
static bool calls_under_way_are_not_lost(void)
{
	struct rpc_pending pending[2 * MAIL_FREQUENT];
	struct mail_client m;
	uint64_t pid, before, expected = 0;

	EXPECT(sample_begin(0, FLEET_PATH "/one", &pid));
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
	have_time(&m);
	for (unsigned i = 0; i < 2 * MAIL_FREQUENT; i++)
		EXPECT_OK(sample_count_start(&m.rpc, &pending[i], 1));
	EXPECT(is_carried(&m) && m.promoted == 0);
	for (unsigned i = 0; i < 2 * MAIL_FREQUENT; i++) {
		EXPECT_OK(sample_count_finish(&pending[i], &before));
		EXPECT(before == expected++);
	}
	EXPECT_OK(sample_count(&m.rpc, 1, &before));
	EXPECT(before == expected && !is_carried(&m) && m.promoted == 1);
	mail_client_close(&m);
	EXPECT(sample_finish(pid));
	return true;
}

/* What cannot be carried well gets a channel with its first message. */
static bool long_messages_and_capabilities_get_a_channel(void)
{
	static uint8_t data[SAMPLE_BYTES];
	char text[SAMPLE_TEXT + 1], reversed[SAMPLE_TEXT + 1];
	struct mail_client m;
	uint64_t pid, sum;
	cptr_t frame, kept;

	EXPECT(sample_begin(0, FLEET_PATH "/one", &pid));
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
	memset(text, 'x', sizeof text);
	text[SAMPLE_TEXT] = 0;
	EXPECT_OK(sample_reverse(&m.rpc, text, reversed)); /* several lines, each way */
	EXPECT(is_carried(&m) && strlen(reversed) == SAMPLE_TEXT);
	memset(data, 1, sizeof data);
	EXPECT_OK(sample_sum(&m.rpc, data, sizeof data, &sum));
	EXPECT(sum == sizeof data && !is_carried(&m));
	EXPECT_ERROR(sample_sum(&m.rpc, data, sizeof data + 1, &sum), ERR_TOO_LONG);
	mail_client_close(&m);

	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
	EXPECT_OK(ram_alloc(PAGE_BITS, &frame));
	EXPECT_OK(sample_keep(&m.rpc, frame));
	EXPECT(!is_carried(&m));
	mail_client_close(&m);
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/one");
	EXPECT_OK(sample_kept(&m.rpc, &kept));
	EXPECT(!is_carried(&m));
	mail_client_close(&m);
	EXPECT(sample_finish(pid));
	return true;
}

/* --- what may be wrong --------------------------------------------------------------------------- */

static err_t add_at(const struct mailbox *at)
{
	struct mail_client m;
	uint64_t sum;
	err_t err;

	mail_client_init_at(&m, fabric, NULL, at);
	err = sample_add(&m.rpc, 1, 2, &sum);
	if (!err && sum != 3)
		err = ERR_MESSAGE;
	mail_client_close(&m);
	return err;
}

static bool wrong_mailboxes_are_refused(coreid_t core)
{
	struct mailbox at, wrong;
	uint64_t pid;

	EXPECT(sample_begin(core, FLEET_PATH "/one", &pid));
	EXPECT_OK(name_find(&names, FLEET_PATH "/one", &at));
	EXPECT_OK(add_at(&at));
	for (unsigned bit = 0; bit < 64; bit += 21) {
		wrong = at;
		wrong.secret ^= UINT64_C(1) << bit;
		EXPECT_ERROR(add_at(&wrong), ERR_DENIED);
	}
	wrong = at;
	wrong.service++;
	EXPECT_ERROR(add_at(&wrong), ERR_DENIED);
	wrong = at;
	wrong.pid |= UINT32_MAX;
	EXPECT_ERROR(add_at(&wrong), ERR_CLOSED);
	wrong.pid = (uint64_t)(CORES_MAX - 1) << 32 | 1;
	EXPECT_ERROR(add_at(&wrong), ERR_CORE_ID);
	EXPECT_OK(add_at(&at));
	EXPECT(sample_finish(pid));
	EXPECT_ERROR(add_at(&at), ERR_CLOSED);
	return true;
}

static bool errors_are_clear(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct mail_client m;
	uint64_t sum;

	EXPECT(begin());
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH "/nobody");
	EXPECT_ERROR(sample_add(&m.rpc, 1, 2, &sum), ERR_NOT_FOUND);
	mail_client_close(&m);
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(wrong_mailboxes_are_refused(core));
	return true;
}

/* A line that no process's library would send: the monitor says so, and goes on. */
static bool malformed_mail_is_refused(void)
{
	struct mailbox at;
	uint64_t pid;

	EXPECT(sample_begin(0, FLEET_PATH "/one", &pid));
	EXPECT_OK(name_find(&names, FLEET_PATH "/one", &at));
	for (unsigned i = 0; i < 8; i++) {
		struct mon_message m = { .word = { (uint32_t)at.pid | (uint64_t)at.service << 32, at.secret,
						   i ? i : ~UINT64_C(0), i, UINT64_MAX, UINT64_MAX } };
		err_t err = mon_call(MON_MAIL, &m); /* of no words, to some core or none */

		EXPECT(err == ERR_OK || err == ERR_CORE_ID || err == ERR_CLOSED || err == ERR_DENIED);
	}
	EXPECT_OK(add_at(&at));
	EXPECT(sample_finish(pid));
	return true;
}

/* In the child: has a mailbox with a name, and never looks. */
int deed_mail_deaf(const char *arg)
{
	struct name_client n;
	struct service service;
	struct fabric *f;
	struct mailbox at;

	if (fabric_metal(&f) || service_export_as(f, NULL, 0, &service))
		return 1;
	at = service_mailbox(&service);
	name_client_init(&n, f, NULL);
	if (name_register(&n.rpc, arg, &at, 0))
		return 2;
	thread_sleep_until(fabric_now(f) + UINT64_C(10) * PATIENCE * dispatcher_tsc_hz());
	return 3;
}

static bool found_in_time(const char *path, struct mailbox *at)
{
	cycles_t deadline = fabric_now(fabric) + PATIENCE * dispatcher_tsc_hz();

	while (name_find_other(&names, path, 0, at) && fabric_now(fabric) < deadline)
		thread_sleep_until(fabric_now(fabric) + dispatcher_tsc_hz() / 1000);
	EXPECT_OK(name_find_other(&names, path, 0, at));
	return true;
}

/* As many lines as it may leave unread, and then an error; others on its core are not disturbed. */
static bool a_full_mailbox_refuses(coreid_t core)
{
	struct urpc_message line = { .word = { 1, 2, 3, 4, 5, 6, 7 } };
	struct mailbox deaf, at;
	uint64_t pid, other;
	struct channel c;
	unsigned sent = 0;
	err_t err = ERR_OK;

	EXPECT(sample_begin(core, FLEET_PATH "/one", &other));
	EXPECT_OK(child_start(core, "mail-deaf", FLEET_PATH "/deaf", &pid));
	EXPECT(found_in_time(FLEET_PATH "/deaf", &deaf));
	EXPECT_OK(channel_open_at(fabric, &deaf, &(struct channel_options){ .carried = 1u << 29 }, &c));
	while (!err && sent < 4 * MON_MAIL_UNTAKEN) {
		EXPECT_OK(channel_send_lines(&c, &line, 1, 0, NULL));
		err = channel_settle(&c);
		sent += !err;
	}
	EXPECT(err == ERR_MAILBOX_FULL && sent == MON_MAIL_UNTAKEN);
	EXPECT_OK(name_find(&names, FLEET_PATH "/one", &at));
	EXPECT_OK(add_at(&at));
	EXPECT(sample_finish(pid));
	EXPECT_ERROR(channel_receive_wait(&c, &line, fabric_now(fabric) + PATIENCE * dispatcher_tsc_hz()), ERR_CLOSED);
	channel_close(&c);
	EXPECT(sample_finish(other));
	return true;
}

static bool full_mailboxes_refuse(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);

	EXPECT(begin());
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(a_full_mailbox_refuses(core));
	return true;
}

/* --- the dead ------------------------------------------------------------------------------------ */

/* Who waits for an answer by mail hears that it will not come. */
static bool the_death_of_the_called_is_told(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);

	EXPECT(begin());
	for (coreid_t core = 0; core < cores; core++) {
		struct rpc_pending waits;
		struct mail_client m;
		struct mailbox at;
		uint64_t pid, opener;

		EXPECT(sample_begin(core, FLEET_PATH "/one", &pid));
		EXPECT_OK(name_find(&names, FLEET_PATH "/one", &at));
		mail_client_init_at(&m, fabric, NULL, &at);
		EXPECT_OK(sample_wait_start(&m.rpc, &waits, 7));
		EXPECT(is_carried(&m));
		EXPECT(sample_finish(pid));
		EXPECT_ERROR(sample_wait_finish(&waits, &opener), ERR_CLOSED);
		mail_client_close(&m);
	}
	return true;
}

/* The name has two bearers: the other one is found, and idempotent calls are repeated there. */
static bool another_bearer_takes_over(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED), here = dispatcher_core() % cores;
	uint64_t pid[2], sum;
	struct mail_client m;
	unsigned first;

	EXPECT(sample_begin(here, FLEET_PATH "/a", &pid[0]));
	EXPECT(sample_begin((here + 1) % cores, FLEET_PATH "/b", &pid[1]));
	EXPECT_OK(name_policy(&names.rpc, FLEET_PATH, NAME_NEAR));
	mail_client_init(&m, fabric, NULL, &names, FLEET_PATH);
	have_time(&m);
	EXPECT_OK(sample_add(&m.rpc, 1, 1, &sum));
	first = m.at.pid == pid[1] && cores == 1; /* both are as near */
	EXPECT(m.at.pid == pid[first] && is_carried(&m));
	EXPECT(sample_finish(pid[first]));
	EXPECT_OK(sample_add(&m.rpc, 2, 2, &sum));
	EXPECT(sum == 4 && m.at.pid == pid[!first] && m.renewed == 1);
	for (unsigned i = 0; i < 2 * MAIL_FREQUENT; i++)
		EXPECT_OK(sample_add(&m.rpc, i, i, &sum));
	EXPECT(!is_carried(&m));
	mail_client_close(&m);
	EXPECT(sample_finish(pid[!first]));
	return true;
}

/* More than a service keeps channels for: the oldest lose theirs, and nobody notices. */
static bool many_write_to_one(void)
{
	static struct mail_client m[MANY];
	uint64_t pid, before, expected = 0;

	EXPECT(sample_begin((coreid_t)(mon_cores_up(CORES_TRIED) - 1), FLEET_PATH "/one", &pid));
	for (unsigned i = 0; i < MANY; i++)
		mail_client_init(&m[i], fabric, NULL, &names, FLEET_PATH "/one");
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < MANY; i++) {
			EXPECT_OK(sample_count(&m[i].rpc, 1, &before));
			EXPECT(before == expected++);
		}
	for (unsigned i = 0; i < MANY; i++)
		mail_client_close(&m[i]);
	EXPECT(sample_finish(pid));
	return true;
}

const struct test mail_tests[] = {
	{ "frequent calls get a channel", frequent_calls_get_a_channel },
	{ "rare calls stay mail", rare_calls_stay_mail },
	{ "calls under way are not lost", calls_under_way_are_not_lost },
	{ "long messages and capabilities get a channel", long_messages_and_capabilities_get_a_channel },
	{ "errors are clear", errors_are_clear },
	{ "malformed mail is refused", malformed_mail_is_refused },
	{ "full mailboxes refuse", full_mailboxes_refuse },
	{ "the death of the called is told", the_death_of_the_called_is_told },
	{ "another bearer takes over", another_bearer_takes_over },
	{ "many write to one", many_write_to_one },
	{ NULL, NULL },
};
