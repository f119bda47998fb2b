/*
 * What is under way in an island, for a report.
 */
#include "monitor/agree/round.h"
#include "monitor/caps/share.h"
#include "tools/sim/island.h"

static void round_show(const struct round *r)
{
	report("round %x of group %x, subject %u, state %u, asked by %u, waits for %u", r->id, r->group, r->subject,
	       r->state, r->parent, r->waiting);
}

static void op_show(const struct op *o)
{
	report("operation %u: type %u at %x, %u bits, step %u, for process %u, waits for core %u or %u%s", o->number,
	       o->object.type, o->object.base, o->object.bits, o->step, o->process, o->peer, o->other,
	       o->queued ? ", in a queue" : "");
}

static void process_show(const struct process *p)
{
	report("process %u, of %x, state %u%s", p->number, p->pid, p->state, p->jobs ? ", changes" : "");
}

void isle_show(void)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (rounds[i].state != ROUND_FREE)
			round_show(&rounds[i]);
	for (const struct op *o = op_next(NULL); o; o = op_next(o))
		op_show(o);
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		if (monitor.processes.entry[i].jobs || monitor.processes.entry[i].state == PROCESS_ENDING)
			process_show(&monitor.processes.entry[i]);
}
