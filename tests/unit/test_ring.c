/*
 * A pipe's memory that its users share.
 *
 * Oracle: what is read is a counting sequence in the order it was written, up to PIPE_RING_ATOMIC whole; nobody
 * sleeps through what he waits for; whatever somebody writes into the memory, no access leaves it (ASan) and each
 * call returns.
 */
/* needs: libos/pipe/ring.c */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/ninep/server.h"
#include "libos/pipe/ring.h"

#define STEPS 100000
#define RACE_BYTES 3000000u

static uint64_t random_state = 88172645463325252;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint32_t below(uint32_t n) { return (uint32_t)(random_next() >> 33) % n; }

/* On the heap by itself: ASan sees what goes beyond it. */
static struct pipe_ring *ring_make(void)
{
	struct pipe_ring *r = aligned_alloc(64, sizeof(*r));

	memset(r, 0, sizeof(*r));
	return r;
}

static void in_order(void **state)
{
	static uint8_t bytes[PIPE_RING_BYTES];
	struct pipe_ring *r = ring_make();
	uint8_t next_in = 0, next_out = 0;
	uint32_t fill = 0, wanted, some;

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		wanted = 1 + (below(4) ? below(PIPE_RING_ATOMIC + 10) : below(PIPE_RING_BYTES));
		if (below(2)) {
			for (uint32_t i = 0; i < wanted; i++)
				bytes[i] = (uint8_t)(next_in + i);
			some = pipe_ring_put(r, bytes, wanted);
			assert_true(some == wanted ||
				    (fill + wanted > PIPE_RING_BYTES &&
				     some == (wanted > PIPE_RING_ATOMIC ? PIPE_RING_BYTES - fill : 0)));
			next_in = (uint8_t)(next_in + some);
			fill += some;
		} else {
			some = pipe_ring_get(r, bytes, wanted);
			assert_int_equal(some, wanted < fill ? wanted : fill);
			for (uint32_t i = 0; i < some; i++)
				assert_int_equal(bytes[i], next_out++);
			fill -= some;
		}
		assert_int_equal(pipe_ring_fill(r), fill);
		assert_int_equal(pipe_ring_events(r, PIPE_READERS), fill ? NINEP_READY_IN : 0);
		assert_int_equal(pipe_ring_events(r, PIPE_WRITERS),
				 PIPE_RING_BYTES - fill >= PIPE_RING_ATOMIC ? NINEP_READY_OUT : 0);
	}
	r->side[PIPE_WRITERS].gone = r->side[PIPE_READERS].gone = 1;
	assert_true(pipe_ring_events(r, PIPE_READERS) & NINEP_READY_HANGUP);
	assert_int_equal(pipe_ring_events(r, PIPE_WRITERS), NINEP_READY_ERROR | NINEP_READY_OUT);
	free(r);
}

static void locks(void **state)
{
	struct pipe_side s = { 0 };

	(void)state;
	assert_true(pipe_side_try(&s, 7));
	assert_false(pipe_side_try(&s, 8));
	pipe_side_break(&s, 8); /* it is not that one's */
	assert_false(pipe_side_try(&s, 8));
	pipe_side_break(&s, 7);
	assert_true(pipe_side_try(&s, 8));
	pipe_side_unlock(&s);
	assert_int_equal(s.lock, 0);
	pipe_side_sleep(&s, 4);
	pipe_side_sleep(&s, PIPE_RING_SERVICE);
	assert_true(pipe_side_wake(&s) == (4 | PIPE_RING_SERVICE));
	assert_int_equal(pipe_side_wake(&s), 0);
}

static void hostile(void **state)
{
	static uint8_t bytes[2 * PIPE_RING_BYTES];
	struct pipe_ring *r = ring_make();

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned i = 0; i < 2; i++)
			r->side[i].position = below(3) ? random_next() : below(3) ? UINT64_MAX - below(9) : below(9);
		assert_true(pipe_ring_fill(r) <= PIPE_RING_BYTES && pipe_ring_space(r) <= PIPE_RING_BYTES);
		assert_true(pipe_ring_get(r, bytes, below(200)) < 200);
		assert_true(pipe_ring_put(r, bytes, below(200)) < 200);
		if (step % 64 == 0) {
			assert_true(pipe_ring_get(r, bytes, sizeof(bytes)) <= PIPE_RING_BYTES);
			assert_true(pipe_ring_put(r, bytes, sizeof(bytes)) <= PIPE_RING_BYTES);
		}
	}
	free(r);
}

/* --- two threads; a bell is a flag ---------------------------------------------------------------------- */

static struct pipe_ring *shared;
static uint32_t rung[2];

static void bell_ring(enum pipe_end end)
{
	if (pipe_side_wake(&shared->side[end]))
		__atomic_store_n(&rung[end], 1, __ATOMIC_RELEASE);
}

static uint32_t amount(enum pipe_end end)
{
	return end == PIPE_READERS ? pipe_ring_fill(shared) : pipe_ring_space(shared);
}

/* As a user does it: it waits for its bell alone, so one that is missed hangs the test. */
static void sleep_until(enum pipe_end end, uint32_t least)
{
	while (amount(end) < least) {
		pipe_side_sleep(&shared->side[end], 1);
		if (amount(end) >= least)
			return;
		while (!__atomic_exchange_n(&rung[end], 0, __ATOMIC_ACQUIRE))
			sched_yield();
	}
}

static void *writer(void *arg)
{
	static uint8_t out[PIPE_RING_ATOMIC];
	uint32_t some = 1;

	for (uint32_t done = 0; done < RACE_BYTES; done += some) {
		some = 1 + done * 7919u % PIPE_RING_ATOMIC;
		for (uint32_t i = 0; i < some; i++)
			out[i] = (uint8_t)(done + i);
		sleep_until(PIPE_WRITERS, PIPE_RING_ATOMIC);
		assert_true(pipe_side_try(&shared->side[PIPE_WRITERS], 1));
		assert_int_equal(pipe_ring_put(shared, out, some), some);
		pipe_side_unlock(&shared->side[PIPE_WRITERS]);
		bell_ring(PIPE_READERS);
	}
	return arg;
}

static void race(void **state)
{
	static uint8_t in[PIPE_RING_BYTES];
	uint32_t some, done;
	pthread_t thread;

	(void)state;
	shared = ring_make();
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	for (done = 0; done < RACE_BYTES; done += some) {
		sleep_until(PIPE_READERS, 1);
		assert_true(pipe_side_try(&shared->side[PIPE_READERS], 2));
		some = pipe_ring_get(shared, in, 1 + done * 31u % PIPE_RING_BYTES);
		pipe_side_unlock(&shared->side[PIPE_READERS]);
		for (uint32_t i = 0; i < some; i++)
			assert_int_equal(in[i], (uint8_t)(done + i));
		if (pipe_ring_space(shared) >= PIPE_RING_ATOMIC)
			bell_ring(PIPE_WRITERS);
	}
	pthread_join(thread, NULL);
	free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(locks),
		cmocka_unit_test(hostile),
		cmocka_unit_test(race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
