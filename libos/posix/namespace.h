/*
 * The namespace of a process: which trees are seen where.
 *
 * A list of mount points, each with sources in order: a source is a tree of a service (or one of the libOS's own:
 * "#boot", "#cons", "#fd", "#root"), and a path in it. What lies under a mount point is looked for in the sources,
 * first to last: a union. The longest mount point that begins a path counts. A bind names the sources that another
 * path has, at that time.
 *
 * Its text is a line for each source, in order, and makes the same namespace when it is replayed:
 *
 *     mount #root /
 *     mount dev /dev
 *     mount #cons /dev after
 *     mount sys!proc/self /me before,create
 *
 * SERVICE[!TREE][/PATH]: TREE is what Tattach gets as aname. Nothing is connected before it is used. A namespace that
 * is in use is not changed: whoever changes it makes another, so a lookup keeps the one that it began with.
 *
 * Functions return 0 or an errno value. Any thread may use all of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_DEPTH 32 /* sources of one mount point; then ENOSPC */

enum ns_flags {
	NS_REPLACE = 0,
	NS_BEFORE = 1, /* before the sources that are there */
	NS_AFTER = 2,
	NS_CREATE = 4, /* new files are made in this one */
};

struct ns_source {
	char *service, *tree, *path; /* tree and path may be ""; path has no slash at its ends */
	bool create;
};

struct ns_point {
	char *at; /* "/", "/dev": clean, absolute */
	struct ns_source *sources;
	unsigned count;
};

struct namespace
{
	uint32_t references;
	struct ns_point *points;
	unsigned count;
};

/* The one that calls use now, held; the default one if none was set. NULL: no memory. */
struct namespace *ns_get(void);
void ns_put(struct namespace *ns);

/* The point that a clean, absolute path lies under, and what follows it, without a slash. There is always one: "/". */
const struct ns_point *ns_match(const struct namespace *ns, const char *path, const char **rest);
/*
 * The names that mount points have right below a directory: the index-th, in `name` (256 bytes). False: there are no
 * more. A name may come twice.
 */
bool ns_below(const struct namespace *ns, const char *path, unsigned index, char *name);
/* Is it a mount point? */
bool ns_is_point(const struct namespace *ns, const char *path);

/* Mounts SERVICE[!TREE][/PATH] at a clean, absolute path. EINVAL, ENOMEM, ENOSPC. */
int ns_mount(const char *source, const char *at, unsigned flags);
/* What `from` shows is also seen at `at`. Both clean and absolute. */
int ns_bind(const char *from, const char *at, unsigned flags);
/* Takes a source off; `source` NULL: the point. EINVAL: it is none; EBUSY: "/". */
int ns_unmount(const char *source, const char *at);

/* Is it the one that every process has that is told of no other? Such a one need not be handed on. */
bool ns_is_default(void);
/* How often it was replaced by another. */
uint32_t ns_turn(void);
/* Its text, to be freed; NULL: no memory. For `ns`, and for children. */
char *ns_pack(void);
/* Replaces the namespace by what a text says. EINVAL: it stays. */
int ns_unpack(const char *text);
