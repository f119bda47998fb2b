/*
 * Cores come and go while programs run on all of them.
 *
 * "islands" starts a server on each core but the first, and for each a client on
 * the next core: bursts of numbered lines, a call, a sleep.  A server that misses a
 * line, or sees one twice, says so; a client checks every answer and every sleep.
 * Meanwhile each core is stopped and started, all are stopped onto one, and updated;
 * after each step all pairs must have gone on.  At the end both sides of each pair
 * have counted the same.  It prints TAP.
 *
 *	islands [stop | onto | update]...  what is done meanwhile
 *	islands grow ..., islands hog ...  starts the cores that are off first; with no memory for it, too
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/syscall.h"
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/fabric/metal.h"
#include "libos/thread/thread.h"

#define PAIRS_MAX 64
#define BURST 16
#define LATE_SECONDS 60

enum { OP_LINE, OP_CALL, OP_COUNT, OP_STOP };

/* --- a pair --------------------------------------------------------------------------- */

static int client(const char *name)
{
	uint64_t next = 0;
	struct channel c;
	struct fabric *f;

	if (fabric_metal(&f) || channel_open(f, name, NULL, &c))
		return 2;
	for (;;) {
		struct urpc_message m = { .word = { OP_CALL } }, r;
		cycles_t until;

		for (unsigned i = 0; i < BURST; i++) {
			struct urpc_message line = { .word = { OP_LINE, next++ } };

			if (channel_send_lines(&c, &line, 1, 0, NULL))
				return 3;
		}
		m.word[1] = next++;
		if (channel_call(&c, &m, &r) || r.word[1] != ~m.word[1])
			return 4;
		if (r.word[2])
			break;
		until = fabric_now(f) + dispatcher_tsc_hz() / 500;
		thread_sleep_until(until);
		if (fabric_now(f) < until)
			return 5;
	}
	channel_close(&c);
	return 0;
}

struct server {
	struct channel c[2]; /* the client's, and who started us */
	struct wait_set set;
	uint64_t next, wrong;
	bool stop;
};

static err_t answer(struct server *s, struct channel *c)
{
	struct urpc_message m;
	err_t err;

	while ((err = channel_receive(c, &m)) == ERR_OK) {
		struct urpc_message r = { .word = { m.word[0], ~m.word[1], s->stop } };

		if (m.word[0] == OP_LINE || m.word[0] == OP_CALL) {
			s->wrong += m.word[1] != s->next;
			s->next = m.word[1] + 1;
		}
		if (m.word[0] == OP_STOP)
			s->stop = true;
		if (m.word[0] == OP_COUNT || m.word[0] == OP_STOP)
			r = (struct urpc_message){ .word = { m.word[0], s->next, s->wrong } };
		if (m.word[0] != OP_LINE)
			err = channel_send_lines(c, &r, 1, 0, NULL);
		if (err)
			return err;
	}
	return err == ERR_AGAIN ? ERR_OK : err;
}

static int server(const char *name)
{
	static struct server s;
	unsigned accepted = 0, open = 2;
	struct service service;
	struct fabric *f;

	if (fabric_metal(&f) || wait_set_init(&s.set, f) || service_export(f, name, &service))
		return 2;
	wait_set_serve(&s.set, &service);
	while (open) {
		struct channel *c;
		err_t err = wait_set_wait(&s.set, &c, 0);

		if (err)
			return 3;
		if (!c && accepted < 2) {
			if (service_accept(&service, NULL, &s.c[accepted]) == ERR_OK)
				wait_set_add(&s.set, &s.c[accepted++]);
		} else if (c) {
			err = answer(&s, c);
			if (err == ERR_CLOSED) {
				channel_close(c);
				open--;
			} else if (err) {
				return 4;
			}
		}
	}
	return s.wrong ? 5 : 0;
}

/* --- all of them ------------------------------------------------------------------------- */

static struct pair {
	char name[MON_NAME + 1];
	uint64_t server, client;
	struct channel c;
	uint64_t count;
} pair[PAIRS_MAX];
static unsigned pairs;
static struct fabric *fabric;
static unsigned test_number, failures;

static void tap(bool good, const char *what, unsigned core, err_t err)
{
	failures += !good;
	printf("%sok %u - islands: %s %u%s%s\n", good ? "" : "not ", ++test_number, what, core, err ? ": " : "",
	       err ? error_text(err) : "");
}

static unsigned cores(void)
{
	struct mon_core c;
	unsigned n = 0;

	while (n < PAIRS_MAX && !mon_core((coreid_t)n, &c) && c.state == MON_CORE_UP)
		n++;
	return n;
}

static err_t pair_start(struct pair *p, coreid_t at, coreid_t from)
{
	const char *serve[] = { "islands", "serve", p->name, NULL }, *call[] = { "islands", "call", p->name, NULL };
	cycles_t late = fabric_now(fabric) + LATE_SECONDS * dispatcher_tsc_hz();
	err_t err;

	snprintf(p->name, sizeof p->name, "isle.%u", (unsigned)at);
	err = mon_spawn(at, 3, serve, &p->server);
	if (err)
		return err;
	do
		err = channel_open(fabric, p->name, NULL, &p->c); /* its name is not there at once */
	while (err == ERR_NOT_FOUND && fabric_now(fabric) < late);
	return err ? err : mon_spawn(from, 3, call, &p->client);
}

static err_t pair_ask(struct pair *p, unsigned op, uint64_t *count)
{
	struct urpc_message m = { .word = { op } }, r;
	err_t err = channel_call(&p->c, &m, &r);

	*count = r.word[1];
	return err ? err : r.word[2] ? ERR_MESSAGE : ERR_OK;
}

/* Every pair has exchanged more than it had. */
static err_t all_go_on(void)
{
	cycles_t late = fabric_now(fabric) + LATE_SECONDS * dispatcher_tsc_hz();

	for (unsigned i = 0; i < pairs; i++) {
		uint64_t before = pair[i].count;
		err_t err;

		do
			err = pair_ask(&pair[i], OP_COUNT, &pair[i].count);
		while (!err && pair[i].count < before + 2 * BURST && fabric_now(fabric) < late);
		if (!err && pair[i].count < before + 2 * BURST)
			err = ERR_TIMEOUT;
		if (err) {
			printf("# %s: %s after %lu\n", pair[i].name, error_text(err), (unsigned long)pair[i].count);
			return err;
		}
	}
	return ERR_OK;
}

static bool runs_at(coreid_t core, coreid_t at)
{
	struct mon_core c;

	return mon_core(core, &c) == ERR_OK && c.state == MON_CORE_UP && c.at == at;
}

static void do_step(const char *what, unsigned control, coreid_t core, coreid_t onto)
{
	err_t err = mon_core_control(core, control, onto);
	bool good = !err && (onto == CORE_ANY || runs_at(core, onto));

	if (good)
		err = all_go_on();
	tap(good && !err, what, core, err);
}

static void stop_each(unsigned n)
{
	for (coreid_t core = 1; core < n; core++) {
		coreid_t onto = (coreid_t)((core + 1) % n);

		do_step("all pairs go on after core stop", MON_CORE_STOP, core, onto);
		do_step("all pairs go on after core start", MON_CORE_START, core, CORE_ANY);
		tap(runs_at(core, core), "it is at home: core", core, ERR_OK);
	}
}

/* A few at a time: all messages of an island then wait for the slices of the others. */
static void stop_onto_one(unsigned n)
{
	unsigned few = n < 5 ? n : 5;

	for (coreid_t core = 2; core < few; core++)
		do_step("all pairs go on with more on one processor: core stop", MON_CORE_STOP, core, 1);
	for (coreid_t core = 2; core < few; core++)
		do_step("all pairs go on after core start", MON_CORE_START, core, CORE_ANY);
}

static uint64_t stat(coreid_t core, unsigned which)
{
	uint64_t value = 0;

	mon_stat(core, which, &value);
	return value;
}

/* The new CPU driver says that it is another, and where its text is. */
static void update_each(unsigned n)
{
	for (coreid_t core = 0; core < n; core++) {
		uint64_t times = stat(core, STAT_UPDATES), text = stat(core, STAT_TEXT);

		do_step("all pairs go on after core update", MON_CORE_UPDATE, core, CORE_ANY);
		tap(stat(core, STAT_UPDATES) == times + 1 && stat(core, STAT_TEXT) != text,
		    "another CPU driver runs on core", core, ERR_OK);
	}
}

static void grow(void)
{
	struct mon_core c;

	for (coreid_t core = 1; !mon_core(core, &c); core++)
		if (c.state == MON_CORE_OFF) {
			err_t err = mon_core_control(core, MON_CORE_START, CORE_ANY);

			tap(!err && runs_at(core, core), "a core that was off is started: core", core, err);
		}
}

/* All memory that a core could be started with; most of it in large pieces. */
static void hog(void)
{
	static cptr_t taken[1024];
	unsigned count = 0, bits = 30;
	err_t err = ERR_OK;

	while (bits > 20 && count < 1024) {
		err = slot_alloc(&taken[count]);
		if (!err)
			err = mon_ram_alloc(bits, taken[count]);
		if (err)
			bits--;
		else
			count++;
	}
	err = mon_core_control(1, MON_CORE_START, CORE_ANY);
	tap(err == ERR_NO_MEMORY, "a core without memory is not started: core", 1, err);
	while (count)
		mon_ram_free(taken[--count]);
	err = mon_core_control(1, MON_CORE_START, CORE_ANY);
	tap(!err && runs_at(1, 1), "it is when there is some: core", 1, err);
}

static void pairs_begin(unsigned n)
{
	err_t err = ERR_OK;

	pairs = n - 1;
	for (unsigned i = 0; i < pairs && !err; i++)
		err = pair_start(&pair[i], (coreid_t)(i + 1), n == 2 ? 0 : (coreid_t)((i + 1) % pairs + 1));
	if (!err)
		err = all_go_on();
	tap(!err, "a server and a client on each core but the first of", n, err);
}

static bool ended(uint64_t pid)
{
	unsigned cause = MON_FAULTED;
	uint64_t status = 1;
	err_t err = mon_wait(pid, &cause, &status);

	if (err || cause != MON_EXITED || status)
		printf("# %u.%u: %s, cause %u, status %u\n", (unsigned)(pid >> 32), (unsigned)pid, error_text(err),
		       cause, (unsigned)status);
	return !err && cause == MON_EXITED && status == 0;
}

static void pairs_end(void)
{
	bool good = true;

	for (unsigned i = 0; i < pairs; i++)
		good &= pair_ask(&pair[i], OP_STOP, &pair[i].count) == ERR_OK;
	for (unsigned i = 0; i < pairs; i++)
		good &= ended(pair[i].client);
	for (unsigned i = 0; i < pairs; i++) {
		channel_close(&pair[i].c);
		good &= ended(pair[i].server);
	}
	tap(good, "nothing was lost, nothing came twice, by pairs", pairs, ERR_OK);
}

static void drivers_check(unsigned n)
{
	uint64_t violations = 0, found;
	err_t err = ERR_OK;

	for (coreid_t core = 0; core < n && !err; core++) {
		err = mon_check(core, &found);
		violations += found + stat(core, STAT_WALK_FOREIGN);
	}
	tap(!err && violations == 0, "no CPU driver finds a violation, or another's page in its tables, of", n, err);
}

int main(int argc, char **argv)
{
	unsigned n;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return server(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "call"))
		return client(argv[2]);
	if (fabric_metal(&fabric))
		return 2;
	if (argc > 1 && !strcmp(argv[1], "grow"))
		grow();
	if (argc > 1 && !strcmp(argv[1], "hog"))
		hog();
	n = cores();
	pairs_begin(n);
	for (int i = 1; i < argc && !failures; i++) {
		if (!strcmp(argv[i], "stop"))
			stop_each(n);
		else if (!strcmp(argv[i], "onto"))
			stop_onto_one(n);
		else if (!strcmp(argv[i], "update"))
			update_each(n);
	}
	pairs_end();
	drivers_check(n);
	printf("1..%u\n", test_number);
	return failures != 0;
}
