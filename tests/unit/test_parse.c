/* needs: user/shell/parse.c */
/* A command line to words: quotes, backslashes, the background, and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/shell/parse.h"

static char text[1024];
static struct command_line line;

static const char *parse(const char *from)
{
	assert_true(strlen(from) < sizeof(text));
	strcpy(text, from);
	return parse_line(text, &line);
}

static void assert_words(const char *from, int count, const char *const *word)
{
	assert_null(parse(from));
	assert_int_equal(line.count, count);
	for (int i = 0; i < count; i++)
		assert_string_equal(line.word[i], word[i]);
	if (count)
		assert_null(line.word[count]);
}
#define WORDS(from, ...)                                                                   \
	do {                                                                               \
		const char *const expected[] = { __VA_ARGS__ };                            \
		assert_words(from, (int)(sizeof(expected) / sizeof(*expected)), expected); \
	} while (0)

static void plain(void **state)
{
	(void)state;
	WORDS("ps", "ps");
	WORDS("  run\t --core  3 hello ", "run", "--core", "3", "hello");
	assert_words("", 0, NULL);
	assert_words(" \t ", 0, NULL);
	assert_false(line.background);
}

static void quotes(void **state)
{
	(void)state;
	WORDS("echo 'a  b' \"c d\"", "echo", "a  b", "c d");
	WORDS("echo '' \"\"", "echo", "", "");
	WORDS("e'ch'o a\"b\"'c'd", "echo", "abcd");
	WORDS("echo 'a\"b\\' \"a'b\"", "echo", "a\"b\\", "a'b");
	WORDS("echo \"a\\\"b\" a\\ b \\'", "echo", "a\"b", "a b", "'");
	WORDS("echo a\\", "echo", "a\\");
	assert_non_null(parse("echo 'a"));
	assert_non_null(parse("echo \"a\\\""));
}

static void background(void **state)
{
	(void)state;
	WORDS("spin 3 &", "spin", "3");
	assert_true(line.background);
	WORDS("spin& ", "spin");
	assert_true(line.background);
	WORDS("spin & # for ever", "spin");
	WORDS("echo 'a&b' \\&", "echo", "a&b", "&");
	assert_false(line.background);
	assert_non_null(parse("&"));
	assert_non_null(parse("a & b"));
	assert_non_null(parse("a&b"));
}

static void comments(void **state)
{
	(void)state;
	assert_words("# nothing", 0, NULL);
	WORDS("echo a#b # c", "echo", "a#b");
}

static void many_words(void **state)
{
	char many[2 * PROCESS_ARGS_MAX + 3] = "";
	(void)state;
	for (int i = 0; i < PROCESS_ARGS_MAX; i++)
		strcat(many, "x ");
	assert_null(parse(many));
	assert_int_equal(line.count, PROCESS_ARGS_MAX);
	strcat(many, "x");
	assert_non_null(parse(many));
}

/* Whatever the line, the words lie within it. */
static void noise(void **state)
{
	static const char alphabet[] = "ab '\"\\&# \t";
	(void)state;
	srand(7);
	for (int i = 0; i < 100000; i++) {
		size_t n = (size_t)rand() % 24;
		char *own = malloc(n + 1);
		for (size_t k = 0; k < n; k++)
			own[k] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		own[n] = '\0';
		if (!parse_line(own, &line))
			for (int k = 0; k < line.count; k++)
				assert_true(line.word[k] >= own && line.word[k] + strlen(line.word[k]) <= own + n);
		free(own);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),    cmocka_unit_test(quotes),     cmocka_unit_test(background),
		cmocka_unit_test(comments), cmocka_unit_test(many_words), cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
