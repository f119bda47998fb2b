/* needs: user/shell/edit.c user/shell/edit_line.c user/shell/history.c */
/*
 * The shell's line editor: keys in, text out, and what the terminal would show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/shell/edit.h"
#include "user/shell/history.h"

/* A terminal of one row, which understands what the editor sends. */
static char row[256];
static size_t column;
static char drawn[4096];
static size_t drawn_length;

static void terminal_csi(const char *sequence, size_t n)
{
	if (sequence[n - 1] == 'K')
		memset(row + column, 0, sizeof(row) - column);
	else if (sequence[n - 1] == 'D')
		column -= (size_t)atoi(sequence + 2);
}

static void draw(void *arg, const char *text, size_t length)
{
	(void)arg;
	for (size_t i = 0; i < length; i++) {
		assert_true(drawn_length < sizeof(drawn));
		drawn[drawn_length++] = text[i];
		if (text[i] == '\r' || text[i] == '\n') {
			column = 0;
			if (text[i] == '\n')
				memset(row, 0, sizeof(row));
		} else if (text[i] == 27) {
			size_t n = 2;
			while (text[i + n] < 0x40)
				n++;
			terminal_csi(text + i, n + 1);
			i += n;
		} else if ((unsigned char)text[i] >= ' ' && ((unsigned char)text[i] & 0xc0) != 0x80) {
			assert_true(column < EDIT_COLUMNS);
			row[column++] = text[i];
		}
	}
}

static const char *const words[] = { "cores", "crash", "echo" };

static void complete(void *arg, const char *line, size_t cursor, struct candidates *out)
{
	(void)arg;
	out->start = cursor;
	while (out->start && line[out->start - 1] != ' ')
		out->start--;
	for (size_t i = 0; i < 3; i++)
		if (strncmp(words[i], line + out->start, cursor - out->start) == 0)
			out->text[out->count++] = words[i];
}

static struct history history;
static struct edit edit;

static int begin(void **state)
{
	(void)state;
	history_clear(&history);
	memset(row, 0, sizeof(row));
	column = drawn_length = 0;
	edit = (struct edit){ .draw = draw, .complete = complete, .history = &history };
	edit_begin(&edit, "> ");
	return 0;
}

/* The result of the last key. */
static enum edit_result keys(const char *text)
{
	enum edit_result result = EDIT_MORE;

	drawn_length = 0;
	while (*text)
		result = edit_key(&edit, (unsigned char)*text++);
	return result;
}

/* The text, where the cursor is, and that the terminal shows both. */
static void assert_line(const char *text, size_t cursor)
{
	assert_string_equal(edit.text, text);
	assert_int_equal(edit.length, strlen(text));
	assert_int_equal(edit.cursor, cursor);
	assert_memory_equal(row, "> ", 2);
	assert_string_equal(row + 2, text);
	assert_int_equal(column, cursor + 2);
}

static void typing(void **state)
{
	(void)state;
	keys("hello");
	assert_line("hello", 5);
	assert_int_equal(drawn_length, 5); /* each character alone */
	assert_int_equal(keys("\r"), EDIT_LINE);
	assert_string_equal(edit.text, "hello");
}

static void moving(void **state)
{
	(void)state;
	keys("bcd\x01"
	     "a");
	assert_line("abcd", 1);
	keys("\x05"
	     "e\x02\x02\x1b[D!");
	assert_line("ab!cde", 3);
	keys("\x1b[C\x06?");
	assert_line("ab!cd?e", 6);
	keys("\x1b[H<\x1b[F>\x1bOH(\x1b[4~)");
	assert_line("(<ab!cd?e>)", 11);
	/* At the ends nothing happens. */
	keys("\x06\x06\x01\x02");
	assert_line("(<ab!cd?e>)", 0);
}

static void moving_by_words(void **state)
{
	(void)state;
	keys("one two  three\x1b"
	     "b\x1b"
	     "b");
	assert_line("one two  three", 4);
	keys("\x1b"
	     "f");
	assert_line("one two  three", 7);
	keys("\x1b[1;5D\x1b[1;5D\x1b[1;5C");
	assert_line("one two  three", 3);
}

static void erasing(void **state)
{
	(void)state;
	keys("abcdef\x7f\x08");
	assert_line("abcd", 4);
	keys("\x02\x02\x04");
	assert_line("abd", 2);
	keys("\x1b[3~\x1b[3~");
	assert_line("ab", 2);
	keys(" cd ef\x17");
	assert_line("ab cd ", 6);
	keys("\x01\x0b");
	assert_line("", 0);
	keys("xyz\x02\x15");
	assert_line("z", 0);
	keys("\x7f");
	assert_line("z", 0);
	keys("\x05y\x14");
	assert_line("yz", 2);
}

static void ending(void **state)
{
	(void)state;
	assert_int_equal(keys("\x04"), EDIT_END);
	begin(state);
	assert_int_equal(keys("ab\x01\x04"), EDIT_MORE);
	assert_line("b", 0);
	assert_int_equal(keys("\x03"), EDIT_CANCEL);
}

static void looking_back(void **state)
{
	(void)state;
	history_add(&history, "first");
	history_add(&history, "second");
	history_add(&history, "second");
	history_add(&history, "");
	keys("new\x1b[A");
	assert_line("second", 6);
	keys("\x10");
	assert_line("first", 5);
	keys("\x10"); /* no further */
	assert_line("first", 5);
	keys("\x0e\x1b[B");
	assert_line("new", 3);
	keys("\x0e");
	assert_line("new", 3);
}

static void history_is_bounded(void **state)
{
	char text[24];
	(void)state;
	for (int i = 0; i < HISTORY_LINES + 10; i++) {
		snprintf(text, sizeof(text), "line %d", i);
		history_add(&history, text);
	}
	assert_int_equal(history.count, HISTORY_LINES);
	assert_int_equal(history.gone, 10);
	assert_string_equal(history_line(&history, HISTORY_LINES), "line 10");
	assert_null(history_line(&history, HISTORY_LINES + 1));
	assert_null(history_line(&history, 0));
}

static void completing(void **state)
{
	(void)state;
	keys("e\t");
	assert_line("echo ", 5);
	keys("\x15"
	     "c\t"); /* cores, crash: nothing in common beyond c */
	assert_line("c", 1);
	keys("\t");
	assert_non_null(strstr(drawn, "cores  crash\n"));
	keys("\x15x\t");
	assert_line("x", 1);
	keys("\x15 cr\x01\x06\x06\x06\t");
	assert_line(" crash ", 7);
}

static void characters_of_several_bytes(void **state)
{
	(void)state;
	keys("a\xc3\xa4\xe2\x82\xac");
	assert_int_equal(edit.length, 6);
	assert_int_equal(column, 2 + 3);
	keys("\x02");
	assert_int_equal(edit.cursor, 3);
	keys("\x7f");
	assert_string_equal(edit.text, "a\xe2\x82\xac");
	keys("\x04");
	assert_string_equal(edit.text, "a");
}

/* The terminal of this test fails when a character goes beyond its last column. */
static void long_lines(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		keys("x");
	assert_int_equal(edit.length, 200);
	keys("\x01");
	assert_int_equal(column, 2);
	for (int i = 0; i < EDIT_BYTES; i++)
		keys("y");
	assert_int_equal(edit.length, EDIT_BYTES - 1);
	assert_int_equal(strlen(edit.text), EDIT_BYTES - 1);
	history_add(&history, edit.text);
	keys("\x10\x0e");
	assert_int_equal(edit.length, EDIT_BYTES - 1);
}

static void noise(void **state)
{
	uint32_t seed = 12345;
	(void)state;
	for (int i = 0; i < 200000; i++) {
		enum edit_result result;
		seed = seed * 1664525 + 1013904223;
		drawn_length = 0;
		result = edit_key(&edit, (unsigned char)(seed >> 24));
		assert_true(edit.cursor <= edit.length && edit.length < EDIT_BYTES);
		assert_int_equal(edit.text[edit.length], '\0');
		if (result == EDIT_LINE)
			history_add(&history, edit.text);
		if (result != EDIT_MORE)
			edit_begin(&edit, "> ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(typing, begin),
		cmocka_unit_test_setup(moving, begin),
		cmocka_unit_test_setup(moving_by_words, begin),
		cmocka_unit_test_setup(erasing, begin),
		cmocka_unit_test_setup(ending, begin),
		cmocka_unit_test_setup(looking_back, begin),
		cmocka_unit_test_setup(history_is_bounded, begin),
		cmocka_unit_test_setup(completing, begin),
		cmocka_unit_test_setup(characters_of_several_bytes, begin),
		cmocka_unit_test_setup(long_lines, begin),
		cmocka_unit_test_setup_teardown(noise, begin, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
