/*
 * File descriptors: the console at 0, 1 and 2, and files of the boot archive.
 *
 * There is no file system to write to yet: whatever would change a file fails
 * with EROFS.  The table is changed without a lock by the threads of one
 * dispatcher, which do not lose the processor in here unless they are
 * preemptive; then it is the mutex that keeps them apart.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/boot_files.h"
#include "libos/posix/console.h"
#include "libos/posix/errno.h"
#include "libos/posix/tty.h"
#include "libos/thread/thread.h"

#define FILES_MAX 32
#define BLOCK_BYTES 1024 /* what stdio uses for a buffer */

enum file_kind { FILE_FREE, FILE_CONSOLE, FILE_BOOT };

struct file {
	enum file_kind kind;
	const uint8_t *data;
	uint64_t size, offset;
};

static struct file files[FILES_MAX] = { { .kind = FILE_CONSOLE }, { .kind = FILE_CONSOLE }, { .kind = FILE_CONSOLE } };
static struct mutex lock = MUTEX_INIT;

/* NULL, and errno, when there is no such descriptor. */
static struct file *file_of(int fd)
{
	if (fd >= 0 && fd < FILES_MAX && files[fd].kind != FILE_FREE)
		return &files[fd];
	errno = EBADF;
	return NULL;
}

static int file_add(const struct file *f)
{
	int fd = 0;

	mutex_lock(&lock);
	while (fd < FILES_MAX && files[fd].kind != FILE_FREE)
		fd++;
	if (fd < FILES_MAX)
		files[fd] = *f;
	mutex_unlock(&lock);
	return fd < FILES_MAX ? fd : errno_fail(EMFILE);
}

static int path_find(const char *path, struct boot_file *out)
{
	size_t n = sizeof(BOOT_FOLDER) - 1;
	err_t err;

	if (strncmp(path, BOOT_FOLDER, n))
		return errno_fail(ENOENT);
	err = boot_file_find(path + n, out);
	return err ? errno_fail(errno_from(err)) : 0;
}

int open(const char *path, int flags, ...)
{
	struct boot_file found;

	if (path_find(path, &found)) {
		/* A new file cannot be made anywhere. */
		return errno == ENOENT && (flags & O_CREAT) ? errno_fail(EROFS) : -1;
	}
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return errno_fail(EEXIST);
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
		return errno_fail(EROFS);
	return file_add(&(struct file){ .kind = FILE_BOOT, .data = found.data, .size = found.size });
}

int close(int fd)
{
	struct file *f = file_of(fd);

	if (!f)
		return -1;
	f->kind = FILE_FREE;
	return 0;
}

static ssize_t boot_read(struct file *f, void *to, size_t bytes)
{
	uint64_t left = f->offset < f->size ? f->size - f->offset : 0;

	if (bytes > left)
		bytes = left;
	memcpy(to, f->data + f->offset, bytes);
	f->offset += bytes;
	return (ssize_t)bytes;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *to, size_t bytes)
{
	struct file *f = file_of(fd);

	if (!f)
		return -1;
	if (!bytes)
		return 0; /* and does not wait for a line */
	return f->kind == FILE_CONSOLE ? tty_read(to, bytes) : boot_read(f, to, bytes);
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *from, size_t bytes)
{
	struct file *f = file_of(fd);
	err_t err;

	if (!f)
		return -1;
	if (f->kind != FILE_CONSOLE)
		return errno_fail(EBADF);
	err = console_write(from, bytes);
	return err ? errno_fail(EIO) : (ssize_t)bytes;
}

off_t lseek(int fd, off_t offset, int whence)
{
	struct file *f = file_of(fd);
	off_t base;

	if (!f)
		return -1;
	if (f->kind == FILE_CONSOLE)
		return errno_fail(ESPIPE);
	base = whence == SEEK_CUR ? (off_t)f->offset : whence == SEEK_END ? (off_t)f->size : 0;
	if ((whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) ||
	    __builtin_add_overflow(base, offset, &offset) || offset < 0)
		return errno_fail(EINVAL);
	f->offset = (uint64_t)offset;
	return offset;
}

static void stat_fill(struct stat *out, mode_t mode, uint64_t size)
{
	*out = (struct stat){ .st_mode = mode, .st_nlink = 1, .st_size = (off_t)size, .st_blksize = BLOCK_BYTES };
}

int fstat(int fd, struct stat *out)
{
	struct file *f = file_of(fd);

	if (!f)
		return -1;
	if (f->kind == FILE_CONSOLE)
		stat_fill(out, S_IFCHR | S_IRUSR | S_IWUSR, 0);
	else
		stat_fill(out, S_IFREG | S_IRUSR | S_IXUSR, f->size);
	return 0;
}

int stat(const char *restrict path, struct stat *restrict out)
{
	struct boot_file found;

	if (path_find(path, &found))
		return -1;
	stat_fill(out, S_IFREG | S_IRUSR | S_IXUSR, found.size);
	return 0;
}

int isatty(int fd)
{
	struct file *f = file_of(fd);

	if (!f)
		return 0;
	if (f->kind == FILE_CONSOLE)
		return 1;
	errno = ENOTTY;
	return 0;
}

/* On the console: shows the line that has no end yet. */
int fsync(int fd)
{
	struct file *f = file_of(fd);
	err_t err;

	if (!f)
		return -1;
	if (f->kind != FILE_CONSOLE)
		return errno_fail(EINVAL);
	err = console_flush();
	return err ? errno_fail(EIO) : 0;
}

int fcntl(int fd, int command, ...)
{
	struct file *f = file_of(fd);

	if (!f)
		return -1;
	switch (command) {
	case F_GETFL:
		return f->kind == FILE_CONSOLE ? O_RDWR : O_RDONLY;
	case F_GETFD:
		return 0;
	default:
		return errno_fail(EINVAL);
	}
}

/* --- what would change a file system --------------------------------------- */

static int change_path(const char *path)
{
	struct boot_file found;

	return path_find(path, &found) ? -1 : errno_fail(EROFS);
}

int unlink(const char *path) { return change_path(path); }

int link(const char *from, const char *to)
{
	(void)to;
	return change_path(from);
}

int mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	return errno_fail(EROFS);
}
