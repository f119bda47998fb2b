/*
 * The name table: few entries, so it is searched from end to end. Portable, and
 * tested on the host.
 */
#include "monitor/names.h"
#include "kernel/abi/error.h"

static bool name_equal(const uint64_t a[2], const uint64_t b[2]) { return a[0] == b[0] && a[1] == b[1]; }

static const uint64_t name_free[2];

/* May both be in the table? */
static bool names_agree(const struct service_name *a, const struct service_name *b)
{
	return !name_equal(a->name, b->name) ||
	       (a->shared && b->shared && (a->core != b->core || a->process != b->process));
}

err_t names_add(struct names *n, const struct service_name *s)
{
	struct service_name *place = NULL;

	if (name_equal(s->name, name_free))
		return ERR_ARGUMENT;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		if (!names_agree(&n->entry[i], s))
			return ERR_EXISTS;
		if (!place && name_equal(n->entry[i].name, name_free))
			place = &n->entry[i];
	}
	if (!place)
		return ERR_NO_MEMORY;
	*place = *s;
	return ERR_OK;
}

const struct service_name *names_find(const struct names *n, const uint64_t name[2])
{
	if (name_equal(name, name_free))
		return NULL;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		if (name_equal(n->entry[i].name, name))
			return &n->entry[i];
	}
	return NULL;
}

const struct service_name *names_nearest(const struct names *n, const uint64_t name[2], coreid_t from, unsigned turn,
					 unsigned (*distance)(coreid_t a, coreid_t b))
{
	const struct service_name *found[NAMES_MAX];
	unsigned count = 0, least = 0;

	if (name_equal(name, name_free))
		return NULL;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		const struct service_name *s = &n->entry[i];
		unsigned away;

		if (!name_equal(s->name, name))
			continue;
		away = distance(from, s->core);
		if (count && away > least)
			continue;
		if (away < least)
			count = 0;
		least = away;
		found[count++] = s;
	}
	return count ? found[turn % count] : NULL;
}

/* Those of one process, or of a whole core. */
static unsigned forget(struct names *n, coreid_t core, bool all, uint32_t process)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < NAMES_MAX; i++) {
		struct service_name *s = &n->entry[i];

		if (name_equal(s->name, name_free) || s->core != core || (!all && s->process != process))
			continue;
		*s = (struct service_name){ 0 };
		gone++;
	}
	return gone;
}

unsigned names_forget(struct names *n, coreid_t core, uint32_t process) { return forget(n, core, false, process); }

unsigned names_forget_core(struct names *n, coreid_t core) { return forget(n, core, true, 0); }
