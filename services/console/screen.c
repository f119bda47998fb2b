/*
 * Lines of many clients onto one terminal.
 *
 * The open line is usually somebody's prompt with what is being typed.  It is
 * remembered from its last carriage return on, which is where an editor starts
 * when it draws its line anew, so that it can be put back below other output.
 */
#include "services/console/screen.h"

#include <string.h>

#define CLEAR_ROW "\r\x1b[K"
#define NEWLINE "\r\n"

void screen_init(struct screen *s, screen_emit *emit, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->emit = emit;
	s->arg = arg;
}

static void emit_text(struct screen *s, const char *text) { s->emit(s->arg, text, strlen(text)); }

/* A terminal wants a carriage return before each newline. */
static void emit_lines(struct screen *s, const char *text, size_t length)
{
	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t n = end ? (size_t)(end - text) : length;

		s->emit(s->arg, text, n);
		if (!end)
			return;
		emit_text(s, NEWLINE);
		text += n + 1;
		length -= n + 1;
	}
}

static void open_forget(struct screen *s)
{
	s->owner = NULL;
	s->length = 0;
	s->overflow = false;
}

void screen_lines(struct screen *s, const void *owner, const char *text, size_t length)
{
	bool aside = s->owner && s->owner != owner;

	if (aside && s->overflow) {
		emit_text(s, NEWLINE);
		open_forget(s);
		aside = false;
	}
	if (aside)
		emit_text(s, CLEAR_ROW);
	emit_lines(s, text, length);
	if (aside)
		s->emit(s->arg, s->open, s->length);
	else
		open_forget(s);
}

static void open_remember(struct screen *s, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\r') {
			s->length = 0;
			s->overflow = false;
		} else if (s->length < SCREEN_OPEN) {
			s->open[s->length++] = text[i];
		} else {
			s->overflow = true;
		}
	}
}

void screen_open(struct screen *s, const void *owner, const char *text, size_t length)
{
	if (!length)
		return;
	if (s->owner && s->owner != owner) {
		emit_text(s, NEWLINE);
		open_forget(s);
	}
	s->owner = owner;
	open_remember(s, text, length);
	s->emit(s->arg, text, length);
}

void screen_end(struct screen *s, const void *owner)
{
	if (s->owner == owner && owner)
		screen_lines(s, owner, "\n", 1);
}

/* --- a client's text --------------------------------------------------------- */

/* Bytes up to and including the last newline. */
static size_t whole_lines(const char *text, size_t length)
{
	while (length && text[length - 1] != '\n')
		length--;
	return length;
}

static void buffer_break(struct line_buffer *b, struct screen *s)
{
	b->text[b->length] = '\n';
	screen_lines(s, b, b->text, b->length + 1);
	b->length = 0;
}

void line_buffer_write(struct line_buffer *b, struct screen *s, const char *text, size_t length)
{
	size_t whole;

	while (length) {
		/* One place stays free for the newline of a line that is broken. */
		size_t room = LINE_BUFFER_BYTES - 1 - b->length, n = length < room ? length : room;

		memcpy(b->text + b->length, text, n);
		b->length += n;
		text += n;
		length -= n;
		whole = whole_lines(b->text, b->length);
		if (whole) {
			screen_lines(s, b, b->text, whole);
			b->length -= whole;
			memmove(b->text, b->text + whole, b->length);
		}
		if (b->length == LINE_BUFFER_BYTES - 1)
			buffer_break(b, s);
	}
}

void line_buffer_flush(struct line_buffer *b, struct screen *s)
{
	screen_open(s, b, b->text, b->length);
	b->length = 0;
}

void line_buffer_end(struct line_buffer *b, struct screen *s)
{
	line_buffer_flush(b, s);
	screen_end(s, b);
}
