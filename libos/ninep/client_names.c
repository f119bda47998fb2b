/* The client's calls that change directories, and readlink. */
#include "libos/ninep/client.h"

#define UNLINK_DIRECTORY 0x200u

unsigned ninep_mkdir(struct ninep_client *c, uint32_t dir, const char *name, uint32_t mode)
{
	struct ninep_request r = { .m.type = NINEP_TMKDIR };

	r.m.tmkdir.fid = dir;
	r.m.tmkdir.name = ninep_text(name);
	r.m.tmkdir.mode = mode;
	return ninep_request(c, &r);
}

unsigned ninep_mknod(struct ninep_client *c, uint32_t dir, const char *name, uint32_t mode, uint64_t rdev)
{
	struct ninep_request r = { .m.type = NINEP_TMKNOD };

	r.m.tmknod.fid = dir;
	r.m.tmknod.name = ninep_text(name);
	r.m.tmknod.mode = mode;
	r.m.tmknod.major = (uint32_t)(rdev >> 8);
	r.m.tmknod.minor = (uint32_t)(rdev & 0xff);
	return ninep_request(c, &r);
}

unsigned ninep_symlink(struct ninep_client *c, uint32_t dir, const char *name, const char *target)
{
	struct ninep_request r = { .m.type = NINEP_TSYMLINK };

	r.m.tsymlink.fid = dir;
	r.m.tsymlink.name = ninep_text(name);
	r.m.tsymlink.target = ninep_text(target);
	return ninep_request(c, &r);
}

unsigned ninep_link(struct ninep_client *c, uint32_t dir, const char *name, uint32_t fid)
{
	struct ninep_request r = { .m.type = NINEP_TLINK };

	r.m.tlink.dirfid = dir;
	r.m.tlink.fid = fid;
	r.m.tlink.name = ninep_text(name);
	return ninep_request(c, &r);
}

/* Servers that know no names there (diod): by a fid of it, which the request gives back in any case. */
static unsigned unlink_by_fid(struct ninep_client *c, uint32_t dir, const char *name, bool directory)
{
	struct ninep_request r = { .m.type = NINEP_TREMOVE };
	struct ninep_way way = { 0 };
	unsigned error = ninep_walk_way(c, dir, name, &r.m.tremove.fid, &way);

	if (error)
		return error;
	if (directory != (bool)(way.qid.type & NINEP_QTDIR)) {
		(void)ninep_clunk(c, r.m.tremove.fid);
		return directory ? NINEP_ENOTDIR : NINEP_EISDIR;
	}
	dir = r.m.tremove.fid;
	error = ninep_request(c, &r);
	ninep_fid_give(c, dir);
	return error;
}

static unsigned rename_by_fid(struct ninep_client *c, uint32_t dir, const char *name, uint32_t newdir,
			      const char *newname)
{
	struct ninep_request r = { .m.type = NINEP_TRENAME };
	uint32_t fid;
	unsigned error = ninep_walk(c, dir, name, &fid);

	if (error)
		return error;
	r.m.trename.fid = fid;
	r.m.trename.dirfid = newdir;
	r.m.trename.name = ninep_text(newname);
	error = ninep_request(c, &r);
	(void)ninep_clunk(c, fid);
	return error;
}

unsigned ninep_unlink(struct ninep_client *c, uint32_t dir, const char *name, bool directory)
{
	struct ninep_request r = { .m.type = NINEP_TUNLINKAT };
	unsigned error;

	r.m.tunlinkat.fid = dir;
	r.m.tunlinkat.name = ninep_text(name);
	r.m.tunlinkat.flags = directory ? UNLINK_DIRECTORY : 0;
	error = ninep_request(c, &r);
	return error == NINEP_EOPNOTSUPP ? unlink_by_fid(c, dir, name, directory) : error;
}

unsigned ninep_rename(struct ninep_client *c, uint32_t dir, const char *name, uint32_t newdir, const char *newname)
{
	struct ninep_request r = { .m.type = NINEP_TRENAMEAT };
	unsigned error;

	r.m.trenameat.fid = dir;
	r.m.trenameat.name = ninep_text(name);
	r.m.trenameat.newdirfid = newdir;
	r.m.trenameat.newname = ninep_text(newname);
	error = ninep_request(c, &r);
	return error == NINEP_EOPNOTSUPP ? rename_by_fid(c, dir, name, newdir, newname) : error;
}

unsigned ninep_readlink(struct ninep_client *c, uint32_t fid, char *into, size_t room)
{
	struct ninep_request r = { .m.type = NINEP_TREADLINK, .into = into };
	unsigned error;

	r.room = room < NINEP_TARGET_MAX ? (uint32_t)room - 1 : NINEP_TARGET_MAX - 1;
	r.m.treadlink.fid = fid;
	error = ninep_request(c, &r);
	if (!error)
		into[r.m.rreadlink.target.length] = 0;
	return error;
}
