/*
 * The table of commands, the small ones, and what to say to a word that is
 * neither a command nor a program.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/abi/syscall.h"
#include "kernel/abi/error.h"
#include "libos/proc/program.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "user/shell/shell.h"
#include "user/shell/suggest.h"

#define STATUS_UNKNOWN 127

static int help_one(const char *name)
{
	const struct command *c = command_find(name);

	if (c)
		printf("%s %s\n    %s\n", c->name, c->arguments, c->what);
	else if (program_exists(name))
		printf("%s is a program: %s [arguments], or run --core N %s [arguments]\n", name, name, name);
	else
		printf("help: there is no command '%s'\n", name);
	return c ? 0 : 1;
}

static int help_command(const struct command_line *line)
{
	const char *name[SHELL_NAMES];
	unsigned n = program_names(name, SHELL_NAMES);

	if (line->count > 1)
		return help_one(line->word[1]);
	for (const struct command *c = commands; c->name; c++)
		printf("  %-9s %-31s %s\n", c->name, c->arguments, c->what);
	printf("Programs:");
	for (unsigned i = 0; i < n; i++)
		printf(" %s", name[i]);
	printf("\nA program's name runs it on this core; with & at the end it runs in the background.\n"
	       "Tab completes, the arrow keys edit and go back in history, ^C ends what runs.\n");
	return 0;
}

static int echo_command(const struct command_line *line)
{
	for (int i = 1; i < line->count; i++)
		printf("%s%s", i > 1 ? " " : "", line->word[i]);
	printf("\n");
	return 0;
}

static int clear_command(const struct command_line *line)
{
	(void)line;
	printf("\x1b[H\x1b[2J\n");
	return 0;
}

static int history_command(const struct command_line *line)
{
	struct history *h = &shell_history;

	if (line->count > 1 && strcmp(line->word[1], "clear") == 0) {
		history_clear(h);
		return 0;
	}
	for (unsigned back = h->count; back; back--)
		printf("%4u  %s\n", h->gone + h->count - back + 1, history_line(h, back));
	return 0;
}

/* The words are "bench arguments" already: it is a program with a line in the help. */
static int bench_command(const struct command_line *line) { return program_run(line, 0, 0); }

static int power(unsigned how, const char *what)
{
	err_t err;

	printf("%s\n", what);
	err = mon_power(how, 0);
	printf("%s\n", error_text(err));
	return 1;
}

static int reboot_command(const struct command_line *line)
{
	(void)line;
	return power(POWER_REBOOT, "Rebooting.");
}

static int poweroff_command(const struct command_line *line)
{
	(void)line;
	return power(POWER_OFF, "Powering off.");
}

const struct command commands[] = {
	{ "help", "[command]", "lists the commands and programs", help_command },
	{ "cores", "", "the cores: state, uptime, messages, what runs there", cores_command },
	{ "core", "stop N [M] | start N | update N", "stops a core, whose island goes on at M; starts it",
	  core_command },
	{ "ps", "", "the processes of all cores", ps_command },
	{ "check", "", "compares the capabilities of all cores", check_command },
	{ "run", "[--core N|all] program ... [&]", "runs a program on a core", run_command },
	{ "kill", "pid...", "ends processes", kill_command },
	{ "migrate", "pid core", "has a process go on on another core", migrate_command },
	{ "bench", "list | all | name...", "measures the system", bench_command },
	{ "echo", "[text]", "prints its arguments", echo_command },
	{ "history", "[clear]", "the lines entered so far", history_command },
	{ "clear", "", "clears the screen", clear_command },
	{ "reboot", "", "starts the machine anew", reboot_command },
	{ "poweroff", "", "switches the machine off", poweroff_command },
	{ 0 },
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static unsigned near_add(const char *word, const char *known, const char **near, unsigned n)
{
	if (n < SHELL_NAMES && suggest_near(word, known))
		near[n++] = known;
	return n;
}

static int unknown(const char *word)
{
	const char *name[SHELL_NAMES], *near[SHELL_NAMES];
	unsigned names = program_names(name, SHELL_NAMES), n = 0;

	for (const struct command *c = commands; c->name; c++)
		n = near_add(word, c->name, near, n);
	for (unsigned i = 0; i < names; i++)
		if (!command_find(name[i]))
			n = near_add(word, name[i], near, n);
	printf("%s: unknown command", word);
	for (unsigned i = 0; i < n; i++)
		printf("%s %s", i ? i + 1 == n ? " or" : "," : "; did you mean", near[i]);
	printf(n ? "?\n" : "; 'help' lists them\n");
	return STATUS_UNKNOWN;
}

int command_execute(const struct command_line *line)
{
	const struct command *c = command_find(line->word[0]);

	if (!c)
		return program_exists(line->word[0]) ? program_run(line, 0, PROC_ANYWHERE) : unknown(line->word[0]);
	if (line->background && c->run != run_command && c->run != bench_command) {
		printf("%s: only programs run in the background\n", c->name);
		return 2;
	}
	return c->run(line);
}
