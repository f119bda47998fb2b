/*
 * The shell's parts and what they share.
 *
 *   main.c       prompt, reading lines        command.c  the table, help, unknown words
 *   edit*.c      line editor                  run.c, job.c  starting programs, waiting, kill
 *   history.c, parse.c, suggest.c             status.c   cores, ps
 *   complete.c   completion                   program.c  names of programs, process ids
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/types.h"
#include "user/shell/history.h"
#include "user/shell/parse.h"

#define SHELL_NAMES 64

/* Returns the exit status: 0 when it did what was asked. */
typedef int command_run(const struct command_line *line);

struct command {
	const char *name, *arguments, *what;
	command_run *run;
};

/* Ended by an entry without a name. */
extern const struct command commands[];
const struct command *command_find(const char *name);
/* Runs a command, or the program of that name. */
int command_execute(const struct command_line *line);

/* --- main.c --------------------------------------------------------------------- */

extern struct history shell_history;
/* A line that nobody waits for: it goes above the line that is being edited. */
void shell_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- program.c -------------------------------------------------------------------- */

/* Names of the boot archive's programs that one may start, at most `size`; how many. They stay valid. */
unsigned program_names(const char **out, unsigned size);
bool program_exists(const char *name);
#define PID_TEXT 24
/* Its number, or, without one, "core.number". */
struct program;
const char *program_text(const struct program *p, char out[PID_TEXT]);
/* "core.number". */
const char *pid_text(uint64_t pid, char out[PID_TEXT]);
/*
 * A pid from the process service's number, from "core.number", or from a number that one process only has. False: said
 * why.
 */
bool pid_parse(const char *text, uint64_t *out);
/* What its core's monitor says of a process; false when there is none. */
struct mon_process;
bool process_find(uint64_t pid, struct mon_process *out);
/* Whole and positive, up to `limit` exclusive. */
bool number_parse(const char *text, uint64_t limit, uint64_t *out);

/* --- run.c, status.c ---------------------------------------------------------------- */

/* Cores of the machine, running or not. */
unsigned core_count(void);
/* Starts argv[0] on that core, or PROC_ANYWHERE, and waits for it, unless `line` says otherwise. */
int program_run(const struct command_line *line, int first, uint32_t core);
command_run run_command, kill_command, migrate_command, cores_command, core_command, ps_command, check_command;
