/*
 * Time and messages: events, and for each pair of cores a channel that keeps order.
 *
 * A message takes as long as the distance says and as chance adds, but never comes before one that was
 * sent earlier from the same core to the same other.  A core that handles something is busy for a
 * moment; what comes meanwhile waits, in order.  A dead core gets nothing and says nothing any more;
 * what it had sent before is on its way and arrives.
 */
#include "tools/sim/sim.h"

#include "tools/sim/base/queue.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define HANDLING 300 /* a message handled */

struct core *cores;
struct random dice;
uint64_t fabric_steps;

static cycles_t now;
static struct queue queue = { .bytes = sizeof(struct event) };
static uint64_t lines_sent, lines_faulty;
static bool begun; /* the machine is started, a run goes on from there */

static struct event *event_at(uint32_t place) { return queue_event(&queue, place); }

void fabric_post(cycles_t delay, const struct event *e)
{
	struct event copy = *e;

	copy.time = now + delay;
	queue_put(&queue, copy.time, &copy);
}

/* --- delays ------------------------------------------------------------------------------------ */

static struct weather weather;
static cycles_t *arrival; /* of the last message, by sender and receiver */

void fabric_calm(void) { memset(&weather, 0, sizeof weather); }

void fabric_weather(void)
{
	begun = true;
	lines_faulty = 0;
	weather_draw(&weather, &dice);
}

static cycles_t delay_draw(coreid_t from, coreid_t to) { return weather_delay(&weather, &dice, from, to); }

static cycles_t *channel(coreid_t from, coreid_t to)
{
	if (!arrival)
		arrival = calloc((size_t)machine_info.cores * machine_info.cores, sizeof *arrival);
	if (!arrival)
		err(2, "channels");
	return &arrival[(size_t)from * machine_info.cores + to];
}

/* Each N-th core's has what it begins with, and no more. */
bool sim_poor(coreid_t core) { return begun && options.fault == FAULT_MEMORY && core % options.fault_at == 0; }

/* A fault that is wanted happens to this message; true when it is lost. */
static bool fault_line(struct event *e)
{
	if (options.fault == FAULT_NONE || options.fault == FAULT_FLUSH || options.fault == FAULT_MEMORY ||
	    ++lines_faulty != options.fault_at)
		return false;
	trace_note(e->core, "a fault is made here");
	if (options.fault == FAULT_OVERTAKE)
		e->time = now + 1;
	if (options.fault == FAULT_TWICE)
		queue_put(&queue, e->time, e);
	return options.fault == FAULT_DROP;
}

void sim_send(coreid_t from, coreid_t to, const uint64_t line[SIM_WORDS])
{
	struct event e = { .kind = EVENT_LINE, .core = to, .from = from };
	cycles_t *last = channel(from, to);

	lines_sent++;
	memcpy(e.line, line, sizeof e.line);
	e.time = now + delay_draw(from, to);
	if (e.time < *last)
		e.time = *last;
	*last = e.time;
	trace_send(&e);
	if (!fault_line(&e))
		queue_put(&queue, e.time, &e);
}

void sim_ipi(coreid_t from, coreid_t to)
{
	struct event e = { .kind = EVENT_DOORBELL, .core = to, .from = from };

	fabric_post(delay_draw(from, to), &e);
}

void sim_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS])
{
	struct event e = { .kind = EVENT_ANSWER, .core = core, .process = process };

	sim_answered(core, process, line);
	memcpy(e.line, line, sizeof e.line);
	fabric_post(HANDLING, &e);
}

uint64_t *sim_doorbell(coreid_t core)
{
	if (!cores[core].doorbell)
		cores[core].doorbell = calloc(1, PAGE_SIZE);
	return cores[core].doorbell;
}

cycles_t sim_now(void) { return now; }
uint64_t fabric_lines(void) { return lines_sent; }

/* --- fate ------------------------------------------------------------------------------------------ */

void fabric_kill(coreid_t core, cycles_t thaws)
{
	struct event e = { .kind = EVENT_FATE, .core = core };

	cores[core].life = thaws ? CORE_FROZEN : CORE_DEAD;
	cores[core].thaws = now + thaws;
	cores[core].fell_silent = true;
	cores[core].died = thaws ? 0 : now;
	trace_note(core, thaws ? "falls silent" : "dies");
	trace_model("%s %u", thaws ? "freeze" : "die", core);
	if (thaws)
		fabric_post(thaws, &e);
	work_core_gone(core);
}

void fabric_stall(coreid_t core, cycles_t length)
{
	if (cores[core].busy < now + length)
		cores[core].busy = now + length;
}

void sim_fence(coreid_t by, coreid_t core)
{
	trace_note(core, "is fenced by core %u", by);
	trace_model("fence %u %u", core, by);
	if (!cores[core].fell_silent)
		sim_violation(core, "is fenced by core %u, and was never silent", by);
	if (cores[core].life == CORE_ALIVE)
		work_core_gone(core);
	cores[core].life = CORE_DEAD;
}

unsigned fabric_deaths(cycles_t *slowest)
{
	unsigned n = 0;

	*slowest = 0;
	for (const struct core *c = cores; c < cores + options.cores; c++) {
		n += c->life == CORE_DEAD;
		if (c->died && c->excluded > c->died && c->excluded - c->died > *slowest)
			*slowest = c->excluded - c->died;
	}
	return n;
}

void fabric_excluded(coreid_t core) { cores[core].excluded = now; }

static void thaw(coreid_t core)
{
	if (cores[core].life != CORE_FROZEN)
		return;
	trace_note(core, "goes on");
	trace_model("thaw %u", core);
	cores[core].life = CORE_ALIVE;
	cores[core].busy = now;
}

/* --- events ----------------------------------------------------------------------------------------- */

/* A core that has something to look at looks when it is not busy any more. */
static void core_call(coreid_t core)
{
	struct core *c = &cores[core];
	struct event e = { .kind = EVENT_READY, .core = core };
	cycles_t at = c->life == CORE_FROZEN ? c->thaws + 1 : c->busy;

	if (!c->called)
		fabric_post(at > now ? at - now : 0, &e);
	c->called = true;
}

static void inbox_add(coreid_t core, uint32_t event)
{
	struct core *c = &cores[core];

	event_at(event)->follower = 0;
	if (c->inbox_first)
		event_at(c->inbox_last - 1)->follower = event + 1;
	else
		c->inbox_first = event + 1;
	c->inbox_last = event + 1;
	core_call(core);
}

/* UINT32_MAX: none. */
static uint32_t inbox_take(coreid_t core)
{
	struct core *c = &cores[core];
	uint32_t event = c->inbox_first - 1;

	if (c->inbox_first)
		c->inbox_first = event_at(event)->follower;
	return event;
}

static void timer_set(coreid_t core, cycles_t deadline)
{
	struct event e = { .kind = EVENT_TIMER, .core = core };
	struct core *c = &cores[core];

	if (deadline == 0 || (c->timer && c->timer <= deadline))
		return;
	c->timer = deadline > now ? deadline : now + 1;
	fabric_post(c->timer - now, &e);
}

void fabric_soon(coreid_t core) { timer_set(core, now + 1); }

static void island_event(const struct event *e)
{
	struct core *c = &cores[e->core];

	/* Of two timers that were set the later one has nothing to say. */
	if (e->kind == EVENT_TIMER && (!c->timer || c->timer > now))
		return;
	c->busy = now + HANDLING;
	if (weather.stall_in && random_one_in(&dice, weather.stall_in))
		fabric_stall(e->core, random_below(&dice, weather.stall));
	switch (e->kind) {
	case EVENT_LINE:
		c->messages++;
		c->island.isle_message(e->from, e->line);
		break;
	case EVENT_REQUEST:
		c->island.isle_request(e->process, e->line);
		break;
	case EVENT_DOORBELL:
		c->island.isle_doorbell();
		break;
	default:
		c->timer = 0;
	}
	timer_set(e->core, c->island.isle_step());
	check_step(e->core);
}

static void event_run(uint32_t place)
{
	struct event e = *event_at(place);

	queue_drop(&queue, place);
	fabric_steps++;
	trace_event(&e);
	switch (e.kind) {
	case EVENT_ACT:
		work_act(e.process);
		break;
	case EVENT_ANSWER:
		if (cores[e.core].life != CORE_DEAD)
			work_answer(e.core, e.process, e.line);
		break;
	case EVENT_FATE:
		thaw(e.core);
		break;
	default:
		island_event(&e);
	}
}

/* The first of those that wait for a core. */
static void core_ready(coreid_t core)
{
	struct core *c = &cores[core];
	uint32_t first;

	c->called = false;
	if (c->life == CORE_DEAD)
		while ((first = inbox_take(core)) != UINT32_MAX)
			queue_drop(&queue, first);
	if (c->life == CORE_ALIVE && c->busy <= now && (first = inbox_take(core)) != UINT32_MAX)
		event_run(first);
	if (c->inbox_first)
		core_call(core);
}

static bool for_island(const struct event *e) { return e->kind <= EVENT_TIMER; }

bool fabric_step(cycles_t until)
{
	const struct core *c;
	struct event *e;
	uint32_t place;

	if (queue_next(&queue) > until)
		return false;
	place = queue_take(&queue);
	e = event_at(place);
	c = &cores[e->core];
	now = e->time;
	if (e->kind == EVENT_READY) {
		coreid_t core = e->core;

		queue_drop(&queue, place);
		core_ready(core);
	} else if (!for_island(e) || (c->life == CORE_ALIVE && c->busy <= now && !c->inbox_first)) {
		event_run(place);
	} else {
		inbox_add(e->core, place);
	}
	return true;
}
