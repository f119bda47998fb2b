/* needs: libos/fleet/view.c libos/fleet/scale.c */
/*
 * Views, the choice of members for keys, and when a fleet grows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "libos/fleet/scale.h"
#include "libos/fleet/view.h"

static struct fleet_view view_of(uint32_t count)
{
	struct fleet_view v = { 0 };

	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(view_add(&v, &(struct fleet_member){ .number = i * 2, .state = FLEET_SERVING }), 0);
	return v;
}

static void members_are_in_order(void **state)
{
	static const uint32_t numbers[] = { 5, 1, 9, 3, 7 };
	struct fleet_view v = { 0 };

	(void)state;
	assert_null(view_coordinator(&v));
	assert_null(view_heir(&v, 3));
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(view_add(&v, &(struct fleet_member){ .number = numbers[i], .at.pid = i + 1 }), 0);
	assert_int_equal(view_add(&v, &(struct fleet_member){ .number = 5 }), ERR_EXISTS);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(v.member[i].number, 2 * i + 1);
	assert_int_equal(view_coordinator(&v)->number, 1);
	assert_int_equal(view_rank(&v, 7), 3);
	assert_int_equal(view_heir(&v, 3)->number, 5);
	assert_int_equal(view_heir(&v, 4)->number, 5); /* one that is gone already */
	assert_int_equal(view_heir(&v, 9)->number, 1);
	assert_int_equal(view_find_pid(&v, 3)->number, 9);
	assert_null(view_find_pid(&v, 6));
	assert_int_equal(view_remove(&v, 2), ERR_NOT_FOUND);
	assert_int_equal(view_remove(&v, 1), 0);
	assert_int_equal(view_coordinator(&v)->number, 3);
	assert_null(view_get(&v, 1));
	assert_int_equal(v.count, 4);
}

static void a_fleet_has_an_end(void **state)
{
	struct fleet_view v = view_of(FLEET_MEMBERS);

	(void)state;
	assert_int_equal(view_add(&v, &(struct fleet_member){ .number = 1 }), ERR_NO_MEMORY);
	assert_int_equal(v.count, FLEET_MEMBERS);
}

static void who_is_alone_has_no_heir(void **state)
{
	struct fleet_view v = view_of(1);

	(void)state;
	assert_null(view_heir(&v, 0));
	assert_int_equal(view_heir(&v, 8)->number, 0);
}

static void versions_grow(void **state)
{
	uint64_t v = view_next_version(0, 0);

	(void)state;
	assert_true(view_next_version(v, 0) == v + 1);
	for (unsigned i = 0; i < 1000; i++)
		v = view_next_version(v, 0);
	/* Whatever the dead one may have sent, its successor's are later. */
	assert_true(view_next_version(1, 3) > v);
}

static void load_is_of_those_that_serve(void **state)
{
	struct fleet_view v = view_of(4);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		v.member[i].load = 100 * (i + 1);
	assert_int_equal(view_load(&v), 250);
	v.member[3].state = FLEET_JOINING;
	assert_int_equal(view_load(&v), 200);
	assert_int_equal(view_count(&v, FLEET_SERVING), 3);
}

#define KEYS 20000

static void keys_are_spread(void **state)
{
	struct fleet_view v = view_of(8);
	unsigned has[16] = { 0 };

	(void)state;
	for (uint32_t key = 0; key < KEYS; key++) {
		const struct fleet_member *choice[2];

		assert_int_equal(view_choose(&v, view_hash(&key, sizeof key), choice, 2), 2);
		assert_ptr_not_equal(choice[0], choice[1]);
		has[choice[0]->number]++;
	}
	for (unsigned i = 0; i < 8; i++)
		assert_in_range(has[2 * i], KEYS / 8 * 9 / 10, KEYS / 8 * 11 / 10);
}

/* What is left of `before` when number `gone` goes: the others move up. */
static void check_less(const struct fleet_member **before, const struct fleet_member **then, unsigned count,
		       uint32_t gone)
{
	unsigned at = 0;

	for (unsigned i = 0; i < count; i++)
		if (before[i]->number != gone)
			assert_int_equal(then[at++]->number, before[i]->number);
}

/* ... of `then` without the newcomer: as before. */
static void check_more(const struct fleet_member **before, const struct fleet_member **then, unsigned count,
		       uint32_t came)
{
	unsigned at = 0;

	for (unsigned i = 0; i < count; i++)
		if (then[i]->number != came)
			assert_int_equal(then[i]->number, before[at++]->number);
}

/* Of each key: when a choice goes the others move up; when another goes nothing moves; a newcomer takes its share. */
static void keys_stay(void **state)
{
	enum { CHOICES = FLEET_MIRRORS + 1 };
	struct fleet_view v = view_of(8), less = v, more = v;
	unsigned taken = 0;

	(void)state;
	view_remove(&less, 6);
	view_add(&more, &(struct fleet_member){ .number = 20 });
	for (uint32_t key = 0; key < KEYS; key++) {
		const struct fleet_member *before[CHOICES], *then[CHOICES];
		uint64_t hash = view_hash(&key, sizeof key);

		assert_int_equal(view_choose(&v, hash, before, CHOICES), CHOICES);
		assert_int_equal(view_choose(&less, hash, then, CHOICES), CHOICES);
		check_less(before, then, CHOICES, 6);
		assert_int_equal(view_choose(&more, hash, then, CHOICES), CHOICES);
		check_more(before, then, CHOICES, 20);
		taken += then[0]->number == 20;
		/* Fewer are the first of more. */
		assert_int_equal(view_choose(&v, hash, then, 2), 2);
		assert_true(then[0]->number == before[0]->number && then[1]->number == before[1]->number);
	}
	assert_in_range(taken, KEYS / 9 * 9 / 10, KEYS / 9 * 11 / 10);
}

static void who_leaves_is_not_chosen(void **state)
{
	const struct fleet_member *choice[2];
	struct fleet_view v = view_of(2);

	(void)state;
	v.member[1].state = FLEET_LEAVING;
	assert_int_equal(view_choose(&v, 77, choice, 2), 1);
	assert_int_equal(choice[0]->number, 0);
	v.member[0].state = FLEET_LEAVING;
	assert_int_equal(view_choose(&v, 77, choice, 2), 0);
}

/* --- growth ---------------------------------------------------------------------------------- */

static const struct fleet_policy policy = { .least = 1, .most = 4, .high = 700, .low = 200, .rise = 100, .fall = 500 };

static void it_grows_when_the_load_lasts(void **state)
{
	struct fleet_scale s = { 0 };

	(void)state;
	assert_int_equal(scale_step(&s, &policy, 2, 800, 1000, 1), FLEET_STAY);
	assert_int_equal(scale_step(&s, &policy, 2, 800, 1099, 1), FLEET_STAY);
	assert_int_equal(scale_step(&s, &policy, 2, 800, 1100, 1), FLEET_GROW);
	assert_int_equal(scale_step(&s, &policy, 3, 800, 1101, 1), FLEET_STAY); /* times begin anew */
	assert_int_equal(scale_step(&s, &policy, 3, 600, 1150, 1), FLEET_STAY); /* a break */
	assert_int_equal(scale_step(&s, &policy, 3, 800, 1201, 1), FLEET_STAY);
	assert_int_equal(scale_step(&s, &policy, 3, 800, 1301, 1), FLEET_GROW);
	for (uint64_t t = 2000; t < 3000; t += 10)
		assert_int_equal(scale_step(&s, &policy, 4, 1000, t, 1), FLEET_STAY); /* the most */
}

static void it_shrinks_when_the_others_can_carry_it(void **state)
{
	struct fleet_scale s = { 0 };

	(void)state;
	assert_int_equal(scale_step(&s, &policy, 3, 100, 1000, 1), FLEET_STAY);
	assert_int_equal(scale_step(&s, &policy, 3, 100, 1499, 1), FLEET_STAY);
	assert_int_equal(scale_step(&s, &policy, 3, 100, 1500, 1), FLEET_SHRINK);
	for (uint64_t t = 2000; t < 4000; t += 10)
		assert_int_equal(scale_step(&s, &policy, 1, 0, t, 1), FLEET_STAY); /* the least */
	/* Two at 240 are one at 480, too near to the upper threshold. */
	const struct fleet_policy narrow = { .least = 1, .most = 4, .high = 500, .low = 250, .fall = 10 };
	for (uint64_t t = 5000; t < 6000; t += 10)
		assert_int_equal(scale_step(&s, &narrow, 2, 240, t, 1), FLEET_STAY);
}

static void it_never_swings(void **state)
{
	/* Whatever a constant amount of work is, the size comes to rest. */
	(void)state;
	for (unsigned work = 0; work < 5000; work += 7) {
		struct fleet_scale s = { 0 };
		unsigned members = 2, changes = 0;

		for (uint64_t t = 1; t < 20000; t += 10) {
			unsigned load = work / members > 1000 ? 1000 : work / members;
			enum fleet_step step = scale_step(&s, &policy, members, load, t, 1);

			changes += step != FLEET_STAY;
			members += step == FLEET_GROW ? 1 : step == FLEET_SHRINK ? -1 : 0;
		}
		assert_in_range(members, 1, 4);
		assert_true(changes <= 3);
	}
}

static void policies_are_put_right(void **state)
{
	struct fleet_policy p = { .least = 9, .most = 3, .high = 100, .low = 300 };

	(void)state;
	scale_policy(&p, &policy);
	assert_int_equal(p.most, 3);
	assert_int_equal(p.least, 3);
	assert_int_equal(p.low, 50);
	assert_int_equal(p.rise, 100);
	p = (struct fleet_policy){ .most = 100000 };
	scale_policy(&p, &policy);
	assert_int_equal(p.most, FLEET_MEMBERS);
	assert_int_equal(p.least, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_in_order),
		cmocka_unit_test(a_fleet_has_an_end),
		cmocka_unit_test(who_is_alone_has_no_heir),
		cmocka_unit_test(versions_grow),
		cmocka_unit_test(load_is_of_those_that_serve),
		cmocka_unit_test(keys_are_spread),
		cmocka_unit_test(keys_stay),
		cmocka_unit_test(who_leaves_is_not_chosen),
		cmocka_unit_test(it_grows_when_the_load_lasts),
		cmocka_unit_test(it_shrinks_when_the_others_can_carry_it),
		cmocka_unit_test(it_never_swings),
		cmocka_unit_test(policies_are_put_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
