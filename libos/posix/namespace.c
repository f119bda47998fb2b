/*
 * The namespace: see namespace.h. A change copies all of it; there are few mount points, and few changes.
 *
 * The default one is constant data, so a program that mounts nothing pays nothing for it.
 */
#include "libos/posix/namespace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/posix/about.h"
#include "libos/posix/path.h"
#include "libos/thread/thread.h"

/* --- the default ---------------------------------------------------------------------------------------- */

#define SOURCE(service, path, create)                                   \
	{                                                               \
		(char *)(service), (char *)"", (char *)(path), (create) \
	}
static struct ns_source source_root[] = { SOURCE("#root", "", false) }, source_boot[] = { SOURCE("#boot", "", false) },
			source_dev[] = { SOURCE("#cons", "", false), SOURCE("dev", "", false) },
			source_fd[] = { SOURCE("#fd", "", false) }, source_mem[] = { SOURCE("mem.files", "", true) },
			source_host[] = { SOURCE("host", "", true) }, source_proc[] = { SOURCE("sys", "proc", false) },
			source_core[] = { SOURCE("sys", "core", false) },
			source_fleet[] = { SOURCE("sys", "fleet", false) },
			source_name[] = { SOURCE("sys", "name", false) };
#define POINT(at, sources)                                                    \
	{                                                                     \
		(char *)(at), (sources), sizeof(sources) / sizeof(*(sources)) \
	}
static struct ns_point default_points[] = {
	POINT("/", source_root),     POINT("/boot", source_boot), POINT("/bin", source_boot),
	POINT("/dev", source_dev),   POINT("/tmp", source_mem),   POINT("/host", source_host),
	POINT("/proc", source_proc), POINT("/core", source_core), POINT("/fleet", source_fleet),
	POINT("/name", source_name), POINT("/dev/fd", source_fd),
};
static struct namespace default_namespace = { 1, default_points, sizeof(default_points) / sizeof(*default_points) };

static struct namespace *current = &default_namespace;
static struct mutex lock = MUTEX_INIT; /* of `current` and of references */
static uint32_t turn;
struct namespace *const *const namespace_at = &current;

/* --- its life --------------------------------------------------------------------------------------------- */

static void source_clear(struct ns_source *s)
{
	free(s->service);
	free(s->tree);
	free(s->path);
}

static void ns_free(struct namespace *ns)
{
	for (unsigned i = 0; ns && i < ns->count; i++) {
		for (unsigned j = 0; j < ns->points[i].count; j++)
			source_clear(&ns->points[i].sources[j]);
		free(ns->points[i].sources);
		free(ns->points[i].at);
	}
	if (ns)
		free(ns->points);
	free(ns);
}

struct namespace *ns_get(void)
{
	struct namespace *ns;

	mutex_lock(&lock);
	ns = current;
	ns->references++;
	mutex_unlock(&lock);
	return ns;
}

void ns_put(struct namespace *ns)
{
	bool last;

	mutex_lock(&lock);
	last = !--ns->references;
	mutex_unlock(&lock);
	if (last && ns != &default_namespace)
		ns_free(ns);
}

static void ns_use(struct namespace *ns)
{
	struct namespace *old;

	ns->references = 1;
	mutex_lock(&lock);
	old = current;
	current = ns;
	__atomic_fetch_add(&turn, 1, __ATOMIC_RELEASE);
	mutex_unlock(&lock);
	ns_put(old);
}

/* --- looking ------------------------------------------------------------------------------------------------- */

const struct ns_point *ns_match(const struct namespace *ns, const char *path, const char **rest)
{
	const struct ns_point *best = NULL;
	const char *after;

	for (unsigned i = 0; i < ns->count; i++) {
		const char *at = ns->points[i].at;

		/* Most differ at once. */
		if (at[1] && at[1] != path[1])
			continue;
		if (path_under(path, at, &after) && (!best || after > *rest)) {
			best = &ns->points[i];
			*rest = after;
		}
	}
	return best;
}

static struct ns_point *point_at(const struct namespace *ns, const char *path)
{
	for (unsigned i = 0; i < ns->count; i++)
		if (strcmp(ns->points[i].at, path) == 0)
			return &ns->points[i];
	return NULL;
}

bool ns_is_point(const struct namespace *ns, const char *path) { return point_at(ns, path) != NULL; }

bool ns_below(const struct namespace *ns, const char *path, unsigned index, char *name)
{
	const char *rest;

	for (unsigned i = 0; i < ns->count; i++)
		if (path_under(ns->points[i].at, path, &rest) && *rest && !index--) {
			size_t length = strcspn(rest, "/");

			memcpy(name, rest, length);
			name[length] = 0;
			return true;
		}
	return false;
}

/* --- changing -------------------------------------------------------------------------------------------------- */

static int source_set(struct ns_source *to, const char *service, const char *tree, const char *path, bool create)
{
	*to = (struct ns_source){ strdup(service), strdup(tree), strdup(path), create };
	if (to->service && to->tree && to->path)
		return 0;
	source_clear(to);
	return ENOMEM;
}

/* One more source at a point, as the flags say where. */
static int source_add(struct ns_point *p, const struct ns_source *s, unsigned place)
{
	struct ns_source *more = realloc(p->sources, (p->count + 1) * sizeof(*more)), made;
	int error = more ? source_set(&made, s->service, s->tree, s->path, s->create) : ENOMEM;

	if (more)
		p->sources = more;
	if (error)
		return error;
	memmove(&more[place + 1], &more[place], (p->count - place) * sizeof(*more));
	more[place] = made;
	p->count++;
	return 0;
}

static struct ns_point *point_add(struct namespace *ns, const char *at)
{
	struct ns_point *more = realloc(ns->points, (ns->count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	ns->points = more;
	more[ns->count] = (struct ns_point){ .at = strdup(at) };
	return more[ns->count].at ? &more[ns->count++] : NULL;
}

static int sources_copy(struct ns_point *to, const struct ns_point *from)
{
	int error = 0;

	for (unsigned i = 0; i < from->count && !error; i++)
		error = source_add(to, &from->sources[i], to->count);
	return error;
}

static struct namespace *ns_copy(const struct namespace *from)
{
	struct namespace *ns = calloc(1, sizeof(*ns));
	int error = ns ? 0 : ENOMEM;

	for (unsigned i = 0; !error && i < from->count; i++) {
		struct ns_point *p = point_add(ns, from->points[i].at);

		error = p ? sources_copy(p, &from->points[i]) : ENOMEM;
	}
	if (!error)
		return ns;
	ns_free(ns);
	return NULL;
}

/* The sources that a path has, each with what follows the mount point; in a point of its own, to be cleared. */
static int sources_of(const struct namespace *ns, const char *path, struct ns_point *out)
{
	const char *rest;
	const struct ns_point *p = ns_match(ns, path, &rest);
	char below[FILE_PATH_MAX];
	int error = p ? 0 : ENOENT;

	*out = (struct ns_point){ 0 };
	for (unsigned i = 0; !error && i < p->count; i++) {
		struct ns_source s = p->sources[i];

		if ((size_t)snprintf(below, sizeof(below), "%s%s%s", s.path, *s.path && *rest ? "/" : "", rest) >=
		    sizeof(below))
			return ENAMETOOLONG;
		s.path = below;
		error = source_add(out, &s, out->count);
	}
	return error;
}

static void point_clear(struct ns_point *p)
{
	for (unsigned i = 0; i < p->count; i++)
		source_clear(&p->sources[i]);
	free(p->sources);
	p->sources = NULL;
	p->count = 0;
}

/*
 * Puts sources at a point of a namespace that is nobody else's yet; what the path shows without it is there too,
 * if they join it.
 */
static int point_change(struct namespace *ns, const char *at, const struct ns_point *with, unsigned flags)
{
	struct ns_point *p = point_at(ns, at), under = { 0 };
	bool joins = flags & (NS_BEFORE | NS_AFTER);
	int error = 0;

	if (!p && joins)
		error = sources_of(ns, at, &under);
	if (!p && !error) {
		p = point_add(ns, at);
		error = p ? sources_copy(p, &under) : ENOMEM;
	}
	point_clear(&under);
	if (error)
		return error;
	if (!joins)
		point_clear(p);
	if (p->count + with->count > NS_DEPTH)
		return ENOSPC;
	for (unsigned i = 0; i < with->count && !error; i++) {
		struct ns_source s = with->sources[i];

		s.create = s.create || flags & NS_CREATE;
		error = source_add(p, &s, flags & NS_BEFORE ? i : p->count);
	}
	return error;
}

static int ns_change(const char *at, const struct ns_point *with, unsigned flags)
{
	struct namespace *old = ns_get(), *ns = ns_copy(old);
	int error = ns ? point_change(ns, at, with, flags) : ENOMEM;

	ns_put(old);
	if (error)
		ns_free(ns);
	else
		ns_use(ns);
	return error;
}

/* SERVICE[!TREE][/PATH] */
static int source_parse(const char *text, struct ns_source *out)
{
	char *copy = strdup(text), *path, *tree;
	int error;

	if (!copy)
		return ENOMEM;
	path = copy + strcspn(copy, "/");
	if (*path)
		*path++ = 0;
	tree = copy + strcspn(copy, "!");
	if (*tree)
		*tree++ = 0;
	path += strspn(path, "/");
	while (*path && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = 0;
	error = *copy ? source_set(out, copy, tree, path, false) : EINVAL;
	free(copy);
	return error;
}

static bool at_is_clean(const char *at) { return *at == '/' && (!at[1] || at[strlen(at) - 1] != '/'); }

int ns_mount(const char *source, const char *at, unsigned flags)
{
	struct ns_source s;
	struct ns_point with = { .sources = &s, .count = 1 };
	int error = at_is_clean(at) ? source_parse(source, &s) : EINVAL;

	if (error)
		return error;
	error = ns_change(at, &with, flags);
	source_clear(&s);
	return error;
}

int ns_bind(const char *from, const char *at, unsigned flags)
{
	struct namespace *ns = ns_get();
	struct ns_point with;
	int error = at_is_clean(at) && at_is_clean(from) ? sources_of(ns, from, &with) : EINVAL;

	ns_put(ns);
	if (error == EINVAL)
		return error;
	if (!error)
		error = ns_change(at, &with, flags);
	point_clear(&with);
	return error;
}

static void point_remove(struct namespace *ns, struct ns_point *p)
{
	point_clear(p);
	free(p->at);
	ns->count--;
	memmove(p, p + 1, (size_t)(ns->points + ns->count - p) * sizeof(*p));
}

static bool source_is(const struct ns_source *s, const struct ns_source *other)
{
	return !strcmp(s->service, other->service) && !strcmp(s->tree, other->tree) && !strcmp(s->path, other->path);
}

static int point_unmount(struct namespace *ns, const struct ns_source *source, const char *at)
{
	struct ns_point *p = point_at(ns, at);
	unsigned i = 0;

	while (source && p && i < p->count && !source_is(&p->sources[i], source))
		i++;
	if (!p || (source && i == p->count))
		return EINVAL;
	if (!at[1] && (!source || p->count == 1))
		return EBUSY;
	if (source && p->count > 1) {
		source_clear(&p->sources[i]);
		p->count--;
		memmove(&p->sources[i], &p->sources[i + 1], (p->count - i) * sizeof(*p->sources));
	} else {
		point_remove(ns, p);
	}
	return 0;
}

int ns_unmount(const char *source, const char *at)
{
	struct namespace *old, *ns;
	struct ns_source s;
	int error = source ? source_parse(source, &s) : 0;

	if (error)
		return error;
	old = ns_get();
	ns = ns_copy(old);
	error = ns ? point_unmount(ns, source ? &s : NULL, at) : ENOMEM;
	ns_put(old);
	if (error)
		ns_free(ns);
	else
		ns_use(ns);
	if (source)
		source_clear(&s);
	return error;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

/* Writes a line, or only counts it. */
static size_t line_put(char *to, size_t room, const struct ns_point *p, unsigned i)
{
	const struct ns_source *s = &p->sources[i];
	const char *flags = i && s->create ? " after,create" : i ? " after" : s->create ? " create" : "";

	return (size_t)snprintf(to, room, "mount %s%s%s%s%s %s%s\n", s->service, *s->tree ? "!" : "", s->tree,
				*s->path ? "/" : "", s->path, p->at, flags);
}

static size_t lines_put(char *to, size_t room, const struct namespace *ns)
{
	size_t at = 0;

	for (unsigned i = 0; i < ns->count; i++)
		for (unsigned j = 0; j < ns->points[i].count; j++)
			at += line_put(to ? to + at : NULL, to ? room - at : 0, &ns->points[i], j);
	return at;
}

uint32_t ns_turn(void) { return __atomic_load_n(&turn, __ATOMIC_ACQUIRE); }

bool ns_is_default(void) { return current == &default_namespace; }

char *ns_pack(void)
{
	struct namespace *ns = ns_get();
	size_t room = lines_put(NULL, 0, ns) + 1;
	char *text = malloc(room);

	if (text)
		lines_put(text, room, ns);
	ns_put(ns);
	return text;
}

static unsigned flags_parse(const char *text)
{
	return (strstr(text, "before") ? NS_BEFORE : 0) | (strstr(text, "after") ? NS_AFTER : 0) |
	       (strstr(text, "create") ? NS_CREATE : 0);
}

/* One line; it is cut up. */
static int line_take(struct namespace *ns, char *line)
{
	char *rest = line, *verb = strtok_r(rest, " ", &rest), *source = strtok_r(NULL, " ", &rest),
	     *at = strtok_r(NULL, " ", &rest), *flags = strtok_r(NULL, " ", &rest);
	struct ns_point with = { 0 };
	struct ns_source s;
	int error;

	if (!verb || !source || !at || !at_is_clean(at))
		return EINVAL;
	if (strcmp(verb, "bind") == 0) {
		error = at_is_clean(source) ? sources_of(ns, source, &with) : EINVAL;
		if (!error)
			error = point_change(ns, at, &with, flags ? flags_parse(flags) : 0);
		point_clear(&with);
		return error;
	}
	if (strcmp(verb, "mount") != 0)
		return EINVAL;
	error = source_parse(source, &s);
	if (error)
		return error;
	with = (struct ns_point){ .sources = &s, .count = 1 };
	error = point_change(ns, at, &with, flags ? flags_parse(flags) : 0);
	source_clear(&s);
	return error;
}

int ns_unpack(const char *text)
{
	struct namespace *ns = calloc(1, sizeof(*ns));
	char *copy = strdup(text), *rest = copy, *line;
	int error = ns && copy ? 0 : ENOMEM;

	while (!error && (line = strtok_r(rest, "\n", &rest)))
		error = line_take(ns, line);
	free(copy);
	if (!error && !point_at(ns, "/"))
		error = EINVAL;
	if (error)
		ns_free(ns);
	else
		ns_use(ns);
	return error;
}
