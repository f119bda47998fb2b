/* needs: monitor/agree/places.c monitor/agree/tree.c */
/*
 * The order of cores and the splitting of groups.  Oracle: walking a tree from any core
 * asks every member of the group exactly once, and no part that is asked lies between others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/agree/tree.h"

static struct boot_info info;
static uint64_t set[SET_WORDS_MAX];
static unsigned asked[CORES_MAX];

/* Cores numbered as firmware may: those of a package next to each other, or dealt out round about. */
static void machine_make(unsigned nodes, unsigned packages, unsigned cores, bool dealt)
{
	unsigned all = nodes * packages * cores;

	memset(&info, 0, sizeof info);
	info.cores = all;
	for (unsigned i = 0; i < all; i++) {
		info.package[i] = (uint16_t)(dealt ? i % (nodes * packages) : i / cores);
		info.node[i] = (uint8_t)(info.package[i] / packages);
	}
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned j = 0; j < nodes; j++)
			info.distance[i][j] = (uint8_t)(10 + 10 * (i > j ? i - j : j - i));
	places_init(&info, 0);
}

static void set_all(void)
{
	memset(set, 0, sizeof set);
	for (unsigned i = 0; i < places; i++)
		set_add(set, i);
}

/* Follows all branches; returns the depth. */
static unsigned walk(unsigned self, unsigned lo, unsigned hi)
{
	struct branch branch[BRANCHES_MAX];
	unsigned count = tree_split(set, lo, hi, self, branch), depth = 0;

	asked[self]++;
	assert_true(count <= BRANCHES_MAX);
	for (unsigned i = 0; i < count; i++) {
		unsigned below;

		assert_true(set_has(set, branch[i].head));
		assert_true(lo <= branch[i].head && branch[i].head < branch[i].end && branch[i].end <= hi);
		assert_true(branch[i].end <= self || branch[i].head > self);
		assert_true(i == 0 || branch[i].head >= branch[i - 1].end);
		below = 1 + walk(branch[i].head, branch[i].head, branch[i].end);
		depth = below > depth ? below : depth;
	}
	return depth;
}

static unsigned walk_all(unsigned self)
{
	unsigned depth;

	memset(asked, 0, sizeof asked);
	depth = walk(self, 0, places);
	for (unsigned i = 0; i < places; i++)
		assert_int_equal(asked[i], set_has(set, i));
	return depth;
}

/* --- places ------------------------------------------------------------------------- */

static void places_are_in_order_of_topology(void **state)
{
	(void)state;
	machine_make(2, 2, 4, true);
	for (unsigned i = 0; i < places; i++) {
		assert_int_equal(core_place(place_core(i)), i);
		assert_int_equal(info.package[place_core(i)], i / 4);
	}
	assert_int_equal(core_place(16), places);
	assert_true(places_share(0, 3, LEVEL_PACKAGE));
	assert_false(places_share(3, 4, LEVEL_PACKAGE));
	assert_true(places_share(3, 4, LEVEL_NODE));
	assert_false(places_share(7, 8, LEVEL_NODE));
	assert_int_equal(places_distance(5, 5), 0);
	assert_int_equal(places_distance(5, 6), 1);
	assert_int_equal(places_distance(3, 4), 2);
	assert_int_equal(places_distance(0, 15), 20);
}

static void sets_are_walked_in_order(void **state)
{
	static const unsigned member[] = { 0, 63, 64, 127, 500, 1023 };
	unsigned n = 0;

	(void)state;
	machine_make(1, 64, 16, false);
	memset(set, 0, sizeof set);
	for (unsigned i = 0; i < 6; i++)
		set_add(set, member[i]);
	for (unsigned at = set_next(set, 0, places); at < places; at = set_next(set, at + 1, places))
		assert_int_equal(at, member[n++]);
	assert_int_equal(n, 6);
	assert_int_equal(set_count(set), 6);
	assert_int_equal(set_next(set, 65, 127), 127);
	assert_int_equal(set_next(set, 501, 600), 600);
	set_remove(set, 500);
	assert_int_equal(set_next(set, 128, places), 1023);
}

/* --- the tree ------------------------------------------------------------------------ */

static void four_packages_have_a_head_each(void **state)
{
	static const struct branch expected[] = { { 0, 4 }, { 4, 5 }, { 6, 7 }, { 7, 8 }, { 8, 12 }, { 12, 16 } };
	struct branch branch[BRANCHES_MAX];

	(void)state;
	machine_make(1, 4, 4, false);
	set_all();
	assert_int_equal(tree_split(set, 0, 16, 5, branch), 6);
	assert_memory_equal(branch, expected, sizeof expected);
	assert_int_equal(walk_all(5), 2);
}

static void every_member_is_asked_once(void **state)
{
	static const struct {
		unsigned nodes, packages, cores, depth;
	} machine[] = { { 1, 1, 1, 0 },  { 1, 1, 2, 1 },   { 1, 1, 16, 2 }, { 1, 4, 4, 2 },   { 2, 2, 4, 3 },
			{ 1, 16, 1, 2 }, { 1, 64, 16, 5 }, { 8, 8, 16, 6 }, { 1, 1, 1024, 5 } };

	(void)state;
	for (unsigned i = 0; i < sizeof machine / sizeof *machine; i++) {
		machine_make(machine[i].nodes, machine[i].packages, machine[i].cores, false);
		set_all();
		assert_int_equal(walk_all(0), machine[i].depth);
		assert_true(walk_all(places / 2) <= machine[i].depth);
		walk_all(places - 1);
	}
}

static void any_part_of_any_machine(void **state)
{
	(void)state;
	srand(4711);
	for (unsigned run = 0; run < 2000; run++) {
		unsigned self;

		machine_make(1 + (unsigned)rand() % 4, 1 + (unsigned)rand() % 6, 1 + (unsigned)rand() % 12, run & 1);
		memset(set, 0, sizeof set);
		for (unsigned i = 0; i < places; i++)
			if (rand() % 3)
				set_add(set, i);
		self = (unsigned)rand() % places;
		set_add(set, self);
		walk_all(self);
	}
}

static void the_farthest_is_first(void **state)
{
	struct branch branch[BRANCHES_MAX];
	uint8_t class[CORES_MAX] = { 0 };
	unsigned count;

	(void)state;
	machine_make(4, 2, 4, false);
	set_all();
	count = tree_split(set, 0, places, 9, branch);
	tree_farthest_first(branch, count, 9, class);
	for (unsigned i = 1; i < count; i++)
		assert_true(places_distance(9, branch[i - 1].head) >= places_distance(9, branch[i].head));
	assert_int_equal(branch[0].head, 24); /* node 3 */
}

static void what_was_measured_comes_first(void **state)
{
	struct branch branch[BRANCHES_MAX];
	uint8_t class[CORES_MAX] = { 0 };
	unsigned count;

	(void)state;
	machine_make(4, 2, 4, false);
	set_all();
	count = tree_split(set, 0, places, 9, branch);
	for (unsigned i = 0; i < count; i++)
		class[branch[i].head] = 40;
	class[0] = 44;
	tree_farthest_first(branch, count, 9, class);
	assert_int_equal(branch[0].head, 0);
	assert_int_equal(branch[1].head, 24); /* of equals the distance decides */
	class[16] = 0;                        /* not of all: the distance alone */
	tree_farthest_first(branch, count, 9, class);
	assert_int_equal(branch[0].head, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_in_order_of_topology), cmocka_unit_test(sets_are_walked_in_order),
		cmocka_unit_test(four_packages_have_a_head_each),  cmocka_unit_test(every_member_is_asked_once),
		cmocka_unit_test(any_part_of_any_machine),         cmocka_unit_test(the_farthest_is_first),
		cmocka_unit_test(what_was_measured_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
