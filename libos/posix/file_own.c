/*
 * The kinds of open files that need no server: the console, files of the boot archive, directories.
 *
 * A directory's descriptor is a name to begin paths at, and a fid if it is a server's; what is in it opendir asks
 * for by its path (directory.c).
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "libos/posix/background.h"
#include "libos/posix/console.h"
#include "libos/posix/fd.h"
#include "libos/posix/place.h"
#include "libos/posix/terminal.h"
#include "libos/posix/tty.h"

/* --- the console ------------------------------------------------------------------------------------------- */

static int console_file_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	ssize_t n = tty_read(to, bytes, f->flags & O_NONBLOCK);

	(void)offset;
	*done = n < 0 ? 0 : (size_t)n;
	return n < 0 ? errno : 0;
}

static int console_file_write(struct open_file *f, const void *from, size_t bytes, uint64_t offset, size_t *done)
{
	int error = background_write();

	(void)f, (void)offset;
	if (!error && console_write(from, bytes))
		error = EIO;
	*done = error ? 0 : bytes;
	return error;
}

static int console_file_stat(struct open_file *f, struct stat *out)
{
	(void)f;
	local_stat(PLACE_CONSOLE, LOCAL_CONSOLE, 0, out);
	return 0;
}

static int console_file_sync(struct open_file *f)
{
	(void)f;
	return console_flush() ? EIO : 0;
}

/* Output is always taken. */
static int console_file_ready(struct open_file *f, short events, short *now)
{
	(void)f;
	*now = events & POLLOUT;
	if (events & POLLIN && tty_ready())
		*now |= POLLIN;
	return 0;
}

const struct open_file_ops file_console_ops = {
	.kind = "cons",
	.stream = true,
	.read = console_file_read,
	.write = console_file_write,
	.stat = console_file_stat,
	.sync = console_file_sync,
	.control = terminal_control,
	.ready = console_file_ready,
};

/* --- files of the boot archive -------------------------------------------------------------------------------- */

static int boot_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	uint64_t left = offset < f->boot.size ? f->boot.size - offset : 0;

	*done = bytes < left ? bytes : left;
	memcpy(to, f->boot.data + offset, *done);
	return 0;
}

static int boot_stat(struct open_file *f, struct stat *out)
{
	local_stat(PLACE_BOOT, f->boot.number, f->boot.size, out);
	return 0;
}

const struct open_file_ops file_boot_ops = { .kind = "boot", .read = boot_read, .stat = boot_stat };

/* --- directories ---------------------------------------------------------------------------------------------- */

static int dir_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	(void)f, (void)to, (void)bytes, (void)offset, (void)done;
	return EISDIR;
}

static int dir_stat(struct open_file *f, struct stat *out)
{
	if (f->ninep.server)
		return file_ninep_ops.stat(f, out);
	local_stat(PLACE_DIR, f->ninep.fid, 0, out);
	return 0;
}

static int dir_sync(struct open_file *f) { return f->ninep.server ? file_ninep_ops.sync(f) : 0; }

static void dir_close(struct open_file *f)
{
	if (f->ninep.server)
		file_ninep_ops.close(f);
}

const struct open_file_ops file_dir_ops = {
	.kind = "dir",
	.read = dir_read,
	.stat = dir_stat,
	.sync = dir_sync,
	.close = dir_close,
};
