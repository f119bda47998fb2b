/*
 * Stubs and their runtime against a peer that sends any lines: a server whose client does, and a
 * client whose server does.
 *
 * The first byte says which; then come lines, each after a byte that says how it is to look: as
 * it came, or with a header that passes the first checks, so that the fuzzer gets to the
 * arguments.  Oracle: ASan, UBSan, and that every call ends; answers that are taken hold what
 * their types allow.
 */
/* needs: libos/rpc/client.c libos/rpc/client_answer.c libos/rpc/client_send.c libos/rpc/call.c libos/rpc/server.c libos/rpc/connection.c libos/rpc/answer.c libos/rpc/words.c */
/* needs: services/sample/sample.c tests/unit/baton.c libos/fabric/urpc.c libos/fabric/channel.c */
/* needs: build/gen/services/sample/sample_client.c build/gen/services/sample/sample_server.c */
/* needs: libos/fabric/channel_urpc.c libos/fabric/wait.c libos/fabric/wait_board.c libos/fabric/hint.c */
/* needs: libos/fabric/hosted/hosted.c libos/fabric/hosted/looks.c */
#include <stdlib.h>
#include <string.h>

#include "libos/rpc/server.h"
#include "services/sample/sample.h"
#include "services/sample/sample_client.h"
#include "tests/unit/baton.h"

#define LINES_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hosted_world world;
static struct party party;
static struct sample *sample; /* one for all inputs: it has a thread, and ends with the program */

/* The input that is left. */
static const uint8_t *input;
static size_t left;

err_t rpc_cap_send(struct channel *c, cptr_t cap, uint64_t *ticket)
{
	(void)c;
	*ticket = cap;
	return ERR_OK;
}

err_t rpc_cap_receive(struct channel *c, uint64_t ticket, cptr_t *slot)
{
	(void)c;
	*slot = ticket;
	return ticket % 3 ? ERR_OK : ERR_CAP_LOOKUP;
}

/* --- a channel whose other end is the input -------------------------------------------------- */

/*
 * A line of the input, after a byte that says what is done to it: nothing; or a header with these flags and a
 * method, and few words behind it, or many; or few, and first a small number, as the length of an array is.
 * `names`: of the call that is to be answered; 0: any method.
 */
static err_t input_line(struct urpc_message *m, uint64_t flags, uint64_t names)
{
	size_t some = left < 8 * URPC_WORDS + 1 ? left : 8 * URPC_WORDS + 1;
	uint64_t words;
	uint8_t look;

	if (!left)
		return ERR_CLOSED;
	look = *input;
	memset(m, 0, sizeof(*m));
	memcpy(m->word, input + 1, some - 1);
	input += some;
	left -= some;
	if (look % 4 == 0)
		return ERR_OK;
	if (!names)
		names = SAMPLE_INTERFACE << 8 | (look >> 2 & 31) % SAMPLE_METHODS;
	words = look % 4 == 2 ? m->word[0] % 600 : m->word[0] % 8;
	m->word[0] = names | words << 16 | flags;
	if (look % 4 == 3)
		m->word[1] &= UINT8_MAX;
	return ERR_OK;
}

static uint64_t expected; /* of the next header: what call and answer have in common */
static bool fail_to_send;

static err_t fuzz_send(struct channel *c, const struct urpc_message *m)
{
	(void)c;
	expected = m->word[0] & RPC_NAMES;
	return fail_to_send ? ERR_AGAIN : ERR_OK;
}

static err_t fuzz_receive(struct channel *c, struct urpc_message *m)
{
	(void)c;
	return input_line(m, RPC_REPLY, expected);
}

static void nothing(struct channel *c) { (void)c; }
static void mark(struct channel *c, bool on) { (void)c, (void)on; }
static bool yes(struct channel *c) { return (void)c, true; }
static bool no(struct channel *c) { return (void)c, false; }

static const struct channel_ops fuzz_ops = {
	.name = "fuzz",
	.send = fuzz_send,
	.receive = fuzz_receive,
	.flush = nothing,
	.ready = yes,
	.tend = yes,
	.sleep = mark,
	.starve = mark,
	.room = no,
	.close = nothing,
};

/* --- a server ------------------------------------------------------------------------------------ */

static err_t seen_never(struct rpc_call *call, struct rpc_answer *answer)
{
	static const uint64_t words[4] = { 1, 2, 3, 4 };

	*answer = (struct rpc_answer){ .words = 1, .word = words };
	return rpc_call_sequence(call) % 2 ? ERR_OK : ERR_NOT_FOUND;
}

static const struct rpc_hooks hooks = { .seen = seen_never };

static void serve_input(void)
{
	struct rpc_connection *n = aligned_alloc(CACHE_LINE, (sizeof(*n) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	struct urpc_message m;

	memset(n, 0, sizeof(*n));
	n->channel = (struct channel){ .ops = &fuzz_ops, .fabric = &party.hosted.fabric, .side = 1 };
	rpc_connection_start(&sample->server, n);
	n->refs++;
	for (unsigned i = 0; i < LINES_MAX && n->open; i++) {
		uint64_t oneway = left && *input & 0x80 ? RPC_ONEWAY : 0;

		if (input_line(&m, oneway, 0) || !rpc_connection_take(n, &m))
			break;
	}
	rpc_connection_close(n);
	/* Whoever waits at a gate of a client that has gone is let go. */
	for (uint32_t i = 0; i < sample->waiters; i++)
		(void)sample_wait_answer(&sample->waiter[i].later, ERR_OK, 0);
	sample->waiters = 0;
	sample->server.stop = false;
	rpc_connection_unref(n);
	while (sample->server.queued)
		thread_yield();
}

/* --- a client -------------------------------------------------------------------------------------- */

static void call_each(struct rpc_client *c)
{
	static uint8_t bytes[SAMPLE_BYTES];
	struct sample_point points[SAMPLE_POINTS] = { { 1, 2 } };
	struct sample_list list = { .count = 0 }, got;
	char text[SAMPLE_TEXT + 1];
	size_t length = 100;
	uint32_t count = 3;
	uint64_t word;

	(void)sample_add(c, 1, 2, &word);
	if (!sample_reverse(c, "abc", text) && strlen(text) > SAMPLE_TEXT)
		abort();
	if (!sample_fill(c, 1, bytes, &length) && length > 100)
		abort();
	if (!sample_mirror(c, points, 1, points, &count) && count > 3)
		abort();
	if (!sample_capitals(c, &list, &got))
		sample_list_free(&got);
	(void)sample_sum(c, bytes, SAMPLE_BYTES, &word);
}

static void call_input(void)
{
	struct rpc_client c;

	rpc_client_init(&c, &party.hosted.fabric, NULL);
	c.own = (struct channel){ .ops = &fuzz_ops, .fabric = &party.hosted.fabric };
	c.channel = &c.own;
	c.slow = RPC_SLOW_CARRIER;
	call_each(&c);
	rpc_client_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!sample) {
		hosted_world_init(&world);
		party_enter(&party, &world);
		sample = malloc(sizeof(*sample));
		if (!sample || sample_init(sample, &party.hosted.fabric))
			abort();
		sample->server.hooks = &hooks;
	}
	if (!size)
		return 0;
	input = data + 1;
	left = size - 1;
	fail_to_send = data[0] & 2;
	if (data[0] & 1) {
		serve_input();
		return 0;
	}
	fail_to_send = false;
	call_input();
	return 0;
}
