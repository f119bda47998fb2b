/*
 * The table of descriptors: see fd.h.
 *
 * A reference to a file is counted with the table's mutex held, so a file that fd_get has found is not closed
 * under its user. Files are closed without it: that may take long.
 */
#include "libos/posix/about.h"
#include "libos/posix/kept.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 16 /* descriptors without the heap */

static struct open_file console = { .ops = &file_console_ops, .references = 3, .flags = O_RDWR };
static struct descriptor first[FIRST] = { { &console, false }, { &console, false }, { &console, false } };
static struct fd_table table = { .lock = MUTEX_INIT, .at = first, .room = FIRST, .lowest = 3, .limit = FD_LIMIT_INIT };

const struct fd_table *const fd_table_at = &table;

/* --- open files ------------------------------------------------------------------------------------------ */

int file_make(const struct open_file_ops *ops, int flags, const char *path, struct open_file **out)
{
	size_t length = path ? strlen(path) + 1 : 0;
	struct open_file *f = malloc(sizeof(*f) + length);

	if (!f)
		return ENOMEM;
	memset(f, 0, sizeof(*f));
	f->ops = ops;
	f->flags = flags;
	if (path)
		f->path = memcpy(f + 1, path, length);
	f->references = 1;
	mutex_init(&f->lock, false);
	*out = f;
	return 0;
}

void file_hold(struct open_file *f)
{
	mutex_lock(&table.lock);
	f->references++;
	mutex_unlock(&table.lock);
}

void file_drop(struct open_file *f)
{
	bool last;

	mutex_lock(&table.lock);
	last = !--f->references;
	mutex_unlock(&table.lock);
	if (!last)
		return;
	if (kept_close(f))
		return;
	if (f->ops->close)
		f->ops->close(f);
	if (f != &console)
		free(f);
}

/* --- numbers, with the lock -------------------------------------------------------------------------------- */

static struct descriptor *descriptor_of(int fd)
{
	return fd >= 0 && fd < table.room && table.at[fd].file ? &table.at[fd] : NULL;
}

/* Room for that number. ENOMEM. */
static int table_grow(int fd)
{
	int room = table.room;
	struct descriptor *more;

	while (room <= fd)
		room *= 2;
	if (room == table.room)
		return 0;
	more = table.at == first ? malloc((size_t)room * sizeof(*more))
				 : realloc(table.at, (size_t)room * sizeof(*more));
	if (!more)
		return ENOMEM;
	if (table.at == first)
		memcpy(more, first, sizeof(first));
	memset(more + table.room, 0, (size_t)(room - table.room) * sizeof(*more));
	table.at = more;
	table.room = room;
	return 0;
}

static int free_from(int least)
{
	int fd = least > table.lowest ? least : table.lowest;

	while (fd < table.room && table.at[fd].file)
		fd++;
	return fd;
}

static void descriptor_clear(int fd)
{
	table.at[fd] = (struct descriptor){ 0 };
	if (fd < table.lowest)
		table.lowest = fd;
}

/* --- numbers -------------------------------------------------------------------------------------------------- */

struct open_file *fd_get(int fd)
{
	struct descriptor *d;
	struct open_file *f = NULL;

	mutex_lock(&table.lock);
	d = descriptor_of(fd);
	if (d) {
		f = d->file;
		f->references++;
	}
	mutex_unlock(&table.lock);
	if (!f)
		errno = EBADF;
	return f;
}

struct open_file *fd_get_for(int fd, int access)
{
	struct open_file *f = fd_get(fd);

	if (!f || (f->flags & O_ACCMODE) == O_RDWR || (f->flags & O_ACCMODE) == access)
		return f;
	file_drop(f);
	errno = EBADF;
	return NULL;
}

int fd_add(struct open_file *f, int least, bool cloexec)
{
	int fd, error;

	mutex_lock(&table.lock);
	fd = free_from(least);
	error = fd < (int)table.limit ? table_grow(fd) : EMFILE;
	if (!error) {
		table.at[fd] = (struct descriptor){ f, cloexec };
		if (least <= table.lowest)
			table.lowest = fd + 1;
	}
	mutex_unlock(&table.lock);
	if (!error)
		return fd;
	file_drop(f);
	return errno_fail(error);
}

int fd_put(int fd, struct open_file *f, bool cloexec)
{
	struct open_file *old = NULL;
	int error = EBADF;

	mutex_lock(&table.lock);
	if (fd >= 0 && fd < (int)table.limit)
		error = table_grow(fd);
	if (!error) {
		old = table.at[fd].file;
		table.at[fd] = (struct descriptor){ f, cloexec };
	}
	mutex_unlock(&table.lock);
	if (error)
		old = f;
	if (old)
		file_drop(old);
	return error ? errno_fail(error) : fd;
}

int fd_close(int fd)
{
	struct descriptor *d;
	struct open_file *f = NULL;

	mutex_lock(&table.lock);
	d = descriptor_of(fd);
	if (d) {
		f = d->file;
		descriptor_clear(fd);
	}
	mutex_unlock(&table.lock);
	if (!f)
		return errno_fail(EBADF);
	file_drop(f);
	return 0;
}

void fd_close_from(int least)
{
	for (int fd = least; fd < table.room; fd++)
		if (descriptor_of(fd))
			(void)fd_close(fd);
}

void fd_close_on_exec(void)
{
	for (int fd = 0; fd < table.room; fd++)
		if (descriptor_of(fd) && table.at[fd].cloexec)
			(void)fd_close(fd);
}

int fd_cloexec(int fd, int set)
{
	struct descriptor *d;
	int was = -1;

	mutex_lock(&table.lock);
	d = descriptor_of(fd);
	if (d) {
		was = d->cloexec;
		if (set >= 0)
			d->cloexec = set;
	}
	mutex_unlock(&table.lock);
	return was < 0 ? errno_fail(EBADF) : was;
}

unsigned fd_limit(void) { return table.limit; }

int fd_limit_set(unsigned limit)
{
	if (limit > FD_MOST)
		return EINVAL;
	table.limit = limit;
	return 0;
}

bool fd_is_default(void)
{
	bool same = true;

	mutex_lock(&table.lock);
	for (int fd = 0; fd < table.room && same; fd++)
		same = table.at[fd].file == (fd < 3 ? &console : NULL) && !table.at[fd].cloexec;
	same = same && console.flags == O_RDWR;
	mutex_unlock(&table.lock);
	return same;
}

int fd_next(int least, struct open_file **f, bool *cloexec)
{
	int fd = least;

	mutex_lock(&table.lock);
	while (fd < table.room && !table.at[fd].file)
		fd++;
	if (fd < table.room) {
		*f = table.at[fd].file;
		*cloexec = table.at[fd].cloexec;
		(*f)->references++;
	}
	mutex_unlock(&table.lock);
	return fd < table.room ? fd : -1;
}
