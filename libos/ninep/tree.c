/*
 * A tree of files: tables of nodes, and what handlers know beside them. Pure but for the handlers.
 *
 * A file's number (qid.path) is where its node lies behind the root's, and its key: it stays the same as
 * long as the server runs, and no two files have the same.
 */
#include "libos/ninep/server.h"

#include <string.h>

static const struct ninep_node *child_named(const struct ninep_node *dir, struct ninep_text name)
{
	for (const struct ninep_node *n = dir->children; n && n->name; n++)
		if (ninep_text_is(name, n->name))
			return n;
	return NULL;
}

/* The node whose table `wanted` is in, from `dir` on. */
static const struct ninep_node *node_above(const struct ninep_node *dir, const struct ninep_node *wanted)
{
	const struct ninep_node *found = NULL;

	for (const struct ninep_node *n = dir->children; n && n->name && !found; n++)
		found = n == wanted ? dir : node_above(n, wanted);
	return found;
}

static unsigned file_parent(const struct ninep_node *root, const struct ninep_file *f, struct ninep_file *out)
{
	const struct ninep_handlers *h = ninep_handlers_of(f);
	const struct ninep_node *above;

	if (h->parent)
		return h->parent(f, out);
	above = node_above(root, f->node);
	*out = (struct ninep_file){ above ? above : root, above && above != root ? f->key : 0, NULL };
	return 0;
}

unsigned ninep_name_check(struct ninep_text name)
{
	if (name.length > NINEP_NAME_MAX)
		return NINEP_ENAMETOOLONG;
	if (!name.length || ninep_text_is(name, ".") || ninep_text_is(name, "..") || memchr(name.at, '/', name.length))
		return NINEP_EINVAL;
	return 0;
}

unsigned ninep_tree_walk(const struct ninep_node *root, const struct ninep_file *from, struct ninep_text name,
			 struct ninep_file *out)
{
	const struct ninep_handlers *h = ninep_handlers_of(from);
	const struct ninep_node *child;
	unsigned error;

	if (!ninep_is_dir(from))
		return NINEP_ENOTDIR;
	if (ninep_text_is(name, ".")) {
		*out = (struct ninep_file){ from->node, from->key, NULL };
		return 0;
	}
	if (ninep_text_is(name, ".."))
		return file_parent(root, from, out);
	error = ninep_name_check(name);
	if (error)
		return error;
	child = child_named(from->node, name);
	if (child) {
		*out = (struct ninep_file){ child, from->key, NULL };
		return 0;
	}
	*out = (struct ninep_file){ 0 };
	return h->lookup ? h->lookup(from, name, out) : NINEP_ENOENT;
}

/* Entries 0 and 1 are the directory and what is above it. */
unsigned ninep_tree_entry(const struct ninep_node *root, const struct ninep_file *dir, uint64_t *index,
			  struct ninep_file *out, char *name)
{
	const struct ninep_handlers *h = ninep_handlers_of(dir);
	const struct ninep_node *n = dir->node->children;
	uint64_t behind = 2; /* entries of the table */
	unsigned error;

	if (*index < 2) {
		strcpy(name, *index ? ".." : ".");
		return ninep_tree_walk(root, dir, ninep_text(name), out);
	}
	for (; n && n->name && behind < *index; n++)
		behind++;
	if (n && n->name) {
		strncpy(name, n->name, NINEP_NAME_MAX);
		*out = (struct ninep_file){ n, dir->key, NULL };
		return 0;
	}
	*out = (struct ninep_file){ 0 };
	if (!h->entry)
		return NINEP_ENOENT;
	*index -= behind;
	error = h->entry(dir, index, out, name);
	*index += behind;
	return error;
}

unsigned ninep_tree_attr(const struct ninep_node *root, const struct ninep_file *f, struct ninep_attr *a)
{
	uint64_t behind = (uint64_t)((const char *)f->node - (const char *)root);
	const struct ninep_handlers *h = ninep_handlers_of(f);
	unsigned error;

	*a = (struct ninep_attr){
		.mode = f->node->mode,
		.nlink = ninep_is_dir(f) ? 2 : 1,
		.path = (behind & UINT32_MAX) | f->key << 32,
	};
	error = h->attr ? h->attr(f, a) : 0;
	if (!a->ctime) {
		a->atime = a->ctime = a->mtime;
		a->atime_nsec = a->ctime_nsec = a->mtime_nsec;
	}
	return error;
}

struct ninep_qid ninep_attr_qid(const struct ninep_attr *a)
{
	uint32_t format = a->mode & NINEP_FORMAT;
	unsigned type = format == NINEP_DIR ? NINEP_QTDIR : format == NINEP_SYMLINK ? NINEP_QTSYMLINK : NINEP_QTFILE;

	return (struct ninep_qid){ (uint8_t)type, a->version, a->path };
}
