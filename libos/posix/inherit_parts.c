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
#include "libos/posix/fd.h"
#include "libos/posix/namespace.h"
#include "libos/posix/place.h"
#include "libos/posix/process.h"
#include "libos/posix/signals.h"

bool inherit_succeeds;

static void state_put(struct inherit *i)
{
	struct inherit_state s = { .parent = (uint32_t)(i->becomes ? parent_get() : getpid()),
				   .most = program_most,
				   .becomes = i->becomes };
	struct mon_relation r;

	if (!group_own(&r)) {
		s.group = r.group;
		s.session = r.session;
	}
	i->group = (pid_t)s.group;
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
	inherit_succeeds = s.becomes;
	if (inherit_succeeds)
		return 0;
	return errno_from(mon_relate_say(MON_SET_GROUP | MON_SET_SESSION | MON_SET_PARENT, &r));
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
static void files_put(struct inherit *i) { fd_pack(i, !i->actions && !i->forks); }

__attribute__((weak)) const struct inherit_mappings *inherit_mappings = NULL;

void inherit_undo(const struct inherit *text)
{
	size_t bytes;
	const char *files = inherit_find(text, INHERIT_FILES, &bytes), *mappings;

	if (files)
		fd_pack_undo(files, bytes);
	mappings = inherit_mappings ? inherit_find(text, INHERIT_MAPPINGS, &bytes) : NULL;
	if (mappings)
		inherit_mappings->undo(mappings, bytes);
}

/* Nothing: it has the default, as the child has from the beginning. */
static void names_put(struct inherit *i)
{
	if (!ns_is_default())
		text_put(i, ns_pack());
}

static int names_take(const char *data, size_t bytes)
{
	if (!bytes)
		return 0;
	return data[bytes - 1] ? EPROTO : ns_unpack(data);
}

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
	{ INHERIT_FILES, files_put, fd_unpack }, /* after names: what cannot be passed is opened by its path */
};
#define PARTS (sizeof parts / sizeof *parts)

void inherit_pack(struct inherit *i)
{
	for (unsigned p = 0; p < PARTS; p++) {
		inherit_section(i, parts[p].tag);
		parts[p].put(i);
	}
	if (i->forks && inherit_mappings)
		inherit_mappings->pack(i);
}

int inherit_unpack(const struct inherit *text)
{
	const char *data;
	size_t bytes;
	int error = 0;

	for (unsigned p = 0; p < PARTS && !error; p++) {
		data = inherit_find(text, parts[p].tag, &bytes);
		error = data ? parts[p].take(data, bytes) : EPROTO;
	}
	data = !error && inherit_mappings ? inherit_find(text, INHERIT_MAPPINGS, &bytes) : NULL;
	return data ? inherit_mappings->unpack(data, bytes) : error;
}
