/* needs: libos/posix/tty.c */
/* What a program reads from the terminal: lines, edited and echoed, or keys as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include "kernel/abi/error.h"
#include "libos/posix/background.h"
#include "libos/posix/console.h"
#include "libos/posix/tty.h"
#include "libos/thread/thread.h"
#include "services/console/proto.h"

#include "libos/include/sys/termios.h"

static const char *typed;
static char echo[2048];
static size_t echo_length;

/* --- what tty.c stands on --------------------------------------------------- */

void mutex_lock(struct mutex *m) { (void)m; }
void mutex_unlock(struct mutex *m) { (void)m; }
int errno_from(err_t err);
int errno_from(err_t err) { return (int)err; }

static const struct console_state modes = { .iflag = TTY_IFLAG, .lflag = TTY_LFLAG, .key = TTY_KEYS };
static struct console_state state;
static err_t at_end;    /* when nothing is typed any more */
static unsigned waited; /* tenths of a second, that were asked for last */

err_t console_state_get(struct console_state *out)
{
	*out = state;
	out->waiting = (uint16_t)strlen(typed);
	return 0;
}

static int background_answer;
static unsigned background_asked;

/* The group has gone on in the foreground, unless the answer is an error. */
int background_told(int signal)
{
	assert_int_equal(signal, SIGTTIN);
	background_asked++;
	if (!background_answer)
		state.place = CONSOLE_CONTROLS;
	return background_answer;
}

err_t console_keys(char *to, size_t size, size_t *got, bool now, unsigned tenths)
{
	assert_true(size > 0);
	waited = tenths;
	if (!*typed)
		return now ? ERR_AGAIN : at_end;
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
	assert_int_equal(tty_read(got, bytes, false), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static int begin(void **unused)
{
	(void)unused;
	echo_length = 0;
	echo[0] = '\0';
	state = modes;
	at_end = ERR_CLOSED;
	return 0;
}

static void lines(void **unused)
{
	(void)unused;
	assert_reads("one\rtwo\n", 100, "one\n");
	assert_reads(NULL, 100, "two\n");
	assert_string_equal(echo, "one\ntwo\n");
	assert_reads("\r", 100, "\n");
}

static void a_line_in_several_reads(void **unused)
{
	(void)unused;
	assert_reads("abcdef\rnext\r", 4, "abcd");
	assert_reads(NULL, 2, "ef");
	assert_reads(NULL, 2, "\n");
	assert_reads(NULL, 100, "next\n");
}

static void erasing(void **unused)
{
	(void)unused;
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
	echo_length = 0;
	assert_reads("a\x01\x1b"
		     "b\tc\x7f\x7f\x7f\x7f\r",
		     100, "a\x01\n");
	assert_string_equal(echo, "a^A^[b\tc\b \b\b \b\b \b\b\b  \b\b\n");
	assert_reads("one two \x17"
		     "three\r",
		     100, "one three\n");
	assert_reads("a\x16\x7f\x16\r"
		     "b\r",
		     100,
		     "a\x7f\r"
		     "b\n");
}

static void without_waiting(void **unused)
{
	char got[10];

	(void)unused;
	typed = "hal";
	assert_false(tty_ready());
	assert_int_equal(tty_read(got, sizeof(got), true), -1);
	assert_int_equal(errno, EAGAIN);
	at_end = ERR_TIMEOUT;
	assert_int_equal(tty_read(got, sizeof(got), false), -1);
	assert_int_equal(errno, EINTR);
	typed = "f\rrest\r";
	assert_true(tty_ready());
	assert_reads(NULL, 10, "half\n");
	assert_reads(NULL, 10, "rest\n");
}

/* VMIN, VTIME: the four cases of POSIX. */
static void keys_as_they_come(void **unused)
{
	char got[10];

	(void)unused;
	state.lflag &= ~(unsigned)(ICANON | ECHO);
	assert_reads("\x04\x7f", 1, "\x04");
	assert_reads(NULL, 10, "\x7f");
	state.key[VMIN] = 3;
	assert_reads("a\rcd", 10, "a\nc");
	assert_reads(NULL, 1, "d");
	assert_false(tty_ready());
	state.key[VMIN] = 0;
	assert_int_equal(tty_read(got, 10, false), 0);
	state.key[VTIME] = 5;
	at_end = ERR_AGAIN;
	assert_int_equal(tty_read(got, 10, false), 0);
	assert_int_equal(waited, 5);
	assert_string_equal(echo, "");
	state.iflag = 0;
	assert_reads("\r", 10, "\r");
}

static void end_of_input(void **unused)
{
	(void)unused;
	assert_reads("\x04", 100, "");
	assert_reads("part\x04\x04", 100, "part");
	assert_reads(NULL, 100, "");
	assert_reads("on\r", 100, "on\n");
}

static void long_line(void **unused)
{
	static char keys[1600];
	char got[1200];
	(void)unused;
	memset(keys, 'x', sizeof(keys) - 2);
	keys[sizeof(keys) - 2] = '\r';
	typed = keys;
	assert_int_equal(tty_read(got, sizeof(got), false), 1024);
	assert_int_equal(got[1023], '\n');
}

static void console_gone(void **unused)
{
	char got[8];
	(void)unused;
	typed = "ab";
	errno = 0;
	assert_int_equal(tty_read(got, sizeof(got), false), -1);
	assert_int_equal(errno, EIO);
	assert_reads("ok\r", 100, "ok\n");
}

static void background(void **unused)
{
	char got[8];
	(void)unused;
	background_asked = 0;
	state.place = CONSOLE_CONTROLS | CONSOLE_BACKGROUND;
	background_answer = EIO;
	typed = "ab\r";
	errno = 0;
	assert_int_equal(tty_read(got, sizeof(got), false), -1);
	assert_int_equal(errno, EIO);
	assert_string_equal(typed, "ab\r");
	background_answer = 0;
	assert_reads(NULL, 100, "ab\n");
	assert_int_equal(background_asked, 2);
	assert_reads("c\r", 100, "c\n");
	assert_int_equal(background_asked, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines, begin),           cmocka_unit_test_setup(a_line_in_several_reads, begin),
		cmocka_unit_test_setup(erasing, begin),         cmocka_unit_test_setup(end_of_input, begin),
		cmocka_unit_test_setup(long_line, begin),       cmocka_unit_test_setup(console_gone, begin),
		cmocka_unit_test_setup(without_waiting, begin), cmocka_unit_test_setup(keys_as_they_come, begin),
		cmocka_unit_test_setup(background, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
