/* needs: monitor/agree/places.c monitor/agree/tree.c monitor/agree/round.c monitor/agree/group.c monitor/agree/engine.c monitor/agree/one_phase.c monitor/agree/two_phase.c monitor/agree/dissemination.c monitor/agree/latency.c monitor/agree/doubt.c monitor/agree/heartbeat.c monitor/agree/membership.c monitor/agree/resolve.c monitor/core_table.c libos/core/error_text.c */
/*
 * What one monitor's engine does about lines: rounds with three others that are played here, and lines that
 * make no sense.  Oracle: such a line is counted against its sender, is answered by nothing, changes
 * nothing; the next good round goes well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/agree/broadcast.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/latency.h"
#include "monitor/agree/membership.h"
#include "monitor/caps/caps.h"
#include "monitor/cores.h"
#include "monitor/members.h"
#include "monitor/monitor.h"

#define CORES 4
#define LINES_MAX 64

struct monitor monitor;

static struct boot_info info;
static struct mon_message sent[LINES_MAX];
static coreid_t sent_to[LINES_MAX];
static unsigned sent_count, reports, dones, prepared, committed, aborted;
static err_t done_err, vote;

err_t link_send(coreid_t peer, const struct mon_message *m)
{
	assert_true(sent_count < LINES_MAX);
	sent_to[sent_count] = peer;
	sent[sent_count++] = *m;
	return ERR_OK;
}
void report(const char *format, ...)
{
	(void)format;
	reports++;
}
void core_lost(coreid_t core) { (void)core; }
void core_fence(coreid_t core) { (void)core; }
void core_joined(coreid_t core) { (void)core; }
void members_core_gone(coreid_t core) { (void)core; }
void caps_core_gone(coreid_t core) { (void)core; }
void caps_core_back(coreid_t core) { (void)core; }
cycles_t request_deadline(void) { return 0; }
bool broadcast_send(const struct round *r, const struct mon_message *m)
{
	(void)r, (void)m;
	return false;
}
bool broadcast_hear(coreid_t from, const struct mon_message *m)
{
	(void)from, (void)m;
	return false;
}
err_t subject_prepare(uint64_t round, const struct proposal *p)
{
	(void)round, (void)p;
	prepared++;
	return vote;
}
err_t subject_commit(uint64_t round, const struct proposal *p)
{
	(void)round, (void)p;
	committed++;
	return ERR_OK;
}
void subject_abort(uint64_t round, const struct proposal *p)
{
	(void)round, (void)p;
	aborted++;
}
void subject_decided(const struct proposal *p) { (void)p; }

static void done(uint64_t context, err_t err, const struct proposal *p)
{
	(void)context, (void)p;
	dones++;
	done_err = err;
}

static bool everyone(coreid_t core)
{
	(void)core;
	return true;
}

static int fresh(void **state)
{
	(void)state;
	memset(&info, 0, sizeof info);
	info.cores = CORES;
	info.tsc_hz = 1000000000;
	monitor.core = 0;
	monitor.info = &info;
	agree_init();
	group_form(everyone);
	for (coreid_t core = 1; core < CORES; core++)
		agree_message(core, &(struct mon_message){ .header = agree_header(AGREE_STATE_OK, 0, 0) });
	sent_count = reports = dones = prepared = committed = aborted = 0;
	vote = ERR_OK;
	return 0;
}

static void step(void)
{
	cycles_t next;

	while (agree_step(&next))
		;
}

/* A request as core `from` would send it to us alone. */
static struct mon_message request(unsigned kind, coreid_t from, uint32_t number)
{
	return (struct mon_message){ .header = agree_header(kind, SUBJECT_NOTHING | DISSEMINATE_UNICAST << 8, 0),
				     .word = { round_name(from, number), GROUP_ALL, route_pack(0, 1, 9) } };
}

/* Answers line n of what was sent as its receiver would. */
static struct mon_message answer(unsigned n, err_t err)
{
	return (struct mon_message){ .header = agree_header(AGREE_ACK, (unsigned)err << 4, agree_kind(sent[n].header)),
				     .word = { sent[n].word[0], route_record(sent[n].word[2]), 1 } };
}

static void answer_all(unsigned from, unsigned to, err_t err)
{
	for (unsigned i = from; i < to; i++) {
		struct mon_message m = answer(i, err);

		agree_message(sent_to[i], &m);
	}
	step();
}

/* --- rounds ---------------------------------------------------------------------------- */

static void propose(err_t (*over)(const struct proposal *, const struct route *, round_done *, uint64_t))
{
	struct proposal p = { .group = GROUP_ALL };

	assert_int_equal(over(&p, &(struct route){ DISSEMINATE_UNICAST, 0, CORES }, done, 0), ERR_OK);
}

static void one_phase_goes_round(void **state)
{
	(void)state;
	propose(one_phase_over);
	assert_int_equal(sent_count, CORES - 1);
	answer_all(0, 2, ERR_OK);
	assert_int_equal(dones, 0);
	answer_all(2, 3, ERR_OK);
	assert_int_equal(dones, 1);
	assert_int_equal(committed, 1);
	assert_int_equal(agree_busy(), 0);
}

static void two_phase_goes_round(void **state)
{
	(void)state;
	propose(two_phase_over);
	answer_all(0, 3, ERR_OK);
	assert_int_equal(agree_kind(sent[3].header), AGREE_COMMIT);
	answer_all(3, 6, ERR_OK);
	assert_int_equal(dones, 1);
	assert_int_equal(done_err, ERR_OK);
	propose(two_phase_over);
	answer_all(6, 8, ERR_OK);
	answer_all(8, 9, ERR_DENIED);
	assert_int_equal(agree_kind(sent[9].header), AGREE_ABORT);
	answer_all(9, 12, ERR_OK);
	assert_int_equal(done_err, ERR_DENIED);
	assert_int_equal(aborted, 1);
	assert_int_equal(agree_busy(), 0);
	assert_int_equal(agree_malformed(CORES_MAX), 0);
}

static void a_member_takes_part(void **state)
{
	struct mon_message m = request(AGREE_DO, 2, 1);

	(void)state;
	agree_message(2, &m);
	assert_int_equal(committed, 1);
	assert_int_equal(sent_to[0], 2);
	assert_int_equal(agree_kind(sent[0].header), AGREE_ACK);
	m = request(AGREE_PREPARE, 3, 1);
	agree_message(3, &m);
	assert_int_equal(agree_busy(), 1);
	m = request(AGREE_COMMIT, 3, 1);
	agree_message(3, &m);
	assert_int_equal(committed, 2);
	vote = ERR_DENIED;
	m = request(AGREE_PREPARE, 3, 2);
	agree_message(3, &m);
	assert_int_equal(mon_aux(sent[sent_count - 1].header) >> 4, ERR_DENIED);
	m = request(AGREE_ABORT, 3, 2);
	agree_message(3, &m);
	assert_int_equal(aborted, 0);
	assert_int_equal(agree_busy(), 0);
	assert_int_equal(agree_malformed(CORES_MAX), 0);
}

/* --- nonsense ---------------------------------------------------------------------------- */

/* The line is dropped and counted against core 1, and that is all. */
static void dropped(const struct mon_message *m)
{
	unsigned before = agree_malformed(1), lines = sent_count, done_before = committed, busy = agree_busy();

	agree_message(1, m);
	assert_int_equal(agree_malformed(1), before + 1);
	assert_int_equal(agree_malformed(2), 0);
	assert_int_equal(sent_count, lines);
	assert_int_equal(committed, done_before);
	assert_int_equal(agree_busy(), busy);
}

static void bad_requests_are_dropped(void **state)
{
	static const unsigned kinds[] = { AGREE_DO, AGREE_PREPARE, AGREE_COMMIT, AGREE_ABORT };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct mon_message good = request(kinds[i], 1, 1), m;

		m = good, m.header = agree_header(kinds[i], SUBJECTS, 0);
		dropped(&m);
		m = good, m.header = agree_header(kinds[i], DISSEMINATIONS << 8, 0);
		dropped(&m);
		/* no vote is asked for about this, or nobody hears of it without one */
		m = good, m.header = agree_header(kinds[i], i == 0 ? SUBJECT_EXCLUDE : SUBJECT_STOP, 0);
		dropped(&m);
		m = good, m.word[0] = round_name(CORES, 1); /* no such coordinator */
		dropped(&m);
		m = good, m.word[0] = round_name(0, 1); /* our own round */
		dropped(&m);
		m = good, m.word[0] = round_name(1, 0);
		dropped(&m);
		m = good, m.word[2] = route_pack(1, 2, 0); /* a range that we are not in */
		dropped(&m);
		m = good, m.word[2] = route_pack(0, CORES + 1, 0);
		dropped(&m);
		m = good, m.word[2] = route_pack(0, 0, 0);
		dropped(&m);
		m = good, m.word[2] = route_pack(0, 1, ROUNDS_MAX);
		dropped(&m);
	}
	assert_true(reports > 0 && reports < 9);
	one_phase_goes_round(NULL);
}

static void bad_answers_are_dropped(void **state)
{
	struct mon_message good, m;

	(void)state;
	propose(two_phase_over);
	good = answer(1, ERR_OK); /* core 2's: core 1 has another */
	m = answer(0, ERR_OK), m.word[0]++;
	dropped(&m);
	m = answer(0, ERR_OK), m.word[1] = ROUNDS_MAX;
	dropped(&m);
	m = answer(0, ERR_OK), m.word[1]++;
	dropped(&m);
	m = answer(0, ERR_OK), m.header = agree_header(AGREE_ACK, 0, AGREE_COMMIT); /* to what was not asked */
	dropped(&m);
	answer_all(0, 1, ERR_OK);
	m = answer(0, ERR_OK); /* twice */
	dropped(&m);
	agree_message(2, &good);
	answer_all(2, 3, ERR_OK);
	answer_all(3, 6, ERR_OK);
	assert_int_equal(dones, 1);
	assert_int_equal(done_err, ERR_OK);
}

static void other_nonsense_is_dropped(void **state)
{
	struct mon_message m = { .header = agree_header(AGREE_KINDS, 0, 0) };

	(void)state;
	dropped(&m);
	m.header = agree_header(0x7f, 0, 0);
	dropped(&m);
	m.header = agree_header(AGREE_STATE_OK, 0, 0); /* said already */
	dropped(&m);
	m = (struct mon_message){ .header = agree_header(AGREE_SUSPECT, 0, 0), .word = { CORES } };
	dropped(&m);
	m.word[0] = 0; /* of us, to us */
	dropped(&m);
	m = (struct mon_message){ .header = agree_header(AGREE_DOUBT, 0, 0), .word = { round_name(CORES, 1) } };
	dropped(&m);
	m.header = agree_header(AGREE_OUTCOME, 0, 0);
	dropped(&m);
	m = (struct mon_message){ .header = agree_header(AGREE_RELAY, SUBJECTS, 0), .word = { round_name(2, 1) } };
	dropped(&m);
	m = (struct mon_message){ .header = agree_header(AGREE_OUTCOME, 0, 0), .word = { round_name(2, 1) } };
	dropped(&m); /* about a round of one that lives, and is not the sender */
	one_phase_goes_round(NULL);
}

static void an_outcome_against_its_vote_is_dropped(void **state)
{
	struct mon_message m = request(AGREE_PREPARE, 1, 1);

	(void)state;
	vote = ERR_DENIED;
	agree_message(1, &m);
	m = request(AGREE_COMMIT, 1, 1);
	dropped(&m);
	assert_int_equal(committed, 0);
}

static void any_line_is_survived(void **state)
{
	(void)state;
	srand(99);
	for (unsigned i = 0; i < 200000; i++) {
		struct mon_message m = { .header = agree_header((unsigned)rand() % (AGREE_KINDS + 1),
								(unsigned)rand() % 16 | (unsigned)(rand() % 5) << 8,
								(unsigned)rand() % 3) };

		/* Joining would make groups without end; exclusion is another test's. */
		if (agree_kind(m.header) == AGREE_STATE || agree_kind(m.header) == AGREE_SUSPECT)
			continue;
		m.word[0] = round_name((unsigned)rand() % (CORES + 1), (unsigned)rand() % 40);
		m.word[1] = (unsigned)rand() % 8 ? GROUP_ALL : (unsigned)rand() % ROUNDS_MAX;
		m.word[2] = route_pack((unsigned)rand() % 3, (unsigned)rand() % (CORES + 2), (unsigned)rand() % 80);
		agree_message(1 + (unsigned)rand() % (CORES - 1), &m);
		sent_count = 0;
	}
	assert_true(agree_malformed(CORES_MAX) > 1000);
}

/* Four pings, each after the answer to the one before; the quickest counts. */
static void latency_is_measured(void **state)
{
	struct mon_message pong = { .header = agree_header(AGREE_PONG, 0, 0) };

	(void)state;
	latency_measure(2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(sent_count, i + 1);
		assert_int_equal(sent_to[i], 2);
		assert_int_equal(agree_kind(sent[i].header), AGREE_PING);
		latency_heard(2, sent[i].word[0] + 2, sent[i].word[0] + 3);    /* to no ping of ours */
		latency_heard(3, sent[i].word[0], sent[i].word[0] + 3);        /* of another */
		latency_heard(2, sent[i].word[0], sent[i].word[0] + 1024 - i); /* 1021 is the least */
		latency_heard(2, sent[i].word[0], sent[i].word[0] + 3);        /* twice */
	}
	assert_int_equal(sent_count, 4);
	assert_int_equal(latency_class[core_place(2)], 1 + 4 * 9 + 3);
	assert_int_equal(latency_class[core_place(3)], 0);
	pong.word[0] = sent[3].word[0];
	agree_message(2, &pong);
	assert_int_equal(agree_malformed(2), 0);
	assert_int_equal(sent_count, 4);
}

/* A ping is answered with what it brought. */
static void pings_are_answered(void **state)
{
	(void)state;
	agree_message(1, &(struct mon_message){ .header = agree_header(AGREE_PING, 0, 0), .word = { 77 } });
	assert_int_equal(sent_count, 1);
	assert_int_equal(agree_kind(sent[0].header), AGREE_PONG);
	assert_int_equal(sent[0].word[0], 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, fresh)
		TEST(one_phase_goes_round),
		TEST(two_phase_goes_round),
		TEST(a_member_takes_part),
		TEST(bad_requests_are_dropped),
		TEST(bad_answers_are_dropped),
		TEST(other_nonsense_is_dropped),
		TEST(an_outcome_against_its_vote_is_dropped),
		TEST(any_line_is_survived),
		TEST(latency_is_measured),
		TEST(pings_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
