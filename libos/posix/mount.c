/* Calls of <skerry/namespace.h>: paths as programs give them, errno. */
#include <errno.h>
#include <fcntl.h>
#include <skerry/namespace.h>
#include <string.h>

#include "libos/posix/errno.h"
#include "libos/posix/namespace.h"
#include "libos/posix/place.h"

_Static_assert(SKERRY_BEFORE == NS_BEFORE && SKERRY_AFTER == NS_AFTER && SKERRY_CREATE == NS_CREATE, "one meaning");

#define FLAGS (SKERRY_BEFORE | SKERRY_AFTER | SKERRY_CREATE)

/* A clean path, without links and "..", as far as there is something; what is not there may become a mount point. */
static int clean(const char *path, char *out)
{
	struct place p;
	bool dir;
	int error = place_find(AT_FDCWD, path, 0, &p);

	if (!error) {
		strcpy(out, p.path);
		place_drop(&p);
		return 0;
	}
	error = path_of(AT_FDCWD, path, out, &dir);
	return !error && path_dotdot(out) ? ENOENT : error;
}

static int result(int error) { return error ? errno_fail(error) : 0; }

int skerry_mount(const char *source, const char *at, unsigned flags)
{
	char where[FILE_PATH_MAX];
	int error = flags & ~FLAGS ? EINVAL : clean(at, where);

	return result(error ? error : ns_mount(source, where, flags));
}

int skerry_bind(const char *from, const char *at, unsigned flags)
{
	char what[FILE_PATH_MAX], where[FILE_PATH_MAX];
	int error = flags & ~FLAGS ? EINVAL : clean(from, what);

	if (!error)
		error = clean(at, where);
	return result(error ? error : ns_bind(what, where, flags));
}

int skerry_unmount(const char *source, const char *at)
{
	char where[FILE_PATH_MAX];
	int error = clean(at, where);

	return result(error ? error : ns_unmount(source, where));
}

char *skerry_namespace(void)
{
	char *text = ns_pack();

	if (!text)
		errno = ENOMEM;
	return text;
}

int skerry_namespace_set(const char *text) { return result(ns_unpack(text)); }
