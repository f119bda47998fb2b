/*
 * The name service as its clients see it: every call and every error, any bytes, the cache and what makes it
 * forget, names that vanish with their processes, a client that never reads, many names.
 *
 * Needs the service (option services=).  Names lie below "/tests".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/name/name.h"
#include "libos/x86/context.h"
#include "services/drill/drill_client.h"
#include "services/name/name_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

static struct name_client names;
static struct mailbox mine; /* of a service of this process's */

static bool begin(void)
{
	static struct service service;
	struct fabric *f;

	if (mine.pid)
		return true;
	EXPECT_OK(fabric_here(&f));
	EXPECT_OK(service_export_as(f, NULL, 0, &service));
	mine = service_mailbox(&service);
	name_client_init(&names, f, NULL);
	return true;
}

static bool finds(const char *path, const struct mailbox *at)
{
	struct mailbox found;

	EXPECT_OK(name_find_other(&names, path, 0, &found));
	EXPECT(mailbox_same(&found, at));
	EXPECT_OK(name_find(&names, path, &found));
	EXPECT(mailbox_same(&found, at));
	return true;
}

static bool finds_nothing(const char *path)
{
	struct mailbox found;

	EXPECT_ERROR(name_find(&names, path, &found), ERR_NOT_FOUND);
	EXPECT_ERROR(name_find_other(&names, path, 0, &found), ERR_NOT_FOUND);
	return true;
}

static bool names_are_registered_and_removed(void)
{
	struct mailbox other;

	EXPECT(begin());
	other = mine;
	other.service++;
	EXPECT(finds_nothing("/tests/a"));
	EXPECT_OK(name_register(&names.rpc, "/tests/a", &mine, 0));
	EXPECT(finds("/tests/a", &mine));
	EXPECT(finds("//tests///a/", &mine));
	EXPECT_OK(name_register(&names.rpc, "/tests/a", &mine, 0)); /* the same again */
	EXPECT_ERROR(name_register(&names.rpc, "/tests/a", &other, 0), ERR_EXISTS);
	EXPECT_OK(name_register(&names.rpc, "/tests/a", &other, NAME_REPLACE));
	EXPECT(finds("/tests/a", &other));
	EXPECT_OK(name_register(&names.rpc, "/tests/a/b/c", &mine, 0));
	EXPECT_OK(name_remove(&names.rpc, "/tests/a"));
	EXPECT_ERROR(name_remove(&names.rpc, "/tests/a"), ERR_NOT_FOUND);
	EXPECT_ERROR(name_remove(&names.rpc, "/tests/a/b"), ERR_NOT_FOUND);
	EXPECT(finds_nothing("/tests/a"));
	EXPECT(finds("/tests/a/b/c", &mine));
	EXPECT_OK(name_remove(&names.rpc, "/tests/a/b/c"));
	return true;
}

static bool bad_names_are_refused(void)
{
	char path[NAME_PATH + 10];
	struct mailbox nobody = { .pid = 0 }, found;
	uint64_t cursor = 0;
	uint32_t length = 8;
	char few[8];

	EXPECT(begin());
	EXPECT_ERROR(name_register(&names.rpc, "tests", &mine, 0), ERR_ARGUMENT);
	EXPECT_ERROR(name_register(&names.rpc, "", &mine, 0), ERR_ARGUMENT);
	EXPECT_ERROR(name_register(&names.rpc, "/", &mine, 0), ERR_ARGUMENT);
	EXPECT_ERROR(name_register(&names.rpc, "/tests/nobody", &nobody, 0), ERR_ARGUMENT);
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[NAME_COMPONENT + 2] = '\0';
	EXPECT_ERROR(name_register(&names.rpc, path, &mine, 0), ERR_TOO_LONG);
	EXPECT_ERROR(name_find(&names, path, &found), ERR_TOO_LONG);
	path[NAME_COMPONENT + 2] = 'x';
	path[NAME_PATH + 1] = '\0';
	EXPECT_ERROR(name_register(&names.rpc, path, &mine, 0), ERR_TOO_LONG);
	EXPECT_ERROR(name_find(&names, path, &found), ERR_TOO_LONG);
	EXPECT_ERROR(name_register(&names.rpc, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", &mine, 0), ERR_TOO_LONG);
	EXPECT_ERROR(name_policy(&names.rpc, "/tests/p", NAME_POLICIES), ERR_ARGUMENT);
	EXPECT_ERROR(name_list(&names.rpc, "/tests/none", &cursor, few, &length), ERR_NOT_FOUND);
	EXPECT_ERROR(name_list(&names.rpc, "none", &cursor, few, &length), ERR_ARGUMENT);
	EXPECT_OK(name_register(&names.rpc, "/tests/listed", &mine, 0));
	length = 8;
	EXPECT_ERROR(name_list(&names.rpc, "/tests", &cursor, few, &length), ERR_TOO_LONG);
	EXPECT_OK(name_remove(&names.rpc, "/tests/listed"));
	EXPECT(finds_nothing("/tests/none"));
	return true;
}

static bool names_have_any_bytes(void)
{
	char path[40] = "/tests/bytes/";

	EXPECT(begin());
	for (unsigned b = 1; b < 256; b++) {
		if (b == '/')
			continue;
		path[13] = path[14] = (char)b;
		EXPECT_OK(name_register(&names.rpc, path, &mine, 0));
	}
	for (unsigned b = 1; b < 256; b++) {
		if (b == '/')
			continue;
		path[13] = path[14] = (char)b;
		EXPECT(finds(path, &mine));
		EXPECT_OK(name_remove(&names.rpc, path));
	}
	return true;
}

/* Lists "/tests/list", where there are names "0" to "299"; how many times each was there. */
static bool list_counts(unsigned *seen)
{
	char *entries = malloc(NAME_LIST_BYTES);
	uint64_t cursor = 0;

	EXPECT(entries != NULL);
	do {
		uint32_t length = NAME_LIST_BYTES, at = 0;
		const struct name_entry *e;
		const char *name;

		EXPECT_OK(name_list(&names.rpc, "/tests/list", &cursor, entries, &length));
		while ((e = name_list_next(entries, length, &at, &name))) {
			EXPECT(atoi(name) < 300 && e->length == strlen(name));
			EXPECT(mailbox_same(&e->mailbox, &mine));
			seen[atoi(name)]++;
		}
	} while (cursor);
	free(entries);
	return true;
}

static bool names_are_listed(void)
{
	unsigned seen[300] = { 0 };
	char path[40];

	EXPECT(begin());
	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof path, "/tests/list/%u", i);
		EXPECT_OK(name_register(&names.rpc, path, &mine, 0));
	}
	EXPECT(list_counts(seen));
	for (unsigned i = 0; i < 300; i++) {
		EXPECT(seen[i] == 1);
		snprintf(path, sizeof path, "/tests/list/%u", i);
		EXPECT_OK(name_remove(&names.rpc, path));
	}
	return true;
}

static bool policies_choose(void)
{
	struct mailbox at[3], found;
	unsigned count[3] = { 0 };
	char path[40];

	EXPECT(begin());
	for (unsigned i = 0; i < 3; i++) {
		at[i] = mine;
		at[i].service = 100 + i;
		snprintf(path, sizeof path, "/tests/fleet/%u", i);
		EXPECT_OK(name_register(&names.rpc, path, &at[i], 0));
	}
	EXPECT(finds_nothing("/tests/fleet"));
	EXPECT_OK(name_policy(&names.rpc, "/tests/fleet", NAME_NEAR));
	EXPECT_ERROR(name_register(&names.rpc, "/tests/fleet", &mine, 0), ERR_EXISTS);
	EXPECT_ERROR(name_policy(&names.rpc, "/tests/fleet/0", NAME_NEAR), ERR_EXISTS);
	for (unsigned i = 0; i < 30; i++) {
		EXPECT_OK(name_find_other(&names, "/tests/fleet", 0, &found));
		EXPECT(found.service - 100 < 3);
		count[found.service - 100]++;
	}
	EXPECT(count[0] == 10 && count[1] == 10 && count[2] == 10); /* all as near: by turns */
	EXPECT_OK(name_policy(&names.rpc, "/tests/fleet", NAME_LEAST));
	EXPECT_OK(name_load(&names.rpc, "/tests/fleet/0", 500));
	EXPECT_OK(name_load(&names.rpc, "/tests/fleet/2", 400));
	EXPECT_OK(name_load(&names.rpc, "/tests/fleet/1", 300));
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_OK(name_find_other(&names, "/tests/fleet", 0, &found));
		EXPECT(found.service == 101);
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "/tests/fleet/%u", i);
		EXPECT_OK(name_remove(&names.rpc, path));
	}
	EXPECT(finds_nothing("/tests/fleet")); /* it goes with its last member */
	EXPECT_OK(name_register(&names.rpc, "/tests/fleet", &mine, 0));
	EXPECT_OK(name_remove(&names.rpc, "/tests/fleet"));
	return true;
}

/* --- the cache ------------------------------------------------------------------------- */

/* Till the cache gives something else than `before`, or nothing; what it gave. */
static err_t find_until(const char *path, const struct mailbox *before, struct mailbox *out)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
	err_t err;

	do
		err = name_find(&names, path, out);
	while (!err && mailbox_same(out, before) && context_now() < deadline);
	return err;
}

static bool the_cache_is_told_of_changes(void)
{
	struct mailbox other, found;
	struct name_client changer;
	uint64_t hits;

	EXPECT(begin());
	other = mine;
	other.service += 7;
	name_client_init(&changer, names.rpc.fabric, NULL);
	EXPECT_OK(name_register(&changer.rpc, "/tests/cached", &mine, 0));
	EXPECT(finds("/tests/cached", &mine));
	hits = names.hits;
	for (unsigned i = 0; i < 100; i++)
		EXPECT_OK(name_find(&names, "/tests/cached", &found));
	EXPECT(names.hits - hits >= 98);
	EXPECT_OK(name_register(&changer.rpc, "/tests/cached", &other, NAME_REPLACE));
	EXPECT_OK(find_until("/tests/cached", &mine, &found));
	EXPECT(mailbox_same(&found, &other));
	EXPECT(finds("/tests/cached", &other));
	EXPECT_OK(name_remove(&changer.rpc, "/tests/cached"));
	EXPECT_ERROR(find_until("/tests/cached", &other, &found), ERR_NOT_FOUND);
	name_client_close(&changer);
	return true;
}

/* More names than the cache has places, again and again: watches are given back. */
static bool the_cache_turns_over(void)
{
	struct mailbox found;
	char path[40];

	EXPECT(begin());
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "/tests/over/%u", i);
		EXPECT_OK(name_register(&names.rpc, path, &mine, 0));
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "/tests/over/%u", i % 100);
		EXPECT_OK(name_find(&names, path, &found));
		EXPECT_OK(name_find(&names, path, &found));
		EXPECT(mailbox_same(&found, &mine));
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "/tests/over/%u", i);
		EXPECT_OK(name_remove(&names.rpc, path));
	}
	EXPECT_OK(name_register(&names.rpc, "/tests/over", &mine, 0));
	EXPECT(finds("/tests/over", &mine));
	for (cycles_t end = context_now() + dispatcher_tsc_hz(); context_now() < end;) {
		EXPECT_OK(name_find(&names, "/tests/over", &found)); /* nothing changes: it stays */
		EXPECT(mailbox_same(&found, &mine));
	}
	EXPECT_OK(name_remove(&names.rpc, "/tests/over"));
	return true;
}

static bool watches_are_answered_and_bounded(void)
{
	static struct rpc_pending pending[NAME_WATCHES + 8];
	struct name_client other;
	unsigned refused = 0;
	uint64_t names_now, version, now;

	EXPECT(begin());
	name_client_init(&other, names.rpc.fabric, NULL);
	EXPECT_OK(name_count(&other.rpc, &names_now, &version));
	EXPECT_OK(name_watch(&other.rpc, "/tests", 0, &now)); /* it has changed since then */
	EXPECT(now == version);
	for (unsigned i = 0; i < NAME_WATCHES + 8; i++)
		EXPECT_OK(name_watch_start(&other.rpc, &pending[i], "/tests/watched", version));
	EXPECT_OK(name_count(&other.rpc, &names_now, &version)); /* they are there by now */
	EXPECT_OK(name_register(&names.rpc, "/tests/watched/below", &mine, 0));
	for (unsigned i = 0; i < NAME_WATCHES + 8; i++) {
		err_t err = name_watch_finish(&pending[i], &now);

		EXPECT(err == ERR_OK || err == ERR_NAME_WATCHES);
		refused += err == ERR_NAME_WATCHES;
		EXPECT(err || now > version);
	}
	EXPECT(refused >= 8);
	EXPECT_OK(name_remove(&names.rpc, "/tests/watched/below"));
	name_client_close(&other);
	return true;
}

/* --- processes that end, clients that do not read -------------------------------------------- */

/* Registers `arg` and waits to be killed. */
int deed_name_and_stay(const char *arg)
{
	struct name_client client;
	struct service service;
	struct mailbox at;
	struct fabric *f;

	if (fabric_here(&f) || service_export_as(f, NULL, 0, &service))
		return 1;
	at = service_mailbox(&service);
	name_client_init(&client, f, NULL);
	if (name_register(&client.rpc, arg, &at, 0))
		return 2;
	thread_sleep_until(context_now() + UINT64_C(10) * PATIENCE * dispatcher_tsc_hz());
	return 3;
}

#define QUESTIONS 20000

/* Sends questions and takes no answers; in the end there is none to the last. */
int deed_name_and_do_not_read(const char *arg)
{
	struct rpc_pending *pending;
	uint64_t count, version;
	struct rpc_client c;
	unsigned sent = 0;
	struct fabric *f;

	(void)arg;
	pending = calloc(QUESTIONS, sizeof *pending);
	if (!pending || fabric_here(&f) || rpc_connect(&c, f, NULL, NAME_SERVICE))
		return 1;
	while (sent < QUESTIONS && !name_count_start(&c, &pending[sent]))
		sent++;
	return sent && name_count_finish(&pending[sent - 1], &count, &version) == ERR_CLOSED ? 0 : 2;
}

static bool names_vanish_with_their_processes(void)
{
	struct mon_core core;

	EXPECT(begin());
	for (coreid_t on = 0; on < 4 && !mon_core(on, &core) && core.state == MON_CORE_UP; on++) {
		cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
		struct mailbox found = { 0 };
		uint64_t pid;
		err_t err;

		EXPECT_OK(child_start(on, "name-and-stay", "/tests/mortal", &pid));
		while ((err = name_find_other(&names, "/tests/mortal", 0, &found)) == ERR_NOT_FOUND &&
		       context_now() < deadline)
			thread_yield();
		EXPECT_OK(err);
		EXPECT(found.pid == pid);
		EXPECT_OK(name_find(&names, "/tests/mortal", &found));
		EXPECT_OK(mon_kill(pid));
		EXPECT_ERROR(find_until("/tests/mortal", &found, &found), ERR_NOT_FOUND);
		EXPECT(finds_nothing("/tests/mortal"));
	}
	return true;
}

static bool who_does_not_read_is_cut_off(void)
{
	unsigned cause;
	uint64_t status;

	EXPECT(begin());
	for (coreid_t core = 0; core < 2; core++) {
		err_t err = child_run(core, "name-and-do-not-read", "", &cause, &status);

		if (err == ERR_CORE_ID)
			break;
		EXPECT_OK(err);
		if (status)
			printf("# from core %u: %u\n", core, (unsigned)status);
		EXPECT(cause == MON_EXITED && status == 0);
		EXPECT_OK(name_register(&names.rpc, "/tests/after", &mine, 0));
		EXPECT(finds("/tests/after", &mine));
		EXPECT_OK(name_remove(&names.rpc, "/tests/after"));
	}
	return true;
}

/* Fleets have names, too: the members of one that is started here are listed. */
static bool fleets_have_names(void)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
	struct mailbox found, nearest;
	uint64_t pid;
	err_t err;

	EXPECT(begin());
	EXPECT_OK(mon_spawn(dispatcher_core(), 1, (const char *const[]){ "tally" }, &pid));
	while ((err = name_find_other(&names, "/fleet/tally", 0, &nearest)) == ERR_NOT_FOUND &&
	       context_now() < deadline)
		thread_yield();
	EXPECT_OK(err);
	EXPECT_OK(name_find_other(&names, "/fleet/tally/0", 0, &found));
	EXPECT(found.pid == pid);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	while (!(err = name_find_other(&names, "/fleet/tally/0", 0, &found)) && context_now() < deadline)
		thread_yield();
	EXPECT(err == ERR_NOT_FOUND);
	/* Members that it started meanwhile. */
	while (!(err = name_find_other(&names, "/fleet/tally", 0, &found)) && context_now() < deadline)
		if (!mon_kill(found.pid))
			mon_wait(found.pid, NULL, NULL);
	EXPECT_ERROR(err, ERR_NOT_FOUND);
	return true;
}

#define MANY 2000

/* --- clients of a fleet, which its policy sends to its members ------------------------------- */

#define FOLLOWERS 6
#define DRILL "/fleet/drill"

static struct fleet_client follower[FOLLOWERS];

/* Names below the fleet's, with or without an error: how many. */
static uint32_t members_named(void)
{
	char entries[NAME_LIST_BYTES];
	uint32_t length = sizeof entries, at = 0, count = 0;
	uint64_t cursor = 0;
	const char *name;

	if (name_list(&names.rpc, DRILL, &cursor, entries, &length))
		return 0;
	while (name_list_next(entries, length, &at, &name))
		count++;
	return count;
}

static bool members_come(uint32_t members)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
	uint32_t named;

	while ((named = members_named()) != members) {
		if (context_now() >= deadline) {
			printf("# %u members have names, %u are to\n", named, members);
			return false;
		}
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	}
	return true;
}

/* Every client calls, again and again, till that many members answer: a bit for each. */
static bool followers_meet(int count, uint32_t *members)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();

	for (;;) {
		*members = 0;
		for (unsigned k = 0; k < FOLLOWERS; k++) {
			uint32_t member = 0;

			EXPECT_OK(drill_ask(&follower[k].rpc, &member));
			*members |= UINT32_C(1) << member;
		}
		if (__builtin_popcount(*members) == count)
			return true;
		EXPECT(context_now() < deadline);
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 100);
	}
}

static bool clients_of_a_fleet_follow_its_policy(void)
{
	const char *argv[] = { "drill" };
	struct fleet_policy policy = { .least = 1, .most = 2 };
	struct fleet_client late;
	struct mon_core core;
	uint32_t members, member;
	struct fabric *f;
	uint64_t pid;

	EXPECT(begin());
	if (mon_core(1, &core) || core.state != MON_CORE_UP)
		return true; /* members do not share a core */
	EXPECT_OK(fabric_here(&f));
	EXPECT_OK(mon_spawn(process_self_core(), 1, argv, &pid));
	for (unsigned i = 0; i < FOLLOWERS; i++)
		EXPECT_OK(fleet_client_init(&follower[i], f, NULL, "drill"));
	EXPECT_OK(fleet_adapt(&follower[0].rpc, &policy));
	EXPECT_OK(fleet_resize(&follower[0].rpc, 1));
	EXPECT(members_come(1));
	EXPECT_OK(name_policy(&names.rpc, DRILL, NAME_LEAST));
	EXPECT(followers_meet(1, &members));
	EXPECT(members == 1);
	EXPECT_OK(fleet_resize(&follower[0].rpc, 2));
	EXPECT(members_come(2));
	/* Those that are there are sent on; who comes, by turns. */
	EXPECT(followers_meet(2, &members));
	/* Others take turns, too, once both members have told that they have nothing to do. */
	for (cycles_t end = context_now() + PATIENCE * dispatcher_tsc_hz(); members;) {
		EXPECT(context_now() < end);
		EXPECT_OK(fleet_connect(&late, f, NULL, "drill"));
		EXPECT_OK(drill_ask(&late.rpc, &member));
		members &= ~(UINT32_C(1) << member);
		fleet_client_close(&late);
	}
	/* The nearest is on our core, wherever else there is one. */
	EXPECT_OK(name_policy(&names.rpc, DRILL, NAME_NEAR));
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_OK(fleet_connect(&late, f, NULL, "drill"));
		EXPECT(late.rpc.peer >> 32 == process_self_core());
		fleet_client_close(&late);
	}
	EXPECT_OK(fleet_resize(&follower[0].rpc, 1));
	EXPECT(members_come(1));
	EXPECT(followers_meet(1, &members));
	pid = follower[0].rpc.peer;
	for (unsigned i = 0; i < FOLLOWERS; i++)
		fleet_client_close(&follower[i]);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	EXPECT(members_come(0));
	return true;
}

static bool many_names(void)
{
	uint64_t before, after, version;
	char path[40];

	EXPECT(begin());
	EXPECT_OK(name_count(&names.rpc, &before, &version));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "/tests/many/%u/%u", i % 17, i);
		EXPECT_OK(name_register(&names.rpc, path, &mine, 0));
	}
	EXPECT_OK(name_count(&names.rpc, &after, &version));
	EXPECT(after >= before + MANY); /* fleets register members meanwhile */
	for (unsigned i = 0; i < MANY; i++) {
		struct mailbox found;

		snprintf(path, sizeof path, "/tests/many/%u/%u", i % 17, i);
		EXPECT_OK(name_find_other(&names, path, 0, &found));
		EXPECT(mailbox_same(&found, &mine));
		EXPECT_OK(name_remove(&names.rpc, path));
	}
	EXPECT_OK(name_count(&names.rpc, &after, &version));
	EXPECT(after < before + MANY / 2);
	return true;
}

/* --- a full-sized table; a group of its own, for it takes its time ------------------------------ */

#define TABLE_NAMES 100000
#define FILL_SECONDS 100

static void table_path(char *path, size_t room, unsigned i) { snprintf(path, room, "/tests/table/%u/%u", i % 331, i); }

/* Registers them all, then a last one, and waits to be killed. */
int deed_name_the_table(const char *arg)
{
	char path[40];

	if (!begin())
		return 1;
	for (unsigned i = 0; i < TABLE_NAMES; i++) {
		table_path(path, sizeof path, i);
		if (name_register(&names.rpc, path, &mine, 0))
			return 2;
	}
	if (name_register(&names.rpc, arg, &mine, 0))
		return 3;
	thread_sleep_until(context_now() + 2 * FILL_SECONDS * dispatcher_tsc_hz());
	return 4;
}

/* Waits till there are so many names, or fewer. */
static bool names_shrink_to(uint64_t most)
{
	cycles_t deadline = context_now() + FILL_SECONDS * dispatcher_tsc_hz();
	uint64_t count, version;

	do
		EXPECT_OK(name_count(&names.rpc, &count, &version));
	while (count > most && context_now() < deadline &&
	       (thread_sleep_until(context_now() + dispatcher_tsc_hz() / 10), true));
	EXPECT(count <= most);
	return true;
}

static bool the_table_has_100000_names(void)
{
	cycles_t deadline = context_now() + FILL_SECONDS * dispatcher_tsc_hz();
	uint64_t pid, before, count, version;
	struct mailbox found = { 0 };
	char path[40];

	EXPECT(begin());
	EXPECT_OK(name_count(&names.rpc, &before, &version));
	EXPECT_OK(child_start(dispatcher_core(), "name-the-table", "/tests/filled", &pid));
	while (name_find_other(&names, "/tests/filled", 0, &found) && context_now() < deadline)
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 10);
	EXPECT(found.pid == pid);
	EXPECT_OK(name_count(&names.rpc, &count, &version));
	EXPECT(count > TABLE_NAMES);
	for (unsigned i = 0; i < TABLE_NAMES; i += 97) {
		table_path(path, sizeof path, i);
		EXPECT_OK(name_find(&names, path, &found));
		EXPECT(found.pid == pid);
	}
	table_path(path, sizeof path, TABLE_NAMES);
	EXPECT(finds_nothing(path));
	/* They go with their process; who looks meanwhile is answered. */
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(name_register(&names.rpc, "/tests/meanwhile", &mine, 0));
	EXPECT(names_shrink_to(before + TABLE_NAMES / 100));
	table_path(path, sizeof path, 4711);
	EXPECT(finds_nothing(path));
	EXPECT(finds("/tests/meanwhile", &mine));
	EXPECT_OK(name_remove(&names.rpc, "/tests/meanwhile"));
	return true;
}

const struct test table_tests[] = {
	{ "the table has 100,000 names", the_table_has_100000_names },
	{ NULL, NULL },
};

const struct test name_tests[] = {
	{ "names are registered and removed", names_are_registered_and_removed },
	{ "bad names are refused", bad_names_are_refused },
	{ "names have any bytes", names_have_any_bytes },
	{ "names are listed", names_are_listed },
	{ "policies choose", policies_choose },
	{ "the cache is told of changes", the_cache_is_told_of_changes },
	{ "the cache turns over", the_cache_turns_over },
	{ "watches are answered and bounded", watches_are_answered_and_bounded },
	{ "names vanish with their processes", names_vanish_with_their_processes },
	{ "who does not read is cut off", who_does_not_read_is_cut_off },
	{ "fleets have names", fleets_have_names },
	{ "clients of a fleet follow its policy", clients_of_a_fleet_follow_its_policy },
	{ "many names", many_names },
	{ NULL, NULL },
};
