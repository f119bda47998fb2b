/*
 * exec in its forms: another program in place of this one, with its number, its children and what it inherits.
 *
 * On the wire it is a start like any other (inherit.h); when the successor has taken all, this process ends without
 * its end being told.
 */
#include <alloca.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "libos/posix/children.h"
#include "libos/posix/errno.h"
#include "libos/posix/launch.h"

static int become(const char *path, char *const *argv, char *const *envp, bool search)
{
	struct inherit text = { .becomes = true };
	struct launch l;
	int error = launch_find(&l, path, argv, search);

	if (error)
		return errno_fail(error);
	launch_pack(&l, envp, &text);
	inherit_section(&text, INHERIT_CHILDREN);
	children_pack(&text);
	error = inherit_become(&l.program, &text);
	inherit_free(&text);
	launch_drop(&l);
	return errno_fail(error);
}

int execve(const char *path, char *const *argv, char *const *envp) { return become(path, argv, envp, false); }

int execv(const char *path, char *const *argv) { return become(path, argv, environ, false); }

int execvp(const char *file, char *const *argv) { return become(file, argv, environ, true); }

int fexecve(int fd, char *const *argv, char *const *envp)
{
	char path[32];

	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	return become(path, argv, envp, false);
}

/* The arguments up to the NULL, on the stack of whoever has them. */
#define ARGUMENTS(first, list, argv)                                           \
	do {                                                                   \
		va_list count_;                                                \
		size_t n_ = 1;                                                 \
                                                                               \
		va_copy(count_, list);                                         \
		while (va_arg(count_, char *))                                 \
			n_++;                                                  \
		va_end(count_);                                                \
		(argv) = alloca((n_ + 1) * sizeof(char *));                    \
		(argv)[0] = (char *)(uintptr_t)(first);                        \
		for (size_t i_ = 1; ((argv)[i_] = va_arg(list, char *)); i_++) \
			;                                                      \
	} while (0)

int execl(const char *path, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	ARGUMENTS(first, list, argv);
	va_end(list);
	return execv(path, argv);
}

int execlp(const char *file, const char *first, ...)
{
	char **argv;
	va_list list;

	va_start(list, first);
	ARGUMENTS(first, list, argv);
	va_end(list);
	return execvp(file, argv);
}

int execle(const char *path, const char *first, ...)
{
	char **argv, **envp;
	va_list list;

	va_start(list, first);
	ARGUMENTS(first, list, argv);
	envp = va_arg(list, char **);
	va_end(list);
	return execve(path, argv, envp);
}
