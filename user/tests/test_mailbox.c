/*
 * Mailboxes: channels to an address, which its secret protects, and names that several
 * processes share.
 *
 * The test serves; children on all cores call it by the address in their argument.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/metal.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define SHARED_NAME "tests.shared"
#define CORES_TRIED 4

static coreid_t cores_up(void)
{
	struct mon_core core;
	coreid_t n = 0;

	while (n < CORES_TRIED && !mon_core(n, &core) && core.state == MON_CORE_UP)
		n++;
	return n;
}

/* --- in the child --------------------------------------------------------------- */

static bool address_parse(const char *text, struct mailbox *at)
{
	char *end;

	at->pid = strtoull(text, &end, 16);
	at->service = (uint32_t)strtoul(end, &end, 16);
	at->secret = strtoull(end, &end, 16);
	return *end == '\0';
}

/* Calls the mailbox, after all that it must not be able to. Its status says which went wrong. */
int deed_mailbox_call(const char *arg)
{
	struct urpc_message m = { .word = { 20 } }, reply = { .word = { 0 } };
	struct mailbox at, wrong;
	struct fabric *f;
	struct channel c;

	if (!address_parse(arg, &at) || fabric_metal(&f))
		return 1;
	for (unsigned bit = 0; bit < 64; bit += 21) {
		wrong = at;
		wrong.secret ^= UINT64_C(1) << bit;
		if (channel_open_at(f, &wrong, NULL, &c) != ERR_DENIED)
			return 2;
	}
	wrong = at;
	wrong.service++;
	if (channel_open_at(f, &wrong, NULL, &c) != ERR_DENIED)
		return 3;
	wrong = at;
	wrong.pid |= UINT32_MAX;
	if (channel_open_at(f, &wrong, NULL, &c) != ERR_CLOSED)
		return 4;
	wrong = at;
	wrong.pid = (uint64_t)CORES_MAX << 32 | 1;
	if (channel_open_at(f, &wrong, NULL, &c) != ERR_CORE_ID)
		return 5;
	wrong.pid = (uint64_t)(CORES_MAX - 1) << 32 | 1;
	if (channel_open_at(f, &wrong, NULL, &c) != ERR_CORE_ID)
		return 6;
	if (channel_open_at(f, &at, NULL, &c) || c.peer != at.pid || channel_call(&c, &m, &reply))
		return 7;
	channel_close(&c);
	return (int)reply.word[0];
}

/* Shares the name, and answers calls with its own core until it is killed. */
int deed_shared_serve(const char *arg)
{
	struct channel *c, sessions[8];
	struct urpc_message m;
	struct service service;
	struct wait_set set;
	unsigned accepted = 0;
	struct fabric *f;

	(void)arg;
	if (fabric_metal(&f) || wait_set_init(&set, f) || service_export_as(f, SHARED_NAME, SERVICE_SHARED, &service))
		return 1;
	wait_set_serve(&set, &service);
	while (!wait_set_wait(&set, &c, 0)) {
		if (!c && accepted < 8 && !service_accept(&service, NULL, &sessions[accepted]))
			wait_set_add(&set, &sessions[accepted++]);
		if (!c)
			continue;
		m.word[0] = dispatcher_core();
		if (channel_receive(c, &m) == ERR_CLOSED)
			wait_set_remove(c);
		else if ((m.word[0] = dispatcher_core()), channel_send(c, &m))
			return 2;
	}
	return 3;
}

/* --- the tests ---------------------------------------------------------------------- */

/* Accepts one channel and answers one call with twice what it says. */
static bool serve_one(struct fabric *f, struct service *s)
{
	cycles_t deadline = fabric_now(f) + 5 * dispatcher_tsc_hz();
	struct channel session, *ready = NULL;
	struct urpc_message m;
	struct wait_set set;

	EXPECT_OK(wait_set_init(&set, f));
	wait_set_serve(&set, s);
	EXPECT_OK(wait_set_wait(&set, &ready, deadline));
	EXPECT_OK(service_accept(s, NULL, &session));
	wait_set_destroy(&set);
	EXPECT_OK(channel_receive_wait(&session, &m, deadline));
	m.word[0] *= 2;
	EXPECT_OK(channel_send(&session, &m));
	EXPECT_ERROR(channel_receive_wait(&session, &m, deadline), ERR_CLOSED);
	channel_close(&session);
	return true;
}

static bool called_from(coreid_t core, struct fabric *f, struct service *s)
{
	struct mailbox at = service_mailbox(s);
	char text[64];
	uint64_t pid, status;
	unsigned cause;

	snprintf(text, sizeof text, "%" PRIx64 " %" PRIx32 " %" PRIx64, at.pid, at.service, at.secret);
	EXPECT_OK(child_start(core, "mailbox-call", text, &pid));
	EXPECT(serve_one(f, s));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED);
	if (status != 40)
		printf("# child of core %u: %u\n", core, (unsigned)status);
	EXPECT(status == 40);
	return true;
}

static bool a_mailbox_is_called_with_its_secret_only(void)
{
	coreid_t cores = cores_up();
	struct service service;
	struct fabric *f;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_OK(service_export_as(f, NULL, 0, &service));
	EXPECT(service.mailbox.secret != 0);
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(called_from(core, f, &service));
	return true;
}

static bool the_mailbox_of_the_dead_is_closed(void)
{
	coreid_t cores = cores_up();
	struct mailbox at = { .service = 1, .secret = 1 };
	struct channel c;
	struct fabric *f;

	EXPECT_OK(fabric_metal(&f));
	for (coreid_t core = 0; core < cores; core++) {
		unsigned cause;
		uint64_t status;

		EXPECT_OK(child_start(core, "exit", "3", &at.pid));
		EXPECT_OK(mon_wait(at.pid, &cause, &status));
		EXPECT_ERROR(channel_open_at(f, &at, NULL, &c), ERR_CLOSED);
	}
	return true;
}

static bool secrets_differ(void)
{
	struct service a, b;
	struct fabric *f;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_OK(service_export_as(f, NULL, 0, &a));
	EXPECT_OK(service_export_as(f, NULL, 0, &b));
	EXPECT(a.mailbox.pid == b.mailbox.pid && a.mailbox.service != b.mailbox.service);
	EXPECT(a.mailbox.secret != b.mailbox.secret);
	return true;
}

/* The core that answers under the shared name; CORES_MAX: none. */
static uint64_t shared_ask(struct fabric *f)
{
	struct urpc_message m = { .word = { 0 } }, reply;
	struct channel c;
	err_t err = channel_open(f, SHARED_NAME, NULL, &c);

	if (err)
		return CORES_MAX;
	err = channel_call(&c, &m, &reply);
	channel_close(&c);
	return err ? CORES_MAX : reply.word[0];
}

/* Opens the shared name until it answers from `core`; a bearer's name is not there at once, nor gone at once. */
static bool shared_answers_from(struct fabric *f, coreid_t core)
{
	cycles_t deadline = fabric_now(f) + 5 * dispatcher_tsc_hz();
	uint64_t from = CORES_MAX;

	while (from != core && fabric_now(f) < deadline)
		from = shared_ask(f);
	EXPECT(from == core);
	return true;
}

static bool a_shared_name_gives_the_nearest(void)
{
	coreid_t cores = cores_up(), here = dispatcher_core();
	uint64_t pid[CORES_TRIED];
	struct service service;
	struct channel c;
	struct fabric *f;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_ERROR(channel_open(f, SHARED_NAME, NULL, &c), ERR_NOT_FOUND);
	for (coreid_t core = 0; core < cores; core++)
		EXPECT_OK(child_start(core, "shared-serve", "", &pid[core]));
	EXPECT(shared_answers_from(f, here));
	for (unsigned i = 0; i < 4; i++)
		EXPECT(shared_ask(f) == here);
	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(shared_answers_from(f, (coreid_t)((here + core) % cores)));
		EXPECT_ERROR(service_export(f, SHARED_NAME, &service), ERR_EXISTS);
		EXPECT_OK(mon_kill(pid[(here + core) % cores]));
		EXPECT_OK(mon_wait(pid[(here + core) % cores], NULL, NULL));
	}
	EXPECT_ERROR(channel_open(f, SHARED_NAME, NULL, &c), ERR_NOT_FOUND);
	return true;
}

const struct test mailbox_tests[] = {
	{ "a mailbox is called with its secret only", a_mailbox_is_called_with_its_secret_only },
	{ "the mailbox of the dead is closed", the_mailbox_of_the_dead_is_closed },
	{ "secrets differ", secrets_differ },
	{ "a shared name gives the nearest", a_shared_name_gives_the_nearest },
	{ NULL, NULL },
};
