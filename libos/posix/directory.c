/*
 * The working directory, umask, and what is in directories.
 *
 * opendir reads a directory whole: of a server, of all sources where it is a union, and the mount points that lie right
 * in it; what is made or removed later is seen after rewinddir. So a place in it is a number, for telldir and seekdir.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/about.h"
#include "libos/posix/errno.h"
#include "libos/posix/namespace.h"
#include "libos/posix/open_file.h"
#include "libos/posix/place.h"

#define BATCH 16 /* entries asked for at once */

/* --- the working directory ---------------------------------------------------------------------------------- */

static char cwd[FILE_PATH_MAX] = "/";
const char *const cwd_at = cwd;
static struct mutex cwd_lock = MUTEX_INIT;
mode_t file_umask = 022;

mode_t umask(mode_t mask)
{
	mode_t old = file_umask;

	file_umask = mask & 0777;
	return old;
}

void cwd_get(char *out)
{
	mutex_lock(&cwd_lock);
	strcpy(out, cwd);
	mutex_unlock(&cwd_lock);
}

int cwd_set(const char *path)
{
	if (*path != '/')
		return EINVAL;
	if (strlen(path) >= sizeof(cwd))
		return ENAMETOOLONG;
	mutex_lock(&cwd_lock);
	strcpy(cwd, path);
	mutex_unlock(&cwd_lock);
	return 0;
}

int chdir(const char *path)
{
	struct place p;
	int error = place_find(AT_FDCWD, path, PLACE_DIRECTORY, &p);

	if (error)
		return errno_fail(error);
	error = cwd_set(p.path);
	place_drop(&p);
	return error ? errno_fail(error) : 0;
}

int fchdir(int fd)
{
	struct open_file *f = fd_get(fd);
	int error;

	if (!f)
		return -1;
	error = f->ops == &file_dir_ops ? cwd_set(f->path) : ENOTDIR;
	file_drop(f);
	return error ? errno_fail(error) : 0;
}

char *getcwd(char *to, size_t size)
{
	char now[FILE_PATH_MAX];

	cwd_get(now);
	if ((to && !size) || (size && strlen(now) >= size)) {
		errno = size ? ERANGE : EINVAL;
		return NULL;
	}
	return to ? strcpy(to, now) : strdup(now);
}

char *realpath(const char *restrict path, char *restrict to)
{
	struct place p;
	int error = path ? place_find(AT_FDCWD, path, 0, &p) : EINVAL;

	if (error) {
		errno = error;
		return NULL;
	}
	place_drop(&p);
	return to ? strcpy(to, p.path) : strdup(p.path);
}

/* --- reading a directory -------------------------------------------------------------------------------------- */

struct entry {
	uint64_t number;
	unsigned char type;
	char *name;
};

struct skerry_dir {
	int fd;
	struct entry *entries;
	size_t count, room, next;
	bool read; /* it has been, since rewinddir */
	struct dirent out;
};

static bool has_name(const DIR *d, const char *name)
{
	for (size_t i = 0; i < d->count; i++)
		if (strcmp(d->entries[i].name, name) == 0)
			return true;
	return false;
}

static int entry_add(DIR *d, const char *name, uint64_t number, unsigned char type)
{
	char *copy = strdup(name);

	if (copy && d->count == d->room) {
		size_t room = d->room ? 2 * d->room : 32;
		struct entry *more = realloc(d->entries, room * sizeof(*more));

		if (more) {
			d->entries = more;
			d->room = room;
		}
	}
	if (!copy || d->count == d->room) {
		free(copy);
		return ENOMEM;
	}
	d->entries[d->count++] = (struct entry){ number, type, copy };
	return 0;
}

static bool is_dots(const char *name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

/* All of a server's directory; `once`: without names that are there already. */
static int fid_list(DIR *d, struct ninep_client *c, uint32_t fid, bool once)
{
	struct ninep_dir_entry *batch = malloc(BATCH * sizeof(*batch));
	uint64_t offset = 0;
	unsigned count = 1, nerror = 0;
	int error = batch ? 0 : ENOMEM;

	while (!error && !nerror && count) {
		nerror = ninep_readdir(c, fid, offset, batch, BATCH, &count);
		for (unsigned i = 0; !nerror && !error && i < count; i++) {
			offset = batch[i].next;
			if (!is_dots(batch[i].name) && !(once && has_name(d, batch[i].name)))
				error = entry_add(d, batch[i].name, batch[i].qid.path, batch[i].type);
		}
	}
	free(batch);
	return error ? error : errno_from_ninep(nerror);
}

static int server_list(DIR *d, const struct ns_source *s, const char *path, bool once)
{
	struct file_server *server;
	struct ninep_client *c;
	struct ninep_qid qid;
	uint32_t back, root, fid;
	unsigned nerror;
	int error = file_server_find(s->service, &server);

	if (error)
		return error;
	c = file_server_enter(server, &back);
	nerror = server->open ? file_server_root(server, s->tree, &root, &qid) : NINEP_EIO;
	if (!nerror)
		nerror = ninep_walk(c, root, path, &fid);
	if (!nerror) {
		nerror = ninep_open(c, fid, NINEP_RDONLY);
		if (!nerror)
			error = fid_list(d, c, fid, once);
		(void)ninep_clunk(c, fid);
	}
	file_server_leave(server, back);
	return nerror ? errno_from_ninep(nerror) : error;
}

static int own_list(DIR *d, const char *tree, const char *path, bool once)
{
	char room[LOCAL_NAME];
	const char *name;
	uint64_t number;
	mode_t mode;
	int error = *path ? ENOENT : 0;

	for (unsigned i = 0; !error && local_entry(tree, i, room, &name, &number, &mode); i++)
		if (!(once && has_name(d, name)))
			error = entry_add(d, name, number, S_ISREG(mode) ? DT_REG : DT_CHR);
	return error;
}

static int source_list(DIR *d, const struct ns_source *s, const char *rest, bool once)
{
	char path[FILE_PATH_MAX];

	if (strlen(s->path) + strlen(rest) + 2 > sizeof(path))
		return ENAMETOOLONG;
	strcpy(path, s->path);
	if (*path && *rest)
		strcat(path, "/");
	strcat(path, rest);
	return *s->service == '#' ? own_list(d, s->service, path, once) : server_list(d, s, path, once);
}

/* Is there anything behind a name of that directory that is a mount point, or leads to one? */
static bool point_is_there(const struct namespace *ns, const char *path, const char *name)
{
	char at[FILE_PATH_MAX];
	const char *rest;
	const struct ns_point *p;

	if ((size_t)snprintf(at, sizeof(at), "%s/%s", path[1] ? path : "", name) >= sizeof(at))
		return true;
	p = ns_match(ns, at, &rest);
	if (!p || *rest)
		return true;
	for (unsigned i = 0; i < p->count; i++)
		if (*p->sources[i].service == '#' || file_server_is_there(p->sources[i].service))
			return true;
	return false;
}

/* The mount points that lie in it. */
static int points_list(DIR *d, const struct namespace *ns, const char *path)
{
	char name[FILE_NAME_MAX + 1];
	int error = 0;

	for (unsigned i = 0; !error && ns_below(ns, path, i, name); i++)
		if (!has_name(d, name) && point_is_there(ns, path, name))
			error = entry_add(d, name, 0, DT_DIR);
	return error;
}

/* Sources that are not there just now have nothing in them. */
static int path_list(DIR *d, const char *path)
{
	struct namespace *ns = ns_get();
	const char *rest;
	const struct ns_point *p = ns_match(ns, path, &rest);
	int error = entry_add(d, ".", 0, DT_DIR);

	if (!error)
		error = entry_add(d, "..", 0, DT_DIR);
	for (unsigned i = 0; p && !error && i < p->count; i++) {
		error = source_list(d, &p->sources[i], rest, i > 0);
		if (error == ENOENT || error == ENOTDIR)
			error = 0;
	}
	if (!error)
		error = points_list(d, ns, path);
	ns_put(ns);
	return error;
}

static int dir_fill(DIR *d)
{
	struct open_file *f = fd_get(d->fd);
	int error;

	if (!f)
		return EBADF;
	error = f->ops == &file_dir_ops ? path_list(d, f->path) : ENOTDIR;
	file_drop(f);
	d->read = !error;
	return error;
}

static void entries_clear(DIR *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->entries[i].name);
	d->count = 0;
	d->read = false;
}

/* --- calls --------------------------------------------------------------------------------------- */

DIR *fdopendir(int fd)
{
	struct open_file *f = fd_get(fd);
	DIR *d = NULL;

	if (!f)
		return NULL;
	if (f->ops != &file_dir_ops)
		errno = ENOTDIR;
	else
		d = calloc(1, sizeof(*d));
	file_drop(f);
	if (d)
		d->fd = fd;
	return d;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		(void)fd_close(fd);
	return d;
}

int closedir(DIR *d)
{
	int fd = d->fd;

	entries_clear(d);
	free(d->entries);
	free(d);
	return fd_close(fd);
}

struct dirent *readdir(DIR *d)
{
	int error = d->read ? 0 : dir_fill(d);
	const struct entry *e;

	if (error) {
		errno = error;
		return NULL;
	}
	if (d->next >= d->count)
		return NULL;
	e = &d->entries[d->next++];
	d->out.d_ino = e->number;
	d->out.d_type = e->type;
	strcpy(d->out.d_name, e->name);
	return &d->out;
}

int readdir_r(DIR *restrict d, struct dirent *restrict entry, struct dirent **restrict result)
{
	int saved = errno, error;
	struct dirent *e;

	errno = 0;
	e = readdir(d);
	error = errno;
	errno = saved;
	*result = e ? entry : NULL;
	if (e)
		*entry = *e;
	return e ? 0 : error;
}

void rewinddir(DIR *d)
{
	entries_clear(d);
	d->next = 0;
}

long telldir(DIR *d) { return (long)d->next; }

void seekdir(DIR *d, long at) { d->next = at < 0 ? 0 : (size_t)at; }

int dirfd(DIR *d) { return d->fd; }

int alphasort(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void list_free(struct dirent **list, size_t count)
{
	while (count)
		free(list[--count]);
	free(list);
}

static struct dirent **list_add(struct dirent **list, size_t count, const struct dirent *e)
{
	struct dirent **more = realloc(list, (count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	more[count] = malloc(sizeof(**more));
	if (more[count])
		*more[count] = *e;
	return more;
}

typedef int order_fn(const void *, const void *);

int scandir(const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
	    int (*order)(const struct dirent **, const struct dirent **))
{
	DIR *d = opendir(path);
	struct dirent **list = NULL, **more, *e;
	size_t count = 0;

	if (!d)
		return -1;
	errno = 0;
	while ((e = readdir(d))) {
		if (wanted && !wanted(e))
			continue;
		more = list_add(list, count, e);
		if (!more || !more[count]) {
			list_free(more ? more : list, count);
			(void)closedir(d);
			return errno_fail(ENOMEM);
		}
		list = more;
		count++;
	}
	if (errno) {
		int error = errno;

		list_free(list, count);
		(void)closedir(d);
		return errno_fail(error);
	}
	(void)closedir(d);
	if (order && count)
		qsort(list, count, sizeof(*list), (order_fn *)order);
	*out = list;
	return (int)count;
}
