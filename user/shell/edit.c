/*
 * The line editor: keys to changes of the line.
 *
 * Keys are those of Emacs and of the usual terminals (ECMA-48 sequences as xterm
 * and its kin send them).
 */
#include <string.h>

#include "user/shell/edit_line.h"
#include "user/shell/history.h"

#define CONTROL(c) ((c)&0x1f)
#define KEY_ESCAPE 27
#define KEY_DELETE 127
#define BELL "\a"

enum { ESCAPE_NONE, ESCAPE_FIRST, ESCAPE_CSI, ESCAPE_SS3 };

/* A character at the end of a line that fits is drawn alone. */
static void type(struct edit *e, unsigned char key)
{
	bool end = e->cursor == e->length;
	char c = (char)key;

	if (!line_insert(e, &c, 1)) {
		line_draw(e, BELL);
		return;
	}
	if (end && line_columns(e) <= DRAW_COLUMNS)
		e->draw(e->arg, &c, 1);
	else
		edit_redraw(e);
}

static void older(struct edit *e, int step)
{
	unsigned back = e->back + (unsigned)step;
	const char *line = e->history && back ? history_line(e->history, back) : NULL;

	if ((step < 0 && e->back == 0) || (back && !line)) {
		line_draw(e, BELL);
		return;
	}
	if (e->back == 0)
		strcpy(e->draft, e->text);
	e->back = back;
	line_set(e, back ? line : e->draft);
	edit_redraw(e);
}

/* --- completion -------------------------------------------------------------------- */

/* How much all candidates have in common. */
static size_t common_prefix(const struct candidates *c)
{
	size_t n = strlen(c->text[0]);

	for (unsigned i = 1; i < c->count; i++)
		for (size_t k = 0; k < n; k++)
			if (c->text[i][k] != c->text[0][k])
				n = k;
	return n;
}

static void candidates_list(struct edit *e, const struct candidates *c)
{
	line_draw(e, "\n");
	for (unsigned i = 0; i < c->count; i++) {
		line_draw(e, c->text[i]);
		line_draw(e, i + 1 < c->count ? "  " : "\n");
	}
	edit_redraw(e);
}

static void complete(struct edit *e, bool again)
{
	struct candidates c = { .count = 0 };
	size_t have, common;

	if (e->complete)
		e->complete(e->arg, e->text, e->cursor, &c);
	if (!c.count) {
		line_draw(e, BELL);
		return;
	}
	have = e->cursor - c.start;
	common = common_prefix(&c);
	if (common > have)
		line_insert(e, c.text[0] + have, common - have);
	if (c.count == 1)
		line_insert(e, " ", 1);
	if (c.count == 1 || common > have) {
		edit_redraw(e);
		return;
	}
	/* Nothing to add: the second Tab shows why. */
	if (again)
		candidates_list(e, &c);
	else
		line_draw(e, BELL);
	e->listed = true;
}

/* --- keys ------------------------------------------------------------------------------ */

static void move(struct edit *e, size_t to)
{
	e->cursor = to;
	edit_redraw(e);
}

static void erase_redraw(struct edit *e, size_t from, size_t to)
{
	line_erase(e, from, to);
	edit_redraw(e);
}

/* CSI number ~ */
static void key_numbered(struct edit *e)
{
	switch (e->parameter[0]) {
	case 1:
	case 7:
		move(e, 0);
		break;
	case 3:
		erase_redraw(e, e->cursor, line_on(e, e->cursor));
		break;
	case 4:
	case 8:
		move(e, e->length);
		break;
	default:
		break;
	}
}

/* The end of an escape sequence. With Control or Alt held, the arrows move by words. */
static void key_named(struct edit *e, unsigned char key)
{
	bool words = e->parameter[1] >= 3;

	switch (key) {
	case 'A':
		older(e, 1);
		break;
	case 'B':
		older(e, -1);
		break;
	case 'C':
		move(e, words ? line_word_on(e) : line_on(e, e->cursor));
		break;
	case 'D':
		move(e, words ? line_word_back(e) : line_back(e, e->cursor));
		break;
	case 'H':
		move(e, 0);
		break;
	case 'F':
		move(e, e->length);
		break;
	case '~':
		key_numbered(e);
		break;
	default:
		break;
	}
}

/* Escape and a letter. */
static void key_alt(struct edit *e, unsigned char key)
{
	switch (key) {
	case 'b':
		move(e, line_word_back(e));
		break;
	case 'f':
		move(e, line_word_on(e));
		break;
	case 'd':
		erase_redraw(e, e->cursor, line_word_on(e));
		break;
	case KEY_DELETE:
		erase_redraw(e, line_word_back(e), e->cursor);
		break;
	default:
		break;
	}
}

static void escape_parameter(struct edit *e, unsigned char key)
{
	if (key == ';') {
		e->parameters = e->parameters < 1 ? e->parameters + 1 : 1;
		e->parameter[e->parameters] = 0;
	} else if (e->parameter[e->parameters] < 1000) {
		e->parameter[e->parameters] = e->parameter[e->parameters] * 10 + (key - '0');
	}
}

static void escape(struct edit *e, unsigned char key)
{
	unsigned state = e->escape;

	e->escape = ESCAPE_NONE;
	if (state == ESCAPE_FIRST && (key == '[' || key == 'O')) {
		e->escape = key == '[' ? ESCAPE_CSI : ESCAPE_SS3;
		e->parameter[0] = e->parameter[1] = e->parameters = 0;
	} else if (state == ESCAPE_FIRST) {
		key_alt(e, key);
	} else if ((key >= '0' && key <= '9') || key == ';') {
		e->escape = state;
		escape_parameter(e, key);
	} else if (key >= 0x40) {
		key_named(e, key);
	} else if (key >= 0x20) {
		e->escape = state; /* an intermediate byte, of a key that we do not know */
	}
}

static void control(struct edit *e, unsigned char key)
{
	switch (key) {
	case CONTROL('A'):
		move(e, 0);
		break;
	case CONTROL('B'):
		move(e, line_back(e, e->cursor));
		break;
	case CONTROL('D'):
		erase_redraw(e, e->cursor, line_on(e, e->cursor));
		break;
	case CONTROL('E'):
		move(e, e->length);
		break;
	case CONTROL('F'):
		move(e, line_on(e, e->cursor));
		break;
	case CONTROL('H'):
	case KEY_DELETE:
		erase_redraw(e, line_back(e, e->cursor), e->cursor);
		break;
	case CONTROL('K'):
		erase_redraw(e, e->cursor, e->length);
		break;
	case CONTROL('L'):
		line_draw(e, "\x1b[H\x1b[2J");
		edit_redraw(e);
		break;
	case CONTROL('N'):
		older(e, -1);
		break;
	case CONTROL('P'):
		older(e, 1);
		break;
	case CONTROL('T'):
		line_transpose(e);
		edit_redraw(e);
		break;
	case CONTROL('U'):
		erase_redraw(e, 0, e->cursor);
		break;
	case CONTROL('W'):
		erase_redraw(e, line_word_back(e), e->cursor);
		break;
	case KEY_ESCAPE:
		e->escape = ESCAPE_FIRST;
		break;
	default:
		break;
	}
}

/* Leaves the line on the screen as it is, whole, with the cursor below. */
static enum edit_result finish(struct edit *e, enum edit_result result)
{
	if (e->cursor != e->length) {
		e->cursor = e->length;
		edit_redraw(e);
	}
	line_draw(e, result == EDIT_CANCEL ? "^C\n" : "\n");
	return result;
}

void edit_begin(struct edit *e, const char *prompt)
{
	e->prompt = prompt;
	e->back = e->escape = 0;
	e->listed = false;
	line_set(e, "");
	edit_redraw(e);
}

enum edit_result edit_key(struct edit *e, unsigned char key)
{
	bool again = e->listed;

	e->listed = false;
	if (e->escape)
		escape(e, key);
	else if (key == '\r' || key == '\n')
		return finish(e, EDIT_LINE);
	else if (key == CONTROL('C'))
		return finish(e, EDIT_CANCEL);
	else if (key == CONTROL('D') && !e->length)
		return finish(e, EDIT_END);
	else if (key == '\t')
		complete(e, again);
	else if (key < ' ' || key == KEY_DELETE)
		control(e, key);
	else
		type(e, key);
	return EDIT_MORE;
}
