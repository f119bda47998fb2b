/*
 * The book of the name service: each client registers names of its own, again and with other mailboxes, resolves and
 * removes them. In the end it asks each member for each of its names: all have the whole table. Its names
 * vanish when it has ended.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"
#include "user/ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES 16
#define PATH 40
#define TOP "/ledger"
#define STOP TOP "/stop"
#define VANISH_MS 10000 /* the most that the names of the ended may stay */

static struct mailbox mine[NAMES]; /* pid 0: it is not registered */

static void path_of(uint64_t client, unsigned name, char path[PATH])
{
	snprintf(path, PATH, TOP "/client %" PRIu64 "/%u", client, name);
}

/* Is the name what it should be, as whoever `c` leads to says? */
static bool is_right(struct rpc_client *c, const char *path, const struct mailbox *m)
{
	struct name_answer answer = { 0 };
	err_t err = name_resolve(c, path, 0, 0, &answer);

	if (m->pid ? !err && mailbox_same(&answer.mailbox, m) : err == ERR_NOT_FOUND)
		return true;
	printf("ledger: %s is %" PRIx64 ", %" PRIx64 ", not %" PRIx64 ", %" PRIx64 ": %s\n", path, answer.mailbox.pid,
	       answer.mailbox.secret, m->pid, m->secret, error_text(err));
	return false;
}

static bool put(struct rpc_client *c, const char *path, struct mailbox *m, uint64_t secret)
{
	err_t err;

	*m = (struct mailbox){ .pid = process_self_pid(), .service = 1, .secret = secret };
	err = name_register(c, path, m, NAME_REPLACE);
	if (err)
		printf("ledger: to register %s: %s\n", path, error_text(err));
	return !err;
}

static bool take_away(struct rpc_client *c, const char *path, struct mailbox *m)
{
	err_t err = name_remove(c, path);

	if (err)
		printf("ledger: to remove %s: %s\n", path, error_text(err));
	*m = (struct mailbox){ 0 };
	return !err;
}

static bool call(struct rpc_client *c, uint64_t number, struct draw *d)
{
	unsigned name = (unsigned)(draw(d) % NAMES), what = (unsigned)(draw(d) % 4);
	struct mailbox *m = &mine[name];
	char path[PATH];

	path_of(number, name, path);
	if (what == 0)
		return put(c, path, m, draw(d));
	if (what == 1 && m->pid)
		return take_away(c, path, m);
	return is_right(c, path, m);
}

/* All of this client's names at all members. */
static bool all_are_right(struct fleet_client *c, uint64_t number)
{
	static struct fleet_survey now;
	bool right = fleet_await(c, &now, 1);

	for (uint32_t i = 0; i < now.count && right; i++) {
		struct rpc_client member;

		rpc_client_init(&member, fabric, NULL);
		right = !rpc_client_open_at(&member, &now.member[i].at);
		for (unsigned name = 0; name < NAMES && right; name++) {
			char path[PATH];

			path_of(number, name, path);
			right = is_right(&member, path, &mine[name]);
		}
		rpc_client_close(&member);
	}
	return right;
}

static uint64_t client(uint64_t seed, uint64_t number)
{
	struct draw d = draw_of(seed, number);
	uint64_t calls = 0, longest = 0;
	struct name_answer answer;
	struct fleet_client c;

	if (fleet_client_init(&c, fabric, NULL, NAME_SERVICE))
		return FAILED;
	while (calls % STOP_EVERY || name_resolve(&c.rpc, STOP, 0, 0, &answer)) {
		cycles_t from = fabric_now(fabric), took;

		if (!call(&c.rpc, number, &d))
			return FAILED;
		took = fabric_now(fabric) - from;
		if (took > longest)
			longest = took;
		calls++;
	}
	return all_are_right(&c, number) ? calls | longest * 1000 / ms << 32 : FAILED;
}

static err_t stop(struct fleet_client *c)
{
	struct mailbox m = { .pid = process_self_pid(), .service = 1, .secret = 1 };

	return name_register(&c->rpc, STOP, &m, NAME_REPLACE);
}

/* Clients know themselves. */
static void expect(uint64_t seed, uint64_t number, uint64_t calls) { (void)seed, (void)number, (void)calls; }

static unsigned names_left(struct fleet_client *c)
{
	static char entries[NAME_LIST_BYTES];
	uint64_t cursor = 0;
	unsigned count = 0;

	do {
		uint32_t length = sizeof entries, at = 0;
		const char *name;

		if (name_list(&c->rpc, TOP, &cursor, entries, &length))
			return count;
		while (name_list_next(entries, length, &at, &name))
			count++;
	} while (cursor);
	return count;
}

/* Those of clients that have ended vanish; the one by which they were stopped stays. */
static unsigned compare(struct fleet_client *c)
{
	cycles_t deadline = fabric_now(fabric) + VANISH_MS * ms;

	while (names_left(c) != 1 && fabric_now(fabric) < deadline)
		thread_sleep_until(fabric_now(fabric) + ms);
	return names_left(c) - 1;
}

const struct book name_book = {
	.fleet = NAME_SERVICE, .client = client, .stop = stop, .expect = expect, .compare = compare
};
