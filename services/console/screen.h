/*
 * What stands on the terminal: whole lines, and at its end at most one line that
 * is not complete, of one client.
 *
 * Portable, tested on the host.  A client is whatever its address is: it is only
 * compared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_OPEN 512 /* bytes of an open line that are remembered */
#define LINE_BUFFER_BYTES 2048

/* Where the terminal's bytes go; always takes all. */
typedef void screen_emit(void *arg, const char *text, size_t length);

struct screen {
	screen_emit *emit;
	void *arg;
	const void *owner; /* of the open line, or NULL */
	size_t length;     /* of the open line's text since its last carriage return */
	bool overflow;     /* there is more of it than is remembered */
	char open[SCREEN_OPEN];
};

/* A client's text that has no end of line yet. */
struct line_buffer {
	size_t length;
	char text[LINE_BUFFER_BYTES];
};

void screen_init(struct screen *s, screen_emit *emit, void *arg);
/*
 * Puts out whole lines of a client.  Another's open line gives way and is put
 * back below them.  `owner` NULL: the system itself.
 */
void screen_lines(struct screen *s, const void *owner, const char *text, size_t length);
/* Adds to the client's open line; another's open line is ended. */
void screen_open(struct screen *s, const void *owner, const char *text, size_t length);
/* Ends the client's open line, if it has one. */
void screen_end(struct screen *s, const void *owner);

/* Takes a client's output: what has become whole lines goes to the screen. A line beyond the buffer is broken. */
void line_buffer_write(struct line_buffer *b, struct screen *s, const char *text, size_t length);
/* Shows what has no end of line yet. */
void line_buffer_flush(struct line_buffer *b, struct screen *s);
/* The client is gone: shows the rest as a line. */
void line_buffer_end(struct line_buffer *b, struct screen *s);
