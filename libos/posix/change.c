/*
 * What changes directories: mkdir, rmdir, unlink, rename, link, symlink, mknod; and readlink.
 *
 * Each finds the directories that the last components are in, and leaves the rest to their server. Nothing is
 * moved or linked from one server to another: EXDEV.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/kept.h"
#include "libos/posix/place.h"

/* A directory where something is to be changed, with the name of it. */
struct change {
	struct place in;
	char name[FILE_NAME_MAX + 1];
	bool dir; /* a slash follows */
	uint32_t back;
	struct ninep_client *client;
};

/* An errno value; 0: within the client. */
static int change_begin(struct change *c, int at, const char *path)
{
	int error = place_parent(at, path, &c->in, c->name, &c->dir);

	if (error)
		return error;
	if (c->in.kind != PLACE_NINEP)
		return EROFS;
	c->client = place_enter(&c->in, &c->back);
	return c->client ? 0 : EIO;
}

/* -1 and errno, or 0. */
static int change_end(struct change *c, unsigned error)
{
	place_leave(&c->in, c->back);
	place_drop(&c->in);
	return error ? errno_fail(errno_from_ninep(error)) : 0;
}

/* Is there something at the path already? */
static bool exists(int at, const char *path)
{
	struct place p;

	if (place_find(at, path, PLACE_NOFOLLOW, &p))
		return false;
	place_drop(&p);
	return true;
}

/* What is wrong with making something at a path whose directory is no server's, or that is a mount point. */
static int not_made(int at, const char *path, int error)
{
	if (error == EBUSY || ((error == EROFS || error == EINVAL) && exists(at, path)))
		error = EEXIST;
	return errno_fail(error);
}

/* --- made -------------------------------------------------------------------------------------------------- */

int mkdirat(int at, const char *path, mode_t mode)
{
	struct change c;
	int error = change_begin(&c, at, path);

	if (error)
		return not_made(at, path, error);
	return change_end(&c, ninep_mkdir(c.client, c.in.fid, c.name, mode & ~file_umask & 07777));
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int at, const char *path)
{
	struct change c;
	int error;

	if (!*target)
		return errno_fail(ENOENT);
	if (strlen(target) >= FILE_PATH_MAX)
		return errno_fail(ENAMETOOLONG);
	error = change_begin(&c, at, path);
	if (error)
		return not_made(at, path, error);
	return change_end(&c, c.dir ? NINEP_ENOENT : ninep_symlink(c.client, c.in.fid, c.name, target));
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int mknodat(int at, const char *path, mode_t mode, dev_t dev)
{
	struct ninep_request r = { .m.type = NINEP_TMKNOD };
	struct change c;
	int error = change_begin(&c, at, path);

	if (error)
		return not_made(at, path, error);
	r.m.tmknod.fid = c.in.fid;
	r.m.tmknod.name = ninep_text(c.name);
	r.m.tmknod.mode = (mode & S_IFMT ? mode & S_IFMT : S_IFREG) | (mode & ~file_umask & 07777);
	r.m.tmknod.major = (uint32_t)(dev >> 32);
	r.m.tmknod.minor = (uint32_t)dev;
	return change_end(&c, c.dir ? NINEP_ENOENT : ninep_request(c.client, &r));
}

int mknod(const char *path, mode_t mode, dev_t dev) { return mknodat(AT_FDCWD, path, mode, dev); }

int mkfifoat(int at, const char *path, mode_t mode) { return mknodat(at, path, S_IFIFO | (mode & 07777), 0); }

int mkfifo(const char *path, mode_t mode) { return mkfifoat(AT_FDCWD, path, mode); }

/* --- removed ------------------------------------------------------------------------------------------------ */

static int remove_at(int at, const char *path, bool directory)
{
	struct change c;
	int error;

	kept_clear();
	error = change_begin(&c, at, path);
	if (error) {
		if (error == EROFS && !exists(at, path))
			error = ENOENT;
		/* "dir/.." can be no empty directory; unlink's error for any directory is EPERM. */
		if (error == EINVAL && !directory)
			error = EPERM;
		return errno_fail(error);
	}
	if (c.dir && !directory) {
		(void)change_end(&c, 0);
		return errno_fail(exists(at, path) ? EPERM : errno == ENOTDIR ? ENOTDIR : ENOENT);
	}
	return change_end(&c, ninep_unlink(c.client, c.in.fid, c.name, directory));
}

int unlink(const char *path) { return remove_at(AT_FDCWD, path, false); }

int rmdir(const char *path) { return remove_at(AT_FDCWD, path, true); }

int unlinkat(int at, const char *path, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return errno_fail(EINVAL);
	return remove_at(at, path, flags & AT_REMOVEDIR);
}

int remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return -1;
	return S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}

/* newlib's tmpfile asks for it by this name; newlib's own would bring another `remove`. */
int _remove_r(struct _reent *r, const char *path)
{
	(void)r;
	return remove(path);
}

/* --- moved, linked --------------------------------------------------------------------------------------------- */

/* Of two places on one server: within its client. */
static struct ninep_client *both_enter(const struct place *a, const struct place *b, uint32_t *back, int *error)
{
	struct ninep_client *c;

	*error = EXDEV;
	if (a->server != b->server)
		return NULL;
	*error = EIO;
	c = a->generation == b->generation ? place_enter(a, back) : NULL;
	return c;
}

/* The name that a directory would get is no file's to have. */
static int slash_checked(int at, const char *path, bool slash)
{
	struct place p;
	int error = slash ? place_find(at, path, PLACE_NOFOLLOW | PLACE_DIRECTORY, &p) : 0;

	if (slash && !error)
		place_drop(&p);
	return error;
}

static int two_parents(int at, const char *path, int newat, const char *newpath, struct change *from, struct change *to)
{
	int error = place_parent(at, path, &from->in, from->name, &from->dir);

	if (error)
		return error;
	error = place_parent(newat, newpath, &to->in, to->name, &to->dir);
	if (error) {
		place_drop(&from->in);
		return error;
	}
	if (from->in.kind == PLACE_NINEP && to->in.kind == PLACE_NINEP)
		return 0;
	place_drop(&from->in);
	place_drop(&to->in);
	return from->in.kind == to->in.kind ? EROFS : EXDEV;
}

int renameat(int at, const char *path, int newat, const char *newpath)
{
	struct change from, to;
	struct ninep_client *c;
	uint32_t back;
	int error;

	kept_clear();
	error = two_parents(at, path, newat, newpath, &from, &to);
	if (error)
		return errno_fail(error);
	error = slash_checked(at, path, from.dir || to.dir);
	c = error ? NULL : both_enter(&from.in, &to.in, &back, &error);
	if (c) {
		error = errno_from_ninep(ninep_rename(c, from.in.fid, from.name, to.in.fid, to.name));
		place_leave(&from.in, back);
	}
	place_drop(&from.in);
	place_drop(&to.in);
	return error ? errno_fail(error) : 0;
}

int rename(const char *path, const char *newpath) { return renameat(AT_FDCWD, path, AT_FDCWD, newpath); }

int linkat(int at, const char *path, int newat, const char *newpath, int flags)
{
	struct ninep_client *c;
	struct place of;
	struct change to;
	uint32_t back;
	int error;

	if (flags & ~AT_SYMLINK_FOLLOW)
		return errno_fail(EINVAL);
	error = place_find(at, path, flags & AT_SYMLINK_FOLLOW ? 0 : PLACE_NOFOLLOW, &of);
	if (error)
		return errno_fail(error);
	error = place_is_dir(&of) ? EPERM : place_parent(newat, newpath, &to.in, to.name, &to.dir);
	if (error) {
		place_drop(&of);
		return error == EPERM ? errno_fail(EPERM) : not_made(newat, newpath, error);
	}
	error = of.kind != PLACE_NINEP || to.in.kind != PLACE_NINEP ? EXDEV : to.dir ? ENOENT : 0;
	c = error ? NULL : both_enter(&of, &to.in, &back, &error);
	if (c) {
		error = errno_from_ninep(ninep_link(c, to.in.fid, to.name, of.fid));
		place_leave(&of, back);
	}
	place_drop(&of);
	place_drop(&to.in);
	return error ? errno_fail(error) : 0;
}

int link(const char *path, const char *newpath) { return linkat(AT_FDCWD, path, AT_FDCWD, newpath, 0); }

/* --- read --------------------------------------------------------------------------------------------------------- */

ssize_t readlinkat(int at, const char *restrict path, char *restrict to, size_t size)
{
	char target[NINEP_TARGET_MAX];
	struct ninep_client *c;
	struct place p;
	uint32_t back;
	size_t length;
	int error = place_find(at, path, PLACE_NOFOLLOW, &p);

	if (error)
		return errno_fail(error);
	if (p.kind != PLACE_NINEP || !(p.qid.type & NINEP_QTSYMLINK)) {
		place_drop(&p);
		return errno_fail(EINVAL);
	}
	c = place_enter(&p, &back);
	error = EIO;
	if (c) {
		error = errno_from_ninep(ninep_readlink(c, p.fid, target, sizeof(target)));
		place_leave(&p, back);
	}
	place_drop(&p);
	if (error)
		return errno_fail(error);
	length = strlen(target) < size ? strlen(target) : size;
	memcpy(to, target, length);
	return (ssize_t)length;
}

ssize_t readlink(const char *restrict path, char *restrict to, size_t size)
{
	return readlinkat(AT_FDCWD, path, to, size);
}
