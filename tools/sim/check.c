/*
 * What must hold, however messages were delayed and whoever died.
 *
 * Of capabilities, over all cores that live, at any moment:
 *
 *   one owner   an object that is a core's own lies in no other core's own object, but where that core
 *               has given the block away (a FOREIGN node is the smallest that holds it);
 *   known       of an object that is FOREIGN somewhere, the owner lives and knows that it is shared
 *               (REMOTE), unless the owner is dead.
 *
 * All cores' nodes are sorted as a derivation tree is, so what encloses a node is on a stack.
 */
#include "tools/sim/check.h"

#include "monitor/agree/agreement.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/agree/agreement.h"

#define SPACE_MEMORY_TYPES                                                                           \
	(1u << CAP_RAM | 1u << CAP_FRAME | 1u << CAP_CNODE | 1u << CAP_PTABLE1 | 1u << CAP_PTABLE2 | \
	 1u << CAP_PTABLE3 | 1u << CAP_PTABLE4 | 1u << CAP_DISPATCHER | 1u << CAP_NOTIFICATION)

struct node {
	uint64_t base;
	uint8_t type, bits, flags;
	coreid_t core;
};
static struct node *nodes;
static size_t node_count, node_room;
static coreid_t seeing;
static bool all_quiet;

static void node_see(void *context, const struct island_cap *c)
{
	(void)context;
	/* Notifications of other cores go by number. */
	if (!(1u << c->type & SPACE_MEMORY_TYPES) || c->flags & CAP_FLAG_COPY ||
	    (c->type == CAP_NOTIFICATION && c->flags & CAP_FLAG_FOREIGN))
		return;
	if (node_count == node_room) {
		node_room = node_room ? 2 * node_room : 65536;
		nodes = realloc(nodes, node_room * sizeof *nodes);
		if (!nodes)
			err(2, "capabilities");
	}
	nodes[node_count++] = (struct node){ c->base, c->type, c->bits, c->flags, seeing };
}

static bool foreign(const struct node *n) { return n->flags & CAP_FLAG_FOREIGN; }

/* As in a derivation tree; of one object the foreign nodes first, so that a giver's is below the taker's own. */
static int node_order(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	if (x->bits != y->bits)
		return x->bits > y->bits ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return foreign(x) != foreign(y) ? foreign(y) - foreign(x) : x->core < y->core ? -1 : x->core > y->core;
}

static bool same_object(const struct node *a, const struct node *b)
{
	return a->base == b->base && a->bits == b->bits && a->type == b->type;
}

/* --- one owner ---------------------------------------------------------------------------- */

static size_t *stack;
static size_t depth, stack_room;
static uint32_t *judged; /* by core: the node for which its innermost one was found */

static void stack_push(size_t node)
{
	if (depth == stack_room) {
		stack_room = stack_room ? 2 * stack_room : 1024;
		stack = realloc(stack, stack_room * sizeof *stack);
		if (!stack)
			err(2, "capabilities");
	}
	stack[depth++] = node;
}

static void owner_check(size_t at)
{
	const struct node *n = &nodes[at];

	for (size_t i = depth; i-- > 0;) {
		const struct node *around = &nodes[stack[i]];

		if (around->core == n->core || judged[around->core] == at + 1)
			continue;
		judged[around->core] = (uint32_t)at + 1;
		if (!foreign(around))
			sim_violation(n->core,
				      "its own object of type %u at %lx, %u bits, lies in core %u's own "
				      "of type %u at %lx, %u bits",
				      n->type, n->base, n->bits, around->core, around->type, around->base,
				      around->bits);
	}
}

/* RAM that was given away, seen by the giver. */
static bool tombstone(const struct node *n) { return foreign(n) && n->flags & CAP_FLAG_REMOTE; }

/* What was a dead core's, or on its way to one, is nobody's till the survivors have agreed on that, and forget it. */
static bool orphan(const struct node *n)
{
	const struct island_cap object = { .type = n->type, .bits = n->bits, .base = n->base };
	coreid_t owner = cores[n->core].island.isle_owner(&object), heir = cores[n->core].island.isle_heir(&object);

	if (owner == CORES_MAX)
		return check_orphans_allowed();
	if (heir < CORES_MAX && !core_alive(heir) && !all_quiet)
		return true;
	return !core_alive(owner) && (!all_quiet || cores[n->core].island.isle_group_holds(GROUP_ALL, owner));
}

static void known_check(const struct node *n, const struct node *owner, bool moving)
{
	if (tombstone(n) || n->base == machine_info.archive)
		return;
	if (!owner && (moving || orphan(n)))
		return;
	if (!owner)
		sim_violation(n->core, "foreign object of type %u at %lx, %u bits, is nobody's own", n->type, n->base,
			      n->bits);
	if (!(owner->flags & CAP_FLAG_REMOTE))
		sim_violation(n->core, "object of type %u at %lx, %u bits: core %u, whose own it is, does not know",
			      n->type, n->base, n->bits, owner->core);
}

/* The nodes of one object: [from, to). */
static void object_check(size_t from, size_t to)
{
	const struct node *owner = foreign(&nodes[to - 1]) ? NULL : &nodes[to - 1];
	bool moving = false;

	while (depth && nodes[from].base - nodes[stack[depth - 1]].base >= SIZE_OF_BITS(nodes[stack[depth - 1]].bits))
		depth--;
	/* Between two owners: the one has given it away, and the other does not have it yet. */
	for (size_t i = from; i < to && !all_quiet; i++)
		moving = moving || tombstone(&nodes[i]);
	for (size_t i = from; i < to; i++) {
		if (foreign(&nodes[i]))
			known_check(&nodes[i], owner, moving);
		else
			owner_check(i);
		stack_push(i);
	}
}

static void nodes_check(void)
{
	depth = 0;
	memset(judged, 0, machine_info.cores * sizeof *judged);
	for (size_t from = 0, to; from < node_count; from = to) {
		for (to = from + 1; to < node_count && same_object(&nodes[from], &nodes[to]); to++)
			;
		object_check(from, to);
	}
}

void check_capabilities(bool quiet)
{
	all_quiet = quiet;
	if (!judged)
		judged = calloc(machine_info.cores, sizeof *judged);
	if (!judged)
		err(2, "capabilities");
	node_count = 0;
	for (seeing = 0; seeing < machine_info.cores; seeing++)
		if (cores[seeing].life == CORE_ALIVE)
			cores[seeing].island.isle_caps(node_see, NULL);
	qsort(nodes, node_count, sizeof *nodes, node_order);
	nodes_check();
	translations_backed();
}

/* --- when ----------------------------------------------------------------------------------- */

/* All cores are walked now and then, so that a run costs about as much again as its events. */
void check_step(coreid_t core)
{
	(void)core;
	translations_check();
	if (options.check_every && fabric_steps % options.check_every == 0)
		check_capabilities(false);
}

bool check_quiet(void)
{
	for (coreid_t core = 0; core < machine_info.cores; core++)
		if (core_alive(core) && cores[core].island.isle_busy())
			return false;
	return true;
}

bool check_agreed(void)
{
	for (coreid_t dead = 0; dead < options.cores && options.heartbeat; dead++)
		for (coreid_t core = 0; cores[dead].life == CORE_DEAD && core < options.cores; core++)
			if (core_alive(core) && cores[core].island.isle_group_holds(GROUP_ALL, dead))
				return false;
	return true;
}

void check_all(bool quiet)
{
	for (coreid_t core = 0; core < machine_info.cores; core++) {
		uint64_t wrong;

		if (!core_alive(core))
			continue;
		wrong = cores[core].island.isle_check();
		if (wrong)
			sim_violation(core, "the CPU driver finds %lu violations", wrong);
		if (quiet && cores[core].island.isle_busy())
			sim_violation(core, "%u operations are under way, and nothing is asked",
				      cores[core].island.isle_busy());
	}
	check_capabilities(quiet);
}
