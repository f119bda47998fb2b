/* See kept.h. A file has a place by its path; in it is also counted how often the last one was closed. */
#include "libos/posix/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libos/posix/fd.h"
#include "libos/posix/file_server.h"
#include "libos/posix/namespace.h"
#include "libos/posix/window.h"

#define PLACES 8
#define OFTEN 3    /* so often it was closed before it is kept */
#define NEVER 0xff /* as a count: it cannot be */

static struct place_kept {
	struct open_file *file; /* NULL: none is kept here */
	uint64_t hash;
	unsigned times;
} places[PLACES];
static struct mutex lock = MUTEX_INIT;
static unsigned count; /* of files that are kept */
static bool ended;

static uint64_t hash_of(const char *path)
{
	uint64_t hash = 0;

	while (*path)
		hash = (hash + (unsigned char)*path++) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* Does its path lead to it still? */
static bool is_good(struct open_file *f)
{
	const struct file_server *s = f->ninep.server;
	uint64_t names;

	return s->open && !s->client.broken && s->generation == f->ninep.generation && f->ninep.turn == ns_turn() &&
	       window_names(f, &names) && names == f->ninep.names;
}

/* Out of its place; with the lock. */
static struct open_file *take(struct place_kept *p)
{
	struct open_file *f = p->file;

	p->file = NULL;
	count -= f != NULL;
	return f;
}

static void let_go(struct open_file *f)
{
	if (!f)
		return;
	f->ops->close(f);
	free(f);
}

struct open_file *kept_open(const char *path)
{
	struct open_file *f = NULL;
	struct place_kept *p;

	if (!count || *path != '/')
		return NULL;
	p = &places[hash_of(path) % PLACES];
	mutex_lock(&lock);
	if (p->file && !strcmp(p->file->path, path))
		f = take(p);
	mutex_unlock(&lock);
	if (f && !is_good(f)) {
		let_go(f);
		return NULL;
	}
	if (f) {
		f->offset = 0;
		f->references = 1;
	}
	return f;
}

/* In a union another file may come before it. */
static bool is_of_one_tree(const char *path)
{
	struct namespace *ns = ns_get();
	const char *rest;
	const struct ns_point *point = ns_match(ns, path, &rest);
	bool one = point && point->count == 1;

	ns_put(ns);
	return one;
}

/* What was true before and after the look was so at its time. */
static bool path_leads_to(struct open_file *f)
{
	struct stat there, own;
	int error = errno;
	bool good;

	f->ninep.turn = ns_turn();
	good = is_of_one_tree(f->path) && window_head(f) && window_names(f, &f->ninep.names) &&
	       !stat(f->path, &there) && !f->ops->stat(f, &own) && there.st_dev == own.st_dev &&
	       there.st_ino == own.st_ino && is_good(f);
	errno = error;
	return good;
}

/* Is it closed often? With the lock. */
static bool closed_often(struct place_kept *p, uint64_t hash)
{
	if (p->hash != hash)
		p->times = 0;
	p->hash = hash;
	return p->times != NEVER && ++p->times >= OFTEN;
}

bool kept_close(struct open_file *f)
{
	struct open_file *old;
	struct place_kept *p;
	uint64_t hash;
	bool often;

	if (f->ops != &file_ninep_ops || ended || f->flags != O_RDONLY || !f->path || f->ninep.blocks ||
	    f->ninep.shared || f->ninep.ring)
		return false;
	hash = hash_of(f->path);
	p = &places[hash % PLACES];
	mutex_lock(&lock);
	often = f->ninep.kept || closed_often(p, hash);
	mutex_unlock(&lock);
	if (!often)
		return false;
	if (f->ninep.kept ? !is_good(f) : !path_leads_to(f)) {
		if (!f->ninep.kept)
			p->times = NEVER;
		return false;
	}
	f->ninep.kept = true;
	mutex_lock(&lock);
	old = take(p);
	p->file = f;
	count++;
	mutex_unlock(&lock);
	let_go(old);
	return true;
}

static void clear(bool all)
{
	for (struct place_kept *p = places; count && p < places + PLACES; p++) {
		struct open_file *f = NULL;

		mutex_lock(&lock);
		if (p->file && (all || !is_good(p->file)))
			f = take(p);
		mutex_unlock(&lock);
		let_go(f);
	}
}

void kept_sweep(void) { clear(false); }
void kept_clear(void) { clear(true); }

bool kept_has_ended(void) { return ended; }

void kept_end(void)
{
	ended = true;
	clear(true);
}
