/*
 * Processes: a program's image loaded once more, a heap, threads.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLLED 2000 /* ns that a process which has nothing to do looks, before it sleeps */
#define SLICE (500 * MICROSECOND)

struct process *running;
static struct program *programs;
static struct process *eldest, *youngest;

/* --- programs ----------------------------------------------------------------------------------- */

struct program *program_find(const char *name)
{
	for (struct program *p = programs; p; p = p->next)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

struct program *program_open(const char *name)
{
	struct program *p = program_find(name);
	char path[200];

	if (p)
		return p;
	p = calloc(1, sizeof *p);
	if (!p)
		err(2, "%s", name);
	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(path, sizeof path, "%s/%s.so", options.images, name);
	p->image = image_open(strdup(path), "guest_");
	p->next = programs;
	programs = p;
	return p;
}

/* --- life ------------------------------------------------------------------------------------------ */

static void *first_thread(void *arg)
{
	struct process *p = arg;
	int (*entry)(int, char **) = (int (*)(int, char **))image_symbol(p->program->image, p->copy, "fleet_entry");
	char **argv = heap_take(p, ((uint64_t)p->argc + 1) * sizeof *argv), *at = p->arguments;

	for (int i = 0; i < p->argc; i++, at += strlen(at) + 1)
		argv[i] = at;
	argv[p->argc] = NULL;
	mon_exit((uint64_t)entry(p->argc, argv));
}

static void number_give(struct process *p)
{
	struct core *c = &cores[p->core];
	uint32_t n = c->numbers++;

	if ((n & (n - 1)) == 0)
		c->by_number = realloc(c->by_number, (n ? 2 * n : 1) * sizeof *c->by_number);
	if (!c->by_number)
		err(2, "processes");
	c->by_number[n] = p;
	p->pid = (uint64_t)p->core << 32 | (n + 1);
}

static void arguments_copy(struct process *p, int argc, const char *const *argv)
{
	size_t bytes = 0;

	for (int i = 0; i < argc; i++)
		bytes += strlen(argv[i]) + 1;
	p->arguments = malloc(bytes);
	if (!p->arguments)
		err(2, "a process");
	bytes = 0;
	for (int i = 0; i < argc; i++) {
		strcpy(p->arguments + bytes, argv[i]);
		bytes += strlen(argv[i]) + 1;
	}
	p->argc = argc;
}

struct process *process_make(coreid_t core, int argc, const char *const *argv, uint64_t parent)
{
	const struct program *program = program_find(argv[0]);
	struct process *p;

	if (!program)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		err(2, "a process");
	p->core = core;
	p->parent = parent;
	p->program = program;
	number_give(p);
	arguments_copy(p, argc, argv);
	p->copy = image_load(program->image);
	heap_open(p);
	fabric_join(p);
	p->next_here = cores[core].processes;
	cores[core].processes = p;
	if (youngest)
		youngest->younger = p;
	else
		eldest = p;
	youngest = p;
	thread_make_ready(thread_new(p, first_thread, p));
	trace(p, "starts");
	return p;
}

static void process_unlink(struct process *p)
{
	struct process **at = &cores[p->core].processes;

	while (*at != p)
		at = &(*at)->next_here;
	*at = p->next_here;
}

/* What is left of one whose threads do not run. */
static void process_free(struct process *p)
{
	threads_drop(p);
	heap_close(p);
	image_unload(p->program->image, p->copy);
	free(p->arguments);
}

void process_end(struct process *p, unsigned cause, uint64_t status)
{
	if (p->life == PROCESS_DEAD)
		return;
	trace(p, "ends, cause %lu, status %lu", (uint64_t)cause, status);
	time_forget(p);
	p->life = PROCESS_DEAD;
	p->cause = cause;
	p->status = status;
	process_unlink(p);
	fabric_gone(p, cores[p->core].life == CORE_DEAD ? CORE_MISSED : TELL_CLOSED);
	while (p->waiters) {
		struct request *r = p->waiters;

		p->waiters = r->next;
		if (cores[p->core].life == CORE_ALIVE)
			monitor_tell_end(r, p);
	}
	monitor_process_gone(p);
	regions_process_gone(p);
	if (world->ended)
		world->ended(p);
	if (p == running)
		thread_leave();
	process_free(p);
}

void process_run(struct process *p)
{
	cycles_t start = time_now();

	if (start - p->ran > POLLED)
		time_spend(COST_WAKE);
	running = p;
	while (p->life == PROCESS_ALIVE && p->ready.head && time_now() - start < SLICE) {
		struct thread *t = p->ready.head;

		thread_unready(t);
		thread_resume(t);
	}
	running = NULL;
	p->ran = time_now();
	p->worked += p->ran - start;
	if (p->life == PROCESS_DEAD)
		process_free(p);
	else if (p->ready.head)
		time_ready(p);
}

/* --- finding them ----------------------------------------------------------------------------------- */

struct process *process_of(uint64_t pid)
{
	uint64_t core = pid >> 32, n = (uint32_t)pid;

	return core < options.cores && n && n <= cores[core].numbers ? cores[core].by_number[n - 1] : NULL;
}

struct process *process_pick(const char *program, unsigned i)
{
	for (struct process *p = eldest; p; p = p->younger)
		if (p->life == PROCESS_ALIVE && !strcmp(p->program->name, program) && !i--)
			return p;
	return NULL;
}

unsigned process_count(const char *program)
{
	unsigned n = 0;

	for (const struct process *p = eldest; p; p = p->younger)
		n += p->life == PROCESS_ALIVE && !strcmp(p->program->name, program);
	return n;
}

struct process *process_first(void) { return eldest; }
