/*
 * The parts of this process that every child inherits: one table of who packs and who takes which section.
 */
#include "libos/posix/inherit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"

static void state_put(struct inherit *i)
{
	const struct inherit_state s = { .parent = (uint64_t)getpid() };

	inherit_add(i, &s, sizeof s);
}

static int state_take(const char *data, size_t bytes)
{
	struct inherit_state s;

	if (bytes != sizeof s)
		return EPROTO;
	memcpy(&s, data, sizeof s);
	parent_set((pid_t)s.parent);
	return 0;
}

static const struct part {
	enum inherit_section tag;
	void (*put)(struct inherit *i);
	int (*take)(const char *data, size_t bytes);
} parts[] = {
	{ INHERIT_STATE, state_put, state_take },
};
#define PARTS (sizeof parts / sizeof *parts)

void inherit_pack(struct inherit *i)
{
	for (unsigned p = 0; p < PARTS; p++) {
		inherit_section(i, parts[p].tag);
		parts[p].put(i);
	}
}

int inherit_unpack(const struct inherit *text)
{
	int error = 0;

	for (unsigned p = 0; p < PARTS && !error; p++) {
		size_t bytes;
		const char *data = inherit_find(text, parts[p].tag, &bytes);

		error = data ? parts[p].take(data, bytes) : EPROTO;
	}
	return error;
}
