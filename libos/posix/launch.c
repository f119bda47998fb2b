/*
 * From a path to a program and its arguments: launch.h.
 */
#include "libos/posix/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/posix/boot_files.h"
#include "libos/posix/errno.h"

#define SHELL "sh"
#define PATH_USUAL "/boot"
#define ELF_MARK "\177ELF"

/* Its name in the boot archive, if that is where it lies. */
static const char *archive_name(const char *path)
{
	static const char *const folders[] = { BOOT_FOLDER, "/bin/", "/usr/bin/" };

	for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return path + strlen(folders[i]);
	return NULL;
}

/* "#! interpreter argument": two words at most, the second with its blanks. */
static int script_parse(struct launch *l, const char *path)
{
	char *at = l->line + 2, *end = strpbrk(at, "\r\n");
	unsigned n = 0;

	if (!end)
		return ENOEXEC;
	*end = '\0';
	while (end > at && strchr(" \t", end[-1]))
		*--end = '\0';
	at += strspn(at, " \t");
	if (!*at)
		return ENOEXEC;
	l->before[n++] = at;
	at += strcspn(at, " \t");
	if (*at) {
		*at++ = '\0';
		l->before[n++] = at + strspn(at, " \t");
	}
	l->before[n] = (char *)(uintptr_t)path;
	return 0;
}

static int program_in_archive(struct launch *l, const char *name)
{
	struct boot_file file;
	err_t err = boot_file_find(name, &file);

	if (err)
		return errno_from(err);
	if (file.size < 4 || memcmp(file.data, ELF_MARK, 4))
		return ENOEXEC;
	strncpy(l->program.name, name, sizeof l->program.name - 1);
	return 0;
}

static int path_find(struct launch *l, const char *path, bool script);

static int script_find(struct launch *l, const char *path, size_t bytes)
{
	int error;

	l->line[bytes] = '\0';
	error = script_parse(l, path);
	return error ? error : path_find(l, l->before[0], false);
}

static int file_find(struct launch *l, int fd, const char *path, bool script)
{
	char head[LAUNCH_LINE];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return errno;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return EACCES;
	n = pread(fd, head, sizeof head - 1, 0);
	if (n < 0)
		return errno;
	if (n < 2 || memcmp(head, "#!", 2))
		return executable_load(fd, path, &l->program);
	if (!script)
		return ENOEXEC;
	memcpy(l->line, head, sizeof head);
	return script_find(l, path, (size_t)n);
}

/* `script`: it may be one. */
static int path_find(struct launch *l, const char *path, bool script)
{
	const char *name = archive_name(path);
	int error = name ? program_in_archive(l, name) : ENOENT, fd;

	if (error != ENOENT && error != ENOEXEC)
		return error;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EISDIR ? EACCES : errno;
	error = file_find(l, fd, path, script);
	close(fd);
	return error;
}

/* The first folder of PATH that has it; `room`: where the path is written. */
static int search_path(struct launch *l, const char *name, char *room)
{
	const char *at = getenv("PATH");
	int error = ENOENT;

	for (at = at ? at : PATH_USUAL; at; at = *at ? at + 1 : NULL) {
		size_t n = strcspn(at, ":");
		int one;

		if (n + strlen(name) + 2 > PATH_MAX)
			return ENAMETOOLONG;
		snprintf(room, PATH_MAX, "%.*s/%s", n ? (int)n : 1, n ? at : ".", name);
		one = path_find(l, room, true);
		if (one != ENOENT && one != ENOTDIR)
			return one;
		at += n;
		if (!*at)
			break;
	}
	return error;
}

int launch_find(struct launch *l, const char *path, char *const *argv, bool search)
{
	static char room[PATH_MAX];
	int error;

	*l = (struct launch){ .argv = argv };
	if (!*path)
		return ENOENT;
	if (strlen(path) >= PATH_MAX)
		return ENAMETOOLONG;
	if (!search || strchr(path, '/'))
		return path_find(l, path, true);
	error = search_path(l, path, room);
	if (error == ENOEXEC) {
		l->before[0] = (char *)(uintptr_t)SHELL;
		l->before[1] = room;
		l->before[2] = NULL;
		error = program_in_archive(l, SHELL) ? ENOEXEC : 0;
	}
	return error;
}

/* False, and an error in the text: they are longer than is allowed. */
static bool strings_fit(struct inherit *text, char *const *strings, size_t *bytes)
{
	for (; strings && *strings; strings++) {
		*bytes += strlen(*strings) + 1;
		if (*bytes > INHERIT_ARG_MAX)
			text->error = E2BIG;
	}
	return !text->error;
}

void launch_pack(const struct launch *l, char *const *envp, struct inherit *text)
{
	char *const *argv = l->argv && l->before[0] && l->argv[0] ? l->argv + 1 : l->argv;
	size_t bytes = 0;

	if (!strings_fit(text, argv, &bytes) || !strings_fit(text, envp, &bytes))
		return;
	inherit_section(text, INHERIT_ARGS);
	inherit_strings(text, l->before);
	inherit_strings(text, argv);
	inherit_section(text, INHERIT_ENV);
	inherit_strings(text, envp);
	executable_pack(&l->program, text);
	inherit_pack(text);
}

void launch_drop(struct launch *l) { executable_drop(&l->program); }
