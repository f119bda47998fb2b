/* needs: user/shell/suggest.c */
/* How near two words are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "user/shell/suggest.h"

static void distances(void **state)
{
	(void)state;
	assert_int_equal(suggest_distance("", ""), 0);
	assert_int_equal(suggest_distance("cores", "cores"), 0);
	assert_int_equal(suggest_distance("", "ps"), 2);
	assert_int_equal(suggest_distance("ps", ""), 2);
	assert_int_equal(suggest_distance("core", "cores"), 1);
	assert_int_equal(suggest_distance("coers", "cores"), 1); /* two neighbours exchanged */
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("ca", "abc"), 3); /* no piece is changed twice */
}

static void symmetric(void **state)
{
	static const char *const word[] = { "help", "hlep", "history", "reboot", "poweroff", "a", "" };
	(void)state;
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++)
			assert_int_equal(suggest_distance(word[i], word[j]), suggest_distance(word[j], word[i]));
}

static void long_words(void **state)
{
	char word[SUGGEST_LENGTH + 2];
	(void)state;
	memset(word, 'x', sizeof(word));
	word[SUGGEST_LENGTH] = '\0';
	assert_int_equal(suggest_distance(word, ""), SUGGEST_LENGTH);
	word[SUGGEST_LENGTH] = 'x';
	word[SUGGEST_LENGTH + 1] = '\0';
	assert_int_equal(suggest_distance(word, word), SUGGEST_LENGTH + 1);
}

static void near(void **state)
{
	(void)state;
	assert_true(suggest_near("hlep", "help"));
	assert_true(suggest_near("corse", "cores"));
	assert_true(suggest_near("pwoeroff", "poweroff"));
	assert_true(suggest_near("pow", "poweroff"));
	assert_true(suggest_near("s", "ps"));
	assert_false(suggest_near("xyzzy", "cores"));
	assert_false(suggest_near("bench", "kill"));
	assert_false(suggest_near("ls", "history"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(symmetric),
		cmocka_unit_test(long_words),
		cmocka_unit_test(near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
