/*
 * The services that monitor 0 starts: the first member of each fleet.
 *
 * Option services="name page proc", which is also what is started without it as far as it is
 * in the boot archive; services=none: none.  They go to the cores from the last one down, where
 * there are enough of them, for programs start at the other end.  `name` comes first, and
 * the rest, the first program too, when it has announced itself or has ended: they ask it for each
 * other.  A fleet lives on by itself; what ends here is not started again.
 */
#include "libos/core/error_text.h"
#include "monitor/archive.h"
#include "monitor/boot.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

#define NAME_SERVICE "name"
#define CORES_ENOUGH 4

static char names[BOOT_CMDLINE];
static size_t names_length, at; /* words of `names`, each with its NUL; the next to be started */
static unsigned started;
static bool name_ended = true; /* there is no name service to be waited for */
static uint32_t name_number;   /* its process here; 0: it is elsewhere */

static void service_ended(struct pending *p, const struct mon_message *reply)
{
	(void)p, (void)reply;
	name_ended = true;
}

/* Hears of the end of the name service. */
static void name_await(uint64_t pid)
{
	struct mon_message m = { .header = mon_header(MON_WAIT, 0, 0, 0), .word = { pid } };
	struct pending pending = { .origin = { monitor.core, 0 }, .done = service_ended };

	if (request_forward((coreid_t)(pid >> 32), &m, NULL, &pending))
		name_ended = true;
}

static void service_started(struct pending *p, const struct mon_message *reply)
{
	err_t err = (err_t)mon_aux(reply->header);
	const char *name = names + p->context;

	if (err)
		report("cannot start %s: %s", name, error_text(err));
	if (strcmp(name, NAME_SERVICE) != 0)
		return;
	if (err)
		name_ended = true;
	else
		name_await(reply->word[0]);
}

void services_process_gone(const struct process *p)
{
	if (name_number && p->number == name_number)
		name_ended = true;
}

static coreid_t place(void)
{
	coreid_t core = monitor.info->cores - 1 - started % monitor.info->cores;

	return monitor.info->cores >= CORES_ENOUGH && core_is_up(core) ? core : 0;
}

static err_t start_here(const char *name)
{
	struct spawn_args args = { .text = name, .length = strlen(name) + 1, .service = true };
	struct process *p;
	err_t err = process_spawn(&args, &p);

	if (!err && !strcmp(name, NAME_SERVICE))
		name_number = p->number;
	return err;
}

static err_t start_there(coreid_t core, const char *name)
{
	struct text text = { .length = (uint32_t)strlen(name) + 1 };
	struct mon_message m = { .header = mon_header(MON_SPAWN, 0, 0, 0), .word = { core, 0, 0, 1 } };
	struct pending pending = { .origin = { monitor.core, 0 },
				   .done = service_started,
				   .deadline = request_deadline(),
				   .context = (uint64_t)(name - names) };

	memcpy(text.data, name, text.length);
	return request_forward(core, &m, &text, &pending);
}

static void service_start(const char *name)
{
	coreid_t core = place();
	bool is_name = !strcmp(name, NAME_SERVICE);
	err_t err;

	started++;
	name_ended = name_ended && !is_name;
	err = core == monitor.core ? start_here(name) : start_there(core, name);
	if (!err)
		return;
	report("cannot start %s: %s", name, error_text(err));
	name_ended = name_ended || is_name;
}

void services_start(void)
{
	bool given = option_find(monitor.info->cmdline, "services", names, sizeof names);

	if (!given)
		strcpy(names, "name page proc");
	if (!strcmp(names, "none"))
		return;
	names_length = words_split(names);
	/* Without the option, what the archive does not have is not missed. */
	for (size_t i = 0; i < names_length && !given; i += strlen(names + i) + 1)
		if (!archive_find(monitor.archive, names + i))
			memset(names + i, 0, strlen(names + i));
}

static bool name_answers(void)
{
	struct service_name s;
	uint64_t name[2];

	mon_name_pack(NAME_SERVICE, name);
	return name_ended || !name_find(name, monitor.core, &s);
}

bool services_ready(void)
{
	while (name_answers() && at < names_length) {
		if (names[at])
			service_start(names + at);
		at += strlen(names + at) + 1;
	}
	return name_answers();
}
