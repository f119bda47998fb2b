/*
 * The CPU driver's formatting against the C library's, and its limits.
 */
/* needs: kernel/x86/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/x86/format.h"

static char ours[256];

static size_t __attribute__((format(printf, 2, 3))) format(size_t room, const char *text, ...)
{
	va_list args;
	size_t n;

	memset(ours, '~', sizeof ours);
	va_start(args, text);
	n = format_text(ours, room, text, args);
	va_end(args);
	return n;
}

/* The same arguments to both. */
#define SAME(...)                                                      \
	do {                                                           \
		char theirs[256];                                      \
		int n = snprintf(theirs, sizeof theirs, __VA_ARGS__);  \
                                                                       \
		assert_int_equal(format(sizeof ours, __VA_ARGS__), n); \
		assert_string_equal(ours, theirs);                     \
	} while (0)

static void like_the_library(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%d %d %d", 0, -1, INT32_MIN);
	SAME("%ld %ld", INT64_MIN, INT64_MAX);
	SAME("%u %x %lu %lx", UINT32_MAX, 0xdeadbeefu, UINT64_MAX, UINT64_C(0x123456789abcdef));
	SAME("%016lx|%8u|%04x|%2d", UINT64_C(0xabc), 77u, 0x12345u, 5);
	SAME("%s %c 100%% %zu", "text", 'c', (size_t)9);
	SAME("%llu", 12345678901234567ull);
}

static void room_is_kept(void **state)
{
	(void)state;
	assert_int_equal(format(5, "%s", "abcdefgh"), 4);
	assert_string_equal(ours, "abcd");
	assert_int_equal(ours[5], '~');
	assert_int_equal(format(1, "%d", 12), 0);
	assert_int_equal(ours[0], '\0');
	assert_int_equal(format(0, "%d", 12), 0);
	assert_int_equal(ours[0], '~');
}

static void odd_formats(void **state)
{
	const char *cut = "end %", *unknown = "%q", *none = NULL;

	(void)state;
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-overflow"
	format(sizeof ours, cut);
	assert_string_equal(ours, "end ");
	format(sizeof ours, unknown);
	assert_string_equal(ours, "q");
	format(sizeof ours, "%s", none);
	assert_string_equal(ours, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_the_library),
		cmocka_unit_test(room_is_kept),
		cmocka_unit_test(odd_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
