/* A command line to words. */
#pragma once

#include <stdbool.h>

#include "kernel/abi/boot.h"

struct command_line {
	int count;
	char *word[PROCESS_ARGS_MAX + 1]; /* ends with NULL */
	bool background;                  /* the line ended with & */
};

/*
 * Splits a line, which is changed, and which the words point into.  'text' is
 * taken as it stands; in "text" a backslash keeps the next character, as it does
 * outside quotes; # at the start of a word begins a comment.  Returns NULL, or
 * what is wrong with the line.
 */
const char *parse_line(char *line, struct command_line *out);
