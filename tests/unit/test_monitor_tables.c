/* needs: monitor/process_table.c monitor/names.c monitor/pending.c monitor/secret_hash.c */
/*
 * The monitor's tables: processes by number, names of services, open requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/abi/error.h"
#include "monitor/names.h"
#include "monitor/pending.h"
#include "monitor/process_table.h"
#include "monitor/secret.h"

static struct process_table table;
static struct names names;
static struct pendings pendings;

static int reset(void **state)
{
	(void)state;
	memset(&table, 0, sizeof table);
	memset(&names, 0, sizeof names);
	memset(&pendings, 0, sizeof pendings);
	return 0;
}

/* --- processes ------------------------------------------------------------------ */

static void numbers_count_up_and_are_found(void **state)
{
	struct process *a = process_table_new(&table, "one"), *b = process_table_new(&table, "two");

	(void)state;
	assert_int_equal(a->number, 1);
	assert_int_equal(b->number, 2);
	assert_string_equal(b->name, "two");
	assert_ptr_equal(process_table_find(&table, 2), b);
	assert_null(process_table_find(&table, 0));
	assert_null(process_table_find(&table, 3));
	assert_null(process_table_find(&table, 2 + PROCESS_MAX));
	assert_int_equal(table.live, 2);
}

static void a_dead_record_stays_until_needed(void **state)
{
	struct process *p = process_table_new(&table, "short");

	(void)state;
	process_table_end(&table, p, MON_EXITED, 7);
	process_table_end(&table, p, MON_KILLED, 9);
	assert_int_equal(table.live, 0);
	assert_ptr_equal(process_table_find(&table, 1), p);
	assert_int_equal(p->cause, MON_EXITED);
	assert_int_equal(p->status, 7);
	assert_null(process_table_live(&table, 0));
}

static void a_full_table_forgets_collected_records_first(void **state)
{
	struct process *kept, *collected;

	(void)state;
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		assert_non_null(process_table_new(&table, "p"));
	assert_null(process_table_new(&table, "too many"));
	kept = process_table_find(&table, 10);
	collected = process_table_find(&table, 200);
	process_table_end(&table, kept, MON_EXITED, 0);
	process_table_end(&table, collected, MON_EXITED, 0);
	collected->collected = true;
	assert_ptr_equal(process_table_new(&table, "new"), collected);
	assert_ptr_equal(process_table_find(&table, 10), kept);
	assert_non_null(process_table_new(&table, "newer"));
	assert_null(process_table_find(&table, 10));
	assert_null(process_table_new(&table, "too many"));
}

/* Though all others that are dead have not been asked for. */
static void a_collected_record_is_not_forgotten_at_once(void **state)
{
	struct process *p, *collected;
	uint32_t number;

	(void)state;
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		process_table_end(&table, process_table_new(&table, "p"), MON_EXITED, 0);
	collected = process_table_new(&table, "collected");
	number = collected->number;
	process_table_name(&table, collected, 5);
	process_table_end(&table, collected, MON_EXITED, 0);
	collected->collected = true;
	for (unsigned i = 0; i < PROCESS_MAX - PROCESS_KEPT - 1; i++) {
		p = process_table_new(&table, "p");
		assert_non_null(p);
		process_table_end(&table, p, MON_EXITED, 0);
		assert_ptr_equal(process_table_find(&table, number), collected);
		assert_ptr_equal(process_table_ticket(&table, 5), collected);
	}
	for (unsigned i = 0; i < 2; i++)
		process_table_end(&table, process_table_new(&table, "p"), MON_EXITED, 0);
	assert_null(process_table_find(&table, number));
}

static void a_thousand_spawns_need_no_more_records_than_live(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct process *p = process_table_new(&table, "p");

		assert_non_null(p);
		assert_int_equal(p->number, i + 1);
		process_table_end(&table, p, MON_EXITED, i);
	}
	assert_int_equal(table.live, 0);
}

static void a_dropped_start_leaves_nothing(void **state)
{
	struct process *p = process_table_new(&table, "p");

	(void)state;
	process_table_drop(&table, p);
	assert_int_equal(table.live, 0);
	assert_null(process_table_find(&table, 1));
}

static void a_long_name_is_cut(void **state)
{
	struct process *p = process_table_new(&table, "a name that is far longer than a record has room for");

	(void)state;
	assert_int_equal(strlen(p->name), MON_PROCESS_NAME - 1);
}

static void numbers_wrap_past_zero(void **state)
{
	(void)state;
	table.last = UINT32_MAX - 1;
	assert_int_equal(process_table_new(&table, "p")->number, UINT32_MAX);
	assert_int_equal(process_table_new(&table, "p")->number, 1);
}

/* --- names -------------------------------------------------------------------------- */

static struct service_name service(const char *name, coreid_t core, uint32_t process)
{
	struct service_name s = { .core = core, .process = process, .service = 1 };

	memcpy(s.name, name, strnlen(name, sizeof s.name));
	return s;
}

static void names_are_unique_and_found(void **state)
{
	struct service_name a = service("console", 0, 1), b = service("sixteen bytes ok", 3, 9);

	(void)state;
	assert_int_equal(names_add(&names, &a), ERR_OK);
	assert_int_equal(names_add(&names, &a), ERR_EXISTS);
	assert_int_equal(names_add(&names, &b), ERR_OK);
	assert_int_equal(names_find(&names, b.name)->core, 3);
	assert_int_equal(names_forget(&names, 3, 9), 1);
	assert_null(names_find(&names, b.name));
	assert_non_null(names_find(&names, a.name));
}

static unsigned apart(coreid_t a, coreid_t b) { return a < b ? b - a : a - b; }

static void shared_names_give_the_nearest(void **state)
{
	struct service_name s[4] = { service("name", 0, 1), service("name", 8, 1), service("name", 8, 2),
				     service("name", 12, 1) };
	bool seen[3] = { false };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		s[i].shared = true;
		assert_int_equal(names_add(&names, &s[i]), ERR_OK);
		assert_int_equal(names_add(&names, &s[i]), ERR_EXISTS);
	}
	s[0].shared = false;
	s[0].process = 7;
	assert_int_equal(names_add(&names, &s[0]), ERR_EXISTS);
	assert_int_equal(names_nearest(&names, s[0].name, 3, 0, apart)->core, 0);
	assert_int_equal(names_nearest(&names, s[0].name, 11, 0, apart)->core, 12);
	for (unsigned turn = 0; turn < 4; turn++)
		seen[names_nearest(&names, s[0].name, 8, turn, apart)->process] = true;
	assert_true(seen[1] && seen[2]);
	assert_int_equal(names_forget_core(&names, 8), 2);
	assert_int_equal(names_nearest(&names, s[0].name, 5, 0, apart)->core, 0);
	assert_int_equal(names_nearest(&names, s[0].name, 8, 0, apart)->core, 12);
	assert_int_equal(names_forget(&names, 0, 1) + names_forget(&names, 12, 1), 2);
	assert_null(names_nearest(&names, s[0].name, 8, 0, apart));
	assert_int_equal(names_add(&names, &s[0]), ERR_OK);
	s[1].process = 9;
	assert_int_equal(names_add(&names, &s[1]), ERR_EXISTS);
}

/* Of the vectors that come with the reference implementation: no bytes, and the eight bytes 00 to 07. */
static void secrets_are_siphash(void **state)
{
	const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	const uint64_t word = UINT64_C(0x0706050403020100);

	(void)state;
	assert_true(secret_hash(key, NULL, 0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(secret_hash(key, &word, 1) == UINT64_C(0x93f5f5799a932462));
}

static void empty_name_and_full_table_are_refused(void **state)
{
	struct service_name s = service("", 0, 1);

	(void)state;
	assert_int_equal(names_add(&names, &s), ERR_ARGUMENT);
	assert_null(names_find(&names, s.name));
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		s.name[0] = i + 1;
		assert_int_equal(names_add(&names, &s), ERR_OK);
	}
	s.name[0] = NAMES_MAX + 1;
	assert_int_equal(names_add(&names, &s), ERR_NO_MEMORY);
	assert_int_equal(names_forget(&names, 0, 1), NAMES_MAX);
	assert_int_equal(names_add(&names, &s), ERR_OK);
}

/* --- open requests --------------------------------------------------------------------- */

static unsigned ended;
static err_t ended_with;

static void note_end(struct pending *p, const struct mon_message *reply)
{
	(void)p;
	ended++;
	ended_with = (err_t)mon_aux(reply->header);
}

static struct mon_message answer(const struct pending *p)
{
	return (struct mon_message){ .header = mon_header(p->op, MON_REPLY, 0, p->sequence) };
}

static void an_answer_is_taken_once_and_from_the_right_core(void **state)
{
	struct pending template = { .core = 4, .op = MON_WAIT, .context = 77 }, out;
	struct pending *p = pending_new(&pendings, &template);
	struct mon_message reply = answer(p);

	(void)state;
	assert_false(pending_take(&pendings, 5, &reply, &out));
	reply.header = mon_header(MON_PS, MON_REPLY, 0, p->sequence);
	assert_false(pending_take(&pendings, 4, &reply, &out));
	reply = answer(p);
	assert_true(pending_take(&pendings, 4, &reply, &out));
	assert_int_equal(out.context, 77);
	assert_false(pending_take(&pendings, 4, &reply, &out));
}

static void requests_are_limited_and_reused(void **state)
{
	struct pending template = { .core = 1, .op = MON_PS }, out;
	struct mon_message reply;

	(void)state;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		assert_non_null(pending_new(&pendings, &template));
	assert_null(pending_new(&pendings, &template));
	reply = (struct mon_message){ .header = mon_header(MON_PS, MON_REPLY, 0, 17) };
	assert_true(pending_take(&pendings, 1, &reply, &out));
	assert_int_equal(pending_new(&pendings, &template)->sequence, 17 + PENDING_MAX);
}

static void no_process_has_more_requests_than_are_left(void **state)
{
	const struct origin greedy = { 0, 7 }, modest = { 0, 8 };
	struct pending template = { .core = 1, .op = MON_WAIT, .origin = greedy };
	struct pending *p;
	unsigned count = 0;

	(void)state;
	assert_null(pending_of(&pendings, greedy, MON_WAIT));
	for (; pending_room(&pendings, greedy); count++)
		assert_non_null(pending_new(&pendings, &template));
	assert_int_equal(count, PENDING_MAX / 2);
	assert_true(pending_room(&pendings, modest));
	assert_null(pending_of(&pendings, modest, MON_WAIT));
	assert_null(pending_of(&pendings, greedy, MON_PS));
	while ((p = pending_of(&pendings, greedy, MON_WAIT))) {
		pending_drop(&pendings, p);
		count--;
	}
	assert_int_equal(count, 0);
	assert_int_equal(pendings.used, 0);
}

static void failing_a_core_ends_its_requests_only(void **state)
{
	struct pending template = { .core = 1, .op = MON_PS, .done = note_end };

	(void)state;
	ended = 0;
	pending_new(&pendings, &template);
	pending_new(&pendings, &template);
	template.core = 2;
	pending_new(&pendings, &template);
	pending_fail(&pendings, 1, ERR_CORE_TIMEOUT);
	assert_int_equal(ended, 2);
	assert_int_equal(ended_with, ERR_CORE_TIMEOUT);
}

static void deadlines_end_late_requests(void **state)
{
	struct pending template = { .core = 1, .op = MON_PS, .done = note_end };

	(void)state;
	ended = 0;
	pending_new(&pendings, &template);
	assert_int_equal(pending_expire(&pendings, 1000), 0);
	template.deadline = 50;
	pending_new(&pendings, &template);
	template.deadline = 70;
	pending_new(&pendings, &template);
	assert_int_equal(pending_expire(&pendings, 40), 50);
	assert_int_equal(pending_expire(&pendings, 60), 70);
	assert_int_equal(ended, 1);
	assert_int_equal(ended_with, ERR_TIMEOUT);
	assert_int_equal(pending_expire(&pendings, 70), 0);
	assert_int_equal(pendings.timed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(numbers_count_up_and_are_found, reset),
		cmocka_unit_test_setup(a_dead_record_stays_until_needed, reset),
		cmocka_unit_test_setup(a_full_table_forgets_collected_records_first, reset),
		cmocka_unit_test_setup(a_collected_record_is_not_forgotten_at_once, reset),
		cmocka_unit_test_setup(a_thousand_spawns_need_no_more_records_than_live, reset),
		cmocka_unit_test_setup(a_dropped_start_leaves_nothing, reset),
		cmocka_unit_test_setup(a_long_name_is_cut, reset),
		cmocka_unit_test_setup(numbers_wrap_past_zero, reset),
		cmocka_unit_test_setup(names_are_unique_and_found, reset),
		cmocka_unit_test_setup(shared_names_give_the_nearest, reset),
		cmocka_unit_test(secrets_are_siphash),
		cmocka_unit_test_setup(empty_name_and_full_table_are_refused, reset),
		cmocka_unit_test_setup(an_answer_is_taken_once_and_from_the_right_core, reset),
		cmocka_unit_test_setup(requests_are_limited_and_reused, reset),
		cmocka_unit_test_setup(no_process_has_more_requests_than_are_left, reset),
		cmocka_unit_test_setup(failing_a_core_ends_its_requests_only, reset),
		cmocka_unit_test_setup(deadlines_end_late_requests, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
