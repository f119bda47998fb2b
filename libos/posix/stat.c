/*
 * What is known of files, and its changes that need no directory: stat, access, chmod, chown, times, lengths, statvfs.
 *
 * Whether one may is the server's to say; a process has no user of its own yet, so access() asks for the mode's
 * bits of any of the three.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "libos/posix/absent.h"
#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/open_file.h"
#include "libos/posix/place.h"

#define FOLLOW_OF(flags) ((flags)&AT_SYMLINK_NOFOLLOW ? PLACE_NOFOLLOW : 0)

/* --- stat ------------------------------------------------------------------------------------------------- */

static int stat_at(int at, const char *path, unsigned flags, struct stat *out)
{
	struct absent_look look;
	struct place p;
	int error;

	if (path && absent_known(path, &look))
		return errno_fail(ENOENT);
	error = place_find(at, path, flags | PLACE_STAT, &p);
	if (error == ENOENT)
		absent_seen(path, p.path, &look);
	if (error)
		return errno_fail(error);
	error = place_stat(&p, out);
	place_drop(&p);
	return error ? errno_fail(error) : 0;
}

int stat(const char *restrict path, struct stat *restrict out) { return stat_at(AT_FDCWD, path, 0, out); }

int lstat(const char *restrict path, struct stat *restrict out) { return stat_at(AT_FDCWD, path, PLACE_NOFOLLOW, out); }

int fstat(int fd, struct stat *out)
{
	struct open_file *f = fd_get(fd);
	int error;

	if (!f)
		return -1;
	error = f->ops->stat(f, out);
	file_drop(f);
	return error ? errno_fail(error) : 0;
}

int fstatat(int at, const char *restrict path, struct stat *restrict out, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return errno_fail(EINVAL);
	if (flags & AT_EMPTY_PATH && !*path && at != AT_FDCWD)
		return fstat(at, out);
	return stat_at(at, path, FOLLOW_OF(flags), out);
}

int isatty(int fd)
{
	struct open_file *f = fd_get(fd);
	bool is;

	if (!f)
		return 0;
	is = f->ops == &file_console_ops;
	file_drop(f);
	if (!is)
		errno = ENOTTY;
	return is;
}

int faccessat(int at, const char *path, int mode, int flags)
{
	struct stat st;
	mode_t all;

	if (mode & ~(R_OK | W_OK | X_OK) || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW))
		return errno_fail(EINVAL);
	if (stat_at(at, path, FOLLOW_OF(flags), &st))
		return -1;
	all = (st.st_mode >> 6 | st.st_mode >> 3 | st.st_mode) & 7;
	return (mode & 7) & ~(int)all ? errno_fail(EACCES) : 0;
}

int access(const char *path, int mode) { return faccessat(AT_FDCWD, path, mode, 0); }

/* --- attributes -------------------------------------------------------------------------------------------- */

#define SET_ATIME 0x10u
#define SET_MTIME 0x20u
#define SET_ATIME_TO 0x80u
#define SET_MTIME_TO 0x100u

/* A Tsetattr of a fid. */
static int fid_set(struct ninep_client *c, uint32_t fid, struct ninep_request *r)
{
	if (!c)
		return EIO;
	r->m.type = NINEP_TSETATTR;
	r->m.tsetattr.fid = fid;
	return errno_from_ninep(ninep_request(c, r));
}

static int place_set(int at, const char *path, unsigned flags, struct ninep_request *r)
{
	struct ninep_client *c;
	struct place p;
	uint32_t back;
	int error = place_find(at, path, flags, &p);

	if (error)
		return errno_fail(error);
	if (p.kind != PLACE_NINEP)
		return errno_fail(EROFS);
	if (r->m.tsetattr.valid & NINEP_SET_SIZE && place_is_dir(&p)) {
		place_drop(&p);
		return errno_fail(EISDIR);
	}
	c = place_enter(&p, &back);
	error = fid_set(c, p.fid, r);
	if (c)
		place_leave(&p, back);
	place_drop(&p);
	return error ? errno_fail(error) : 0;
}

static int file_set(int fd, struct ninep_request *r)
{
	struct open_file *f = fd_get(fd);
	struct ninep_client *c;
	uint32_t back;
	int error;

	if (!f)
		return -1;
	if (f->ops == &file_ninep_ops || (f->ops == &file_dir_ops && f->ninep.server)) {
		c = file_enter(f, &back);
		error = fid_set(c, f->ninep.fid, r);
		if (c)
			file_leave(f, back);
	} else {
		error = f->ops->stream ? EINVAL : EROFS;
	}
	file_drop(f);
	return error ? errno_fail(error) : 0;
}

static struct ninep_request set_mode(mode_t mode)
{
	struct ninep_request r = { 0 };

	r.m.tsetattr.valid = NINEP_SET_MODE;
	r.m.tsetattr.mode = mode & 07777;
	return r;
}

int chmod(const char *path, mode_t mode) { return fchmodat(AT_FDCWD, path, mode, 0); }

int fchmod(int fd, mode_t mode)
{
	struct ninep_request r = set_mode(mode);

	return file_set(fd, &r);
}

int fchmodat(int at, const char *path, mode_t mode, int flags)
{
	struct ninep_request r = set_mode(mode);

	if (flags & ~AT_SYMLINK_NOFOLLOW)
		return errno_fail(EINVAL);
	return place_set(at, path, FOLLOW_OF(flags), &r);
}

/* -1 leaves one as it is. */
static struct ninep_request set_owner(uid_t uid, gid_t gid)
{
	struct ninep_request r = { 0 };

	r.m.tsetattr.valid = (uid != (uid_t)-1 ? NINEP_SET_UID : 0) | (gid != (gid_t)-1 ? NINEP_SET_GID : 0);
	r.m.tsetattr.uid = uid;
	r.m.tsetattr.gid = gid;
	return r;
}

int fchownat(int at, const char *path, uid_t uid, gid_t gid, int flags)
{
	struct ninep_request r = set_owner(uid, gid);

	if (flags & ~AT_SYMLINK_NOFOLLOW)
		return errno_fail(EINVAL);
	return place_set(at, path, FOLLOW_OF(flags), &r);
}

int chown(const char *path, uid_t uid, gid_t gid) { return fchownat(AT_FDCWD, path, uid, gid, 0); }

int lchown(const char *path, uid_t uid, gid_t gid) { return fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW); }

int fchown(int fd, uid_t uid, gid_t gid)
{
	struct ninep_request r = set_owner(uid, gid);

	return file_set(fd, &r);
}

/* --- times ---------------------------------------------------------------------------------------------------- */

/* Bits of valid for one of the two times; false: it is none. */
static bool time_bits(const struct timespec *t, uint32_t now, uint32_t to, uint32_t *valid)
{
	if (t->tv_nsec == UTIME_OMIT)
		return true;
	*valid |= now | (t->tv_nsec == UTIME_NOW ? 0 : to);
	return t->tv_nsec == UTIME_NOW || (t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

/* Without times: now. */
static int set_times(const struct timespec *t, struct ninep_request *r)
{
	uint32_t valid = 0;

	*r = (struct ninep_request){ 0 };
	if (!t) {
		r->m.tsetattr.valid = SET_ATIME | SET_MTIME;
		return 0;
	}
	if (!time_bits(&t[0], SET_ATIME, SET_ATIME_TO, &valid) || !time_bits(&t[1], SET_MTIME, SET_MTIME_TO, &valid))
		return EINVAL;
	r->m.tsetattr.valid = valid;
	r->m.tsetattr.atime_sec = (uint64_t)t[0].tv_sec;
	r->m.tsetattr.atime_nsec = (uint64_t)t[0].tv_nsec;
	r->m.tsetattr.mtime_sec = (uint64_t)t[1].tv_sec;
	r->m.tsetattr.mtime_nsec = (uint64_t)t[1].tv_nsec;
	return 0;
}

int utimensat(int at, const char *path, const struct timespec *times, int flags)
{
	struct ninep_request r;
	int error = flags & ~AT_SYMLINK_NOFOLLOW ? EINVAL : set_times(times, &r);

	return error ? errno_fail(error) : place_set(at, path, FOLLOW_OF(flags), &r);
}

int futimens(int fd, const struct timespec *times)
{
	struct ninep_request r;
	int error = set_times(times, &r);

	return error ? errno_fail(error) : file_set(fd, &r);
}

int utimes(const char *path, const struct timeval *times)
{
	struct timespec t[2];

	for (unsigned i = 0; times && i < 2; i++)
		t[i] = (struct timespec){ times[i].tv_sec, times[i].tv_usec * 1000 };
	return utimensat(AT_FDCWD, path, times ? t : NULL, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
	struct timespec t[2];

	if (times) {
		t[0] = (struct timespec){ times->actime, 0 };
		t[1] = (struct timespec){ times->modtime, 0 };
	}
	return utimensat(AT_FDCWD, path, times ? t : NULL, 0);
}

/* --- lengths --------------------------------------------------------------------------------------------------- */

static struct ninep_request set_size(off_t size)
{
	struct ninep_request r = { 0 };

	r.m.tsetattr.valid = NINEP_SET_SIZE;
	r.m.tsetattr.size = (uint64_t)size;
	return r;
}

int truncate(const char *path, off_t size)
{
	struct ninep_request r = set_size(size);

	return size < 0 ? errno_fail(EINVAL) : place_set(AT_FDCWD, path, 0, &r);
}

int ftruncate(int fd, off_t size)
{
	struct ninep_request r = set_size(size);
	struct open_file *f = fd_get(fd);
	bool may;

	if (!f)
		return -1;
	may = size >= 0 && (f->flags & O_ACCMODE) != O_RDONLY;
	file_drop(f);
	return may ? file_set(fd, &r) : errno_fail(EINVAL);
}

int posix_fallocate(int fd, off_t offset, off_t length)
{
	struct stat st;

	if (offset < 0 || length <= 0)
		return EINVAL;
	if (fstat(fd, &st))
		return errno;
	if (S_ISFIFO(st.st_mode))
		return ESPIPE;
	return offset + length > st.st_size && ftruncate(fd, offset + length) ? errno : 0;
}

/* Advice is welcome, but nothing is read ahead. */
int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
	struct open_file *f = fd_get(fd);

	(void)offset;
	if (!f)
		return EBADF;
	file_drop(f);
	return length < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_DONTNEED ? EINVAL : 0;
}

/* --- file systems ------------------------------------------------------------------------------------------------ */

static int fid_statvfs(struct ninep_client *c, uint32_t fid, struct statvfs *out)
{
	struct ninep_request r = { .m.type = NINEP_TSTATFS };
	unsigned error;

	if (!c)
		return EIO;
	r.m.tstatfs.fid = fid;
	error = ninep_request(c, &r);
	if (error)
		return errno_from_ninep(error);
	*out = (struct statvfs){
		.f_bsize = r.m.rstatfs.bsize,
		.f_frsize = r.m.rstatfs.bsize,
		.f_blocks = r.m.rstatfs.blocks,
		.f_bfree = r.m.rstatfs.bfree,
		.f_bavail = r.m.rstatfs.bavail,
		.f_files = r.m.rstatfs.files,
		.f_ffree = r.m.rstatfs.ffree,
		.f_favail = r.m.rstatfs.ffree,
		.f_fsid = r.m.rstatfs.fsid,
		.f_namemax = r.m.rstatfs.namelen ? r.m.rstatfs.namelen : FILE_NAME_MAX,
	};
	return 0;
}

/* Of what is the libOS's own: nothing is free. */
static int own_statvfs(struct statvfs *out)
{
	*out = (struct statvfs){ .f_bsize = 4096, .f_frsize = 4096, .f_flag = ST_RDONLY, .f_namemax = FILE_NAME_MAX };
	return 0;
}

int statvfs(const char *restrict path, struct statvfs *restrict out)
{
	struct ninep_client *c;
	struct place p;
	uint32_t back;
	int error = place_find(AT_FDCWD, path, 0, &p);

	if (error)
		return errno_fail(error);
	if (p.kind != PLACE_NINEP)
		return own_statvfs(out);
	c = place_enter(&p, &back);
	error = fid_statvfs(c, p.fid, out);
	if (c)
		place_leave(&p, back);
	place_drop(&p);
	return error ? errno_fail(error) : 0;
}

int fstatvfs(int fd, struct statvfs *out)
{
	struct open_file *f = fd_get(fd);
	struct ninep_client *c;
	uint32_t back;
	int error;

	if (!f)
		return -1;
	if (f->ops == &file_ninep_ops || (f->ops == &file_dir_ops && f->ninep.server)) {
		c = file_enter(f, &back);
		error = fid_statvfs(c, f->ninep.fid, out);
		if (c)
			file_leave(f, back);
	} else {
		error = own_statvfs(out);
	}
	file_drop(f);
	return error ? errno_fail(error) : 0;
}
