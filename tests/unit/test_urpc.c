/*
 * The URPC ring: order, window, acknowledgements, wrapping, sleeping, hostile peers.
 *
 * Oracle: what was sent comes out once, in order and whole; no more is taken in
 * than the ring holds; nothing outside the frame is touched (ASan, and the frame
 * ends at the allocation's end).
 */
/* needs: libos/fabric/urpc.c */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "libos/fabric/urpc.h"

#define FRAME_BYTES (2 * sizeof(struct urpc_inbox))

struct pair {
	void *frame;
	struct urpc side[2];
};

static void pair_open(struct pair *p)
{
	p->frame = aligned_alloc(CACHE_LINE, FRAME_BYTES);
	assert_non_null(p->frame);
	memset(p->frame, 0, FRAME_BYTES);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(urpc_init(&p->side[i], p->frame, FRAME_BYTES, i), ERR_OK);
}

/* Both sides as if `messages` messages had gone each way already. */
static void pair_age(struct pair *p, uint32_t messages)
{
	struct urpc_inbox *inbox = p->frame;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t at = URPC_WINDOW + messages * URPC_STEP;

		inbox[i].at.received = at;
		p->side[i].sent = p->side[i].acknowledged = at;
		p->side[i].limit = at + URPC_WINDOW;
		p->side[i].seen = p->side[i].fresh_from = at;
	}
}

static void message_fill(struct urpc_message *m, uint64_t n)
{
	for (unsigned i = 0; i < URPC_WORDS; i++)
		m->word[i] = n * URPC_WORDS + i;
}

static bool message_is(const struct urpc_message *m, uint64_t n)
{
	struct urpc_message want;

	message_fill(&want, n);
	return !memcmp(m->word, want.word, sizeof(want.word));
}

static unsigned send_all(struct urpc *u, uint64_t from)
{
	struct urpc_message m;
	unsigned n = 0;

	for (message_fill(&m, from); urpc_send(u, &m); message_fill(&m, from + n))
		n++;
	return n;
}

static unsigned receive_all(struct urpc *u, uint64_t from)
{
	struct urpc_message m;
	unsigned n = 0;

	while (urpc_receive(u, &m))
		assert_true(message_is(&m, from + n++));
	return n;
}

static void test_bad_arguments(void **state)
{
	static _Alignas(CACHE_LINE) char frame[FRAME_BYTES + CACHE_LINE];
	struct urpc u;

	(void)state;
	assert_int_equal(urpc_init(&u, frame, FRAME_BYTES - 1, 0), ERR_ARGUMENT);
	assert_int_equal(urpc_init(&u, frame, FRAME_BYTES, 2), ERR_ARGUMENT);
	assert_int_equal(urpc_init(&u, frame + 8, FRAME_BYTES, 0), ERR_ARGUMENT);
	assert_int_equal(urpc_init(&u, frame, 0, 0), ERR_ARGUMENT);
}

static void test_empty(void **state)
{
	struct urpc_message m;
	struct pair p;

	(void)state;
	pair_open(&p);
	for (unsigned i = 0; i < 2; i++) {
		assert_false(urpc_poll(&p.side[i]));
		assert_false(urpc_receive(&p.side[i], &m));
		assert_true(urpc_can_send(&p.side[i]));
	}
	free(p.frame);
}

/* The window closes after as many messages as there are lines, and opens when they are received. */
static void test_window(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	for (uint64_t round = 0; round < 5; round++) {
		assert_int_equal(send_all(&p.side[0], round * URPC_LINES), URPC_LINES);
		assert_false(urpc_can_send(&p.side[0]));
		assert_true(urpc_poll(&p.side[1]));
		assert_int_equal(receive_all(&p.side[1], round * URPC_LINES), URPC_LINES);
		assert_true(urpc_can_send(&p.side[0]));
	}
	free(p.frame);
}

/* Each message received makes room for exactly one. */
static void test_one_by_one(void **state)
{
	struct urpc_message m;
	struct pair p;
	uint64_t sent, received = 0;

	(void)state;
	pair_open(&p);
	sent = send_all(&p.side[0], 0);
	while (received < 10 * URPC_LINES) {
		assert_true(urpc_receive(&p.side[1], &m));
		assert_true(message_is(&m, received++));
		assert_int_equal(send_all(&p.side[0], sent), 1);
		sent++;
	}
	free(p.frame);
}

/* The first side may send before the second side exists. */
static void test_early_sender(void **state)
{
	void *frame = aligned_alloc(CACHE_LINE, FRAME_BYTES);
	struct urpc a, b;

	(void)state;
	assert_non_null(frame);
	memset(frame, 0, FRAME_BYTES);
	assert_int_equal(urpc_init(&a, frame, FRAME_BYTES, 0), ERR_OK);
	assert_int_equal(send_all(&a, 0), URPC_LINES);
	assert_false(urpc_can_send(&a));
	assert_int_equal(urpc_init(&b, frame, FRAME_BYTES, 1), ERR_OK);
	assert_int_equal(receive_all(&b, 0), URPC_LINES);
	assert_true(urpc_can_send(&a));
	free(frame);
}

/*
 * What rides on the answers opens the window: the peer's position line may hold
 * nonsense meanwhile.
 */
static void test_acknowledgement_rides(void **state)
{
	struct urpc_inbox *inbox;
	struct pair p;

	(void)state;
	pair_open(&p);
	inbox = p.frame;
	for (uint64_t i = 0; i < 100 * URPC_LINES; i++) {
		struct urpc_message m;
		uint32_t received;

		message_fill(&m, i);
		received = inbox[1].at.received;
		inbox[1].at.received = received - 12345; /* as long as the sender looks */
		assert_true(urpc_send(&p.side[0], &m));
		inbox[1].at.received = received;
		assert_true(urpc_receive(&p.side[1], &m));
		assert_true(message_is(&m, i));
		assert_true(urpc_send(&p.side[1], &m));
		assert_false(urpc_kick(&p.side[1]));
		assert_true(urpc_receive(&p.side[0], &m));
		assert_true(message_is(&m, i));
	}
	free(p.frame);
}

/* The positions wrap to 0 in the middle of traffic of every kind. */
static void test_position_wrap(void **state)
{
	struct pair p;

	(void)state;
	for (uint32_t before = 1; before < 4 * URPC_LINES; before += 3) {
		uint64_t base[2] = { 0, 0 };

		pair_open(&p);
		pair_age(&p, (UINT32_C(1) << 29) - before - URPC_LINES);
		for (unsigned round = 0; round < 24; round++)
			for (unsigned s = 0; s < 2; s++) {
				unsigned n = send_all(&p.side[s], base[s]);

				assert_int_equal(n, URPC_LINES);
				assert_int_equal(receive_all(&p.side[1 - s], base[s]), n);
				base[s] += n;
			}
		free(p.frame);
	}
}

/*
 * What rides on answers may be 2^29 messages old, and then looks like news: an
 * answer that lay unread, or answers of a peer that did not look at its window
 * since.  Neither may open the window.
 */
static void test_old_ride(void **state)
{
	struct urpc_inbox *inbox;
	struct urpc_message m = { .word = { 0 } };
	struct pair p;

	(void)state;
	pair_open(&p);
	inbox = p.frame;
	/* The peer's next 32 answers acknowledge 256; it has looked at its window just now. */
	p.side[1].acknowledged = 256;
	for (unsigned i = 0; i < URPC_LINES / 2; i++)
		assert_true(urpc_send(&p.side[1], &m));
	/* Our stream goes on in silence, and stands just beyond 256 again, with nothing received of the last window. */
	p.side[0].sent = p.side[0].limit = 256;
	inbox[1].at.received = 0;
	assert_false(urpc_can_send(&p.side[0]));
	p.side[0].sent = p.side[0].limit = 264;
	inbox[1].at.received = 8;
	for (unsigned i = 0; i < URPC_LINES / 2; i++) {
		assert_true(urpc_receive(&p.side[0], &m));
		assert_false(urpc_can_send(&p.side[0]));
	}
	/* More answers, sent now, but with what the peer knew then. */
	for (unsigned i = 0; i < URPC_LINES / 2; i++) {
		assert_true(urpc_send(&p.side[1], &m));
		assert_true(urpc_receive(&p.side[0], &m));
		assert_false(urpc_can_send(&p.side[0]));
	}
	free(p.frame);
}

static void test_sleep(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_false(urpc_kick(&p.side[0]));
	assert_true(urpc_sleep_prepare(&p.side[1]));
	assert_true(urpc_peer_asleep(&p.side[0]));
	assert_true(urpc_send(&p.side[0], &m));
	assert_true(urpc_kick(&p.side[0]));
	assert_false(urpc_kick(&p.side[0])); /* one notification is enough */
	urpc_sleep_cancel(&p.side[1]);
	assert_false(urpc_sleep_prepare(&p.side[1])); /* a message is there */
	assert_false(urpc_peer_asleep(&p.side[0]));
	assert_true(urpc_receive(&p.side[1], &m));
	free(p.frame);
}

static void test_starve(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	send_all(&p.side[0], 0);
	assert_false(urpc_peer_starved(&p.side[1]));
	urpc_starve_mark(&p.side[0]);
	receive_all(&p.side[1], 0);
	assert_true(urpc_peer_starved(&p.side[1]));
	assert_false(urpc_peer_starved(&p.side[1]));
	assert_true(urpc_can_send(&p.side[0]));
	urpc_starve_cancel(&p.side[0]);
	free(p.frame);
}

static void test_close(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(send_all(&p.side[0], 0), URPC_LINES);
	urpc_close(&p.side[0]);
	assert_false(urpc_peer_closed(&p.side[1])); /* first what it sent */
	assert_int_equal(receive_all(&p.side[1], 0), URPC_LINES);
	assert_true(urpc_peer_closed(&p.side[1]));
	assert_false(urpc_peer_closed(&p.side[0]));
	free(p.frame);
}

static void test_hint(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct pair p;
	uint8_t hint = 0;

	(void)state;
	pair_open(&p);
	urpc_use_hint(&p.side[0], &hint);
	assert_true(urpc_send(&p.side[0], &m));
	assert_false(urpc_kick(&p.side[0]));
	assert_int_equal(hint, 1);
	hint = 0;
	urpc_sleep_mark(&p.side[1]);
	assert_true(urpc_kick(&p.side[0])); /* the doorbell is the channel's own all the same */
	assert_int_equal(hint, 1);
	assert_false(urpc_kick(&p.side[0]));
	free(p.frame);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/*
 * The peer writes anything anywhere in the frame between any two calls. Every call
 * returns, and touches nothing outside.
 */
static void test_hostile(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct pair p;
	uint32_t *word;

	(void)state;
	pair_open(&p);
	word = p.frame;
	for (unsigned i = 0; i < 1000000; i++) {
		struct urpc *u = &p.side[0];
		size_t at = random_next() % (FRAME_BYTES / 4);

		word[at] = random_next() % 4 ? (uint32_t)random_next() : u->own->at.received;
		switch (random_next() % 8) {
		case 0:
			urpc_receive(u, &m);
			break;
		case 1:
			urpc_poll(u);
			break;
		case 2:
			urpc_kick(u);
			break;
		case 3:
			urpc_sleep_prepare(u);
			break;
		case 4:
			urpc_peer_closed(u);
			break;
		case 5:
			urpc_peer_starved(u);
			break;
		default:
			urpc_send(u, &m);
			break;
		}
	}
	free(p.frame);
}

/* However the peer's position moves, no more is sent than a window beyond what it could have received. */
static void test_hostile_window(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct pair p;

	(void)state;
	pair_open(&p);
	for (unsigned i = 0; i < 100000; i++) {
		struct urpc_inbox *peer = p.side[0].peer;
		uint32_t acknowledged = p.side[0].limit - URPC_WINDOW;
		uint32_t sent;

		peer->at.received = (uint32_t)random_next();
		if (random_next() % 2)
			peer->at.received = acknowledged + (uint32_t)(random_next() % 1024 - 512);
		urpc_send(&p.side[0], &m);
		sent = p.side[0].sent;
		assert_true(sent - (p.side[0].limit - URPC_WINDOW) <= URPC_WINDOW);
	}
	free(p.frame);
}

/* --- two threads -------------------------------------------------------------------- */

#define STREAM 200000
#define ROUNDS 20000

static void wait_a_little(unsigned n)
{
	cpu_pause();
	if (n % 64 == 63)
		sched_yield(); /* on a machine with one processor the peer needs it */
}

static void receive_spinning(struct urpc *u, struct urpc_message *m)
{
	for (unsigned n = 0; !urpc_receive(u, m); n++)
		wait_a_little(n);
}

static void send_spinning(struct urpc *u, const struct urpc_message *m)
{
	for (unsigned n = 0; !urpc_send(u, m); n++)
		wait_a_little(n);
}

static void *stream_receiver(void *arg)
{
	struct urpc *u = arg;
	struct urpc_message m;
	uintptr_t wrong = 0;

	for (uint64_t i = 0; i < STREAM; i++) {
		receive_spinning(u, &m);
		wrong += !message_is(&m, i);
	}
	return (void *)wrong;
}

static void test_stream(void **state)
{
	struct urpc_message m;
	pthread_t peer;
	struct pair p;
	void *wrong;

	(void)state;
	pair_open(&p);
	assert_int_equal(pthread_create(&peer, NULL, stream_receiver, &p.side[1]), 0);
	for (uint64_t i = 0; i < STREAM; i++) {
		message_fill(&m, i);
		send_spinning(&p.side[0], &m);
	}
	pthread_join(peer, &wrong);
	assert_null(wrong);
	free(p.frame);
}

static void *echo(void *arg)
{
	struct urpc *u = arg;
	struct urpc_message m;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		receive_spinning(u, &m);
		m.word[0]++;
		send_spinning(u, &m);
	}
	return NULL;
}

static void test_rounds(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	pthread_t peer;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pthread_create(&peer, NULL, echo, &p.side[1]), 0);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		send_spinning(&p.side[0], &m);
		receive_spinning(&p.side[0], &m);
		assert_int_equal(m.word[0], i + 1);
	}
	pthread_join(peer, NULL);
	free(p.frame);
}

/*
 * Store buffering: the sender sends one message and kicks, the receiver goes to
 * sleep, both at once.  Either it finds the message or the sender finds it asleep.
 * The threads meet by spinning, or they would never be so close. Where others take the processors a race takes long:
 * then there are fewer.
 */
#define RACES 100000
#define RACES_SECONDS 20
#define OVER UINT32_MAX /* in place of a round: there are no more */

struct race {
	struct pair pair;
	_Alignas(2 * CACHE_LINE) uint32_t start; /* rounds that the sender has begun */
	_Alignas(2 * CACHE_LINE) uint32_t end;   /* ... that the receiver has ended */
	bool slept;
};

static bool await(const uint32_t *word, uint32_t value)
{
	uint32_t is;

	for (unsigned n = 0; (is = mem_load32_acquire(word)) != value && is != OVER; n++)
		if (n % 4096 == 4095)
			sched_yield();
	return is == value;
}

static void delay(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

static void *race_receiver(void *arg)
{
	struct race *r = arg;
	struct urpc *u = &r->pair.side[1];
	struct urpc_message m;

	for (uint32_t i = 1; await(&r->start, i); i++) {
		delay(i % 32);
		r->slept = urpc_sleep_prepare(u);
		mem_store32_release(&r->end, i);
		await(&r->start, i + 1 + RACES); /* the sender is done, too */
		urpc_sleep_cancel(u);
		if (!urpc_receive(u, &m))
			return r;
		mem_store32_release(&r->end, i + RACES);
	}
	return NULL;
}

static void test_no_lost_wakeup(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct race r = { .start = 0 };
	struct urpc *u = &r.pair.side[0];
	pthread_t peer;
	void *failed;
	unsigned lost = 0;
	time_t end = time(NULL) + RACES_SECONDS;

	(void)state;
	pair_open(&r.pair);
	assert_int_equal(pthread_create(&peer, NULL, race_receiver, &r), 0);
	for (uint32_t i = 1; i <= RACES && time(NULL) < end; i++) {
		bool notified;

		mem_store32_release(&r.start, i);
		delay(i / 32 % 32);
		urpc_send(u, &m);
		notified = urpc_kick(u);
		await(&r.end, i);
		lost += r.slept && !notified;
		mem_store32_release(&r.start, i + 1 + RACES);
		await(&r.end, i + RACES);
	}
	mem_store32_release(&r.start, OVER);
	pthread_join(peer, &failed);
	assert_int_equal(lost, 0);
	assert_null(failed);
	free(r.pair.frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_arguments),  cmocka_unit_test(test_empty),
		cmocka_unit_test(test_window),         cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_early_sender),   cmocka_unit_test(test_acknowledgement_rides),
		cmocka_unit_test(test_position_wrap),  cmocka_unit_test(test_old_ride),
		cmocka_unit_test(test_sleep),          cmocka_unit_test(test_starve),
		cmocka_unit_test(test_close),          cmocka_unit_test(test_hint),
		cmocka_unit_test(test_hostile),        cmocka_unit_test(test_hostile_window),
		cmocka_unit_test(test_stream),         cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_no_lost_wakeup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
