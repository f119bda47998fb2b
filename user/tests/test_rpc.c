/*
 * Generated stubs and their runtime, against the sample service on the cores that there are: the
 * same core (LMP) and others (URPC).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "services/sample/sample_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define CORES_TRIED 4
#define PIPELINED 24
#define RELAYED 8 /* channels that the service opens at a time; a process has few endpoints */
#define SENT_AHEAD 4000

/* Starts a sample service under that name, and waits till it can be called. */
static bool sample_begin(coreid_t core, const char *name, struct rpc_client *c, uint64_t *pid)
{
	const char *argv[] = { "sample", name };
	struct fabric *f;
	cycles_t deadline;
	err_t err;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_OK(mon_spawn(core, 2, argv, pid));
	rpc_client_init(c, f, NULL);
	deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
	while ((err = rpc_client_open(c, name)) == ERR_NOT_FOUND && fabric_now(f) < deadline)
		thread_yield();
	EXPECT_OK(err);
	EXPECT(c->peer == *pid);
	return true;
}

/* Ends it, and sees that it has ended well. */
static bool sample_end(struct rpc_client *c, uint64_t pid)
{
	uint64_t status;
	unsigned cause;

	EXPECT_OK(sample_stop(c));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	rpc_client_close(c);
	return true;
}

/* --- parameters ------------------------------------------------------------------------- */

static bool numbers_go(struct rpc_client *c)
{
	struct sample_point far, b = { 7, 24 };
	struct sample_stat stat;
	uint64_t sum, before, number = 21;
	bool first;

	EXPECT_OK(sample_add(c, 0xffffffff, 2, &sum));
	EXPECT(sum == UINT64_C(0x100000001));
	EXPECT_OK(sample_count(c, 5, &before));
	EXPECT(before == 0);
	EXPECT_OK(sample_count(c, 6, &before));
	EXPECT(before == 5);
	EXPECT_OK(sample_far(c, (struct sample_point){ 3, 4 }, &b, &far, &first));
	EXPECT(far.x == 7 && far.y == 24 && !first);
	EXPECT_OK(sample_stat(c, &stat));
	EXPECT(stat.calls == 1 && stat.sum == 11 && stat.far.y == 24);
	EXPECT_OK(sample_twice(c, &number));
	EXPECT(number == 42);
	EXPECT_OK(sample_note(c, 1, 2, 3, 4, 5, 6));
	EXPECT_OK(sample_block(c, &(struct sample_block){ { 0, 0, 0, 0, 0, 100 } }));
	EXPECT_OK(sample_line(c, 10, 20, 30, 40, 50, 60, &sum));
	EXPECT(sum == 331);
	return true;
}

static bool text_goes(struct rpc_client *c)
{
	char long_text[SAMPLE_TEXT + 2], reversed[SAMPLE_TEXT + 1];

	EXPECT_OK(sample_reverse(c, "skerry", reversed));
	EXPECT(strcmp(reversed, "yrreks") == 0);
	EXPECT_ERROR(sample_reverse(c, "", reversed), ERR_ARGUMENT);
	memset(long_text, 'x', sizeof(long_text));
	long_text[SAMPLE_TEXT] = 0;
	long_text[0] = 'a';
	EXPECT_OK(sample_reverse(c, long_text, reversed));
	EXPECT(strlen(reversed) == SAMPLE_TEXT && reversed[SAMPLE_TEXT - 1] == 'a');
	long_text[SAMPLE_TEXT] = 'x';
	long_text[SAMPLE_TEXT + 1] = 0;
	EXPECT_ERROR(sample_reverse(c, long_text, reversed), ERR_TOO_LONG);
	return true;
}

static bool arrays_go(struct rpc_client *c)
{
	static uint8_t buffer[SAMPLE_BYTES];
	struct sample_point in[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } }, out[SAMPLE_POINTS];
	uint32_t count = SAMPLE_POINTS;
	uint64_t sum, expected = 0;
	size_t length = SAMPLE_BYTES;

	EXPECT_OK(sample_fill(c, 7, buffer, &length));
	EXPECT(length == SAMPLE_BYTES && buffer[0] == 7 && buffer[SAMPLE_BYTES - 1] == (uint8_t)(7 + SAMPLE_BYTES - 1));
	for (unsigned i = 0; i < SAMPLE_BYTES; i++)
		expected += buffer[i];
	EXPECT_OK(sample_sum(c, buffer, SAMPLE_BYTES, &sum));
	EXPECT(sum == expected);
	EXPECT_OK(sample_sum(c, NULL, 0, &sum));
	EXPECT(sum == 0);
	EXPECT_ERROR(sample_sum(c, buffer, SAMPLE_BYTES + 1, &sum), ERR_TOO_LONG);
	length = 3;
	EXPECT_OK(sample_fill(c, 1, buffer, &length));
	EXPECT(length == 3 && buffer[2] == 3 && buffer[3] == 10);
	EXPECT_OK(sample_mirror(c, in, 3, out, &count));
	EXPECT(count == 3 && out[2].x == 6 && out[2].y == 5);
	count = 2;
	EXPECT_ERROR(sample_mirror(c, in, 3, out, &count), ERR_TOO_LONG);
	return true;
}

static bool serialisers_go(struct rpc_client *c)
{
	struct sample_list list = { .name = { (char *)"oak", (char *)"elm" }, .count = 2 }, capitals;

	EXPECT_OK(sample_capitals(c, &list, &capitals));
	EXPECT(capitals.count == 2 && !strcmp(capitals.name[0], "OAK") && !strcmp(capitals.name[1], "ELM"));
	sample_list_free(&capitals);
	return true;
}

static bool calls_of_all_kinds(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_client c;
	uint64_t pid;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.kinds", &c, &pid));
		EXPECT(numbers_go(&c) && text_goes(&c) && arrays_go(&c) && serialisers_go(&c));
		EXPECT(sample_end(&c, pid));
	}
	return true;
}

/* --- many at a time ------------------------------------------------------------------------ */

static bool calls_in_flight(void)
{
	static struct rpc_pending p[PIPELINED];
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_client c;
	uint64_t pid, sum;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.flight", &c, &pid));
		for (uint32_t i = 0; i < PIPELINED; i++)
			EXPECT_OK(sample_add_start(&c, &p[i], i, 1000));
		/* In the other order: answers are kept for whom they are. */
		for (uint32_t i = PIPELINED; i-- > 0;) {
			EXPECT_OK(sample_add_finish(&p[i], &sum));
			EXPECT(sum == i + 1000);
		}
		EXPECT(sample_end(&c, pid));
	}
	return true;
}

static bool answers_given_later(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_pending first, second;
	struct rpc_client c, other;
	uint64_t pid, opened, opener;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.later", &c, &pid));
		EXPECT_OK(rpc_connect(&other, c.fabric, NULL, "sample.later"));
		EXPECT_OK(sample_wait_start(&c, &first, 1));
		EXPECT_OK(sample_wait_start(&other, &second, 2));
		EXPECT_OK(sample_open(&other, 2, &opened));
		EXPECT(opened == 1);
		EXPECT_OK(sample_wait_finish(&second, &opener));
		EXPECT(!rpc_done(&first));
		do /* it may not have come yet: channels keep no order among each other */
			EXPECT_OK(sample_open(&other, 1, &opened));
		while (!opened);
		EXPECT_OK(sample_wait_finish(&first, &opener));
		EXPECT(opener == process_args()->pid);
		rpc_client_close(&other);
		EXPECT(sample_end(&c, pid));
	}
	return true;
}

static bool handlers_that_call(void)
{
	static struct rpc_pending p[RELAYED];
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_client c, back;
	uint64_t pid, pid_back, sum;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.front", &c, &pid));
		EXPECT(sample_begin(cores - 1, "sample.back", &back, &pid_back));
		for (uint32_t i = 0; i < RELAYED; i++)
			EXPECT_OK(sample_relay_start(&c, &p[i], "sample.back", i, 5));
		for (uint32_t i = 0; i < RELAYED; i++) {
			EXPECT_OK(sample_relay_finish(&p[i], &sum));
			EXPECT(sum == i + 5);
		}
		EXPECT_ERROR(sample_relay(&c, "sample.none", 1, 2, &sum), ERR_NOT_FOUND);
		EXPECT(sample_end(&back, pid_back));
		EXPECT(sample_end(&c, pid));
	}
	return true;
}

/* --- capabilities, peers that go, peers that do not read ----------------------------------------------- */

static bool a_frame_goes_along(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_client c;
	cptr_t frame, copy;
	vaddr_t here, there;
	uint64_t pid;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.cap", &c, &pid));
		EXPECT_ERROR(sample_kept(&c, &copy), ERR_NOT_FOUND);
		EXPECT_OK(frame_alloc_map(PAGE_BITS, &frame, &here));
		*(volatile uint64_t *)here = 83712 + core;
		EXPECT_OK(sample_keep(&c, frame));
		EXPECT_OK(sample_kept(&c, &copy));
		EXPECT(copy != frame);
		EXPECT_OK(vspace_map_frame(copy, PAGE_BITS, MAP_READ, &there));
		EXPECT(*(volatile uint64_t *)there == 83712 + core);
		EXPECT_OK(vspace_unmap(there));
		EXPECT_OK(slot_delete(copy));
		EXPECT(sample_end(&c, pid));
		EXPECT_OK(vspace_unmap(here));
		EXPECT_OK(shared_revoke(frame)); /* the dead service's copy may not be gone yet */
		EXPECT_OK(ram_free(frame));
	}
	return true;
}

static err_t renew_second(struct rpc_client *c)
{
	++*(unsigned *)c->tag;
	return rpc_client_open(c, "sample.second");
}

/* The first service is killed while calls wait there: one may be repeated, the other not. */
static bool killed_under_a_call(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_pending wait, relay;
	struct rpc_client c, second;
	uint64_t pid, pid_second, sum, opener, opened;
	unsigned renewals = 0;

	EXPECT(sample_begin(0, "sample.second", &second, &pid_second));
	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.first", &c, &pid));
		c.renew = renew_second;
		c.tag = &renewals;
		renewals = 0;
		EXPECT_OK(sample_wait_start(&c, &wait, 7));
		EXPECT_OK(mon_kill(pid));
		EXPECT_OK(mon_wait(pid, NULL, NULL));
		EXPECT_OK(sample_add(&c, 2, 3, &sum));
		EXPECT(sum == 5 && renewals == 1 && c.peer == pid_second);
		EXPECT_ERROR(sample_wait_finish(&wait, &opener), ERR_CLOSED);
		EXPECT_OK(sample_open(&second, 7, &opened));
		EXPECT(opened == 0);
		EXPECT_OK(sample_relay_start(&c, &relay, "sample.second", 1, 2));
		EXPECT_OK(sample_relay_finish(&relay, &sum));
		rpc_client_close(&c);
	}
	EXPECT(sample_end(&second, pid_second));
	return true;
}

/* A client that only sends: its channel is closed, and the service serves the other. */
static bool a_client_that_never_reads(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct rpc_client c;
	struct channel deaf;
	unsigned sent;
	uint64_t pid, sum;
	err_t err;

	for (coreid_t core = 0; core < cores; core++) {
		EXPECT(sample_begin(core, "sample.deaf", &c, &pid));
		EXPECT_OK(channel_open(c.fabric, "sample.deaf", NULL, &deaf));
		err = ERR_OK;
		for (sent = 0; sent < SENT_AHEAD && !err; sent++) {
			struct urpc_message m = { .word = { RPC_HEADER(SAMPLE_INTERFACE, SAMPLE_ADD, 2), 1, 1 } };

			err = channel_send_lines(&deaf, &m, 1, 0, NULL);
			if (sent % 64 == 0) {
				EXPECT_OK(sample_add(&c, sent, 1, &sum));
				EXPECT(sum == sent + 1);
			}
		}
		EXPECT_ERROR(err, ERR_CLOSED);
		channel_close(&deaf);
		EXPECT_OK(sample_add(&c, 4, 5, &sum));
		EXPECT(sample_end(&c, pid));
	}
	return true;
}

/* --- threads elsewhere ------------------------------------------------------------------------------------ */

/* A message without an answer, to a service that sleeps: nothing else would wake it. */
static bool wakes(struct rpc_client *c)
{
	const struct urpc *u = &c->own.urpc;

	if (!u->own)
		return true;
	while (!urpc_peer_asleep(u))
		thread_yield();
	EXPECT_OK(sample_note(c, 0, 0, 0, 0, 0, 0));
	while (mem_load32(&u->peer->at.received) != u->sent)
		thread_yield();
	return true;
}

/* What goes out without waiting, in one line and in several, and what comes back, from whichever core this is. */
static bool calls_from_here(struct rpc_client *c)
{
	static struct rpc_pending p[PIPELINED];
	uint64_t sum;

	for (uint32_t i = 0; i < PIPELINED; i++)
		EXPECT_OK(sample_add_start(c, &p[i], i, 1000));
	for (uint32_t i = PIPELINED; i-- > 0;) {
		EXPECT_OK(sample_add_finish(&p[i], &sum));
		EXPECT(sum == i + 1000);
	}
	EXPECT_OK(sample_add_start(c, &p[0], 1, 2));
	EXPECT(rpc_client_has_room(c));
	while (!rpc_done(&p[0])) {
		rpc_client_poll(c);
		thread_yield();
	}
	EXPECT_OK(sample_add_finish(&p[0], &sum));
	EXPECT_OK(sample_note(c, 1, 2, 3, 4, 5, 6));
	EXPECT_OK(sample_line(c, 0, 0, 0, 0, 0, 0, &sum));
	EXPECT(sum == 21);
	return text_goes(c) && arrays_go(c) && wakes(c);
}

/* A process that spans n cores, with a service on each of them in turn: its channels are on this core. */
int deed_span_calls(const char *arg)
{
	coreid_t n = (coreid_t)atoi(arg);
	struct rpc_client c;
	struct fabric *f;
	uint64_t pid;

	if (fabric_metal(&f))
		return 1;
	for (coreid_t core = 0; core < n; core++)
		if (core != dispatcher_core() && cpu_join(core))
			return 2;
	for (coreid_t core = 0; core < n; core++) {
		bool called;

		if (!sample_begin(core, "sample.span", &c, &pid))
			return 3;
		thread_visit((coreid_t)(n - 1));
		called = calls_from_here(&c);
		thread_return(0);
		if (!called || !sample_end(&c, pid))
			return 4;
	}
	return 0;
}

static bool calls_from_elsewhere(void)
{
	char arg[12];
	unsigned cause;
	uint64_t status;

	snprintf(arg, sizeof arg, "%u", mon_cores_up(CORES_TRIED));
	EXPECT_OK(child_run(0, "span_calls", arg, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	return true;
}

const struct test rpc_tests[] = {
	{ "calls of all kinds, from one core and across", calls_of_all_kinds },
	{ "calls in flight, finished in another order", calls_in_flight },
	{ "answers given later", answers_given_later },
	{ "handlers that call another service", handlers_that_call },
	{ "a frame as a parameter, there and back", a_frame_goes_along },
	{ "a service killed under its calls", killed_under_a_call },
	{ "a client that never reads its answers", a_client_that_never_reads },
	{ "calls from another core than the channel's", calls_from_elsewhere },
	{ 0 },
};
