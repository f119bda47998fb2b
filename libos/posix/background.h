/* What becomes of a program that uses the terminal from the background. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * SIGTTIN or SIGTTOU to the caller's process group, unless that is orphaned or the caller blocks or ignores it. 0: look
 * again, since the group was stopped and goes on, or has handled it; EINTR, by a handler; EIO: it is not to be had. For
 * SIGTTOU also -1: it may do what it wants.
 */
int background_told(int signal);
/* The terminal's modes were seen just now. */
void background_modes(uint32_t lflag);
/* Before output to the terminal: waits as TOSTOP has it. 0, EINTR or EIO. */
int background_write(void);
