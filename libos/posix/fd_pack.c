/*
 * Descriptors for children: a record for each, with its state and its path behind it.
 *
 * One whose file an earlier one has, too, says so and no more. The state is the kind's (open_file_ops.pack); where
 * there is none the path is opened. Three that are the console, as they are at the beginning, are not told of.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "libos/posix/fd.h"
#include "libos/posix/inherit.h"
#include "libos/posix/open_file.h"

#define STATE_MAX 400

struct packed {
	int32_t fd, same; /* `same`: the earlier one, or -1 */
	int32_t flags;
	uint8_t kind, cloexec;
	uint16_t state_bytes, path_bytes; /* 0: there is none; the path with its NUL */
	uint64_t offset;
};

static const struct open_file_ops *const kinds[] = { &file_console_ops, &file_boot_ops, &file_ninep_ops,
						     &file_dir_ops };
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static unsigned kind_of(const struct open_file_ops *ops)
{
	unsigned kind = 0;

	while (kind < KINDS && kinds[kind] != ops)
		kind++;
	return kind;
}

/* --- in the parent ------------------------------------------------------------------------------------------ */

/* An earlier descriptor with the same file; -1. */
static int same_file(const struct open_file *f, int below, bool exec)
{
	struct open_file *other;
	bool cloexec, same;

	for (int fd = 0; (fd = fd_next(fd, &other, &cloexec)) >= 0; fd++) {
		same = other == f && fd < below && !(exec && cloexec);
		file_drop(other);
		if (same || fd >= below)
			return same ? fd : -1;
	}
	return -1;
}

static void put(struct inherit *i, int fd, struct open_file *f, bool cloexec, bool exec)
{
	struct packed p = { .fd = fd,
			    .same = same_file(f, fd, exec),
			    .flags = f->flags,
			    .kind = (uint8_t)kind_of(f->ops),
			    .cloexec = cloexec };
	char state[STATE_MAX];
	size_t bytes = 0;

	if (p.same < 0) {
		if (f->ops->pack && f->ops->pack(f, state, sizeof(state), &bytes))
			bytes = 0;
		p.offset = f->offset;
		p.state_bytes = (uint16_t)bytes;
		p.path_bytes = f->path ? (uint16_t)(strlen(f->path) + 1) : 0;
	}
	inherit_add(i, &p, sizeof(p));
	inherit_add(i, state, p.state_bytes);
	inherit_add(i, f->path, p.path_bytes);
}

void fd_pack(struct inherit *i, bool exec)
{
	struct open_file *f;
	bool cloexec;

	if (fd_is_default())
		return;
	for (int fd = 0; !i->error && (fd = fd_next(fd, &f, &cloexec)) >= 0; fd++) {
		if (!(exec && cloexec))
			put(i, fd, f, cloexec, exec);
		file_drop(f);
	}
	/* None at all is something else than nothing said. */
	inherit_add(i, &(struct packed){ .fd = -1 }, sizeof(struct packed));
}

/* --- in the child --------------------------------------------------------------------------------------------- */

struct taken {
	struct packed p;
	const char *state, *path;
};

/* The record at *at, which is moved on; false: there is no whole one. */
static bool take(const char *data, size_t bytes, size_t *at, struct taken *out)
{
	struct packed *p = &out->p;

	if (bytes - *at < sizeof(*p))
		return false;
	memcpy(p, data + *at, sizeof(*p));
	*at += sizeof(*p);
	if (bytes - *at < (size_t)p->state_bytes + p->path_bytes || p->kind >= KINDS)
		return false;
	out->state = data + *at;
	out->path = p->path_bytes ? out->state + p->state_bytes : NULL;
	*at += (size_t)p->state_bytes + p->path_bytes;
	return !p->path_bytes || !data[*at - 1];
}

/* What was opened once is opened as it was, but not made or emptied again. */
static int file_again(const struct taken *t, struct open_file **out)
{
	const struct open_file_ops *ops = kinds[t->p.kind];
	int error;

	if (ops->unpack && t->p.state_bytes)
		return ops->unpack(t->state, t->p.state_bytes, t->p.flags, t->path, out);
	if (ops->stream)
		return file_make(ops, t->p.flags, t->path, out);
	error = t->path ? file_open(AT_FDCWD, t->path, t->p.flags, 0, out) : EINVAL;
	if (!error)
		(*out)->offset = t->p.offset;
	return error;
}

static int descriptor_make(const struct taken *t)
{
	struct open_file *f;
	int error = 0;

	if (t->p.same >= 0)
		f = fd_get(t->p.same);
	else
		error = file_again(t, &f);
	if (error)
		return error == ENOMEM ? error : 0; /* it cannot be had any more */
	return f && fd_put(t->p.fd, f, t->p.cloexec) < 0 ? errno : 0;
}

int fd_unpack(const char *data, size_t bytes)
{
	struct taken t;
	int error = 0;

	if (!bytes)
		return 0;
	fd_close_from(0);
	for (size_t at = 0; at < bytes && !error;) {
		if (!take(data, bytes, &at, &t))
			return EINVAL;
		if (t.p.fd >= 0)
			error = descriptor_make(&t);
	}
	return error;
}

/* Takes what the child would have taken. */
void fd_pack_undo(const char *data, size_t bytes)
{
	struct open_file *f;
	struct taken t;

	for (size_t at = 0; at < bytes && take(data, bytes, &at, &t);) {
		const struct open_file_ops *ops = kinds[t.p.kind];

		if (t.p.fd >= 0 && ops->unpack && t.p.state_bytes &&
		    !ops->unpack(t.state, t.p.state_bytes, O_RDONLY, NULL, &f))
			file_drop(f);
	}
}
