/*
 * A fleet under load: its first member, a watcher (guest/fleet_watch) that says when it is whole, clients with a
 * ledger, members that die while it is whole, and a check at the end.
 */
#include "libos/name/name.h"
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/ledger.h"

#include <stdio.h>
#include <string.h>

#define EARLY_SPACING (400 * MICROSECOND) /* of kills, that meet newcomers then */
#define POOR_LEAST 16384                  /* bytes of a newcomer that has too few */

static bool whole, grown, finished;
static struct {
	uint64_t pid[CORES_MAX];
	uint32_t count;
} serve; /* as the watcher saw last */
static unsigned deaths_seen;
static unsigned killed;  /* members, by whomever, whose core lives */
static cycles_t died;    /* when a member did last */
static unsigned starved; /* members that ended for want of memory */
static struct {
	unsigned count;
	cycles_t seen, fenced, told, replaced, most_replaced;
} after_death;

/* --- its start ----------------------------------------------------------------------------------- */

static void start(coreid_t core, const char *program, const char *a, const char *b)
{
	const char *argv[] = { program, a, b };

	process_make(core % (coreid_t)options.cores, a ? b ? 3 : 2 : 1, argv, 0);
}

static void fleet_start(void)
{
	static char scheme[40];

	if (options.scheme)
		snprintf(scheme, sizeof scheme, "scheme=%s", options.scheme);
	start(1, world->fleet, options.scheme ? scheme : NULL, NULL);
}

static void begin(void)
{
	if (options.policy)
		start(0, NAME_SERVICE, NULL, NULL);
	else
		fleet_start();
	start(0, "fleet_watch", world->fleet, world->checker);
}

void host_names_serve(void) { fleet_start(); }

static void clients_start(void)
{
	char number[16];

	for (unsigned i = 0; i < options.clients; i++) {
		snprintf(number, sizeof number, "%u", i);
		start((coreid_t)(options.members + 2 + i), world->client, number, NULL);
	}
	fate_begin(world->fleet, 200 * MICROSECOND, options.early ? EARLY_SPACING : MILLISECOND);
}

/* --- what the watcher says -------------------------------------------------------------------------- */

bool host_whole(const uint64_t *pids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (process_of(pids[i])->life != PROCESS_ALIVE)
			return false;
	if (process_count(world->fleet) != count)
		return false;
	whole = true;
	if (count == options.members && !grown) {
		grown = true;
		trace(running, "finds the fleet grown: %lu members", (uint64_t)count);
		clients_start();
	}
	return true;
}

void host_serving(const uint64_t *pids, uint32_t count)
{
	serve.count = count < CORES_MAX ? count : CORES_MAX;
	memcpy(serve.pid, pids, serve.count * sizeof *pids);
}

static void took(cycles_t *sum, uint64_t at) { *sum += at > died ? at - died : 0; }

void host_fleet_times(uint64_t deaths, uint64_t seen, uint64_t fenced, uint64_t told, uint64_t replaced)
{
	if (!died || !replaced || seen < died || replaced < died || deaths_seen == fate_kills + fate_core_deaths)
		return;
	(void)deaths;
	deaths_seen = fate_kills + fate_core_deaths;
	after_death.count++;
	took(&after_death.seen, seen);
	took(&after_death.fenced, fenced);
	took(&after_death.told, told);
	took(&after_death.replaced, replaced);
	if (replaced - died > after_death.most_replaced)
		after_death.most_replaced = replaced - died;
}

bool host_clients_done(void) { return grown && programs_done == options.clients; }
void host_finished(void)
{
	regions_check();
	finished = true;
}

/* --- as worlds are asked ------------------------------------------------------------------------------- */

static bool done(void) { return finished; }

static bool serves(const struct process *p)
{
	for (uint32_t i = 0; i < serve.count; i++)
		if (serve.pid[i] == p->pid)
			return true;
	return false;
}

/* Members that are known to serve, but for this one. */
static unsigned left_without(const struct process *p)
{
	unsigned left = 0;

	for (uint32_t i = 0; i < serve.count; i++)
		left += serve.pid[i] != p->pid && process_of(serve.pid[i])->life == PROCESS_ALIVE;
	return left;
}

static bool is_member(const struct process *p) { return !strcmp(p->program->name, world->fleet); }

static bool any_poor(void)
{
	for (const struct process *p = process_first(); p; p = p->younger)
		if (p->heap.poor && p->life == PROCESS_ALIVE)
			return true;
	return false;
}

static bool may_die(const struct process *p)
{
	if (host_clients_done())
		return false;
	/* One that may fail any time is no heir: it dies first. */
	if (options.poor && !p->heap.poor && any_poor())
		return false;
	return options.early ? grown && left_without(p) : whole && options.members > 1;
}

/* Of every second newcomer: less than a member has that serves. */
static uint64_t memory(const struct process *p)
{
	uint64_t most = 0;

	if (!options.poor || !grown || !is_member(p) || random_below(&dice, 2))
		return UINT64_MAX;
	for (const struct process *m = process_first(); m; m = m->younger)
		if (is_member(m) && m->life == PROCESS_ALIVE && m->heap.used > most)
			most = m->heap.used;
	return POOR_LEAST + random_below(&dice, most + 1);
}

static void ended(const struct process *p)
{
	if (world->child && !strcmp(p->program->name, world->child))
		return;
	if (!is_member(p)) {
		if (p->cause != MON_EXITED || p->status)
			violation("process %lx (%s) ends with cause %u, status %lu", p->pid, p->program->name, p->cause,
				  p->status);
		return;
	}
	whole = false;
	died = time_now();
	killed += p->cause == MON_KILLED && cores[p->core].life == CORE_ALIVE;
	starved += p->cause == MON_EXITED && p->status && p->heap.poor;
	/* A newcomer whose coordinator dies early cannot join. */
	if (p->cause == MON_EXITED && p->status && !p->heap.poor && !(options.early && !serves(p)))
		violation("member %lx fails with status %lu", p->pid, p->status);
}

static void figures(void)
{
	unsigned n = after_death.count ? after_death.count : 1;

	ledger_show();
	if (*ledger_counter("messages"))
		printf("%lu messages, %lu elements moved\n", *ledger_counter("messages"), *ledger_counter("elements"));
	if (options.poor)
		printf("%u ended without memory\n", starved);
	printf("%u fenced alive\n", killed - fate_kills);
	printf("%u members killed, %u cores lost; after a death: seen %lu us, fenced %lu, told %lu, replaced %lu (most "
	       "%lu)\n",
	       fate_kills, fate_core_deaths, after_death.seen / n / MICROSECOND, after_death.fenced / n / MICROSECOND,
	       after_death.told / n / MICROSECOND, after_death.replaced / n / MICROSECOND,
	       after_death.most_replaced / MICROSECOND);
}

#define FLEET_WORLD(word, of_child, about)                                                       \
	const struct world world_##word = {                                                      \
		.name = #word,                                                                   \
		.what = about,                                                                   \
		.programs = { #word, #word "_client", #word "_check", "fleet_watch", of_child }, \
		.fleet = #word,                                                                  \
		.client = #word "_client",                                                       \
		.checker = #word "_check",                                                       \
		.child = of_child,                                                               \
		.begin = begin,                                                                  \
		.done = done,                                                                    \
		.may_die = may_die,                                                              \
		.ended = ended,                                                                  \
		.memory = memory,                                                                \
		.figures = figures,                                                              \
	}

FLEET_WORLD(tally, NULL, "counters in the partitioned store of a fleet");
FLEET_WORLD(page, NULL, "memory: pages, given to one process at a time");
FLEET_WORLD(name, NULL, "names, a replica in each member");
FLEET_WORLD(mem, NULL, "files in memory, and their mirror");
FLEET_WORLD(drill, NULL, "members without state, and which of them answers: --policy near, least or weighted");
FLEET_WORLD(proc, "proc_child", "programs: started once, each with a number of its own");
FLEET_WORLD(pool, NULL,
	    "a dPool under --scheme exhaustion, bulk, pull, push or estimate, --load even, skewed or stream");
