/* needs: services/name/table.c services/name/node.c services/name/policy.c */
/*
 * The table of names: any bytes, a hundred thousand of them against a model, fleets' policies,
 * listing while names come and go, copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "services/name/table.h"

static struct name_table table;

static int make(void **state)
{
	(void)state;
	return table_init(&table);
}

static int unmake(void **state)
{
	(void)state;
	table_destroy(&table);
	return 0;
}

static struct mailbox mailbox(coreid_t core, uint32_t number)
{
	return (struct mailbox){ .pid = (uint64_t)core << 32 | number, .service = number, .secret = 99 };
}

static void put(const char *path, coreid_t core, uint32_t number)
{
	struct mailbox m = mailbox(core, number);

	assert_int_equal(table_path_check(path), ERR_OK);
	assert_int_equal(table_room(&table, path), ERR_OK);
	table_put(&table, path, &m);
}

static void policy(const char *path, unsigned which)
{
	assert_int_equal(table_room(&table, path), ERR_OK);
	table_policy(&table, path, which);
}

/* The process number that the name gives, or 0. */
static uint32_t resolve(const char *path, coreid_t core)
{
	struct mailbox m;
	err_t err = table_resolve(&table, path, core, 0, &m);

	assert_true(!err || err == ERR_NOT_FOUND);
	return err ? 0 : m.service;
}

static void names_come_and_go(void **state)
{
	(void)state;
	put("/a", 0, 1);
	put("/a/b/c", 0, 2);
	put("//d///e//", 0, 3);
	assert_int_equal(resolve("/a", 0), 1);
	assert_int_equal(resolve("/a/", 0), 1);
	assert_int_equal(resolve("/a/b", 0), 0);
	assert_int_equal(resolve("/a/b/c", 0), 2);
	assert_int_equal(resolve("/d/e", 0), 3);
	assert_int_equal(resolve("/", 0), 0);
	put("/", 0, 4);
	assert_int_equal(resolve("/", 0), 0);
	assert_true(table_remove(&table, "/a"));
	assert_false(table_remove(&table, "/a"));
	assert_false(table_remove(&table, "/a/b"));
	assert_false(table_remove(&table, "/"));
	assert_int_equal(resolve("/a/b/c", 0), 2);
	assert_true(table_remove(&table, "/a/b/c"));
	assert_true(table_remove(&table, "/d/e"));
	assert_int_equal(table.nodes, 1);
	assert_int_equal(table.entries, 0);
}

static void paths_are_checked(void **state)
{
	char path[NAME_PATH + 8];

	(void)state;
	assert_int_equal(table_path_check("a"), ERR_ARGUMENT);
	assert_int_equal(table_path_check(""), ERR_ARGUMENT);
	assert_int_equal(table_path_check("/"), ERR_OK);
	assert_int_equal(table_path_check("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), ERR_OK);
	assert_int_equal(table_path_check("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), ERR_TOO_LONG);
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[NAME_COMPONENT + 1] = '\0';
	assert_int_equal(table_path_check(path), ERR_OK);
	path[NAME_COMPONENT + 1] = 'x';
	path[NAME_COMPONENT + 2] = '\0';
	assert_int_equal(table_path_check(path), ERR_TOO_LONG);
	memset(path, '/', sizeof path);
	path[NAME_PATH] = '\0';
	assert_int_equal(table_path_check(path), ERR_OK);
	path[NAME_PATH] = '/';
	path[NAME_PATH + 1] = '\0';
	assert_int_equal(table_path_check(path), ERR_TOO_LONG);
}

/* Every byte but NUL and the separator, in short components and long ones. */
static void components_have_any_bytes(void **state)
{
	(void)state;
	for (unsigned length = 1; length <= 40; length += 13) {
		for (unsigned b = 1; b < 256; b++) {
			char path[64] = "/";

			if (b == '/')
				continue;
			memset(path + 1, (int)b, length);
			path[1 + length] = '\0';
			put(path, 0, length * 256 + b);
		}
		for (unsigned b = 1; b < 256; b++) {
			char path[64] = "/";

			memset(path + 1, (int)b, length);
			path[1 + length] = '\0';
			if (b != '/')
				assert_int_equal(resolve(path, 0), length * 256 + b);
		}
	}
}

/* --- many, against a model ------------------------------------------------------------ */

#define NAMES 100000
static uint32_t model[NAMES]; /* process number; 0: not there */

static void path_of(unsigned i, char *path)
{
	switch (i % 3) {
	case 0:
		sprintf(path, "/n%u", i);
		break;
	case 1:
		sprintf(path, "/deep/%u/%u/%u", i % 10, i % 1000, i);
		break;
	default:
		sprintf(path, "/long/a component that does not lie in its node, number %u", i);
	}
}

static void count_removed(void *arg, const char *path)
{
	++*(unsigned *)arg;
	assert_int_equal(resolve(path, 0), 0);
}

static void hundred_thousand_names(void **state)
{
	unsigned left = 0, seed = 7, gone, told;
	char path[100];

	(void)state;
	memset(model, 0, sizeof model);
	for (unsigned i = 0; i < NAMES; i++) {
		path_of(i, path);
		put(path, 1, model[i] = 1 + i % 977);
	}
	assert_int_equal(table.entries, NAMES);
	for (unsigned step = 0; step < NAMES; step++) {
		unsigned i = (seed = seed * 1664525 + 1013904223) >> 8;

		i %= NAMES;
		path_of(i, path);
		assert_int_equal(resolve(path, 0), model[i]);
		if (model[i] && step % 2) {
			assert_true(table_remove(&table, path));
			model[i] = 0;
		} else if (!model[i]) {
			put(path, 1, model[i] = 1 + step % 977);
		}
	}
	gone = 0;
	for (unsigned i = 0; i < NAMES; i++)
		if (model[i] == 5) {
			model[i] = 0;
			gone++;
		}
	assert_true(gone > 10);
	told = 0;
	assert_int_equal(table_remove_process(&table, UINT64_C(1) << 32 | 5, count_removed, &told), gone);
	assert_int_equal(told, gone);
	for (unsigned i = 0; i < NAMES; i++) {
		path_of(i, path);
		assert_int_equal(resolve(path, 0), model[i]);
		left += model[i] != 0;
		if (model[i])
			assert_true(table_remove(&table, path));
	}
	assert_int_equal(table.nodes, 1);
	assert_int_equal(table.entries, 0);
	assert_true(left > NAMES / 4);
}

/* --- fleets ----------------------------------------------------------------------------- */

static void near_is_near(void **state)
{
	bool seen[3] = { false };

	(void)state;
	policy("/fleet/f", NAME_NEAR);
	assert_int_equal(resolve("/fleet/f", 0), 0);
	put("/fleet/f/0", 0, 1);
	put("/fleet/f/1", 8, 2);
	put("/fleet/f/2", 20, 3);
	put("/fleet/f/2/below", 11, 9);
	assert_int_equal(resolve("/fleet/f", 0), 1);
	assert_int_equal(resolve("/fleet/f", 7), 2);
	assert_int_equal(resolve("/fleet/f", 8), 2);
	assert_int_equal(resolve("/fleet/f", 13), 2);
	assert_int_equal(resolve("/fleet/f", 15), 3);
	assert_int_equal(resolve("/fleet/f", 1000), 3);
	put("/fleet/f/3", 20, 2);
	for (unsigned i = 0; i < 8; i++)
		seen[resolve("/fleet/f", 21) - 1] = true;
	assert_true(!seen[0] && seen[1] && seen[2]);
	assert_true(table_remove(&table, "/fleet/f/0"));
	assert_int_equal(resolve("/fleet/f", 0), 2);
}

static void another_than_the_avoided(void **state)
{
	struct mailbox m;

	(void)state;
	policy("/f", NAME_NEAR);
	put("/f/1", 1, 1);
	put("/f/2", 1, 2);
	put("/f/3", 9, 3);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(table_resolve(&table, "/f", 1, UINT64_C(1) << 32 | 2, &m), ERR_OK);
		assert_int_not_equal(m.service, 2);
	}
	table_remove(&table, "/f/1");
	table_remove(&table, "/f/3");
	assert_int_equal(table_resolve(&table, "/f", 1, UINT64_C(1) << 32 | 2, &m), ERR_OK);
	assert_int_equal(m.service, 2);
}

static void versions_say_what_changed(void **state)
{
	(void)state;
	table.version = 1;
	put("/a/b", 0, 1);
	table.version = 2;
	put("/a/c", 0, 2);
	table.version = 3;
	put("/d", 0, 3);
	assert_int_equal(table_changed(&table, "/a/b"), 1);
	assert_int_equal(table_changed(&table, "/a"), 2);
	assert_int_equal(table_changed(&table, "/"), 3);
	assert_int_equal(table_changed(&table, "/a/none/at/all"), 2);
	table.version = 4;
	table_remove(&table, "/a/b");
	assert_int_equal(table_changed(&table, "/a/b"), 4);
	assert_int_equal(table_changed(&table, "/a/c"), 2);
	assert_int_equal(table_changed(&table, "/d"), 3);
}

static void paths_have_a_normal_form(void **state)
{
	char out[NAME_PATH + 1];

	(void)state;
	table_path_normal("//a///b c//", out);
	assert_string_equal(out, "/a/b c");
	table_path_normal("///", out);
	assert_string_equal(out, "");
}

static void a_fleet_goes_with_its_last_member(void **state)
{
	(void)state;
	put("/fleet/f/0", 0, 1);
	put("/fleet/f/1", 0, 2);
	policy("/fleet/f", NAME_LEAST);
	assert_int_equal(table_remove_process(&table, 1, NULL, NULL), 1);
	assert_int_equal(resolve("/fleet/f", 0), 2);
	assert_int_equal(table_remove_process(&table, 2, NULL, NULL), 1);
	assert_int_equal(table.nodes, 1);
	policy("/fleet/f", NAME_NEAR);
	put("/fleet/f", 0, 3); /* it is a fleet's */
	assert_int_equal(resolve("/fleet/f", 0), 0);
	policy("/fleet/f", NAME_NO_POLICY);
	assert_int_equal(table.nodes, 1);
	put("/name", 0, 3);
	policy("/name", NAME_NEAR); /* it has a mailbox */
	assert_int_equal(resolve("/name", 0), 3);
}

static void tally(const char *path, unsigned count[4], unsigned times)
{
	memset(count, 0, 4 * sizeof *count);
	for (unsigned i = 0; i < times; i++)
		count[resolve(path, 0)]++;
}

static void loads_count(void **state)
{
	unsigned count[4];

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		char path[16];

		sprintf(path, "/f/%u", i);
		put(path, i, i);
		table_load(&table, table_find(&table, path), i < 3 ? 500 : 2000);
	}
	policy("/f", NAME_LEAST);
	tally("/f", count, 1000);
	assert_true(count[1] == 500 && count[2] == 500);
	table_load(&table, table_find(&table, "/f/3"), 10);
	tally("/f", count, 1000);
	assert_int_equal(count[3], 1000);
	policy("/f", NAME_WEIGHTED);
	tally("/f", count, 10000); /* 501, 501, 991 of 1,993 */
	assert_in_range(count[1], 2464, 2564);
	assert_in_range(count[2], 2464, 2564);
	assert_in_range(count[3], 4922, 5022);
	table_load(&table, table_find(&table, "/f/3"), 1000);
	tally("/f", count, 10000);
	assert_in_range(count[3], 1, 40);
}

/* --- listing, copying -------------------------------------------------------------------- */

static void listing_survives_changes(void **state)
{
	unsigned seen[100] = { 0 };
	struct name_entry e;
	uint64_t cursor = 0;
	char name[NAME_COMPONENT + 1], path[32];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		sprintf(path, "/l/%u", i);
		put(path, 0, i + 1);
	}
	for (unsigned step = 0; table_below(&table, table_find(&table, "/l"), &cursor, name, &e); step++) {
		unsigned i = (unsigned)atoi(name);

		assert_int_equal(e.mailbox.service, i + 1);
		assert_int_equal(e.length, strlen(name));
		seen[i]++;
		if (i % 3 == 0 || i == 50) { /* the one that the cursor stands at, too */
			sprintf(path, "/l/%u", i);
			table_remove(&table, path);
		}
		if (i == 10) { /* its node is used again */
			table_remove(&table, "/l/11");
			put("/l/99999", 0, 1);
			table_remove(&table, "/l/99999");
		}
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(seen[i], i != 11);
	assert_false(table_below(&table, table_find(&table, "/l/1"), &(uint64_t){ 0 }, name, &e));
}

static void a_copy_is_the_same(void **state)
{
	struct name_table copy;
	struct name_entry e;
	uint64_t serial, cursor = 0, same;
	uint32_t at = TABLE_ROOT;
	char path[NAME_PATH + 1], name[NAME_COMPONENT + 1], other[NAME_COMPONENT + 1];
	struct mailbox m;

	(void)state;
	assert_int_equal(table_init(&copy), ERR_OK);
	for (unsigned i = 0; i < 3000; i++) {
		path_of(i, path);
		put(path, 1, i + 1);
	}
	for (unsigned i = 0; i < 3000; i += 7) {
		path_of(i, path);
		table_remove(&table, path);
	}
	put("/x/1", 3, 9);
	policy("/x", NAME_LEAST);
	put("/n6", 1, 7);
	while (table_next(&table, &at, path, &serial, &e)) {
		assert_int_equal(table_room(&copy, path), ERR_OK);
		table_restore(&copy, path, serial, &e);
	}
	assert_int_equal(copy.nodes, table.nodes);
	assert_int_equal(copy.entries, table.entries);
	assert_true(copy.serial <= table.serial);
	for (unsigned i = 0; i < 3000; i++) {
		path_of(i, path);
		assert_int_equal(table_resolve(&copy, path, 0, 0, &m), resolve(path, 0) ? ERR_OK : ERR_NOT_FOUND);
	}
	assert_int_equal(table_resolve(&copy, "/x", 0, 0, &m), ERR_OK);
	while (table_below(&table, TABLE_ROOT, &cursor, name, &e)) {
		same = cursor;
		if (table_below(&copy, TABLE_ROOT, &same, other, &e)) {
			assert_true(table_below(&table, TABLE_ROOT, &cursor, name, &e));
			assert_string_equal(name, other);
		}
	}
	table_destroy(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_come_and_go, make, unmake),
		cmocka_unit_test_setup_teardown(paths_are_checked, make, unmake),
		cmocka_unit_test_setup_teardown(components_have_any_bytes, make, unmake),
		cmocka_unit_test_setup_teardown(hundred_thousand_names, make, unmake),
		cmocka_unit_test_setup_teardown(near_is_near, make, unmake),
		cmocka_unit_test_setup_teardown(a_fleet_goes_with_its_last_member, make, unmake),
		cmocka_unit_test_setup_teardown(another_than_the_avoided, make, unmake),
		cmocka_unit_test_setup_teardown(versions_say_what_changed, make, unmake),
		cmocka_unit_test(paths_have_a_normal_form),
		cmocka_unit_test_setup_teardown(loads_count, make, unmake),
		cmocka_unit_test_setup_teardown(listing_survives_changes, make, unmake),
		cmocka_unit_test_setup_teardown(a_copy_is_the_same, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
