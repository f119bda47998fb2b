/*
 * Editing one line on a terminal: keys in, text and what to draw out.
 *
 * Portable and without input or output of its own: tested on the host, and able
 * to share a terminal with other output, since the line can be drawn anew at any
 * moment.  No library does it here: those that Debian packages want termios,
 * signals and a terminal data base, or read the terminal themselves.
 *
 * The line is UTF-8; a character is drawn one column wide.  A line wider than the
 * terminal is shown in part, around the cursor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define EDIT_BYTES 1024 /* of a line, with its NUL */
#define EDIT_COLUMNS 80
#define EDIT_CANDIDATES 64

struct history;

/* What the word before the cursor may become. Texts are the completer's, valid till its next call. */
struct candidates {
	size_t start; /* of that word in the line */
	unsigned count;
	const char *text[EDIT_CANDIDATES];
};

struct edit;
typedef void edit_draw(void *arg, const char *text, size_t length);
/* Fills `out` for the line up to `cursor`. */
typedef void edit_complete(void *arg, const char *line, size_t cursor, struct candidates *out);

struct edit {
	edit_draw *draw;
	edit_complete *complete; /* or NULL */
	void *arg;               /* of both */
	struct history *history; /* or NULL */
	const char *prompt;
	size_t length, cursor;
	char text[EDIT_BYTES];
	char draft[EDIT_BYTES]; /* the new line while older ones are looked at */
	unsigned back;          /* how far back in history; 0: the new line */
	unsigned escape;        /* state within an escape sequence */
	unsigned parameter[2];  /* its numbers */
	unsigned parameters;
	bool listed; /* the last key was a Tab that listed what is possible */
};

enum edit_result {
	EDIT_MORE,
	EDIT_LINE,   /* Enter: text is complete, NUL-terminated */
	EDIT_CANCEL, /* ^C */
	EDIT_END,    /* ^D on an empty line */
};

/* Begins an empty line and draws the prompt. */
void edit_begin(struct edit *e, const char *prompt);
/* Takes one byte from the terminal. */
enum edit_result edit_key(struct edit *e, unsigned char key);
/* Draws prompt and line anew: after other output. */
void edit_redraw(struct edit *e);
