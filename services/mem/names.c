/* What makes, removes and moves names. Each checks, takes the memory that it needs, and then cannot fail. */
#include "services/mem/extent.h"

#define SET_GID 02000u

static bool removed(const struct mem_inode *dir) { return !dir->links; }

unsigned mem_lookup(struct mem_inode *dir, struct ninep_text name, struct mem_inode **out)
{
	struct mem_entry *e = mem_entry_find(dir, name);

	if (!e)
		return NINEP_ENOENT;
	*out = mem_entry_inode(e);
	return 0;
}

/* A name goes there: may it? */
static unsigned name_check(const struct mem_inode *dir, struct ninep_text name)
{
	if (removed(dir))
		return NINEP_ENOENT;
	return mem_entry_find(dir, name) ? NINEP_EEXIST : 0;
}

/* It has a new name there. */
static void child_came(struct mem_inode *dir, struct mem_inode *i)
{
	i->links++;
	mem_head_forget(i);
	mem_tree_came(dir->fs);
	if (mem_is_dir(i)) {
		i->dir.parent = dir;
		dir->links++;
	}
	mem_touch(dir, true);
}

/* It has lost one. */
static void child_went(struct mem_inode *dir, struct mem_inode *i)
{
	i->links--;
	mem_head_forget(i);
	mem_head_names(i);
	if (mem_is_dir(i))
		dir->links--;
	mem_touch(dir, true);
}

unsigned mem_create(struct mem_inode *dir, const struct ninep_creation *what, uint32_t uid, struct mem_inode **out)
{
	bool is_dir = (what->mode & NINEP_FORMAT) == NINEP_DIR;
	unsigned error = name_check(dir, what->name);
	struct ninep_creation as = *what;
	struct mem_entry *e;
	struct mem_inode *i;

	if (error)
		return error;
	if (is_dir && dir->links >= MEM_LINKS_MAX)
		return NINEP_EMLINK;
	if (dir->mode & SET_GID) {
		as.gid = dir->gid;
		as.mode |= is_dir ? SET_GID : 0;
	}
	e = mem_entry_prepare(dir, what->name);
	i = e ? mem_inode_new(dir->fs, &as, uid) : NULL;
	if (!i) {
		if (e)
			mem_entry_give(dir, e);
		return NINEP_ENOSPC;
	}
	i->links = is_dir; /* its own "." */
	mem_entry_add(dir, e, i);
	child_came(dir, i);
	*out = i;
	return 0;
}

unsigned mem_link(struct mem_inode *dir, struct ninep_text name, struct mem_inode *i)
{
	unsigned error = name_check(dir, name);
	struct mem_entry *e;

	if (error)
		return error;
	if (mem_is_dir(i))
		return NINEP_EPERM;
	if (!i->links)
		return NINEP_ENOENT;
	if (i->links >= MEM_LINKS_MAX)
		return NINEP_EMLINK;
	e = mem_entry_prepare(dir, name);
	if (!e)
		return NINEP_ENOSPC;
	mem_entry_add(dir, e, i);
	child_came(dir, i);
	mem_touch(i, false);
	return 0;
}

/* A directory that nothing leads to is nobody's parent, and has no ".". */
static void inode_unnamed(struct mem_inode *i)
{
	if (mem_is_dir(i))
		i->links = 0;
	else
		mem_touch(i, false);
	mem_inode_settle(i);
}

unsigned mem_remove(struct mem_inode *dir, struct ninep_text name, bool directory)
{
	struct mem_entry *e = mem_entry_find(dir, name);
	struct mem_inode *i;

	if (!e)
		return NINEP_ENOENT;
	i = mem_entry_inode(e);
	if (directory != mem_is_dir(i))
		return directory ? NINEP_ENOTDIR : NINEP_EISDIR;
	if (directory && i->dir.count)
		return NINEP_ENOTEMPTY;
	mem_entry_remove(dir, e);
	child_went(dir, i);
	inode_unnamed(i);
	return 0;
}

static bool is_above(const struct mem_inode *i, const struct mem_inode *dir)
{
	for (;; dir = dir->dir.parent) {
		if (dir == i)
			return true;
		if (dir == dir->fs->root)
			return false;
	}
}

/* May `i` take the place of `old` (NULL: nobody's) in that directory? */
static unsigned rename_check(const struct mem_inode *i, const struct mem_inode *newdir, const struct mem_inode *old)
{
	if (removed(newdir))
		return NINEP_ENOENT;
	if (mem_is_dir(i) && is_above(i, newdir))
		return NINEP_EINVAL;
	if (old && mem_is_dir(i) != mem_is_dir(old))
		return mem_is_dir(i) ? NINEP_ENOTDIR : NINEP_EISDIR;
	if (old && mem_is_dir(old) && old->dir.count)
		return NINEP_ENOTEMPTY;
	return 0;
}

unsigned mem_rename(struct mem_inode *dir, struct ninep_text name, struct mem_inode *newdir, struct ninep_text newname)
{
	struct mem_entry *from = mem_entry_find(dir, name), *to = mem_entry_find(newdir, newname);
	struct mem_inode *i = from ? mem_entry_inode(from) : NULL, *old = to ? mem_entry_inode(to) : NULL;
	unsigned error;

	if (!i || i == old)
		return i ? 0 : NINEP_ENOENT; /* two names of one file: both stay, says POSIX */
	error = rename_check(i, newdir, old);
	if (error)
		return error;
	if (!to) {
		to = mem_entry_prepare(newdir, newname);
		if (!to)
			return NINEP_ENOSPC;
		mem_entry_add(newdir, to, i);
	} else {
		mem_entry_set(to, i);
		child_went(newdir, old);
	}
	mem_entry_remove(dir, from);
	child_went(dir, i);
	child_came(newdir, i);
	if (mem_is_dir(i))
		mem_heads_names(i->fs);
	mem_touch(i, false);
	if (old)
		inode_unnamed(old);
	return 0;
}
