/*
 * Requests of both dialects but those that change directories (serve_change.c): session, walk, open, read,
 * write, attributes.
 *
 * Each fills c->out or returns an error; what it allocates belongs to a fid.
 */
#include "libos/ninep/serve.h"

#include <stdlib.h>
#include <string.h>

#define DMDIR 0x80000000u
#define DMSYMLINK 0x02000000u
#define OTRUNC 0x10u
#define OACCESS 3u
#define OEXEC 3u
#define V9FS_MAGIC 0x01021997u
#define GETATTR_BASIC 0x7ffu
#define BLOCK 4096u

/* --- session ------------------------------------------------------------------------------------- */

/* 9P2000.L and all that begins with 9P2000 have an answer; a new session ends the old one. */
unsigned ninep_serve_version(struct ninep_call *c)
{
	struct ninep_connection *n = c->from;
	struct ninep_text v = c->in.tversion.version;
	uint32_t msize = c->in.tversion.msize < n->msize_most ? c->in.tversion.msize : n->msize_most;
	bool known = v.length >= 6 && memcmp(v.at, "9P2000", 6) == 0;

	ninep_pending_cancel(n, NULL, NULL);
	ninep_fids_clear(n);
	n->versioned = known && msize >= NINEP_MSIZE_LEAST;
	if (msize < NINEP_MSIZE_LEAST)
		return NINEP_EMSGSIZE;
	n->link.msize = msize;
	n->link.dialect = ninep_text_is(v, "9P2000.L") ? NINEP_LINUX : NINEP_PLAIN;
	c->out.rversion.msize = msize;
	c->out.rversion.version = ninep_text(!known                           ? "unknown"
					     : n->link.dialect == NINEP_LINUX ? "9P2000.L"
									      : "9P2000");
	return 0;
}

/* Nobody needs to say who he is: the channel tells. */
unsigned ninep_serve_auth(struct ninep_call *c)
{
	(void)c;
	return NINEP_ENOENT;
}

static unsigned file_qid(const struct ninep_call *c, const struct ninep_file *f, struct ninep_qid *qid)
{
	struct ninep_attr a;
	unsigned error = ninep_tree_attr(c->from->root, f, &a);

	if (!error)
		*qid = ninep_attr_qid(&a);
	return error;
}

unsigned ninep_serve_attach(struct ninep_call *c)
{
	struct ninep_file root = { c->from->root, 0, NULL };
	unsigned error = file_qid(c, &root, &c->out.rattach.qid);

	return error ? error : ninep_fid_add(c->from, c->in.tattach.fid, &root);
}

/* What it cancels is answered before it. */
unsigned ninep_serve_flush(struct ninep_call *c)
{
	ninep_pending_cancel(c->from, NULL, &c->in.tflush.oldtag);
	return 0;
}

unsigned ninep_serve_clunk(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tclunk.fid);

	if (!f)
		return NINEP_EBADF;
	ninep_pending_cancel(c->from, &f->fid, NULL);
	ninep_fid_remove(c->from, f);
	return 0;
}

/* The fid is gone in any case; who wants files removed says unlinkat. */
unsigned ninep_serve_remove(struct ninep_call *c)
{
	unsigned error = ninep_serve_clunk(c);

	return error ? error : NINEP_EPERM;
}

unsigned ninep_serve_walk(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.twalk.fid);
	const struct ninep_names *names = &c->in.twalk.names;
	struct ninep_qids *qids = &c->out.rwalk.qids;
	uint32_t newfid = c->in.twalk.newfid;
	struct ninep_file at, next;
	unsigned error = 0;

	if (!f || (newfid != f->fid && ninep_fid_find(c->from, newfid)))
		return NINEP_EBADF;
	if (newfid == f->fid && f->open)
		return NINEP_EBUSY;
	at = (struct ninep_file){ f->file.node, f->file.key, NULL };
	for (qids->count = 0; qids->count < names->count; qids->count++) {
		error = ninep_tree_walk(c->from->root, &at, names->name[qids->count], &next);
		if (!error)
			error = file_qid(c, &next, &qids->qid[qids->count]);
		if (error)
			break;
		at = next;
	}
	if (error)
		return qids->count ? 0 : error; /* a part of the way is told, and makes no fid */
	if (newfid != f->fid)
		return ninep_fid_add(c->from, newfid, &at);
	ninep_fid_move(f, &at);
	return 0;
}

/* --- open ------------------------------------------------------------------------------------------ */

static unsigned text_make(struct ninep_fid *f)
{
	unsigned error;

	f->text = malloc(NINEP_TEXT_MAX);
	if (!f->text)
		return NINEP_ENOMEM;
	f->text_length = 0;
	error = ninep_handlers_of(&f->file)->text(&f->file, f->text, NINEP_TEXT_MAX, &f->text_length);
	if (f->text_length > NINEP_TEXT_MAX)
		f->text_length = NINEP_TEXT_MAX;
	return error;
}

static unsigned may_open(const struct ninep_fid *f, const struct ninep_attr *a, uint32_t flags)
{
	uint32_t access = flags & NINEP_ACCESS;
	bool writes = access == NINEP_WRONLY || access == NINEP_RDWR;

	if (f->open)
		return NINEP_EBUSY;
	if (ninep_is_dir(&f->file))
		return writes ? NINEP_EISDIR : 0;
	if ((writes && !(a->mode & 0222)) || (access != NINEP_WRONLY && !(a->mode & 0444)))
		return NINEP_EACCES;
	return 0;
}

/* Whether it may be opened so has been seen to. */
static unsigned fid_begin(struct ninep_fid *f, uint32_t flags)
{
	const struct ninep_handlers *h = ninep_handlers_of(&f->file);
	unsigned error = 0;

	if (flags & NINEP_TRUNC && h->setattr)
		error = h->setattr(&f->file, NINEP_SET_SIZE, &(struct ninep_attr){ .size = 0 });
	if (!error && h->open)
		error = h->open(&f->file, flags);
	if (error)
		return error;
	f->open = true;
	f->flags = flags;
	f->dir_offset = f->dir_index = 0;
	if (h->text && (flags & NINEP_ACCESS) != NINEP_WRONLY)
		error = text_make(f);
	if (error)
		ninep_fid_close(f);
	return error;
}

static unsigned fid_open(struct ninep_call *c, uint32_t fid, uint32_t flags, struct ninep_qid *qid)
{
	struct ninep_fid *f = ninep_fid_find(c->from, fid);
	struct ninep_attr a;
	unsigned error = f ? ninep_tree_attr(c->from->root, &f->file, &a) : NINEP_EBADF;

	if (!error)
		error = may_open(f, &a, flags);
	if (!error)
		error = fid_begin(f, flags);
	if (!error)
		*qid = ninep_attr_qid(&a);
	return error;
}

unsigned ninep_serve_lopen(struct ninep_call *c)
{
	c->out.rlopen.iounit = 0;
	return fid_open(c, c->in.tlopen.fid, c->in.tlopen.flags, &c->out.rlopen.qid);
}

static uint32_t plain_flags(uint8_t mode)
{
	uint32_t access = (mode & OACCESS) == OEXEC ? NINEP_RDONLY : mode & OACCESS;

	return access | (mode & OTRUNC ? NINEP_TRUNC : 0);
}

unsigned ninep_serve_open(struct ninep_call *c)
{
	c->out.ropen.iounit = 0;
	return fid_open(c, c->in.topen.fid, plain_flags(c->in.topen.mode), &c->out.ropen.qid);
}

/* A directory's fid becomes that of the new file, open. */
static unsigned fid_create(struct ninep_call *c, uint32_t fid, const struct ninep_creation *what, struct ninep_qid *qid)
{
	struct ninep_fid *f = ninep_fid_find(c->from, fid);
	const struct ninep_handlers *h;
	struct ninep_file made = { 0 };
	unsigned error;

	if (!f)
		return NINEP_EBADF;
	h = ninep_handlers_of(&f->file);
	if (f->open || !ninep_is_dir(&f->file) || !h->create)
		return f->open ? NINEP_EBUSY : h->create ? NINEP_ENOTDIR : NINEP_EROFS;
	error = ninep_name_check(what->name);
	if (!error)
		error = h->create(&f->file, what, &made);
	if (error)
		return error;
	ninep_fid_move(f, &made);
	/* Its own permissions are for those who open it later. */
	error = fid_begin(f, what->flags & NINEP_ACCESS);
	return error ? error : file_qid(c, &made, qid);
}

unsigned ninep_serve_lcreate(struct ninep_call *c)
{
	struct ninep_creation what = {
		.name = c->in.tlcreate.name,
		.mode = NINEP_FILE | (c->in.tlcreate.mode & 07777),
		.gid = c->in.tlcreate.gid,
		.flags = c->in.tlcreate.flags,
	};

	c->out.rlcreate.iounit = 0;
	return fid_create(c, c->in.tlcreate.fid, &what, &c->out.rlcreate.qid);
}

unsigned ninep_serve_create(struct ninep_call *c)
{
	uint32_t perm = c->in.tcreate.perm;
	struct ninep_creation what = {
		.name = c->in.tcreate.name,
		.mode = (perm & DMDIR ? NINEP_DIR : NINEP_FILE) | (perm & 0777),
		.flags = plain_flags(c->in.tcreate.mode),
	};

	c->out.rcreate.iounit = 0;
	return fid_create(c, c->in.tcreate.fid, &what, &c->out.rcreate.qid);
}

/* --- read ------------------------------------------------------------------------------------------- */

/* Where an answer's payload goes, and how much of `count` it takes. */
static void *answer_room(struct ninep_call *c, uint32_t *count)
{
	struct ninep_link *l = &c->from->link;
	uint32_t most = (l->msize < l->in_lines ? l->msize : l->in_lines) - NINEP_PAYLOAD_HEAD;
	void *room = l->in;

	/* The request has been read: its memory is free, and the answer is made in the other one. */
	if (c->packet->lent) {
		room = c->packet->buffer.data;
		most = c->packet->buffer.length;
	}
	if (*count > most)
		*count = most;
	return room;
}

static void answer_payload(struct ninep_call *c, struct ninep_bytes *data, const void *at, uint32_t count)
{
	*data = (struct ninep_bytes){ at, count };
	c->packet->buffer.length = count;
}

static uint32_t dirent_put(const struct ninep_call *c, const struct ninep_file *f, const char *name, uint64_t next,
			   void *out, uint32_t room)
{
	struct ninep_dirent d = { .offset = next, .name = ninep_text(name), .type = NINEP_DT_REG };

	if (file_qid(c, f, &d.qid))
		d.qid = (struct ninep_qid){ 0 }; /* it has gone meanwhile */
	if (d.qid.type & (NINEP_QTDIR | NINEP_QTSYMLINK))
		d.type = d.qid.type & NINEP_QTDIR ? NINEP_DT_DIR : NINEP_DT_LNK;
	return ninep_dirent_put(&d, out, room);
}

unsigned ninep_serve_readdir(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.treaddir.fid);
	uint64_t index = c->in.treaddir.offset;
	uint32_t count = c->in.treaddir.count, used = 0, some = 1;
	uint8_t *room = answer_room(c, &count);
	char name[NINEP_NAME_MAX + 1];
	struct ninep_file child;
	unsigned error = 0;

	if (!f || !f->open)
		return NINEP_EBADF;
	if (!ninep_is_dir(&f->file))
		return NINEP_ENOTDIR;
	for (; some; index++) {
		memset(name, 0, sizeof(name));
		error = ninep_tree_entry(c->from->root, &f->file, index, &child, name);
		if (error)
			break;
		some = dirent_put(c, &child, name, index + 1, room + used, count - used);
		used += some;
	}
	if ((error && error != NINEP_ENOENT) || (!some && !used))
		return error ? error : NINEP_EINVAL;
	answer_payload(c, &c->out.rreaddir.data, room, used);
	return 0;
}

static unsigned plain_stat(const struct ninep_call *c, const struct ninep_file *f, const char *name, void *out,
			   uint32_t room, uint32_t *used)
{
	struct ninep_attr a;
	unsigned error = ninep_tree_attr(c->from->root, f, &a);
	struct ninep_stat s;

	if (error)
		return error;
	s = (struct ninep_stat){
		.qid = ninep_attr_qid(&a),
		.mode = a.mode & 0777,
		.atime = (uint32_t)a.mtime,
		.mtime = (uint32_t)a.mtime,
		.length = ninep_is_dir(f) ? 0 : a.size,
		.name = ninep_text(name),
		.uid = ninep_text("none"),
		.gid = ninep_text("none"),
		.muid = ninep_text("none"),
	};
	s.mode |= s.qid.type & NINEP_QTDIR ? DMDIR : s.qid.type & NINEP_QTSYMLINK ? DMSYMLINK : 0;
	*used = ninep_stat_put(&s, out, room);
	return 0;
}

/* 9P2000: whole records, from the start or from where the last read ended. Entries "." and ".." are not told. */
static unsigned plain_readdir(struct ninep_call *c, struct ninep_fid *f, uint8_t *room, uint32_t count)
{
	char name[NINEP_NAME_MAX + 1];
	uint32_t used = 0, some = 1;
	struct ninep_file child;
	unsigned error = 0;

	if (c->in.tread.offset == 0)
		f->dir_offset = f->dir_index = 0;
	if (c->in.tread.offset != f->dir_offset)
		return NINEP_EINVAL;
	while (!error && some) {
		memset(name, 0, sizeof(name));
		error = ninep_tree_entry(c->from->root, &f->file, f->dir_index + 2, &child, name);
		if (!error)
			error = plain_stat(c, &child, name, room + used, count - used, &some);
		if (error)
			break;
		used += some;
		f->dir_index += some != 0;
	}
	if ((error && error != NINEP_ENOENT) || (!some && !used))
		return error ? error : NINEP_EINVAL;
	f->dir_offset += used;
	answer_payload(c, &c->out.rread.data, room, used);
	return 0;
}

static uint32_t text_part(const struct ninep_fid *f, uint64_t offset, void *into, uint32_t count)
{
	size_t left = offset < f->text_length ? f->text_length - (size_t)offset : 0;

	if (count > left)
		count = (uint32_t)left;
	memcpy(into, f->text + (count ? offset : 0), count);
	return count;
}

unsigned ninep_serve_read(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tread.fid);
	uint32_t most = c->in.tread.count, count;
	void *room = answer_room(c, &most);
	const struct ninep_handlers *h;
	unsigned error = 0;

	if (!f || !f->open || (f->flags & NINEP_ACCESS) == NINEP_WRONLY)
		return NINEP_EBADF;
	if (ninep_is_dir(&f->file))
		return c->from->link.dialect == NINEP_LINUX ? NINEP_EISDIR : plain_readdir(c, f, room, most);
	h = ninep_handlers_of(&f->file);
	c->fid = f->fid;
	c->in.tread.count = count = most;
	if (f->text)
		count = text_part(f, c->in.tread.offset, room, count);
	else
		error = h->read ? h->read(c, &f->file, c->in.tread.offset, room, &count) : NINEP_EINVAL;
	if (!error)
		answer_payload(c, &c->out.rread.data, room, count < most ? count : most);
	return error;
}

unsigned ninep_serve_write(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.twrite.fid);
	const struct ninep_handlers *h;
	unsigned error;

	if (!f || !f->open || (f->flags & NINEP_ACCESS) == NINEP_RDONLY)
		return NINEP_EBADF;
	h = ninep_handlers_of(&f->file);
	c->fid = f->fid;
	c->out.rwrite.count = c->in.twrite.data.length;
	if (!h->write)
		return NINEP_EINVAL;
	error = h->write(c, &f->file, c->in.twrite.offset, c->in.twrite.data.at, &c->out.rwrite.count);
	return error;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

unsigned ninep_serve_getattr(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tgetattr.fid);
	struct ninep_attr a;
	unsigned error = f ? ninep_tree_attr(c->from->root, &f->file, &a) : NINEP_EBADF;

	if (error)
		return error;
	memset(&c->out.rgetattr, 0, sizeof(c->out.rgetattr));
	c->out.rgetattr.valid = c->in.tgetattr.mask & GETATTR_BASIC;
	c->out.rgetattr.qid = ninep_attr_qid(&a);
	c->out.rgetattr.mode = a.mode;
	c->out.rgetattr.uid = a.uid;
	c->out.rgetattr.gid = a.gid;
	c->out.rgetattr.nlink = a.nlink;
	c->out.rgetattr.size = a.size;
	c->out.rgetattr.blksize = BLOCK;
	c->out.rgetattr.blocks = (a.size + 511) / 512;
	c->out.rgetattr.atime_sec = c->out.rgetattr.mtime_sec = c->out.rgetattr.ctime_sec = a.mtime;
	c->out.rgetattr.atime_nsec = c->out.rgetattr.mtime_nsec = c->out.rgetattr.ctime_nsec = a.mtime_nsec;
	return 0;
}

/* Without a handler truncation and times do nothing: shells truncate control files. */
static unsigned attr_set(const struct ninep_fid *f, uint32_t valid, const struct ninep_attr *a)
{
	const struct ninep_handlers *h = ninep_handlers_of(&f->file);

	if (h->setattr)
		return h->setattr(&f->file, valid, a);
	return valid & (NINEP_SET_MODE | NINEP_SET_UID | NINEP_SET_GID) ? NINEP_EPERM : 0;
}

unsigned ninep_serve_setattr(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tsetattr.fid);
	struct ninep_attr a = {
		.mode = c->in.tsetattr.mode & 07777,
		.uid = c->in.tsetattr.uid,
		.gid = c->in.tsetattr.gid,
		.size = c->in.tsetattr.size,
		.mtime = c->in.tsetattr.mtime_sec,
		.mtime_nsec = c->in.tsetattr.mtime_nsec,
	};

	return f ? attr_set(f, c->in.tsetattr.valid, &a) : NINEP_EBADF;
}

unsigned ninep_serve_stat(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tstat.fid);
	uint8_t *room = c->from->link.in;
	uint32_t used = 0;
	unsigned error = NINEP_EBADF;

	if (f)
		error = plain_stat(c, &f->file, f->file.node == c->from->root ? "/" : f->file.node->name, room,
				   c->from->link.in_lines, &used);
	c->out.rstat.stat = (struct ninep_bytes){ room, used };
	return error || used ? error : NINEP_EMSGSIZE;
}

unsigned ninep_serve_wstat(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.twstat.fid);
	const struct ninep_bytes *record = &c->in.twstat.stat;
	struct ninep_attr a = { 0 };
	struct ninep_stat s;
	uint32_t valid = 0;

	if (!f)
		return NINEP_EBADF;
	if (!record->length || ninep_stat_get(&s, record->at, record->length) != record->length)
		return NINEP_EPROTO;
	if (s.name.length)
		return NINEP_EPERM;
	/* What is all ones stays as it is. */
	if (s.length != UINT64_MAX) {
		valid |= NINEP_SET_SIZE;
		a.size = s.length;
	}
	if (s.mode != UINT32_MAX) {
		valid |= NINEP_SET_MODE;
		a.mode = s.mode & 0777;
	}
	return attr_set(f, valid, &a);
}

unsigned ninep_serve_statfs(struct ninep_call *c)
{
	if (!ninep_fid_find(c->from, c->in.tstatfs.fid))
		return NINEP_EBADF;
	memset(&c->out.rstatfs, 0, sizeof(c->out.rstatfs));
	c->out.rstatfs.type = V9FS_MAGIC;
	c->out.rstatfs.bsize = BLOCK;
	c->out.rstatfs.namelen = NINEP_NAME_MAX;
	return 0;
}

unsigned ninep_serve_xattrwalk(struct ninep_call *c)
{
	return ninep_fid_find(c->from, c->in.txattrwalk.fid) ? NINEP_ENODATA : NINEP_EBADF;
}
