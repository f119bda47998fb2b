/*
 * The book of the memory file system: each client makes, appends to, renames, locks, removes and reads files of its
 * own, also such as have lost their names, and counts in one that is everybody's, under a lock.
 *
 * A client knows all that its files must have in them, and that each call must succeed, or fail, as it does once. In
 * the end it leaves how often it has counted, for the sum.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/ledger/ledger.h"

#define TOP "/tmp/ledger"
#define STOP TOP "/stop"
#define COUNTER TOP "/counter"
#define FILES 8
#define PATH 48
#define RECORDS_MOST 400 /* of a file: then it goes */

/* What is appended; it says where it belongs. */
struct entry {
	uint64_t client, serial, index;
	char more[104];
};

static struct mine {
	bool there, named;
	int fd;
	uint64_t serial, name, entries;
} mine[FILES];

static uint64_t self, serials, counted;

static void path_of(uint64_t name, char path[PATH]) { snprintf(path, PATH, TOP "/%" PRIu64 ".%" PRIu64, self, name); }

static bool wrong(const char *what, const struct mine *f, int64_t is)
{
	printf("ledger: client %" PRIu64 ": %s: file %" PRIu64 " of %" PRIu64 " entries: %" PRId64 ", %s\n", self, what,
	       f ? f->serial : 0, f ? f->entries : 0, is, strerror(errno));
	return false;
}

static struct entry entry_of(const struct mine *f, uint64_t index)
{
	struct entry e = { .client = self, .serial = f->serial, .index = index };

	memset(e.more, (int)(index % 251), sizeof e.more);
	return e;
}

/* --- what is done to a file ----------------------------------------------------------------------- */

static bool make(struct mine *f)
{
	char path[PATH];

	*f = (struct mine){ .there = true, .named = true, .serial = ++serials };
	f->name = f->serial;
	path_of(f->name, path);
	f->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600);
	return f->fd >= 0 || wrong("create", f, f->fd);
}

static bool append(struct mine *f)
{
	struct entry e = entry_of(f, f->entries);
	ssize_t done = write(f->fd, &e, sizeof e);

	if (done != (ssize_t)sizeof e)
		return wrong("append", f, done);
	f->entries++;
	return true;
}

static bool check(const struct mine *f, struct draw *d)
{
	struct entry is, e;
	struct stat st;
	ssize_t got;
	uint64_t index;

	if (fstat(f->fd, &st) || (uint64_t)st.st_size != f->entries * sizeof e || (st.st_nlink != 0) != f->named)
		return wrong("size", f, st.st_size);
	if (!f->entries)
		return true;
	index = draw(d) % f->entries;
	e = entry_of(f, index);
	got = pread(f->fd, &is, sizeof is, (off_t)(index * sizeof is));
	return (got == (ssize_t)sizeof is && !memcmp(&is, &e, sizeof e)) || wrong("contents", f, (int64_t)is.index);
}

static bool move(struct mine *f)
{
	char from[PATH], to[PATH];
	struct stat st;

	path_of(f->name, from);
	f->name = ++serials;
	path_of(f->name, to);
	if (rename(from, to))
		return wrong("rename", f, -1);
	if (!stat(from, &st) || errno != ENOENT || stat(to, &st))
		return wrong("renamed", f, (int64_t)f->name);
	return true;
}

static bool take_away(struct mine *f)
{
	char path[PATH];

	path_of(f->name, path);
	f->named = false;
	if (unlink(path))
		return wrong("unlink", f, -1);
	errno = 0;
	return (unlink(path) && errno == ENOENT) || wrong("unlink, again", f, 0);
}

static bool file_end(struct mine *f)
{
	f->there = false;
	return !close(f->fd) || wrong("close", f, -1);
}

static bool file_call(struct mine *f, struct draw *d, unsigned what)
{
	if (!f->there)
		return make(f);
	if (f->entries > RECORDS_MOST)
		what = f->named ? 6 : 7;
	switch (what) {
	case 0:
	case 1:
	case 2:
		return append(f);
	case 5:
		return !f->named || move(f);
	case 6:
		return f->named ? take_away(f) : append(f);
	case 7:
		return f->named || file_end(f);
	default:
		return check(f, d);
	}
}

/* --- what is everybody's ------------------------------------------------------------------------------ */

static bool counter_lock(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	return !fcntl(fd, F_SETLKW, &l);
}

static bool count(int fd)
{
	uint64_t n = 0;

	if (!counter_lock(fd, F_WRLCK))
		return wrong("lock", NULL, -1);
	if (pread(fd, &n, sizeof n, 0) < 0)
		return wrong("counter, read", NULL, -1);
	n++;
	if (pwrite(fd, &n, sizeof n, 0) != (ssize_t)sizeof n)
		return wrong("counter, write", NULL, (int64_t)n);
	counted++;
	return counter_lock(fd, F_UNLCK) || wrong("unlock", NULL, -1);
}

static bool folder(void)
{
	char path[PATH];

	path_of(++serials, path);
	if (mkdir(path, 0700))
		return wrong("mkdir", NULL, (int64_t)serials);
	errno = 0;
	if (!mkdir(path, 0700) || errno != EEXIST)
		return wrong("mkdir, again", NULL, (int64_t)serials);
	return !rmdir(path) || wrong("rmdir", NULL, (int64_t)serials);
}

/* --- clients ------------------------------------------------------------------------------------------- */

static bool call(struct draw *d, int counter)
{
	unsigned what = (unsigned)(draw(d) % 10);

	if (what == 8)
		return count(counter);
	if (what == 9)
		return folder();
	return file_call(&mine[draw(d) % FILES], d, what);
}

static bool all_are_right(void)
{
	struct entry is, e;

	for (struct mine *f = mine; f < mine + FILES; f++)
		for (uint64_t i = 0; f->there && i < f->entries; i++) {
			e = entry_of(f, i);
			if (pread(f->fd, &is, sizeof is, (off_t)(i * sizeof is)) != (ssize_t)sizeof is ||
			    memcmp(&is, &e, sizeof e))
				return wrong("in the end", f, (int64_t)i);
		}
	return true;
}

/* How often this one has counted. */
static bool leave(void)
{
	char path[PATH];
	int fd;

	snprintf(path, sizeof path, TOP "/count.%" PRIu64, self);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd >= 0 && write(fd, &counted, sizeof counted) == (ssize_t)sizeof counted && !close(fd);
}

static uint64_t client(uint64_t seed, uint64_t number)
{
	struct draw d = draw_of(seed, number);
	uint64_t calls = 0, longest = 0;
	int counter;

	self = number;
	if (mkdir(TOP, 0700) && errno != EEXIST)
		return FAILED;
	counter = open(COUNTER, O_RDWR | O_CREAT, 0600);
	while (counter >= 0 && (calls % STOP_EVERY || access(STOP, F_OK))) {
		cycles_t from = fabric_now(fabric), took;

		if (!call(&d, counter))
			return FAILED;
		took = fabric_now(fabric) - from;
		if (took > longest)
			longest = took;
		calls++;
	}
	return all_are_right() && leave() ? calls | longest * 1000 / ms << 32 : FAILED;
}

/* --- the sum --------------------------------------------------------------------------------------------- */

static uint64_t sum;

static err_t stop(struct fleet_client *c)
{
	int fd = open(STOP, O_WRONLY | O_CREAT, 0600);

	(void)c;
	if (fd < 0)
		return ERR_NOT_FOUND;
	close(fd);
	return ERR_OK;
}

static bool number_read(const char *path, uint64_t *n)
{
	int fd = open(path, O_RDONLY);
	bool good = fd >= 0 && read(fd, n, sizeof *n) == (ssize_t)sizeof *n;

	if (fd >= 0)
		close(fd);
	return good;
}

static void expect(uint64_t seed, uint64_t number, uint64_t calls)
{
	char path[PATH];
	uint64_t n;

	(void)seed, (void)calls;
	snprintf(path, sizeof path, TOP "/count.%" PRIu64, number);
	if (number_read(path, &n))
		sum += n;
}

static unsigned compare(struct fleet_client *c)
{
	uint64_t n = 0;

	(void)c;
	if (number_read(COUNTER, &n) && n == sum)
		return 0;
	printf("ledger: the counter is %" PRIu64 ", not %" PRIu64 "\n", n, sum);
	return 1;
}

const struct book files_book = { .fleet = "mem", .client = client, .stop = stop, .expect = expect, .compare = compare };
