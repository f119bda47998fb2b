/*
 * The parts of this process that every child inherits: one table of who packs and who takes which section.
 */
#include "libos/posix/inherit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"
#include "libos/posix/errno.h"
#include "libos/posix/signals.h"
#include "libos/posix/fd.h"
#include "libos/posix/namespace.h"
#include "libos/posix/place.h"

static void state_put(struct inherit *i)
{
	struct inherit_state s = { .parent = (uint32_t)(i->becomes ? parent_get() : getpid()),
				   .group = (uint32_t)getpgrp(),
				   .session = (uint32_t)getsid(0),
				   .most = program_most };

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
	program_most = s.most;
	signals_unpack(s.blocked, s.ignored);
	return errno_from(mon_relate(process_self_core(), MON_TO_PID, process_self_pid(),
				     MON_SET_GROUP | MON_SET_SESSION | MON_SET_PARENT, &r));
}

static void text_put(struct inherit *i, char *text)
{
	if (text)
		inherit_add(i, text, strlen(text) + 1);
	else if (!i->error)
		i->error = ENOMEM;
	free(text);
}

/* The open files that it has, each by a token of its server's; a copy has also what is closed by exec. */
static void files_put(struct inherit *i) { text_put(i, fd_pack(!i->actions && !i->forks)); }

static int files_take(const char *data, size_t bytes) { return bytes && !data[bytes - 1] ? fd_unpack(data) : EPROTO; }

void inherit_undo(const struct inherit *text)
{
	size_t bytes;
	const char *files = inherit_find(text, INHERIT_FILES, &bytes);

	if (files && bytes && !files[bytes - 1])
		fd_pack_undo(files);
}

static void names_put(struct inherit *i) { text_put(i, ns_pack()); }

static int names_take(const char *data, size_t bytes) { return bytes && !data[bytes - 1] ? ns_unpack(data) : EPROTO; }

/* umask and working directory. */
static void place_put(struct inherit *i)
{
	char *cwd = malloc(FILE_PATH_MAX);

	if (cwd)
		cwd_get(cwd);
	inherit_add(i, &file_umask, sizeof(file_umask));
	text_put(i, cwd);
}

static int place_take(const char *data, size_t bytes)
{
	if (bytes < sizeof(file_umask) + 2 || data[bytes - 1])
		return EPROTO;
	memcpy(&file_umask, data, sizeof(file_umask));
	return cwd_set(data + sizeof(file_umask));
}

static const struct part {
	enum inherit_section tag;
	void (*put)(struct inherit *i);
	int (*take)(const char *data, size_t bytes);
} parts[] = {
	{ INHERIT_STATE, state_put, state_take },
	{ INHERIT_NAMES, names_put, names_take },
	{ INHERIT_PLACE, place_put, place_take },
	{ INHERIT_FILES, files_put, files_take }, /* after names: what cannot be passed is opened by its path */
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
