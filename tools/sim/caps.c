/*
 * Work for capabilities: processes that copy, retype, delete, revoke, map and use what they have, on their
 * own and, where their CPU driver refuses because another core is concerned, through their monitor.
 *
 * A process has a member on each of some cores.  Nothing is kept here of what is in a slot: it is looked
 * at when an operation is drawn.  Slots that a request under way names are left alone meanwhile, so
 * what the answer promises can be looked for at the moment when it is given.
 */
#include "tools/sim/caps_work.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sim/check.h"

#define PROCESSES_MAX 64
#define SPAN_MAX 32
#define LOOKS 64 /* at whether all is answered, between looks for who has ended */

static struct member *members;
static unsigned member_count;

static struct {
	struct member *member[SPAN_MAX];
	unsigned count;
	uint64_t pid;
} processes[PROCESSES_MAX];
static unsigned process_count;

static struct asked *asked;
static uint32_t asked_count, asked_room;
static unsigned unfinished;
struct caps_figures caps_done;
static uint64_t *free_before, *pools_before; /* by core */

/* --- what is in a slot ---------------------------------------------------------------------- */

err_t caps_invoke(const struct member *m, unsigned slot, uint64_t op, uint64_t a0, uint64_t a1)
{
	err_t err = cores[m->core].island.isle_invoke(m->process, slot, op, a0, a1, NULL);

	trace_note(m->core, "process %u invokes slot %x: operation %lx, %lx, %lx: error %d", m->process, slot, op, a0,
		   a1, (int)err);
	fabric_soon(m->core);
	return err;
}

bool caps_look(const struct member *m, unsigned slot, struct island_cap *out)
{
	uint64_t v[4];

	if (cores[m->core].island.isle_invoke(m->process, slot, CAP_OP_IDENTIFY, 0, 0, v))
		return false;
	*out = (struct island_cap){ .type = (uint8_t)CAP_INFO_TYPE(v[0]),
				    .rights = (uint8_t)CAP_INFO_RIGHTS(v[0]),
				    .bits = (uint8_t)CAP_INFO_BITS(v[0]),
				    .flags = (uint8_t)CAP_INFO_FLAGS(v[0]),
				    .base = v[1] };
	return true;
}

bool caps_usable(const struct member *m)
{
	return core_alive(m->core) && cores[m->core].island.isle_process_alive(m->process);
}

struct member *member_draw(void)
{
	for (unsigned tries = 0; tries < 50; tries++) {
		struct member *m = &members[random_below(&dice, member_count)];

		if (caps_usable(m))
			return m;
	}
	return NULL;
}

/* Another member of the same process; NULL: none that lives. */
struct member *member_draw_other(const struct member *m)
{
	unsigned count = processes[m->belongs].count;

	for (unsigned tries = 0; tries < 10 && count > 1; tries++) {
		struct member *o = processes[m->belongs].member[random_below(&dice, count)];

		if (o != m && caps_usable(o))
			return o;
	}
	return NULL;
}

struct member *member_draw_here(const struct member *m)
{
	unsigned first = (unsigned)random_below(&dice, member_count);

	for (unsigned i = 0; i < member_count; i++) {
		struct member *o = &members[(first + i) % member_count];

		if (o->core == m->core && o->belongs != m->belongs && caps_usable(o))
			return o;
	}
	return NULL;
}

/* A slot that no request names, and that has something of these types (0: nothing) in it. 0: none was found. */
unsigned slot_draw(const struct member *m, unsigned types, struct island_cap *out)
{
	unsigned slot = SLOT_FIRST + (unsigned)random_below(&dice, SLOT_END - SLOT_FIRST);

	if (types & 1u << CAP_RAM && random_one_in(&dice, 8))
		return caps_look(m, TASK_RAM, out) && !m->busy[TASK_RAM] ? TASK_RAM : 0;
	for (unsigned i = 0; i < SLOT_END - SLOT_FIRST; i++) {
		struct island_cap c;
		bool full = caps_look(m, slot, &c);

		if (!m->busy[slot] && (full ? types >> c.type & 1 : !types)) {
			if (full)
				*out = c;
			return slot;
		}
		slot = slot + 1 < SLOT_END ? slot + 1 : SLOT_FIRST;
	}
	return 0;
}

/* --- asking the monitor --------------------------------------------------------------------------- */

struct asked *caps_ask(unsigned op, struct member *by, unsigned slot, const struct island_cap *object,
		       const uint64_t word[4])
{
	struct event e = { .kind = EVENT_REQUEST, .core = by->core, .process = by->process };
	struct asked *a = &asked[asked_count++];

	if (asked_count > asked_room)
		errx(2, "more requests than operations");
	*a = (struct asked){
		.op = op, .by = by, .slot = slot, .object = *object, .time = sim_now(), .revokes = caps_revokes
	};
	e.line[0] = mon_header(op, 0, 0, asked_count);
	memcpy(&e.line[1], word, 4 * sizeof *word);
	by->busy[slot] = true;
	unfinished++;
	caps_done.requests++;
	fabric_post(100, &e);
	return a;
}

void caps_ask_other(struct asked *a, struct member *other, unsigned slot, uint64_t rights)
{
	a->other = other;
	a->other_slot = slot;
	a->rights = rights;
	other->busy[slot] = true;
}

/* --- what was promised ------------------------------------------------------------------------------ */

static struct asked *revoked;

/* Slots of the monitors may hold the object: keepers. What is in it, or is a process's, is gone. */
static void revoke_see(void *context, const struct island_cap *c)
{
	const struct island_cap *o = &revoked->object;
	coreid_t core = *(coreid_t *)context;
	bool same = c->base == o->base && c->bits == o->bits && c->type == o->type;

	if (c->base - o->base >= SIZE_OF_BITS(o->bits) || c->type >= CAP_IRQ || (c->bits >= o->bits && !same))
		return;
	if (!same)
		sim_violation(core, "type %u at %lx, %u bits, is here after the revoke of type %u at %lx, %u bits",
			      c->type, c->base, c->bits, o->type, o->base, o->bits);
}

static void revoke_look(struct asked *a)
{
	struct island_cap now;

	/* It may have been taken by a revoke further up meanwhile. */
	if (!caps_look(a->by, a->slot, &now) || now.base != a->object.base || now.type != a->object.type)
		return;
	revoked = a;
	for (coreid_t core = 0; core < options.cores; core++)
		if (core_alive(core))
			cores[core].island.isle_caps(revoke_see, &core);
	for (unsigned i = 0; i < member_count; i++) {
		struct island_cap c;

		for (unsigned slot = TASK_RAM; slot < SLOT_END && caps_usable(&members[i]); slot++)
			if ((&members[i] != a->by || slot != a->slot) && caps_look(&members[i], slot, &c) &&
			    c.base == now.base && c.type == now.type && c.bits == now.bits)
				sim_violation(members[i].core, "slot %u has what was revoked: type %u at %lx, %u bits",
					      slot, c.type, c.base, c.bits);
	}
}

static void copy_look(const struct asked *a)
{
	const struct member *m = a->op == MON_CAP_COPY ? a->other : a->by;
	struct island_cap now;

	/* Or it was revoked since. */
	if (!caps_usable(m) || !caps_look(m, a->op == MON_CAP_COPY ? a->other_slot : a->slot, &now))
		return;
	if (now.base != a->object.base || now.bits != a->object.bits || now.type != a->object.type)
		sim_violation(m->core, "a copy of type %u at %lx came out as type %u at %lx", a->object.type,
			      a->object.base, now.type, now.base);
	if (now.rights & ~a->rights)
		sim_violation(m->core, "a copy has rights %x where %lx was allowed", now.rights, a->rights);
}

/* Nobody writes any more where it was mapped. */
static void protect_look(const struct asked *a)
{
	struct island_cap now;

	if (caps_look(a->by, a->slot, &now) && now.flags & CAP_FLAG_MAPPED && now.base == a->object.base)
		translations_protected(cores[a->by->core].island.isle_root(a->by->process),
				       SIM_TABLE_VA + (SIM_TABLE_FREE + a->by->mapped[a->slot]) * (vaddr_t)PAGE_SIZE,
				       now.base, a->time);
}

/* All members that live have the table in their roots, or nothing, if something may have been revoked since. */
static void root_look(const struct asked *a)
{
	struct island_cap now;

	/* Or it was revoked since. */
	if (!caps_look(a->by, a->slot, &now) || now.base != a->object.base || now.type != a->object.type)
		return;
	/* One that was alone then has put it there itself, or not. */
	for (unsigned i = 0; a->index && i < processes[a->by->belongs].count; i++) {
		const struct member *m = processes[a->by->belongs].member[i];
		paddr_t root = caps_usable(m) ? cores[m->core].island.isle_root(m->process) : 0;

		paddr_t there = root ? machine_word(root)[a->index] & SIM_PTE_ADDRESS : 0;

		if (root && there != a->object.base && (there || a->revokes == caps_revokes))
			sim_violation(m->core, "process %u has not the table at %lx, which all agreed on", m->process,
				      a->object.base);
	}
}

/* At the moment when the monitor gives the answer: nothing can have happened since. */
void sim_answered(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS])
{
	uint32_t sequence = mon_sequence(line[0]);
	struct asked *a = sequence - 1 < asked_count ? &asked[sequence - 1] : NULL;

	if (!a || !a->op || a->by->core != core || a->by->process != process || mon_op(line[0]) != a->op)
		sim_violation(core, "an answer to process %u that asked nothing such", process);
	if (mon_aux(line[0]))
		return;
	switch (a->op) {
	case MON_CAP_REVOKE:
		revoke_look(a);
		break;
	case MON_CAP_COPY:
	case MON_CAP_FETCH:
	case MON_CAP_RECEIVE:
		copy_look(a);
		break;
	case MON_PROTECT:
		protect_look(a);
		break;
	case MON_ROOT_SLOT:
		root_look(a);
		break;
	case MON_WALK:
		if (line[1] && a->index)
			sim_violation(core, "the monitors find %lu violations among themselves", line[1]);
		break;
	}
}

static void asked_end(struct asked *a)
{
	a->op = 0;
	a->by->busy[a->slot] = false;
	if (a->other)
		a->other->busy[a->other_slot] = false;
	unfinished--;
}

/* What is not asked for goes with the process. */
static void receive(const struct asked *sent, uint64_t ticket)
{
	struct member *m = sent->receiver;
	unsigned slot = caps_usable(m) ? slot_draw(m, 0, NULL) : 0;

	if (slot && asked_count < asked_room)
		caps_ask(MON_CAP_RECEIVE, m, slot, &sent->object, (uint64_t[4]){ 0, ticket, slot })->rights =
			sent->object.rights;
}

static void member_add(unsigned process, coreid_t core, uint32_t number)
{
	struct member *m = &members[member_count++];

	*m = (struct member){ .core = core, .process = number, .belongs = process };
	processes[process].member[processes[process].count++] = m;
}

/* The process may have ended again since. */
static void span_done(const struct asked *a)
{
	uint32_t number = cores[a->target].life == CORE_ALIVE
				  ? cores[a->target].island.isle_member(processes[a->by->belongs].pid)
				  : 0;

	if (number)
		member_add(a->by->belongs, a->target, number);
}

void caps_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS])
{
	struct asked *a = &asked[mon_sequence(line[0]) - 1];

	(void)core, (void)process;
	/* Who asked may be gone since. */
	if (!a->op)
		return;
	if (a->op == MON_SPAN && !mon_aux(line[0]))
		span_done(a);
	if (a->op == MON_CAP_SEND && !mon_aux(line[0]))
		receive(a, line[1]);
	asked_end(a);
	if (mon_aux(line[0]))
		caps_done.refused++;
	else
		caps_done.done++;
}

/* --- processes -------------------------------------------------------------------------------------------- */

/* What a monitor may have needed more of, for its own slots and records: cnodes and single pages. In bytes. */
static void pool_see(void *context, const struct island_cap *c)
{
	uint64_t *bytes = context;

	if (c->flags & (CAP_FLAG_COPY | CAP_FLAG_FOREIGN))
		return;
	if ((c->type == CAP_CNODE && c->bits == CAP_L2CNODE_BITS) || (c->type == CAP_FRAME && c->bits == PAGE_BITS))
		*bytes += SIZE_OF_BITS(c->bits);
}

static void memory_note(void)
{
	free_before = calloc(options.cores, sizeof *free_before);
	pools_before = calloc(options.cores, sizeof *pools_before);
	if (!free_before || !pools_before)
		err(2, "memory");
	for (coreid_t core = 0; core < options.cores; core++) {
		free_before[core] = cores[core].island.isle_memory_free();
		cores[core].island.isle_caps(pool_see, &pools_before[core]);
	}
}

static void process_add(void)
{
	coreid_t core = (coreid_t)random_below(&dice, options.cores);
	uint32_t number = cores[core].island.isle_process();

	if (!number)
		sim_violation(core, "a process cannot be made");
	processes[process_count].pid = (uint64_t)core << 32 | number;
	member_add(process_count++, core, number);
}

void caps_begin(unsigned operations)
{
	/* And those that make members, that receive what was sent, and the checker's. */
	asked_room = 2 * operations + PROCESSES_MAX * SPAN_MAX + 1;
	asked = calloc(asked_room, sizeof *asked);
	members = calloc((size_t)PROCESSES_MAX * SPAN_MAX, sizeof *members);
	if (!asked || !members)
		err(2, "processes");
	memory_note();
	for (unsigned i = 0; i < PROCESSES_MAX && i < 2 + options.cores / 16; i++)
		process_add();
}

unsigned caps_spans(void)
{
	unsigned most = options.cores < SPAN_MAX ? options.cores : SPAN_MAX;

	return process_count * (unsigned)random_below(&dice, most);
}

static bool has_member(unsigned process, coreid_t core)
{
	for (unsigned i = 0; i < processes[process].count; i++)
		if (processes[process].member[i]->core == core)
			return true;
	return false;
}

static unsigned spans_asked(unsigned process, coreid_t core)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < asked_count; i++)
		n += asked[i].op == MON_SPAN && asked[i].by->belongs == process &&
		     (asked[i].target == core || core == CORES_MAX);
	return n;
}

void caps_span_act(void)
{
	struct member *m = member_draw();
	coreid_t core = (coreid_t)random_below(&dice, options.cores);
	struct island_cap nothing = { 0 };

	if (!m || has_member(m->belongs, core) || spans_asked(m->belongs, core) ||
	    processes[m->belongs].count + spans_asked(m->belongs, CORES_MAX) >= SPAN_MAX)
		return;
	caps_ask(MON_SPAN, m, 0, &nothing, (uint64_t[]){ core, USER_TEXT_VA, USER_TEXT_VA + PAGE_SIZE, 0 })->target =
		core;
}

/* Requests of who has ended are not answered. Who has only fallen silent may be told yet. */
static void asked_forget(void)
{
	for (uint32_t i = 0; i < asked_count; i++) {
		const struct member *m = asked[i].by;

		if (asked[i].op &&
		    (cores[m->core].life == CORE_DEAD || !cores[m->core].island.isle_process_alive(m->process)))
			asked_end(&asked[i]);
	}
}

static bool process_end(unsigned process)
{
	unsigned first = (unsigned)random_below(&dice, processes[process].count);

	caps_revokes++;

	/* Whichever says so ends all. */
	for (unsigned i = 0; i < processes[process].count; i++) {
		struct member *m = processes[process].member[(first + i) % processes[process].count];

		if (!caps_usable(m))
			continue;
		cores[m->core].island.isle_process_end(m->process);
		fabric_soon(m->core);
		asked_forget();
		return true;
	}
	return false;
}

/* One that has joined, but whose home died before it could say so. */
static void process_end_unknown(unsigned process)
{
	for (coreid_t core = 0; core < options.cores; core++) {
		uint32_t number = core_alive(core) ? cores[core].island.isle_member(processes[process].pid) : 0;

		if (!number)
			continue;
		cores[core].island.isle_process_end(number);
		fabric_soon(core);
	}
}

void caps_kill_act(void) { process_end((unsigned)random_below(&dice, process_count)); }

void caps_forget(void) { asked_forget(); }

unsigned caps_unfinished(void)
{
	static unsigned looks;

	/* A process may have ended for the death of a core. */
	if (unfinished && ++looks % LOOKS == 0)
		asked_forget();
	return unfinished;
}

void caps_walk(bool judged)
{
	static struct member walker;
	struct island_cap nothing = { 0 };

	while (!core_alive(walker.core))
		walker.core++;
	walker.process = cores[walker.core].island.isle_process();
	if (!walker.process)
		sim_violation(walker.core, "a process cannot be made");
	caps_ask(MON_WALK, &walker, 0, &nothing, (uint64_t[4]){ 0 })->index = judged;
}

void caps_walk_end(void)
{
	for (coreid_t core = 0; core < options.cores; core++)
		if (asked_count && asked[asked_count - 1].by->core == core && core_alive(core))
			cores[core].island.isle_process_end(asked[asked_count - 1].by->process), fabric_soon(core);
}

void caps_end(void)
{
	for (unsigned i = 0; i < process_count; i++)
		if (!process_end(i))
			process_end_unknown(i);
}

/* A monitor that has no memory to take a process's back with reports that, and has lost it. */
void caps_check(void)
{
	for (coreid_t core = 0; core < options.cores; core++) {
		uint64_t pools = 0, lost;

		if (!core_alive(core) || options.fault == FAULT_MEMORY)
			continue;
		cores[core].island.isle_caps(pool_see, &pools);
		lost = free_before[core] - cores[core].island.isle_memory_free();
		if (lost != pools - pools_before[core])
			sim_violation(core, "%ld bytes of memory did not come back; of them %ld are the monitor's own",
				      (int64_t)lost, (int64_t)(pools - pools_before[core]));
	}
}

void caps_show(void)
{
	for (uint32_t i = 0; i < asked_count; i++)
		if (asked[i].op)
			trace_note(asked[i].by->core, "process %u waits for request %u, operation %u, slot %u",
				   asked[i].by->process, i + 1, asked[i].op, asked[i].slot);
}

void caps_figures(struct caps_figures *f) { *f = caps_done; }
