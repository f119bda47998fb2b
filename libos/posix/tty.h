/* The line discipline: what read() on the console gives. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * By the terminal's modes: a line with its newline, edited and echoed, 0 at the end of input; or keys as they come.
 * `now`: EAGAIN
 * rather than waiting. -1 and errno: also EINTR, EIO.
 */
ssize_t tty_read(void *to, size_t bytes, bool now);
/* Would it wait? */
bool tty_ready(void);
/* Lines that were begun are forgotten. */
void tty_forget(void);
