/*
 * The buddy allocator under random use, against a map of what is taken.
 *
 * Oracle: blocks are aligned, inside what was added and disjoint; free_bytes is
 * what is left; when all is given back, the largest block can be had again.
 */
/* needs: libos/core/buddy.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/core/buddy.h"

#define UNIT 64
#define BASE UINT64_C(0x40000000)
#define TOTAL_BITS 20
#define UNITS (1u << (TOTAL_BITS - 6))
#define NODES 20000
#define LIVE_MAX 512
#define STEPS 20000

static struct buddy_node nodes[NODES];
static uint8_t taken[UNITS];

struct block {
	uint64_t base, tag;
	unsigned bits;
};

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void fresh(struct buddy *b, unsigned count)
{
	memset(taken, 0, sizeof(taken));
	buddy_init(b);
	buddy_feed(b, nodes, count);
}

static void mark(const struct block *x, uint8_t from, uint8_t to)
{
	uint64_t first = (x->base - BASE) / UNIT, n = SIZE_OF_BITS(x->bits) / UNIT;

	assert_true(x->base >= BASE && first + n <= UNITS);
	assert_int_equal(x->base & (SIZE_OF_BITS(x->bits) - 1), 0);
	for (uint64_t i = first; i < first + n; i++) {
		assert_int_equal(taken[i], from);
		taken[i] = to;
	}
}

static void test_random(void **state)
{
	static struct block live[LIVE_MAX];
	unsigned count = 0;
	uint64_t held = 0;
	struct buddy b;

	(void)state;
	fresh(&b, NODES);
	assert_true(buddy_add(&b, BASE, SIZE_OF_BITS(TOTAL_BITS), 7));
	for (unsigned step = 0; step < STEPS; step++) {
		struct block *x = &live[count];

		if (count < LIVE_MAX && random_next() % 5 < 3) {
			x->bits = 6 + (unsigned)(random_next() % 9);
			if (!buddy_alloc(&b, x->bits, &x->base, &x->tag))
				continue;
			assert_int_equal(x->tag, 7);
			mark(x, 0, 1);
			held += SIZE_OF_BITS(x->bits);
			count++;
		} else if (count) {
			unsigned i = (unsigned)(random_next() % count);

			mark(&live[i], 1, 0);
			assert_true(buddy_release(&b, live[i].base, live[i].bits, live[i].tag));
			held -= SIZE_OF_BITS(live[i].bits);
			live[i] = live[--count];
		}
		assert_int_equal(b.free_bytes, SIZE_OF_BITS(TOTAL_BITS) - held);
	}
	while (count--)
		assert_true(buddy_release(&b, live[count].base, live[count].bits, 7));
	assert_true(buddy_alloc(&b, TOTAL_BITS, &live[0].base, &live[0].tag));
	assert_int_equal(live[0].base, BASE);
	assert_int_equal(b.pool_count, NODES);
}

static void test_range_that_is_no_block(void **state)
{
	struct buddy b;
	uint64_t base, tag;
	uint64_t start = BASE + 3 * 4096, bytes = 0x57000 + 64, sum = 0;

	(void)state;
	fresh(&b, NODES);
	assert_true(buddy_add(&b, start, bytes, 1));
	assert_int_equal(b.free_bytes, bytes);
	while (buddy_alloc(&b, 12, &base, &tag)) {
		assert_true(base >= start && base + 4096 <= start + bytes);
		sum += 4096;
	}
	assert_int_equal(sum, bytes - 64);
}

static void test_tags_stay_apart(void **state)
{
	struct buddy b;
	uint64_t base, tag;

	(void)state;
	fresh(&b, NODES);
	assert_true(buddy_add(&b, BASE, 4096, 1));
	assert_true(buddy_add(&b, BASE + 4096, 4096, 2));
	assert_false(buddy_alloc(&b, 13, &base, &tag));
	assert_true(buddy_alloc(&b, 12, &base, &tag));
	assert_true(buddy_alloc(&b, 12, &base, &tag));
	assert_false(buddy_alloc(&b, 6, &base, &tag));
}

static void test_few_nodes(void **state)
{
	struct buddy b;
	uint64_t base, tag;

	(void)state;
	fresh(&b, 4);
	assert_false(buddy_add(&b, BASE + 64, 4096, 0)); /* 7 pieces */
	assert_int_equal(b.free_bytes, 0);
	assert_true(buddy_add(&b, BASE, SIZE_OF_BITS(TOTAL_BITS), 0));
	assert_false(buddy_alloc(&b, 6, &base, &tag)); /* 14 halves to remember */
	assert_true(buddy_alloc(&b, TOTAL_BITS - 4, &base, &tag));
	assert_int_equal(b.free_bytes, SIZE_OF_BITS(TOTAL_BITS) - SIZE_OF_BITS(TOTAL_BITS - 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_range_that_is_no_block),
		cmocka_unit_test(test_tags_stay_apart),
		cmocka_unit_test(test_few_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
