/*
 * Mailboxes: channels to an address, which its secret protects, names that several
 * processes share, and the word that a watched process has ended.
 *
 * The test serves; children on all cores call it by the address in their argument.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/metal.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define SHARED_NAME "tests.shared"
#define CORES_TRIED 4

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

/* Calls the test by the name that its service got later. */
int deed_call_later(const char *arg)
{
	struct urpc_message m = { .word = { 20 } }, reply;
	struct channel c;
	struct fabric *f;

	(void)arg;
	if (fabric_metal(&f) || channel_open(f, "tests.later", NULL, &c) || channel_call(&c, &m, &reply))
		return 1;
	channel_close(&c);
	return reply.word[0] != 40;
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
	cycles_t deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
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
	coreid_t cores = mon_cores_up(CORES_TRIED);
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
	coreid_t cores = mon_cores_up(CORES_TRIED);
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

/*
 * Opens the shared name until one answers; a bearer's name is not there at once, nor gone at once. CORES_MAX: none
 * did.
 */
static uint64_t shared_answers_from(struct fabric *f)
{
	cycles_t deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
	uint64_t from;

	do
		from = shared_ask(f);
	while (from == CORES_MAX && fabric_now(f) < deadline);
	return from;
}

static bool a_shared_name_gives_the_nearest(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED), here = dispatcher_core();
	uint64_t pid[CORES_TRIED];
	struct service service;
	cycles_t deadline;
	struct channel c;
	struct fabric *f;
	err_t err;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_ERROR(channel_open(f, SHARED_NAME, NULL, &c), ERR_NOT_FOUND);
	for (coreid_t core = 0; core < cores; core++)
		EXPECT_OK(child_start(core, "shared-serve", "", &pid[core]));
	deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
	while (shared_answers_from(f) != here && fabric_now(f) < deadline)
		;
	for (unsigned i = 0; i < 4; i++)
		EXPECT(shared_ask(f) == here);
	for (coreid_t core = 0; core < cores; core++) {
		uint64_t from = shared_answers_from(f);

		EXPECT(from < cores && pid[from]);
		EXPECT_ERROR(service_export(f, SHARED_NAME, &service), ERR_EXISTS);
		EXPECT_OK(mon_kill(pid[from]));
		EXPECT_OK(mon_wait(pid[from], NULL, NULL));
		pid[from] = 0;
	}
	deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
	while ((err = channel_open(f, SHARED_NAME, NULL, &c)) == ERR_CLOSED && fabric_now(f) < deadline)
		;
	EXPECT_ERROR(err, ERR_NOT_FOUND);
	return true;
}

/* --- watching --------------------------------------------------------------------------- */

#define WATCHED 40

static struct {
	struct mon_watcher watcher;
	struct event event;
	unsigned count;
	struct {
		uint64_t pid, status;
		unsigned cause;
	} gone[WATCHED];
} watch;

static void gone_handler(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w;
	if (watch.count < WATCHED) {
		watch.gone[watch.count].pid = pid;
		watch.gone[watch.count].cause = cause;
		watch.gone[watch.count].status = status;
	}
	watch.count++;
	event_raise(&watch.event);
}

/* Waits for so many words in all. */
static bool gone_await(unsigned count)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();

	while (watch.count < count && context_now() < deadline)
		event_wait(&watch.event, deadline);
	EXPECT(watch.count == count);
	return true;
}

static bool gone_said(uint64_t pid, unsigned cause)
{
	for (unsigned i = 0; i < watch.count; i++)
		if (watch.gone[i].pid == pid && watch.gone[i].cause == cause)
			return true;
	return false;
}

static bool the_end_of_the_watched_is_told(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	uint64_t pid[CORES_TRIED], unwatched;

	if (!watch.watcher.gone) {
		event_init(&watch.event);
		watch.watcher.gone = gone_handler;
		mon_watcher_add(&watch.watcher);
	}
	watch.count = 0;
	for (coreid_t core = 0; core < cores; core++) {
		EXPECT_OK(child_start(core, "sleep-long", "", &pid[core]));
		EXPECT_OK(child_start(core, "sleep-long", "", &unwatched));
		EXPECT_OK(mon_watch(pid[core]));
		EXPECT_OK(mon_watch(pid[core])); /* told once all the same */
		EXPECT_OK(mon_kill(unwatched));
		EXPECT_OK(mon_wait(unwatched, NULL, NULL));
	}
	EXPECT(watch.count == 0);
	for (coreid_t core = 0; core < cores; core++) {
		EXPECT_OK(mon_kill(pid[core]));
		EXPECT(gone_await(core + 1));
		EXPECT(gone_said(pid[core], MON_KILLED));
		EXPECT_OK(mon_wait(pid[core], NULL, NULL));
		EXPECT_ERROR(mon_watch(pid[core]), ERR_NO_PROCESS);
		EXPECT_ERROR(mon_watch((uint64_t)core << 32 | UINT32_MAX), ERR_NO_PROCESS);
	}
	EXPECT_ERROR(mon_watch((uint64_t)CORES_MAX << 32 | 1), ERR_NO_PROCESS);
	return true;
}

/* Watches the process `arg` and ends; its bit at that core's monitor must be free again. */
int deed_watch_and_go(const char *arg) { return mon_watch(strtoull(arg, NULL, 10)) ? 1 : 0; }

static bool watchers_that_end_are_forgotten(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	uint64_t pid;
	char text[24];

	EXPECT_OK(child_start(0, "sleep-long", "", &pid));
	snprintf(text, sizeof text, "%lu", (unsigned long)pid);
	for (unsigned i = 0; i < 80; i++) { /* more than there are bits */
		unsigned cause;
		uint64_t status;

		EXPECT_OK(child_run((coreid_t)(i % cores), "watch-and-go", text, &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	return true;
}

static bool a_service_gets_a_name_later(void)
{
	struct service service;
	struct channel c;
	struct fabric *f;
	uint64_t pid, status;
	struct mailbox at;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_OK(service_export_as(f, NULL, 0, &service));
	at = service.mailbox;
	EXPECT_ERROR(channel_open(f, "tests.later", NULL, &c), ERR_NOT_FOUND);
	EXPECT_OK(service_name(&service, "tests.later", 0));
	EXPECT(mailbox_same(&at, &service.mailbox) && service.id == at.service);
	EXPECT_ERROR(service_name(&service, "tests.later", 0), ERR_EXISTS);
	EXPECT_OK(child_start(dispatcher_core(), "call-later", "", &pid));
	EXPECT(serve_one(f, &service));
	EXPECT_OK(mon_wait(pid, NULL, &status));
	EXPECT(status == 0);
	return true;
}

const struct test mailbox_tests[] = {
	{ "a service gets a name later", a_service_gets_a_name_later },
	{ "a mailbox is called with its secret only", a_mailbox_is_called_with_its_secret_only },
	{ "the mailbox of the dead is closed", the_mailbox_of_the_dead_is_closed },
	{ "secrets differ", secrets_differ },
	{ "a shared name gives the nearest", a_shared_name_gives_the_nearest },
	{ "the end of the watched is told", the_end_of_the_watched_is_told },
	{ "watchers that end are forgotten", watchers_that_end_are_forgotten },
	{ NULL, NULL },
};
