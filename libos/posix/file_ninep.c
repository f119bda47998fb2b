/*
 * Open files of 9P servers.
 *
 * A real file answers at once, and a read that gives less than was asked for has come to its end. A synthetic one
 * (qid.version 0) may make its reader wait: its requests are such as a signal can break off, and a read is one request.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/fd.h"
#include "libos/posix/file_server.h"
#include "libos/posix/open_file.h"
#include "libos/posix/place.h"

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
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	*done = 0;
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
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	*done = 0;
	if (!c)
		return EIO;
	error = write_all(f, c, from, bytes, offset, done);
	file_leave(f, back);
	return *done ? 0 : errno_from_ninep(error);
}

/* --- the rest ------------------------------------------------------------------------------------------------- */

static int ninep_file_stat(struct open_file *f, struct stat *out)
{
	uint32_t back;
	unsigned error;

	if (!file_enter(f, &back))
		return EIO;
	error = ninep_stat_of(f->ninep.server, f->ninep.fid, out);
	file_leave(f, back);
	return errno_from_ninep(error);
}

static int ninep_file_sync(struct open_file *f)
{
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	if (!c)
		return EIO;
	error = ninep_fsync(c, f->ninep.fid);
	file_leave(f, back);
	return errno_from_ninep(error);
}

static void ninep_file_close(struct open_file *f)
{
	struct ninep_client *c;
	uint32_t back;

	file_unlock(f);
	c = file_enter(f, &back);
	if (!c)
		return;
	(void)ninep_clunk(c, f->ninep.fid);
	file_leave(f, back);
}

const struct open_file_ops file_ninep_ops = {
	.kind = "ninep",
	.read = ninep_file_read,
	.write = ninep_file_write,
	.stat = ninep_file_stat,
	.sync = ninep_file_sync,
	.close = ninep_file_close,
};
