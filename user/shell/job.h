/* Programs that the shell has started and that have not ended. */
#pragma once

#include "libos/proc/program.h"

#define STATUS_FAILED 126 /* of what could not be started, or not waited for */
#define STATUS_SIGNAL 128 /* and its number */
#define STATUS_KILLED 137
#define STATUS_FAULT 139

struct job {
	char name[MON_PROCESS_NAME];
	unsigned count;
	struct program program[];
};

/* One program that is to run as up to `count` processes, none yet; NULL when out of memory. */
struct job *job_new(const char *name, unsigned count);
/* Waits for all of it, the input being lent to its first process; frees it. Returns
 * the status of one that failed, or 0. */
int job_foreground(struct job *j);
/* Leaves it running; the end of each process will be said. Frees it. */
int job_background(struct job *j);
/* Waits until the end of a process has been said, if it is one that runs in the background. It has ended already. */
void job_settle(uint64_t pid);
