/*
 * What happened: the last, in a ring, to be shown when something is wrong; all of it with --trace.
 */
#include "tools/sim/fleet/fleetsim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST 400
#define TEXT 120

struct record {
	cycles_t time;
	uint64_t step, pid;
	const char *program;
	const char *format;
	uint64_t argument[4];
	char text[TEXT];
};
static struct record last[LAST];
static uint64_t count;

static void record_print(const struct record *r)
{
	fprintf(stderr, "%9lu %12lu ns  ", r->step, r->time);
	if (r->pid)
		fprintf(stderr, "%s %lx (core %lu) ", r->program, r->pid, r->pid >> 32);
	if (r->format)
		fprintf(stderr, r->format, r->argument[0], r->argument[1], r->argument[2], r->argument[3]);
	else
		fprintf(stderr, "says: %s", r->text);
	fprintf(stderr, "\n");
}

static struct record *record_new(const struct process *p)
{
	struct record *r = &last[count++ % LAST];

	r->time = time_now();
	r->step = time_steps;
	r->pid = p ? p->pid : 0;
	r->program = p ? p->program->name : "";
	r->format = NULL;
	return r;
}

void trace(const struct process *p, const char *format, ...)
{
	struct record *r = record_new(p);
	va_list list;

	va_start(list, format);
	for (unsigned i = 0; i < 4; i++)
		r->argument[i] = va_arg(list, uint64_t);
	va_end(list);
	r->format = format;
	if (options.trace)
		record_print(r);
}

void trace_text(const struct process *p, const char *text)
{
	struct record *r = record_new(p);

	snprintf(r->text, sizeof r->text, "%s", text);
	if (options.trace)
		record_print(r);
}

void violation_list(const char *format, va_list list)
{
	fflush(stdout);
	for (uint64_t i = count > LAST ? count - LAST : 0; i < count && !options.trace; i++)
		record_print(&last[i % LAST]);
	fprintf(stderr, "seed %lu, %u cores, step %lu, %lu ns: ", options.seed, options.cores, time_steps, time_now());
	vfprintf(stderr, format, list);
	fprintf(stderr, "\nagain: %s\n", replay_command());
	fflush(stderr);
	_exit(1);
}

void violation(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	violation_list(format, list);
}
