/*
 * The derivation tree against a sorted array: random insertions, removals,
 * look-ups of neighbours and containers, by seed.
 */
/* needs: kernel/core/mdb.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/mdb.h"

#define NODES 600
#define STEPS 40000

static struct cap pool[NODES];
static struct cap *sorted[NODES];
static unsigned count;
static uint64_t seed;

static unsigned draw(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % limit;
}

static int order(const void *a, const void *b)
{
	const struct cap *x = *(struct cap *const *)a, *y = *(struct cap *const *)b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	if (x->bits != y->bits)
		return x->bits > y->bits ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* Height of the subtree, and that its balance is as its nodes say. */
static int height(const struct cap *c)
{
	int left, right;

	if (!c)
		return 0;
	left = height(c->child[0]);
	right = height(c->child[1]);
	assert_true(left - right <= 1 && right - left <= 1);
	assert_int_equal(c->flags & CAP_FLAGS_HEAVY, left > right   ? CAP_FLAG_HEAVY_LEFT
						     : left < right ? CAP_FLAG_HEAVY_RIGHT
								    : 0);
	for (unsigned side = 0; side < 2; side++)
		assert_true(!c->child[side] || c->child[side]->parent == c);
	return 1 + (left > right ? left : right);
}

static void check_all(void)
{
	struct cap *c = mdb_first(SPACE_MEMORY);

	height(mdb_root[SPACE_MEMORY]);
	for (unsigned i = 0; i < count; i++, c = mdb_next(c))
		assert_ptr_equal(c, sorted[i]);
	assert_null(c);
}

static void insert(struct cap *c)
{
	struct mdb_place p = mdb_seek(SPACE_MEMORY, c->base, c->bits, c->type);
	unsigned i = 0;

	mdb_insert(p.before, c);
	sorted[count++] = c;
	qsort(sorted, count, sizeof *sorted, order);
	while (sorted[i] != c)
		i++;
	assert_ptr_equal(p.before, i ? sorted[i - 1] : NULL);
	assert_ptr_equal(p.after, i + 1 < count ? sorted[i + 1] : NULL);
}

static void remove_at(unsigned i)
{
	struct cap *c = sorted[i];

	mdb_remove(c);
	memmove(sorted + i, sorted + i + 1, (--count - i) * sizeof *sorted);
	c->type = CAP_NULL;
	c->flags = 0;
}

/* The last in order of those that contain the block: it is the smallest. */
static struct cap *container(uint64_t base, unsigned bits, unsigned type)
{
	struct cap key = { .base = base, .bits = (uint8_t)bits, .type = (uint8_t)type }, *k = &key, *found = NULL;

	for (unsigned i = 0; i < count; i++)
		if (order(&sorted[i], &k) <= 0 && mdb_contains(sorted[i], base) && sorted[i]->bits >= bits)
			found = sorted[i];
	return found;
}

static void step(void)
{
	struct cap *c = &pool[draw(NODES)];
	unsigned bits = 6 + draw(12), type = draw(3) ? CAP_RAM : CAP_FRAME;
	uint64_t base = (uint64_t)draw(1 << 20) & -SIZE_OF_BITS(bits);
	struct mdb_place p = mdb_seek(SPACE_MEMORY, base, bits, type);

	assert_ptr_equal(mdb_container(SPACE_MEMORY, &p, base, bits), container(base, bits, type));
	if (c->type == CAP_NULL && !mdb_find(base, bits, type)) {
		*c = (struct cap){ .type = (uint8_t)type, .bits = (uint8_t)bits, .base = base };
		insert(c);
	} else if (count && draw(2)) {
		remove_at(draw(count));
	}
}

static void test_random(void **state)
{
	(void)state;
	for (seed = 1; seed < 4; seed++) {
		uint64_t keep = seed;

		for (unsigned i = 0; i < STEPS; i++) {
			step();
			if (i % 50 == 0)
				check_all();
		}
		while (count) {
			remove_at(draw(count));
			if (count % 20 == 0)
				check_all();
		}
		seed = keep;
	}
}

static void test_rising(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		pool[i] = (struct cap){ .type = CAP_FRAME, .bits = 12, .base = (uint64_t)i << 12 };
		mdb_insert(i ? &pool[i - 1] : NULL, &pool[i]);
		sorted[count++] = &pool[i];
	}
	check_all();
	assert_true(height(mdb_root[SPACE_MEMORY]) <= 11);
	while (count)
		remove_at(0);
	assert_null(mdb_root[SPACE_MEMORY]);
}

static void test_descendants(void **state)
{
	struct cap ram = { .type = CAP_RAM, .bits = 20, .base = 1 << 20 };
	struct cap frame = { .type = CAP_FRAME, .bits = 20, .base = 1 << 20 };
	struct cap next = { .type = CAP_RAM, .bits = 12, .base = 2 << 20 };

	(void)state;
	insert(&next);
	insert(&frame);
	insert(&ram);
	assert_ptr_equal(mdb_descendant(&ram), &frame);
	assert_null(mdb_descendant(&frame));
	while (count)
		remove_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rising),
		cmocka_unit_test(test_descendants),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
