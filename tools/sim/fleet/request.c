/*
 * Requests to monitors: carried to a core's monitor, which does one after the other, and back.
 *
 * What a core that died was asked is answered by ERR_CORE_TIMEOUT when its death is agreed on. An answer to who has
 * died meanwhile is dropped.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdlib.h>

static struct request *requests; /* that are not answered */

struct request *request_of(struct process *p)
{
	struct request *r = calloc(1, sizeof *r);

	if (!r)
		err(2, "a request");
	r->from = p;
	r->uses = 1;
	return r;
}

struct request *request_new(coreid_t core, void (*act)(struct request *))
{
	struct request *r = request_of(running);

	r->thread = running->current;
	r->core = core;
	r->act = act;
	return r;
}

void request_release(struct request *r)
{
	if (--r->uses)
		return;
	free(r->text);
	free(r);
}

static void request_list(struct request *r)
{
	r->older = requests;
	if (requests)
		requests->newer = r;
	requests = r;
}

static void request_unlist(struct request *r)
{
	if (r->older)
		r->older->newer = r->newer;
	if (r->newer)
		r->newer->older = r->older;
	else
		requests = r->older;
}

/* Something is going to happen to it. */
void request_post(struct request *r, cycles_t at, void (*happen)(struct moment *))
{
	struct moment m = { .happen = happen, .who = r };

	r->uses++;
	time_post(at, &m);
}

static void request_do(struct moment *m)
{
	struct request *r = m->who;

	/* It died in between: whoever agrees on that answers. */
	if (!r->answered && cores[r->core].life == CORE_ALIVE)
		r->act(r);
	request_release(r);
}

static void request_come(struct moment *m)
{
	struct request *r = m->who;
	struct core *c = &cores[r->core];

	if (c->missed && !r->answered)
		request_answer(r, ERR_CORE_TIMEOUT);
	if (c->life == CORE_ALIVE) {
		if (c->monitor < time_now())
			c->monitor = time_now();
		c->monitor += COST_MONITOR;
		/* The two take turns: a monitor that is asked without end does not starve its core's processes. */
		if (c->busy < c->monitor && !c->first)
			c->busy = c->monitor;
		request_post(r, c->monitor, request_do);
	}
	request_release(r);
}

err_t request_call(struct request *r)
{
	request_list(r);
	time_spend(COST_SEND);
	request_post(r, time_arrival(r->from->core, r->core), request_come);
	while (!r->done)
		thread_wait(NULL, 0, false);
	return r->err;
}

static void request_done(struct request *r)
{
	r->done = true;
	if (r->thread->wait)
		thread_make_ready(r->thread);
}

static void request_back(struct moment *m)
{
	struct request *r = m->who;

	/* Of one that has ended the caller's own use is over, too. */
	if (r->from->life == PROCESS_DEAD)
		r->uses--;
	else
		request_done(r);
	request_release(r);
}

void request_answer(struct request *r, err_t err)
{
	if (r->answered)
		violation("a request is answered twice");
	r->answered = true;
	r->err = err;
	request_unlist(r);
	request_post(r, time_arrival(r->core, r->from->core), request_back);
}

/* --- deaths of cores ----------------------------------------------------------------------------------- */

static void core_missed(struct moment *m)
{
	struct core *c = m->who;
	coreid_t core = (coreid_t)(c - cores);

	c->missed = true;
	for (struct request *r = requests, *older; r; r = older) {
		older = r->older;
		if (r->core == core)
			request_answer(r, ERR_CORE_TIMEOUT);
	}
	monitor_core_gone(core);
}

void core_kill(coreid_t core)
{
	struct moment m = { .happen = core_missed, .who = &cores[core] };

	cores[core].life = CORE_DEAD;
	while (cores[core].processes)
		process_end(cores[core].processes, MON_KILLED, 0);
	time_post(time_now() + CORE_MISSED, &m);
}
