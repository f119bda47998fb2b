/*
 * Channels on metal: a server and its clients, on one core (LMP) and across (URPC).
 *
 * "fabtest" exports a service, starts clients of several kinds on the cores that
 * there are, serves them all from one wait set, and prints TAP.  A client's exit
 * status says whether every answer was right; the server counts what it answered.
 * A client that dies without closing must show as a closed channel, and leave the
 * memory that it shared with us in place.  Clients on other cores hint on a board,
 * and one that scribbles over it costs nobody a message.  When all is over, the
 * monitors have the memory that they had before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/bulk.h"
#include "libos/fabric/metal.h"

#define NAME "fabtest"
#define MORTAL "fabtest.mortal" /* a server that dies */
#define CALLS 200
#define STREAM 2000
#define CLIENTS 32
#define BULK_BITS 16
#define BUFFER_BITS 12
#define TIMES 3

enum { OP_ECHO, OP_STREAM, OP_SUM, OP_BULK, OP_HANG_UP };

/* --- the client -------------------------------------------------------------------- */

/* Writes all over the board that our hints go to, if there is one: sets, or wipes, what is the others'. */
static void board_scribble(const struct channel *c, uint64_t round)
{
	const struct metal_link *link = c->link;

	if (link->board_va)
		memset((void *)link->board_va, round % 3 ? 0 : (int)round | 1, PAGE_SIZE);
}

static int client_calls(struct fabric *f, struct channel *c, bool slow, bool scribble)
{
	for (uint64_t i = 0; i < CALLS; i++) {
		struct urpc_message m = { .word = { OP_ECHO, i, 0, 0, 0, 0, ~i } }, r;

		if (scribble)
			board_scribble(c, i);
		if (channel_call(c, &m, &r) || r.word[1] != i + 1 || r.word[6] != ~i)
			return 3;
		if (slow && i % 8 == 0) {
			err_t err = channel_receive_wait(c, &r, fabric_now(f) + dispatcher_tsc_hz() / 1000);

			if (err != ERR_TIMEOUT)
				return 4;
		}
	}
	return 0;
}

static int client_stream(struct channel *c)
{
	struct urpc_message m[50], r;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < STREAM; i += 50) {
		for (unsigned j = 0; j < 50; j++) {
			m[j] = (struct urpc_message){ .word = { OP_STREAM, i + j } };
			sum += i + j;
		}
		if (channel_send_lines(c, m, 50, 0, NULL))
			return 3;
	}
	m[0] = (struct urpc_message){ .word = { OP_SUM } };
	return channel_call(c, m, &r) || r.word[1] != sum ? 4 : 0;
}

static int client_bulk(struct channel *c)
{
	struct bulk_pool pool;
	struct bulk_buffer b;

	if (bulk_init(&pool, c->bulk, c->bulk_bytes, BUFFER_BITS, 1 << (BULK_BITS - BUFFER_BITS), c->side))
		return 3;
	for (unsigned i = 0; i < 40; i++) {
		struct urpc_message m = { .word = { OP_BULK } }, r;

		if (bulk_alloc(&pool, &b))
			return 4;
		memset(b.data, (int)i, b.length);
		if (bulk_give(&pool, &b, &m.word[1]) || channel_call(c, &m, &r) || bulk_take(&pool, r.word[1], &b))
			return 5;
		if (r.word[2] != (uint64_t)(i & 0xff) * b.length)
			return 6;
		bulk_free(&pool, &b);
	}
	return 0;
}

/* The server closes instead of answering; who waits for the answer must learn it. */
static int client_refused(struct channel *c)
{
	struct urpc_message m = { .word = { OP_HANG_UP } }, r;

	if (channel_call(c, &m, &r) != ERR_CLOSED)
		return 3;
	return channel_receive_wait(c, &r, 0) == ERR_CLOSED && channel_send(c, &m) == ERR_CLOSED ? 0 : 4;
}

/* Opens without a slot for a board: the server has to look at the channel itself. */
static err_t open_without_hints(struct fabric *f, struct channel *c)
{
	struct metal_link *link;
	struct mon_binding b;
	struct mon_offer offer;
	cptr_t notification;
	err_t err = notification_create(metal_wake_all, NULL, &notification, NULL);

	*c = (struct channel){ .fabric = f };
	if (!err)
		err = metal_link_make(&link, notification, &offer);
	if (err)
		return err;
	offer.frame_bits = URPC_FRAME_BITS;
	err = mon_connect(NAME, &offer, &b);
	return err ? err : metal_link_attach(c, link, &b);
}

static int client(const char *kind)
{
	struct channel_options o = { .bulk_bits = strncmp(kind, "bulk", 4) ? 0 : BULK_BITS };
	struct channel c;
	struct fabric *f;
	int status;

	if (fabric_metal(&f) || (strstr(kind, "plain") ? open_without_hints(f, &c) : channel_open(f, NAME, &o, &c)))
		return 2;
	if (!strcmp(kind, "die")) {
		struct urpc_message m = { .word = { OP_ECHO } };

		channel_call(&c, &m, &m);
		__builtin_trap();
	}
	if (!strcmp(kind, "bulkdie")) {
		client_bulk(&c);
		__builtin_trap();
	}
	if (!strcmp(kind, "stream"))
		status = client_stream(&c);
	else if (!strcmp(kind, "bulk"))
		status = client_bulk(&c);
	else if (!strcmp(kind, "refused"))
		status = client_refused(&c);
	else
		status = client_calls(f, &c, strstr(kind, "slow"), strstr(kind, "scribble"));
	channel_close(&c);
	return status;
}

/* --- the server ----------------------------------------------------------------------- */

struct session {
	struct channel c;
	struct bulk_pool pool;
	uint64_t sum;
	bool pooled;
};

static struct session sessions[CLIENTS];
static struct wait_board board;
static unsigned accepted_far, accepted_hinting;

static err_t bulk_answer(struct session *s, struct urpc_message *m)
{
	struct bulk_buffer b;
	err_t err = ERR_OK;

	if (!s->pooled)
		err = bulk_init(&s->pool, s->c.bulk, s->c.bulk_bytes, BUFFER_BITS, 1 << (BULK_BITS - BUFFER_BITS),
				s->c.side);
	s->pooled = true;
	if (!err)
		err = bulk_take(&s->pool, m->word[1], &b);
	if (err)
		return err;
	m->word[2] = 0;
	for (uint32_t i = 0; i < b.length; i++)
		m->word[2] += (uint8_t)b.data[i];
	return bulk_give(&s->pool, &b, &m->word[1]);
}

static err_t answer_one(struct session *s, struct urpc_message *m)
{
	err_t err = ERR_OK;

	if (m->word[0] == OP_HANG_UP)
		return ERR_CLOSED;
	if (m->word[0] == OP_STREAM) {
		s->sum += m->word[1];
		return ERR_OK;
	}
	if (m->word[0] == OP_ECHO)
		m->word[1]++;
	if (m->word[0] == OP_SUM)
		m->word[1] = s->sum;
	if (m->word[0] == OP_BULK)
		err = bulk_answer(s, m);
	return err ? err : channel_send_lines(&s->c, m, 1, 0, NULL);
}

/* All that is there. ERR_AGAIN when that was it. */
static err_t answer(struct session *s)
{
	struct urpc_message m;
	err_t err;

	while ((err = channel_receive(&s->c, &m)) == ERR_OK) {
		err = answer_one(s, &m);
		if (err)
			return err;
	}
	return err;
}

static err_t session_accept(struct wait_set *w, struct service *service, const char **carrier)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct session *s = &sessions[i];

		if (s->c.ops)
			continue;
		memset(s, 0, sizeof(*s));
		err_t err = service_accept(service,
					   &(struct channel_options){ .bulk_bits = BULK_BITS, .board = &board }, &s->c);
		if (err)
			return err;
		*carrier = s->c.ops->name;
		accepted_far += !s->c.ops->near;
		accepted_hinting += s->c.board == &board;
		wait_set_add(w, &s->c);
		return ERR_OK;
	}
	return ERR_NO_MEMORY;
}

static void session_end(struct session *s)
{
	/* The client may be gone; what both mapped is not. */
	if (s->c.bulk)
		memset(s->c.bulk, 0, s->c.bulk_bytes);
	channel_close(&s->c);
}

/* Serves until `ends` channels have closed. */
static err_t serve(struct wait_set *w, struct service *service, unsigned ends, const char **carrier)
{
	while (ends) {
		struct channel *c;
		err_t err = wait_set_wait(w, &c, 0);

		if (!err && !c)
			err = session_accept(w, service, carrier);
		else if (!err)
			err = answer((struct session *)c);
		if (c && err == ERR_CLOSED) {
			session_end((struct session *)c);
			ends--;
		} else if (err && err != ERR_AGAIN) {
			return err;
		}
	}
	return ERR_OK;
}

static unsigned test_number;

static void tap(bool good, const char *what, const char *kind, unsigned clients, const char *carrier, err_t err)
{
	printf("%sok %u - fabric: %s %s client%s over %s%s%s\n", good ? "" : "not ", ++test_number, what, kind,
	       clients > 1 ? "s" : "", carrier, err ? ": " : "", err ? error_text(err) : "");
}

/* `clients` clients of a kind on cores from the `first`th after ours on, each on the next one of `cores`. */
static void run(struct wait_set *w, struct service *service, const char *kind, unsigned clients, unsigned first,
		unsigned cores)
{
	const char *argv[] = { "fabtest", kind, NULL }, *carrier = "nothing";
	unsigned wanted = strstr(kind, "die") ? MON_FAULTED : MON_EXITED;
	unsigned up = mon_cores_up(CORES_MAX);
	uint64_t pid[CLIENTS];
	err_t err = ERR_OK;
	bool good = true;

	for (unsigned i = 0; i < clients && !err; i++)
		err = mon_spawn((coreid_t)((dispatcher_core() + first + i % cores) % up), 2, argv, &pid[i]);
	if (!err)
		err = serve(w, service, clients, &carrier);
	for (unsigned i = 0; i < clients && !err; i++) {
		unsigned cause;
		uint64_t status;

		err = mon_wait(pid[i], &cause, &status);
		good &= cause == wanted && (wanted != MON_EXITED || status == 0);
		if (!err && wanted == MON_EXITED && status)
			printf("# client %u: status %u\n", i, (unsigned)status);
	}
	tap(good && !err, clients > 1 ? "many" : "one", kind, clients, carrier, err);
}

/* Bytes that the monitors can give. */
static uint64_t ram_free_on(unsigned cores)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < cores; i++) {
		struct mon_core core;

		if (!mon_core(i, &core))
			bytes += core.ram_free;
	}
	return bytes;
}

/* Connects to a server on another core that dies with a call unanswered; its board outlives it till we close. */
static int mortal_client(struct fabric *f, coreid_t core)
{
	const char *argv[] = { "fabtest", "mortal", NULL };
	cycles_t deadline = fabric_now(f) + 60 * dispatcher_tsc_hz();
	struct urpc_message m = { .word = { OP_ECHO, 1 } }, r;
	struct channel c;
	uint64_t pid;
	unsigned cause;
	int status = 0;
	err_t err = mon_spawn(core, 2, argv, &pid);

	if (err)
		return 1;
	do
		err = channel_open(f, MORTAL, NULL, &c); /* its name is not there at once */
	while (err == ERR_NOT_FOUND && fabric_now(f) < deadline);
	if (err)
		return 2;
	if (channel_call(&c, &m, &r) || r.word[1] != 2)
		status = 3;
	m.word[0] = OP_HANG_UP;
	if (!status && channel_call(&c, &m, &r) != ERR_CLOSED)
		status = 4;
	if (mon_wait(pid, &cause, NULL) || cause != MON_FAULTED)
		status = 5;
	if (!((struct metal_link *)c.link)->board_va)
		status = 6;
	for (unsigned i = 0; i < 100; i++) {
		board_scribble(&c, i);
		channel_flush(&c);
	}
	channel_close(&c);
	return status;
}

static int mortal_server(void)
{
	const char *carrier;
	struct service service;
	struct wait_set w;
	struct fabric *f;

	if (fabric_metal(&f) || wait_set_init(&w, f) || wait_board_open(&board, f) ||
	    service_export(f, MORTAL, &service))
		return 1;
	wait_set_use_board(&w, &board);
	wait_set_serve(&w, &service);
	for (;;) {
		struct channel *c;
		err_t err = wait_set_wait(&w, &c, 0);

		if (!err && !c)
			err = session_accept(&w, &service, &carrier);
		else if (!err)
			err = answer((struct session *)c);
		if (err && err != ERR_AGAIN)
			__builtin_trap();
	}
}

/* The monitor gives a process a few boards, and takes back only its own. */
static bool boards_bounded(struct fabric *f)
{
	struct wait_board b[16];
	unsigned n = 0;
	bool good;

	while (n < 16 && !wait_board_open(&b[n], f))
		n++;
	good = n > 0 && n < 16 && mon_board_close(0) == ERR_ARGUMENT;
	for (unsigned i = 0; i < n; i++)
		wait_board_close(&b[i]);
	return good && mon_board_close((uint32_t)b[0].number) == ERR_ARGUMENT;
}

static int server(void)
{
	static const char *const kinds[] = {
		"quick", "slow", "stream", "bulk", "refused", "die", "bulkdie", "scribble"
	};
	unsigned cores = mon_cores_up(CORES_MAX);
	uint64_t before = 0, after, found, violations = 0;
	struct service service;
	struct wait_set w;
	struct channel c;
	struct fabric *f;

	if (fabric_metal(&f) || wait_set_init(&w, f) || service_export(f, NAME, &service))
		return 1;
	printf("# looks %u, %u cores\n", f->looks, cores);
	wait_set_serve(&w, &service);
	for (unsigned time = 0; time < TIMES; time++) {
		if (time == 1)
			before = ram_free_on(cores); /* what the first time brought, stays */
		if (wait_board_open(&board, f))
			return 1;
		wait_set_use_board(&w, &board);
		for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			for (unsigned across = 0; across < (cores > 1 ? 2 : 1); across++)
				run(&w, &service, kinds[i], 1, across, 1);
		run(&w, &service, "die", 6, 0, cores);
		run(&w, &service, "scribble", 6, 0, cores);
		run(&w, &service, "slow scribble", 6, 0, cores);
		if (cores > 1) {
			int status = mortal_client(f, (coreid_t)((dispatcher_core() + 1) % cores));

			printf("# server that dies: %d\n", status);
			tap(status == 0, "a dead server and", "its", 1, "urpc", 0);
		}
		wait_set_use_board(&w, NULL);
		wait_board_close(&board);
		tap(boards_bounded(f), "few boards for", "one", 1, "nothing", 0);
	}
	after = ram_free_on(cores);
	printf("# %llu bytes free, %llu before\n", (unsigned long long)after, (unsigned long long)before);
	tap(after == before, "no memory lost to", "all", 2, "both", 0);
	if (wait_board_open(&board, f))
		return 1;
	wait_set_use_board(&w, &board);
	run(&w, &service, "quick", 12, 0, cores);
	run(&w, &service, "slow", 12, 0, cores);
	run(&w, &service, "stream", 4, 0, cores);
	printf("# %u channels from other cores, %u of them with hints\n", accepted_far, accepted_hinting);
	tap(accepted_hinting == accepted_far, "hints from all", "far", 2, "urpc", 0);
	run(&w, &service, "slow plain", 4, 0, cores);
	wait_set_use_board(&w, NULL);
	wait_board_close(&board);
	for (unsigned i = 0; i < cores; i++)
		violations += mon_check(i, &found) ? 1 : found;
	tap(violations == 0, "no core finds fault after", "all", 2, "both", 0);
	tap(channel_open(f, "no such name", NULL, &c) == ERR_NOT_FOUND, "no", "named", 1, "nothing", 0);
	printf("1..%u\n", test_number);
	wait_set_destroy(&w);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "mortal"))
		return mortal_server();
	return argc > 1 ? client(argv[1]) : server();
}
