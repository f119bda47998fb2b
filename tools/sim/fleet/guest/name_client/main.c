/*
 * A client of the name service with a ledger: names below one of its own, registered, replaced, removed, resolved and
 * listed, are always what it has made them. With the scheme "resolve" all resolve one name, uncached.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"
#include "libos/name/name.h"
#include "libos/thread/thread.h"
#include "services/name/name_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>
#include <string.h>

#define NAMES 12
#define SHARED "/bench/name"
#define WAIT_NS 100000
#define SOME 40 /* bytes of a path */

static struct name_client names;
static struct mailbox mailbox[NAMES]; /* pid 0: it has no name */
static uint32_t count;

static void path_of(char path[SOME], unsigned i) { snprintf(path, SOME, "/c/%lx/%u", process_self_pid(), i); }

static void must(err_t err, err_t wanted, const char *what, const char *path)
{
	if (err != wanted)
		host_violation("%s of %s gives \"%s\", and should give \"%s\"", what, path, error_text(err),
			       error_text(wanted));
}

static void put(unsigned i, const char *path)
{
	struct mailbox m = { .pid = process_self_pid(), .service = i, .secret = host_random(UINT32_MAX) };

	must(name_register(&names.rpc, path, &m, NAME_REPLACE), ERR_OK, "name_register", path);
	count += !mailbox[i].pid;
	mailbox[i] = m;
}

static void take(unsigned i, const char *path)
{
	must(name_remove(&names.rpc, path), mailbox[i].pid ? ERR_OK : ERR_NOT_FOUND, "name_remove", path);
	count -= mailbox[i].pid != 0;
	mailbox[i].pid = 0;
}

static void look(unsigned i, const char *path)
{
	struct name_answer answer;

	must(name_resolve(&names.rpc, path, process_self_core(), 0, &answer), mailbox[i].pid ? ERR_OK : ERR_NOT_FOUND,
	     "name_resolve", path);
	if (mailbox[i].pid && !mailbox_same(&answer.mailbox, &mailbox[i]))
		host_violation("%s stands for another mailbox", path);
}

static void list(void)
{
	unsigned char entries[NAME_LIST_BYTES];
	uint32_t length = sizeof entries, at = 0, n = 0;
	uint64_t cursor = 0;
	const char *name;
	char path[SOME];
	err_t err;

	snprintf(path, sizeof path, "/c/%lx", process_self_pid());
	err = name_list(&names.rpc, path, &cursor, entries, &length);
	if (!count && err == ERR_NOT_FOUND)
		return;
	must(err, ERR_OK, "name_list", path);
	while (name_list_next(entries, length, &at, &name))
		n++;
	if (n != count)
		host_violation("%u names are below %s, and there should be %u", n, path, count);
}

static void step(void)
{
	unsigned i = (unsigned)host_random(NAMES);
	uint64_t kind = host_random(8);
	char path[SOME];

	path_of(path, i);
	if (kind < 4)
		look(i, path);
	else if (kind < 6)
		put(i, path);
	else if (kind < 7)
		take(i, path);
	else
		list();
}

/* One client registers a name; all the others wait for that. */
static void shared_name(struct fabric *f, bool first)
{
	struct mailbox m = { .pid = process_self_pid() };

	if (first)
		must(name_register(&names.rpc, SHARED, &m, 0), ERR_OK, "name_register", SHARED);
	host_count("registered", first);
	while (!host_count("registered", 0))
		thread_sleep_until(fabric_now(f) + WAIT_NS);
}

static void resolve(void)
{
	struct name_answer answer;

	must(name_resolve(&names.rpc, SHARED, process_self_core(), 0, &answer), ERR_OK, "name_resolve", SHARED);
}

int main(int argc, char **argv)
{
	struct fabric *f;

	if (argc < 2 || fabric_here(&f))
		return 1;
	name_client_init(&names, f, NULL);
	if (host_scheme("resolve"))
		shared_name(f, !strcmp(argv[1], "0"));
	for (uint64_t i = 0; host_go_on(i); i++) {
		uint64_t from = fabric_now(f);

		if (host_scheme("resolve"))
			resolve();
		else
			step();
		host_answered("name", from);
	}
	name_client_close(&names);
	host_done();
	/* Its name goes when it does. */
	while (host_scheme("resolve") && !host_clients_done())
		thread_sleep_until(fabric_now(f) + WAIT_NS);
	return 0;
}
