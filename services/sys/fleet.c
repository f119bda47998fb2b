/*
 * /fleet/NAME: a fleet each.
 *
 *     members  one a line: number, core, pid, load in permille, calls that wait, state; the coordinator first
 *     status   members wanted, deaths
 *     policy   its fields; writing FIELD=VALUE ... changes them
 *     ctl      grow, shrink, kill NUMBER, move NUMBER
 */
#include "libos/fleet/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/fleet/fleet_client.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"
#include "services/sys/tree.h"

#define FLEETS "/fleet" /* where the name service has them */
#define FLEETS_MAX 64   /* seen since the start: what a key is the number of */

static char names[FLEETS_MAX][FLEET_NAME + 1];
static unsigned known;

/* --- which there are ------------------------------------------------------------------------------- */

/* The key of a name; 0: there is no room for another. */
static uint64_t key_of(const char *name)
{
	unsigned i = 0;

	while (i < known && strcmp(names[i], name))
		i++;
	if (i == FLEETS_MAX || strlen(name) > FLEET_NAME)
		return 0;
	if (i == known)
		strcpy(names[known++], name);
	return i + 1;
}

/* The name service's own fleet is in the monitors' table only. */
static bool name_at(uint64_t index, char out[FLEET_NAME + 1])
{
	uint64_t entries[NAME_LIST_BYTES / 8], cursor = 0, number = 1;
	struct name_client *n;
	err_t err = name_here(&n);

	if (index == 0)
		strcpy(out, NAME_SERVICE);
	if (err || index == 0)
		return !err;
	do {
		uint32_t length = sizeof entries, at = 0;
		const char *component;

		err = name_list(&n->rpc, FLEETS, &cursor, entries, &length);
		while (!err && name_list_next(entries, length, &at, &component))
			if (strlen(component) <= FLEET_NAME && number++ == index) {
				strcpy(out, component);
				return true;
			}
	} while (!err && cursor);
	return false;
}

static unsigned fleet_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	(void)dir;
	if (!name_at(*index, name))
		return NINEP_ENOENT;
	*out = (struct ninep_file){ .node = fleet_dirs, .key = key_of(name) };
	return out->key ? 0 : NINEP_ENOMEM;
}

static unsigned fleet_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	char wanted[NINEP_NAME_MAX + 1], found[FLEET_NAME + 1];

	(void)dir;
	name_copy(wanted, name);
	for (uint64_t i = 0; name_at(i, found); i++)
		if (!strcmp(wanted, found)) {
			*out = (struct ninep_file){ .node = fleet_dirs, .key = key_of(found) };
			return out->key ? 0 : NINEP_ENOMEM;
		}
	return NINEP_ENOENT;
}

static unsigned fleet_parent(const struct ninep_file *f, struct ninep_file *out)
{
	if (f->node == fleet_dirs)
		*out = (struct ninep_file){ .node = &sys_files[SYS_FLEET] };
	else
		*out = (struct ninep_file){ .node = fleet_dirs, .key = f->key };
	return 0;
}

static const char *name_of(const struct ninep_file *f) { return names[f->key - 1]; }

/* --- asking it ----------------------------------------------------------------------------------------- */

static struct fleet_survey listed; /* of the file that is being read */

static unsigned listed_get(const struct ninep_file *f)
{
	struct fleet_client c;
	err_t err = fleet_survey_of(name_of(f), &c, &listed);

	if (!err)
		fleet_client_close(&c);
	return ninep_error_of(err);
}

static unsigned members_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	unsigned error = listed_get(f);

	if (error)
		return error;
	for (uint32_t i = 0; i < listed.count; i++) {
		const struct fleet_member *m = &listed.member[i];

		text_add(&t, "%" PRIu32 " %u %u.%" PRIu32 " %" PRIu32 " %" PRIu32 " %s\n", m->number,
			 mailbox_core(&m->at), mailbox_core(&m->at), (uint32_t)m->at.pid, m->load, m->queue,
			 fleet_state_text(m->state));
	}
	*length = t.length;
	return 0;
}

static unsigned status_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	unsigned error = listed_get(f);

	if (error)
		return error;
	text_add(&t, "members %" PRIu32 "\nwanted %" PRIu32 "\ndeaths %" PRIu64 "\n", listed.count, listed.head.wanted,
		 listed.times.deaths);
	*length = t.length;
	return 0;
}

/* --- policy ---------------------------------------------------------------------------------------------- */

static unsigned policy_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	unsigned error = listed_get(f);

	if (error)
		return error;
	for (unsigned i = 0; fleet_policy_name(i); i++)
		text_add(&t, "%s%s=%" PRIu32, i ? " " : "", fleet_policy_name(i),
			 fleet_policy_value(&listed.head.policy, i));
	text_add(&t, "\n");
	*length = t.length;
	return 0;
}

static unsigned policy_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			     uint32_t *count)
{
	struct fleet_policy p = { 0 };
	struct fleet_client c;
	struct command words;
	unsigned error = command_parse(&words, from, *count);
	err_t err;

	(void)call, (void)offset;
	for (unsigned i = 0; !error && i < words.count; i++)
		if (!fleet_policy_parse(&p, words.word[i]))
			error = NINEP_EINVAL;
	if (error)
		return error;
	err = fleet_survey_of(name_of(f), &c, &listed);
	if (err)
		return ninep_error_of(err);
	err = fleet_adapt(&c.rpc, &p);
	fleet_client_close(&c);
	return ninep_error_of(err);
}

/* --- control ------------------------------------------------------------------------------------------------ */

static err_t ctl_command(struct fleet_client *c, const struct command *words, uint64_t number)
{
	const char *verb = words->word[0];

	if (words->count == 1 && !strcmp(verb, "grow"))
		return fleet_resize(&c->rpc, listed.head.wanted + 1);
	if (words->count == 1 && !strcmp(verb, "shrink"))
		return fleet_resize(&c->rpc, listed.head.wanted - 1);
	if (words->count == 2 && !strcmp(verb, "kill"))
		return fleet_survey_kill(&listed, (uint32_t)number);
	if (words->count == 2 && !strcmp(verb, "move"))
		return fleet_dismiss(&c->rpc, (uint32_t)number);
	return ERR_ARGUMENT;
}

static unsigned ctl_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count)
{
	struct fleet_client c;
	struct command words;
	uint64_t number = 0;
	unsigned error = command_parse(&words, from, *count);
	err_t err;

	(void)call, (void)offset;
	if (!error && words.count == 2 && !number_parse(words.word[1], UINT32_MAX, &number))
		error = NINEP_EINVAL;
	if (error)
		return error;
	err = fleet_survey_of(name_of(f), &c, &listed);
	if (err)
		return ninep_error_of(err);
	err = ctl_command(&c, &words, number);
	fleet_client_close(&c);
	return ninep_error_of(err);
}

static const struct ninep_handlers dir_handlers = { .parent = fleet_parent };
static const struct ninep_handlers members_handlers = { .text = members_text, .parent = fleet_parent };
static const struct ninep_handlers status_handlers = { .text = status_text, .parent = fleet_parent };
static const struct ninep_handlers policy_handlers = { .text = policy_text,
						       .write = policy_write,
						       .parent = fleet_parent };
static const struct ninep_handlers ctl_handlers = { .write = ctl_write, .parent = fleet_parent };

static const struct ninep_node files[] = {
	{ "members", NINEP_FILE | 0444, &members_handlers, NULL, NULL },
	{ "status", NINEP_FILE | 0444, &status_handlers, NULL, NULL },
	{ "policy", NINEP_FILE | 0666, &policy_handlers, NULL, NULL },
	{ "ctl", NINEP_FILE | 0222, &ctl_handlers, NULL, NULL },
	{ 0 },
};

const struct ninep_node fleet_dirs[] = { { "NAME", NINEP_DIR | 0555, &dir_handlers, files, NULL }, { 0 } };
const struct ninep_handlers fleet_handlers = { .lookup = fleet_lookup, .entry = fleet_entry };
