/*
 * This process's line to the console service: opened at first use.
 *
 * Output appears by whole lines; a line without an end is shown at a flush, a
 * read, or when the process ends.  Safe from any thread.
 */
#pragma once

#include "kernel/abi/types.h"

/* Writes all of it, or says why not: ERR_CLOSED when the service has died. */
err_t console_write(const char *text, size_t length);
/* Shows the line that has no end yet. */
err_t console_flush(void);
/* Waits for input: 1 to `size` raw bytes. Takes the input back when it was lent. */
err_t console_read(char *to, size_t size, size_t *got);
/*
 * The same for a program of the terminal, when its group is in the foreground. ERR_AGAIN: there is none now, with
 * `now`,
 * or for so many tenths of a second (0: it waits). ERR_TIMEOUT: a signal is to be handled.
 */
err_t console_keys(char *to, size_t size, size_t *got, bool now, unsigned tenths);
/* What the terminal is like, for all programs; *waiting: keys that a read would get. */
struct console_state;
err_t console_state_get(struct console_state *out);
/*
 * The terminal is to be our session's, with that group in the foreground unless it is 0; *out: whether it is
 * (CONSOLE_CONTROLS).
 */
err_t console_control(uint32_t group, struct console_state *out);
/* Of what bits of `set` name (enum console_set). */
err_t console_state_set(const struct console_state *to, unsigned set);
/* Lends the input to a process and its group, until that process ends or we read again. */
err_t console_lend(uint64_t pid, uint32_t group);
/*
 * For the one that has lent the input: waits till a key is pressed that sends a signal,
 * or till console_wait_end is called (ERR_AGAIN).
 */
err_t console_wait_interrupt(int *signal);
err_t console_wait_end(void);
/* The TSC when the first program asked for input, which is the first prompt; ERR_AGAIN when none has. */
err_t console_first_prompt(cycles_t *tsc);
/* What was written is with the service when this returns. At the process's end. */
void console_finish(void);
