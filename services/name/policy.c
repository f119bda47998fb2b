/*
 * Which member of a fleet a name resolves to.
 *
 * The members are kept in an array by core, with running sums for the weights, which is made
 * again after a change at the first question.  So a question costs a binary search.
 */
#include "services/name/node.h"

#include <stdlib.h>

void policy_forget(struct name_node *fleet)
{
	if (!fleet->policy)
		return;
	free(fleet->fleet);
	fleet->fleet = NULL;
}

static int by_core(const void *a, const void *b)
{
	const struct name_member *m = a, *n = b;

	if (m->core != n->core)
		return m->core < n->core ? -1 : 1;
	return m->node < n->node ? -1 : m->node > n->node;
}

/* Of the members with the least load, for NAME_LEAST; of all, for the others. */
static bool counts(const struct name_node *fleet, const struct name_node *n, uint32_t least)
{
	return node_has_mailbox(n) && (fleet->policy != NAME_LEAST || n->load == least);
}

static uint32_t least_load(const struct name_table *t, const struct name_node *fleet)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = fleet->first; i != TABLE_NONE; i = node_at(t, i)->next)
		if (node_has_mailbox(node_at(t, i)) && node_at(t, i)->load < least)
			least = node_at(t, i)->load;
	return least;
}

static struct name_fleet *fleet_make(const struct name_table *t, const struct name_node *fleet)
{
	struct name_fleet *f = malloc(sizeof *f + fleet->below * sizeof f->member[0]);
	uint32_t least = least_load(t, fleet), sum = 0;

	if (!f)
		return NULL;
	f->count = 0;
	for (uint32_t i = fleet->first; i != TABLE_NONE; i = node_at(t, i)->next)
		if (counts(fleet, node_at(t, i), least))
			f->member[f->count++] =
				(struct name_member){ .core = mailbox_core(&node_at(t, i)->mailbox), .node = i };
	qsort(f->member, f->count, sizeof f->member[0], by_core);
	for (uint32_t i = 0; i < f->count; i++) {
		/* One that is full gets a little yet: else it would never be seen to have room again. */
		sum += NAME_LOAD_MAX + 1 - node_at(t, f->member[i].node)->load;
		f->member[i].sum = sum;
	}
	return f;
}

/* The first member whose core is not below `core`; count if there is none. */
static uint32_t core_from(const struct name_fleet *f, coreid_t core)
{
	uint32_t low = 0, high = f->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (f->member[middle].core < core)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Cores are numbered along the machine's packages, so the number that is least far away is a near core. */
static uint32_t choose_near(const struct name_fleet *f, coreid_t core, uint64_t turn)
{
	uint32_t at = core_from(f, core), first, end;

	if (at == f->count || (at > 0 && core - f->member[at - 1].core < f->member[at].core - core))
		at--;
	first = core_from(f, f->member[at].core);
	end = core_from(f, f->member[at].core + 1);
	return first + (uint32_t)(turn % (end - first));
}

static uint32_t choose_weighted(const struct name_fleet *f, uint64_t turn)
{
	/* Multiples of the golden ratio spread evenly, in an order that nobody falls into step with. */
	uint64_t point = (turn * UINT64_C(0x9e3779b97f4a7c15) >> 32) * f->member[f->count - 1].sum >> 32;
	uint32_t low = 0, high = f->count - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (f->member[middle].sum <= point)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

err_t policy_choose(struct name_table *t, struct name_node *fleet, coreid_t core, uint64_t avoid, uint32_t *out)
{
	struct name_fleet *f = fleet->fleet ? fleet->fleet : fleet_make(t, fleet);
	uint32_t at;

	if (!f)
		return ERR_NO_MEMORY;
	fleet->fleet = f;
	*out = TABLE_NONE;
	if (!f->count)
		return ERR_OK;
	if (fleet->policy == NAME_NEAR)
		at = choose_near(f, core, t->turn);
	else if (fleet->policy == NAME_LEAST)
		at = (uint32_t)(t->turn % f->count);
	else
		at = choose_weighted(f, t->turn);
	t->turn++;
	for (uint32_t i = 1; i < f->count && node_at(t, f->member[at].node)->mailbox.pid == avoid; i++)
		at = (at + 1) % f->count;
	*out = f->member[at].node;
	return ERR_OK;
}
