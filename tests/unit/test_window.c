/* needs: services/console/window.c */
/* The window's size in between the keys of the serial line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "services/console/window.h"

static struct window_reader reader;
static uint16_t rows, columns;
static char keys[256];
static size_t key_count;
static unsigned told;

static int begin(void **state)
{
	(void)state;
	reader = (struct window_reader){ 0 };
	rows = columns = 0;
	key_count = told = 0;
	return 0;
}

static void take(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		enum window_event e = window_take(&reader, bytes[i], &rows, &columns);

		if (e == WINDOW_KEY)
			keys[key_count++] = bytes[i];
		told += e == WINDOW_TOLD;
	}
}

#define TAKE(text) take(text, sizeof(text) - 1)

static void assert_keys(const char *text)
{
	assert_int_equal(key_count, strlen(text));
	assert_memory_equal(keys, text, key_count);
	key_count = 0;
}

static void keys_alone(void **state)
{
	(void)state;
	TAKE("a\x03\x1b[A\xc3\xbf\x7f");
	assert_keys("a\x03\x1b[A\xc3\xbf\x7f");
	TAKE("\xff\xff");
	assert_keys("\xff");
	assert_int_equal(told, 0);
}

static void size_between(void **state)
{
	(void)state;
	TAKE("a\xff\xfa\x1f\0\x50\0\x18\xff\xf0z");
	assert_keys("az");
	assert_int_equal(told, 1);
	assert_int_equal(columns, 80);
	assert_int_equal(rows, 24);
	/* 255 columns: doubled. */
	TAKE("\xff\xfa\x1f\0\xff\xff\x01\x02\xff\xf0");
	assert_int_equal(told, 2);
	assert_int_equal(columns, 255);
	assert_int_equal(rows, 258);
}

static void nonsense(void **state)
{
	(void)state;
	TAKE("\xff\xfa\x1f\0\x50\0\xff\xf0");       /* too short */
	TAKE("\xff\xfa\x1f\0\x50\0\x18\0\xff\xf0"); /* too long */
	TAKE("\xff\xfa\x1f\0\x50\0\x18\xff\xf1");   /* another command ends it */
	TAKE("\xff\xfa\x18");                       /* another option */
	TAKE("\xff\xf4");
	assert_int_equal(told, 0);
	assert_keys("");
	TAKE("b");
	assert_keys("b");
}

/* Whatever comes, a whole size is understood afterwards, and no place is written to beyond the size's. */
static void anything(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 100000; i++) {
		char c = (char)(rand() % 4 ? rand() : 255 - rand() % 6);

		window_take(&reader, c, &rows, &columns);
		assert_true(reader.state <= WINDOW_SIZE_COMMAND);
	}
	told = 0;
	/* Ends whatever size was begun; the second may be taken for a key. */
	TAKE("xxxxx\xff\xf0xx");
	TAKE("\xff\xfa\x1f\0\x50\0\x19\xff\xf0");
	assert_int_equal(rows, 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys_alone, begin),
		cmocka_unit_test_setup(size_between, begin),
		cmocka_unit_test_setup(nonsense, begin),
		cmocka_unit_test_setup(anything, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
