/*
 * The shell: a prompt on the console, lines that are edited here, commands that
 * are functions here, and programs that monitors start.
 *
 *   shell            reads lines from the console until poweroff
 *   shell -c WORDS   runs the words as one line and ends with its status
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/error_text.h"
#include "libos/posix/console.h"
#include "user/shell/complete.h"
#include "user/shell/edit.h"
#include "user/shell/shell.h"

#define PROMPT "skerry> "
#define CLEAR_ROW "\r\x1b[K"
#define KEYS 48 /* taken from the console at once */

struct history shell_history;
static struct edit edit;
static bool editing;

/* --- the terminal ------------------------------------------------------------- */

static void draw(void *arg, const char *text, size_t length)
{
	(void)arg;
	console_write(text, length); /* without a console there is nobody to tell */
}

void shell_notice(const char *format, ...)
{
	va_list args;

	if (editing)
		draw(NULL, CLEAR_ROW, strlen(CLEAR_ROW));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	if (editing) {
		edit_redraw(&edit);
		console_flush();
	}
}

/* --- lines ------------------------------------------------------------------------ */

static int line_run(char *text)
{
	struct command_line line;
	const char *wrong = parse_line(text, &line);
	int status = 0;

	if (wrong) {
		printf("%s\n", wrong);
		status = 2;
	} else if (line.count) {
		status = command_execute(&line);
	}
	fflush(stdout);
	return status;
}

static void line_entered(enum edit_result result)
{
	editing = false;
	if (result == EDIT_END)
		printf("Use poweroff to switch the machine off, reboot to start it anew.\n");
	if (result == EDIT_LINE) {
		history_add(&shell_history, edit.text);
		line_run(edit.text);
	}
	fflush(stdout);
	editing = true;
	edit_begin(&edit, PROMPT);
}

/* Reads keys until the console is gone. */
static err_t interact(void)
{
	char keys[KEYS];
	size_t n;
	err_t err;

	edit = (struct edit){ .draw = draw, .complete = complete_line, .history = &shell_history };
	editing = true;
	edit_begin(&edit, PROMPT);
	while (!(err = console_read(keys, sizeof(keys), &n))) {
		for (size_t i = 0; i < n; i++) {
			enum edit_result result = edit_key(&edit, (unsigned char)keys[i]);

			if (result != EDIT_MORE)
				line_entered(result);
		}
		console_flush();
	}
	return err;
}

/* The words of the command line as one line again; quotes they had are gone. */
static int run_words(int argc, char **argv)
{
	char text[EDIT_BYTES];
	size_t at = 0;

	text[0] = '\0';
	for (int i = 2; i < argc; i++) {
		int n = snprintf(text + at, sizeof(text) - at, "%s%s", i > 2 ? " " : "", argv[i]);

		if (n < 0 || (size_t)n >= sizeof(text) - at) {
			fprintf(stderr, "shell: %s\n", error_text(ERR_TOO_LONG));
			return 2;
		}
		at += (size_t)n;
	}
	return line_run(text);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-c") == 0)
		return run_words(argc, argv);
	if (argc > 1) {
		fprintf(stderr, "usage: shell [-c words]\n");
		return 2;
	}
	printf("Skerry: %u cores. 'help' lists the commands%s.\n", core_count(),
	       access("/boot/sh", X_OK) ? "" : ", 'sh' is a POSIX shell");
	fflush(stdout);
	interact();
	return 1;
}
