/*
 * Descriptors for children: a line for each,
 *
 *     FD CLOEXEC KIND FLAGS OFFSET STATE PATH
 *     FD CLOEXEC = OTHER
 *
 * the second form for one whose file another has, too. STATE is the kind's (open_file_ops.pack), "-" if it has
 * none: then the path is opened. In STATE and PATH blanks, line ends and "%" are written %XX.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/posix/fd.h"
#include "libos/posix/open_file.h"

#define STATE_MAX 400
#define LINE_MAX_BYTES (3 * FILE_PATH_MAX + STATE_MAX + 100)

struct text {
	char *at;
	size_t length, room;
};

static bool text_room(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 512;
	char *at;

	while (room < t->length + more)
		room *= 2;
	at = room > t->room ? realloc(t->at, room) : t->at;
	if (!at)
		return false;
	t->at = at;
	t->room = room;
	return true;
}

static void escape(char *to, const char *from)
{
	for (; *from; from++)
		if ((unsigned char)*from <= ' ' || *from == '%')
			to += sprintf(to, "%%%02X", (unsigned char)*from);
		else
			*to++ = *from;
	*to = 0;
}

static void unescape(char *text)
{
	char *to = text;
	unsigned byte;

	for (; *text; text++)
		if (*text == '%' && sscanf(text + 1, "%2X", &byte) == 1) {
			*to++ = (char)byte;
			text += 2;
		} else {
			*to++ = *text;
		}
	*to = 0;
}

/* --- in the parent ------------------------------------------------------------------------------------------ */

/* An earlier descriptor with the same file; -1. */
static int same_file(const struct open_file *f, int below, bool exec)
{
	struct open_file *other;
	bool cloexec, same;

	for (int fd = 0; (fd = fd_next(fd, &other, &cloexec)) >= 0; fd++) {
		same = other == f && fd < below && !(exec && cloexec);
		file_drop(other);
		if (same || fd >= below)
			return same ? fd : -1;
	}
	return -1;
}

static int line_put(struct text *t, int fd, struct open_file *f, bool cloexec, bool exec)
{
	int other = same_file(f, fd, exec);
	char state[STATE_MAX] = "-";

	if (!text_room(t, LINE_MAX_BYTES))
		return ENOMEM;
	if (other >= 0) {
		t->length += (size_t)sprintf(t->at + t->length, "%d %d = %d\n", fd, cloexec, other);
		return 0;
	}
	if (f->ops->pack && f->ops->pack(f, state, sizeof(state)))
		strcpy(state, "-");
	t->length += (size_t)sprintf(t->at + t->length, "%d %d %s %d %" PRIu64 " %s ", fd, cloexec, f->ops->kind,
				     f->flags, f->offset, state);
	escape(t->at + t->length, f->path ? f->path : "-");
	t->length += strlen(t->at + t->length);
	t->at[t->length++] = '\n';
	t->at[t->length] = 0;
	return 0;
}

char *fd_pack(bool exec)
{
	struct text t = { 0 };
	struct open_file *f;
	bool cloexec;
	int error = text_room(&t, 1) ? 0 : ENOMEM;

	if (!error)
		*t.at = 0;
	for (int fd = 0; !error && (fd = fd_next(fd, &f, &cloexec)) >= 0; fd++) {
		if (!(exec && cloexec))
			error = line_put(&t, fd, f, cloexec, exec);
		file_drop(f);
	}
	if (!error)
		return t.at;
	free(t.at);
	errno = error;
	return NULL;
}

/* --- in the child --------------------------------------------------------------------------------------------- */

static const struct open_file_ops *kind_of(const char *name)
{
	static const struct open_file_ops *const kinds[] = { &file_console_ops, &file_boot_ops, &file_ninep_ops,
							     &file_dir_ops };

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i]->kind, name) == 0)
			return kinds[i];
	return NULL;
}

/* What was opened once is opened as it was, but not made or emptied again. */
static int file_again(const struct open_file_ops *ops, const char *state, int flags, uint64_t offset, const char *path,
		      struct open_file **out)
{
	int error;

	if (ops->unpack && strcmp(state, "-") != 0)
		return ops->unpack(state, flags, path, out);
	if (ops->stream)
		return file_make(ops, flags, path, out);
	error = file_open(AT_FDCWD, path, flags, 0, out);
	if (!error)
		(*out)->offset = offset;
	return error;
}

static int line_take(char *line)
{
	char *rest = line, *word[7];
	const struct open_file_ops *ops;
	struct open_file *f;
	unsigned words = 0;
	int fd, error;

	while (words < 7 && (word[words] = strtok_r(rest, " ", &rest)))
		words++;
	if (words != 4 && words != 7)
		return EINVAL;
	fd = atoi(word[0]);
	if (words == 4) {
		f = fd_get(atoi(word[3]));
		return f && fd_put(fd, f, atoi(word[1])) < 0 ? errno : 0;
	}
	ops = kind_of(word[2]);
	if (!ops)
		return EINVAL;
	unescape(word[5]);
	unescape(word[6]);
	error = file_again(ops, word[5], atoi(word[3]), strtoull(word[4], NULL, 10), word[6], &f);
	if (error)
		return error == ENOMEM ? error : 0; /* it cannot be had any more */
	return fd_put(fd, f, atoi(word[1])) < 0 ? errno : 0;
}

int fd_unpack(const char *text)
{
	char *copy = strdup(text), *rest = copy, *line;
	int error = copy ? 0 : ENOMEM;

	if (!error)
		fd_close_from(0);
	while (!error && (line = strtok_r(rest, "\n", &rest)))
		error = line_take(line);
	free(copy);
	return error;
}

/* Takes what the child would have taken. */
static void line_undo(char *line)
{
	char *rest = line, *word[7];
	const struct open_file_ops *ops;
	struct open_file *f;
	unsigned words = 0;

	while (words < 7 && (word[words] = strtok_r(rest, " ", &rest)))
		words++;
	ops = words == 7 ? kind_of(word[2]) : NULL;
	if (!ops || !ops->unpack || strcmp(word[5], "-") == 0)
		return;
	unescape(word[5]);
	if (!ops->unpack(word[5], O_RDONLY, NULL, &f))
		file_drop(f);
}

void fd_pack_undo(const char *text)
{
	char *copy = strdup(text), *rest = copy, *line;

	while (copy && (line = strtok_r(rest, "\n", &rest)))
		line_undo(line);
	free(copy);
}
