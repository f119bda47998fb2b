/*
 * Requests that read and write: files, texts, directories in both dialects.
 *
 * A payload goes where the client will find it: into the buffer that it lent, or into the link's memory.
 */
#include "libos/ninep/serve.h"

#include <string.h>

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

static uint8_t entry_type(const struct ninep_attr *a)
{
	return (uint8_t)((a->mode & NINEP_FORMAT) >> 12); /* the numbers are the formats' */
}

static uint32_t dirent_put(const struct ninep_call *c, const struct ninep_file *f, const char *name, uint64_t next,
			   void *out, uint32_t room)
{
	struct ninep_dirent d = { .offset = next, .name = ninep_text(name), .type = NINEP_DT_REG };
	struct ninep_attr a;

	if (!ninep_tree_attr(c->from->root, f, &a)) { /* else it has gone meanwhile */
		d.qid = ninep_attr_qid(&a);
		d.type = entry_type(&a);
	}
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
		error = ninep_tree_entry(c->from->root, &f->file, &index, &child, name);
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

/* 9P2000: whole records, from the start or from where the last read ended. Entries "." and ".." are not told. */
static unsigned plain_readdir(struct ninep_call *c, struct ninep_fid *f, uint8_t *room, uint32_t count)
{
	char name[NINEP_NAME_MAX + 1];
	uint32_t used = 0, some = 1;
	struct ninep_file child;
	unsigned error = 0;
	uint64_t index;

	if (c->in.tread.offset == 0)
		f->dir_offset = f->dir_index = 0;
	if (c->in.tread.offset != f->dir_offset)
		return NINEP_EINVAL;
	while (!error && some) {
		memset(name, 0, sizeof(name));
		index = f->dir_index + 2;
		error = ninep_tree_entry(c->from->root, &f->file, &index, &child, name);
		if (!error)
			error = ninep_plain_stat(c, &child, name, room + used, count - used, &some);
		if (error)
			break;
		used += some;
		f->dir_index = some ? index - 1 : f->dir_index; /* the one after it */
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
	c->here = c->in.tread.offset == NINEP_HERE;
	if (c->here && (error = ninep_offset(f, &c->in.tread.offset)))
		return error;
	h = ninep_handlers_of(&f->file);
	c->fid = f->fid;
	c->in.tread.count = count = most;
	if (f->text)
		count = text_part(f, c->in.tread.offset, room, count);
	else
		error = h->read ? h->read(c, (f->shared ? ninep_open_file(f) : &f->file), c->in.tread.offset, room,
					  &count)
				: NINEP_EINVAL;
	if (error)
		return error;
	count = count < most ? count : most;
	answer_payload(c, &c->out.rread.data, room, count);
	if (c->here)
		ninep_advance(c->from, f, false, count);
	return 0;
}

unsigned ninep_serve_write(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.twrite.fid);
	const struct ninep_handlers *h;
	unsigned error = 0;

	if (!f || !f->open || (f->flags & NINEP_ACCESS) == NINEP_RDONLY)
		return NINEP_EBADF;
	c->here = c->in.twrite.offset == NINEP_HERE;
	if (c->here && (error = ninep_offset(f, &c->in.twrite.offset)))
		return error;
	h = ninep_handlers_of(&f->file);
	c->fid = f->fid;
	c->out.rwrite.count = c->in.twrite.data.length;
	if (!h->write)
		return NINEP_EINVAL;
	error = h->write(c, (f->shared ? ninep_open_file(f) : &f->file), c->in.twrite.offset, c->in.twrite.data.at,
			 &c->out.rwrite.count);
	if (!error && c->here)
		ninep_advance(c->from, f, true, c->out.rwrite.count);
	return error;
}

/* A file without a handler is always ready. */
unsigned ninep_serve_ready(struct ninep_call *c)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tready.fid);

	if (!f || !f->open)
		return NINEP_EBADF;
	c->fid = f->fid;
	c->out.rready.events = c->in.tready.events;
	if (!ninep_handlers_of(&f->file)->ready) {
		c->out.rready.events &= NINEP_READY_IN | NINEP_READY_OUT;
		return 0;
	}
	return ninep_handlers_of(&f->file)->ready(c, (f->shared ? ninep_open_file(f) : &f->file),
						  &c->out.rready.events);
}
