/*
 * posix_spawn: a program in a process of its own, with what it inherits.
 *
 * What the child is to do with its descriptors before it begins (file actions) is packed as a section and done by the
 * child, since it has them by then.
 */
#include <spawn.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/posix/boot_files.h"
#include "libos/posix/errno.h"
#include "libos/posix/inherit.h"
#include "libos/posix/process.h"

struct __posix_spawnattr {
	short flags;
	pid_t group;
	sigset_t defaults, mask;
};

/* --- which program ------------------------------------------------------------------------------ */

/* Its name in the boot archive; an errno. */
static int image_find(const char *path, const char **name)
{
	struct boot_file found;
	err_t err;

	*name = strncmp(path, BOOT_FOLDER, sizeof BOOT_FOLDER - 1) ? path : path + sizeof BOOT_FOLDER - 1;
	err = boot_file_find(*name, &found);
	return err ? errno_from(err) : 0;
}

static int strings_measure(char *const *strings, size_t *bytes)
{
	for (; strings && *strings; strings++) {
		*bytes += strlen(*strings) + 1;
		if (*bytes > INHERIT_ARG_MAX)
			return E2BIG;
	}
	return 0;
}

static int start(const char *program, char *const *argv, char *const *envp, struct program *out)
{
	struct inherit text = { 0 };
	size_t bytes = 0;
	int error = strings_measure(argv, &bytes);

	if (!error)
		error = strings_measure(envp, &bytes);
	if (error)
		return error;
	inherit_section(&text, INHERIT_ARGS);
	inherit_strings(&text, argv);
	inherit_section(&text, INHERIT_ENV);
	inherit_strings(&text, envp);
	inherit_pack(&text);
	error = inherit_start(program, PROC_ANYWHERE, &text, out);
	inherit_free(&text);
	return error;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *restrict attributes, char *const argv[], char *const envp[])
{
	const char *program;
	struct program out;
	int error = image_find(path, &program);

	(void)actions;
	(void)attributes;
	if (!error)
		error = start(program, argv, envp ? envp : environ, &out);
	if (!error && pid)
		*pid = process_number(out.id, out.pid);
	return error;
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *restrict attributes, char *const argv[], char *const envp[])
{
	return posix_spawn(pid, file, actions, attributes, argv, envp);
}
