/* Memory and text functions of libos/posix/string.c, against what the host's say or a plain loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Under other names: the host's own are in use around them. */
#define memmove tested_memmove
#define strcspn tested_strcspn
void *memmove(void *to, const void *from, size_t n);
size_t strcspn(const char *text, const char *stop);
#include "libos/posix/string.c"
#undef memmove
#undef strcspn

#define LONGEST 140
#define ROOM (3 * LONGEST)

static void fill(uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(i * 37 + (i >> 3) + 1);
}

/* Every length, from and to all distances that overlap or just do not. */
static void test_memmove(void **state)
{
	uint8_t ours[ROOM], theirs[ROOM];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++)
		for (size_t to = 0; to <= 2 * n; to++) {
			fill(ours, ROOM);
			fill(theirs, ROOM);
			assert_ptr_equal(tested_memmove(ours + to, ours + n, n), ours + to);
			memmove(theirs + to, theirs + n, n);
			assert_memory_equal(ours, theirs, ROOM);
		}
}

static void test_strcspn(void **state)
{
	(void)state;
	assert_int_equal(tested_strcspn("", ""), 0);
	assert_int_equal(tested_strcspn("abc", ""), 3);
	assert_int_equal(tested_strcspn("", "abc"), 0);
	assert_int_equal(tested_strcspn("hello, world", " ,"), 5);
	assert_int_equal(tested_strcspn("hello\xffworld\x80", "\x80\xff"), 5);
	assert_int_equal(tested_strcspn("hello\xffworld\x80", "\x80"), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memmove),
		cmocka_unit_test(test_strcspn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
