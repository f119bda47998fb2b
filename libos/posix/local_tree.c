/*
 * The libOS's own trees: "#root" is empty, "#boot" has the boot archive's files, "#cons" the console under its
 * names. They are flat, and nothing is made in them.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "libos/posix/boot_files.h"
#include "libos/posix/place.h"

#define BOOT_NUMBER 0x10000u /* of the first file */

enum own { OWN_ROOT = 1, OWN_BOOT, OWN_CONS };

static const char *const consoles[] = { "cons", "console", "tty" };
#define CONSOLES (sizeof(consoles) / sizeof(*consoles))

static enum own own_of(const char *tree)
{
	return strcmp(tree, "#boot") == 0 ? OWN_BOOT : strcmp(tree, "#cons") == 0 ? OWN_CONS : OWN_ROOT;
}

bool local_entry(const char *tree, unsigned index, const char **name, uint64_t *number, mode_t *mode)
{
	enum own own = own_of(tree);
	struct boot_file f;

	if (own == OWN_BOOT && !boot_file_at(index, &f)) {
		*name = f.name;
		*number = BOOT_NUMBER + index;
		*mode = S_IFREG;
		return true;
	}
	if (own == OWN_CONS && index < CONSOLES) {
		*name = consoles[index];
		*number = LOCAL_CONSOLE;
		*mode = S_IFCHR;
		return true;
	}
	return false;
}

static void own_found(enum own own, unsigned index, struct place *p)
{
	struct boot_file f;

	p->kind = own == OWN_BOOT ? PLACE_BOOT : PLACE_CONSOLE;
	p->number = own == OWN_BOOT ? BOOT_NUMBER + index : LOCAL_CONSOLE;
	if (own == OWN_BOOT && !boot_file_at(index, &f)) {
		p->data = f.data;
		p->size = f.size;
	}
}

int local_find(const char *tree, const char *path, struct place *p)
{
	enum own own = own_of(tree);
	size_t length = strcspn(path, "/");
	const char *name;
	uint64_t number;
	mode_t mode;

	if (!*path) {
		p->kind = PLACE_DIR;
		p->number = own;
		return 0;
	}
	for (unsigned i = 0; local_entry(tree, i, &name, &number, &mode); i++)
		if (strlen(name) == length && memcmp(name, path, length) == 0) {
			own_found(own, i, p);
			return path[length] ? ENOTDIR : 0;
		}
	return ENOENT;
}
