/*
 * What the simulator's own programs ask of it, and the run's ledger of counters.
 */
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/ledger.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	char name[32];
	uint64_t value;
} counters[COUNTERS_MAX];
static struct answer_times times[COUNTERS_MAX];
static unsigned times_count;
uint64_t programs_done;

uint64_t *ledger_counter(const char *name)
{
	unsigned i;

	for (i = 0; i < COUNTERS_MAX && counters[i].name[0]; i++)
		if (!strcmp(counters[i].name, name))
			return &counters[i].value;
	if (i == COUNTERS_MAX)
		violation("there is no room for the counter %s", name);
	strncpy(counters[i].name, name, sizeof counters[i].name - 1);
	return &counters[i].value;
}

uint64_t host_count(const char *counter, int64_t more) { return *ledger_counter(counter) += (uint64_t)more; }

/* --- tables of counters ---------------------------------------------------------------------------- */

#define TABLES_MAX 8
static struct {
	char name[32];
	uint64_t *value, room;
} tables[TABLES_MAX];

static void table_grow(unsigned i, uint64_t place)
{
	uint64_t room = tables[i].room ? tables[i].room : 1024;

	while (room <= place)
		room *= 2;
	tables[i].value = realloc(tables[i].value, room * sizeof *tables[i].value);
	if (!tables[i].value)
		err(2, "a table of counters");
	memset(tables[i].value + tables[i].room, 0, (room - tables[i].room) * sizeof *tables[i].value);
	tables[i].room = room;
}

uint64_t host_tally(const char *table, uint64_t place, int64_t more)
{
	unsigned i = 0;

	while (i < TABLES_MAX && tables[i].name[0] && strcmp(tables[i].name, table))
		i++;
	if (i == TABLES_MAX)
		violation("there is no room for the table %s", table);
	strncpy(tables[i].name, table, sizeof tables[i].name - 1);
	if (place >= tables[i].room)
		table_grow(i, place);
	return tables[i].value[place] += (uint64_t)more;
}

/* --- times of answers ------------------------------------------------------------------------------- */

struct answer_times *ledger_times(const char *what)
{
	for (unsigned i = 0; i < times_count; i++)
		if (!strcmp(times[i].what, what))
			return &times[i];
	if (times_count == COUNTERS_MAX)
		violation("there is no room for the times of %s", what);
	strncpy(times[times_count].what, what, sizeof times[times_count].what - 1);
	return &times[times_count++];
}

/* While all clients are at it: from the first answer of the last of them till the first has done all. */
static struct {
	unsigned begun;
	uint64_t answers;
	cycles_t from, to;
} steady;

static void steady_answer(void)
{
	if (!running->answered) {
		running->answered = true;
		if (++steady.begun == options.clients)
			steady.from = time_now();
	}
	steady.answers += steady.from && !steady.to;
}

void host_answered(const char *what, uint64_t from)
{
	struct answer_times *t = ledger_times(what);
	cycles_t took = time_now() - from;

	if (!t->count)
		t->first = from;
	t->count++;
	t->sum += took;
	t->last = time_now();
	steady_answer();
	if (took > t->most)
		t->most = took;
}

static void times_show(const struct answer_times *t)
{
	printf("%-10s %8lu calls, %7lu ns each, %9lu at most, %6lu a ms\n", t->what, t->count, t->sum / t->count,
	       t->most, t->count * MILLISECOND / (t->last - t->first + 1));
}

void ledger_show(void)
{
	for (unsigned i = 0; i < times_count; i++)
		times_show(&times[i]);
	if (steady.from && steady.to > steady.from)
		printf("%lu answers a ms while all %u clients were at it\n",
		       steady.answers * MILLISECOND / (steady.to - steady.from), options.clients);
}

void host_violation(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	violation_list(format, list);
}

uint64_t host_random(uint64_t limit) { return random_below(&dice, limit); }

uint64_t host_option(const char *name)
{
	if (!strcmp(name, "calls"))
		return options.calls;
	if (!strcmp(name, "clients"))
		return options.clients;
	if (!strcmp(name, "kills"))
		return options.kills;
	if (!strcmp(name, "policy"))
		return options.policy;
	if (!strcmp(name, "all-back"))
		return options.all_back || !options.kills;
	if (!strcmp(name, "cores"))
		return options.cores;
	if (!strcmp(name, "mirrors"))
		return options.mirrors;
	if (!strcmp(name, "members"))
		return options.members;
	violation("there is no option %s", name);
}

bool host_go_on(uint64_t n)
{
	return n < options.calls || fate_kills < options.kills || fate_core_deaths < options.core_deaths;
}

bool host_core_lost(uint64_t pid) { return cores[pid >> 32].life == CORE_DEAD; }

bool host_cores_lost(void) { return fate_core_deaths > 0; }

bool host_scheme(const char *name) { return options.scheme && !strcmp(options.scheme, name); }

bool host_load(const char *name) { return options.load && !strcmp(options.load, name); }

bool host_lives(uint64_t pid)
{
	const struct process *p = process_of(pid);

	return p && p->life != PROCESS_DEAD;
}

void host_work(uint64_t ns) { time_spend(ns); }

void host_done(void)
{
	if (!programs_done++)
		steady.to = time_now();
}
