/*
 * Open files of 9P servers.
 *
 * A real file answers at once, and a read that gives less than was asked for has come to its end. A synthetic one
 * (qid.version 0) may make its reader wait: its requests are such as a signal can break off, and a read is one request.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/fd.h"
#include "libos/posix/file_server.h"
#include "libos/posix/kept.h"
#include "libos/posix/open_file.h"
#include "libos/posix/pipe_ring.h"
#include "libos/posix/place.h"
#include "libos/posix/window.h"

#define LINUX_APPEND 02000u
#define LINUX_NONBLOCK 04000u
#define LINUX_SYNC 04010000u

uint32_t ninep_flags_of(int flags)
{
	return (uint32_t)(flags & O_ACCMODE) | (flags & O_TRUNC ? NINEP_TRUNC : 0) | (flags & O_EXCL ? NINEP_EXCL : 0) |
	       (flags & O_CREAT ? NINEP_CREAT : 0) | (flags & O_APPEND ? LINUX_APPEND : 0) |
	       (flags & O_NONBLOCK ? LINUX_NONBLOCK : 0) | (flags & O_SYNC ? LINUX_SYNC : 0);
}

struct ninep_client *file_enter(const struct open_file *f, uint32_t *back)
{
	struct ninep_client *c = file_server_enter(f->ninep.server, back);

	if (f->ninep.server->open && f->ninep.server->generation == f->ninep.generation)
		return c;
	file_server_leave(f->ninep.server, *back);
	return NULL;
}

void file_leave(const struct open_file *f, uint32_t back) { file_server_leave(f->ninep.server, back); }

/* --- reading and writing ----------------------------------------------------------------------------------- */

static unsigned file_request(struct open_file *f, struct ninep_request *r)
{
	return f->ninep.blocks ? file_server_request(f->ninep.server, r) : ninep_request(r->client, r);
}

static uint32_t at_most(size_t bytes) { return bytes < NINEP_BUFFER_BYTES ? (uint32_t)bytes : NINEP_BUFFER_BYTES; }

static uint64_t offset_at(uint64_t offset, size_t done) { return offset == FILE_HERE ? FILE_HERE : offset + done; }

static unsigned read_some(struct open_file *f, struct ninep_client *c, void *to, size_t bytes, uint64_t offset,
			  size_t *done)
{
	struct ninep_request r;
	uint32_t asked;
	unsigned error = 0;

	do {
		ninep_read_prepare(c, &r, f->ninep.fid, offset_at(offset, *done), (char *)to + *done,
				   at_most(bytes - *done));
		r.client = c;
		asked = r.room;
		error = file_request(f, &r);
		*done += error ? 0 : r.m.rread.data.length;
	} while (!error && !f->ninep.blocks && r.m.rread.data.length == asked && *done < bytes);
	return error;
}

static int ninep_file_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	uint32_t back;
	struct ninep_client *c;
	unsigned error;

	if (f->ninep.ring)
		return pipe_ring_read(f, to, bytes, done);
	if (!f->ninep.blocks && offset != FILE_HERE && window_read(f, to, bytes, offset, done))
		return 0;
	*done = 0;
	c = file_enter(f, &back);
	if (!c)
		return EIO;
	error = read_some(f, c, to, bytes, offset, done);
	file_leave(f, back);
	return *done ? 0 : errno_from_ninep(error);
}

static unsigned write_all(struct open_file *f, struct ninep_client *c, const void *from, size_t bytes, uint64_t offset,
			  size_t *done)
{
	struct ninep_request r;
	unsigned error = 0;
	uint32_t some = 1;

	while (*done < bytes && some && !error) {
		ninep_write_prepare(c, &r, f->ninep.fid, offset_at(offset, *done), (const char *)from + *done,
				    at_most(bytes - *done));
		r.client = c;
		error = file_request(f, &r);
		some = error ? 0 : r.m.rwrite.count;
		if (some > bytes - *done)
			return NINEP_EPROTO;
		*done += some;
	}
	return error;
}

static int ninep_file_write(struct open_file *f, const void *from, size_t bytes, uint64_t offset, size_t *done)
{
	uint32_t back;
	struct ninep_client *c;
	unsigned error;

	if (f->ninep.ring)
		return pipe_ring_write(f, from, bytes, done);
	*done = bytes;
	if (!f->ninep.blocks && offset != FILE_HERE && window_write(f, from, bytes, offset))
		return 0;
	*done = 0;
	c = file_enter(f, &back);
	if (!c)
		return EIO;
	error = write_all(f, c, from, bytes, offset, done);
	file_leave(f, back);
	return *done ? 0 : errno_from_ninep(error);
}

/* --- the rest ------------------------------------------------------------------------------------------------- */

/* As in place_stat: nothing of the caller's is touched in the midst of it. */
static int ninep_file_stat(struct open_file *f, struct stat *out)
{
	struct ninep_attr told;
	struct stat st;
	uint32_t back;
	unsigned error;

	if (!f->ninep.blocks && window_attr(f, &told)) {
		ninep_stat_told(f->ninep.server, &told, out);
		return 0;
	}
	if (!file_enter(f, &back))
		return EIO;
	error = ninep_stat_of(f->ninep.server, f->ninep.fid, &st);
	file_leave(f, back);
	if (!error)
		*out = st;
	return errno_from_ninep(error);
}

static int ninep_file_sync(struct open_file *f)
{
	uint32_t back;
	struct ninep_client *c;
	unsigned error;

	if (f->ninep.ring || S_ISFIFO(f->mode))
		return EINVAL;
	c = file_enter(f, &back);
	if (!c)
		return EIO;
	error = ninep_fsync(c, f->ninep.fid);
	file_leave(f, back);
	return errno_from_ninep(error);
}

static void ninep_file_close(struct open_file *f)
{
	uint32_t back;
	struct ninep_client *c;

	pipe_ring_leave(f);
	window_close(f);
	c = file_enter(f, &back);
	if (!c)
		return;
	/* Others may wait for what goes with it: locks, too, that were taken by another of its descriptors. */
	if (f->ninep.blocks || kept_has_ended())
		(void)ninep_clunk(c, f->ninep.fid);
	else
		ninep_drop(c, f->ninep.fid);
	file_leave(f, back);
}

/* --- shared with children ----------------------------------------------------------------------------------------- */

int file_ninep_seek(struct open_file *f, int whence, int64_t by, off_t *now)
{
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	uint64_t to = 0;
	unsigned error;

	if (!c)
		return EIO;
	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		error = NINEP_EINVAL;
	else
		error = ninep_seek(c, f->ninep.fid, by,
				   whence == SEEK_SET   ? NINEP_SEEK_SET
				   : whence == SEEK_CUR ? NINEP_SEEK_HERE
							: NINEP_SEEK_END,
				   &to);
	file_leave(f, back);
	*now = (off_t)to;
	return errno_from_ninep(error);
}

int file_ninep_flags(struct open_file *f, int flags)
{
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	if (!c)
		return EIO;
	error = ninep_flags(c, f->ninep.fid, ninep_flags_of(flags & (O_APPEND | O_NONBLOCK)));
	file_leave(f, back);
	/* A server of somebody else's does not know of it: its files do not block. */
	return error == NINEP_EOPNOTSUPP ? 0 : errno_from_ninep(error);
}

/* What a child needs to have the same file; the service's name follows, with its NUL. */
struct state {
	uint64_t token[2];
	bool blocks, ring;
};

static int ninep_file_pack(struct open_file *f, void *out, size_t room, size_t *bytes)
{
	size_t name = strlen(f->ninep.server->name) + 1;
	struct state s = { .blocks = f->ninep.blocks, .ring = f->ninep.ring };
	struct ninep_client *c;
	uint32_t back;
	unsigned error;

	if (sizeof(s) + name > room)
		return ENAMETOOLONG;
	mutex_lock(&f->lock);
	c = file_enter(f, &back);
	error = c ? ninep_pass(c, f->ninep.fid, f->offset, s.token) : NINEP_EIO;
	if (!error)
		f->ninep.shared = true;
	if (c)
		file_leave(f, back);
	mutex_unlock(&f->lock);
	memcpy(out, &s, sizeof(s));
	memcpy((char *)out + sizeof(s), f->ninep.server->name, name);
	*bytes = sizeof(s) + name;
	return errno_from_ninep(error);
}

static int ninep_file_unpack(const void *state, size_t bytes, int flags, const char *path, struct open_file **out)
{
	const char *name = (const char *)state + sizeof(struct state);
	struct file_server *s;
	struct ninep_qid qid;
	struct state is;
	uint32_t back, fid = NINEP_NO_FID;
	unsigned error;
	int failed;

	if (bytes <= sizeof(is) || name[bytes - sizeof(is) - 1])
		return EINVAL;
	memcpy(&is, state, sizeof(is));
	failed = file_server_find(name, &s);
	if (!failed)
		failed = file_make(&file_ninep_ops, flags, path, out);
	if (failed)
		return failed;
	(void)file_server_enter(s, &back);
	error = s->open ? ninep_take(&s->client, is.token, &fid, &qid) : NINEP_EIO;
	(*out)->ninep.server = s;
	(*out)->ninep.generation = error ? 0 : s->generation; /* 0: there is no fid */
	(*out)->ninep.fid = fid;
	(*out)->ninep.blocks = is.blocks;
	(*out)->ninep.ring = is.ring;
	(*out)->ninep.shared = true;
	file_server_leave(s, back);
	if (error)
		file_drop(*out);
	return errno_from_ninep(error);
}

const struct open_file_ops file_ninep_ops = {
	.kind = "ninep",
	.read = ninep_file_read,
	.write = ninep_file_write,
	.stat = ninep_file_stat,
	.sync = ninep_file_sync,
	.pack = ninep_file_pack,
	.unpack = ninep_file_unpack,
	.close = ninep_file_close,
};
