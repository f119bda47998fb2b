/*
 * Requests of 9P2000.L that change directories, links, locks; and the table of all requests.
 */
#include "libos/ninep/serve.h"

/* A directory's fid with its handlers; NULL: *error says why. */
static const struct ninep_handlers *dir_of(struct ninep_call *c, uint32_t fid, struct ninep_file *dir, unsigned *error)
{
	struct ninep_fid *f = ninep_fid_find(c->from, fid);

	*error = !f ? NINEP_EBADF : !ninep_is_dir(&f->file) ? NINEP_ENOTDIR : 0;
	if (*error)
		return NULL;
	*dir = f->file;
	return ninep_handlers_of(dir);
}

/* With names that go into directories, or out of them. */
static unsigned names_check(struct ninep_text name, struct ninep_text other)
{
	unsigned error = ninep_name_check(name);

	return error ? error : ninep_name_check(other);
}

static unsigned make(struct ninep_call *c, uint32_t fid, const struct ninep_creation *what, struct ninep_qid *qid)
{
	struct ninep_file dir, made = { 0 };
	struct ninep_attr a;
	unsigned error;
	const struct ninep_handlers *h = dir_of(c, fid, &dir, &error);

	if (!h)
		return error;
	error = ninep_name_check(what->name);
	if (!error)
		error = h->create ? h->create(&dir, what, &made) : NINEP_EROFS;
	if (!error)
		error = ninep_tree_attr(c->from->root, &made, &a);
	if (!error)
		*qid = ninep_attr_qid(&a);
	return error;
}

static unsigned serve_mkdir(struct ninep_call *c)
{
	struct ninep_creation what = {
		.name = c->in.tmkdir.name,
		.mode = NINEP_DIR | (c->in.tmkdir.mode & 07777),
		.gid = c->in.tmkdir.gid,
	};

	return make(c, c->in.tmkdir.fid, &what, &c->out.rmkdir.qid);
}

static unsigned serve_symlink(struct ninep_call *c)
{
	struct ninep_creation what = {
		.name = c->in.tsymlink.name,
		.target = c->in.tsymlink.target,
		.mode = NINEP_SYMLINK | 0777,
		.gid = c->in.tsymlink.gid,
	};

	return make(c, c->in.tsymlink.fid, &what, &c->out.rsymlink.qid);
}

static unsigned serve_mknod(struct ninep_call *c)
{
	struct ninep_creation what = {
		.name = c->in.tmknod.name,
		.mode = c->in.tmknod.mode & (NINEP_FORMAT | 07777),
		.gid = c->in.tmknod.gid,
		.rdev = (uint64_t)c->in.tmknod.major << 8 | c->in.tmknod.minor,
	};
	uint32_t format = what.mode & NINEP_FORMAT;

	if (!format)
		what.mode |= NINEP_FILE;
	if (format == NINEP_DIR || format == NINEP_SYMLINK)
		return NINEP_EINVAL;
	return make(c, c->in.tmknod.fid, &what, &c->out.rmknod.qid);
}

static unsigned serve_link(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tlink.fid);
	struct ninep_file dir;
	unsigned error;
	const struct ninep_handlers *h = dir_of(c, c->in.tlink.dirfid, &dir, &error);

	if (!h || !f)
		return h ? NINEP_EBADF : error;
	error = ninep_name_check(c->in.tlink.name);
	if (error)
		return error;
	return h->link ? h->link(&dir, c->in.tlink.name, &f->file) : NINEP_EROFS;
}

static unsigned serve_unlinkat(struct ninep_call *c)
{
	struct ninep_file dir;
	unsigned error;
	const struct ninep_handlers *h = dir_of(c, c->in.tunlinkat.fid, &dir, &error);

	if (!h)
		return error;
	error = ninep_name_check(c->in.tunlinkat.name);
	if (error)
		return error;
	return h->remove ? h->remove(&dir, c->in.tunlinkat.name, c->in.tunlinkat.flags & 0x200) : NINEP_EROFS;
}

static unsigned serve_renameat(struct ninep_call *c)
{
	struct ninep_file dir, newdir;
	unsigned error;
	const struct ninep_handlers *h = dir_of(c, c->in.trenameat.fid, &dir, &error);

	if (!h || !dir_of(c, c->in.trenameat.newdirfid, &newdir, &error))
		return error;
	error = names_check(c->in.trenameat.name, c->in.trenameat.newname);
	if (error)
		return error;
	return h->rename ? h->rename(&dir, c->in.trenameat.name, &newdir, c->in.trenameat.newname) : NINEP_EROFS;
}

static unsigned serve_readlink(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.treadlink.fid);
	const struct ninep_handlers *h = f ? ninep_handlers_of(&f->file) : NULL;
	char *room = (char *)c->from->link.in;
	uint32_t length = NINEP_MSIZE_LEAST - NINEP_PAYLOAD_HEAD;
	unsigned error;

	if (!h || !h->readlink)
		return h ? NINEP_EINVAL : NINEP_EBADF;
	error = h->readlink(c, &f->file, room, &length);
	c->out.rreadlink.target = (struct ninep_text){ room, (uint16_t)length };
	return error;
}

static unsigned serve_fsync(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tfsync.fid);

	if (!f || !f->open)
		return NINEP_EBADF;
	c->fid = f->fid;
	if (ninep_handlers_of(&f->file)->settle && c->from->server)
		return ninep_handlers_of(&f->file)->settle(c, &f->file, 0, UINT64_MAX);
	return ninep_handlers_of(&f->file)->sync ? ninep_handlers_of(&f->file)->sync(&f->file) : 0;
}

static unsigned serve_lock(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tlock.fid);
	struct ninep_lock l = {
		.type = c->in.tlock.type,
		.flags = c->in.tlock.flags,
		.start = c->in.tlock.start,
		.length = c->in.tlock.length,
		.proc_id = c->in.tlock.proc_id,
		.client_id = c->in.tlock.client_id,
	};

	if (!f || !f->open)
		return NINEP_EBADF;
	if (!ninep_handlers_of(&f->file)->lock)
		return NINEP_EOPNOTSUPP;
	c->fid = f->fid;
	c->out.rlock.status = 0;
	return ninep_handlers_of(&f->file)->lock(c, &f->file, &l, &c->out.rlock.status);
}

static unsigned serve_getlock(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tgetlock.fid);
	struct ninep_lock l = {
		.type = c->in.tgetlock.type,
		.start = c->in.tgetlock.start,
		.length = c->in.tgetlock.length,
		.proc_id = c->in.tgetlock.proc_id,
		.client_id = c->in.tgetlock.client_id,
	};
	unsigned error;

	if (!f || !f->open)
		return NINEP_EBADF;
	if (!ninep_handlers_of(&f->file)->getlock)
		return NINEP_EOPNOTSUPP;
	error = ninep_handlers_of(&f->file)->getlock(c, &f->file, &l);
	c->out.rgetlock.type = l.type;
	c->out.rgetlock.start = l.start;
	c->out.rgetlock.length = l.length;
	c->out.rgetlock.proc_id = l.proc_id;
	c->out.rgetlock.client_id = l.client_id;
	return error;
}

ninep_serve_t *ninep_serve_of(unsigned type)
{
	static ninep_serve_t *const table[NINEP_TYPES] = {
		[NINEP_TVERSION] = ninep_serve_version,
		[NINEP_TAUTH] = ninep_serve_auth,
		[NINEP_TATTACH] = ninep_serve_attach,
		[NINEP_TFLUSH] = ninep_serve_flush,
		[NINEP_TCLUNK] = ninep_serve_clunk,
		[NINEP_TREMOVE] = ninep_serve_remove,
		[NINEP_TWALK] = ninep_serve_walk,
		[NINEP_TLOPEN] = ninep_serve_lopen,
		[NINEP_TOPEN] = ninep_serve_open,
		[NINEP_TLCREATE] = ninep_serve_lcreate,
		[NINEP_TCREATE] = ninep_serve_create,
		[NINEP_TREADDIR] = ninep_serve_readdir,
		[NINEP_TREAD] = ninep_serve_read,
		[NINEP_TWRITE] = ninep_serve_write,
		[NINEP_TGETATTR] = ninep_serve_getattr,
		[NINEP_TSETATTR] = ninep_serve_setattr,
		[NINEP_TSTAT] = ninep_serve_stat,
		[NINEP_TWSTAT] = ninep_serve_wstat,
		[NINEP_TSTATFS] = ninep_serve_statfs,
		[NINEP_TXATTRWALK] = ninep_serve_xattrwalk,
		[NINEP_TMKDIR] = serve_mkdir,
		[NINEP_TSYMLINK] = serve_symlink,
		[NINEP_TLINK] = serve_link,
		[NINEP_TUNLINKAT] = serve_unlinkat,
		[NINEP_TRENAMEAT] = serve_renameat,
		[NINEP_TREADLINK] = serve_readlink,
		[NINEP_TFSYNC] = serve_fsync,
		[NINEP_TLOCK] = serve_lock,
		[NINEP_TGETLOCK] = serve_getlock,
		[NINEP_TMKNOD] = serve_mknod,
		[NINEP_TREADY] = ninep_serve_ready,
		[NINEP_TDROP] = ninep_serve_drop,
		[NINEP_TRING] = ninep_serve_ring,
		[NINEP_TPEER] = ninep_serve_peer,
		[NINEP_TPOKE] = ninep_serve_poke,
		[NINEP_TMAP] = ninep_serve_map,
		[NINEP_TSETTLE] = ninep_serve_settle,
		[NINEP_TWALKOPEN] = ninep_serve_walkopen,
		[NINEP_TWALKATTR] = ninep_serve_walkattr,
		[NINEP_TSESSION] = ninep_serve_session,
		[NINEP_TPASS] = ninep_serve_pass,
		[NINEP_TTAKE] = ninep_serve_take,
		[NINEP_TSEEK] = ninep_serve_seek,
		[NINEP_TFLAGS] = ninep_serve_flags,
	};

	return type < NINEP_TYPES ? table[type] : NULL;
}
