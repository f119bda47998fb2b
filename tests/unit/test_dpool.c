/* needs: libos/fleet/dpool.c libos/fleet/dpool_rebuild.c */
/*
 * dPool: under every scheme, and with members that die at random, no element is lost or given twice.
 *
 * Members are structs of this process, tell calls the receiver at once. The ledger knows who
 * uses which element.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos/fleet/dpool.h"

#define MEMBERS 6
#define ELEMENTS 400
#define FREE UINT32_MAX

static struct dpool pool[MEMBERS];
static bool alive[MEMBERS];
static uint32_t user[ELEMENTS]; /* member that uses it, or FREE */
static uint64_t seed;
static unsigned die_at; /* messages until a member dies in the midst of one; 0: never */

static uint32_t draw(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* --- threads: none is needed, since nothing blocks here ------------------------------------- */

err_t thread_create(struct thread **out, thread_fn *fn, void *arg)
{
	(void)fn, (void)arg;
	*out = NULL;
	return ERR_OK;
}
void thread_detach(struct thread *t) { (void)t; }
void event_init(struct event *e) { e->set = 0; }
void event_signal(struct event *e) { e->set = 1; }
bool event_wait(struct event *e, cycles_t deadline)
{
	(void)e, (void)deadline;
	fail_msg("waits");
	return false;
}
void mutex_init(struct mutex *m, bool recursive) { (void)m, (void)recursive; }
void mutex_lock(struct mutex *m) { (void)m; }
void mutex_unlock(struct mutex *m) { (void)m; }
void cond_init(struct cond *c) { (void)c; }
void cond_broadcast(struct cond *c) { (void)c; }
bool cond_wait(struct cond *c, struct mutex *m, cycles_t deadline)
{
	(void)c, (void)m, (void)deadline;
	fail_msg("waits");
	return false;
}

/* --- members -------------------------------------------------------------------------------- */

static err_t tell(struct dpool *p, uint32_t member, uint32_t what, const void *data, size_t bytes)
{
	err_t err;

	if (die_at && --die_at == 0 && p->self != member)
		alive[member] = false;
	if (!alive[member])
		return ERR_CLOSED;
	err = dpool_told(&pool[member], p->self, what, data, bytes);
	/* It has died before it could answer. */
	return alive[member] ? err : ERR_CLOSED;
}

static unsigned others(struct dpool *p, uint32_t *numbers)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < MEMBERS; i++)
		if (i != p->self && alive[i])
			numbers[n++] = i;
	return n;
}

/* As page's monitors: an element has one owner, and of one whose owner is dead its heir decides. */
static uint32_t owner[ELEMENTS];

static err_t own(struct dpool *p, void *element)
{
	uint32_t e;

	memcpy(&e, element, sizeof e);
	if (owner[e] != p->self && !alive[owner[e]])
		return ERR_DENIED;
	owner[e] = p->self;
	return ERR_OK;
}

static const struct dpool_transport transport = { .tell = tell, .others = others };
static const struct dpool_transport owning = { .tell = tell, .others = others, .own = own };
static const struct dpool_transport *carrier = &transport;

static void members_open(const struct dpool_scheme *scheme)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		alive[i] = true;
		assert_int_equal(dpool_open(&pool[i], scheme, carrier, i, sizeof(uint32_t), 10, 80, NULL), ERR_OK);
	}
	for (uint32_t e = 0; e < ELEMENTS; e++) {
		user[e] = FREE;
		owner[e] = 0;
		assert_int_equal(dpool_give(&pool[0], &e), ERR_OK);
	}
}

static void members_close(void)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		free(pool[i].element);
		pool[i].element = NULL;
	}
}

/* Every element is once in a living shard or in use. */
static void check(void)
{
	static unsigned seen[ELEMENTS];

	memset(seen, 0, sizeof seen);
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t k = 0; alive[i] && k < pool[i].count; k++)
			seen[((uint32_t *)pool[i].element)[k]]++;
	for (uint32_t e = 0; e < ELEMENTS; e++)
		assert_int_equal(seen[e] + (user[e] != FREE), 1);
}

static void missing(struct dpool *p, const void *held, uint32_t count)
{
	static bool there[ELEMENTS];

	memset(there, 0, sizeof there);
	for (uint32_t i = 0; i < count; i++)
		there[((const uint32_t *)held)[i]] = true;
	for (uint32_t e = 0; e < ELEMENTS; e++)
		if (!there[e] && user[e] == FREE)
			assert_int_equal(dpool_restore(p, &e), ERR_OK);
}

/* What the dead used is free again; the first of the living rebuilds. */
static void bury(void)
{
	uint32_t heir = 0;

	for (uint32_t e = 0; e < ELEMENTS; e++)
		if (user[e] != FREE && !alive[user[e]])
			user[e] = FREE;
	while (!alive[heir])
		heir++;
	if (carrier == &owning) {
		for (uint32_t e = 0; e < ELEMENTS; e++)
			if (!alive[owner[e]]) {
				owner[e] = heir;
				assert_int_equal(dpool_restore(&pool[heir], &e), ERR_OK);
			}
		return;
	}
	assert_int_equal(dpool_rebuild(&pool[heir], missing), ERR_OK);
}

static unsigned living(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < MEMBERS; i++)
		n += alive[i];
	return n;
}

static void operate(void)
{
	uint32_t i = draw(MEMBERS), e;

	if (!alive[i])
		return;
	switch (draw(5)) {
	case 0:
	case 1:
		e = draw(ELEMENTS);
		for (uint32_t k = 0; k < ELEMENTS && user[e] != i; k++)
			e = (e + 1) % ELEMENTS;
		if (user[e] != i)
			break;
		assert_int_equal(dpool_give(&pool[i], &e), ERR_OK);
		user[e] = FREE;
		break;
	case 2:
		dpool_work(&pool[i]);
		break;
	default:
		if (dpool_take(&pool[i], &e))
			break;
		assert_int_equal(user[e], FREE);
		user[e] = i;
	}
}

static void every_scheme_keeps_all(void **state)
{
	(void)state;
	for (unsigned s = 0; s < DPOOL_SCHEMES; s++) {
		members_open(&dpool_schemes[s]);
		seed = s;
		for (unsigned i = 0; i < 20000; i++) {
			operate();
			if (i % 100 == 0)
				check();
		}
		check();
		members_close();
	}
}

static void a_take_finds_what_there_is(void **state)
{
	uint32_t e;

	(void)state;
	for (unsigned s = 0; s < DPOOL_SCHEMES; s++) {
		members_open(&dpool_schemes[s]);
		for (unsigned i = 0; i < ELEMENTS; i++) {
			assert_int_equal(dpool_take(&pool[i % MEMBERS], &e), ERR_OK);
			assert_int_equal(user[e], FREE);
			user[e] = i % MEMBERS;
		}
		assert_int_equal(dpool_take(&pool[3], &e), ERR_NOT_FOUND);
		members_close();
	}
}

static void deaths(void)
{
	for (unsigned s = 0; s < DPOOL_SCHEMES; s++)
		for (unsigned run = 0; run < 60; run++) {
			members_open(&dpool_schemes[s]);
			seed = s * 1000 + run;
			for (unsigned i = 0; i < 3000 && living() > 1; i++) {
				unsigned before = living();

				if (i % 300 == 299)
					die_at = 1 + draw(4);
				operate();
				if (living() < before)
					bury();
			}
			die_at = 0;
			check();
			members_close();
		}
}

static void deaths_lose_nothing(void **state)
{
	(void)state;
	deaths();
}

static void deaths_lose_nothing_that_is_owned(void **state)
{
	(void)state;
	carrier = &owning;
	deaths();
	carrier = &transport;
}

static void who_leaves_hands_over(void **state)
{
	(void)state;
	members_open(dpool_scheme_find("bulk"));
	assert_int_equal(dpool_leave(&pool[0]), ERR_OK);
	alive[0] = false;
	check();
	members_close();
	assert_null(dpool_scheme_find("none"));
}

static void nonsense_is_refused(void **state)
{
	uint32_t word[3] = { 0 };

	(void)state;
	members_open(dpool_scheme_find("push"));
	assert_int_equal(dpool_told(&pool[1], 0, 2, word, 3), ERR_MESSAGE);
	assert_int_equal(dpool_told(&pool[1], 0, 2, word, 6), ERR_MESSAGE);
	assert_int_equal(dpool_told(&pool[1], 0, 99, word, 8), ERR_MESSAGE);
	assert_int_equal(dpool_told(&pool[1], 0, 4, word, 8), ERR_MESSAGE);
	check();
	members_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scheme_keeps_all), cmocka_unit_test(a_take_finds_what_there_is),
		cmocka_unit_test(deaths_lose_nothing),    cmocka_unit_test(who_leaves_hands_over),
		cmocka_unit_test(nonsense_is_refused),    cmocka_unit_test(deaths_lose_nothing_that_is_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
