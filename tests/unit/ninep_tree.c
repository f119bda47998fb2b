/* See ninep_tree.h. */
#include "tests/unit/ninep_tree.h"

#include <stdio.h>
#include <string.h>

char tree_bytes[TREE_FILE_MAX];
uint32_t tree_length;
unsigned tree_opens, tree_holds, tree_cancels;
struct ninep_pending *tree_waiting;
const void *tree_written;
bool tree_stop;

static unsigned count_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	(void)c;
	(void)f;
	(void)flags;
	tree_opens++;
	return 0;
}

static void count_close(struct ninep_file *f)
{
	(void)f;
	tree_opens--;
}

static void count_hold(const struct ninep_file *f)
{
	(void)f;
	tree_holds++;
}

static void count_drop(const struct ninep_file *f)
{
	(void)f;
	tree_holds--;
}

static unsigned null_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	(void)c;
	(void)f;
	(void)offset;
	(void)count;
	tree_written = from;
	return 0;
}

static unsigned stop_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	(void)f;
	(void)offset;
	(void)from;
	(void)count;
	tree_stop = true;
	if (c->from->server)
		c->from->server->stop = true;
	return 0;
}

static unsigned bytes_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	uint32_t left = offset < tree_length ? tree_length - (uint32_t)offset : 0;

	(void)c;
	(void)f;
	if (*count > left)
		*count = left;
	memcpy(into, tree_bytes + (left ? offset : 0), *count);
	return 0;
}

static unsigned bytes_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			    uint32_t *count)
{
	(void)c;
	(void)f;
	if (offset > TREE_FILE_MAX || *count > TREE_FILE_MAX - offset)
		return NINEP_ENOSPC;
	memcpy(tree_bytes + offset, from, *count);
	if (offset + *count > tree_length)
		tree_length = (uint32_t)offset + *count;
	return 0;
}

static unsigned bytes_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	(void)f;
	a->size = tree_length;
	a->version = 1;
	return 0;
}

static unsigned bytes_set(const struct ninep_file *f, uint32_t valid, const struct ninep_attr *a)
{
	(void)f;
	if (valid & NINEP_SET_SIZE)
		tree_length = (uint32_t)a->size;
	return 0;
}

static unsigned bytes_lock(struct ninep_call *c, const struct ninep_file *f, const struct ninep_lock *l,
			   uint8_t *status)
{
	(void)c;
	(void)f;
	*status = l->type == 1;
	return 0;
}

static void later_cancel(struct ninep_pending *p, void *arg)
{
	(void)arg;
	tree_cancels++;
	if (tree_waiting == p)
		tree_waiting = NULL;
}

static unsigned later_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	struct ninep_pending *p = ninep_later(c, later_cancel, NULL);

	(void)f;
	(void)offset;
	(void)into;
	(void)count;
	if (!p)
		return NINEP_EAGAIN;
	tree_waiting = p;
	return NINEP_LATER;
}

static unsigned number_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	*length = (size_t)snprintf(into, room, "number %llu\n", (unsigned long long)f->key);
	return 0;
}

static unsigned link_read(struct ninep_call *c, const struct ninep_file *f, char *into, uint32_t *length)
{
	(void)c, (void)f;
	memcpy(into, "bytes", 5);
	*length = 5;
	return 0;
}

/* --- numbered directories: 1 to 3 ------------------------------------------------------------- */

static const struct ninep_handlers number_handlers = { .text = number_text };
static const struct ninep_node number_files[] = {
	{ "status", NINEP_FILE | 0444, &number_handlers, NULL, NULL },
	{ 0 },
};
static const struct ninep_node number_dir = { "N", NINEP_DIR | 0555, NULL, number_files, NULL };

static unsigned numbers_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	(void)dir;
	if (name.length != 1 || name.at[0] < '1' || name.at[0] > '3')
		return NINEP_ENOENT;
	*out = (struct ninep_file){ &number_dir, (uint64_t)(name.at[0] - '0'), NULL };
	return 0;
}

static unsigned numbers_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	(void)dir;
	if (*index >= 3)
		return NINEP_ENOENT;
	name[0] = (char)('1' + *index);
	*out = (struct ninep_file){ &number_dir, *index + 1, NULL };
	return 0;
}

/* --- a directory that remembers what was asked of it -------------------------------------------- */

static struct tree_made made[TREE_MADE_MAX];
static const struct ninep_handlers made_dir_handlers, made_file_handlers;
static const struct ninep_node made_file = { "made", NINEP_FILE | 0644, &made_file_handlers, NULL, NULL };

static bool text_equals(const char *s, struct ninep_text t) { return ninep_text_is(t, s); }

static struct tree_made *made_find(struct ninep_text name)
{
	for (unsigned i = 0; i < TREE_MADE_MAX; i++)
		if (made[i].used && text_equals(made[i].name, name))
			return &made[i];
	return NULL;
}

static unsigned made_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	struct tree_made *m = made_find(name);

	(void)dir;
	if (!m)
		return NINEP_ENOENT;
	*out = (struct ninep_file){ &made_file, (uint64_t)(m - made) + 1, NULL };
	return 0;
}

static unsigned made_create(const struct ninep_file *dir, const struct ninep_creation *what, struct ninep_file *out)
{
	if (made_find(what->name))
		return NINEP_EEXIST;
	for (unsigned i = 0; i < TREE_MADE_MAX; i++) {
		if (made[i].used || what->name.length >= sizeof(made[i].name))
			continue;
		made[i] = (struct tree_made){ .mode = what->mode, .used = true };
		memcpy(made[i].name, what->name.at, what->name.length);
		return made_lookup(dir, what->name, out);
	}
	return NINEP_ENOSPC;
}

static unsigned made_link(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *f)
{
	struct ninep_creation what = { .name = name, .mode = made[f->key - 1].mode };
	struct ninep_file out;

	return made_create(dir, &what, &out);
}

static unsigned made_remove(const struct ninep_file *dir, struct ninep_text name, bool directory)
{
	struct tree_made *m = made_find(name);

	(void)dir;
	if (!m)
		return NINEP_ENOENT;
	if (directory != ((m->mode & NINEP_FORMAT) == NINEP_DIR))
		return directory ? NINEP_ENOTDIR : NINEP_EISDIR;
	m->used = false;
	return 0;
}

static unsigned made_rename(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *newdir,
			    struct ninep_text newname)
{
	struct tree_made *m = made_find(name);

	(void)dir;
	(void)newdir;
	if (!m)
		return NINEP_ENOENT;
	memset(m->name, 0, sizeof(m->name));
	memcpy(m->name, newname.at, newname.length);
	return 0;
}

static unsigned made_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	a->mode = made[f->key - 1].mode;
	return 0;
}

static const struct ninep_handlers made_file_handlers = {
	.attr = made_attr,
	.write = null_write,
	.hold = count_hold,
	.drop = count_drop,
};
static const struct ninep_handlers made_dir_handlers = {
	.lookup = made_lookup,
	.create = made_create,
	.link = made_link,
	.remove = made_remove,
	.rename = made_rename,
};

/* --- the tree ------------------------------------------------------------------------------------- */

static const struct ninep_handlers null_handlers = {
	.open = count_open,
	.close = count_close,
	.write = null_write,
	.read = NULL,
	.hold = count_hold,
	.drop = count_drop,
};
static const struct ninep_handlers bytes_handlers = {
	.open = count_open,
	.close = count_close,
	.read = bytes_read,
	.write = bytes_write,
	.attr = bytes_attr,
	.setattr = bytes_set,
	.lock = bytes_lock,
	.hold = count_hold,
	.drop = count_drop,
};
static const struct ninep_handlers later_handlers = { .open = count_open, .close = count_close, .read = later_read };
/* A real file, whose open waits. */
static unsigned slow_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	(void)f, (void)flags;
	tree_waiting = ninep_later(c, later_cancel, NULL);
	return tree_waiting ? NINEP_LATER : NINEP_EAGAIN;
}

static unsigned slow_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	(void)f;
	a->version = 1;
	return 0;
}

static const struct ninep_handlers slow_handlers = { .open = slow_open, .attr = slow_attr };
static const struct ninep_handlers stop_handlers = { .write = stop_write };
static const struct ninep_handlers link_handlers = { .readlink = link_read };
static const struct ninep_handlers numbers_handlers = { .lookup = numbers_lookup, .entry = numbers_entry };

static const struct ninep_node deep[] = {
	{ "bytes", NINEP_FILE | 0666, &bytes_handlers, NULL, NULL },
	{ 0 },
};

static const struct ninep_node top[] = {
	{ "null", NINEP_FILE | 0222, &null_handlers, NULL, NULL },
	{ "bytes", NINEP_FILE | 0666, &bytes_handlers, NULL, NULL },
	{ "later", NINEP_FILE | 0444, &later_handlers, NULL, NULL },
	{ "slow", NINEP_FILE | 0444, &slow_handlers, NULL, NULL },
	{ "stop", NINEP_FILE | 0222, &stop_handlers, NULL, NULL },
	{ "link", NINEP_SYMLINK | 0777, &link_handlers, NULL, NULL },
	{ "deep", NINEP_DIR | 0555, NULL, deep, NULL },
	{ "numbers", NINEP_DIR | 0555, &numbers_handlers, NULL, NULL },
	{ "made", NINEP_DIR | 0755, &made_dir_handlers, NULL, NULL },
	{ 0 },
};

const struct ninep_node tree_root = { "/", NINEP_DIR | 0555, NULL, top, NULL };
