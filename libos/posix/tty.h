/* The line discipline: what read() on the console gives. */
#pragma once

#include <sys/types.h>

/* A line with its newline, edited and echoed; 0 at the end of input; -1 and errno. */
ssize_t tty_read(void *to, size_t bytes);
