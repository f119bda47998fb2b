/* Paths as texts: see path.h. */
#include "libos/posix/path.h"

#include <errno.h>
#include <string.h>

static bool is_dot(const char *name, size_t length) { return length == 1 && name[0] == '.'; }
static bool is_dotdot(const char *name, size_t length) { return length == 2 && name[0] == '.' && name[1] == '.'; }

int path_join(const char *base, const char *path, char *out, bool *dir)
{
	const char *begin = path;
	size_t at = 0, begun, length;

	*dir = false;
	if (!*path)
		return ENOENT;
	if (*path != '/' && base[1])
		at = strlen(strcpy(out, base));
	for (;;) {
		while (*path == '/')
			path++;
		if (path - begin >= FILE_PATH_MAX)
			return ENAMETOOLONG;
		if (!*path)
			break;
		begun = at;
		out[at++] = '/';
		for (; *path && *path != '/' && at < FILE_PATH_MAX - 1; path++)
			out[at++] = *path;
		length = at - begun - 1;
		if (length > FILE_NAME_MAX || (*path && *path != '/') || at == FILE_PATH_MAX)
			return ENAMETOOLONG;
		*dir = *path || is_dot(out + begun + 1, length) || is_dotdot(out + begun + 1, length);
		if (is_dot(out + begun + 1, length))
			at = begun;
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
	for (char *dot = path; *dot; dot++)
		if (*dot == '.' && dot > path && dot[-1] == '/' && dot[1] == '.' && (!dot[2] || dot[2] == '/'))
			return dot - 1;
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
