/*
 * What a process's libOS keeps for itself, as texts: arguments, environment, files, namespace.
 *
 *     args, cmdline   a line each; as one text with a NUL behind each, as elsewhere
 *     environ         likewise, NAME=VALUE
 *     cwd             its working directory
 *     fd              a line for each descriptor: number, r, w or rw, offset, kind, path
 *     ns              its namespace, as `ns` prints it
 *
 * Found in its memory, from where the process says (libos/posix/about.h), while it may be running: so a text may be of
 * no single moment, and is empty when the process does not say.
 */
#include "libos/posix/about.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/posix/path.h"
#include "services/sys/proc.h"

#define STRINGS_MOST 4096
#define STRING_ROOM 1024
#define FDS_SHOWN 1024
#define POINTS_MOST 256
#define KIND_ROOM 16

bool about_read(const struct proc_info *p, struct about *out)
{
	const struct dispatcher_page *page = dispatcher_page();
	const void *at;

	return look_at(p, &page->libos[1], &at, sizeof at) && look_at(p, at, out, sizeof *out) &&
	       out->mark == ABOUT_MARK && out->thread_bytes == sizeof(struct thread) &&
	       out->posix_bytes == sizeof(struct posix_thread) && out->file_bytes == sizeof(struct open_file) &&
	       out->point_bytes == sizeof(struct ns_point);
}

/* --- strings --------------------------------------------------------------------------------------- */

static void strings(const struct proc_info *p, char *const *const *where, char end, struct text *t)
{
	char *const *list;
	char *one, string[STRING_ROOM];

	if (!look_at(p, where, &list, sizeof list))
		return;
	for (unsigned i = 0; i < STRINGS_MOST && look_at(p, list + i, &one, sizeof one) && one; i++) {
		if (!look_text(p, one, string, sizeof string))
			return;
		text_add(t, "%s", string);
		if (t->length < t->room)
			t->at[t->length++] = end;
	}
}

static unsigned args_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct proc_info p;
	struct about a;
	unsigned error = process_of(f, &p);

	if (!error && about_read(&p, &a))
		strings(&p, a.argv, f->node->arg ? '\0' : '\n', &t);
	*length = t.length;
	return error;
}

static unsigned environ_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct proc_info p;
	struct about a;
	unsigned error = process_of(f, &p);

	if (!error && about_read(&p, &a))
		strings(&p, a.environment, '\n', &t);
	*length = t.length;
	return error;
}

static unsigned cwd_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	char path[FILE_PATH_MAX];
	struct proc_info p;
	struct about a;
	unsigned error = process_of(f, &p);

	if (!error && about_read(&p, &a) && look_text(&p, a.cwd, path, sizeof path))
		text_add(&t, "%s\n", path);
	*length = t.length;
	return error;
}

/* --- descriptors ------------------------------------------------------------------------------------- */

static void file_show(const struct proc_info *p, int fd, const struct open_file *at, struct text *t)
{
	static const char *const access[] = { "r", "w", "rw", "?" };
	char kind[KIND_ROOM] = "?", path[STRING_ROOM] = "-";
	struct open_file_ops ops;
	struct open_file f;

	if (!look_at(p, at, &f, sizeof f))
		return;
	if (look_at(p, f.ops, &ops, sizeof ops))
		look_text(p, ops.kind, kind, sizeof kind);
	if (f.path)
		look_text(p, f.path, path, sizeof path);
	text_add(t, "%d %s %" PRIu64 " %s %s\n", fd, access[f.flags & O_ACCMODE], f.offset, kind, path);
}

static unsigned fd_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct fd_table table;
	struct descriptor d;
	struct proc_info p;
	struct about a;
	unsigned error = process_of(f, &p);

	if (!error && about_read(&p, &a) && look_at(&p, a.files, &table, sizeof table))
		for (int fd = 0; fd < table.room && fd < FDS_SHOWN && look_at(&p, table.at + fd, &d, sizeof d); fd++)
			if (d.file)
				file_show(&p, fd, d.file, &t);
	*length = t.length;
	return error;
}

/* --- namespace ----------------------------------------------------------------------------------------- */

/* As ns_pack has it: the sources of a point behind its first come after it. */
static void point_show(const struct proc_info *p, const struct ns_point *point, struct text *t)
{
	char at[STRING_ROOM], service[STRING_ROOM], tree[STRING_ROOM], path[STRING_ROOM];
	struct ns_source s;

	if (!look_text(p, point->at, at, sizeof at))
		return;
	for (unsigned i = 0; i < point->count && i < NS_DEPTH; i++) {
		if (!look_at(p, point->sources + i, &s, sizeof s) ||
		    !look_text(p, s.service, service, sizeof service) || !look_text(p, s.tree, tree, sizeof tree) ||
		    !look_text(p, s.path, path, sizeof path))
			return;
		text_add(t, "mount %s%s%s%s%s %s%s\n", service, *tree ? "!" : "", tree, *path ? "/" : "", path, at,
			 i && s.create ? " after,create"
			 : i           ? " after"
			 : s.create    ? " create"
				       : "");
	}
}

static unsigned ns_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct namespace *where, ns;
	struct ns_point point;
	struct proc_info p;
	struct about a;
	unsigned error = process_of(f, &p);

	if (!error && about_read(&p, &a) && look_at(&p, a.namespace, &where, sizeof where) &&
	    look_at(&p, where, &ns, sizeof ns))
		for (unsigned i = 0; i < ns.count && i < POINTS_MOST; i++)
			if (look_at(&p, ns.points + i, &point, sizeof point))
				point_show(&p, &point, &t);
	*length = t.length;
	return error;
}

const struct ninep_handlers args_handlers = { .text = args_text, .parent = proc_parent };
const struct ninep_handlers environ_handlers = { .text = environ_text, .parent = proc_parent };
const struct ninep_handlers cwd_handlers = { .text = cwd_text, .parent = proc_parent };
const struct ninep_handlers fd_handlers = { .text = fd_text, .parent = proc_parent };
const struct ninep_handlers ns_handlers = { .text = ns_text, .parent = proc_parent };
