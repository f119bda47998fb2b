/*
 * What there is to do in a run: so many operations, spread over a time that lets most of them overlap,
 * and what happens to the cores meanwhile.
 */
#include "tools/sim/caps.h"
#include "tools/sim/check.h"
#include "tools/sim/rounds.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define OPERATION_EVERY (2 * MICROSECOND)
#define DEATHS_MAX 3

/* --- what happens to cores ----------------------------------------------------------------- */

static void death_act(void)
{
	coreid_t core = (coreid_t)random_below(&dice, options.cores), alive = 0;

	for (coreid_t c = 0; c < options.cores; c++)
		alive += core_alive(c);
	if (alive <= 2 || !core_alive(core))
		return;
	fabric_kill(core, random_one_in(&dice, 4) ? random_below(&dice, 2000 * (uint64_t)MILLISECOND) + 1 : 0);
}

/* Up to half as long as till it would be taken for dead: about what its CPU driver's replacement takes, and more. */
static void stall_act(void)
{
	coreid_t core = (coreid_t)random_below(&dice, options.cores);

	trace_note(core, "does nothing for a while");
	fabric_stall(core, random_below(&dice, options.silence * MILLISECOND / 2));
}

static unsigned deaths_draw(void)
{
	if (options.deaths != UINT_MAX)
		return options.deaths;
	return random_one_in(&dice, 2) ? 0 : 1 + (unsigned)random_below(&dice, DEATHS_MAX);
}

/* --- a run ------------------------------------------------------------------------------------- */

static unsigned to_come; /* acts */

static void post(uint32_t what, cycles_t within)
{
	struct event e = { .kind = EVENT_ACT, .process = what };

	to_come++;
	fabric_post(random_below(&dice, within), &e);
}

static bool wanted(const char *what) { return !options.only || !strcmp(options.only, what); }

void work_begin(void)
{
	cycles_t within = (cycles_t)OPERATION_EVERY * options.operations;
	unsigned deaths = deaths_draw();

	if (wanted("rounds"))
		round_begin_all(options.operations);
	for (unsigned i = 0; i < options.operations && wanted("rounds"); i++)
		post(ACT_ROUND, within);
	if (wanted("caps"))
		caps_begin(options.operations);
	for (unsigned i = wanted("caps") ? caps_spans() : 0; i; i--)
		post(ACT_SPAN, within / 2);
	for (unsigned i = 0; i < options.operations && wanted("caps"); i++)
		post(ACT_CAPS, within);
	if (wanted("caps") && random_one_in(&dice, 2))
		post(ACT_KILL, within);
	for (unsigned i = 0; i < deaths; i++)
		post(ACT_DEATH, within);
	for (unsigned i = 0; i < options.stalls; i++)
		post(ACT_STALL, within);
	for (unsigned i = 0; i < options.garbage; i++)
		post(ACT_GARBAGE, within);
}

void work_act(uint32_t what)
{
	if ((what & ACT_MASK) != ACT_ROUND_AGAIN)
		to_come--;
	switch (what & ACT_MASK) {
	case ACT_ROUND:
		round_act();
		break;
	case ACT_ROUND_AGAIN:
		round_again(what & ~ACT_MASK);
		break;
	case ACT_CAPS:
		caps_act();
		break;
	case ACT_SPAN:
		caps_span_act();
		break;
	case ACT_KILL:
		caps_kill_act();
		break;
	case ACT_DEATH:
		death_act();
		break;
	case ACT_STALL:
		stall_act();
		break;
	case ACT_GARBAGE:
		if (random_one_in(&dice, 8))
			garbage_request_act();
		else if (wanted("rounds") && (!wanted("caps") || random_one_in(&dice, 2)))
			garbage_act();
		else
			garbage_caps_act();
		break;
	}
}

void work_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS]) { caps_answer(core, process, line); }

void work_core_gone(coreid_t core)
{
	round_core_gone(core);
	caps_forget();
}

/* Till the survivors have agreed on who is dead. */
bool check_orphans_allowed(void)
{
	for (coreid_t core = 0; core < options.cores; core++)
		if (!core_alive(core))
			return true;
	return false;
}

bool work_forget(void)
{
	caps_forget();
	return work_done();
}

bool work_done(void) { return to_come == 0 && round_unfinished() == 0 && caps_unfinished() == 0; }
void work_check(void) { round_check(); }

bool work_walk_begin(bool judged)
{
	if (wanted("caps"))
		caps_walk(judged);
	return wanted("caps");
}

void work_walk_end(void) { caps_walk_end(); }

void work_end(void)
{
	if (wanted("caps"))
		caps_end();
}

void work_end_check(void)
{
	if (wanted("caps"))
		caps_check();
}

void work_show(void)
{
	round_show();
	caps_show();
}

void work_figures(void)
{
	struct round_figures r;
	struct caps_figures c;

	round_figures(&r);
	caps_figures(&c);
	printf("rounds: %u ended, %u of them refused, %u not begun; "
	       "capabilities: %u done, %u refused, %u by the monitors, %u pages used\n",
	       r.ended, r.refused, r.not_begun, c.done, c.refused, c.requests, c.touched);
}
