/* needs: monitor/heirs.c */
/*
 * Whose memory is kept for whom, after random forks and ends.
 *
 * Oracle: a naive tree of processes. Memory may be gone only when nobody lives that was forked, over any
 * number of generations, from who it belonged to; and then it must be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/abi/error.h"
#include "monitor/heirs.h"

#define OK(e) assert_int_equal(e, ERR_OK)
#define MOST 400

/* Of all processes that there ever were; a record is used again only when its process is gone. */
static struct {
	int parent; /* -1: nobody's child */
	bool lives, kept, gone;
	struct process record;
} all[MOST];
static int count;

static int of_block(cptr_t block) { return (int)block - 1; }

void estate_release(struct estate *e)
{
	int i = of_block(e->block);

	assert_true(all[i].kept && !all[i].gone);
	all[i].gone = true;
}

static int born(int parent)
{
	all[count].parent = parent;
	all[count].lives = true;
	memset(&all[count].record, 0, sizeof all[count].record);
	if (parent >= 0)
		OK(heir_add(&all[parent].record, &all[count].record));
	return count++;
}

static void dies(int i)
{
	struct estate *e = heirs_leave(&all[i].record);

	all[i].lives = false;
	all[i].kept = e != NULL;
	if (e)
		e->block = (cptr_t)i + 1;
	else
		all[i].gone = true;
	heir_end(&all[i].record);
}

static bool descends(int child, int from)
{
	while (child >= 0 && child != from)
		child = all[child].parent;
	return child == from;
}

static bool needed(int i)
{
	for (int j = 0; j < count; j++)
		if (all[j].lives && descends(j, i))
			return true;
	return false;
}

static void check(void)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(all[i].gone, !needed(i));
}

static void begin(void)
{
	memset(all, 0, sizeof all);
	count = 0;
}

static int random_live(void)
{
	int tries = rand() % count, i = 0;

	for (;; i = (i + 1) % count)
		if (all[i].lives && tries-- <= 0)
			return i;
}

static int living(void)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n += all[i].lives;
	return n;
}

static void random_trees(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++) {
		srand(seed);
		begin();
		born(-1);
		while (living()) {
			if (count < MOST / 2 && rand() % 5 < 3)
				born(rand() % 10 ? random_live() : -1);
			else
				dies(random_live());
			check();
		}
	}
}

static void a_chain(void **state)
{
	int last;

	(void)state;
	begin();
	last = born(-1);
	for (int i = 0; i < 10; i++) {
		int next = born(last);

		dies(last);
		last = next;
	}
	for (int i = 0; i < last; i++)
		assert_false(all[i].gone);
	dies(last);
	check();
}

static void too_many(void **state)
{
	struct process parent[ESTATES_MAX + 1], child[ESTATES_MAX + 1];

	(void)state;
	memset(parent, 0, sizeof parent);
	memset(child, 0, sizeof child);
	for (int i = 0; i < ESTATES_MAX; i++)
		OK(heir_add(&parent[i], &child[i]));
	assert_int_equal(heir_add(&parent[ESTATES_MAX], &child[ESTATES_MAX]), ERR_HEIRS);
	assert_null(child[ESTATES_MAX].above);
	assert_int_equal(heirs_of(&parent[0]), 1);
	assert_int_equal(heir_add(&parent[1], &child[0]), ERR_DENIED);
	OK(heir_add(&parent[0], &child[0]));
	assert_int_equal(heirs_of(&parent[0]), 1);
	for (int i = 0; i < ESTATES_MAX; i++) {
		heir_end(&child[i]);
		assert_int_equal(heirs_of(&parent[i]), 0);
		assert_null(heirs_leave(&parent[i]));
	}
	OK(heir_add(&parent[ESTATES_MAX], &child[ESTATES_MAX]));
	heir_end(&child[ESTATES_MAX]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_trees), cmocka_unit_test(a_chain),
					    cmocka_unit_test(too_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
