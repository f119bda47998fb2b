/* needs: libos/posix/tty.c */
/* What a program reads from the terminal: lines, edited and echoed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "kernel/abi/error.h"
#include "libos/posix/console.h"
#include "libos/posix/tty.h"
#include "libos/thread/thread.h"

static const char *typed;
static char echo[1024];
static size_t echo_length;

/* --- what tty.c stands on --------------------------------------------------- */

void mutex_lock(struct mutex *m) { (void)m; }
void mutex_unlock(struct mutex *m) { (void)m; }
int errno_from(err_t err);
int errno_from(err_t err) { return (int)err; }

err_t console_read(char *to, size_t size, size_t *got)
{
	assert_true(size > 0);
	if (!*typed)
		return ERR_CLOSED;
	*to = *typed++;
	*got = 1;
	return 0;
}

err_t console_write(const char *text, size_t length)
{
	assert_true(echo_length + length < sizeof(echo));
	memcpy(echo + echo_length, text, length);
	echo_length += length;
	echo[echo_length] = '\0';
	return 0;
}

static void assert_reads(const char *keys, size_t bytes, const char *text)
{
	char got[600] = "";
	if (keys)
		typed = keys;
	assert_int_equal(tty_read(got, bytes), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static int begin(void **state)
{
	(void)state;
	echo_length = 0;
	echo[0] = '\0';
	return 0;
}

static void lines(void **state)
{
	(void)state;
	assert_reads("one\rtwo\n", 100, "one\n");
	assert_reads(NULL, 100, "two\n");
	assert_string_equal(echo, "one\ntwo\n");
	assert_reads("\r", 100, "\n");
}

static void a_line_in_several_reads(void **state)
{
	(void)state;
	assert_reads("abcdef\rnext\r", 4, "abcd");
	assert_reads(NULL, 2, "ef");
	assert_reads(NULL, 2, "\n");
	assert_reads(NULL, 100, "next\n");
}

static void erasing(void **state)
{
	(void)state;
	assert_reads("\x7f"
		     "abc\x7f\x08x\r",
		     100, "ax\n");
	assert_string_equal(echo, "abc\b \b\b \bx\n");
	assert_reads("abc\x15"
		     "d\r",
		     100, "d\n");
	assert_reads("a\xe2\x82\xac\x7f"
		     "b\r",
		     100, "ab\n");
	assert_reads("a\x01\x1b"
		     "b\tc\r",
		     100, "ab\tc\n");
}

static void end_of_input(void **state)
{
	(void)state;
	assert_reads("\x04", 100, "");
	assert_reads("part\x04\x04", 100, "part");
	assert_reads(NULL, 100, "");
	assert_reads("on\r", 100, "on\n");
}

static void long_line(void **state)
{
	static char keys[800];
	char got[600];
	(void)state;
	memset(keys, 'x', sizeof(keys) - 2);
	keys[sizeof(keys) - 2] = '\r';
	typed = keys;
	assert_int_equal(tty_read(got, sizeof(got)), 512);
	assert_int_equal(got[511], '\n');
}

static void console_gone(void **state)
{
	char got[8];
	(void)state;
	typed = "ab";
	errno = 0;
	assert_int_equal(tty_read(got, sizeof(got)), -1);
	assert_int_equal(errno, EIO);
	assert_reads("ok\r", 100, "ok\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines, begin),     cmocka_unit_test_setup(a_line_in_several_reads, begin),
		cmocka_unit_test_setup(erasing, begin),   cmocka_unit_test_setup(end_of_input, begin),
		cmocka_unit_test_setup(long_line, begin), cmocka_unit_test_setup(console_gone, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
