/*
 * The name table: few entries, so it is searched from end to end. Portable, and
 * tested on the host.
 */
#include "monitor/names.h"
#include "kernel/abi/error.h"

static bool name_equal(const uint64_t a[2], const uint64_t b[2]) { return a[0] == b[0] && a[1] == b[1]; }

static const uint64_t name_free[2];

err_t names_add(struct names *n, const struct service_name *s)
{
	struct service_name *place = NULL;

	if (name_equal(s->name, name_free))
		return ERR_ARGUMENT;
	if (names_find(n, s->name))
		return ERR_EXISTS;
	for (unsigned i = 0; i < NAMES_MAX && !place; i++) {
		if (name_equal(n->entry[i].name, name_free))
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

unsigned names_forget(struct names *n, coreid_t core, uint32_t process)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < NAMES_MAX; i++) {
		struct service_name *s = &n->entry[i];

		if (name_equal(s->name, name_free) || s->core != core || s->process != process)
			continue;
		*s = (struct service_name){ 0 };
		gone++;
	}
	return gone;
}
