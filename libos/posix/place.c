/*
 * Lookups: see place.h.
 *
 * One request walks all of a path; only where it ends before its end is looked whether a link is in its way. Then
 * the path is put together anew and looked up from the root of the namespace, 40 times at most.
 */
#include "libos/posix/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/namespace.h"

#define LINKS_MAX 40
#define IS_LINK (-1) /* p->path has been changed by a link: look again */
#define BLOCK 4096

/* --- places ------------------------------------------------------------------------------------------------ */

struct ninep_client *place_enter(const struct place *p, uint32_t *back)
{
	struct ninep_client *c = file_server_enter(p->server, back);

	if (p->server->open && p->server->generation == p->generation)
		return c;
	file_server_leave(p->server, *back);
	return NULL;
}

void place_leave(const struct place *p, uint32_t back) { file_server_leave(p->server, back); }

void place_drop(struct place *p)
{
	struct ninep_client *c;
	uint32_t back;

	if (p->kind != PLACE_NINEP || p->fid == NINEP_NO_FID)
		return;
	c = place_enter(p, &back);
	if (!c)
		return;
	ninep_drop(c, p->fid);
	place_leave(p, back);
}

bool place_is_dir(const struct place *p)
{
	return p->kind == PLACE_DIR || (p->kind == PLACE_NINEP && p->qid.type & NINEP_QTDIR);
}

static void attributes_fill(const struct file_server *s, const struct ninep_message *m, struct stat *out)
{
	*out = (struct stat){
		.st_dev = s->number,
		.st_ino = m->rwalkattr.qid.path,
		.st_mode = m->rwalkattr.mode,
		.st_nlink = m->rwalkattr.nlink,
		.st_uid = (uid_t)m->rwalkattr.uid,
		.st_gid = (gid_t)m->rwalkattr.gid,
		.st_rdev = m->rwalkattr.rdev,
		.st_size = (off_t)m->rwalkattr.size,
		.st_atim = { (time_t)m->rwalkattr.atime_sec, (long)m->rwalkattr.atime_nsec },
		.st_mtim = { (time_t)m->rwalkattr.mtime_sec, (long)m->rwalkattr.mtime_nsec },
		.st_ctim = { (time_t)m->rwalkattr.ctime_sec, (long)m->rwalkattr.ctime_nsec },
		.st_blksize = m->rwalkattr.blksize,
		.st_blocks = (blkcnt_t)m->rwalkattr.blocks,
	};
}

/* By the request that any server of 9P2000.L knows. */
static unsigned getattr_of(struct file_server *s, uint32_t fid, struct stat *out)
{
	struct ninep_request r = { .m.type = NINEP_TGETATTR };
	unsigned error;

	r.m.tgetattr.fid = fid;
	r.m.tgetattr.mask = 0x7ff; /* all that stat tells */
	error = ninep_request(&s->client, &r);
	if (error)
		return error;
	*out = (struct stat){
		.st_dev = s->number,
		.st_ino = r.m.rgetattr.qid.path,
		.st_mode = r.m.rgetattr.mode,
		.st_nlink = r.m.rgetattr.nlink,
		.st_uid = (uid_t)r.m.rgetattr.uid,
		.st_gid = (gid_t)r.m.rgetattr.gid,
		.st_rdev = r.m.rgetattr.rdev,
		.st_size = (off_t)r.m.rgetattr.size,
		.st_atim = { (time_t)r.m.rgetattr.atime_sec, (long)r.m.rgetattr.atime_nsec },
		.st_mtim = { (time_t)r.m.rgetattr.mtime_sec, (long)r.m.rgetattr.mtime_nsec },
		.st_ctim = { (time_t)r.m.rgetattr.ctime_sec, (long)r.m.rgetattr.ctime_nsec },
		.st_blksize = r.m.rgetattr.blksize ? (blksize_t)r.m.rgetattr.blksize : BLOCK,
		.st_blocks = (blkcnt_t)r.m.rgetattr.blocks,
	};
	return 0;
}

void ninep_stat_told(const struct file_server *s, const struct ninep_attr *a, struct stat *out)
{
	*out = (struct stat){
		.st_dev = s->number,
		.st_ino = a->path,
		.st_mode = a->mode,
		.st_nlink = (nlink_t)a->nlink,
		.st_uid = (uid_t)a->uid,
		.st_gid = (gid_t)a->gid,
		.st_rdev = a->rdev,
		.st_size = (off_t)a->size,
		.st_atim = { (time_t)a->atime, (long)a->atime_nsec },
		.st_mtim = { (time_t)a->mtime, (long)a->mtime_nsec },
		.st_ctim = { (time_t)a->ctime, (long)a->ctime_nsec },
		.st_blksize = BLOCK,
		.st_blocks = (blkcnt_t)(((a->used ? a->used : a->size) + 511) / 512),
	};
}

unsigned ninep_stat_of(struct file_server *s, uint32_t fid, struct stat *out)
{
	struct ninep_request r;
	unsigned error = ninep_walk_attr(&s->client, fid, "", &r);

	if (error == NINEP_EOPNOTSUPP)
		return getattr_of(s, fid, out);
	if (!error)
		attributes_fill(s, &r.m, out);
	return error;
}

void local_stat(enum place_kind kind, uint64_t number, uint64_t size, struct stat *out)
{
	mode_t mode = kind == PLACE_BOOT ? S_IFREG | 0555 : kind == PLACE_DIR ? S_IFDIR | 0555 : S_IFCHR | 0666;

	*out = (struct stat){
		.st_ino = number,
		.st_mode = mode,
		.st_nlink = 1,
		.st_size = (off_t)size,
		.st_blksize = 1024, /* what stdio uses for a buffer */
		.st_blocks = (blkcnt_t)((size + 511) / 512),
	};
}

int place_stat(const struct place *p, struct stat *out)
{
	struct stat st; /* no memory of the caller's is touched in the midst of a request: it may be a mapped file's */
	uint32_t back;
	unsigned error;

	if (p->kind == PLACE_NINEP && p->known) {
		*out = p->attributes;
		return 0;
	}
	if (p->kind == PLACE_FD)
		return fstat((int)p->number, out) ? errno : 0;
	if (p->kind != PLACE_NINEP) {
		local_stat(p->kind, p->number, p->kind == PLACE_BOOT ? p->size : 0, out);
		return 0;
	}
	if (!place_enter(p, &back))
		return EIO;
	error = ninep_stat_of(p->server, p->fid, &st);
	place_leave(p, back);
	if (!error)
		*out = st;
	return errno_from_ninep(error);
}

/* --- links -------------------------------------------------------------------------------------------------- */

/* Where the last `left` components of a path begin, at their slash. */
static char *components_from_end(char *path, unsigned left)
{
	char *at = path + strlen(path);

	while (left--) {
		do {
			if (at == path)
				return NULL;
		} while (*--at != '/');
	}
	return at;
}

/* p->path, but for its last `left` components, is a link to `target`. */
static int link_follow(struct place *p, const char *target, unsigned left)
{
	char base[FILE_PATH_MAX], rest[FILE_PATH_MAX], *end = components_from_end(p->path, left), *cut;
	bool dir;
	int error;

	if (!end)
		return ENOENT; /* in what a mount point stands for */
	strcpy(rest, end);
	*end = 0;
	strcpy(base, p->path);
	cut = strrchr(base, '/');
	cut[cut == base] = 0;
	error = path_join(base, target, p->path, &dir);
	if (error)
		return error;
	if (!p->path[1])
		p->path[0] = 0;
	if (strlen(p->path) + strlen(rest) >= sizeof(p->path))
		return ENAMETOOLONG;
	strcat(p->path, rest);
	if (!*p->path)
		strcpy(p->path, "/");
	return IS_LINK;
}

/* `fid` is a link's: it is read and given back. */
static int link_read(struct place *p, struct ninep_client *c, uint32_t fid, unsigned left)
{
	char target[NINEP_TARGET_MAX];
	unsigned error = ninep_readlink(c, fid, target, sizeof(target));

	(void)ninep_clunk(c, fid);
	return error ? errno_from_ninep(error) : link_follow(p, target, left);
}

/* --- one source ------------------------------------------------------------------------------------------------ */

static unsigned components(const char *path)
{
	unsigned count = 0;

	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		path += strcspn(path, "/");
		count++;
	}
	return count;
}

/* A walk ended after way->names: at a link, at something that is no directory, or where nothing is. */
static int walk_ended(struct place *p, struct ninep_client *c, uint32_t root, const char *path,
		      const struct ninep_way *way, unsigned error)
{
	char *prefix, *end;
	uint32_t fid;
	unsigned left = components(path) - way->names;

	if (!way->names || way->qid.type & NINEP_QTDIR)
		return errno_from_ninep(error);
	if (!(way->qid.type & NINEP_QTSYMLINK))
		return ENOTDIR;
	prefix = malloc(strlen(path) + 2);
	if (!prefix)
		return ENOMEM;
	prefix[0] = '/';
	strcpy(prefix + 1, path);
	end = components_from_end(prefix, left);
	*end = 0;
	error = ninep_walk(c, root, prefix + 1, &fid);
	free(prefix);
	return error ? errno_from_ninep(error) : link_read(p, c, fid, left);
}

/* In one request, if that will do: 0, ENOENT which is final, or another error: find out by a walk. */
static unsigned walk_at_once(struct place *p, uint32_t root, const char *path, unsigned flags)
{
	struct ninep_client *c = &p->server->client;
	struct ninep_request r;
	unsigned error = NINEP_EOPNOTSUPP;

	if (flags & PLACE_OPEN) {
		error = ninep_walk_open(c, root, path, p->open_flags, &p->fid, &p->qid);
		p->opened = !error;
	} else if (flags & PLACE_STAT) {
		error = ninep_walk_attr(c, root, path, &r);
		if (error)
			return error;
		p->qid = r.m.rwalkattr.qid;
		if (p->qid.type & NINEP_QTSYMLINK && !(flags & PLACE_NOFOLLOW))
			return NINEP_EOPNOTSUPP;
		attributes_fill(p->server, &r.m, &p->attributes);
		p->fid = NINEP_NO_FID;
		p->known = true;
	}
	return error;
}

static int server_walk(const struct ns_source *s, const char *path, unsigned flags, struct place *p)
{
	struct ninep_client *c = &p->server->client;
	struct ninep_way way = { 0 };
	struct ninep_qid top;
	uint32_t root;
	unsigned error = file_server_root(p->server, s->tree, &root, &top);

	if (error)
		return errno_from_ninep(error);
	error = walk_at_once(p, root, path, flags);
	if (!error)
		p->kind = PLACE_NINEP;
	if (!error || error == NINEP_ENOENT)
		return errno_from_ninep(error);
	error = ninep_walk_way(c, root, path, &p->fid, &way);
	if (error)
		return walk_ended(p, c, root, path, &way, error);
	p->qid = way.names ? way.qid : top;
	if (p->qid.type & NINEP_QTSYMLINK && !(flags & PLACE_NOFOLLOW))
		return link_read(p, c, p->fid, 0);
	p->kind = PLACE_NINEP;
	return 0;
}

static int server_look(const struct ns_source *s, const char *path, unsigned flags, struct place *p)
{
	uint32_t back;
	int error = file_server_find(s->service, &p->server);

	if (error)
		return error;
	p->generation = p->server->generation;
	if (!place_enter(p, &back))
		return EIO;
	error = server_walk(s, path, flags, p);
	place_leave(p, back);
	return error;
}

static int source_look(const struct ns_source *s, const char *rest, unsigned flags, struct place *p)
{
	char path[FILE_PATH_MAX];

	if (*s->path && (size_t)snprintf(path, sizeof(path), "%s%s%s", s->path, *rest ? "/" : "", rest) >= sizeof(path))
		return ENAMETOOLONG;
	if (*s->path)
		rest = path;
	return *s->service == '#' ? local_find(s->service, rest, p) : server_look(s, rest, flags, p);
}

/* --- the namespace ---------------------------------------------------------------------------------------------- */

/* Of a union, what is made goes to the sources that are for it, if there are such. */
static bool is_for(const struct ns_point *point, unsigned index, unsigned flags)
{
	if (!(flags & PLACE_CHANGE) || point->sources[index].create)
		return true;
	for (unsigned i = 0; i < point->count; i++)
		if (point->sources[i].create)
			return false;
	return true;
}

static int sources_look(const struct namespace *ns, unsigned flags, struct place *p)
{
	char name[FILE_NAME_MAX + 1];
	const char *rest;
	const struct ns_point *point = ns_match(ns, p->path, &rest);
	int error = ENOENT;

	for (unsigned i = 0; point && i < point->count && error == ENOENT; i++)
		if (is_for(point, i, flags))
			error = source_look(&point->sources[i], rest, flags, p);
	/* What is only on the way to a mount point. */
	if (error == ENOENT && ns_below(ns, p->path, 0, name)) {
		p->kind = PLACE_DIR;
		p->number = 0;
		error = 0;
	}
	return error;
}

static int dotdot_resolve(char *path);

static int clean_find(struct place *p, unsigned flags)
{
	struct namespace *ns = ns_get();
	int error = IS_LINK;

	for (unsigned links = 0; error == IS_LINK && links <= LINKS_MAX; links++) {
		error = dotdot_resolve(p->path);
		if (!error)
			error = sources_look(ns, flags, p);
	}
	ns_put(ns);
	if (error == IS_LINK)
		return ELOOP;
	if (!error && flags & PLACE_DIRECTORY && !place_is_dir(p)) {
		place_drop(p);
		return ENOTDIR;
	}
	return error;
}

/* What stands before a ".." is found, and its place put before what follows, until there is none any more. */
static int dotdot_resolve(char *path)
{
	struct place *above;
	char *dots, name[FILE_NAME_MAX + 1];
	int error = 0;

	if (!path_dotdot(path))
		return 0;
	above = malloc(sizeof(*above));
	if (!above)
		return ENOMEM;
	while (!error && (dots = path_dotdot(path))) {
		*dots = 0;
		strcpy(above->path, *path ? path : "/");
		above->opened = above->known = false;
		error = clean_find(above, PLACE_DIRECTORY);
		if (error)
			break;
		place_drop(above);
		path_cut(above->path, name);
		if (!above->path[1])
			*above->path = 0;
		if (strlen(above->path) + strlen(dots + 3) >= FILE_PATH_MAX)
			error = ENAMETOOLONG;
		else
			memmove(path + strlen(above->path), dots + 3, strlen(dots + 3) + 1);
		memcpy(path, above->path, strlen(above->path));
		if (!*path)
			strcpy(path, "/");
	}
	free(above);
	return error;
}

/* --- paths of calls ------------------------------------------------------------------------------ */

int path_of(int at, const char *path, char *out, bool *dir)
{
	char base[FILE_PATH_MAX];
	struct open_file *f;
	int error;

	if (!path)
		return EFAULT;
	if (*path == '/')
		return path_join("/", path, out, dir);
	if (at == AT_FDCWD) {
		cwd_get(base);
		return path_join(base, path, out, dir);
	}
	f = fd_get(at);
	if (!f)
		return EBADF;
	error = f->ops != &file_dir_ops ? ENOTDIR : path_join(f->path, path, out, dir);
	file_drop(f);
	return error;
}

int place_find(int at, const char *path, unsigned flags, struct place *p)
{
	bool dir;
	int error = path_of(at, path, p->path, &dir);

	p->opened = p->known = false;
	if (error)
		return error;
	/* A slash at the end wants what a link leads to. */
	return clean_find(p, dir ? (flags & ~PLACE_NOFOLLOW) | PLACE_DIRECTORY : flags);
}

static bool is_dots(const char *name) { return strcmp(name, "..") == 0; }

/* "dir/." and "dir/..": told by the path as it came, since joining takes the former away. */
static bool ends_in_dot(const char *path)
{
	size_t length = strlen(path);

	while (length && path[length - 1] == '/')
		length--;
	return length && path[length - 1] == '.' &&
	       (length == 1 || path[length - 2] == '/' ||
		(path[length - 2] == '.' && (length == 2 || path[length - 3] == '/')));
}

int place_parent(int at, const char *path, struct place *p, char *name, bool *dir)
{
	struct namespace *ns;
	bool point;
	int error = path_of(at, path, p->path, dir);

	if (error)
		return error;
	if (ends_in_dot(path))
		return EINVAL;
	ns = ns_get();
	point = ns_is_point(ns, p->path);
	ns_put(ns);
	if (point || !p->path[1])
		return EBUSY;
	path_cut(p->path, name);
	p->opened = p->known = false;
	return is_dots(name) ? EINVAL : clean_find(p, PLACE_DIRECTORY | PLACE_CHANGE);
}
