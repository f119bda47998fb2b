/*
 * Channels and wait sets over the hosted fabric: a party is a thread.
 *
 * Oracle: every message arrives once and in order, on whichever of many channels;
 * nobody sleeps through a message, room, an open or a close (the test would not
 * end: make test has a hang limit); errors are the documented ones.
 */
/* needs: libos/fabric/urpc.c libos/fabric/channel.c libos/fabric/channel_urpc.c libos/fabric/wait.c */
/* needs: libos/fabric/wait_board.c libos/fabric/hint.c libos/fabric/bulk.c libos/fabric/hosted/hosted.c */
/* needs: libos/fabric/hosted/looks.c */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libos/fabric/bulk.h"
#include "libos/fabric/hosted/hosted.h"

#define CLIENTS 6
#define CHANNELS 150 /* more than a board has bytes, twice */
#define CALLS 3000
#define STREAM 100000
#define DEADLINE_NS 20000000u

static struct hosted_world world;

static int world_setup(void **state)
{
	(void)state;
	hosted_world_init(&world);
	return 0;
}

static int world_teardown(void **state)
{
	(void)state;
	hosted_world_destroy(&world);
	return 0;
}

/* --- a server with many clients ------------------------------------------------------ */

struct server {
	pthread_barrier_t ready;
	unsigned clients; /* serve so many, then end */
	uint32_t looks;   /* 0: as measured */
	bool hints;       /* every other channel hints on a board */
	uint64_t answered;
	err_t err;
};

/* Answers all that is there: word 0 plus 1. False when the channel is closed. */
static bool answer(struct server *s, struct channel *c)
{
	struct urpc_message m;
	err_t err;

	while ((err = channel_receive(c, &m)) == ERR_OK) {
		m.word[0]++;
		s->answered++;
		if (channel_send_lines(c, &m, 1, 0, NULL))
			return false;
	}
	return err == ERR_AGAIN;
}

static struct hint_board shared_board;

static err_t serve(struct server *s, struct wait_set *w, struct service *service)
{
	static struct channel channels[CHANNELS];
	struct channel_options options = { 0 };
	struct wait_board board;
	unsigned accepted = 0, ended = 0;

	if (s->hints) {
		memset(&shared_board, 0, sizeof(shared_board));
		wait_board_init(&board, &shared_board);
		wait_set_use_board(w, &board);
	}

	while (ended < s->clients) {
		struct channel *c;
		err_t err = wait_set_wait(w, &c, 0);

		if (err)
			return err;
		if (!c) {
			options.board = s->hints && accepted % 2 ? &board : NULL;
			err = service_accept(service, &options, &channels[accepted]);
			if (!err)
				wait_set_add(w, &channels[accepted++]);
			else if (err != ERR_AGAIN)
				return err;
		} else if (!answer(s, c)) {
			channel_close(c);
			ended++;
		}
	}
	wait_set_use_board(w, NULL); /* which is empty */
	return ERR_OK;
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	struct fabric_hosted f;
	struct service service;
	struct wait_set w;

	hosted_join(&f, &world);
	if (s->looks)
		f.fabric.looks = s->looks;
	s->err = service_export(&f.fabric, "echo", &service);
	if (!s->err)
		s->err = wait_set_init(&w, &f.fabric);
	pthread_barrier_wait(&s->ready);
	if (!s->err) {
		wait_set_serve(&w, &service);
		s->err = serve(s, &w, &service);
		wait_set_destroy(&w);
	}
	hosted_leave(&f);
	return NULL;
}

static void server_start(struct server *s, pthread_t *t)
{
	pthread_barrier_init(&s->ready, NULL, 2);
	assert_int_equal(pthread_create(t, NULL, server_main, s), 0);
	pthread_barrier_wait(&s->ready);
}

static void server_join(struct server *s, pthread_t t)
{
	pthread_join(t, NULL);
	pthread_barrier_destroy(&s->ready);
	assert_int_equal(s->err, ERR_OK);
}

struct client {
	uint32_t looks;
	unsigned calls, pause_every;
	err_t err;
	unsigned wrong;
};

static void *client_main(void *arg)
{
	struct client *t = arg;
	struct fabric_hosted f;
	struct channel c;

	hosted_join(&f, &world);
	if (t->looks)
		f.fabric.looks = t->looks;
	t->err = channel_open(&f.fabric, "echo", NULL, &c);
	for (unsigned i = 0; i < t->calls && !t->err; i++) {
		struct urpc_message m = { .word = { i, ~(uint64_t)i } };
		struct urpc_message r;

		t->err = channel_call(&c, &m, &r);
		t->wrong += r.word[0] != i + 1 || r.word[1] != ~(uint64_t)i;
		if (t->pause_every && i % t->pause_every == 0)
			usleep(200); /* long enough for the server to sleep */
	}
	channel_close(&c);
	hosted_leave(&f);
	return NULL;
}

static void run_clients(unsigned clients, uint32_t looks, unsigned calls, unsigned pause_every, bool hints)
{
	struct server s = { .clients = clients, .looks = looks, .hints = hints };
	static struct client client[CHANNELS];
	static pthread_t thread[CHANNELS];
	pthread_t server;

	server_start(&s, &server);
	for (unsigned i = 0; i < clients; i++) {
		client[i] = (struct client){ .looks = looks, .calls = calls, .pause_every = pause_every };
		assert_int_equal(pthread_create(&thread[i], NULL, client_main, &client[i]), 0);
	}
	for (unsigned i = 0; i < clients; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(client[i].err, ERR_OK);
		assert_int_equal(client[i].wrong, 0);
	}
	server_join(&s, server);
	assert_int_equal(s.answered, clients * calls);
}

static void test_one_client(void **state)
{
	(void)state;
	run_clients(1, 0, CALLS, 0, false);
}

static void test_many_clients(void **state)
{
	(void)state;
	run_clients(CLIENTS, 0, CALLS, 0, false);
}

/* One look, then sleep: every call goes through the doorbell. */
static void test_sleepers(void **state)
{
	(void)state;
	run_clients(CLIENTS, 1, CALLS / 4, 0, false);
}

static void test_idle_server(void **state)
{
	(void)state;
	run_clients(2, 0, 200, 3, false);
}

static void test_many_channels(void **state)
{
	(void)state;
	run_clients(40, 64, 100, 10, false);
}

static void test_hints(void **state)
{
	(void)state;
	run_clients(CLIENTS, 0, CALLS, 0, true);
}

static void test_hints_sleepers(void **state)
{
	(void)state;
	run_clients(CLIENTS, 1, CALLS / 4, 0, true);
}

/* Several channels share each byte. */
static void test_hints_many(void **state)
{
	(void)state;
	run_clients(CHANNELS, 64, 30, 10, true);
}

static void test_hint_take(void **state)
{
	struct hint_board b = { 0 };

	(void)state;
	assert_false(hint_any(&b));
	assert_int_equal(hint_take(&b), 0);
	for (unsigned i = 0; i < HINT_BYTES; i++) {
		b.hint[i] = (uint8_t)(i + 1);
		b.hint[(i * 7 + 3) % HINT_BYTES] = 1;
		assert_true(hint_any(&b));
		assert_true(hint_take(&b) == (UINT64_C(1) << i | UINT64_C(1) << (i * 7 + 3) % HINT_BYTES));
		assert_false(hint_any(&b));
	}
}

/* --- streams: the sender waits for room ------------------------------------------------- */

struct stream {
	struct server s;
	unsigned stop_after; /* the receiver closes then; 0: reads to the end */
	uint64_t got, wrong;
};

static void *stream_server(void *arg)
{
	struct stream *t = arg;
	struct fabric_hosted f;
	struct service service;
	struct channel c, *ready;
	struct urpc_message m;
	struct wait_set w;

	hosted_join(&f, &world);
	f.fabric.looks = t->s.looks;
	service_export(&f.fabric, "stream", &service);
	wait_set_init(&w, &f.fabric);
	wait_set_serve(&w, &service);
	pthread_barrier_wait(&t->s.ready);
	while (service_accept(&service, NULL, &c) == ERR_AGAIN)
		wait_set_wait(&w, &ready, 0);
	wait_set_destroy(&w);
	while (channel_receive_wait(&c, &m, 0) == ERR_OK) {
		t->wrong += m.word[6] != t->got++;
		if (t->got == t->stop_after)
			break;
	}
	channel_close(&c);
	hosted_leave(&f);
	return NULL;
}

static void stream_open(struct stream *t, pthread_t *server, struct fabric_hosted *f, struct channel *c)
{
	pthread_barrier_init(&t->s.ready, NULL, 2);
	assert_int_equal(pthread_create(server, NULL, stream_server, t), 0);
	pthread_barrier_wait(&t->s.ready);
	hosted_join(f, &world);
	f->fabric.looks = t->s.looks;
	assert_int_equal(channel_open(&f->fabric, "stream", NULL, c), ERR_OK);
}

static void test_stream(void **state)
{
	struct stream t = { .s = { .looks = *(uint32_t *)*state } };
	struct urpc_message m[100];
	struct fabric_hosted f;
	pthread_t server;
	struct channel c;
	unsigned sent;

	stream_open(&t, &server, &f, &c);
	for (uint64_t i = 0; i < STREAM; i += 100) {
		for (unsigned j = 0; j < 100; j++)
			m[j].word[6] = i + j;
		assert_int_equal(channel_send_lines(&c, m, 100, 0, &sent), ERR_OK);
		assert_int_equal(sent, 100);
	}
	channel_close(&c);
	pthread_join(server, NULL);
	assert_int_equal(t.got, STREAM);
	assert_int_equal(t.wrong, 0);
	hosted_leave(&f);
}

/* The receiver closes while the sender waits for room. */
static void test_close_wakes_sender(void **state)
{
	struct stream t = { .s = { .looks = *(uint32_t *)*state }, .stop_after = 10 };
	struct urpc_message m = { .word = { 0 } };
	struct fabric_hosted f;
	pthread_t server;
	struct channel c;
	err_t err = ERR_OK;

	stream_open(&t, &server, &f, &c);
	for (unsigned i = 0; i < 1000 && !err; i++) {
		m.word[6] = i;
		err = channel_send_lines(&c, &m, 1, 0, NULL);
	}
	assert_int_equal(err, ERR_CLOSED);
	assert_int_equal(channel_send(&c, &m), ERR_CLOSED);
	assert_int_equal(channel_receive(&c, &m), ERR_CLOSED);
	channel_close(&c);
	pthread_join(server, NULL);
	assert_int_equal(t.got, 10);
	hosted_leave(&f);
}

/* --- errors, deadlines, closing: both ends in this thread but for the open ----------------- */

struct opener {
	struct fabric_hosted f;
	struct channel c;
	struct channel_options options;
	const char *name; /* NULL: `at` counts */
	const struct mailbox *at;
	err_t err;
};

static void *opener_main(void *arg)
{
	struct opener *o = arg;

	if (o->name)
		o->err = channel_open(&o->f.fabric, o->name, &o->options, &o->c);
	else
		o->err = channel_open_at(&o->f.fabric, o->at, &o->options, &o->c);
	return NULL;
}

struct ends {
	struct fabric_hosted f;
	struct service service;
	struct wait_set set;
	struct channel c;    /* accepted */
	struct opener other; /* opened */
};

static void ends_open(struct ends *e, unsigned bulk_bits)
{
	struct channel *ready;
	pthread_t t;

	hosted_join(&e->f, &world);
	e->f.fabric.looks = 4;
	assert_int_equal(service_export(&e->f.fabric, "ends", &e->service), ERR_OK);
	assert_int_equal(wait_set_init(&e->set, &e->f.fabric), ERR_OK);
	wait_set_serve(&e->set, &e->service);
	e->other = (struct opener){ .name = "ends", .options = { .bulk_bits = bulk_bits } };
	hosted_join(&e->other.f, &world);
	e->other.f.fabric.looks = 4;
	assert_int_equal(pthread_create(&t, NULL, opener_main, &e->other), 0);
	assert_int_equal(wait_set_wait(&e->set, &ready, 0), ERR_OK);
	assert_null(ready);
	assert_int_equal(service_accept(&e->service, NULL, &e->c), ERR_OK);
	pthread_join(t, NULL);
	assert_int_equal(e->other.err, ERR_OK);
	wait_set_add(&e->set, &e->c);
}

static void ends_close(struct ends *e)
{
	channel_close(&e->c);
	channel_close(&e->other.c);
	wait_set_destroy(&e->set);
	hosted_leave(&e->f);
	hosted_leave(&e->other.f);
}

static void test_names(void **state)
{
	struct fabric_hosted f;
	struct service s, t;
	struct channel c;

	(void)state;
	hosted_join(&f, &world);
	assert_int_equal(channel_open(&f.fabric, "nobody", NULL, &c), ERR_NOT_FOUND);
	assert_int_equal(service_export(&f.fabric, "", &s), ERR_ARGUMENT);
	assert_int_equal(service_export(&f.fabric, "seventeen letters", &s), ERR_TOO_LONG);
	assert_int_equal(service_export(&f.fabric, "sixteen letters!", &s), ERR_OK);
	assert_int_equal(service_export(&f.fabric, "sixteen letters!", &t), ERR_EXISTS);
	assert_int_equal(service_accept(&s, NULL, &c), ERR_AGAIN);
	hosted_leave(&f);
	assert_int_equal(channel_open(&f.fabric, "sixteen letters!", NULL, &c), ERR_NOT_FOUND);
	channel_close(&c); /* was never open: nothing */
}

/* Opens a channel to a mailbox, which is accepted by `owner`. */
static err_t mailbox_open(struct ends *e, const struct mailbox *at)
{
	struct opener o = { .at = at };
	struct channel c, *ready;
	pthread_t t;
	err_t err;

	hosted_join(&o.f, &world);
	assert_int_equal(pthread_create(&t, NULL, opener_main, &o), 0);
	err = wait_set_wait(&e->set, &ready, fabric_now(&e->f.fabric) + 2000000000u);
	if (!err) {
		assert_int_equal(service_accept(&e->service, NULL, &c), ERR_OK);
		pthread_join(t, NULL);
		channel_close(&c);
		channel_close(&o.c);
		err = o.err;
	}
	hosted_leave(&o.f);
	return err;
}

static void test_mailboxes(void **state)
{
	struct mailbox good, other;
	struct channel c;
	struct ends e;

	(void)state;
	hosted_join(&e.f, &world);
	assert_int_equal(service_export_as(&e.f.fabric, NULL, 0, &e.service), ERR_OK);
	assert_int_equal(wait_set_init(&e.set, &e.f.fabric), ERR_OK);
	wait_set_serve(&e.set, &e.service);
	good = other = service_mailbox(&e.service);
	assert_true(mailbox_same(&good, &other));
	assert_int_equal(mailbox_open(&e, &good), ERR_OK);
	other.secret++;
	assert_int_equal(channel_open_at(&e.f.fabric, &other, NULL, &c), ERR_DENIED);
	assert_false(mailbox_same(&good, &other));
	other = good;
	other.service += HOSTED_SERVICES;
	assert_int_equal(channel_open_at(&e.f.fabric, &other, NULL, &c), ERR_CLOSED);
	wait_set_destroy(&e.set);
	hosted_leave(&e.f);
	assert_int_equal(channel_open_at(&e.f.fabric, &good, NULL, &c), ERR_CLOSED);
}

static void test_shared_names(void **state)
{
	struct fabric_hosted f[3];
	struct service s[3], more;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		hosted_join(&f[i], &world);
		assert_int_equal(service_export_as(&f[i].fabric, "shared", SERVICE_SHARED, &s[i]), ERR_OK);
	}
	assert_int_equal(service_export_as(&f[0].fabric, "shared", SERVICE_SHARED, &more), ERR_EXISTS);
	assert_int_equal(service_export(&f[0].fabric, "shared", &more), ERR_EXISTS);
	assert_int_equal(service_export(&f[0].fabric, "alone", &more), ERR_OK);
	assert_int_equal(service_export_as(&f[1].fabric, "alone", SERVICE_SHARED, &more), ERR_EXISTS);
	assert_false(s[0].mailbox.secret == s[1].mailbox.secret);
	for (unsigned i = 0; i < 3; i++)
		hosted_leave(&f[i]);
}

/* Who waits to be accepted is refused when the service goes. */
static void test_service_leaves(void **state)
{
	struct opener o = { .name = "leaves" };
	struct fabric_hosted f;
	struct channel *ready;
	struct service s;
	struct wait_set w;
	pthread_t t;

	(void)state;
	hosted_join(&f, &world);
	hosted_join(&o.f, &world);
	assert_int_equal(service_export(&f.fabric, "leaves", &s), ERR_OK);
	assert_int_equal(wait_set_init(&w, &f.fabric), ERR_OK);
	wait_set_serve(&w, &s);
	assert_int_equal(pthread_create(&t, NULL, opener_main, &o), 0);
	assert_int_equal(wait_set_wait(&w, &ready, 0), ERR_OK);
	wait_set_destroy(&w);
	hosted_leave(&f);
	pthread_join(t, NULL);
	assert_int_equal(o.err, ERR_CLOSED);
	hosted_leave(&o.f);
}

static void test_deadlines(void **state)
{
	struct channel *ready;
	struct urpc_message m = { .word = { 0 } };
	struct ends e;
	cycles_t start;
	unsigned sent;

	(void)state;
	ends_open(&e, 0);
	assert_int_equal(wait_set_wait(&e.set, &ready, FABRIC_POLL), ERR_AGAIN);
	start = fabric_now(&e.f.fabric);
	assert_int_equal(wait_set_wait(&e.set, &ready, start + DEADLINE_NS), ERR_TIMEOUT);
	assert_true(fabric_now(&e.f.fabric) >= start + DEADLINE_NS);
	start = fabric_now(&e.f.fabric);
	assert_int_equal(channel_receive_wait(&e.other.c, &m, start + DEADLINE_NS), ERR_TIMEOUT);
	assert_int_equal(channel_receive_wait(&e.c, &m, start + DEADLINE_NS), ERR_TIMEOUT); /* in a set */
	for (unsigned i = 0; i < URPC_LINES; i++)
		assert_int_equal(channel_send(&e.c, &m), ERR_OK);
	assert_int_equal(channel_send(&e.c, &m), ERR_AGAIN);
	start = fabric_now(&e.f.fabric);
	assert_int_equal(channel_send_lines(&e.c, &m, 1, start + DEADLINE_NS, &sent), ERR_TIMEOUT);
	assert_int_equal(sent, 0);
	ends_close(&e);
}

static void test_close_after_messages(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct channel *ready;
	struct ends e;

	(void)state;
	ends_open(&e, 0);
	for (unsigned i = 0; i < 5; i++) {
		m.word[0] = i;
		assert_int_equal(channel_send(&e.other.c, &m), ERR_OK);
	}
	channel_close(&e.other.c);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(wait_set_wait(&e.set, &ready, 0), ERR_OK);
		assert_ptr_equal(ready, &e.c);
		assert_int_equal(channel_receive(&e.c, &m), ERR_OK);
		assert_int_equal(m.word[0], i);
	}
	assert_int_equal(wait_set_wait(&e.set, &ready, 0), ERR_OK);
	assert_ptr_equal(ready, &e.c);
	assert_int_equal(channel_receive(&e.c, &m), ERR_CLOSED);
	assert_int_equal(channel_receive_wait(&e.c, &m, 0), ERR_CLOSED);
	assert_int_equal(channel_send(&e.c, &m), ERR_CLOSED);
	assert_int_equal(channel_call(&e.c, &m, &m), ERR_CLOSED);
	ends_close(&e);
}

/* A hint that somebody wiped costs no message: before sleeping, all are looked at. */
static void test_hint_lost(void **state)
{
	struct channel c = { 0 }, *ready;
	struct hint_board shared = { 0 };
	static struct urpc_inbox frame[2];
	struct urpc_message m = { .word = { 7 } };
	struct wait_board board;
	struct urpc peer;
	struct ends e;

	(void)state;
	ends_open(&e, 0);
	memset(frame, 0, sizeof(frame));
	assert_int_equal(wait_board_open(&board, e.c.fabric), ERR_UNSUPPORTED); /* openers have our memory here */
	wait_board_init(&board, &shared);
	wait_set_use_board(&e.set, &board);
	c = e.c; /* a second channel of the same kind over memory of our own */
	c.set = NULL;
	assert_int_equal(urpc_init(&c.urpc, frame, sizeof(frame), 1), ERR_OK);
	assert_int_equal(urpc_init(&peer, frame, sizeof(frame), 0), ERR_OK);
	wait_board_number(&board, &c);
	urpc_use_hint(&peer, &shared.hint[c.hint]);
	wait_set_add(&e.set, &c);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(wait_set_wait(&e.set, &ready, FABRIC_POLL), ERR_AGAIN);
		assert_true(urpc_send(&peer, &m));
		assert_false(urpc_kick(&peer));
		assert_int_equal(shared.hint[c.hint], 1);
		shared.hint[c.hint] = 0;
		assert_int_equal(wait_set_wait(&e.set, &ready, 0), ERR_OK);
		assert_ptr_equal(ready, &c);
		assert_int_equal(channel_receive(&c, &m), ERR_OK);
		assert_false(urpc_peer_asleep(&peer));
	}
	wait_set_remove(&c);
	wait_set_use_board(&e.set, NULL);
	ends_close(&e);
}

/* A set whose other channels are never idle notices a close all the same. */
static void test_close_among_busy(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct channel *ready, idle = { 0 };
	static struct urpc_inbox frame[2];
	struct urpc peer;
	struct ends e;
	unsigned waits = 0;

	(void)state;
	ends_open(&e, 0);
	memset(frame, 0, sizeof(frame));
	idle = e.c; /* a second channel of the same kind over memory of our own */
	idle.set = NULL;
	assert_int_equal(urpc_init(&idle.urpc, frame, sizeof(frame), 1), ERR_OK);
	assert_int_equal(urpc_init(&peer, frame, sizeof(frame), 0), ERR_OK);
	wait_set_add(&e.set, &idle);
	urpc_close(&peer);
	do {
		assert_int_equal(channel_send(&e.other.c, &m), ERR_OK);
		assert_int_equal(wait_set_wait(&e.set, &ready, 0), ERR_OK);
		if (ready == &e.c)
			assert_int_equal(channel_receive(&e.c, &m), ERR_OK);
	} while (ready != &idle && ++waits < 1000);
	assert_ptr_equal(ready, &idle);
	assert_int_equal(channel_receive(&idle, &m), ERR_CLOSED);
	wait_set_remove(&idle);
	ends_close(&e);
}

static void test_set_changes(void **state)
{
	static const struct channel_ops far = { .near = false }, near = { .near = true };
	struct channel c[5] = { { .ops = &far }, { .ops = &near }, { .ops = &far }, { .ops = &near }, { .ops = &far } };
	struct fabric_hosted f;
	struct wait_set w, v;

	(void)state;
	hosted_join(&f, &world);
	assert_int_equal(wait_set_init(&w, &f.fabric), ERR_OK);
	assert_int_equal(wait_set_init(&v, &f.fabric), ERR_OK);
	for (unsigned i = 0; i < 5; i++)
		wait_set_add(&w, &c[i]);
	wait_set_add(&v, &c[2]); /* moves */
	assert_int_equal(w.channels, 4);
	assert_int_equal(w.far, 2);
	assert_int_equal(v.channels, 1);
	wait_set_remove(&c[4]);
	wait_set_remove(&c[4]);
	wait_set_remove(&c[0]);
	assert_int_equal(w.channels, 2);
	assert_int_equal(w.far, 0);
	assert_ptr_equal(c[1].next, &c[3]);
	assert_ptr_equal(c[3].next, &c[1]);
	wait_set_destroy(&w);
	wait_set_destroy(&v);
	for (unsigned i = 0; i < 5; i++)
		assert_null(c[i].set);
	hosted_leave(&f);
}

/* Bulk buffers handed over through the channel's own memory, and back. */
static void test_bulk(void **state)
{
	struct urpc_message m = { .word = { 0 } };
	struct bulk_pool here, there;
	struct bulk_buffer b;
	struct ends e;

	(void)state;
	ends_open(&e, 16);
	assert_int_equal(e.c.bulk_bytes, 1 << 16);
	assert_int_equal(bulk_init(&here, e.c.bulk, e.c.bulk_bytes, 12, 16, e.c.side), ERR_OK);
	assert_int_equal(bulk_init(&there, e.other.c.bulk, e.other.c.bulk_bytes, 12, 16, e.other.c.side), ERR_OK);
	assert_int_equal(bulk_alloc(&here, &b), ERR_AGAIN); /* all are the opener's */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(bulk_alloc(&there, &b), ERR_OK);
		memset(b.data, (int)i, b.length);
		assert_int_equal(bulk_give(&there, &b, &m.word[1]), ERR_OK);
		assert_int_equal(channel_send(&e.other.c, &m), ERR_OK);
		assert_int_equal(channel_receive(&e.c, &m), ERR_OK);
		assert_int_equal(bulk_take(&here, m.word[1], &b), ERR_OK);
		assert_int_equal(b.data[b.length - 1], (char)i);
		assert_int_equal(bulk_give(&here, &b, &m.word[1]), ERR_OK);
		assert_int_equal(channel_send(&e.c, &m), ERR_OK);
		assert_int_equal(channel_receive(&e.other.c, &m), ERR_OK);
		assert_int_equal(bulk_take(&there, m.word[1], &b), ERR_OK);
		bulk_free(&there, &b);
	}
	ends_close(&e);
}

int main(void)
{
	static uint32_t long_looks = 200, short_looks = 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_sleepers),
		cmocka_unit_test(test_idle_server),
		cmocka_unit_test(test_many_channels),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_hints_sleepers),
		cmocka_unit_test(test_hints_many),
		cmocka_unit_test(test_hint_take),
		cmocka_unit_test(test_hint_lost),
		cmocka_unit_test_prestate(test_stream, &long_looks),
		cmocka_unit_test_prestate(test_stream, &short_looks),
		cmocka_unit_test_prestate(test_close_wakes_sender, &long_looks),
		cmocka_unit_test_prestate(test_close_wakes_sender, &short_looks),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_shared_names),
		cmocka_unit_test(test_service_leaves),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_close_after_messages),
		cmocka_unit_test(test_close_among_busy),
		cmocka_unit_test(test_set_changes),
		cmocka_unit_test(test_bulk),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
