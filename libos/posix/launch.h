/*
 * Which program a path names, and with which arguments: between posix_spawn and exec.
 *
 * A program lies in the boot archive, as /boot/NAME, and for those that say so /bin/NAME and /usr/bin/NAME, or is any
 * file that may be executed. One that begins with "#!" is a script: its interpreter gets the rest of that line, and the
 * path.
 */
#pragma once

#include "libos/posix/executable.h"

#define LAUNCH_LINE 256

struct launch {
	struct executable program;
	char line[LAUNCH_LINE]; /* of a script: its first */
	char *before[4];        /* arguments in place of the first; NULL: none */
	char *const *argv;
};

/*
 * An errno; else launch_drop follows. `search`: a name without a slash is looked for in PATH, and a text that is no
 * program is sh's.
 */
int launch_find(struct launch *l, const char *path, char *const *argv, bool search);
/* The text of what it gets of this process; its error says E2BIG or ENOMEM. */
void launch_pack(const struct launch *l, char *const *envp, struct inherit *text);
void launch_drop(struct launch *l);
