/*
 * Deaths, at seeded moments.
 */
#include "tools/sim/fleet/fleetsim.h"

#include <string.h>

unsigned fate_kills, fate_core_deaths;

#define LOOK_AGAIN (100 * MICROSECOND) /* after nobody could be killed */
#define MIDWAY 12                      /* messages that one may still send which is to die between two */

static const char *victims;
static cycles_t spacing;
static uint64_t doomed; /* the last that is to die at a message: its pid */

static void fate_next(cycles_t delay, void (*happen)(struct moment *))
{
	struct moment m = { .happen = happen };

	time_post(time_now() + delay, &m);
}

/* One of those that may die, by lot; NULL: there is none. */
static struct process *victim_pick(void)
{
	unsigned n = process_count(victims);
	struct process *p = n ? process_pick(victims, (unsigned)random_below(&dice, n)) : NULL;

	return p && (!world->may_die || world->may_die(p)) ? p : NULL;
}

/* Core 0 is the machine's start: its death is the machine's. */
static bool core_may_die(coreid_t core)
{
	if (core == 0)
		return false;
	for (const struct process *p = cores[core].processes; p; p = p->next_here)
		if (strcmp(p->program->name, victims) && !(world->child && !strcmp(p->program->name, world->child)))
			return false;
	return true;
}

/* This one and, at the same moment, as many others as are to die with it; one is left. */
static void kill_some(struct process *p)
{
	for (unsigned n = 0; p && n < options.at_once; n++) {
		unsigned left = process_count(victims) - 1;

		trace(p, "is killed");
		fate_kills++;
		process_end(p, MON_KILLED, 0);
		p = left > 1 ? process_pick(victims, (unsigned)random_below(&dice, left)) : NULL;
	}
}

/* That one dies when it has sent some more messages. */
static void doom(struct process *p)
{
	trace(p, "is doomed");
	fate_kills++;
	doomed = p->pid;
	p->dies_in = 1 + (unsigned)random_below(&dice, MIDWAY);
}

/* Unless things have changed meanwhile. */
static void doomed_dies(struct process *p)
{
	doomed = 0;
	if (world->may_die && !world->may_die(p)) {
		fate_kills--;
		return;
	}
	trace(p, "is killed");
	process_end(p, MON_KILLED, 0);
}

void fate_send(struct process *p)
{
	if (p->dies_in && !--p->dies_in)
		doomed_dies(p);
}

/* One that has had nothing to send since dies now. */
static void doom_end(void)
{
	struct process *p = doomed ? process_of(doomed) : NULL;

	if (!p || p->life != PROCESS_ALIVE)
		return;
	p->dies_in = 0;
	doomed_dies(p);
}

static void kill_come(struct moment *m)
{
	struct process *p;

	(void)m;
	doom_end();
	p = world->done() ? NULL : victim_pick();
	if (world->done())
		return;
	if (p && fate_core_deaths < options.core_deaths && core_may_die(p->core)) {
		trace(p, "loses its core");
		fate_core_deaths++;
		core_kill(p->core);
	} else if (p && fate_kills < options.kills) {
		if (options.midway)
			doom(p);
		else
			kill_some(p);
	}
	if (fate_kills < options.kills || fate_core_deaths < options.core_deaths)
		fate_next(p ? 1 + random_below(&dice, 2 * spacing) : LOOK_AGAIN, kill_come);
}

void fate_begin(const char *program, cycles_t from, cycles_t between)
{
	victims = program;
	spacing = between;
	fate_next(from + random_below(&dice, between), kill_come);
}
