/*
 * What a process asks of its monitor: libos/core/monitor_client.h, as far as services use it.
 *
 * Monitors are modelled, not run (tools/sim runs them): request.c carries what they are asked.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_REMEMBERED 256

/* --- processes ---------------------------------------------------------------------------------------------- */

void mon_exit(uint64_t status)
{
	process_end(running, MON_EXITED, status);
	__builtin_unreachable();
}

/* Also of one that has ended: a monitor has room for 256 processes, and remembers the dead till it needs that. */
static struct process *ticket_find(coreid_t core, uint64_t ticket)
{
	const struct core *c = &cores[core];

	for (uint32_t n = c->numbers; ticket && n > 0 && c->numbers - n < PROCESSES_REMEMBERED; n--)
		if (c->by_number[n - 1]->ticket == ticket)
			return c->by_number[n - 1];
	return NULL;
}

/* word: arguments, ticket, number of the process service. */
static void start_now(struct request *r)
{
	struct process *p = ticket_find(r->core, r->word[1]);
	const char *argv[PROCESS_ARGS_MAX];
	char *at = r->text;

	for (uint64_t i = 0; i < r->word[0]; i++, at += strlen(at) + 1)
		argv[i] = at;
	if (!p) {
		p = process_make(r->core, (int)r->word[0], argv, r->from->pid);
		if (p) {
			p->ticket = r->word[1];
			p->id = (uint32_t)r->word[2];
		}
	}
	r->word[0] = p ? p->pid : 0;
	request_answer(r, p ? ERR_OK : ERR_NOT_FOUND);
}

static void started(struct moment *m)
{
	struct request *r = m->who;

	if (!r->answered && cores[r->core].life == CORE_ALIVE)
		start_now(r);
	request_release(r);
}

static void start_act(struct request *r)
{
	time_busy(r->core, COST_SPAWN);
	request_post(r, time_now() + COST_SPAWN, started);
}

static char *text_of(unsigned argc, const char *const *argv)
{
	size_t bytes = 1;
	char *text;

	for (unsigned i = 0; i < argc; i++)
		bytes += strlen(argv[i]) + 1;
	text = malloc(bytes);
	if (!text)
		err(2, "arguments");
	bytes = 0;
	for (unsigned i = 0; i < argc; i++) {
		strcpy(text + bytes, argv[i]);
		bytes += strlen(argv[i]) + 1;
	}
	return text;
}

err_t mon_start(coreid_t core, const struct mon_start *s, uint64_t *pid)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	if (s->argc < 1 || s->argc > PROCESS_ARGS_MAX)
		return ERR_ARGUMENT;
	r = request_new(core, start_act);
	r->word[0] = s->argc;
	r->word[1] = s->ticket;
	r->word[2] = s->id;
	r->text = text_of(s->argc, s->argv);
	err = request_call(r);
	if (!err && pid)
		*pid = r->word[0];
	request_release(r);
	return err;
}

err_t mon_spawn(coreid_t core, int argc, const char *const *argv, uint64_t *pid)
{
	return mon_start(core, &(struct mon_start){ .argc = (unsigned)argc, .argv = argv }, pid);
}

uint64_t process_self_pid(void) { return running->pid; }
coreid_t process_self_core(void) { return running->core; }
uint32_t process_self_id(void) { return running->id; }
uint64_t process_self_cycles(void) { return running->worked; }

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

/* Processes do not wait for processors longer than their work takes: who is silent hangs. */
err_t mon_kill_hung(uint64_t pid, unsigned ms)
{
	(void)ms;
	return mon_kill(pid);
}

void mon_alive(unsigned ms) { (void)ms; }

/* All programs are of the archive. */
err_t mon_program(coreid_t core, cptr_t frame, uint32_t *number)
{
	(void)core, (void)frame, (void)number;
	return ERR_UNSUPPORTED;
}

err_t mon_migrate(uint64_t pid, coreid_t core)
{
	(void)pid, (void)core;
	return ERR_UNSUPPORTED; /* processes have one core here */
}

/* --- watching ------------------------------------------------------------------------------------------ */

static void gone_come(struct moment *m)
{
	struct request *told = m->who;
	struct process *p = told->from;

	running = p;
	for (struct mon_watcher *w = p->life == PROCESS_DEAD ? NULL : p->watcher; w; w = w->next)
		w->gone(w, told->word[0], (unsigned)told->word[1], told->word[2]);
	running = NULL;
	request_release(told);
}

/* Tells the process: of one that ended, or with number 0 of a core. */
static void gone_tell(struct process *p, uint64_t pid, unsigned cause, uint64_t status)
{
	struct request *r = request_of(p);

	r->word[0] = pid;
	r->word[1] = cause;
	r->word[2] = status;
	request_post(r, time_arrival((coreid_t)(pid >> 32), p->core) + COST_MONITOR, gone_come);
	request_release(r);
}

void monitor_process_gone(struct process *p)
{
	for (unsigned i = 0; i < p->watched_by_count && cores[p->core].life == CORE_ALIVE; i++) {
		struct process *w = process_of(p->watched_by[i]);

		if (w->life != PROCESS_DEAD)
			gone_tell(w, p->pid, p->cause, p->status);
	}
	free(p->watched_by);
	p->watched_by = NULL;
}

void monitor_core_gone(coreid_t core)
{
	for (struct process *p = process_first(); p; p = p->younger)
		if (p->watches && p->life != PROCESS_DEAD)
			gone_tell(p, (uint64_t)core << 32, MON_KILLED, ERR_CORE_TIMEOUT);
}

static void watch_act(struct request *r)
{
	struct process *p = process_of(r->word[0]);

	if (!p || p->life == PROCESS_DEAD) {
		request_answer(r, ERR_NO_PROCESS);
		return;
	}
	for (unsigned i = 0; i < p->watched_by_count; i++)
		if (p->watched_by[i] == r->from->pid) {
			request_answer(r, ERR_OK);
			return;
		}
	p->watched_by = realloc(p->watched_by, (p->watched_by_count + 1) * sizeof *p->watched_by);
	if (!p->watched_by)
		err(2, "who watches");
	p->watched_by[p->watched_by_count++] = r->from->pid;
	request_answer(r, ERR_OK);
}

err_t mon_watch(uint64_t pid)
{
	struct request *r;
	err_t err;

	if (pid >> 32 >= options.cores)
		return ERR_NO_PROCESS;
	running->watches = true;
	r = request_new((coreid_t)(pid >> 32), watch_act);
	r->word[0] = pid;
	err = request_call(r);
	request_release(r);
	return err;
}

void mon_watcher_add(struct mon_watcher *w)
{
	w->next = running->watcher;
	running->watcher = w;
}

/* --- looking ------------------------------------------------------------------------------------------ */

static void ps_act(struct request *r)
{
	const struct process *p = cores[r->core].processes;

	for (uint64_t i = r->word[0]; p && i; i--)
		p = p->next_here;
	r->object = (void *)(uintptr_t)p;
	r->word[1] = p ? p->worked : 0;
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

		*out = (struct mon_process){
			.pid = p->pid, .cores = 1, .cycles = r->word[1], .ticket = p->ticket, .id = p->id
		};
		snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1, p->program->name);
	}
	request_release(r);
	return err;
}

err_t mon_ps_id(coreid_t core, unsigned index, struct mon_process *out) { return mon_ps(core, index, out); }

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

err_t mon_core_brief(coreid_t core, struct mon_core *out) { return mon_core(core, out); }

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
		*out = (struct mon_core){ .core = core,
					  .apic_id = core,
					  .state = (uint32_t)r->word[1],
					  .at = core,
					  .processes = (uint32_t)r->word[2],
					  .uptime = time_now(),
					  .tsc_hz = CYCLES_A_SECOND };
	request_release(r);
	return err;
}
