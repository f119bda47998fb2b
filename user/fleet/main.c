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
#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEETS "/fleet" /* where the name service has them */
/* Asked for where there is no name service. */
static const char *const usual[] = { "page", "proc" };
#define USUAL (sizeof usual / sizeof *usual)

static int complain(const char *name, err_t err)
{
	fprintf(stderr, "fleet: %s: %s\n", name, error_text(err));
	return 1;
}

/* --- commands ------------------------------------------------------------------------------- */

static void list_print(const char *name, const struct fleet_survey *l)
{
	printf("%s: %" PRIu32 " of %" PRIu32 " members, %" PRIu64 " deaths\n", name, l->count, l->head.wanted,
	       l->times.deaths);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct fleet_member *m = &l->member[i];

		printf("  %s/%" PRIu32 "  core %u  pid %u.%" PRIu32 "  load %" PRIu32 ".%" PRIu32 "%%  queue %" PRIu32
		       "  %s%s\n",
		       name, m->number, mailbox_core(&m->at), mailbox_core(&m->at), (uint32_t)m->at.pid, m->load / 10,
		       m->load % 10, m->queue, fleet_state_text(m->state), i ? "" : ", coordinator");
	}
}

static int list_one(const char *name, bool must)
{
	static struct fleet_survey l;
	struct fleet_client c;
	err_t err = fleet_survey_of(name, &c, &l);

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
	static struct fleet_survey l;
	struct fleet_client c;
	err_t err = fleet_survey_of(name, &c, &l);

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

/* At once, so that nobody can be started for another. */
static int kill_all(const char *name)
{
	static struct fleet_survey l;
	struct fleet_client c;
	err_t err = fleet_survey_of(name, &c, &l);

	for (uint32_t i = 0; i < l.count && !err; i++)
		err = mon_kill(l.member[i].at.pid);
	return err ? complain(name, err) : 0;
}

static int one_member(const char *text, bool kill)
{
	static struct fleet_survey l;
	char name[FLEET_NAME + 1];
	struct fleet_client c;
	uint32_t number;
	err_t err;

	if (!member_parse(text, name, &number))
		return complain(text, ERR_ARGUMENT);
	err = fleet_survey_of(name, &c, &l);
	if (!err)
		err = kill ? fleet_survey_kill(&l, number) : fleet_dismiss(&c.rpc, number);
	return err ? complain(text, err) : 0;
}

static int policy(const char *name, int argc, char **argv)
{
	static struct fleet_survey l;
	struct fleet_policy p = { 0 };
	struct fleet_client c;
	err_t err;

	for (int i = 0; i < argc; i++)
		if (!fleet_policy_parse(&p, argv[i]))
			return complain(argv[i], ERR_ARGUMENT);
	err = fleet_survey_of(name, &c, &l);
	if (!err && argc)
		err = fleet_adapt(&c.rpc, &p);
	if (!err && argc)
		err = fleet_survey(&c, &l);
	if (err)
		return complain(name, err);
	for (unsigned i = 0; fleet_policy_name(i); i++)
		printf("%s%s=%" PRIu32, i ? " " : "", fleet_policy_name(i), fleet_policy_value(&l.head.policy, i));
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "list";

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
