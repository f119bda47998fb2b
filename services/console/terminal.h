/*
 * What the terminal is like, for all programs: modes, special keys, window, and the signals that keys and a new
 * window send.
 *
 * Modes are the readers' to keep to (libos/posix/tty.c); here they only are. Signals go out by a thread of their own,
 * for they ask monitors.
 */
#pragma once

#include "services/console/input.h"
#include "services/console/proto.h"

/* Starts the thread. Without it keys send nothing. */
void terminal_init(void);
/* As a program of that process group and session sees it; 0: of none. */
void terminal_state(const struct input *in, uint32_t group, uint32_t session, struct console_state *out);
/* Of what bits of `set` name (enum console_set). */
void terminal_set(struct input *in, const struct console_state *to, unsigned set);
/* The window has that size; if it is another one, the foreground is told. */
void terminal_window(struct input *in, uint16_t rows, uint16_t columns);
/* Which signal a key sends; 0: none. */
int terminal_signal(char key);
/* To all of that group, soon. */
void terminal_send(uint32_t group, int signal);
