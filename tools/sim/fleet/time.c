/*
 * Time and cores: events in their order; on each core one process at a time.
 */
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/guest_names.h"

#include <err.h>
#include <stdlib.h>

struct core *cores;
struct random dice;
struct weather weather;
uint64_t time_steps;

static struct queue queue;
static cycles_t now;
static cycles_t spent; /* by the process that runs, since `now` */

cycles_t time_now(void) { return now + spent; }

void time_spend(cycles_t ns) { spent += ns; }

void time_post(cycles_t at, const struct moment *e) { queue_put(&queue, at > now ? at : now, e); }

cycles_t time_arrival(coreid_t from, coreid_t to) { return time_now() + weather_delay(&weather, &dice, from, to); }

int guest_clock_gettime(clockid_t clock, struct timespec *out)
{
	(void)clock;
	*out = (struct timespec){ (time_t)(time_now() / CYCLES_A_SECOND), (long)(time_now() % CYCLES_A_SECOND) };
	return 0;
}

void time_init(void)
{
	queue_init(&queue, sizeof(struct moment));
	cores = calloc(options.cores, sizeof *cores);
	if (!cores)
		err(2, "cores");
}

bool time_step(cycles_t until)
{
	struct moment e;
	uint32_t place;

	if (queue_next(&queue) > until)
		return false;
	now = queue_next(&queue);
	place = queue_take(&queue);
	e = *(struct moment *)queue_event(&queue, place);
	queue_drop(&queue, place);
	time_steps++;
	e.happen(&e);
	spent = 0;
	return true;
}

void time_busy(coreid_t core, cycles_t ns)
{
	struct core *c = &cores[core];

	c->busy = (c->busy > now ? c->busy : now) + ns;
}

/* --- cores ----------------------------------------------------------------------------------- */

static void core_look(struct moment *e);

static void core_call(struct core *c)
{
	struct moment e = { .happen = core_look, .who = c };

	if (!c->called)
		time_post(c->busy, &e);
	c->called = true;
}

static struct process *core_take(struct core *c)
{
	struct process *p = c->first;

	c->first = p->next_to_run;
	p->waiting_to_run = false;
	return p;
}

/* The core has nothing else to do: the first that waits to run does. */
static void core_look(struct moment *e)
{
	struct core *c = e->who;
	cycles_t stall = 0;

	c->called = false;
	if (c->first && c->busy <= now) {
		process_run(core_take(c));
		if (weather.stall_in && random_one_in(&dice, weather.stall_in))
			stall = random_below(&dice, weather.stall);
		c->worked += spent;
		c->busy = now + spent + stall;
	}
	if (c->first)
		core_call(c);
}

void time_ready(struct process *p)
{
	struct core *c = &cores[p->core];

	if (p->waiting_to_run || p->life != PROCESS_ALIVE)
		return;
	p->waiting_to_run = true;
	p->next_to_run = NULL;
	if (c->first)
		c->last->next_to_run = p;
	else
		c->first = p;
	c->last = p;
	core_call(c);
}

void time_forget(struct process *p)
{
	struct core *c = &cores[p->core];
	struct process **at = &c->first, *before = NULL;

	if (!p->waiting_to_run)
		return;
	p->waiting_to_run = false;
	while (*at != p) {
		before = *at;
		at = &before->next_to_run;
	}
	*at = p->next_to_run;
	if (c->last == p)
		c->last = before;
}
