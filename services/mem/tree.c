/*
 * The handlers of the memory file system's files: from 9P to memfs.h.
 *
 * A file's key is its inode's address: it is a fid's, which holds it. What open keeps are the flags, as a number.
 */
#include "services/mem/tree.h"

#include <stdlib.h>
#include <string.h>

#include "libos/pipe/pipe.h"
#include "services/mem/extent.h"
#include "services/mem/map.h"

#define MEM_MAGIC 0x01021994u /* Linux's tmpfs: programs know it */
#define FILES_MOST 1000000u   /* what statfs says that there may be, beside the memory */

static struct memfs *serving;
static const struct ninep_node dir_node, file_node, link_node, fifo_node, other_node;

static struct mem_inode *inode_of(const struct ninep_file *f)
{
	return f->key ? (struct mem_inode *)(uintptr_t)f->key : serving->root;
}

static struct ninep_file file_of(struct mem_inode *i)
{
	const struct ninep_node *n = mem_is_dir(i)                    ? &dir_node
				     : mem_format(i) == NINEP_FILE    ? &file_node
				     : mem_format(i) == NINEP_SYMLINK ? &link_node
				     : mem_format(i) == NINEP_FIFO    ? &fifo_node
								      : &other_node;

	return (struct ninep_file){ n, i == serving->root ? 0 : (uintptr_t)i, NULL };
}

static uint32_t flags_of(const struct ninep_file *f) { return (uint32_t)(uintptr_t)f->open; }

/* Of an open file: appending, not blocking, from now on. */
static unsigned flags_change(struct ninep_file *f, uint32_t flags)
{
	f->open = (void *)(uintptr_t)((flags_of(f) & ~(NINEP_APPEND | NINEP_NONBLOCK)) | flags);
	return 0;
}

/* --- all files ----------------------------------------------------------------------------------- */

static void file_hold(const struct ninep_file *f) { mem_hold(inode_of(f)); }
static void file_drop(const struct ninep_file *f) { mem_drop(inode_of(f)); }

static unsigned file_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	mem_marks_take(inode_of(f));
	mem_attr(inode_of(f), a);
	return 0;
}

static unsigned file_setattr(const struct ninep_file *f, uint32_t valid, const struct ninep_attr *a)
{
	return mem_setattr(inode_of(f), valid, a);
}

static unsigned file_space(const struct ninep_file *f, struct ninep_space *s)
{
	(void)f;
	*s = (struct ninep_space){
		.type = MEM_MAGIC,
		.block = MEM_BLOCK,
		.blocks = serving->quota / MEM_BLOCK,
		.free = (serving->quota - serving->used) / MEM_BLOCK,
		.files = serving->inodes + FILES_MOST,
		.files_free = FILES_MOST,
	};
	return 0;
}

static unsigned file_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	(void)c;
	f->open = (void *)(uintptr_t)flags;
	return 0;
}

/* --- files ----------------------------------------------------------------------------------------- */

static unsigned file_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	(void)c;
	*count = mem_read(inode_of(f), offset, into, *count);
	return 0;
}

static unsigned file_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	struct mem_inode *i = inode_of(f);

	(void)c;
	return mem_write(i, flags_of(f) & NINEP_APPEND ? i->data.size : offset, from, count);
}

/* --- locks ------------------------------------------------------------------------------------------ */

/* A service's clients keep their number where they go on elsewhere. */
static uint64_t client_of(const struct ninep_connection *n) { return n->number ? n->number : (uintptr_t)n; }

struct lock_wait {
	struct ninep_pending *pending;
	struct mem_inode *inode;
	struct mem_wait *wait;
};

static void lock_done(void *arg, unsigned error)
{
	struct lock_wait *w = arg;

	ninep_answer(w->pending, error, NULL, 0);
	free(w);
}

static void lock_cancel(struct ninep_pending *p, void *arg)
{
	struct lock_wait *w = arg;

	(void)p;
	mem_wait_cancel(w->inode, w->wait);
	free(w);
}

static unsigned lock_wait(struct ninep_call *c, struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l)
{
	struct lock_wait *w = malloc(sizeof(*w));

	if (!w)
		return NINEP_ENOLCK;
	*w = (struct lock_wait){ .inode = i, .wait = mem_wait(i, who, l, lock_done, w) };
	w->pending = w->wait ? ninep_later(c, lock_cancel, w) : NULL;
	if (w->pending)
		return NINEP_LATER;
	if (w->wait)
		mem_wait_cancel(i, w->wait);
	free(w);
	return NINEP_ENOLCK;
}

static unsigned file_lock(struct ninep_call *c, const struct ninep_file *f, const struct ninep_lock *l, uint8_t *status)
{
	struct mem_owner who = { client_of(c->from), l->proc_id };
	struct mem_inode *i = inode_of(f);
	unsigned error = mem_lock(i, who, l);

	*status = error == NINEP_EAGAIN;
	if (error != NINEP_EAGAIN)
		return error;
	return l->flags & NINEP_LOCK_BLOCK ? lock_wait(c, i, who, l) : 0;
}

static unsigned file_getlock(struct ninep_call *c, const struct ninep_file *f, struct ninep_lock *l)
{
	mem_getlock(inode_of(f), (struct mem_owner){ client_of(c->from), l->proc_id }, l);
	return 0;
}

static void file_unlock(const struct ninep_connection *n, const struct ninep_file *f)
{
	if (inode_of(f)->locks)
		mem_unlock_client(inode_of(f), client_of(n));
}

/* --- directories -------------------------------------------------------------------------------------- */

static unsigned dir_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	struct mem_inode *i;
	unsigned error = mem_lookup(inode_of(dir), name, &i);

	if (!error)
		*out = file_of(i);
	return error;
}

static unsigned dir_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	struct mem_inode *i;
	unsigned error = mem_next(inode_of(dir), index, &i, name);

	if (!error)
		*out = file_of(i);
	return error;
}

static unsigned dir_parent(const struct ninep_file *dir, struct ninep_file *out)
{
	struct mem_inode *i = inode_of(dir);

	/* One that was removed has nothing above it: what was there may be gone. */
	if (!i->links)
		return NINEP_ENOENT;
	*out = file_of(i->dir.parent);
	return 0;
}

static unsigned dir_create(const struct ninep_file *dir, const struct ninep_creation *what, struct ninep_file *out)
{
	struct mem_inode *i;
	unsigned error = mem_create(inode_of(dir), what, 0, &i);

	if (!error)
		*out = file_of(i);
	return error;
}

static unsigned dir_link(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *f)
{
	return mem_link(inode_of(dir), name, inode_of(f));
}

static unsigned dir_remove(const struct ninep_file *dir, struct ninep_text name, bool directory)
{
	return mem_remove(inode_of(dir), name, directory);
}

static unsigned dir_rename(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *newdir,
			   struct ninep_text newname)
{
	return mem_rename(inode_of(dir), name, inode_of(newdir), newname);
}

/* Of a directory there is the tree's head only. */
static unsigned dir_map(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint32_t how,
			struct ninep_mapping *out)
{
	struct mem_frame *frame;

	(void)f, (void)offset;
	if (how != NINEP_MAP_TREE)
		return NINEP_EOPNOTSUPP;
	frame = mem_tree_frame(serving);
	if (!frame)
		return NINEP_ENOSPC;
	return mem_frame_send(frame, &c->from->channel, false, &out->ticket) ? 0 : NINEP_ENOMEM;
}

/* --- links, FIFOs --------------------------------------------------------------------------------------- */

static unsigned link_read(struct ninep_call *c, const struct ninep_file *f, char *into, uint32_t *length)
{
	struct mem_inode *i = inode_of(f);

	(void)c;
	if (*length < i->link.length)
		return NINEP_ENAMETOOLONG;
	*length = i->link.length;
	memcpy(into, i->link.target, *length);
	return 0;
}

static unsigned fifo_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	struct mem_inode *i = inode_of(f);

	if (!i->pipe)
		i->pipe = mem_take(serving, sizeof(*i->pipe));
	if (!i->pipe)
		return NINEP_ENOSPC;
	f->open = (void *)(uintptr_t)flags;
	return pipe_open(c, i->pipe, flags, true);
}

static void fifo_close(struct ninep_file *f) { pipe_close(inode_of(f)->pipe, flags_of(f)); }

static unsigned fifo_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	(void)offset;
	return pipe_read(c, inode_of(f)->pipe, flags_of(f), into, count);
}

static unsigned fifo_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	(void)offset;
	return pipe_write(c, inode_of(f)->pipe, flags_of(f), from, count);
}

static unsigned fifo_ready(struct ninep_call *c, struct ninep_file *f, uint32_t *events)
{
	return pipe_ready(c, inode_of(f)->pipe, flags_of(f), events);
}

/* A device is a name with two numbers: there is nothing behind it here. */
static unsigned other_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	(void)c, (void)f, (void)flags;
	return NINEP_ENXIO;
}

/* --- the tree: nodes are told apart by what they are only ------------------------------------------------- */

/* clang-format off */
#define OF_ALL                                                                                         \
	.hold = file_hold, .drop = file_drop, .attr = file_attr, .setattr = file_setattr, .space = file_space, \
	.flags = flags_change
/* clang-format on */

static const struct ninep_handlers dir_handlers = {
	OF_ALL,           .lookup = dir_lookup, .entry = dir_entry,   .parent = dir_parent, .create = dir_create,
	.link = dir_link, .remove = dir_remove, .rename = dir_rename, .map = dir_map,
};
static const struct ninep_handlers file_handlers = {
	OF_ALL,
	.open = file_open,
	.read = file_read,
	.write = file_write,
	.lock = file_lock,
	.getlock = file_getlock,
	.unlock = file_unlock,
	.map = mem_file_map,
	.settle = mem_file_settle,
	.left = mem_file_left,
};
static const struct ninep_handlers link_handlers = { OF_ALL, .readlink = link_read };
static const struct ninep_handlers fifo_handlers = {
	OF_ALL, .open = fifo_open, .close = fifo_close, .read = fifo_read, .write = fifo_write, .ready = fifo_ready,
};
static const struct ninep_handlers other_handlers = { OF_ALL, .open = other_open };

static const struct ninep_node dir_node = { "/", NINEP_DIR | 0777, &dir_handlers, NULL, NULL };
static const struct ninep_node file_node = { "file", NINEP_FILE | 0666, &file_handlers, NULL, NULL };
static const struct ninep_node link_node = { "link", NINEP_SYMLINK | 0777, &link_handlers, NULL, NULL };
static const struct ninep_node fifo_node = { "fifo", NINEP_FIFO | 0666, &fifo_handlers, NULL, NULL };
static const struct ninep_node other_node = { "other", NINEP_CHAR | 0666, &other_handlers, NULL, NULL };

struct ninep_file mem_file(struct mem_inode *i) { return file_of(i); }

const struct ninep_node *mem_tree(struct memfs *fs)
{
	serving = fs;
	return &dir_node;
}
