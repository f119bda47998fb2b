/*
 * Requests about files: attributes in both dialects, file systems, extended attributes (there are none).
 */
#include "libos/ninep/serve.h"

#include <string.h>

#define DMDIR 0x80000000u
#define DMSYMLINK 0x02000000u
#define V9FS_MAGIC 0x01021997u
#define GETATTR_BASIC 0x7ffu
#define BLOCK 4096u

unsigned ninep_plain_stat(const struct ninep_call *c, const struct ninep_file *f, const char *name, void *out,
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
		.atime = (uint32_t)a.atime,
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

unsigned ninep_serve_walkattr(struct ninep_call *c)
{
	struct ninep_file at;
	struct ninep_attr a;
	unsigned error = ninep_walk_whole(c, c->in.twalkattr.fid, &c->in.twalkattr.names, &at);

	ninep_fid_drop(c, c->in.twalkattr.drop);
	if (!error)
		error = ninep_tree_attr(c->from->root, &at, &a);
	if (error)
		return error;
	c->out.rwalkattr.qid = ninep_attr_qid(&a);
	c->out.rwalkattr.mode = a.mode;
	c->out.rwalkattr.uid = a.uid;
	c->out.rwalkattr.gid = a.gid;
	c->out.rwalkattr.nlink = a.nlink < UINT32_MAX ? (uint32_t)a.nlink : UINT32_MAX;
	c->out.rwalkattr.rdev = a.rdev;
	c->out.rwalkattr.size = a.size;
	c->out.rwalkattr.blksize = BLOCK;
	c->out.rwalkattr.blocks = ((a.used ? a.used : a.size) + 511) / 512;
	c->out.rwalkattr.atime_sec = a.atime;
	c->out.rwalkattr.atime_nsec = (uint32_t)a.atime_nsec;
	c->out.rwalkattr.mtime_sec = a.mtime;
	c->out.rwalkattr.mtime_nsec = (uint32_t)a.mtime_nsec;
	c->out.rwalkattr.ctime_sec = a.ctime;
	c->out.rwalkattr.ctime_nsec = (uint32_t)a.ctime_nsec;
	return 0;
}

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
	c->out.rgetattr.rdev = a.rdev;
	c->out.rgetattr.blocks = ((a.used ? a.used : a.size) + 511) / 512;
	c->out.rgetattr.atime_sec = a.atime;
	c->out.rgetattr.atime_nsec = a.atime_nsec;
	c->out.rgetattr.mtime_sec = a.mtime;
	c->out.rgetattr.mtime_nsec = a.mtime_nsec;
	c->out.rgetattr.ctime_sec = a.ctime;
	c->out.rgetattr.ctime_nsec = a.ctime_nsec;
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
		.atime = c->in.tsetattr.atime_sec,
		.atime_nsec = c->in.tsetattr.atime_nsec,
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
		error = ninep_plain_stat(c, &f->file, f->file.node == c->from->root ? "/" : f->file.node->name, room,
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
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tstatfs.fid);
	struct ninep_space s = { .type = V9FS_MAGIC, .block = BLOCK };
	unsigned error = 0;

	if (!f)
		return NINEP_EBADF;
	if (ninep_handlers_of(&f->file)->space)
		error = ninep_handlers_of(&f->file)->space(&f->file, &s);
	memset(&c->out.rstatfs, 0, sizeof(c->out.rstatfs));
	c->out.rstatfs.type = s.type;
	c->out.rstatfs.bsize = s.block;
	c->out.rstatfs.blocks = s.blocks;
	c->out.rstatfs.bfree = c->out.rstatfs.bavail = s.free;
	c->out.rstatfs.files = s.files;
	c->out.rstatfs.ffree = s.files_free;
	c->out.rstatfs.namelen = NINEP_NAME_MAX;
	return error;
}

unsigned ninep_serve_xattrwalk(struct ninep_call *c)
{
	return ninep_fid_find(c->from, c->in.txattrwalk.fid) ? NINEP_ENODATA : NINEP_EBADF;
}
