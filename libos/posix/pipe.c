/*
 * pipe: two open files of the pipe service, which has its name from reading `ring`, or `new`.
 *
 * The service is asked by its name, whatever the namespace shows.
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/open_file.h"

#define SERVICE "pipe"

/* A file of a service. A number of ninep/error.h. */
static unsigned end_open(struct ninep_client *c, uint32_t root, const char *path, int flags, uint32_t *fid)
{
	unsigned error = ninep_walk(c, root, path, fid);

	if (error)
		return error;
	error = ninep_open(c, *fid, ninep_flags_of(flags));
	if (error)
		(void)ninep_clunk(c, *fid);
	return error;
}

/* `made` is the fid of `new`: the pipe is there as long as it is open, and then as long as one of its ends. */
static unsigned ends_open(struct ninep_client *c, uint32_t root, uint32_t made, int flags, uint32_t fid[2])
{
	char number[24] = "", path[32];
	size_t length = 0;
	unsigned error = ninep_read(c, made, 0, number, sizeof(number) - 1, &length);
	int digits = 0;

	if (error)
		return error;
	while (number[digits] >= '0' && number[digits] <= '9')
		digits++;
	snprintf(path, sizeof(path), "%.*s/r", digits, number);
	error = end_open(c, root, path, O_RDONLY | flags, &fid[0]);
	if (error)
		return error;
	path[digits + 1] = 'w';
	error = end_open(c, root, path, O_WRONLY | flags, &fid[1]);
	if (error)
		(void)ninep_clunk(c, fid[0]);
	return error;
}

/* *ring: its users share its memory, if there is enough of that. */
static unsigned pipe_make(struct file_server *s, int flags, uint32_t fid[2], bool *ring)
{
	struct ninep_client *c = &s->client;
	struct ninep_qid qid;
	uint32_t root, made;
	unsigned error = s->open ? file_server_root(s, "", &root, &qid) : NINEP_EIO;

	if (!error)
		error = end_open(c, root, "ring", O_RDONLY, &made);
	*ring = !error;
	if (error == NINEP_ENOMEM)
		error = end_open(c, root, "new", O_RDONLY, &made);
	if (error)
		return error;
	error = ends_open(c, root, made, flags, fid);
	(void)ninep_clunk(c, made);
	return error;
}

static struct open_file *end_file(struct file_server *s, uint32_t generation, uint32_t fid, bool ring, int flags)
{
	struct open_file *f;

	if (file_make(&file_ninep_ops, flags, NULL, &f))
		return NULL;
	f->ninep.server = s;
	f->ninep.generation = generation;
	f->ninep.fid = fid;
	f->ninep.blocks = true;
	f->ninep.ring = ring;
	return f;
}

/* Both ends at numbers, or none. -1 and errno. */
static int ends_add(struct open_file *r, struct open_file *w, bool cloexec, int fd[2])
{
	int saved;

	fd[0] = fd_add(r, 0, cloexec);
	fd[1] = fd[0] < 0 ? -1 : fd_add(w, 0, cloexec);
	if (fd[1] >= 0)
		return 0;
	saved = errno;
	if (fd[0] < 0)
		file_drop(w);
	else
		(void)fd_close(fd[0]);
	return errno_fail(saved);
}

int pipe2(int fd[2], int flags)
{
	struct open_file *end[2] = { NULL, NULL };
	struct file_server *s;
	uint32_t back, fid[2], generation;
	unsigned error;
	bool ring;
	int failed = flags & ~(O_CLOEXEC | O_NONBLOCK) ? EINVAL : file_server_find(SERVICE, &s);

	if (failed)
		return errno_fail(failed);
	(void)file_server_enter(s, &back);
	generation = s->generation;
	error = pipe_make(s, flags & O_NONBLOCK, fid, &ring);
	for (unsigned i = 0; !error && i < 2; i++) {
		end[i] = end_file(s, generation, fid[i], ring, (i ? O_WRONLY : O_RDONLY) | (flags & O_NONBLOCK));
		if (!end[i])
			(void)ninep_clunk(&s->client, fid[i]);
	}
	file_server_leave(s, back);
	if (error)
		return errno_fail(errno_from_ninep(error));
	if (end[0] && end[1])
		return ends_add(end[0], end[1], flags & O_CLOEXEC, fd);
	if (end[0] || end[1])
		file_drop(end[0] ? end[0] : end[1]);
	return errno_fail(ENOMEM);
}

int pipe(int fd[2]) { return pipe2(fd, 0); }
