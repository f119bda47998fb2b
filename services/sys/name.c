/*
 * /name: what the name service knows. A name with others below it is a directory, one that stands for a mailbox
 * alone is a file that says whose: pid, number of the service, load in permille.
 *
 * A path that was seen has a number, which is its key, as long as this service lives.
 */
#include "libos/name/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/name/name_client.h"
#include "services/sys/tree.h"

#define PATHS_MAX 4096

static char *paths[PATHS_MAX]; /* key - 1; the root of the names has key 0 */
static unsigned known;

static const struct ninep_node dir_node, file_node;

static const char *path_of(uint64_t key) { return key ? paths[key - 1] : ""; }

/* 0: there is no room for another. */
static uint64_t key_of(const char *dir, const char *name)
{
	char path[NAME_PATH + 1];
	unsigned i = 0;

	if (snprintf(path, sizeof path, "%s/%s", dir, name) > NAME_PATH)
		return 0;
	while (i < known && strcmp(paths[i], path))
		i++;
	if (i == known && (i == PATHS_MAX || !(paths[i] = strdup(path))))
		return 0;
	known += i == known;
	return i + 1;
}

/* --- what is in a directory --------------------------------------------------------------------------- */

struct wanted {
	const char *name; /* that one, */
	uint64_t index;   /* or (NULL) the one after so many */
	struct name_entry entry;
	char found[NINEP_NAME_MAX + 1];
};

static bool is_wanted(struct wanted *w, const struct name_entry *e, const char *name)
{
	if (strlen(name) > NINEP_NAME_MAX || (w->name ? strcmp(name, w->name) != 0 : w->index-- != 0))
		return false;
	w->entry = *e;
	strcpy(w->found, name);
	return true;
}

static bool search(const char *dir, struct wanted *w)
{
	uint64_t entries[NAME_LIST_BYTES / 8], cursor = 0;
	struct name_client *n;
	err_t err = name_here(&n);

	while (!err) {
		uint32_t length = sizeof entries, at = 0;
		const struct name_entry *e;
		const char *component;

		err = name_list(&n->rpc, *dir ? dir : "/", &cursor, entries, &length);
		while (!err && (e = name_list_next(entries, length, &at, &component)))
			if (is_wanted(w, e, component))
				return true;
		if (!cursor)
			break;
	}
	return false;
}

static unsigned found_file(const struct ninep_file *dir, const struct wanted *w, struct ninep_file *out)
{
	*out = (struct ninep_file){ .node = w->entry.below || w->entry.policy ? &dir_node : &file_node,
				    .key = key_of(path_of(dir->key), w->found) };
	return out->key ? 0 : NINEP_ENOMEM;
}

static unsigned name_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	char text[NINEP_NAME_MAX + 1];
	struct wanted w = { .name = text };

	name_copy(text, name);
	return search(path_of(dir->key), &w) ? found_file(dir, &w, out) : NINEP_ENOENT;
}

static unsigned name_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	struct wanted w = { .index = *index };

	if (!search(path_of(dir->key), &w))
		return NINEP_ENOENT;
	strcpy(name, w.found);
	return found_file(dir, &w, out);
}

/* The path without its last component; splits it into the two. */
static const char *path_split(uint64_t key, char dir[NAME_PATH + 1])
{
	char *slash;

	strcpy(dir, path_of(key));
	slash = strrchr(dir, '/');
	if (!slash)
		return dir;
	*slash = '\0';
	return slash + 1;
}

static unsigned name_parent(const struct ninep_file *f, struct ninep_file *out)
{
	char dir[NAME_PATH + 1], above[NAME_PATH + 1];
	const char *name;

	(void)path_split(f->key, dir);
	*out = (struct ninep_file){ .node = &sys_files[SYS_NAME] };
	if (!*dir)
		return 0;
	strcpy(above, dir);
	name = strrchr(dir, '/') + 1;
	*strrchr(above, '/') = '\0';
	*out = (struct ninep_file){ .node = &dir_node, .key = key_of(above, name) };
	return out->key ? 0 : NINEP_ENOMEM;
}

static unsigned name_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	char dir[NAME_PATH + 1];
	struct wanted w = { .name = path_split(f->key, dir) };

	if (!search(dir, &w))
		return NINEP_ENOENT;
	text_add(&t, "%u.%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", mailbox_core(&w.entry.mailbox),
		 (uint32_t)w.entry.mailbox.pid, w.entry.mailbox.service, w.entry.load);
	*length = t.length;
	return 0;
}

static const struct ninep_handlers dir_handlers = { .lookup = name_lookup, .entry = name_entry, .parent = name_parent };
static const struct ninep_handlers file_handlers = { .text = name_text, .parent = name_parent };
static const struct ninep_node dir_node = { "NAMES", NINEP_DIR | 0555, &dir_handlers, NULL, NULL };
static const struct ninep_node file_node = { "NAME", NINEP_FILE | 0444, &file_handlers, NULL, NULL };

const struct ninep_handlers name_handlers = { .lookup = name_lookup, .entry = name_entry };
