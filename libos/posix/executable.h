/*
 * Programs that lie in files: read into a frame, which a monitor makes a process of (libos/proc/program.h).
 *
 * What lies in the boot archive is its monitor's to find, by its name, and needs no frame. Functions return 0 or an
 * errno value.
 */
#pragma once

#include "libos/posix/inherit.h"
#include "libos/posix/path.h"

/* Which state of a file it was. */
struct executable_origin {
	uint64_t number, size;
	int64_t seconds, nanoseconds;
};

struct executable {
	char name[MON_PROCESS_NAME]; /* in the boot archive; of a file, the last component of its path */
	cptr_t frame;                /* 0: it is in the archive */
	struct executable_origin origin;
	char path[FILE_PATH_MAX]; /* of a file */
};

/* The program in an open file, which somebody may execute and read. EACCES, ENOEXEC, ENOMEM. */
int executable_load(int fd, const char *path, struct executable *e);
/* That of this process, once more; ETXTBSY: its file has changed. */
int executable_own(struct executable *e);
void executable_drop(struct executable *e);

/* For a child: which file it is of; and in it. */
void executable_pack(const struct executable *e, struct inherit *i);
int executable_unpack(const char *data, size_t bytes);
