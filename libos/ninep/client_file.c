/* What one does to files, request by request: see client.h. Fids are numbers that come back. */
#include "libos/ninep/client.h"

#include <stdlib.h>
#include <string.h>

#define GETATTR_BASIC 0x7ffu
#define NO_UID UINT32_MAX

uint32_t ninep_fid_take(struct ninep_client *c) { return c->spares ? c->spare[--c->spares] : c->fids++; }

/* Without memory to remember it the number is not used again; there are enough. */
void ninep_fid_give(struct ninep_client *c, uint32_t fid)
{
	uint32_t room = c->spare_room ? 2 * c->spare_room : 16, *more;

	if (c->spares == c->spare_room) {
		more = realloc(c->spare, room * sizeof(*more));
		if (!more)
			return;
		c->spare = more;
		c->spare_room = room;
	}
	c->spare[c->spares++] = fid;
}

unsigned ninep_attach(struct ninep_client *c, const char *user, const char *tree, uint32_t *fid)
{
	struct ninep_qid qid;

	return ninep_attach_qid(c, user, tree, fid, &qid);
}

unsigned ninep_attach_qid(struct ninep_client *c, const char *user, const char *tree, uint32_t *fid,
			  struct ninep_qid *qid)
{
	struct ninep_request r = { .m.type = NINEP_TATTACH };
	unsigned error;

	*fid = ninep_fid_take(c);
	r.m.tattach.fid = *fid;
	r.m.tattach.afid = NINEP_NO_FID;
	r.m.tattach.uname = ninep_text(user);
	r.m.tattach.aname = ninep_text(tree);
	r.m.tattach.n_uname = NO_UID;
	error = ninep_request(c, &r);
	if (error)
		ninep_fid_give(c, *fid);
	else
		*qid = r.m.rattach.qid;
	return error;
}

/* --- walking ------------------------------------------------------------------------------------ */

/* Takes up to 16 names off the path; ENAMETOOLONG. */
static unsigned names_take(const char **path, struct ninep_names *names)
{
	const char *at = *path, *name;

	for (names->count = 0;; at = name) {
		while (*at == '/')
			at++;
		if (!*at || names->count == NINEP_NAMES)
			break;
		for (name = at; *name && *name != '/'; name++)
			;
		if (name - at > NINEP_NAME_MAX)
			return NINEP_ENAMETOOLONG;
		names->name[names->count++] = (struct ninep_text){ at, (uint16_t)(name - at) };
	}
	*path = at;
	return 0;
}

/* One request's worth; a walk that ends on the way has no fid, and no more to say than how far it went. */
static unsigned walk_some(struct ninep_client *c, uint32_t from, uint32_t to, const char **path, struct ninep_way *way)
{
	struct ninep_request r = { .m.type = NINEP_TWALK };
	unsigned error = names_take(path, &r.m.twalk.names);
	uint16_t names = r.m.twalk.names.count;

	if (error)
		return error;
	r.m.twalk.fid = from;
	r.m.twalk.newfid = to;
	error = ninep_request(c, &r);
	if (error)
		return error;
	if (r.m.rwalk.qids.count > names)
		return NINEP_EPROTO;
	way->names += r.m.rwalk.qids.count;
	if (r.m.rwalk.qids.count)
		way->qid = r.m.rwalk.qids.qid[r.m.rwalk.qids.count - 1];
	return r.m.rwalk.qids.count < names ? NINEP_ENOENT : 0;
}

unsigned ninep_walk(struct ninep_client *c, uint32_t from, const char *path, uint32_t *fid)
{
	struct ninep_way way;

	return ninep_walk_way(c, from, path, fid, &way);
}

unsigned ninep_walk_way(struct ninep_client *c, uint32_t from, const char *path, uint32_t *fid, struct ninep_way *way)
{
	uint32_t to = ninep_fid_take(c);
	unsigned error;

	way->names = 0;
	error = walk_some(c, from, to, &path, way);
	if (error) {
		ninep_fid_give(c, to);
		return error;
	}
	while (*path && !error)
		error = walk_some(c, to, to, &path, way);
	if (error)
		(void)ninep_clunk(c, to);
	else
		*fid = to;
	return error;
}

/* The fid that is to be clunked on the way; it is free again. */
static uint32_t dropped_take(struct ninep_client *c)
{
	uint32_t fid = c->dropped ? c->dropped - 1 : NINEP_NO_FID;

	if (c->dropped)
		ninep_fid_give(c, fid);
	c->dropped = 0;
	return fid;
}

unsigned ninep_walk_open(struct ninep_client *c, uint32_t from, const char *path, uint32_t flags, uint32_t *fid,
			 struct ninep_qid *qid)
{
	struct ninep_request r;
	unsigned error;

	r.lent = false;
	r.into = NULL;
	r.room = 0;
	r.m.type = NINEP_TWALKOPEN;
	error = c->ours ? names_take(&path, &r.m.twalkopen.names) : NINEP_EOPNOTSUPP;
	if (error || *path)
		return error ? error : NINEP_EOPNOTSUPP;
	r.m.twalkopen.fid = from;
	r.m.twalkopen.flags = flags;
	*fid = ninep_fid_take(c); /* before the other is free: it is made before that goes */
	r.m.twalkopen.newfid = *fid;
	r.m.twalkopen.drop = dropped_take(c);
	error = ninep_request(c, &r);
	if (error)
		ninep_fid_give(c, *fid);
	else
		*qid = r.m.rwalkopen.qid;
	return error;
}

unsigned ninep_walk_attr(struct ninep_client *c, uint32_t from, const char *path, struct ninep_request *r)
{
	unsigned error;

	r->lent = false;
	r->into = NULL;
	r->room = 0;
	r->m.type = NINEP_TWALKATTR;
	error = c->ours ? names_take(&path, &r->m.twalkattr.names) : NINEP_EOPNOTSUPP;
	if (error || *path)
		return error ? error : NINEP_EOPNOTSUPP;
	r->m.twalkattr.fid = from;
	r->m.twalkattr.drop = dropped_take(c);
	return ninep_request(c, r);
}

void ninep_drop(struct ninep_client *c, uint32_t fid)
{
	struct ninep_message m = { .type = NINEP_TDROP, .tag = NINEP_NO_TAG };

	if (!c->ours || c->broken) {
		(void)ninep_clunk(c, fid);
		return;
	}
	if (c->dropped) {
		m.tdrop.fid = dropped_take(c);
		/* It ends the link if it does not go out; what finds no room goes with the next request. */
		if (c->link.ops->send(&c->link, &m, NULL))
			return;
	}
	c->dropped = fid + 1;
}

unsigned ninep_clunk(struct ninep_client *c, uint32_t fid)
{
	struct ninep_request r = { .m.type = NINEP_TCLUNK };
	unsigned error;

	r.m.tclunk.fid = fid;
	error = ninep_request(c, &r);
	if (error != NINEP_EBADF)
		ninep_fid_give(c, fid);
	return error;
}

/* --- open, read, write ----------------------------------------------------------------------------- */

unsigned ninep_open(struct ninep_client *c, uint32_t fid, uint32_t flags)
{
	struct ninep_request r = { .m.type = NINEP_TLOPEN };

	r.m.tlopen.fid = fid;
	r.m.tlopen.flags = flags;
	return ninep_request(c, &r);
}

unsigned ninep_create(struct ninep_client *c, uint32_t fid, const char *name, uint32_t flags, uint32_t mode)
{
	struct ninep_request r = { .m.type = NINEP_TLCREATE };

	r.m.tlcreate.fid = fid;
	r.m.tlcreate.name = ninep_text(name);
	r.m.tlcreate.flags = flags;
	r.m.tlcreate.mode = mode;
	r.m.tlcreate.gid = 0;
	return ninep_request(c, &r);
}

static uint32_t at_most(size_t count) { return count < NINEP_BUFFER_BYTES ? (uint32_t)count : NINEP_BUFFER_BYTES; }

unsigned ninep_read(struct ninep_client *c, uint32_t fid, uint64_t offset, void *into, size_t count, size_t *done)
{
	struct ninep_request r;
	unsigned error = 0;

	for (*done = 0; *done < count; *done += r.m.rread.data.length) {
		ninep_read_prepare(c, &r, fid, offset + *done, (char *)into + *done, at_most(count - *done));
		error = ninep_request(c, &r);
		if (error || !r.m.rread.data.length)
			break;
	}
	return error;
}

/* One request; *some is how much of `count` the server took. */
static unsigned write_some(struct ninep_client *c, uint32_t fid, uint64_t offset, const void *from, uint32_t count,
			   uint32_t *some)
{
	struct ninep_request r;
	unsigned error;

	ninep_write_prepare(c, &r, fid, offset, from, count);
	error = ninep_request(c, &r);
	if (!error && r.m.rwrite.count > count)
		error = NINEP_EPROTO;
	*some = error ? 0 : r.m.rwrite.count;
	return error;
}

unsigned ninep_write(struct ninep_client *c, uint32_t fid, uint64_t offset, const void *from, size_t count,
		     size_t *done)
{
	unsigned error = 0;
	uint32_t some = 1;

	for (*done = 0; *done < count && some; *done += some)
		error = write_some(c, fid, offset + *done, (const char *)from + *done, at_most(count - *done), &some);
	return error;
}

unsigned ninep_readdir(struct ninep_client *c, uint32_t fid, uint64_t offset, struct ninep_dir_entry *entries,
		       unsigned room, unsigned *count)
{
	uint8_t bytes[4000];
	struct ninep_request r = { .m.type = NINEP_TREADDIR, .into = bytes, .room = sizeof(bytes) };
	const uint8_t *at = bytes;
	struct ninep_dirent d;
	uint32_t left = sizeof(bytes), some;
	unsigned error;

	ninep_lend(c, &r, &left);
	r.m.treaddir.fid = fid;
	r.m.treaddir.offset = offset;
	r.m.treaddir.count = left;
	error = ninep_request(c, &r);
	left = error ? 0 : r.m.rreaddir.data.length;
	for (*count = 0; left && *count < room; (*count)++) {
		some = ninep_dirent_get(&d, at, left);
		if (!some || d.name.length > NINEP_NAME_MAX)
			return NINEP_EPROTO;
		entries[*count] = (struct ninep_dir_entry){ .qid = d.qid, .type = d.type, .next = d.offset };
		memcpy(entries[*count].name, d.name.at, d.name.length);
		at += some;
		left -= some;
	}
	return error;
}

/* --- attributes ------------------------------------------------------------------------------------ */

unsigned ninep_getattr(struct ninep_client *c, uint32_t fid, struct ninep_attr *a)
{
	struct ninep_request r = { .m.type = NINEP_TGETATTR };
	unsigned error;

	r.m.tgetattr.fid = fid;
	r.m.tgetattr.mask = GETATTR_BASIC;
	error = ninep_request(c, &r);
	if (error)
		return error;
	*a = (struct ninep_attr){
		.mode = r.m.rgetattr.mode,
		.uid = r.m.rgetattr.uid,
		.gid = r.m.rgetattr.gid,
		.version = r.m.rgetattr.qid.version,
		.path = r.m.rgetattr.qid.path,
		.nlink = r.m.rgetattr.nlink,
		.size = r.m.rgetattr.size,
		.mtime = r.m.rgetattr.mtime_sec,
		.mtime_nsec = r.m.rgetattr.mtime_nsec,
		.atime = r.m.rgetattr.atime_sec,
		.atime_nsec = r.m.rgetattr.atime_nsec,
		.ctime = r.m.rgetattr.ctime_sec,
		.ctime_nsec = r.m.rgetattr.ctime_nsec,
		.rdev = r.m.rgetattr.rdev,
		.used = r.m.rgetattr.blocks * 512,
	};
	return 0;
}

unsigned ninep_setattr(struct ninep_client *c, uint32_t fid, uint32_t valid, const struct ninep_attr *a)
{
	struct ninep_request r = { .m.type = NINEP_TSETATTR };

	r.m.tsetattr.fid = fid;
	r.m.tsetattr.valid = valid;
	r.m.tsetattr.mode = a->mode;
	r.m.tsetattr.uid = a->uid;
	r.m.tsetattr.gid = a->gid;
	r.m.tsetattr.size = a->size;
	r.m.tsetattr.mtime_sec = a->mtime;
	r.m.tsetattr.mtime_nsec = a->mtime_nsec;
	r.m.tsetattr.atime_sec = a->atime;
	r.m.tsetattr.atime_nsec = a->atime_nsec;
	return ninep_request(c, &r);
}

unsigned ninep_statfs(struct ninep_client *c, uint32_t fid, struct ninep_space *s)
{
	struct ninep_request r = { .m.type = NINEP_TSTATFS };
	unsigned error;

	r.m.tstatfs.fid = fid;
	error = ninep_request(c, &r);
	if (error)
		return error;
	*s = (struct ninep_space){
		.blocks = r.m.rstatfs.blocks,
		.free = r.m.rstatfs.bavail,
		.files = r.m.rstatfs.files,
		.files_free = r.m.rstatfs.ffree,
		.type = r.m.rstatfs.type,
		.block = r.m.rstatfs.bsize,
	};
	return 0;
}

unsigned ninep_fsync(struct ninep_client *c, uint32_t fid)
{
	struct ninep_request r = { .m.type = NINEP_TFSYNC };

	r.m.tfsync.fid = fid;
	return ninep_request(c, &r);
}

unsigned ninep_lock(struct ninep_client *c, uint32_t fid, const struct ninep_lock *l)
{
	struct ninep_request r = { .m.type = NINEP_TLOCK };
	unsigned error;

	r.m.tlock.fid = fid;
	r.m.tlock.type = l->type;
	r.m.tlock.flags = l->flags;
	r.m.tlock.start = l->start;
	r.m.tlock.length = l->length;
	r.m.tlock.proc_id = l->proc_id;
	r.m.tlock.client_id = l->client_id;
	error = ninep_request(c, &r);
	return error ? error : r.m.rlock.status ? NINEP_EAGAIN : 0;
}

unsigned ninep_getlock(struct ninep_client *c, uint32_t fid, struct ninep_lock *l)
{
	struct ninep_request r = { .m.type = NINEP_TGETLOCK };
	unsigned error;

	r.m.tgetlock.fid = fid;
	r.m.tgetlock.type = l->type;
	r.m.tgetlock.start = l->start;
	r.m.tgetlock.length = l->length;
	r.m.tgetlock.proc_id = l->proc_id;
	r.m.tgetlock.client_id = l->client_id;
	error = ninep_request(c, &r);
	if (error)
		return error;
	l->type = r.m.rgetlock.type;
	l->start = r.m.rgetlock.start;
	l->length = r.m.rgetlock.length;
	l->proc_id = r.m.rgetlock.proc_id;
	return 0;
}

unsigned ninep_ready(struct ninep_client *c, uint32_t fid, uint32_t *events)
{
	struct ninep_request r = { .m.type = NINEP_TREADY };
	unsigned error;

	r.m.tready.fid = fid;
	r.m.tready.events = *events;
	error = ninep_request(c, &r);
	*events = error ? 0 : r.m.rready.events;
	return error;
}
