/*
 * Generated stubs and their runtime over the hosted fabric: clients and servers are parties of
 * their own (baton.h).
 *
 * Oracle: what the sample service's handlers compute; a ledger of what was done, for calls that are
 * repeated; the runtime's own counts of what it dropped; and that no test hangs.
 */
/* needs: libos/rpc/client.c libos/rpc/client_answer.c libos/rpc/client_send.c libos/rpc/call.c libos/rpc/server.c libos/rpc/connection.c libos/rpc/answer.c libos/rpc/words.c */
/* needs: services/sample/sample.c tests/unit/baton.c libos/fabric/urpc.c libos/fabric/channel.c */
/* needs: build/gen/services/sample/sample_client.c build/gen/services/sample/sample_server.c */
/* needs: libos/fabric/channel_urpc.c libos/fabric/wait.c libos/fabric/wait_board.c libos/fabric/hint.c */
/* needs: libos/fabric/hosted/hosted.c libos/fabric/hosted/looks.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/sample/sample.h"
#include "services/sample/sample_client.h"
#include "tests/unit/baton.h"

#define IN_FLIGHT 100
#define SENT_AHEAD 5000

static struct hosted_world world;
static struct party party; /* the test's own */
static struct fabric *fabric;

/* Capabilities are numbers here. */
err_t rpc_cap_send(struct channel *c, cptr_t cap, uint64_t *ticket)
{
	(void)c;
	*ticket = cap + 1000;
	return cap ? ERR_OK : ERR_CAP_LOOKUP;
}

err_t rpc_cap_receive(struct channel *c, uint64_t ticket, cptr_t *slot)
{
	(void)c;
	*slot = ticket - 1000;
	return ERR_OK;
}

/* --- servers -------------------------------------------------------------------------- */

/* A service in a thread of this program's. */
struct house {
	const char *name;
	uint32_t threads_max; /* 0: as usual */
	bool inner;           /* the sample interface is one that handlers of its servers call */
	const struct rpc_hooks *hooks;
	const struct sample_handlers *handlers; /* NULL: the sample service's */
	struct party party;
	struct sample sample;
	pthread_t pthread;
	pthread_mutex_t lock; /* held till it serves */
	struct rpc_stats stats;
};

static void *house_main(void *arg)
{
	struct house *h = arg;

	party_enter(&h->party, &world);
	assert_int_equal(sample_init(&h->sample, &h->party.hosted.fabric), ERR_OK);
	if (h->handlers)
		h->sample.server.handlers[SAMPLE_INTERFACE] = h->handlers;
	if (h->threads_max)
		h->sample.server.threads_max = h->threads_max;
	if (h->inner)
		h->sample.server.inner = 1u << SAMPLE_INTERFACE;
	h->sample.server.hooks = h->hooks;
	assert_int_equal(rpc_server_export(&h->sample.server, h->name), ERR_OK);
	pthread_mutex_unlock(&h->lock);
	assert_int_equal(rpc_serve(&h->sample.server), ERR_OK);
	h->stats = h->sample.server.stats;
	rpc_server_destroy(&h->sample.server);
	party_leave(&h->party);
	return NULL;
}

/* The lock is given on from this thread to the other: a semaphore would do, but cmocka's programs have none. */
static void house_open(struct house *h)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutex_init(&h->lock, &a);
	pthread_mutexattr_destroy(&a);
	pthread_mutex_lock(&h->lock);
	assert_int_equal(pthread_create(&h->pthread, NULL, house_main, h), 0);
	pthread_mutex_lock(&h->lock);
}

/* Ends it by a call, and gives its counts. */
static struct rpc_stats house_close(struct house *h)
{
	struct rpc_client c;

	assert_int_equal(rpc_connect(&c, fabric, NULL, h->name), ERR_OK);
	assert_int_equal(sample_stop(&c), ERR_OK);
	rpc_client_close(&c);
	pthread_join(h->pthread, NULL);
	pthread_mutex_unlock(&h->lock);
	pthread_mutex_destroy(&h->lock);
	return h->stats;
}

static void connect_to(struct rpc_client *c, const char *name)
{
	assert_int_equal(rpc_connect(c, fabric, NULL, name), ERR_OK);
}

static int world_open(void **state)
{
	(void)state;
	hosted_world_init(&world);
	party_enter(&party, &world);
	fabric = &party.hosted.fabric;
	return 0;
}

static int world_close(void **state)
{
	(void)state;
	party_leave(&party);
	hosted_world_destroy(&world);
	return 0;
}

/* --- parameters --------------------------------------------------------------------------- */

static void numbers_and_structs_go_both_ways(void **state)
{
	struct house h = { .name = "sample" };
	struct sample_point far, b = { 7, 24 };
	struct sample_stat stat;
	struct rpc_client c;
	uint64_t sum, number = 21;
	bool first;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	assert_int_equal(sample_add(&c, UINT32_MAX, 2, &sum), ERR_OK);
	assert_int_equal(sum, UINT64_C(0x100000001));
	assert_int_equal(sample_far(&c, (struct sample_point){ 30, 40 }, &b, &far, &first), ERR_OK);
	assert_true(first && far.x == 30 && far.y == 40);
	assert_int_equal(sample_stat(&c, &stat), ERR_OK);
	assert_true(stat.calls == 1 && stat.far.x == 30);
	assert_int_equal(sample_twice(&c, &number), ERR_OK);
	assert_int_equal(number, 42);
	assert_int_equal(sample_note(&c, 1, 2, 3, 4, 5, 6), ERR_OK);
	assert_int_equal(sample_line(&c, 1, 2, 3, 4, 5, 6, &sum), ERR_OK);
	assert_int_equal(sum, 42);
	rpc_client_close(&c);
	assert_int_equal(house_close(&h).malformed, 0);
}

static void text_and_arrays_go_both_ways(void **state)
{
	struct house h = { .name = "sample" };
	static uint8_t bytes[SAMPLE_BYTES + 1];
	char text[SAMPLE_TEXT + 2], reversed[SAMPLE_TEXT + 1];
	struct sample_point in[2] = { { 1, 2 }, { 3, 4 } }, out[SAMPLE_POINTS];
	uint32_t count = SAMPLE_POINTS;
	size_t length = SAMPLE_BYTES;
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	memset(text, 'x', sizeof(text));
	text[SAMPLE_TEXT] = 0;
	assert_int_equal(sample_reverse(&c, text, reversed), ERR_OK);
	assert_int_equal(strlen(reversed), SAMPLE_TEXT);
	text[SAMPLE_TEXT] = 'x';
	text[SAMPLE_TEXT + 1] = 0;
	assert_int_equal(sample_reverse(&c, text, reversed), ERR_TOO_LONG);
	assert_int_equal(sample_reverse(&c, "", reversed), ERR_ARGUMENT);
	assert_int_equal(sample_fill(&c, 3, bytes, &length), ERR_OK);
	assert_true(length == SAMPLE_BYTES && bytes[0] == 3 && bytes[SAMPLE_BYTES - 1] == (uint8_t)(SAMPLE_BYTES + 2));
	assert_int_equal(sample_sum(&c, bytes, SAMPLE_BYTES + 1, &sum), ERR_TOO_LONG);
	assert_int_equal(sample_sum(&c, bytes, 2, &sum), ERR_OK);
	assert_int_equal(sum, 7);
	assert_int_equal(sample_sum(&c, NULL, 0, &sum), ERR_OK);
	assert_int_equal(sample_mirror(&c, in, 2, out, &count), ERR_OK);
	assert_true(count == 2 && out[0].x == 2 && out[1].y == 3);
	count = 1;
	assert_int_equal(sample_mirror(&c, in, 2, out, &count), ERR_TOO_LONG);
	rpc_client_close(&c);
	house_close(&h);
}

static void serialisers_and_capabilities(void **state)
{
	struct house h = { .name = "sample" };
	struct sample_list list = { .name = { (char *)"oak", (char *)"elm" }, .count = 2 }, capitals;
	struct rpc_client c;
	cptr_t frame;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	assert_int_equal(sample_capitals(&c, &list, &capitals), ERR_OK);
	assert_int_equal(capitals.count, 2);
	assert_string_equal(capitals.name[1], "ELM");
	sample_list_free(&capitals);
	assert_int_equal(sample_kept(&c, &frame), ERR_NOT_FOUND);
	assert_int_equal(sample_keep(&c, 0), ERR_CAP_LOOKUP);
	assert_int_equal(sample_keep(&c, 77), ERR_OK);
	assert_int_equal(sample_kept(&c, &frame), ERR_OK);
	assert_int_equal(frame, 77);
	rpc_client_close(&c);
	house_close(&h);
}

static void handlers_that_are_not_there(void **state)
{
	static const struct sample_handlers few = { .stop = NULL };
	struct sample_handlers some = few;
	struct house h = { .name = "sample", .handlers = &some };
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	some.stop = sample_handlers.stop;
	house_open(&h);
	connect_to(&c, "sample");
	assert_int_equal(sample_add(&c, 1, 2, &sum), ERR_UNSUPPORTED);
	assert_int_equal(sample_note(&c, 1, 2, 3, 4, 5, 6), ERR_OK);
	rpc_client_close(&c);
	house_close(&h);
}

/* --- many at a time -------------------------------------------------------------------------- */

static void calls_in_flight_finish_in_any_order(void **state)
{
	static struct rpc_pending p[IN_FLIGHT];
	struct house h = { .name = "sample" };
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(sample_add_start(&c, &p[i], i, 1000), ERR_OK);
	for (uint32_t i = 20; i-- > 0;) {
		assert_int_equal(sample_add_finish(&p[i], &sum), ERR_OK);
		assert_int_equal(sum, i + 1000);
	}
	rpc_client_close(&c);
	house_close(&h);
}

static void packed_once_sent_often(void **state)
{
	struct house h = { .name = "sample" };
	uint64_t words[64];
	struct rpc_packed m = { .word = words, .room = 3 }, note = { .word = words + 32, .room = 32 };
	struct rpc_pending p;
	char reversed[SAMPLE_TEXT + 1];
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	assert_int_equal(sample_reverse_pack(&m, "a long text, longer than a line of a message is"), ERR_TOO_LONG);
	m.room = 32;
	assert_int_equal(sample_reverse_pack(&m, "a long text, longer than a line of a message is"), ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rpc_start_packed(&c, &p, &m), ERR_OK);
		assert_int_equal(sample_reverse_finish(&p, reversed), ERR_OK);
		assert_string_equal(reversed, "si egassem a fo enil a naht regnol ,txet gnol a");
	}
	assert_int_equal(sample_note_pack(&note, 1, 1, 1, 1, 1, 1), ERR_OK);
	assert_int_equal(rpc_send_packed(&c, &note), ERR_OK);
	assert_int_equal(sample_line(&c, 0, 0, 0, 0, 0, 0, &sum), ERR_OK);
	assert_int_equal(sum, 6);
	rpc_client_close(&c);
	house_close(&h);
}

static void broadcast_reaches_all(void **state)
{
	static struct house h[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
	struct rpc_client c[3], *all[40];
	uint64_t sum[40];
	err_t results[40];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		house_open(&h[i]);
		connect_to(&c[i], h[i].name);
	}
	for (unsigned i = 0; i < 40; i++)
		all[i] = &c[i % 2];
	sample_add_broadcast(all, 40, results, 20, 3, sum);
	for (unsigned i = 0; i < 40; i++)
		assert_true(results[i] == ERR_OK && sum[i] == 23);
	all[1] = &c[2];
	rpc_client_close(&c[2]);
	sample_note_broadcast(all, 2, results, 1, 2, 3, 4, 5, 6);
	assert_true(results[0] == ERR_OK && results[1] == ERR_CLOSED);
	sample_add_broadcast(all, 2, results, 1, 1, sum);
	assert_true(results[0] == ERR_OK && sum[0] == 2 && results[1] == ERR_CLOSED);
	for (unsigned i = 0; i < 3; i++) {
		rpc_client_close(&c[i]);
		house_close(&h[i]);
	}
}

struct share {
	struct rpc_client *client;
	uint32_t number;
	bool wrong;
};

static void *share_main(void *arg)
{
	struct share *s = arg;
	uint64_t sum, opener;

	for (uint32_t i = 0; i < 200; i++) {
		s->wrong |= sample_add(s->client, i, s->number, &sum) || sum != (uint64_t)i + s->number;
		if (i % 50 == s->number)
			s->wrong |= sample_open(s->client, 99, &opener) != ERR_OK;
	}
	return NULL;
}

static void *wait_main(void *arg)
{
	struct share *s = arg;
	uint64_t opener;

	s->wrong = sample_wait(s->client, s->number, &opener) != ERR_OK;
	return NULL;
}

/* One thread's answer comes while another waits for one that does not. */
static void threads_share_a_client(void **state)
{
	struct house h = { .name = "sample" };
	struct share share[4], waiter;
	struct thread *t[4], *w;
	struct rpc_client c;
	uint64_t opened = 0;

	(void)state;
	house_open(&h);
	rpc_client_init(&c, fabric, NULL);
	rpc_client_share(&c);
	assert_int_equal(rpc_client_open(&c, "sample"), ERR_OK);
	waiter = (struct share){ .client = &c, .number = 5 };
	assert_int_equal(thread_create(&w, wait_main, &waiter), ERR_OK);
	thread_yield();
	for (uint32_t i = 0; i < 4; i++) {
		share[i] = (struct share){ .client = &c, .number = i };
		assert_int_equal(thread_create(&t[i], share_main, &share[i]), ERR_OK);
	}
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(thread_join(t[i], NULL), ERR_OK);
		assert_false(share[i].wrong);
	}
	while (!opened) {
		assert_int_equal(sample_open(&c, 5, &opened), ERR_OK);
		thread_yield();
	}
	assert_int_equal(thread_join(w, NULL), ERR_OK);
	assert_false(waiter.wrong);
	rpc_client_close(&c);
	house_close(&h);
}

/* --- handlers that call --------------------------------------------------------------------------- */

static void a_handler_that_waits_holds_nobody_up(void **state)
{
	static struct rpc_pending p[8];
	struct house front = { .name = "front" }, back = { .name = "back" };
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	house_open(&front);
	house_open(&back);
	connect_to(&c, "front");
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(sample_relay_start(&c, &p[i], "back", i, 7), ERR_OK);
	assert_int_equal(sample_add(&c, 1, 1, &sum), ERR_OK);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(sample_relay_finish(&p[i], &sum), ERR_OK);
		assert_int_equal(sum, i + 7);
	}
	assert_int_equal(sample_relay(&c, "nobody", 1, 2, &sum), ERR_NOT_FOUND);
	rpc_client_close(&c);
	assert_true(house_close(&front).malformed == 0);
	house_close(&back);
}

/* Two threads: one for a handler that waits, one for the loop. The others' messages wait, and none is lost. */
static void a_pool_that_is_used_up(void **state)
{
	static struct rpc_pending p[12];
	struct house front = { .name = "front", .threads_max = 3 }, back = { .name = "back" };
	struct rpc_client c, other;
	uint64_t sum;

	(void)state;
	house_open(&front);
	house_open(&back);
	connect_to(&c, "front");
	connect_to(&other, "front");
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(sample_relay_start(i % 2 ? &c : &other, &p[i], "back", i, 7), ERR_OK);
	for (uint32_t i = 0; i < 12; i++) {
		assert_int_equal(sample_relay_finish(&p[i], &sum), ERR_OK);
		assert_int_equal(sum, i + 7);
	}
	rpc_client_close(&c);
	rpc_client_close(&other);
	assert_true(house_close(&front).paused == 0);
	house_close(&back);
}

static struct event gate;

static err_t gate_wait(struct rpc_call *call, uint64_t number, uint64_t *opener)
{
	rpc_release(call->server);
	event_wait(&gate, 0);
	event_signal(&gate); /* the next one */
	*opener = number;
	return ERR_OK;
}

static err_t gate_open(struct rpc_call *call, uint64_t number, uint64_t *count_out)
{
	(void)call;
	*count_out = number;
	event_signal(&gate);
	return ERR_OK;
}

static err_t gate_stop(struct rpc_call *call)
{
	rpc_server_stop(call->server);
	return ERR_OK;
}

static err_t gate_add(struct rpc_call *call, uint32_t a, uint32_t b, uint64_t *sum)
{
	(void)call;
	*sum = (uint64_t)a + b;
	return ERR_OK;
}

static const struct sample_handlers gated = {
	.wait = gate_wait, .open = gate_open, .stop = gate_stop, .add = gate_add
};

/* More handlers wait than clients' calls may have threads, and for one who says hello only then. */
static void who_comes_later_is_let_in(void **state)
{
	static struct rpc_pending p[6];
	struct house h = { .name = "sample", .threads_max = 2, .inner = true, .handlers = &gated };
	struct rpc_client c, later;
	uint64_t number;

	(void)state;
	event_init(&gate);
	house_open(&h);
	connect_to(&c, "sample");
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(sample_wait_start(&c, &p[i], i), ERR_OK);
	assert_int_equal(sample_add(&c, 1, 2, &number), ERR_OK); /* all wait by now */
	connect_to(&later, "sample");
	assert_int_equal(sample_open(&later, 0, &number), ERR_OK);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(sample_wait_finish(&p[i], &number), ERR_OK);
		assert_int_equal(number, i);
	}
	rpc_client_close(&c);
	rpc_client_close(&later);
	assert_true(house_close(&h).malformed == 0);
}

/* --- peers that go --------------------------------------------------------------------------------- */

static err_t renew_second(struct rpc_client *c)
{
	++*(unsigned *)c->tag;
	return rpc_client_open(c, "second");
}

/* Of the calls that came again: what was done for them before. */
static uint64_t remembered;
static unsigned asked, noted;

static err_t seen_before(struct rpc_call *call, struct rpc_answer *answer)
{
	asked++;
	assert_true(rpc_call_repeated(call) && rpc_call_identity(call));
	if (!remembered)
		return ERR_NOT_FOUND;
	*answer = (struct rpc_answer){ .words = 1, .word = &remembered };
	return ERR_OK;
}

static void answered_now(struct rpc_call *call, const struct rpc_answer *answer)
{
	(void)call;
	assert_true(answer->err || answer->words <= 1);
	noted++;
}

/* A service that takes calls and ends without an answer. */
static err_t count_never(struct rpc_call *call, uint64_t add, uint64_t *before)
{
	struct rpc_later l;

	(void)add, (void)before;
	rpc_later(call, &l);
	rpc_server_stop(call->server);
	rpc_later_end(&l);
	return ERR_OK;
}

static err_t add_never(struct rpc_call *call, uint32_t a, uint32_t b, uint64_t *sum)
{
	(void)a, (void)b;
	return count_never(call, 0, sum);
}

static const struct sample_handlers dying = { .count = count_never, .add = add_never };

/* A client whose first service dies with its call, and who knows a second. */
static void call_of_the_dead(struct house *first, struct rpc_client *c, unsigned *renewals)
{
	*renewals = 0;
	first->name = "first";
	first->handlers = &dying;
	house_open(first);
	connect_to(c, "first");
	c->renew = renew_second;
	c->tag = renewals;
}

static void house_died(struct house *h)
{
	pthread_join(h->pthread, NULL);
	pthread_mutex_unlock(&h->lock);
	pthread_mutex_destroy(&h->lock);
}

static void an_idempotent_call_is_repeated_elsewhere(void **state)
{
	struct house first = { 0 }, second = { .name = "second" };
	struct rpc_client c;
	unsigned renewals;
	uint64_t sum;

	(void)state;
	house_open(&second);
	call_of_the_dead(&first, &c, &renewals);
	assert_int_equal(sample_add(&c, 3, 4, &sum), ERR_OK);
	assert_true(sum == 7 && renewals == 1);
	house_died(&first);
	rpc_client_close(&c);
	assert_int_equal(sample_add(&c, 3, 4, &sum), ERR_CLOSED);
	house_close(&second);
}

static void another_is_not_unless_the_service_remembers(void **state)
{
	static const struct rpc_hooks hooks = { .seen = seen_before, .answered = answered_now };
	struct house first = { 0 }, second = { .name = "second" };
	struct rpc_client c;
	unsigned renewals;
	uint64_t before;

	(void)state;
	/* It cannot tell: the caller hears. */
	house_open(&second);
	call_of_the_dead(&first, &c, &renewals);
	assert_int_equal(sample_count(&c, 5, &before), ERR_CLOSED);
	assert_int_equal(sample_count(&c, 5, &before), ERR_OK); /* a new call */
	assert_int_equal(before, 0);
	house_died(&first);
	rpc_client_close(&c);
	house_close(&second);
	/* It has never seen it: it does it. Then it remembers. */
	for (remembered = 0; remembered < 1000; remembered += 999) {
		asked = noted = 0;
		second = (struct house){ .name = "second", .hooks = &hooks };
		house_open(&second);
		call_of_the_dead(&first, &c, &renewals);
		assert_int_equal(sample_count(&c, 5, &before), ERR_OK);
		assert_int_equal(before, remembered);
		assert_true(asked == 1 && noted == !remembered && renewals == 1);
		house_died(&first);
		rpc_client_close(&c);
		assert_true(second.sample.stat.sum == (remembered ? 0 : 5));
		house_close(&second);
		first = (struct house){ 0 };
	}
}

/* Houses that die one after the other, each by the call that it gets; the last one does not. */
#define DYING 20

static struct house row[DYING + 1];
static unsigned row_at;

/* Each has a name of its own: its client hears that the one before has died while that still has its name. */
static void row_open(void)
{
	static char name[DYING + 1][12];
	struct house *h = &row[row_at];

	snprintf(name[row_at], sizeof(name[row_at]), "row%u", row_at);
	*h = (struct house){ .name = name[row_at], .handlers = row_at < DYING ? &dying : NULL };
	house_open(h);
}

static err_t renew_next(struct rpc_client *c)
{
	row_at++;
	row_open();
	return rpc_client_open(c, row[row_at].name);
}

static err_t call_in_a_row(cycles_t calm, unsigned *deaths)
{
	struct rpc_client c;
	uint64_t sum = 0;
	err_t err;

	row_at = 0;
	row_open();
	connect_to(&c, row[0].name);
	c.renew = renew_next;
	c.calm = calm;
	err = sample_add(&c, 3, 4, &sum);
	assert_true(err || sum == 7);
	rpc_client_close(&c);
	*deaths = row_at + (err != ERR_OK);
	for (unsigned i = 0; i < *deaths; i++)
		house_died(&row[i]);
	if (!err)
		house_close(&row[row_at]);
	return err;
}

static void a_call_outlives_many_peers_in_time_but_not_at_once(void **state)
{
	unsigned deaths;

	(void)state;
	assert_int_equal(call_in_a_row(0, &deaths), ERR_CLOSED);
	assert_int_equal(deaths, RPC_REPEATS + 1);
	assert_int_equal(call_in_a_row(UINT64_MAX, &deaths), ERR_CLOSED);
	assert_int_equal(deaths, RPC_REPEATS + 1);
	/* In no time all is forgotten. */
	assert_int_equal(call_in_a_row(1, &deaths), ERR_OK);
	assert_int_equal(deaths, DYING);
}

static struct mailbox elsewhere;

static err_t add_redirected(struct rpc_call *call, uint32_t a, uint32_t b, uint64_t *sum)
{
	(void)a, (void)b, (void)sum;
	return rpc_redirect(call, &elsewhere);
}

static err_t follow(struct rpc_client *c, struct rpc_client *way, const struct mailbox *to)
{
	(void)c;
	return rpc_client_open_at(way, to);
}

static void a_redirected_call_goes_elsewhere(void **state)
{
	struct sample_handlers redirecting = sample_handlers;
	struct house first = { .name = "first", .handlers = &redirecting }, second = { .name = "second" };
	struct rpc_client c;
	uint64_t sum;

	(void)state;
	redirecting.add = add_redirected;
	house_open(&first);
	house_open(&second);
	elsewhere = service_mailbox(&second.sample.server.service);
	connect_to(&c, "first");
	assert_int_equal(sample_add(&c, 3, 4, &sum), ERR_REDIRECT);
	c.redirect = follow;
	assert_int_equal(sample_add(&c, 3, 4, &sum), ERR_OK);
	assert_int_equal(sum, 7);
	rpc_client_close(&c);
	house_close(&first);
	house_close(&second);
}

/*
 * A call of another thread's waits at the first, and is answered there; the one that is redirected does not wait for
 * it, and is answered all the same. Nobody opens anything there meanwhile.
 */
static void a_redirected_call_waits_for_no_other(void **state)
{
	struct sample_handlers redirecting = sample_handlers;
	struct house first = { .name = "first", .handlers = &redirecting }, second = { .name = "second" };
	struct share waiter = { .number = 5 };
	struct rpc_client c, opener;
	uint64_t opened = 0, sum;
	struct thread *t;

	(void)state;
	redirecting.add = add_redirected;
	house_open(&first);
	house_open(&second);
	elsewhere = service_mailbox(&second.sample.server.service);
	rpc_client_init(&c, fabric, NULL);
	rpc_client_share(&c);
	c.redirect = follow;
	assert_int_equal(rpc_client_open(&c, "first"), ERR_OK);
	waiter.client = &c;
	assert_int_equal(thread_create(&t, wait_main, &waiter), ERR_OK);
	while (!c.calls) /* till its call is under way */
		thread_yield();
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sample_add(&c, i, 4, &sum), ERR_OK);
		assert_int_equal(sum, i + 4);
		assert_int_equal(rpc_client_open(&c, "second"), ERR_AGAIN);
	}
	connect_to(&opener, "first");
	while (!opened) {
		assert_int_equal(sample_open(&opener, 5, &opened), ERR_OK);
		thread_yield();
	}
	assert_int_equal(thread_join(t, NULL), ERR_OK);
	assert_false(waiter.wrong);
	/* Alone it goes there itself. */
	assert_int_equal(sample_add(&c, 3, 4, &sum), ERR_OK);
	assert_int_equal(sum, 7);
	rpc_client_close(&opener);
	rpc_client_close(&c);
	house_close(&first);
	house_close(&second);
}

static void look_second(struct rpc_client *c)
{
	++*(unsigned *)c->tag;
	rpc_client_open(c, "second");
}

static err_t add_and_tell(struct rpc_call *call, uint32_t a, uint32_t b, uint64_t *sum)
{
	rpc_server_look(call->server);
	return sample_handlers.add(call, a, b, sum);
}

/* It goes there after the call that is under way; who has no use for that goes on. */
static void a_server_says_that_there_is_a_better_one(void **state)
{
	struct sample_handlers telling = sample_handlers;
	struct house first = { .name = "first", .handlers = &telling }, second = { .name = "second" };
	struct rpc_client c, other;
	unsigned looks = 0;
	uint64_t sum;

	(void)state;
	telling.add = add_and_tell;
	house_open(&first);
	house_open(&second);
	connect_to(&c, "first");
	connect_to(&other, "first");
	c.look = look_second;
	c.tag = &looks;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(sample_add(&c, 3, i, &sum), ERR_OK);
		assert_int_equal(sum, 3 + i);
		assert_int_equal(sample_add(&other, 4, i, &sum), ERR_OK);
		assert_int_equal(sum, 4 + i);
	}
	assert_int_equal(looks, 1);
	rpc_client_close(&c);
	rpc_client_close(&other);
	house_close(&first);
	house_close(&second);
}

/* --- bad peers ------------------------------------------------------------------------------------------ */

static void send_words(struct rpc_client *c, uint64_t header, uint64_t word)
{
	struct urpc_message m = { .word = { header, word, word, word, word, word, word } };

	assert_int_equal(channel_send_lines(&c->own, &m, 1, 0, NULL), ERR_OK);
}

static void malformed_messages_are_counted(void **state)
{
	struct house h = { .name = "sample" };
	struct rpc_client c, other;
	struct rpc_stats stats;
	uint64_t sum;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 1), 5);           /* a word too few */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 3), 5);           /* too many */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_REVERSE, 2), 7);       /* no NUL at the end */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_REVERSE, 2), 1 << 20); /* longer than the message */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_SUM, 2), UINT64_MAX);
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_CAPITALS, 2), 3);         /* no list */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 2) | RPC_REPLY, 5);  /* to a server */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 2) | RPC_ONEWAY, 5); /* it is none */
	send_words(&c, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_NOTE, 6), 5);             /* it is one-way */
	send_words(&c, RPC_HEADER(0, 9, 1), 5);                                      /* the runtime has none such */
	assert_int_equal(sample_add(&c, 2, 2, &sum), ERR_OK);
	assert_int_equal(sum, 4);
	connect_to(&other, "sample");
	send_words(&other, RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 4000), 5); /* no end in sight */
	assert_int_equal(sample_add(&other, 2, 2, &sum), ERR_CLOSED);
	rpc_client_close(&other);
	rpc_client_close(&c);
	stats = house_close(&h);
	assert_int_equal(stats.malformed, 11);
}

static void unknown_methods_are_not_supported(void **state)
{
	struct house h = { .name = "sample" };
	struct urpc_message m;
	struct channel c;

	(void)state;
	house_open(&h);
	assert_int_equal(channel_open(fabric, "sample", NULL, &c), ERR_OK);
	for (unsigned interface = 1; interface < 256; interface++) {
		m = (struct urpc_message){ .word = { RPC_HEADER(interface, 200, 0) } };
		assert_int_equal(channel_send_lines(&c, &m, 1, 0, NULL), ERR_OK);
		assert_int_equal(channel_receive_wait(&c, &m, 0), ERR_OK);
		assert_int_equal(m.word[0], RPC_HEADER(interface, 200, ERR_UNSUPPORTED) | RPC_REPLY | RPC_ERROR);
	}
	channel_close(&c);
	house_close(&h);
}

static void a_client_that_never_reads_loses_its_channel(void **state)
{
	struct house h = { .name = "sample" };
	struct rpc_client good;
	struct rpc_stats stats;
	struct urpc_message m;
	struct channel deaf;
	uint64_t sum;
	unsigned sent = 0;
	err_t err = ERR_OK;

	(void)state;
	house_open(&h);
	connect_to(&good, "sample");
	assert_int_equal(channel_open(fabric, "sample", NULL, &deaf), ERR_OK);
	for (; sent < SENT_AHEAD && !err; sent++) {
		m = (struct urpc_message){ .word = { RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 2), 1, 1 } };
		err = channel_send_lines(&deaf, &m, 1, 0, NULL);
		if (sent % 50 == 0)
			assert_int_equal(sample_add(&good, sent, 1, &sum), ERR_OK);
	}
	assert_int_equal(err, ERR_CLOSED);
	assert_true(sent >= RPC_QUEUE_LINES);
	assert_int_equal(sample_add(&good, 5, 1, &sum), ERR_OK);
	channel_close(&deaf);
	rpc_client_close(&good);
	stats = house_close(&h);
	assert_int_equal(stats.overrun, 1);
}

/* One that reads late gets everything. */
static void a_client_that_reads_late(void **state)
{
	static uint8_t bytes[SAMPLE_BYTES];
	static struct rpc_pending p[5];
	struct house h = { .name = "sample" };
	size_t length = SAMPLE_BYTES;
	struct rpc_client c;

	(void)state;
	house_open(&h);
	connect_to(&c, "sample");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sample_fill_start(&c, &p[i], (uint8_t)i, &length), ERR_OK);
	thread_sleep_until(fabric_now(fabric) + 50000000);
	for (unsigned i = 0; i < 5; i++) {
		length = SAMPLE_BYTES;
		assert_int_equal(sample_fill_finish(&p[i], bytes, &length), ERR_OK);
		assert_true(length == SAMPLE_BYTES && bytes[1] == i + 1);
	}
	rpc_client_close(&c);
	house_close(&h);
}

/* A server whose answers are nonsense: the caller hears of it, or the answer is dropped. */
static void *liar_main(void *arg)
{
	struct channel c;
	struct urpc_message m;
	struct service s;
	struct party p;
	struct wait_set set;
	struct channel *ready;

	party_enter(&p, &world);
	assert_int_equal(service_export(&p.hosted.fabric, "liar", &s), ERR_OK);
	wait_set_init(&set, &p.hosted.fabric);
	wait_set_serve(&set, &s);
	pthread_mutex_unlock(arg);
	assert_int_equal(wait_set_wait(&set, &ready, 0), ERR_OK);
	assert_int_equal(service_accept(&s, NULL, &c), ERR_OK);
	for (unsigned i = 0; !channel_receive_wait(&c, &m, 0); i++) {
		uint64_t header = m.word[0];

		if (rpc_header_interface(header) == 0)
			continue;
		m = (struct urpc_message){ .word = { (header ^ UINT64_C(1) << 40) | RPC_REPLY } };
		channel_send_lines(&c, &m, 1, 0, NULL); /* to no call */
		m.word[0] = RPC_HEADER(SAMPLE_INTERFACE, rpc_header_method(header), 5) | RPC_REPLY |
			    (uint64_t)rpc_header_sequence(header) << 32;
		channel_send_lines(&c, &m, 1, 0, NULL); /* of the wrong length */
	}
	channel_close(&c);
	wait_set_destroy(&set);
	party_leave(&p);
	return NULL;
}

static void a_server_that_lies(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char reversed[SAMPLE_TEXT + 1];
	struct rpc_client c;
	pthread_t liar;
	uint64_t sum;

	(void)state;
	pthread_mutex_lock(&lock);
	assert_int_equal(pthread_create(&liar, NULL, liar_main, &lock), 0);
	pthread_mutex_lock(&lock);
	connect_to(&c, "liar");
	assert_int_equal(sample_add(&c, 1, 2, &sum), ERR_MESSAGE);
	assert_int_equal(sample_reverse(&c, "x", reversed), ERR_MESSAGE);
	rpc_client_close(&c);
	pthread_join(liar, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_structs_go_both_ways),
		cmocka_unit_test(text_and_arrays_go_both_ways),
		cmocka_unit_test(serialisers_and_capabilities),
		cmocka_unit_test(handlers_that_are_not_there),
		cmocka_unit_test(calls_in_flight_finish_in_any_order),
		cmocka_unit_test(packed_once_sent_often),
		cmocka_unit_test(broadcast_reaches_all),
		cmocka_unit_test(threads_share_a_client),
		cmocka_unit_test(a_handler_that_waits_holds_nobody_up),
		cmocka_unit_test(a_pool_that_is_used_up),
		cmocka_unit_test(who_comes_later_is_let_in),
		cmocka_unit_test(an_idempotent_call_is_repeated_elsewhere),
		cmocka_unit_test(another_is_not_unless_the_service_remembers),
		cmocka_unit_test(a_call_outlives_many_peers_in_time_but_not_at_once),
		cmocka_unit_test(a_redirected_call_goes_elsewhere),
		cmocka_unit_test(a_redirected_call_waits_for_no_other),
		cmocka_unit_test(a_server_says_that_there_is_a_better_one),
		cmocka_unit_test(malformed_messages_are_counted),
		cmocka_unit_test(unknown_methods_are_not_supported),
		cmocka_unit_test(a_client_that_never_reads_loses_its_channel),
		cmocka_unit_test(a_client_that_reads_late),
		cmocka_unit_test(a_server_that_lies),
	};

	return cmocka_run_group_tests(tests, world_open, world_close);
}
