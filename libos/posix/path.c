/* Paths as texts: see path.h. */
#include "libos/posix/path.h"

#include <errno.h>
#include <string.h>

static bool is_dot(const char *name, size_t length) { return length == 1 && name[0] == '.'; }
static bool is_dotdot(const char *name, size_t length) { return length == 2 && name[0] == '.' && name[1] == '.'; }

int path_join(const char *base, const char *path, char *out, bool *dir)
{
	const char *begin = path;
	size_t at = 0, length;

	*dir = false;
	if (!*path)
		return ENOENT;
	if (*path != '/' && base[1])
		at = strlen(strcpy(out, base));
	for (;; path += length) {
		while (*path == '/')
			path++;
		if (path - begin >= FILE_PATH_MAX)
			return ENAMETOOLONG;
		if (!*path)
			break;
		for (length = 0; path[length] && path[length] != '/'; length++)
			;
		*dir = path[length] || is_dot(path, length) || is_dotdot(path, length);
		if (length > FILE_NAME_MAX || at + length + 2 > FILE_PATH_MAX)
			return ENAMETOOLONG;
		if (!is_dot(path, length)) {
			out[at++] = '/';
			memcpy(out + at, path, length);
			at += length;
		}
	}
	if (!at)
		out[at++] = '/';
	out[at] = 0;
	return 0;
}

void path_cut(char *path, char *name)
{
	char *slash = strrchr(path, '/');

	strcpy(name, slash + 1);
	slash[slash == path] = 0;
}

char *path_dotdot(char *path)
{
	for (; *path; path++)
		if (path[1] == '.' && path[0] == '/' && path[2] == '.' && (!path[3] || path[3] == '/'))
			return path;
	return NULL;
}

bool path_under(const char *path, const char *at, const char **rest)
{
	if (at[1]) /* "/" is the beginning of all */
		for (; *at; at++, path++)
			if (*at != *path)
				return false;
	if (*path && *path != '/')
		return false;
	*rest = path + (*path == '/');
	return true;
}
