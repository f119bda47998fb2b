/*
 * read, write and their kin: what moves bytes, and offsets.
 *
 * The offset of a file that may block is not locked while a call waits; that of others is, so that of two threads
 * each gets what the other did not.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/open_file.h"
#include "libos/posix/signals.h"

#define FOREIGN_PIECE 65536u

static bool is_stream(const struct open_file *f) { return f->ops->stream; }

static bool waits(const struct open_file *f) { return f->ops == &file_ninep_ops && f->ninep.blocks; }

static bool is_shared(const struct open_file *f) { return f->ops == &file_ninep_ops && f->ninep.shared; }

typedef int move_t(struct open_file *f, void *memory, size_t bytes, uint64_t offset, size_t *done);

bool (*file_memory_foreign)(vaddr_t va, uint64_t bytes);

static bool is_foreign(const void *at, size_t bytes)
{
	return __builtin_expect(file_memory_foreign != NULL, 0) && file_memory_foreign((vaddr_t)at, bytes);
}

/* A piece of that, by way of memory of our own. */
static int piece_move(struct open_file *f, bool writes, char *room, void *memory, size_t bytes, uint64_t offset,
		      size_t *done)
{
	int error;

	if (writes) {
		memcpy(room, memory, bytes);
		return f->ops->write(f, room, bytes, offset, done);
	}
	error = f->ops->read(f, room, bytes, offset, done);
	memcpy(memory, room, *done);
	return error;
}

static int foreign_move(struct open_file *f, bool writes, void *memory, size_t bytes, uint64_t offset, size_t *done)
{
	char *room = malloc(bytes < FOREIGN_PIECE ? bytes : FOREIGN_PIECE);
	size_t some = FOREIGN_PIECE;
	int error = room ? 0 : ENOMEM;

	*done = 0;
	while (!error && *done < bytes && some == FOREIGN_PIECE && !(*done && is_stream(f))) {
		size_t left = bytes - *done < FOREIGN_PIECE ? bytes - *done : FOREIGN_PIECE;

		some = 0;
		error = piece_move(f, writes, room, (char *)memory + *done, left,
				   offset == FILE_HERE ? FILE_HERE : offset + *done, &some);
		*done += some;
	}
	free(room);
	return *done ? 0 : error;
}

static int move_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	if (!f->ops->read)
		return EINVAL;
	if (is_foreign(to, bytes))
		return foreign_move(f, false, to, bytes, offset, done);
	return f->ops->read(f, to, bytes, offset, done);
}

static int move_write(struct open_file *f, void *from, size_t bytes, uint64_t offset, size_t *done)
{
	if (!f->ops->write)
		return EINVAL;
	if (is_foreign(from, bytes))
		return foreign_move(f, true, from, bytes, offset, done);
	return f->ops->write(f, from, bytes, offset, done);
}

static int move_once(struct open_file *f, move_t *move, void *memory, size_t bytes, size_t *done)
{
	bool locks = !waits(f);
	int error;

	*done = 0;
	if (is_stream(f) || is_shared(f))
		return move(f, memory, bytes, FILE_HERE, done);
	if (locks)
		mutex_lock(&f->lock);
	error = move(f, memory, bytes, f->offset, done);
	f->offset += *done;
	if (locks)
		mutex_unlock(&f->lock);
	return error;
}

/* At the file's offset, which goes on by as much. A signal whose handler lets calls go on does not end it. */
static int move_here(struct open_file *f, move_t *move, void *memory, size_t bytes, size_t *done)
{
	int error;

	do
		error = move_once(f, move, memory, bytes, done);
	while (error == EINTR && !signal_checkpoint());
	return error;
}

static ssize_t move_end(struct open_file *f, int error, size_t done)
{
	file_drop(f);
	if (error == EPIPE)
		raise(SIGPIPE);
	return error ? errno_fail(error) : (ssize_t)done;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *to, size_t bytes)
{
	struct open_file *f = fd_get_for(fd, O_RDONLY);
	size_t done = 0;
	int error = 0;

	if (!f)
		return -1;
	if (bytes > SSIZE_MAX)
		error = EINVAL;
	else if (bytes) /* of none nothing is asked, and no line waited for */
		error = move_here(f, move_read, to, bytes, &done);
	return move_end(f, error, done);
}

/* With O_APPEND the server puts it at the end; the offset is there afterwards. */
static int append_here(struct open_file *f, const void *from, size_t bytes, size_t *done)
{
	int error = move_here(f, move_write, (void *)(uintptr_t)from, bytes, done);
	struct stat st;

	if (!error && f->flags & O_APPEND && !is_stream(f) && !is_shared(f) && !waits(f) && !f->ops->stat(f, &st))
		f->offset = (uint64_t)st.st_size;
	return error;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *from, size_t bytes)
{
	struct open_file *f = fd_get_for(fd, O_WRONLY);
	size_t done = 0;
	int error = 0;

	if (!f)
		return -1;
	if (bytes > SSIZE_MAX)
		error = EINVAL;
	else if (bytes)
		error = f->flags & O_APPEND ? append_here(f, from, bytes, &done)
					    : move_here(f, move_write, (void *)(uintptr_t)from, bytes, &done);
	return move_end(f, error, done);
}

/* --- at an offset ------------------------------------------------------------------------------------------- */

int file_mode(struct open_file *f, mode_t *mode)
{
	struct stat st;
	int error = 0;

	if (!f->mode) {
		error = f->ops->stat(f, &st);
		f->mode = error ? 0 : (uint32_t)st.st_mode;
	}
	*mode = (mode_t)f->mode;
	return error;
}

/* ESPIPE for what has no offsets. */
static int seekable(struct open_file *f)
{
	mode_t mode = S_IFREG;
	int error = is_stream(f) ? ESPIPE : 0;

	if (!error && waits(f))
		error = file_mode(f, &mode);
	return !error && (S_ISFIFO(mode) || S_ISSOCK(mode)) ? ESPIPE : error;
}

static ssize_t move_at(struct open_file *f, move_t *move, void *memory, size_t bytes, off_t offset)
{
	size_t done = 0;
	int error;

	if (!f)
		return -1;
	error = seekable(f);
	if (!error && (offset < 0 || bytes > SSIZE_MAX))
		error = EINVAL;
	if (!error && bytes)
		error = move(f, memory, bytes, (uint64_t)offset, &done);
	return move_end(f, error, done);
}

ssize_t pread(int fd, void *to, size_t bytes, off_t offset)
{
	return move_at(fd_get_for(fd, O_RDONLY), move_read, to, bytes, offset);
}

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t offset)
{
	return move_at(fd_get_for(fd, O_WRONLY), move_write, (void *)(uintptr_t)from, bytes, offset);
}

/* --- in pieces ------------------------------------------------------------------------------------------------- */

/* How many bytes they are; -1 and EINVAL. */
static ssize_t pieces_bytes(const struct iovec *v, int count)
{
	size_t sum = 0;

	if (count <= 0 || count > IOV_MAX)
		return errno_fail(EINVAL);
	for (int i = 0; i < count; i++)
		if (v[i].iov_len > SSIZE_MAX || (sum += v[i].iov_len) > SSIZE_MAX)
			return errno_fail(EINVAL);
	return (ssize_t)sum;
}

/* Piece by piece, till one is not done whole. */
static ssize_t pieces_move(int fd, const struct iovec *v, int count, bool writes)
{
	ssize_t sum = 0, some = 0;

	if (pieces_bytes(v, count) < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (!v[i].iov_len)
			continue;
		some = writes ? write(fd, v[i].iov_base, v[i].iov_len) : read(fd, v[i].iov_base, v[i].iov_len);
		if (some < 0)
			break;
		sum += some;
		if ((size_t)some < v[i].iov_len)
			break;
	}
	return sum ? sum : some;
}

ssize_t readv(int fd, const struct iovec *v, int count) { return pieces_move(fd, v, count, false); }

/* What a pipe takes in one piece goes in one. */
ssize_t writev(int fd, const struct iovec *v, int count)
{
	char whole[PIPE_BUF];
	ssize_t sum = pieces_bytes(v, count);
	size_t at = 0;

	if (sum < 0)
		return -1;
	if ((size_t)sum > sizeof(whole))
		return pieces_move(fd, v, count, true);
	for (int i = 0; i < count; at += v[i++].iov_len)
		memcpy(whole + at, v[i].iov_base, v[i].iov_len);
	return write(fd, whole, at);
}

/* --- offsets ------------------------------------------------------------------------------------------------------ */

/* With the file's lock. */
static int offset_set(struct open_file *f, off_t by, int whence, off_t *now)
{
	off_t base = 0;
	struct stat st;
	int error = 0;

	if (is_shared(f))
		return file_ninep_seek(f, whence, by, now);
	if (whence == SEEK_CUR)
		base = (off_t)f->offset;
	else if (whence == SEEK_END)
		error = f->ops->stat(f, &st);
	else if (whence != SEEK_SET)
		error = EINVAL;
	if (error)
		return error;
	if (whence == SEEK_END)
		base = st.st_size;
	if (__builtin_add_overflow(base, by, now))
		return EOVERFLOW;
	if (*now < 0)
		return EINVAL;
	f->offset = (uint64_t)*now;
	return 0;
}

off_t lseek(int fd, off_t by, int whence)
{
	struct open_file *f = fd_get(fd);
	off_t now = 0;
	int error;

	if (!f)
		return -1;
	error = seekable(f);
	if (!error) {
		mutex_lock(&f->lock);
		error = offset_set(f, by, whence, &now);
		mutex_unlock(&f->lock);
	}
	file_drop(f);
	return error ? errno_fail(error) : now;
}

/* --- lasting ------------------------------------------------------------------------------------- */

/* On the console: shows the line that has no end yet. */
int fsync(int fd)
{
	struct open_file *f = fd_get(fd);
	int error;

	if (!f)
		return -1;
	error = f->ops->sync ? f->ops->sync(f) : EINVAL;
	file_drop(f);
	return error ? errno_fail(error) : 0;
}

int fdatasync(int fd) { return fsync(fd); }

/* Servers have what was written: nothing is kept here. */
void sync(void) {}
