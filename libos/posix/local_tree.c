/*
 * The libOS's own trees: "#root" is empty, "#boot" has the boot archive's files, "#cons" the console under its
 * names and the process's standard streams, "#fd" its descriptors by their numbers. They are flat, and nothing is made
 * in them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libos/posix/boot_files.h"
#include "libos/posix/fd.h"
#include "libos/posix/place.h"

#define BOOT_NUMBER 0x10000u /* of the first file */

#define FD_NUMBER 0x1000u /* of descriptor 0 */

enum own { OWN_ROOT = 1, OWN_BOOT, OWN_CONS, OWN_FD };

static const char *const consoles[] = { "cons", "console", "tty" };
#define CONSOLES (sizeof(consoles) / sizeof(*consoles))
static const char *const streams[] = { "stdin", "stdout", "stderr" };
#define STREAMS (sizeof(streams) / sizeof(*streams))

static enum own own_of(const char *tree)
{
	return strcmp(tree, "#boot") == 0   ? OWN_BOOT
	       : strcmp(tree, "#cons") == 0 ? OWN_CONS
	       : strcmp(tree, "#fd") == 0   ? OWN_FD
					    : OWN_ROOT;
}

/* The index-th descriptor that is open, from 0; -1: there are no more. */
static int fd_at(unsigned index)
{
	struct open_file *f;
	bool cloexec;
	int fd = -1;

	do {
		fd = fd_next(fd + 1, &f, &cloexec);
		if (fd >= 0)
			file_drop(f);
	} while (fd >= 0 && index--);
	return fd;
}

static bool fd_entry(unsigned index, char *room, const char **name, uint64_t *number)
{
	int fd = fd_at(index);

	snprintf(room, LOCAL_NAME, "%d", fd);
	*name = room;
	*number = FD_NUMBER + (uint64_t)fd;
	return fd >= 0;
}

bool local_entry(const char *tree, unsigned index, char room[LOCAL_NAME], const char **name, uint64_t *number,
		 mode_t *mode)
{
	enum own own = own_of(tree);
	struct boot_file f;

	if (own == OWN_BOOT && !boot_file_at(index, &f)) {
		*name = f.name;
		*number = BOOT_NUMBER + index;
		*mode = S_IFREG;
		return true;
	}
	if (own == OWN_CONS && index - CONSOLES < STREAMS) {
		*name = streams[index - CONSOLES];
		*number = FD_NUMBER + index - CONSOLES;
		*mode = S_IFCHR;
		return true;
	}
	if (own == OWN_FD) {
		*mode = S_IFCHR;
		return fd_entry(index, room, name, number);
	}
	if (own == OWN_CONS && index < CONSOLES) {
		*name = consoles[index];
		*number = LOCAL_CONSOLE;
		*mode = S_IFCHR;
		return true;
	}
	return false;
}

static void own_found(unsigned index, uint64_t number, struct place *p)
{
	struct boot_file f;

	p->kind = number >= BOOT_NUMBER ? PLACE_BOOT : number >= FD_NUMBER ? PLACE_FD : PLACE_CONSOLE;
	p->number = p->kind == PLACE_FD ? number - FD_NUMBER : number;
	if (p->kind == PLACE_BOOT && !boot_file_at(index, &f)) {
		p->data = f.data;
		p->size = f.size;
	}
}

/* By its number as it is shown, which need not be searched for. */
static int fd_found(const char *path, struct place *p)
{
	char *end;
	long fd = strtol(path, &end, 10);
	struct open_file *f;

	if (*path < '0' || *path > '9' || (*path == '0' && path[1] && path[1] != '/') || fd >= FD_MOST ||
	    (*end && *end != '/') || !(f = fd_get((int)fd)))
		return ENOENT;
	file_drop(f);
	own_found(0, FD_NUMBER + (uint64_t)fd, p);
	return *end ? ENOTDIR : 0;
}

int local_find(const char *tree, const char *path, struct place *p)
{
	enum own own = own_of(tree);
	size_t length = strcspn(path, "/");
	char room[LOCAL_NAME];
	const char *name;
	uint64_t number;
	mode_t mode;

	if (!*path) {
		p->kind = PLACE_DIR;
		p->number = own;
		return 0;
	}
	if (own == OWN_FD)
		return fd_found(path, p);
	for (unsigned i = 0; local_entry(tree, i, room, &name, &number, &mode); i++)
		if (strlen(name) == length && memcmp(name, path, length) == 0) {
			own_found(i, number, p);
			return path[length] ? ENOTDIR : 0;
		}
	return ENOENT;
}
