/*
 * dup and its kin, fcntl, locks of files.
 *
 * Locks are the server's, and a process's: it is told which, and frees them when a process closes a descriptor of the
 * file.
 */
#define _GNU_SOURCE /* dup3 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/kept.h"
#include "libos/posix/open_file.h"
#include "libos/posix/signals.h"

#define CHANGEABLE (O_APPEND | O_NONBLOCK)

/* --- descriptors ---------------------------------------------------------------------------------------------- */

int dup(int fd) { return fcntl(fd, F_DUPFD, 0); }

int dup2(int fd, int to)
{
	struct open_file *f = fd_get(fd);

	if (!f)
		return -1;
	if (fd != to)
		return fd_put(to, f, false);
	file_drop(f);
	return to;
}

int dup3(int fd, int to, int flags)
{
	struct open_file *f;

	if (fd == to || flags & ~O_CLOEXEC)
		return errno_fail(EINVAL);
	f = fd_get(fd);
	return f ? fd_put(to, f, flags & O_CLOEXEC) : -1;
}

static int duplicate(struct open_file *f, int least, bool cloexec)
{
	if (least < 0 || least >= (int)fd_limit()) {
		file_drop(f);
		return errno_fail(EINVAL);
	}
	return fd_add(f, least, cloexec);
}

/* --- locks ------------------------------------------------------------------------------------------------------ */

/* Where a range begins. */
static int range_of(struct open_file *f, const struct flock *l, uint64_t *start, uint64_t *length)
{
	struct stat st;
	off_t base = 0, first, count = l->l_len;
	int error = 0;

	if (l->l_whence == SEEK_CUR)
		base = (off_t)f->offset;
	else if (l->l_whence == SEEK_END)
		error = f->ops->stat(f, &st);
	else if (l->l_whence != SEEK_SET)
		error = EINVAL;
	if (error)
		return error;
	if (l->l_whence == SEEK_END)
		base = st.st_size;
	if (__builtin_add_overflow(base, l->l_start, &first))
		return EOVERFLOW;
	if (count < 0) {
		first += count;
		count = -count;
	}
	*start = (uint64_t)first;
	*length = (uint64_t)count;
	return first < 0 ? EINVAL : 0;
}

static int lock_type(short type, uint8_t *out)
{
	*out = type == F_RDLCK ? NINEP_LOCK_READ : type == F_WRLCK ? NINEP_LOCK_WRITE : NINEP_LOCK_NONE;
	return type == F_RDLCK || type == F_WRLCK || type == F_UNLCK ? 0 : EINVAL;
}

/* EAGAIN: another has it. One that waits is put off by the server. */
static int lock_take(struct open_file *f, const struct ninep_lock *l)
{
	struct ninep_request r = { .m.type = NINEP_TLOCK };
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	if (!c)
		return EIO;
	r.m.tlock.fid = f->ninep.fid;
	r.m.tlock.type = l->type;
	r.m.tlock.flags = l->flags;
	r.m.tlock.start = l->start;
	r.m.tlock.length = l->length;
	r.m.tlock.proc_id = l->proc_id;
	r.m.tlock.client_id = l->client_id;
	error = l->flags & NINEP_LOCK_BLOCK ? file_server_request(f->ninep.server, &r) : ninep_request(c, &r);
	file_leave(f, back);
	return error ? errno_from_ninep(error) : r.m.rlock.status ? EAGAIN : 0;
}

static int lock_wait(struct open_file *f, const struct ninep_lock *l)
{
	int error;

	do
		error = lock_take(f, l);
	while (error == EINTR && !signal_checkpoint());
	return error;
}

static int lock_tell(struct open_file *f, struct flock *l, const struct ninep_lock *wanted)
{
	struct ninep_lock found = *wanted;
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	if (!c)
		return EIO;
	error = ninep_getlock(c, f->ninep.fid, &found);
	file_leave(f, back);
	if (error)
		return errno_from_ninep(error);
	l->l_type = found.type == NINEP_LOCK_READ ? F_RDLCK : found.type == NINEP_LOCK_WRITE ? F_WRLCK : F_UNLCK;
	if (l->l_type == F_UNLCK)
		return 0;
	l->l_whence = SEEK_SET;
	l->l_start = (off_t)found.start;
	l->l_len = (off_t)found.length;
	l->l_pid = (short)found.proc_id;
	return 0;
}

static int file_lock(struct open_file *f, int command, struct flock *l)
{
	struct ninep_lock lock = { .proc_id = (uint32_t)getpid(), .client_id = ninep_text("skerry") };
	int access = f->flags & O_ACCMODE, error = lock_type(l->l_type, &lock.type);

	if (!error)
		error = range_of(f, l, &lock.start, &lock.length);
	if (error)
		return error;
	if (f->ops != &file_ninep_ops)
		return EINVAL;
	if (command == F_GETLK)
		return lock_tell(f, l, &lock);
	if ((l->l_type == F_RDLCK && access == O_WRONLY) || (l->l_type == F_WRLCK && access == O_RDONLY))
		return EBADF;
	kept_end();
	lock.flags = command == F_SETLKW ? NINEP_LOCK_BLOCK : 0;
	return command == F_SETLKW ? lock_wait(f, &lock) : lock_take(f, &lock);
}

int flock(int fd, int operation)
{
	struct flock l = { .l_whence = SEEK_SET };
	struct open_file *f = fd_get(fd);
	int how = operation & ~LOCK_NB, error = EINVAL;

	if (!f)
		return -1;
	l.l_type = how == LOCK_SH ? F_RDLCK : how == LOCK_EX ? F_WRLCK : F_UNLCK;
	if (how == LOCK_SH || how == LOCK_EX || how == LOCK_UN)
		error = file_lock(f, operation & LOCK_NB ? F_SETLK : F_SETLKW, &l);
	file_drop(f);
	return error ? errno_fail(error == EAGAIN ? EWOULDBLOCK : error) : 0;
}

/* --- fcntl --------------------------------------------------------------------------------------- */

static int flags_set(struct open_file *f, int flags)
{
	int error = f->ops == &file_ninep_ops ? file_ninep_flags(f, flags) : 0;

	if (!error)
		f->flags = (f->flags & ~CHANGEABLE) | (flags & CHANGEABLE);
	return error ? errno_fail(error) : 0;
}

int fcntl(int fd, int command, ...)
{
	struct open_file *f = fd_get(fd);
	int result, error;
	va_list args;
	void *pointer;
	long number;

	if (!f)
		return -1;
	va_start(args, command);
	pointer = va_arg(args, void *);
	va_end(args);
	number = (long)(intptr_t)pointer;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(f, (int)number, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		result = fd_cloexec(fd, -1) ? FD_CLOEXEC : 0;
		break;
	case F_SETFD:
		result = fd_cloexec(fd, number & FD_CLOEXEC) < 0 ? -1 : 0;
		break;
	case F_GETFL:
		result = f->flags;
		break;
	case F_SETFL:
		result = flags_set(f, (int)number);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		error = file_lock(f, command, pointer);
		result = error ? errno_fail(error) : 0;
		break;
	default:
		result = errno_fail(EINVAL);
	}
	file_drop(f);
	return result;
}
