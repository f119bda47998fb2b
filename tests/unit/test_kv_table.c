/* needs: libos/fleet/kv_table.c libos/fleet/view.c */
/*
 * The table of a partitioned store: against a plain array, and the writes that it remembers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos/fleet/kv_table.h"
#include "libos/fleet/view.h"

#define KEYS 500

static uint64_t random_state = 88172645463325252;

static unsigned below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static struct kvp_entry *find(struct kvp_table *t, uint32_t key)
{
	return table_find(t, view_hash(&key, sizeof key), &key, sizeof key);
}

static void destroy(struct kvp_table *t)
{
	uint64_t count = t->entries;
	struct kvp_entry **all = table_all(t);

	for (uint64_t i = 0; i < count; i++)
		table_drop(t, all[i]);
	free(all);
	assert_int_equal(t->entries, 0);
	assert_int_equal(t->gone, 0);
	free(t->bucket);
}

/* Random writes, removals and drops; an array says what must be there. */
static void like_an_array(void **state)
{
	struct kvp_table t = { 0 };
	int32_t is[KEYS]; /* -2: no entry, -1: gone, else the value */
	uint64_t entries = 0, gone = 0;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		is[i] = -2;
	for (unsigned step = 0; step < 50000; step++) {
		uint32_t key = below(KEYS), what = below(8);
		struct kvp_entry *e = find(&t, key);

		assert_int_equal(e != NULL, is[key] != -2);
		if (e)
			assert_int_equal(e->gone, is[key] == -1);
		if (e && !e->gone)
			assert_memory_equal(e->value, &is[key], sizeof is[key]);
		if (what < 5) {
			e = table_make(&t, view_hash(&key, sizeof key), &key, sizeof key);
			is[key] = (int32_t)below(1000);
			assert_int_equal(entry_set(&t, e, &is[key], sizeof is[key], false), 0);
		} else if (what < 7 && e) {
			assert_int_equal(entry_set(&t, e, NULL, 0, true), 0);
			is[key] = -1;
		} else if (e) {
			table_drop(&t, e);
			is[key] = -2;
		}
	}
	for (unsigned i = 0; i < KEYS; i++) {
		entries += is[i] != -2;
		gone += is[i] == -1;
	}
	assert_int_equal(t.entries, entries);
	assert_int_equal(t.gone, gone);
	assert_in_range(t.buckets, 256, 1024);
	destroy(&t);
}

static void keys_are_any_bytes(void **state)
{
	struct kvp_table t = { 0 };
	struct kvp_entry *empty = table_make(&t, view_hash("", 0), "", 0);
	struct kvp_entry *one = table_make(&t, view_hash("a\0b", 3), "a\0b", 3);

	(void)state;
	assert_ptr_equal(table_find(&t, view_hash("", 0), "", 0), empty);
	assert_ptr_equal(table_find(&t, view_hash("a\0b", 3), "a\0b", 3), one);
	assert_null(table_find(&t, view_hash("a\0c", 3), "a\0c", 3));
	assert_null(table_find(&t, view_hash("a", 1), "a", 1));
	assert_int_equal(entry_set(&t, empty, "", 0, false), 0);
	assert_int_equal(empty->value_bytes, 0);
	assert_non_null(empty->value);
	destroy(&t);
}

static void remember(struct kvp_entry *e, uint64_t who, uint64_t which)
{
	assert_int_equal(entry_tag_room(e), 0);
	entry_remember(e, &(struct kvp_tag){ who, which, who * which });
}

static void writes_are_remembered(void **state)
{
	struct kvp_table t = { 0 };
	struct kvp_entry *e = table_make(&t, 1, "k", 1);

	(void)state;
	assert_null(entry_tag(e, 1, 1));
	for (uint64_t which = 1; which <= 10; which++)
		for (uint64_t who = 1; who <= 100; who++)
			remember(e, who, which);
	assert_int_equal(e->tags, 100 * KVP_TAGS_OF_ONE);
	for (uint64_t who = 1; who <= 100; who++) {
		for (uint64_t which = 1; which <= 10; which++)
			assert_int_equal(entry_tag(e, who, which) != NULL, which > 10 - KVP_TAGS_OF_ONE);
		assert_int_equal(entry_tag(e, who, 10)->note, who * 10);
	}
	remember(e, 7, 10); /* again: nothing changes */
	assert_int_equal(e->tags, 100 * KVP_TAGS_OF_ONE);
	remember(e, 0, 5); /* nobody's */
	assert_null(entry_tag(e, 0, 5));
	for (uint64_t who = 1000; who < 3000; who++) {
		remember(e, who, 1);
		assert_non_null(entry_tag(e, who, 1));
	}
	assert_int_equal(e->tags, KVP_TAGS);
	destroy(&t);
}

/* One that came to nothing: that in whose place it was remembered is known again. */
static void a_write_is_forgotten(void **state)
{
	struct kvp_table t = { 0 };
	struct kvp_entry *e = table_make(&t, 1, "k", 1);
	struct kvp_tag more = { 1, KVP_TAGS_OF_ONE + 1, 0 }, fresh = { 2, 1, 0 }, nobody = { 0 }, before;

	(void)state;
	for (uint64_t which = 1; which <= KVP_TAGS_OF_ONE; which++)
		remember(e, 1, which);
	assert_int_equal(entry_tag_room(e), 0);
	before = entry_remember(e, &more);
	assert_null(entry_tag(e, 1, 1));
	entry_forget(e, &more, &before);
	assert_null(entry_tag(e, 1, more.which));
	assert_int_equal(entry_tag(e, 1, 1)->note, 1);
	assert_int_equal(entry_tag_room(e), 0);
	before = entry_remember(e, &fresh);
	assert_int_equal(before.who, 0);
	entry_forget(e, &fresh, &before);
	assert_null(entry_tag(e, 2, 1));
	entry_forget(e, &nobody, &before);
	assert_int_equal(e->tags, KVP_TAGS_OF_ONE + 1);
	destroy(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_an_array),
		cmocka_unit_test(keys_are_any_bytes),
		cmocka_unit_test(writes_are_remembered),
		cmocka_unit_test(a_write_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
