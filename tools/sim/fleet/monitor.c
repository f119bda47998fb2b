/*
 * What a process asks of its monitor: libos/core/monitor_client.h, as far as services use it.
 *
 * Monitors are modelled, not run (tools/sim runs them): a request goes to a core's monitor, which does
 * one after the other; the answer comes back. What a core that died was asked is answered by
 * ERR_CORE_TIMEOUT when its death is agreed on.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct request *requests; /* that are not answered */

/* --- requests ---------------------------------------------------------------------------------------- */

struct request *request_new(coreid_t core, void (*act)(struct request *))
{
	struct request *r = calloc(1, sizeof *r);

	if (!r)
		err(2, "a request");
	r->from = running;
	r->thread = running->current;
	r->core = core;
	r->act = act;
	r->uses = 1;
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
}

void core_kill(coreid_t core)
{
	struct moment m = { .happen = core_missed, .who = &cores[core] };

	cores[core].life = CORE_DEAD;
	while (cores[core].processes)
		process_end(cores[core].processes, MON_KILLED, 0);
	time_post(time_now() + CORE_MISSED, &m);
}

/* --- processes ---------------------------------------------------------------------------------------------- */

void mon_exit(uint64_t status)
{
	process_end(running, MON_EXITED, status);
	__builtin_unreachable();
}

static void spawned(struct moment *m)
{
	struct request *r = m->who;
	const char *argv[32];
	char *at = r->text;
	const struct process *p;

	if (!r->answered && cores[r->core].life == CORE_ALIVE) {
		for (uint64_t i = 0; i < r->word[0]; i++, at += strlen(at) + 1)
			argv[i] = at;
		p = process_make(r->core, (int)r->word[0], argv, r->from->pid);
		r->word[0] = p ? p->pid : 0;
		request_answer(r, p ? ERR_OK : ERR_NOT_FOUND);
	}
	request_release(r);
}

static void spawn_act(struct request *r)
{
	cores[r->core].busy += COST_SPAWN;
	request_post(r, time_now() + COST_SPAWN, spawned);
}

static char *text_of(int argc, const char *const *argv)
{
	size_t bytes = 1;
	char *text;

	for (int i = 0; i < argc; i++)
		bytes += strlen(argv[i]) + 1;
	text = malloc(bytes);
	if (!text)
		err(2, "arguments");
	bytes = 0;
	for (int i = 0; i < argc; i++) {
		strcpy(text + bytes, argv[i]);
		bytes += strlen(argv[i]) + 1;
	}
	return text;
}

err_t mon_spawn(coreid_t core, int argc, const char *const *argv, uint64_t *pid)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	if (argc < 1 || argc > 32)
		return ERR_ARGUMENT;
	r = request_new(core, spawn_act);
	r->word[0] = (uint64_t)argc;
	r->text = text_of(argc, argv);
	err = request_call(r);
	if (!err && pid)
		*pid = r->word[0];
	request_release(r);
	return err;
}

void monitor_tell_end(struct request *r, const struct process *p)
{
	r->word[0] = p->cause;
	r->word[1] = p->status;
	request_answer(r, ERR_OK);
}

static void wait_act(struct request *r)
{
	struct process *p = process_of(r->word[0]);

	if (!p) {
		request_answer(r, ERR_NO_PROCESS);
	} else if (p->life == PROCESS_DEAD) {
		monitor_tell_end(r, p);
	} else {
		r->next = p->waiters;
		p->waiters = r;
	}
}

err_t mon_wait(uint64_t pid, unsigned *cause, uint64_t *status)
{
	struct request *r;
	err_t err;

	if (pid >> 32 >= options.cores)
		return ERR_NO_PROCESS;
	r = request_new((coreid_t)(pid >> 32), wait_act);
	r->word[0] = pid;
	err = request_call(r);
	if (!err && cause)
		*cause = (unsigned)r->word[0];
	if (!err && status)
		*status = r->word[1];
	request_release(r);
	return err;
}

static void kill_act(struct request *r)
{
	struct process *p = process_of(r->word[0]);
	bool alive = p && p->life != PROCESS_DEAD;

	if (alive)
		process_end(p, MON_KILLED, 0);
	request_answer(r, alive ? ERR_OK : ERR_NO_PROCESS);
}

err_t mon_kill(uint64_t pid)
{
	struct request *r;
	err_t err;

	if (pid >> 32 >= options.cores)
		return ERR_NO_PROCESS;
	r = request_new((coreid_t)(pid >> 32), kill_act);
	r->word[0] = pid;
	err = request_call(r);
	request_release(r);
	return err;
}

static void ps_act(struct request *r)
{
	const struct process *p = cores[r->core].processes;

	for (uint64_t i = r->word[0]; p && i; i--)
		p = p->next_here;
	r->object = (void *)(uintptr_t)p;
	request_answer(r, p ? ERR_OK : ERR_NOT_FOUND);
}

err_t mon_ps(coreid_t core, unsigned index, struct mon_process *out)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	r = request_new(core, ps_act);
	r->word[0] = index;
	err = request_call(r);
	if (!err) {
		const struct process *p = r->object;

		*out = (struct mon_process){ .pid = p->pid, .cores = 1 };
		snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1, p->program->name);
	}
	request_release(r);
	return err;
}

/* --- cores ------------------------------------------------------------------------------------------------------ */

static void core_act(struct request *r)
{
	const struct core *c = &cores[r->word[0]];

	r->word[1] = c->missed ? MON_CORE_MISSING : MON_CORE_UP;
	r->word[2] = 0;
	for (const struct process *p = c->missed ? NULL : c->processes; p; p = p->next_here)
		r->word[2]++;
	request_answer(r, ERR_OK);
}

err_t mon_core(coreid_t core, struct mon_core *out)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	/* Answered by the monitor of the process: what it knows of the core. */
	r = request_new(running->core, core_act);
	r->word[0] = core;
	err = request_call(r);
	if (!err)
		*out = (struct mon_core){ .state = (uint16_t)r->word[1], .processes = (uint32_t)r->word[2] };
	request_release(r);
	return err;
}
