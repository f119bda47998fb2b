/* needs: services/console/screen.c services/console/input.c */
/*
 * The console: lines of many clients onto one terminal, and who gets the keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "services/console/input.h"
#include "services/console/screen.h"

static char out[65536];
static size_t out_length;

static void emit(void *arg, const char *text, size_t length)
{
	assert_ptr_equal(arg, out);
	assert_true(out_length + length < sizeof(out));
	memcpy(out + out_length, text, length);
	out_length += length;
	out[out_length] = '\0';
}

static struct screen screen;
static struct line_buffer a, b;

static int begin(void **state)
{
	(void)state;
	screen_init(&screen, emit, out);
	a.length = b.length = 0;
	out_length = 0;
	out[0] = '\0';
	return 0;
}

static void write_text(struct line_buffer *from, const char *text)
{
	line_buffer_write(from, &screen, text, strlen(text));
}

static void assert_shown(const char *text)
{
	assert_string_equal(out, text);
	out_length = 0;
	out[0] = '\0';
}

static void whole_lines(void **state)
{
	(void)state;
	write_text(&a, "hel");
	write_text(&b, "good ");
	assert_shown("");
	write_text(&a, "lo\nwor");
	assert_shown("hello\r\n");
	write_text(&b, "bye\n\n");
	assert_shown("good bye\r\n\r\n");
	write_text(&a, "ld\n");
	assert_shown("world\r\n");
}

static void open_line_gives_way(void **state)
{
	(void)state;
	write_text(&a, "\r> ty");
	line_buffer_flush(&a, &screen);
	assert_shown("\r> ty");
	write_text(&b, "other\n");
	assert_shown("\r\x1b[Kother\r\n> ty");
	write_text(&a, "pe");
	line_buffer_flush(&a, &screen);
	screen_lines(&screen, NULL, "system\n", 7);
	assert_shown("pe\r\x1b[Ksystem\r\n> type");
	/* Its own end of line ends it. */
	write_text(&a, "\n");
	assert_shown("\r\n");
	write_text(&b, "more\n");
	assert_shown("more\r\n");
}

/* Only what was drawn since the last carriage return is put back. */
static void open_line_is_redrawn(void **state)
{
	(void)state;
	write_text(&a, "\r> x");
	line_buffer_flush(&a, &screen);
	write_text(&a, "\r> xy\x1b[K");
	line_buffer_flush(&a, &screen);
	out_length = 0;
	write_text(&b, "other\n");
	assert_shown("\r\x1b[Kother\r\n> xy\x1b[K");
}

static void second_open_line_ends_the_first(void **state)
{
	(void)state;
	write_text(&a, "A: ");
	line_buffer_flush(&a, &screen);
	write_text(&b, "B: ");
	line_buffer_flush(&b, &screen);
	assert_shown("A: \r\nB: ");
	write_text(&a, "end\n");
	assert_shown("\r\x1b[Kend\r\nB: ");
}

static void client_ends(void **state)
{
	(void)state;
	write_text(&a, "no newline");
	line_buffer_end(&a, &screen);
	assert_shown("no newline\r\n");
	line_buffer_end(&a, &screen);
	assert_shown("");
	write_text(&a, "shown ");
	line_buffer_flush(&a, &screen);
	write_text(&a, "rest");
	line_buffer_end(&a, &screen);
	assert_shown("shown rest\r\n");
	/* One that has nothing open leaves another's alone. */
	write_text(&b, "> ");
	line_buffer_flush(&b, &screen);
	line_buffer_end(&a, &screen);
	assert_shown("> ");
}

static void long_lines_are_broken(void **state)
{
	static char text[3 * LINE_BUFFER_BYTES];
	size_t newlines = 0, others = 0;
	(void)state;
	memset(text, 'x', sizeof(text));
	line_buffer_write(&a, &screen, text, sizeof(text));
	line_buffer_end(&a, &screen);
	for (size_t i = 0; i < out_length; i++) {
		newlines += out[i] == '\n';
		others += out[i] == 'x';
	}
	assert_int_equal(others, sizeof(text));
	assert_int_equal(newlines, 4);
}

static void long_open_line_is_not_put_back(void **state)
{
	static char text[SCREEN_OPEN + 100];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	write_text(&a, text);
	line_buffer_flush(&a, &screen);
	out_length = 0;
	write_text(&b, "other\n");
	assert_shown("\r\nother\r\n");
}

/* However the text is cut, the same lines come out. */
static void any_cut_gives_the_same(void **state)
{
	static const char text[] = "one\n\ntwo three\nfour\n";
	(void)state;
	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		line_buffer_write(&a, &screen, text, cut);
		line_buffer_write(&a, &screen, text + cut, sizeof(text) - 1 - cut);
		assert_shown("one\r\n\r\ntwo three\r\nfour\r\n");
	}
}

/* --- input -------------------------------------------------------------------- */

static struct input input;
static struct reader shell, program, other;

static int input_begin(void **state)
{
	(void)state;
	memset(&input, 0, sizeof(input));
	shell = (struct reader){ .pid = 1 };
	program = (struct reader){ .pid = 2 };
	other = (struct reader){ .pid = 3 };
	return 0;
}

static void type(const char *text)
{
	while (*text)
		assert_int_equal(input_put(&input, *text++, false), INPUT_KEPT);
}

/* The reader gets all that was typed, and it is `text`. */
static void assert_gets(struct reader *r, const char *text)
{
	char got[64];
	size_t n;
	assert_ptr_equal(input_ready(&input), r);
	n = input_peek(&input, got, sizeof(got));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
	input_take(&input, r, n);
	assert_null(input_ready(&input));
}

static void first_reader_holds(void **state)
{
	(void)state;
	type("ab");
	assert_null(input_ready(&input));
	input_read(&input, &shell);
	input_read(&input, &other);
	assert_gets(&shell, "ab");
	type("c");
	assert_null(input_ready(&input)); /* not the other's, which has asked */
	input_read(&input, &shell);
	assert_gets(&shell, "c");
	input_gone(&input, &shell);
	type("d");
	assert_gets(&other, "d");
	input_gone(&input, &other);
	assert_null(input_holder(&input));
}

static void lent(void **state)
{
	(void)state;
	input_read(&input, &shell);
	type("x");
	assert_gets(&shell, "x");
	input_lend(&input, &shell, program.pid, 0);
	type("y"); /* before the program asks */
	assert_null(input_ready(&input));
	input_read(&input, &other);
	input_read(&input, &program);
	assert_gets(&program, "y");
	input_lend(&input, &other, other.pid, 0); /* not its to lend */
	type("z");
	assert_null(input_ready(&input));
	input_gone(&input, &program);
	input_read(&input, &shell);
	assert_gets(&shell, "z");
}

static void taken_back(void **state)
{
	(void)state;
	input_read(&input, &shell);
	type("x");
	assert_gets(&shell, "x");
	input_lend(&input, &shell, program.pid, 0);
	input_read(&input, &program);
	input_read(&input, &shell);
	type("k");
	assert_gets(&shell, "k");
}

static void interrupts(void **state)
{
	(void)state;
	input_read(&input, &shell);
	type("\x03"); /* to the holder it is a key as any */
	assert_gets(&shell, "\x03");
	input_lend(&input, &shell, program.pid, 0);
	type("ahead");
	assert_int_equal(input_put(&input, INPUT_INTERRUPT, true), INPUT_INTERRUPTS);
	input_read(&input, &program);
	assert_null(input_ready(&input));
	assert_ptr_equal(input_holder(&input), &shell);
}

/* A line that was typed ahead goes to whoever asks after what comes before it has run. */
static void one_line_at_a_time(void **state)
{
	char got[16];
	(void)state;
	type("run\rfor it\r");
	input_read(&input, &shell);
	assert_int_equal(input_peek(&input, got, sizeof(got)), 4);
	assert_int_equal(input_peek(&input, got, 2), 2);
	input_take(&input, &shell, 4);
	assert_false(input_lend(&input, &shell, program.pid, 0));
	input_read(&input, &program);
	assert_gets(&program, "for it\r");
	input_read(&input, &shell);
	type("a\x03"
	     "b");
	input_take(&input, &shell, 1);
	assert_true(input_lend(&input, &shell, program.pid, 0));
	input_read(&input, &program);
	assert_null(input_ready(&input));
}

static void full(void **state)
{
	char got[INPUT_BYTES];
	(void)state;
	for (int i = 0; i < INPUT_BYTES; i++)
		assert_int_equal(input_put(&input, 'x', false), INPUT_KEPT);
	assert_false(input_room(&input));
	assert_int_equal(input_put(&input, 'y', false), INPUT_FULL);
	input_read(&input, &shell);
	assert_int_equal(input_peek(&input, got, 10), 10);
	input_take(&input, &shell, 10);
	assert_true(input_room(&input));
	assert_int_equal(input_put(&input, 'y', false), INPUT_KEPT);
	input_read(&input, &shell);
	assert_int_equal(input_peek(&input, got, sizeof(got)), INPUT_BYTES - 9);
	assert_int_equal(got[INPUT_BYTES - 10], 'y');
	/* While the input is lent the keys are looked at all the same, for the interrupt. */
	while (input_room(&input))
		input_put(&input, 'z', false);
	input_lend(&input, &shell, program.pid, 0);
	assert_true(input_room(&input));
	assert_int_equal(input_put(&input, INPUT_INTERRUPT, true), INPUT_INTERRUPTS);
}

/* The terminal of a session: the group in the foreground alone reads, until the holder takes the input back. */
static void of_a_session(void **state)
{
	(void)state;
	input_read(&input, &shell);
	input_lend(&input, &shell, program.pid, 20);
	program.group = 20;
	other.group = 30;
	assert_false(input_background(&input, 20, 30)); /* nobody has said what is in the foreground */
	assert_false(input_control(&input, 0, 30));
	assert_true(input_control(&input, 20, 30));
	assert_false(input_control(&input, 21, 21));
	assert_true(input_background(&input, 20, 20));
	assert_false(input_background(&input, 20, 30));
	assert_false(input_background(&input, 21, 21));
	input_read(&input, &program);
	input_read(&input, &other);
	type("o");
	assert_gets(&other, "o");
	assert_true(input_control(&input, 20, 0)); /* as it is */
	assert_true(input_background(&input, 20, 20));
	input_gone(&input, &program);
	assert_int_equal(input.session, 0);
	assert_true(input_control(&input, 21, 21));
	input_read(&input, &shell);
	assert_int_equal(input.session, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_lines, begin),
		cmocka_unit_test_setup(open_line_gives_way, begin),
		cmocka_unit_test_setup(open_line_is_redrawn, begin),
		cmocka_unit_test_setup(second_open_line_ends_the_first, begin),
		cmocka_unit_test_setup(client_ends, begin),
		cmocka_unit_test_setup(long_lines_are_broken, begin),
		cmocka_unit_test_setup(long_open_line_is_not_put_back, begin),
		cmocka_unit_test_setup(any_cut_gives_the_same, begin),
		cmocka_unit_test_setup(first_reader_holds, input_begin),
		cmocka_unit_test_setup(lent, input_begin),
		cmocka_unit_test_setup(taken_back, input_begin),
		cmocka_unit_test_setup(interrupts, input_begin),
		cmocka_unit_test_setup(one_line_at_a_time, input_begin),
		cmocka_unit_test_setup(full, input_begin),
		cmocka_unit_test_setup(of_a_session, input_begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
