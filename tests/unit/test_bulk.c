/*
 * Bulk pools: two sides hand buffers to and fro; then a peer that lies.
 *
 * Oracle: at every moment each buffer has one owner, or none while its word is
 * under way; what was written on one side is read on the other; no word makes a
 * side take a buffer twice or see memory outside it.
 */
/* needs: libos/fabric/bulk.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/fabric/bulk.h"

#define BITS 12
#define COUNT 100
#define STEPS 200000

static char memory[COUNT << BITS];

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void test_bad_arguments(void **state)
{
	struct bulk_pool p;

	(void)state;
	assert_int_equal(bulk_init(&p, memory, 100, BITS, 0, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), 5, 0, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), 21, 0, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), 64, 0, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, COUNT + 1, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, 0, 2), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, UINT64_MAX, BITS, 0, 0), ERR_ARGUMENT);
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, COUNT, 0), ERR_OK);
}

static unsigned take_all(struct bulk_pool *p, struct bulk_buffer *b)
{
	unsigned n = 0;

	while (!bulk_alloc(p, &b[n])) {
		assert_int_equal(b[n].length, 1 << BITS);
		assert_true(b[n].data >= memory && b[n].data + b[n].length <= memory + sizeof(memory));
		n++;
	}
	return n;
}

static void test_split(void **state)
{
	static struct bulk_buffer b[COUNT + 1];
	static bool seen[COUNT];
	struct bulk_pool p[2];
	unsigned n;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(bulk_init(&p[side], memory, sizeof(memory), BITS, 70, side), ERR_OK);
		n = take_all(&p[side], b);
		assert_int_equal(n, side ? COUNT - 70 : 70);
		for (unsigned i = 0; i < n; i++) {
			assert_false(seen[b[i].index]);
			seen[b[i].index] = true;
		}
		for (unsigned i = 0; i < n; i++)
			bulk_free(&p[side], &b[i]);
		bulk_free(&p[side], &b[0]); /* twice does nothing */
		assert_int_equal(take_all(&p[side], b), n);
	}
}

/* Random hand-overs against a model of who owns what. */
static void test_hand_over(void **state)
{
	enum { FREE0, FREE1, USED0, USED1, SENT0, SENT1 } where[COUNT];
	static struct bulk_buffer buffer[COUNT];
	static uint64_t word[COUNT];
	struct bulk_pool p[2];

	(void)state;
	for (unsigned side = 0; side < 2; side++)
		assert_int_equal(bulk_init(&p[side], memory, sizeof(memory), BITS, 50, side), ERR_OK);
	for (unsigned i = 0; i < COUNT; i++)
		where[i] = i < 50 ? FREE0 : FREE1;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(random_next() % COUNT), side = where[i] & 1;
		struct bulk_buffer b;

		switch (where[i]) {
		case FREE0:
		case FREE1:
			assert_int_equal(bulk_alloc(&p[side], &b), ERR_OK);
			assert_int_equal(where[b.index], FREE0 + side);
			where[b.index] = USED0 + side;
			buffer[b.index] = b;
			break;
		case USED0:
		case USED1:
			if (random_next() % 4 == 0) {
				bulk_free(&p[side], &buffer[i]);
				where[i] = FREE0 + side;
				break;
			}
			buffer[i].offset = (uint32_t)(random_next() % (1 << BITS));
			buffer[i].length = (uint32_t)(random_next() % ((1u << BITS) - buffer[i].offset + 1));
			if (buffer[i].length)
				memory[(i << BITS) + buffer[i].offset] = (char)step;
			assert_int_equal(bulk_give(&p[side], &buffer[i], &word[i]), ERR_OK);
			assert_int_equal(bulk_give(&p[side], &buffer[i], &word[i]), ERR_ARGUMENT);
			where[i] = SENT0 + side;
			break;
		default: /* under way from `side` */
			assert_int_equal(bulk_take(&p[1 - side], word[i], &b), ERR_OK);
			assert_int_equal(bulk_take(&p[1 - side], word[i], &b), ERR_MESSAGE);
			bulk_take(&p[1 - side], word[i], &b);
			assert_int_equal(b.index, i);
			assert_int_equal(b.offset, buffer[i].offset);
			assert_int_equal(b.length, buffer[i].length);
			assert_ptr_equal(b.data, memory + (i << BITS) + b.offset);
			buffer[i] = b;
			where[i] = USED0 + (1 - side);
		}
	}
}

static void test_give_undo(void **state)
{
	struct bulk_buffer b, again;
	struct bulk_pool p;
	uint64_t word;

	(void)state;
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, COUNT, 0), ERR_OK);
	assert_int_equal(bulk_alloc(&p, &b), ERR_OK);
	b.length = 17;
	assert_int_equal(bulk_give(&p, &b, &word), ERR_OK);
	assert_int_equal(bulk_give_undo(&p, word, &again), ERR_OK);
	assert_int_equal(again.index, b.index);
	assert_int_equal(bulk_give_undo(&p, word, &again), ERR_ARGUMENT);
}

static void test_give_wrong(void **state)
{
	struct bulk_buffer b, c;
	struct bulk_pool p;
	uint64_t word = 42;

	(void)state;
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, COUNT / 2, 0), ERR_OK);
	assert_int_equal(bulk_alloc(&p, &b), ERR_OK);
	c = b;
	c.length = (1 << BITS) + 1;
	assert_int_equal(bulk_give(&p, &c, &word), ERR_ARGUMENT);
	c = b;
	c.offset = UINT32_MAX;
	assert_int_equal(bulk_give(&p, &c, &word), ERR_ARGUMENT);
	c = b;
	c.index = COUNT - 1; /* the peer's */
	assert_int_equal(bulk_give(&p, &c, &word), ERR_ARGUMENT);
	c.index = UINT32_MAX;
	assert_int_equal(bulk_give(&p, &c, &word), ERR_ARGUMENT);
	assert_int_equal(word, 42);
}

/* Any word: refused, or a buffer that was the peer's, and a part inside it. */
static void test_hostile_words(void **state)
{
	struct bulk_pool p;
	unsigned taken = 0;

	(void)state;
	assert_int_equal(bulk_init(&p, memory, sizeof(memory), BITS, 0, 0), ERR_OK);
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t word = random_next();
		struct bulk_buffer b;

		if (i % 2)
			word = (word % (2 * COUNT)) | (random_next() % (1 << (BITS + 1))) << 16 |
			       (random_next() % (1 << (BITS + 1))) << 40;
		if (bulk_take(&p, word, &b) != ERR_OK)
			continue;
		taken++;
		assert_true(b.index < COUNT);
		assert_true(b.data >= memory + ((uint64_t)b.index << BITS));
		assert_true(b.data + b.length <= memory + ((uint64_t)(b.index + 1) << BITS));
	}
	assert_int_equal(taken, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_split),
		cmocka_unit_test(test_hand_over),     cmocka_unit_test(test_give_undo),
		cmocka_unit_test(test_give_wrong),    cmocka_unit_test(test_hostile_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
