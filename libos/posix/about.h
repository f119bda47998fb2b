/*
 * What a process lets others know of itself: where in its memory its threads, arguments and files are.
 *
 * The second of the dispatcher page's own words points at it. Who may read its memory (/proc, a debugger) then finds
 * the rest, if its libOS is of the same making: `sizes` are as here.
 */
#pragma once

#include "libos/posix/fd.h"
#include "libos/posix/namespace.h"
#include "libos/posix/pthread_self.h"

#define ABOUT_MARK UINT64_C(0x74756f6261207331)

struct about {
	uint64_t mark;
	uint32_t thread_bytes, posix_bytes, file_bytes, point_bytes; /* of the structures, as a check */
	struct posix_thread *const *threads;                         /* where the first of its threads is told */
	char *const *const *argv;
	char *const *const *environment;
	const char *cwd;
	const struct fd_table *files;
	struct namespace *const *namespace;
};

/* At start; `argv` is where the arguments will be told. */
void about_tell(char *const *const *argv);

/* Of the files that own them. */
extern struct posix_thread *const *const signal_threads_at;
extern struct namespace *const *const namespace_at;
extern const char *const cwd_at;
extern const struct fd_table *const fd_table_at;
