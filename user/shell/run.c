/* Starting programs on cores, and ending them: `run` and `kill`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/spawn_on.h"
#include "libos/proc/program.h"
#include "services/console/proto.h"
#include "user/shell/job.h"
#include "user/shell/shell.h"

/* A name is a program of the boot archive's; with a slash it is a path. */
static int spawn(struct job *j, uint32_t core, const struct command_line *line, int first)
{
	struct program *p = &j->program[j->count];
	const char *why = NULL;

	if (strchr(line->word[first], '/')) {
		int error = spawn_on(core, line->word[first], line->word + first, p);

		why = error ? strerror(error) : NULL;
	} else {
		err_t err =
			program_start((const char *const *)line->word + first, (const char *const *)environ, core, p);

		why = err ? error_text(err) : NULL;
	}
	if (why && core == PROC_ANYWHERE)
		printf("%s: cannot start: %s\n", j->name, why);
	else if (why)
		printf("%s: cannot start on core %u: %s\n", j->name, (unsigned)core, why);
	if (why)
		return STATUS_FAILED;
	j->count++;
	return 0;
}

/* Starts the words from `first` on on each of `count` cores. */
static int run_on(uint32_t core, unsigned count, const struct command_line *line, int first)
{
	struct job *j = job_new(line->word[first], count);
	int status = 0, last;

	if (!j) {
		printf("%s: %s\n", line->word[first], error_text(ERR_NO_MEMORY));
		return STATUS_FAILED;
	}
	for (unsigned i = 0; i < count; i++) {
		struct mon_core c;

		/* Of all cores those that run are meant; of one core, that one. */
		if (count > 1 && (mon_core((coreid_t)(core + i), &c) || c.state != MON_CORE_UP))
			continue;
		last = spawn(j, core + i, line, first);
		status = last ? last : status;
	}
	if (!j->count) {
		free(j);
		return status;
	}
	last = line->background ? job_background(j) : job_foreground(j);
	return last ? last : status;
}

int program_run(const struct command_line *line, int first, uint32_t core) { return run_on(core, 1, line, first); }

static int usage(void)
{
	printf("usage: run [--core N | --core all] program arguments [&]\n");
	return 2;
}

int run_command(const struct command_line *line)
{
	uint64_t core = PROC_ANYWHERE;
	unsigned count = 1;
	int first = 1;

	if (first < line->count && strcmp(line->word[first], "--core") == 0) {
		if (line->count < 4)
			return usage();
		if (strcmp(line->word[2], "all") == 0) {
			core = 0;
			count = core_count();
		} else if (!number_parse(line->word[2], CORES_MAX, &core)) {
			printf("run: '%s' is not a core\n", line->word[2]);
			return 2;
		}
		first = 3;
	}
	if (first >= line->count || line->word[first][0] == '-')
		return usage();
	return run_on((uint32_t)core, count, line, first);
}

/* What the user would not have wanted: NULL, or why a process is not killed. */
static const char *kill_objection(uint64_t pid)
{
	struct mon_process p;

	if (pid == process_args()->pid)
		return "that is this shell; poweroff and reboot end it";
	if (process_find(pid, &p) && strcmp(p.name, CONSOLE_NAME) == 0)
		return "that is the console; without it nothing can be seen or typed";
	return NULL;
}

static int kill_one(const char *text)
{
	const char *objection;
	uint64_t pid;
	err_t err;

	if (!pid_parse(text, &pid))
		return 1;
	objection = kill_objection(pid);
	if (objection) {
		printf("kill: %s: %s\n", text, objection);
		return 1;
	}
	err = mon_kill(pid);
	if (err) {
		printf("kill: %s: %s\n", text, error_text(err));
		return 1;
	}
	/* What there is to say about it is said before the next prompt. */
	fflush(stdout);
	job_settle(pid);
	return 0;
}

int migrate_command(const struct command_line *line)
{
	uint64_t pid, core;
	err_t err;

	if (line->count != 3) {
		printf("usage: migrate pid core\n");
		return 2;
	}
	if (!pid_parse(line->word[1], &pid))
		return 1;
	if (!number_parse(line->word[2], CORES_MAX, &core)) {
		printf("migrate: '%s' is not a core\n", line->word[2]);
		return 2;
	}
	err = program_migrate(&(struct program){ .pid = pid }, (coreid_t)core);
	if (err)
		printf("migrate: %s: %s\n", line->word[1], error_text(err));
	return err ? 1 : 0;
}

int kill_command(const struct command_line *line)
{
	int status = 0;

	if (line->count < 2) {
		printf("usage: kill pid...\n");
		return 2;
	}
	for (int i = 1; i < line->count; i++)
		status |= kill_one(line->word[i]);
	return status;
}
