/*
 * Requests of both dialects that begin: session, attach, walk, open, create. The others are in serve_read.c,
 * serve_attr.c and serve_change.c.
 *
 * Each fills c->out or returns an error; what it allocates belongs to a fid.
 */
#include "libos/ninep/serve.h"

#include <stdlib.h>
#include <string.h>

#define DMDIR 0x80000000u
#define OTRUNC 0x10u
#define OACCESS 3u
#define OEXEC 3u

/* --- session ------------------------------------------------------------------------------------- */

/* 9P2000.L and all that begins with 9P2000 have an answer; a new session ends the old one. */
unsigned ninep_serve_version(struct ninep_call *c)
{
	struct ninep_connection *n = c->from;
	struct ninep_text v = c->in.tversion.version;
	uint32_t msize = c->in.tversion.msize < n->msize_most ? c->in.tversion.msize : n->msize_most;
	bool known = v.length >= 6 && memcmp(v.at, "9P2000", 6) == 0;
	bool keeps = n->server && n->server->keeps;

	ninep_pending_cancel(n, NULL, NULL);
	ninep_fids_clear(n);
	n->versioned = known && msize >= NINEP_MSIZE_LEAST;
	if (msize < NINEP_MSIZE_LEAST)
		return NINEP_EMSGSIZE;
	n->link.msize = msize;
	n->ours = ninep_text_is(v, NINEP_OURS) && n->link.channel && !n->relay;
	n->link.dialect = ninep_text_is(v, "9P2000.L") || ninep_text_is(v, NINEP_OURS) ? NINEP_LINUX : NINEP_PLAIN;
	c->out.rversion.msize = msize;
	c->out.rversion.version = ninep_text(!known                           ? "unknown"
					     : n->ours && keeps               ? NINEP_OURS_KEPT
					     : n->ours                        ? NINEP_OURS
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

unsigned ninep_file_qid(const struct ninep_call *c, const struct ninep_file *f, struct ninep_qid *qid)
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
	unsigned error = ninep_file_qid(c, &root, &c->out.rattach.qid);

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

void ninep_fid_drop(struct ninep_call *c, uint32_t fid)
{
	struct ninep_fid *f = fid == NINEP_NO_FID ? NULL : ninep_fid_find(c->from, fid);

	if (!f)
		return;
	ninep_pending_cancel(c->from, &fid, NULL);
	ninep_fid_remove(c->from, f);
}

/* As a clunk, but it is not answered, whatever comes of it; a stranger's is, since he waits for that. */
unsigned ninep_serve_drop(struct ninep_call *c)
{
	if (!c->from->ours)
		return NINEP_EOPNOTSUPP;
	ninep_fid_drop(c, c->in.tdrop.fid);
	return NINEP_LATER;
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
	if (newfid == f->fid && (f->open || f->opening))
		return NINEP_EBUSY;
	at = (struct ninep_file){ f->file.node, f->file.key, NULL };
	for (qids->count = 0; qids->count < names->count; qids->count++) {
		error = ninep_tree_walk(c->from->root, &at, names->name[qids->count], &next);
		if (!error)
			error = ninep_file_qid(c, &next, &qids->qid[qids->count]);
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

	if (f->open || f->opening)
		return NINEP_EBUSY;
	if (ninep_is_dir(&f->file))
		return writes ? NINEP_EISDIR : 0;
	if ((writes && !(a->mode & 0222)) || (access != NINEP_WRONLY && !(a->mode & 0444)))
		return NINEP_EACCES;
	return 0;
}

/* Whether it may be opened so has been seen to. */
static unsigned fid_begin(struct ninep_call *c, struct ninep_fid *f, uint32_t flags)
{
	const struct ninep_handlers *h = ninep_handlers_of(&f->file);
	unsigned error = 0;

	if (flags & NINEP_TRUNC && h->setattr)
		error = h->setattr(&f->file, NINEP_SET_SIZE, &(struct ninep_attr){ .size = 0 });
	c->fid = f->fid;
	f->flags = flags;
	f->dir_offset = f->dir_index = 0;
	if (!error && h->open)
		error = h->open(c, &f->file, flags);
	f->opening = error == NINEP_LATER;
	if (error)
		return error;
	f->open = true;
	if (h->text && (flags & NINEP_ACCESS) != NINEP_WRONLY)
		error = text_make(f);
	if (error)
		ninep_fid_close(c->from, f);
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
		error = fid_begin(c, f, flags);
	if (!error)
		*qid = ninep_attr_qid(&a);
	return error;
}

/* A fid that is new, to be removed again if that fails. What is put off is given up: it is answered then. */
static unsigned new_open(struct ninep_call *c, uint32_t fid, const struct ninep_attr *a, uint32_t flags)
{
	struct ninep_fid *f = ninep_fid_find(c->from, fid);
	unsigned error = may_open(f, a, flags);

	if (!error)
		error = fid_begin(c, f, flags);
	if (error == NINEP_LATER)
		ninep_pending_cancel(c->from, &fid, NULL);
	if (error)
		ninep_fid_remove(c->from, f);
	return error;
}

unsigned ninep_walk_whole(const struct ninep_call *c, uint32_t from, const struct ninep_names *names,
			  struct ninep_file *at)
{
	struct ninep_fid *f = ninep_fid_find(c->from, from);
	struct ninep_file next;
	unsigned error = f ? 0 : NINEP_EBADF;

	if (f)
		*at = (struct ninep_file){ f->file.node, f->file.key, NULL };
	for (unsigned i = 0; i < names->count && !error; i++) {
		error = ninep_is_dir(at) ? ninep_tree_walk(c->from->root, at, names->name[i], &next) : NINEP_ENOTDIR;
		if (!error)
			*at = next;
	}
	return error;
}

/* Of files that are opened at once: others are walked to and then opened. */
static unsigned walkopen(struct ninep_call *c)
{
	uint32_t newfid = c->in.twalkopen.newfid;
	struct ninep_file at;
	struct ninep_attr a;
	struct ninep_qid qid;
	unsigned error = ninep_walk_whole(c, c->in.twalkopen.fid, &c->in.twalkopen.names, &at);

	if (!error)
		error = ninep_tree_attr(c->from->root, &at, &a);
	if (error)
		return error;
	qid = ninep_attr_qid(&a);
	c->out.rwalkopen.qid = qid;
	if (qid.type & NINEP_QTSYMLINK || !(qid.version || ninep_is_dir(&at)))
		return NINEP_EOPNOTSUPP;
	error = ninep_fid_add(c->from, newfid, &at);
	return error ? error : new_open(c, newfid, &a, c->in.twalkopen.flags);
}

unsigned ninep_serve_walkopen(struct ninep_call *c)
{
	unsigned error = walkopen(c);

	ninep_fid_drop(c, c->in.twalkopen.drop);
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
	if (f->open || f->opening || !ninep_is_dir(&f->file) || !h->create)
		return f->open || f->opening ? NINEP_EBUSY : h->create ? NINEP_ENOTDIR : NINEP_EROFS;
	error = ninep_name_check(what->name);
	if (!error)
		error = h->create(&f->file, what, &made);
	if (error)
		return error;
	ninep_fid_move(f, &made);
	/* Its own permissions are for those who open it later. */
	error = fid_begin(c, f, what->flags & ~(NINEP_CREAT | NINEP_EXCL | NINEP_TRUNC));
	return error ? error : ninep_file_qid(c, &made, qid);
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
