/*
 * fleet: what fleets there are and how they do, and commands to them.
 *
 *     fleet [list [NAME...]]
 *     fleet grow NAME, fleet shrink NAME
 *     fleet kill NAME/NUMBER, fleet kill NAME (all of them), fleet move NAME/NUMBER
 *     fleet policy NAME [FIELD=VALUE...]
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEETS "/fleet" /* where the name service has them */
/* Asked for where there is no name service. */
static const char *const usual[] = { "page", "proc" };
#define USUAL (sizeof usual / sizeof *usual)

struct listed {
	struct fleet_head head;
	struct fleet_times times;
	struct fleet_member member[FLEET_MEMBERS];
	uint32_t count;
};

static struct fabric *fabric;

static err_t list_get(struct fleet_client *c, struct listed *l)
{
	l->count = FLEET_MEMBERS;
	return fleet_list(&c->rpc, &l->head, &l->times, &l->count, l->member);
}

static int complain(const char *name, err_t err)
{
	fprintf(stderr, "fleet: %s: %s\n", name, error_text(err));
	return 1;
}

/* Connects and asks who is there. */
static err_t fleet_find(const char *name, struct fleet_client *c, struct listed *l)
{
	err_t err = fleet_connect(c, fabric, NULL, name);

	return err ? err : list_get(c, l);
}

/* --- commands ------------------------------------------------------------------------------- */

static void list_print(const char *name, const struct listed *l)
{
	static const char *const state[] = { "joining", "serving", "leaving" };

	printf("%s: %" PRIu32 " of %" PRIu32 " members, %" PRIu64 " deaths\n", name, l->count, l->head.wanted,
	       l->times.deaths);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct fleet_member *m = &l->member[i];

		printf("  %s/%" PRIu32 "  core %u  pid %u.%" PRIu32 "  load %" PRIu32 ".%" PRIu32 "%%  queue %" PRIu32
		       "  %s%s\n",
		       name, m->number, mailbox_core(&m->at), mailbox_core(&m->at), (uint32_t)m->at.pid, m->load / 10,
		       m->load % 10, m->queue, m->state < 3 ? state[m->state] : "?", i ? "" : ", coordinator");
	}
}

static int list_one(const char *name, bool must)
{
	static struct listed l;
	struct fleet_client c;
	err_t err = fleet_find(name, &c, &l);

	if (err == ERR_NOT_FOUND && !must)
		return 0;
	if (err)
		return complain(name, err);
	list_print(name, &l);
	fleet_client_close(&c);
	return 0;
}

/* All that the name service knows of. */
static err_t list_all(void)
{
	uint64_t entries[NAME_LIST_BYTES / 8], cursor = 0;
	struct name_client *name;
	err_t err = name_here(&name);

	if (err)
		return err;
	name->patience = 1;
	do {
		uint32_t length = sizeof entries, at = 0;
		const char *component;

		err = name_list(&name->rpc, FLEETS, &cursor, entries, &length);
		while (!err && name_list_next(entries, length, &at, &component))
			list_one(component, false);
	} while (!err && cursor);
	return err;
}

static int list(int argc, char **argv)
{
	int status = 0;

	for (int i = 0; i < argc; i++)
		status |= list_one(argv[i], true);
	if (argc)
		return status;
	list_one(NAME_SERVICE, false); /* it has no name for itself */
	if (list_all())
		for (size_t i = 0; i < USUAL; i++)
			list_one(usual[i], false);
	return status;
}

static int resize(const char *name, int by)
{
	static struct listed l;
	struct fleet_client c;
	err_t err = fleet_find(name, &c, &l);

	if (!err)
		err = fleet_resize(&c.rpc, l.head.wanted + (uint32_t)by);
	return err ? complain(name, err) : 0;
}

/* NAME/NUMBER, cut into the two. */
static bool member_parse(const char *text, char name[FLEET_NAME + 1], uint32_t *number)
{
	const char *slash = strrchr(text, '/');
	char *end;

	if (!slash || slash - text > FLEET_NAME)
		return false;
	memcpy(name, text, (size_t)(slash - text));
	name[slash - text] = '\0';
	*number = (uint32_t)strtoul(slash + 1, &end, 10);
	return end != slash + 1 && !*end;
}

static err_t member_kill(const struct listed *l, uint32_t number)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->member[i].number == number)
			return mon_kill(l->member[i].at.pid);
	return ERR_NOT_FOUND;
}

/* At once, so that nobody can be started for another. */
static int kill_all(const char *name)
{
	static struct listed l;
	struct fleet_client c;
	err_t err = fleet_find(name, &c, &l);

	for (uint32_t i = 0; i < l.count && !err; i++)
		err = mon_kill(l.member[i].at.pid);
	return err ? complain(name, err) : 0;
}

static int one_member(const char *text, bool kill)
{
	static struct listed l;
	char name[FLEET_NAME + 1];
	struct fleet_client c;
	uint32_t number;
	err_t err;

	if (!member_parse(text, name, &number))
		return complain(text, ERR_ARGUMENT);
	err = fleet_find(name, &c, &l);
	if (!err)
		err = kill ? member_kill(&l, number) : fleet_dismiss(&c.rpc, number);
	return err ? complain(text, err) : 0;
}

static const struct field {
	const char *name;
	size_t offset;
} fields[] = {
	{ "least", offsetof(struct fleet_policy, least) }, { "most", offsetof(struct fleet_policy, most) },
	{ "high", offsetof(struct fleet_policy, high) },   { "low", offsetof(struct fleet_policy, low) },
	{ "rise", offsetof(struct fleet_policy, rise) },   { "fall", offsetof(struct fleet_policy, fall) },
	{ "beat", offsetof(struct fleet_policy, beat) },   { "patience", offsetof(struct fleet_policy, patience) },
};
#define FIELDS (sizeof fields / sizeof *fields)

static uint32_t *field_of(struct fleet_policy *p, size_t i) { return (uint32_t *)((char *)p + fields[i].offset); }

static bool policy_parse(struct fleet_policy *p, const char *text)
{
	const char *value = strchr(text, '=');
	char *end;

	for (size_t i = 0; i < FIELDS && value; i++) {
		if (strlen(fields[i].name) != (size_t)(value - text) ||
		    strncmp(text, fields[i].name, (size_t)(value - text)) != 0)
			continue;
		*field_of(p, i) = (uint32_t)strtoul(value + 1, &end, 10);
		return end != value + 1 && !*end;
	}
	return false;
}

static int policy(const char *name, int argc, char **argv)
{
	static struct listed l;
	struct fleet_policy p = { 0 };
	struct fleet_client c;
	err_t err;

	for (int i = 0; i < argc; i++)
		if (!policy_parse(&p, argv[i]))
			return complain(argv[i], ERR_ARGUMENT);
	err = fleet_find(name, &c, &l);
	if (!err && argc)
		err = fleet_adapt(&c.rpc, &p);
	if (!err && argc)
		err = list_get(&c, &l);
	if (err)
		return complain(name, err);
	for (size_t i = 0; i < FIELDS; i++)
		printf("%s%s=%" PRIu32, i ? " " : "", fields[i].name, *field_of(&l.head.policy, i));
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "list";
	err_t err = fabric_here(&fabric);

	if (err)
		return complain("fabric", err);
	if (!strcmp(verb, "list"))
		return list(argc > 2 ? argc - 2 : 0, argv + 2);
	if (argc == 3 && !strcmp(verb, "grow"))
		return resize(argv[2], 1);
	if (argc == 3 && !strcmp(verb, "shrink"))
		return resize(argv[2], -1);
	if (argc == 3 && !strcmp(verb, "kill") && !strchr(argv[2], '/'))
		return kill_all(argv[2]);
	if (argc == 3 && (!strcmp(verb, "kill") || !strcmp(verb, "move")))
		return one_member(argv[2], *verb == 'k');
	if (argc >= 3 && !strcmp(verb, "policy"))
		return policy(argv[2], argc - 3, argv + 3);
	fprintf(stderr,
		"usage: fleet [list [NAME...] | grow NAME | shrink NAME | kill NAME[/NUMBER] | move NAME/NUMBER |"
		" policy NAME [FIELD=VALUE...]]\n");
	return 1;
}
