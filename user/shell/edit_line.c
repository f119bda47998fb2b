/*
 * The line and its drawing.
 *
 * A drawing begins with a carriage return and holds the whole line, as far as it
 * fits: the console relies on it to put the line back after other output.
 */
#include "user/shell/edit_line.h"

#include <stdio.h>
#include <string.h>

/* --- drawing ------------------------------------------------------------------ */

static bool continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

static size_t columns_of(const char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		n += !continues(text[i]);
	return n;
}

size_t line_back(const struct edit *e, size_t at)
{
	while (at && continues(e->text[--at]))
		;
	return at;
}

size_t line_on(const struct edit *e, size_t at)
{
	if (at < e->length)
		at++;
	while (at < e->length && continues(e->text[at]))
		at++;
	return at;
}

void line_draw(struct edit *e, const char *text) { e->draw(e->arg, text, strlen(text)); }

size_t line_columns(const struct edit *e)
{
	return columns_of(e->prompt, strlen(e->prompt)) + columns_of(e->text, e->length);
}

/* The part of the line that fits beside the prompt with the cursor in it. */
static void window_find(const struct edit *e, size_t *from, size_t *to)
{
	size_t room = DRAW_COLUMNS - columns_of(e->prompt, strlen(e->prompt));

	*from = 0;
	while (columns_of(e->text + *from, e->cursor - *from) > room)
		*from = line_on(e, *from);
	*to = e->cursor;
	while (*to < e->length && columns_of(e->text + *from, *to - *from) < room)
		*to = line_on(e, *to);
}

void edit_redraw(struct edit *e)
{
	char out[EDIT_BYTES + 2 * EDIT_COLUMNS];
	size_t from, to, n, behind;

	window_find(e, &from, &to);
	n = (size_t)snprintf(out, sizeof(out), "\r%s%.*s\x1b[K", e->prompt, (int)(to - from), e->text + from);
	behind = columns_of(e->text + e->cursor, to - e->cursor);
	if (behind)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "\x1b[%uD", (unsigned)behind);
	e->draw(e->arg, out, n);
}

/* --- changing the line ----------------------------------------------------------- */

void line_set(struct edit *e, const char *text)
{
	e->length = strlen(text);
	if (e->length > EDIT_BYTES - 1)
		e->length = EDIT_BYTES - 1;
	memcpy(e->text, text, e->length);
	e->text[e->length] = '\0';
	e->cursor = e->length;
}

bool line_insert(struct edit *e, const char *text, size_t n)
{
	if (n > EDIT_BYTES - 1 - e->length)
		return false;
	memmove(e->text + e->cursor + n, e->text + e->cursor, e->length - e->cursor + 1);
	memcpy(e->text + e->cursor, text, n);
	e->length += n;
	e->cursor += n;
	return true;
}

void line_erase(struct edit *e, size_t from, size_t to)
{
	memmove(e->text + from, e->text + to, e->length - to + 1);
	e->length -= to - from;
	e->cursor = from;
}

size_t line_word_back(const struct edit *e)
{
	size_t at = e->cursor;

	while (at && e->text[at - 1] == ' ')
		at--;
	while (at && e->text[at - 1] != ' ')
		at--;
	return at;
}

size_t line_word_on(const struct edit *e)
{
	size_t at = e->cursor;

	while (at < e->length && e->text[at] == ' ')
		at++;
	while (at < e->length && e->text[at] != ' ')
		at++;
	return at;
}

void line_transpose(struct edit *e)
{
	size_t at = e->cursor == e->length ? line_back(e, e->cursor) : e->cursor, before = line_back(e, at),
	       end = line_on(e, at);
	char first[8];
	size_t n = at - before;

	if (!at || n > sizeof(first))
		return;
	memcpy(first, e->text + before, n);
	memmove(e->text + before, e->text + at, end - at);
	memcpy(e->text + end - n, first, n);
	e->cursor = end;
}
