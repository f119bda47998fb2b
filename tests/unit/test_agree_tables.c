/* needs: monitor/agree/places.c monitor/agree/round.c monitor/agree/group.c */
/*
 * The tables of agreement: rounds, what is remembered of them, groups and joining them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

#define LINES_MAX 16

struct monitor monitor;
uint16_t membership_heard[CORES_MAX];
uint64_t membership_out[SET_WORDS_MAX];

static struct boot_info info;
static struct mon_message sent[LINES_MAX];
static coreid_t sent_to[LINES_MAX];
static unsigned sent_count, changes, joins, corrections;

/* What the tables ask of the rest. */
err_t link_send(coreid_t peer, const struct mon_message *m)
{
	assert_true(sent_count < LINES_MAX);
	sent_to[sent_count] = peer;
	sent[sent_count++] = *m;
	return ERR_OK;
}
void engine_group_changed(uint64_t group)
{
	(void)group;
	changes++;
}
void membership_joined(coreid_t core)
{
	(void)core;
	joins++;
}
void membership_exclude_others(const uint64_t *members) { corrections += set_has(members, 0); }

static void machine_make(unsigned cores, coreid_t own)
{
	memset(&info, 0, sizeof info);
	info.cores = cores;
	monitor.core = own;
	monitor.info = &info;
	sent_count = changes = joins = corrections = 0;
	memset(membership_out, 0, sizeof membership_out);
	places_init(&info, own);
	rounds_init();
	groups_init();
}

static int fresh(void **state)
{
	(void)state;
	machine_make(16, 0);
	return 0;
}

/* --- rounds ----------------------------------------------------------------------------- */

static void rounds_are_found_until_freed(void **state)
{
	struct round *a = round_new(round_name(3, 1), SUBJECT_NOTHING),
		     *b = round_new(round_name(3, 65), SUBJECT_NOTHING);

	(void)state;
	assert_ptr_equal(round_find(round_name(3, 1)), a);
	assert_ptr_equal(round_find(round_name(3, 65)), b);
	assert_null(round_find(round_name(1, 3)));
	set_add(a->asked, 5);
	round_free(a);
	assert_null(round_find(round_name(3, 1)));
	assert_ptr_equal(round_find(round_name(3, 65)), b);
	a = round_new(round_name(4, 1), SUBJECT_NOTHING);
	assert_false(set_has(a->asked, 5));
	assert_int_equal(rounds_used(), 2);
}

/* Takes all that a subject may have. */
static unsigned rounds_fill(unsigned subject, uint32_t first)
{
	unsigned n = 0;

	while (round_new(round_name(1, first + n), subject))
		n++;
	return n;
}

static void some_records_are_kept_for_what_ends_others(void **state)
{
	unsigned usual, settling, excluding;

	(void)state;
	usual = rounds_fill(SUBJECT_FLUSH, 1);
	settling = rounds_fill(SUBJECT_KNOWN, 1000);
	excluding = rounds_fill(SUBJECT_EXCLUDE, 2000);
	assert_true(settling > 0 && excluding > 0);
	assert_int_equal(usual + settling + excluding, ROUNDS_MAX);
	assert_null(round_new(round_name(1, 3000), SUBJECT_EXCLUDE));
}

static void large_machines_have_fewer(void **state)
{
	struct round *a, *b;

	(void)state;
	machine_make(CORES_MAX, 0);
	a = round_new(round_name(1, 1), SUBJECT_EXCLUDE);
	b = round_new(round_name(1, 2), SUBJECT_EXCLUDE);
	set_add(a->awaited, CORES_MAX - 1);
	assert_false(set_has(b->asked, CORES_MAX - 1));
	assert_false(set_has(b->awaited, CORES_MAX - 1));
	assert_int_equal(rounds_fill(SUBJECT_EXCLUDE, 3), ROUND_SET_WORDS / (2 * SET_WORDS_MAX) - 2);
}

static void the_last_rounds_are_remembered(void **state)
{
	static const uint64_t word[PROPOSAL_WORDS] = { 1, 2, 3 };

	(void)state;
	for (uint32_t i = 1; i <= RECENT_MAX + 1; i++)
		recent_add(round_name(2, i), 7, SUBJECT_FLUSH, word);
	assert_null(recent_find(round_name(2, 1)));
	assert_int_equal(recent_find(round_name(2, 2))->word[2], 3);
	assert_null(recent_find(0));
	assert_null(recent_at(RECENT_MAX));
	outcome_note(round_name(5, 1), true);
	outcome_note(round_name(5, 2), false);
	assert_int_equal(outcome_noted(round_name(5, 1)), OUTCOME_COMMITTED);
	assert_int_equal(outcome_noted(round_name(5, 2)), OUTCOME_ABORTED);
	assert_int_equal(outcome_noted(round_name(5, 3)), OUTCOME_UNKNOWN);
}

/* --- groups ------------------------------------------------------------------------------- */

static bool up(coreid_t core) { return core < 4; }

static void a_group_is_made_and_forgotten(void **state)
{
	(void)state;
	assert_int_equal(group_count(77), 0);
	assert_int_equal(group_make(77), ERR_OK);
	assert_int_equal(group_make(77), ERR_EXISTS);
	assert_true(group_holds(77, 0));
	assert_false(group_holds(77, 1));
	assert_false(group_holds(77, 5000));
	assert_int_equal(group_next(77, CORES_MAX), 0);
	assert_int_equal(group_next(77, 0), CORES_MAX);
	group_drop(77);
	assert_int_equal(group_count(77), 0);
}

static void groups_are_bounded_and_come_back(void **state)
{
	uint64_t n = 1;

	(void)state;
	while (group_make(n) == ERR_OK)
		n++;
	assert_int_equal(group_make(n), ERR_NO_MEMORY);
	group_drop(5);
	assert_int_equal(group_make(n), ERR_OK);
	assert_int_equal(group_make(n + 1), ERR_NO_MEMORY);
}

static void all_are_told_who_is_up(void **state)
{
	struct mon_message ok = { .header = agree_header(AGREE_STATE_OK, 0, 0), .word = { GROUP_ALL } };

	(void)state;
	assert_int_equal(group_form(up), ERR_OK);
	assert_int_equal(group_count(GROUP_ALL), 4);
	assert_int_equal(sent_count, 3);
	assert_int_equal(agree_kind(sent[0].header), AGREE_STATE);
	for (coreid_t core = 1; core < 4; core++) {
		assert_false(group_formed());
		assert_true(group_told(core, &ok));
	}
	assert_true(group_formed());
	assert_false(group_told(1, &ok));
	assert_false(group_told(9, &ok));
}

static void who_is_told_becomes_a_member(void **state)
{
	struct mon_message m;

	(void)state;
	group_form(up);
	m = sent[0];
	machine_make(16, 1);
	assert_true(group_hear(0, &m));
	assert_int_equal(group_count(GROUP_ALL), 4);
	assert_int_equal(agree_kind(sent[0].header), AGREE_STATE_OK);
	assert_int_equal(sent_to[0], 0);
	/* Said again it can only take members away. */
	assert_true(group_hear(2, &m));
	assert_int_equal(corrections, 1);
}

static void nonsense_is_not_heard(void **state)
{
	struct mon_message m = { .header = agree_header(AGREE_STATE, 1, 0), .word = { 77, 1 << 16, 1 << 2 } }, bad;

	(void)state;
	bad = m, bad.word[1] = 2 << 16; /* more words than the machine has */
	assert_false(group_hear(1, &bad));
	bad = m, bad.word[1] = 1 | 1 << 16;
	assert_false(group_hear(1, &bad));
	bad = m, bad.word[1] = 0;
	assert_false(group_hear(1, &bad));
	bad = m, bad.word[2] = 1 << 16; /* a core that the machine does not have */
	assert_false(group_hear(1, &bad));
	bad = m, bad.header = agree_header(AGREE_STATE, 0, 0); /* a fact about another group */
	assert_false(group_hear(1, &bad));
	assert_true(group_hear(1, &m));
}

static void a_core_joins(void **state)
{
	struct proposal p = { .group = 77, .subject = SUBJECT_JOIN, .word = { 3 } };

	(void)state;
	group_form(up);
	group_make(77);
	assert_int_equal(group_join_prepare(1, &p), ERR_OK);
	assert_int_equal(group_join_prepare(2, &p), ERR_AGAIN); /* one at a time */
	group_join_abort(2, &p);
	assert_int_equal(group_join_prepare(1, &p), ERR_OK);
	group_join_commit(1, &p);
	assert_true(group_holds(77, 3));
	assert_int_equal(group_find(77)->version, 1);
	assert_int_equal(group_join_prepare(3, &p), ERR_EXISTS);
	p.word[0] = 16;
	assert_int_equal(group_join_prepare(3, &p), ERR_CORE_ID);
}

static void who_dies_meanwhile_does_not(void **state)
{
	struct proposal p = { .group = 77, .subject = SUBJECT_JOIN, .word = { 3 } };

	(void)state;
	group_form(up);
	group_make(77);
	assert_int_equal(group_join_prepare(1, &p), ERR_OK);
	groups_remove(3);
	group_join_commit(1, &p);
	assert_false(group_holds(77, 3));
	assert_false(group_holds(GROUP_ALL, 3));
}

static void who_is_refused_forgets_the_group(void **state)
{
	struct mon_message m = { .header = agree_header(AGREE_STATE, 1, 4), .word = { 77, 1 << 16, 1 << 2 } };
	struct proposal p = { .group = 77, .subject = SUBJECT_JOIN, .word = { 1 } };

	(void)state;
	machine_make(16, 1);
	assert_true(group_hear(2, &m));
	assert_int_equal(group_find(77)->state, GROUP_JOINING);
	assert_int_equal(group_join_prepare(9, &p), ERR_OK);
	/* Another's invitation waits. */
	m.word[2] = 1 << 5;
	assert_true(group_hear(5, &m));
	assert_true(set_has(group_find(77)->set, 2));
	group_join_abort(9, &p);
	assert_null(group_find(77));
	assert_int_equal(changes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, fresh)
		TEST(rounds_are_found_until_freed),  TEST(some_records_are_kept_for_what_ends_others),
		TEST(large_machines_have_fewer),     TEST(the_last_rounds_are_remembered),
		TEST(a_group_is_made_and_forgotten), TEST(groups_are_bounded_and_come_back),
		TEST(all_are_told_who_is_up),        TEST(who_is_told_becomes_a_member),
		TEST(nonsense_is_not_heard),         TEST(a_core_joins),
		TEST(who_dies_meanwhile_does_not),   TEST(who_is_refused_forgets_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
