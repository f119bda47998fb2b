/*
 * The services that monitor 0 starts: the first member of each fleet, and those that are no fleets.
 *
 * Option services="name page proc mem pipe dev sys host gdb", which is also what is started without it as far as it is
 * in the boot archive; services=none: none.  They go to the cores from the last one down, where
 * there are enough of them, for programs start at the other end; drivers start where the devices are.  `name`
 * comes first, then the rest, then the first program, each when those before have announced themselves or have
 * ended: they ask for each other.  A fleet lives on by itself; one whose name nobody has any more, since all its
 * members are dead, is started again, and waits longer each time if it does not last.  On a busy machine a start
 * takes long: there is one at a time, and only who has had START_MS for it is ended, and followed by another.
 */
#include "libos/core/error_text.h"
#include "libos/x86/context.h"
#include "monitor/archive.h"
#include "monitor/boot.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

#define NAME_SERVICE "name"
#define CORES_ENOUGH 4
#define SERVICES_MAX 16
#define AGAIN_FIRST_MS 10 /* from the last member's death to the first new one; doubled each time */
#define AGAIN_DOUBLED 9   /* times at most */
#define START_MS 60000    /* it has so long to announce itself */
#define LASTED_MS 10000   /* who has answered so long starts from the first pause again */

/* They get the first core's ports and interrupts, and end at once when their device is not there. */
static const char *const drivers[] = { "host", "gdb" };

static struct started {
	const char *name;
	uint64_t pid;    /* of the last start; 0: not known yet */
	uint64_t serial; /* of the last start */
	bool ended;
	bool announced;  /* it has been there */
	bool again;      /* it has been started again, and neither announced itself since nor ended */
	unsigned starts; /* again, in a row */
	cycles_t since;  /* of the last start */
	cycles_t due;    /* of the next, or of who takes too long; 0: its name is there, or is to be looked for */
} services[SERVICES_MAX];
static unsigned started;
static bool name_went; /* whose, is to be looked for */

static char names[BOOT_CMDLINE];
static size_t names_length, at; /* words of `names`, each with its NUL; the next to be started */

static void ended(struct started *s)
{
	s->ended = true;
	if (s->again) {
		s->again = false;
		s->due = 0;
		name_went = true;
	}
}

/* What is asked about the process that was started last. An answer about one before it is of no use. */
static uint64_t question(const struct started *s) { return s->serial * SERVICES_MAX + (uint64_t)(s - services); }

static struct started *asked_about(uint64_t question)
{
	struct started *s = &services[question % SERVICES_MAX];

	return s->serial == question / SERVICES_MAX ? s : NULL;
}

static void service_ended(struct pending *p, const struct mon_message *reply)
{
	struct started *s = asked_about(p->context);

	(void)reply;
	if (s)
		ended(s);
}

/* Hears of the end of one on another core. */
static void service_await(struct started *s, uint64_t pid)
{
	struct mon_message m = { .header = mon_header(MON_WAIT, 0, 0, 0), .word = { pid } };
	struct pending pending = { .origin = { monitor.core, 0 }, .done = service_ended, .context = question(s) };

	s->pid = pid;
	if (request_forward((coreid_t)(pid >> 32), &m, NULL, &pending))
		ended(s);
}

static void service_started(struct pending *p, const struct mon_message *reply)
{
	struct started *s = asked_about(p->context);
	err_t err = (err_t)mon_aux(reply->header);

	if (!s)
		return;
	if (err) {
		report("cannot start %s: %s", s->name, error_text(err));
		ended(s);
	} else {
		service_await(s, reply->word[0]);
	}
}

void services_process_gone(const struct process *p)
{
	for (unsigned i = 0; i < started; i++)
		if (services[i].pid && p->pid == services[i].pid)
			ended(&services[i]);
}

static bool is_driver(const struct started *s)
{
	for (unsigned i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (!strcmp(s->name, drivers[i]))
			return true;
	return false;
}

static coreid_t place(const struct started *s)
{
	coreid_t core = monitor.info->cores - 1 - (coreid_t)(s - services) % monitor.info->cores;

	return monitor.info->cores >= CORES_ENOUGH && core_is_up(core) && !is_driver(s) ? core : 0;
}

static err_t start_here(struct started *s)
{
	struct spawn_args args = {
		.text = s->name, .length = strlen(s->name) + 1, .service = true, .devices = is_driver(s)
	};
	struct process *p;
	err_t err = process_spawn(&args, &p);

	if (!err)
		s->pid = p->pid;
	return err;
}

static err_t start_there(coreid_t core, struct started *s)
{
	struct text text = { .length = (uint32_t)strlen(s->name) + 1 };
	struct mon_message m = { .header = mon_header(MON_SPAWN, 0, 0, 0), .word = { core, 0, 0, 1 } };
	struct pending pending = { .origin = { monitor.core, 0 },
				   .done = service_started,
				   .deadline = request_deadline(),
				   .context = question(s) };

	memcpy(text.data, s->name, text.length);
	return request_forward(core, &m, &text, &pending);
}

static void service_start(struct started *s)
{
	coreid_t core = place(s);
	err_t err;

	s->pid = 0;
	s->serial++;
	s->ended = false;
	s->since = context_now();
	err = core == monitor.core ? start_here(s) : start_there(core, s);
	if (!err)
		return;
	report("cannot start %s: %s", s->name, error_text(err));
	ended(s);
}

void services_start(void)
{
	bool given = option_find(monitor.info->cmdline, "services", names, sizeof names);

	if (!given)
		strcpy(names, "name page proc mem pipe dev sys host gdb");
	if (!strcmp(names, "none"))
		return;
	names_length = words_split(names);
	/* Without the option, what the archive does not have is not missed. */
	for (size_t i = 0; i < names_length && !given; i += strlen(names + i) + 1)
		if (!archive_find(monitor.archive, names + i))
			memset(names + i, 0, strlen(names + i));
}

static bool is_there(const struct started *s)
{
	struct service_name found;
	uint64_t name[2];

	return !mon_name_pack(s->name, name) && !name_find(name, monitor.core, &found);
}

static bool answers(struct started *s)
{
	s->announced |= is_there(s);
	return s->ended || s->announced;
}

static bool all_answer(void)
{
	for (unsigned i = 0; i < started; i++)
		if (!answers(&services[i]))
			return false;
	return true;
}

bool services_ready(void)
{
	while (at < names_length) {
		/* The rest ask the name service for each other, so they wait for it alone. */
		if (started && !strcmp(services[0].name, NAME_SERVICE) && !answers(&services[0]))
			return false;
		if (names[at] && started < SERVICES_MAX) {
			services[started].name = names + at;
			service_start(&services[started++]);
		}
		at += strlen(names + at) + 1;
	}
	return all_answer();
}

/* --- fleets that have died out ------------------------------------------------------------------- */

void services_name_gone(void) { name_went = true; }

static cycles_t ticks(uint64_t ms) { return ms * (monitor.info->tsc_hz / 1000); }

/* Its name is gone: when it is to be started. */
static cycles_t due_first(struct started *s, cycles_t now)
{
	if (now - s->since > ticks(LASTED_MS))
		s->starts = 0;
	return now + (ticks(AGAIN_FIRST_MS) << s->starts);
}

static void service_again(struct started *s)
{
	report("%s has died out, and is started again", s->name);
	s->starts += s->starts < AGAIN_DOUBLED;
	s->again = true;
	s->due = context_now() + ticks(START_MS);
	service_start(s);
}

static void killed(struct pending *p, const struct mon_message *reply)
{
	(void)p;
	(void)reply;
}

/* Its end is told like any other; should that take long, it is tried again. */
static void service_end(struct started *s)
{
	struct mon_message m = { .header = mon_header(MON_KILL, 0, 0, 0), .word = { s->pid } };
	struct pending pending = { .origin = { monitor.core, 0 }, .done = killed };
	coreid_t core = (coreid_t)(s->pid >> 32);
	struct process *p = core == monitor.core ? process_table_find(&monitor.processes, (uint32_t)s->pid) : NULL;

	report("%s takes too long to start, and is ended", s->name);
	s->due = context_now() + ticks(START_MS);
	if (core != monitor.core)
		request_forward(core, &m, NULL, &pending);
	else if (process_alive(p))
		process_end(p, MON_KILLED, ERR_KILLED);
}

/* True: it is there, or never was. */
static bool service_look(struct started *s, cycles_t now)
{
	if (!s->announced || is_there(s)) {
		s->due = 0;
		s->again = false;
		return true;
	}
	if (!s->due)
		s->due = due_first(s, now);
	if (now >= s->due) {
		if (!s->again)
			service_again(s);
		else if (s->pid)
			service_end(s);
		else
			s->due = now + ticks(START_MS);
	}
	if (!s->due) /* the start has failed at once */
		s->due = due_first(s, now);
	return false;
}

void services_step(cycles_t *next)
{
	cycles_t now;

	if (!name_went)
		return;
	name_went = false;
	now = context_now();
	for (unsigned i = 0; i < started; i++) {
		struct started *s = &services[i];

		if (service_look(s, now))
			continue;
		name_went = true;
		if (!*next || s->due < *next)
			*next = s->due;
	}
}
