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
#include "libos/posix/errno.h"
#include "libos/posix/signals.h"

static void state_put(struct inherit *i)
{
	struct inherit_state s = { .parent = (uint32_t)getpid(),
				   .group = (uint32_t)getpgrp(),
				   .session = (uint32_t)getsid(0) };

	signals_pack(&s.blocked, &s.ignored);
	inherit_add(i, &s, sizeof s);
}

static int state_take(const char *data, size_t bytes)
{
	struct mon_relation r;
	struct inherit_state s;

	if (bytes != sizeof s)
		return EPROTO;
	memcpy(&s, data, sizeof s);
	r = (struct mon_relation){ .group = s.group, .session = s.session, .parent = s.parent };
	parent_set((pid_t)s.parent);
	signals_unpack(s.blocked, s.ignored);
	return errno_from(mon_relate(process_self_core(), MON_TO_PID, process_self_pid(),
				     MON_SET_GROUP | MON_SET_SESSION | MON_SET_PARENT, &r));
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
