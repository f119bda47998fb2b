/* posix_spawn for who chooses cores, and waits by the process service. */
#pragma once

#include "libos/proc/program.h"

/* Starts the program or script at a path on a core, or PROC_ANYWHERE; no wait() tells of it. An errno. */
int spawn_on(uint32_t core, const char *path, char *const *argv, struct program *out);
