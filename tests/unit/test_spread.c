/* needs: monitor/spread.c */
/*
 * Signals that go round among processes that make others meanwhile.
 *
 * The order of all steps is random: a sender goes from core to core, round after round; processes begin to make
 * children anywhere, which are seen, and join, some steps later. Oracle: in the end each process has met each signal
 * once, be it that it got it, or that who it is a copy of had met it when the copying began.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/spread.h"

#define CORES 4
#define MOST 40
#define SENDERS 3

enum stage { BEGUN, SEEN, JOINED };

static struct one {
	enum stage stage;
	unsigned core;
	struct one *maker;
	uint32_t since;
	unsigned met[SENDERS];
	struct spread spread;
} all[MOST];
static unsigned count;

static struct sender {
	unsigned core; /* where it goes next */
	unsigned fresh, rounds;
	bool done;
} senders[SENDERS];

static unsigned signal_of(unsigned sender) { return 20 + sender; }

static void sender_step(unsigned n)
{
	struct sender *s = &senders[n];

	for (unsigned i = 0; i < count && !s->done; i++) {
		struct one *p = &all[i];

		if (p->core != s->core || p->stage < SEEN || !spread_take(&p->spread, 100 + n, signal_of(n)))
			continue;
		if (p->stage == JOINED) {
			p->met[n]++;
			s->fresh++;
		}
	}
	if (++s->core < CORES)
		return;
	s->done = !s->fresh;
	s->rounds++;
	s->core = s->fresh = 0;
}

static void making_begin(struct one *maker)
{
	struct one *p = &all[count++];

	*p = (struct one){ .stage = BEGUN, .core = (unsigned)rand() % CORES, .maker = maker };
	p->since = maker->spread.count;
	memcpy(p->met, maker->met, sizeof p->met);
}

static void process_step(struct one *p)
{
	uint64_t got;

	switch (p->stage) {
	case BEGUN:
		p->stage = SEEN;
		break;
	case SEEN:
		p->stage = JOINED;
		got = spread_join(&p->spread, &p->maker->spread, p->since);
		for (unsigned n = 0; n < SENDERS; n++)
			p->met[n] += got >> signal_of(n) & 1;
		break;
	default:
		if (count < MOST)
			making_begin(p);
	}
}

static bool busy(void)
{
	for (unsigned n = 0; n < SENDERS; n++)
		if (!senders[n].done)
			return true;
	for (unsigned i = 0; i < count; i++)
		if (all[i].stage < JOINED)
			return true;
	return false;
}

static void test_each_once(void **state)
{
	unsigned most_rounds = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 20000; seed++) {
		srand(seed);
		memset(senders, 0, sizeof senders);
		count = 1;
		all[0] = (struct one){ .stage = JOINED, .core = (unsigned)rand() % CORES };
		while (busy()) {
			unsigned who = (unsigned)rand() % (count + SENDERS);

			if (who < SENDERS)
				sender_step(who);
			else
				process_step(&all[who - SENDERS]);
		}
		for (unsigned i = 0; i < count; i++)
			for (unsigned n = 0; n < SENDERS; n++)
				if (all[i].met[n] != 1)
					fail_msg("seed %u: process %u of %u has met signal %u %u times", seed, i, count,
						 n, all[i].met[n]);
		for (unsigned n = 0; n < SENDERS; n++)
			most_rounds = senders[n].rounds > most_rounds ? senders[n].rounds : most_rounds;
	}
	/* Sometimes it takes more than one that meets somebody and one that does not. */
	assert_true(most_rounds > 2);
}

/* Of more than are kept a child gets the last ones. */
static void test_many(void **state)
{
	struct spread maker = { 0 }, child = { 0 };
	uint64_t got;

	(void)state;
	for (uint32_t id = 1; id <= SPREAD_KEPT + 3; id++)
		assert_true(spread_take(&maker, id, 30 + id));
	got = spread_join(&child, &maker, 1);
	for (unsigned id = 1; id <= SPREAD_KEPT + 3; id++)
		assert_int_equal(got >> (30 + id) & 1, id > 3);
	assert_int_equal(child.count, maker.count);
	assert_false(spread_take(&child, SPREAD_KEPT, 1));
}

static void test_stop_and_go_on(void **state)
{
	(void)state;
	assert_int_equal(signals_add(UINT64_C(1) << MON_SIGNAL_STOP, MON_SIGNAL_CONTINUE),
			 UINT64_C(1) << MON_SIGNAL_CONTINUE);
	assert_int_equal(signals_add(UINT64_C(1) << MON_SIGNAL_CONTINUE, MON_SIGNAL_STOP), UINT64_C(1)
												   << MON_SIGNAL_STOP);
}

static void test_message(void **state)
{
	uint64_t words[MON_PAYLOAD];
	struct spread s = { 0 }, back;

	(void)state;
	for (uint32_t id = 1; id <= 11; id++)
		spread_take(&s, 0xfffff0 + id, id);
	spread_pack(&s, words);
	spread_unpack(&back, words);
	assert_memory_equal(&s, &back, sizeof s);
	assert_true(spread_had(&back, 0xfffffb) && !spread_had(&back, 0xfffff1));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_once), cmocka_unit_test(test_many),
					    cmocka_unit_test(test_stop_and_go_on), cmocka_unit_test(test_message) };

	return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
