/*
 * open and its kin.
 *
 * A file that O_CREAT finds is opened, one that it does not find is made in the directory that would have it; who is
 * overtaken in between begins anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/kept.h"
#include "libos/posix/fd.h"
#include "libos/posix/open_file.h"
#include "libos/posix/place.h"

#define KEPT (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC) /* of the flags, in the open file */
#define AGAIN (-1)                                        /* somebody made it meanwhile */

/* Another descriptor of what one stands for, as dup makes it. */
static int file_of_descriptor(int fd, int flags, struct open_file **out)
{
	struct open_file *f = fd_get(fd);
	int access = f ? f->flags & O_ACCMODE : 0;

	if (!f)
		return ENOENT;
	if (access != O_RDWR && access != (flags & O_ACCMODE)) {
		file_drop(f);
		return EACCES;
	}
	*out = f;
	return 0;
}

int file_of_place(struct place *p, int flags, struct open_file **out)
{
	const struct open_file_ops *ops = place_is_dir(p)            ? &file_dir_ops
					  : p->kind == PLACE_NINEP   ? &file_ninep_ops
					  : p->kind == PLACE_CONSOLE ? &file_console_ops
								     : &file_boot_ops;
	int error = file_make(ops, flags & KEPT, p->path, out);

	if (error) {
		place_drop(p);
		return error;
	}
	switch (p->kind) {
	case PLACE_NINEP:
		(*out)->ninep.server = p->server;
		(*out)->ninep.generation = p->generation;
		(*out)->ninep.fid = p->fid;
		(*out)->ninep.blocks = !p->qid.version && !place_is_dir(p);
		break;
	case PLACE_BOOT:
		(*out)->boot.data = p->data;
		(*out)->boot.size = p->size;
		(*out)->boot.number = p->number;
		break;
	case PLACE_DIR:
		(*out)->ninep.fid = (uint32_t)p->number;
		break;
	case PLACE_CONSOLE:
	case PLACE_FD:
		break;
	}
	return 0;
}

/* --- what is there ---------------------------------------------------------------------------------------- */

/* Opening a synthetic file (a FIFO) may take till somebody else opens it. */
static int fid_open(struct place *p, int flags)
{
	struct ninep_request r = { .m.type = NINEP_TLOPEN };
	uint32_t back;
	struct ninep_client *c = place_enter(p, &back);
	unsigned error;

	if (!c)
		return EIO;
	r.m.tlopen.fid = p->fid;
	r.m.tlopen.flags = ninep_flags_of(flags & ~(O_CREAT | O_EXCL));
	error = p->qid.version || place_is_dir(p) ? ninep_request(c, &r) : file_server_request(p->server, &r);
	place_leave(p, back);
	return errno_from_ninep(error);
}

static int place_may_open(const struct place *p, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;

	if (p->kind == PLACE_NINEP && p->qid.type & NINEP_QTSYMLINK)
		return ELOOP; /* O_NOFOLLOW */
	if (place_is_dir(p))
		return writes || flags & O_CREAT ? EISDIR : 0;
	return p->kind == PLACE_BOOT && writes ? EROFS : 0;
}

static int place_open(struct place *p, int flags, struct open_file **out)
{
	int error = place_may_open(p, flags);

	if (p->kind == PLACE_FD)
		return file_of_descriptor((int)p->number, flags, out);
	if (!error && p->kind == PLACE_NINEP && !p->opened)
		error = fid_open(p, flags);
	if (!error)
		return file_of_place(p, flags, out);
	place_drop(p);
	return error;
}

/* --- what is not ------------------------------------------------------------------------------------------- */

static int place_create(struct place *dir, const char *name, int flags, mode_t mode, struct open_file **out)
{
	uint32_t back;
	struct ninep_client *c = dir->kind == PLACE_NINEP ? place_enter(dir, &back) : NULL;
	unsigned error;

	if (!c)
		return dir->kind == PLACE_NINEP ? EIO : EROFS;
	error = ninep_create(c, dir->fid, name, ninep_flags_of(flags), mode & ~file_umask & 07777);
	place_leave(dir, back);
	if (error) {
		place_drop(dir);
		return error == NINEP_EEXIST && !(flags & O_EXCL) ? AGAIN : errno_from_ninep(error);
	}
	dir->qid = (struct ninep_qid){ .version = 1 }; /* it is a file now, and a real one */
	if (strlen(dir->path) + strlen(name) + 2 > sizeof(dir->path)) {
		place_drop(dir);
		return ENAMETOOLONG;
	}
	if (dir->path[1])
		strcat(dir->path, "/");
	strcat(dir->path, name);
	return file_of_place(dir, flags, out);
}

/* Nothing is at the path, which is what a lookup came to over all links. */
static int create_at(const char *path, int flags, mode_t mode, struct open_file **out)
{
	char name[FILE_NAME_MAX + 1];
	struct place p;
	bool dir;
	int error = place_parent(AT_FDCWD, path, &p, name, &dir);

	if (error)
		return error == EBUSY || error == EINVAL ? EISDIR : error;
	return place_create(&p, name, flags, mode, out);
}

static bool ends_in_slash(const char *path) { return *path && path[strlen(path) - 1] == '/'; }

int file_open(int at, const char *path, int flags, mode_t mode, struct open_file **out)
{
	unsigned how = (flags & O_NOFOLLOW ? PLACE_NOFOLLOW : 0) | (flags & O_DIRECTORY ? PLACE_DIRECTORY : 0);
	struct place p;
	int error;

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return EINVAL;
	*out = (flags & ~O_CLOEXEC) == O_RDONLY ? kept_open(path) : NULL;
	if (*out)
		return 0;
	kept_sweep();
	how |= flags & O_CREAT && flags & O_EXCL ? PLACE_NOFOLLOW : PLACE_OPEN;
	p.open_flags = ninep_flags_of(flags & ~(O_CREAT | O_EXCL));
	do {
		error = place_find(at, path, how, &p);
		if (!error && flags & O_CREAT && flags & O_EXCL) {
			place_drop(&p);
			return EEXIST;
		}
		if (!error)
			return place_open(&p, flags, out);
		if (error == ENOENT && flags & O_CREAT)
			error = ends_in_slash(path) ? EISDIR : create_at(p.path, flags, mode, out);
	} while (error == AGAIN);
	return error;
}

/* --- calls --------------------------------------------------------------------------------------------------- */

static int open_number(int at, const char *path, int flags, mode_t mode)
{
	struct open_file *f;
	int error = file_open(at, path, flags, mode, &f);

	return error ? errno_fail(error) : fd_add(f, 0, flags & O_CLOEXEC);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return open_number(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return open_number(at, path, flags, mode);
}

int creat(const char *path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

int close(int fd) { return fd_close(fd); }
