/*
 * posix_spawn: a program in a process of its own, with what it inherits.
 */
#include <spawn.h>

#include <errno.h>
#include <unistd.h>

#include "libos/posix/children.h"
#include "libos/posix/launch.h"
#include "libos/posix/process.h"
#include "libos/posix/spawn_actions.h"
#include "libos/posix/spawn_on.h"

static int start(struct launch *l, uint32_t core, struct inherit *text, struct program *out)
{
	int error = inherit_start(&l->program, core, text, out);

	inherit_free(text);
	launch_drop(l);
	return error == ECHILD ? EAGAIN : error; /* it was killed before it began */
}

int spawn_on(uint32_t core, const char *path, char *const *argv, struct program *out)
{
	struct inherit text = { 0 };
	struct launch l;
	int error = launch_find(&l, path, argv, false);

	if (error)
		return error;
	launch_pack(&l, environ, &text);
	error = start(&l, core, &text, out);
	if (!error)
		child_drop(process_number(out->id, out->pid));
	return error;
}

static int spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const *argv, char *const *envp, bool search)
{
	struct inherit text = { .actions = actions && *actions };
	struct program out;
	struct launch l;
	int error = launch_find(&l, path, argv, search);

	if (error)
		return error;
	launch_pack(&l, envp ? envp : environ, &text);
	if (actions || attributes)
		spawn_actions_put(&text, actions, attributes);
	error = start(&l, PROC_ANYWHERE, &text, &out);
	if (!error && pid)
		*pid = process_number(out.id, out.pid);
	return error;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *restrict attributes, char *const argv[], char *const envp[])
{
	return spawn(pid, path, actions, attributes, argv, envp, false);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *restrict attributes, char *const argv[], char *const envp[])
{
	return spawn(pid, file, actions, attributes, argv, envp, true);
}
