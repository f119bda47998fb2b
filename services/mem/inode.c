/* Inodes: their life, their attributes, the memory that all the rest takes. See memfs.h. */
#include <stdlib.h>
#include <string.h>

#include "libos/pipe/pipe.h"
#include "services/mem/extent.h"

#define MODE_BITS 07777u
#define SET_UID_BITS 06000u

void *mem_take(struct memfs *fs, uint64_t bytes)
{
	void *at;

	if (fs->used > fs->quota || bytes > fs->quota - fs->used)
		return NULL; /* what was taken over from another may be more */
	at = calloc(1, bytes);
	if (at)
		fs->used += bytes;
	return at;
}

void mem_give(struct memfs *fs, void *at, uint64_t bytes)
{
	if (!at)
		return;
	free(at);
	fs->used -= bytes;
}

/* --- life ---------------------------------------------------------------------------------------- */

struct mem_inode *mem_inode_new(struct memfs *fs, const struct ninep_creation *what, uint32_t uid)
{
	struct mem_inode *i = mem_take(fs, sizeof(*i));

	if (!i)
		return NULL;
	i->fs = fs;
	i->number = ++fs->numbers;
	i->mode = what->mode;
	i->uid = uid;
	i->gid = what->gid;
	i->rdev = what->rdev;
	i->version = 1;
	i->atime = i->mtime = i->ctime = fs->now();
	if (mem_format(i) == NINEP_SYMLINK) {
		i->link.length = what->target.length;
		i->link.target = mem_take(fs, i->link.length ? i->link.length : 1);
		if (!i->link.target) {
			mem_give(fs, i, sizeof(*i));
			return NULL;
		}
		memcpy(i->link.target, what->target.at, i->link.length);
	}
	i->before = fs->last;
	if (fs->last)
		fs->last->next = i;
	else
		fs->first = i;
	fs->last = i;
	fs->inodes++;
	return i;
}

static void fifo_free(struct mem_inode *i)
{
	pipe_clear(i->pipe);
	mem_give(i->fs, i->pipe, sizeof(*i->pipe));
}

static void file_free(struct mem_inode *i)
{
	(void)mem_truncate(i, 0);
	if (i->data.extents)
		mem_extents_free(i);
}

static void inode_free(struct mem_inode *i)
{
	struct memfs *fs = i->fs;

	mem_unlock_client(i, 0);
	if (mem_is_dir(i))
		mem_directory_free(i);
	else if (mem_format(i) == NINEP_FILE)
		file_free(i);
	else if (mem_format(i) == NINEP_SYMLINK)
		mem_give(fs, i->link.target, i->link.length ? i->link.length : 1);
	else if (mem_format(i) == NINEP_FIFO && i->pipe)
		fifo_free(i);
	if (i->before)
		i->before->next = i->next;
	else
		fs->first = i->next;
	if (i->next)
		i->next->before = i->before;
	else
		fs->last = i->before;
	fs->inodes--;
	mem_give(fs, i, sizeof(*i));
}

void mem_hold(struct mem_inode *i) { i->holds++; }

void mem_inode_settle(struct mem_inode *i)
{
	if (!i->holds && !i->links)
		inode_free(i);
}

void mem_drop(struct mem_inode *i)
{
	i->holds--;
	mem_inode_settle(i);
}

unsigned memfs_init(struct memfs *fs, uint64_t quota, struct mem_time (*now)(void))
{
	struct ninep_creation root = { .mode = NINEP_DIR | 01777 };

	*fs = (struct memfs){ .quota = quota, .now = now, .stores = true };
	fs->root = mem_inode_new(fs, &root, 0);
	if (!fs->root)
		return NINEP_ENOMEM;
	fs->root->dir.parent = fs->root;
	fs->root->links = 2;
	return 0;
}

/* A directory's first name, by which it is taken apart. */
static bool first_name(struct mem_inode *dir, struct mem_inode **child, char *name)
{
	uint64_t index = 0;

	return !mem_next(dir, &index, child, name);
}

void memfs_destroy(struct memfs *fs)
{
	char name[NINEP_NAME_MAX + 1], below[NINEP_NAME_MAX + 1];
	struct mem_inode *dir, *child, *deeper;

	/* Always what has nothing below it: however deep it is, nothing here recurses. */
	for (dir = fs->root; first_name(dir, &child, name); dir = fs->root) {
		while (mem_is_dir(child) && first_name(child, &deeper, below)) {
			dir = child;
			child = deeper;
			memcpy(name, below, sizeof(name));
		}
		(void)mem_remove(dir, ninep_text(name), mem_is_dir(child));
	}
	fs->root->links = 0;
	mem_inode_settle(fs->root);
	mem_tree_free(fs);
	fs->root = NULL;
}

/* --- attributes ------------------------------------------------------------------------------------ */

void mem_touch(struct mem_inode *i, bool contents)
{
	mem_head_forget(i);
	i->ctime = i->fs->now();
	if (!contents)
		return;
	i->mtime = i->ctime;
	i->version += i->version == UINT32_MAX ? 2 : 1;
}

void mem_attr(const struct mem_inode *i, struct ninep_attr *a)
{
	a->mode = i->mode;
	a->uid = i->uid;
	a->gid = i->gid;
	a->nlink = i->links;
	a->rdev = i->rdev;
	a->path = i->number;
	a->version = mem_format(i) == NINEP_FIFO ? 0 : i->version; /* 0: who reads may have to wait */
	a->atime = i->atime.seconds;
	a->atime_nsec = i->atime.nanoseconds;
	a->mtime = i->mtime.seconds;
	a->mtime_nsec = i->mtime.nanoseconds;
	a->ctime = i->ctime.seconds;
	a->ctime_nsec = i->ctime.nanoseconds;
	if (mem_is_dir(i)) {
		a->size = i->dir.count;
	} else if (mem_format(i) == NINEP_FILE) {
		a->size = i->data.size;
		a->used = i->data.blocks * MEM_BLOCK;
	} else if (mem_format(i) == NINEP_SYMLINK) {
		a->size = i->link.length;
	}
	mem_head_tell(i, a);
}

static unsigned size_check(const struct mem_inode *i, uint64_t size)
{
	if (mem_is_dir(i))
		return NINEP_EISDIR;
	if (mem_format(i) == NINEP_SYMLINK)
		return NINEP_EINVAL;
	return size > MEM_FILE_MAX ? NINEP_EFBIG : 0;
}

static void times_set(struct mem_inode *i, uint32_t valid, const struct ninep_attr *a)
{
	struct mem_time now = i->fs->now();

	if (valid & NINEP_SET_ATIME)
		i->atime = valid & NINEP_SET_ATIME_TO ? (struct mem_time){ a->atime, a->atime_nsec } : now;
	if (valid & NINEP_SET_MTIME)
		i->mtime = valid & NINEP_SET_MTIME_TO ? (struct mem_time){ a->mtime, a->mtime_nsec } : now;
	i->ctime = now;
}

unsigned mem_setattr(struct mem_inode *i, uint32_t valid, const struct ninep_attr *a)
{
	unsigned error = valid & NINEP_SET_SIZE ? size_check(i, a->size) : 0;

	mem_marks_take(i);
	if (!error && valid & NINEP_SET_SIZE && mem_format(i) == NINEP_FILE)
		error = mem_truncate(i, a->size);
	if (error)
		return error;
	mem_head_forget(i);
	/* A new owner does not get what the old one let others do in his name, unless it is said. */
	if (valid & (NINEP_SET_UID | NINEP_SET_GID) && mem_format(i) == NINEP_FILE)
		i->mode &= ~SET_UID_BITS;
	if (valid & NINEP_SET_MODE) {
		i->mode = (i->mode & NINEP_FORMAT) | (a->mode & MODE_BITS);
		mem_head_names(i);
	}
	if (valid & NINEP_SET_UID)
		i->uid = a->uid;
	if (valid & NINEP_SET_GID)
		i->gid = a->gid;
	times_set(i, valid, a);
	return 0;
}
