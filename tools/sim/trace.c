/*
 * What happened: the last events, in a ring, to be shown when something is wrong; all of them with --trace; and,
 * for the models, the protocols' own events in a file.
 */
#include "tools/sim/sim.h"

#include "libos/core/monitor_proto.h"
#include "monitor/agree/wire.h"
#include "monitor/caps/wire.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST 400
#define NOTE_MAX 160

struct record {
	cycles_t time;
	uint64_t step;
	bool note;
	bool sent;
	struct event e;
	char text[NOTE_MAX];
};
static struct record last[LAST];
static uint64_t count;
static FILE *model;

/* The Makefile takes the names out of the headers. */
static const char *const op_names[MON_OPS] = {
#define NAME(op) [MON_##op] = #op,
#include "mon_names.h"
#undef NAME
};
static const char *const kind_names[AGREE_KINDS] = {
#define NAME(kind) [AGREE_##kind] = #kind,
#include "agree_names.h"
#undef NAME
};

static const char *const caps_names[CAPS_MESSAGES] = {
#define NAME(what) [CAPS_##what] = #what,
#include "caps_names.h"
#undef NAME
};

static const char *name_of(const char *const *names, unsigned n, unsigned i)
{
	return i < n && names[i] ? names[i] : "?";
}

static void line_print(const struct event *e)
{
	unsigned op = mon_op(e->line[0]);

	if (op == MON_AGREE)
		fprintf(stderr, "%s ", name_of(kind_names, AGREE_KINDS, agree_kind(e->line[0])));
	if (op == MON_CAPS)
		fprintf(stderr, "%s ", name_of(caps_names, CAPS_MESSAGES, caps_what(e->line[0])));
	fprintf(stderr, "%s%s flags %x aux %x sequence %u:", name_of(op_names, MON_OPS, op),
		mon_flags(e->line[0]) & MON_REPLY ? " reply" : "", mon_flags(e->line[0]), mon_aux(e->line[0]),
		mon_sequence(e->line[0]));
	for (unsigned i = 1; i < SIM_WORDS; i++)
		fprintf(stderr, " %lx", e->line[i]);
}

static void event_print(const struct event *e, bool sent)
{
	switch (e->kind) {
	case EVENT_LINE:
		fprintf(stderr, "core %u %s %u: ", sent ? e->from : e->core, sent ? "sends to" : "gets from",
			sent ? e->core : e->from);
		line_print(e);
		break;
	case EVENT_REQUEST:
		fprintf(stderr, "core %u is asked by process %u: ", e->core, e->process);
		line_print(e);
		break;
	case EVENT_ANSWER:
		fprintf(stderr, "core %u answers process %u: ", e->core, e->process);
		line_print(e);
		break;
	case EVENT_DOORBELL:
		fprintf(stderr, "core %u: doorbell rung by %u", e->core, e->from);
		break;
	case EVENT_TIMER:
		fprintf(stderr, "core %u: timer", e->core);
		break;
	case EVENT_ACT:
		fprintf(stderr, "act %u", e->process);
		break;
	case EVENT_FATE:
		fprintf(stderr, "core %u: fate", e->core);
		break;
	}
}

static void record_print(const struct record *r)
{
	fprintf(stderr, "%8lu %10lu ns  ", r->step, r->time);
	if (r->note)
		fprintf(stderr, "core %u %s", r->e.core, r->text);
	else
		event_print(&r->e, r->sent);
	fprintf(stderr, "\n");
}

static struct record *record_new(void)
{
	struct record *r = &last[count++ % LAST];

	r->time = sim_now();
	r->step = fabric_steps;
	r->note = r->sent = false;
	return r;
}

/* --- for the models ------------------------------------------------------------------------ */

/* `send` and `get`: sender, receiver, kind, round, and what is to be known of it. */
static void model_line(const struct event *e, const char *what)
{
	const uint64_t *w = e->line;
	unsigned kind = agree_kind(w[0]);

	if (!model || e->kind != EVENT_LINE || mon_op(w[0]) != MON_AGREE)
		return;
	fprintf(model, "%s %u %u %s %lx", what, e->from, e->core, name_of(kind_names, AGREE_KINDS, kind), w[1]);
	if (kind == AGREE_DO || kind == AGREE_PREPARE || kind == AGREE_COMMIT || kind == AGREE_ABORT)
		fprintf(model, " %u %u", route_lo(w[3]), route_hi(w[3]));
	if (kind == AGREE_ACK)
		fprintf(model, " %s %s", name_of(kind_names, AGREE_KINDS, mon_sequence(w[0])),
			mon_aux(w[0]) >> 4 ? "no" : "yes");
	fprintf(model, "\n");
}

void trace_model(const char *format, ...)
{
	va_list list;

	if (!model)
		return;
	va_start(list, format);
	vfprintf(model, format, list);
	va_end(list);
	fprintf(model, "\n");
}

/* --- events ---------------------------------------------------------------------------------- */

void trace_event(const struct event *e)
{
	struct record *r = record_new();

	model_line(e, "get");

	r->e = *e;
	if (options.trace)
		record_print(r);
}

void trace_send(const struct event *e)
{
	struct record *r = record_new();

	model_line(e, "send");
	r->e = *e;
	r->sent = true;
	if (options.trace)
		record_print(r);
}

void trace_note(coreid_t core, const char *format, ...)
{
	struct record *r = record_new();
	va_list list;

	r->note = true;
	r->e.core = core;
	va_start(list, format);
	vsnprintf(r->text, sizeof r->text, format, list);
	va_end(list);
	if (options.trace)
		record_print(r);
}

void trace_show(void)
{
	for (uint64_t i = count > LAST ? count - LAST : 0; i < count && !options.trace; i++)
		record_print(&last[i % LAST]);
}

void sim_log(coreid_t core, const char *text) { trace_note(core, "says: %s", text); }

void trace_model_open(const char *path)
{
	model = fopen(path, "w");
	if (!model)
		err(2, "%s", path);
}

void sim_violation(coreid_t core, const char *format, ...)
{
	va_list list;

	fflush(stdout);
	work_show();
	for (coreid_t c = 0; c < machine_info.cores; c++)
		if (core_alive(c) && cores[c].island.isle_busy())
			cores[c].island.isle_show();
	trace_show();
	fprintf(stderr, "seed %lu, %u cores, step %lu, %lu ns, core %u: ", options.seed, options.cores, fabric_steps,
		sim_now(), core);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nagain: %s\n", replay_command());
	if (model)
		fclose(model);
	fflush(stderr);
	_exit(1);
}
