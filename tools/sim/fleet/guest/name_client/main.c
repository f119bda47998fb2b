/*
 * A client of the name service with a ledger: names below one of its own, registered, replaced, removed, resolved and
 * listed, are always what it has made them. With the scheme "resolve" it only resolves, uncached.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>
#include <string.h>

#define NAMES 12
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

static void step(uint64_t n)
{
	unsigned i = (unsigned)host_random(NAMES);
	uint64_t kind = host_random(8);
	char path[SOME];

	path_of(path, i);
	if (host_scheme("resolve") && n < NAMES)
		path_of(path, (unsigned)n), put((unsigned)n, path);
	else if (host_scheme("resolve") || kind < 4)
		look(i, path);
	else if (kind < 6)
		put(i, path);
	else if (kind < 7)
		take(i, path);
	else
		list();
}

int main(void)
{
	struct fabric *f;

	if (fabric_here(&f))
		return 1;
	name_client_init(&names, f, NULL);
	for (uint64_t i = 0; host_go_on(i); i++) {
		uint64_t from = fabric_now(f);

		step(i);
		host_answered("name", from);
	}
	name_client_close(&names);
	host_done();
	return 0;
}
