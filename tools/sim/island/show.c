/*
 * What is under way in an island, for the checks and for a report.
 */
#include "monitor/agree/round.h"
#include "monitor/caps/share.h"
#include "tools/sim/island/machine.h"

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

/* What keeps others waiting: it is being changed, or its owner is dead. */
static void share_show(const struct share *s)
{
	if (!s->holder && !s->frozen && (s->own || !core_gone(s->owner)))
		return;
	report("record of type %u at %x, %u bits: %s %u, %u copies%s%s, held by operation %u", s->object.type,
	       s->object.base, s->object.bits,
	       s->own     ? "own,"
	       : s->given ? "given to"
			  : "owned by",
	       s->owner, s->count, s->frozen ? ", frozen" : "", s->told ? ", told" : "",
	       s->holder ? s->holder->number : 0);
}

/* --- what the checks ask ---------------------------------------------------------------------- */

coreid_t isle_owner(const struct island_cap *c)
{
	const struct share *s = share_find(&(struct object){ c->base, c->type, c->bits });

	return !s || s->pinned ? CORE_NONE : s->owner;
}

coreid_t isle_heir(const struct island_cap *c)
{
	const struct share *s = share_find(&(struct object){ c->base, c->type, c->bits });

	return s && s->frozen ? s->heir : CORE_NONE;
}

void isle_page(paddr_t page, struct island_page *out)
{
	machine_page(page, out);
	for (const struct op *o = op_next(NULL); o; o = op_next(o))
		out->taken = out->taken || (o->stopped && page - o->object.base < SIZE_OF_BITS(o->object.bits));
}

/* --- a report ---------------------------------------------------------------------------------- */

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
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		share_show(s);
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		if (monitor.processes.entry[i].jobs || monitor.processes.entry[i].state == PROCESS_ENDING)
			process_show(&monitor.processes.entry[i]);
}
