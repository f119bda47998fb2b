/*
 * Processes that hang: one that says now and then that it lives is ended when it has run for long without doing so.
 *
 * What counts is its own time on the processor, which the CPU driver keeps: who waits for a processor, however long,
 * is not taken for hung.  A machine that stands still does so in somebody's time; therefore the first look
 * that finds too much forgives half of it, and the second one decides.  Who has been waiting for an answer
 * may ask sooner (process_kill).
 */
#include "libos/core/invoke.h"
#include "libos/x86/context.h"
#include "monitor/members.h"

#define ALIVE_MOST_MS 3600000 /* between two words */
#define DOUBTS 6
#define DOUBTED_MS 2 /* of its own running */

static cycles_t look_at; /* 0: nobody is looked after */

static uint64_t ticks(uint64_t ms) { return ms * (monitor.info->tsc_hz / 1000); }

static uint64_t ran(const struct process *p)
{
	struct disp_state state = { 0 };

	disp_inspect(p->slots + SLOT_DISPATCHER, &state);
	return state.cycles;
}

static void look_in(uint64_t time)
{
	cycles_t at = context_now() + time;

	if (!look_at || at < look_at)
		look_at = at;
}

void alive_said(struct request *r)
{
	struct process *p = origin_process(r->from);
	uint64_t ms = r->m.word[0];

	p->alive_most = ticks(ms < ALIVE_MOST_MS ? ms : ALIVE_MOST_MS);
	p->alive_at = ran(p);
	p->doubted = false;
	p->doubts = 0;
	if (p->alive_most)
		look_in(p->alive_most);
}

/*
 * A machine that stands still for long does so, to its clock, in the midst of somebody's running. So who has run for
 * too long is given a little more, DOUBTS times: what had no chance to say a word before has it then.
 */
bool alive_hangs(struct process *p, uint64_t ms)
{
	uint64_t time = ran(p) - p->alive_at, most = ticks(ms < ALIVE_MOST_MS ? ms : ALIVE_MOST_MS);

	if (!p->alive_most)
		return true;
	if (time < most)
		return false;
	if (p->doubts == DOUBTS || most < ticks(DOUBTED_MS))
		return true;
	p->doubts++;
	p->alive_at += time - most + ticks(DOUBTED_MS);
	return false;
}

static void look_after(struct process *p)
{
	uint64_t time = ran(p) - p->alive_at;

	if (time < p->alive_most) {
		look_in(p->alive_most - time);
	} else if (!p->doubted) {
		p->doubted = true;
		p->alive_at += time - p->alive_most / 2;
		look_in(p->alive_most / 2);
	} else {
		report("%s (%u.%u) on core %u hangs, and is ended", p->name, monitor.core, p->number, monitor.core);
		process_end(p, MON_KILLED, ERR_KILLED);
	}
}

void alive_step(cycles_t *next)
{
	struct process *p;

	*next = look_at;
	if (!look_at || context_now() < look_at)
		return;
	look_at = 0;
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		p = &monitor.processes.entry[i];
		/* One on several cores may be awake on another. */
		if (process_alive(p) && p->alive_most && !member_spans(p))
			look_after(p);
	}
	*next = look_at;
}
