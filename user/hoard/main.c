/*
 * Clients take and give back pages while members of the page fleet are killed; then what each member
 * believes is held against what the monitors know.
 *
 *     hoard [KILLS [SEED [CLIENTS]]]
 *
 * A client writes its own number into each page that it gets, and looks at it before it gives the page back; it
 * ends by itself only when a call failed or a page was not its alone.  When the kills are over each is called to a
 * channel of this program's and holds still, with all that it has; so the pages can be counted.  Then they are
 * killed, and everything comes back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"
#include "libos/thread/thread.h"
#include "services/page/page_client.h"

#define CLIENTS_MAX 64
#define PAGES 200         /* that a client has at most */
#define LONGEST_PAUSE 40  /* ms between the fleet being whole and the next kill */
#define PATIENCE_MS 60000 /* for the fleet to be whole again */
#define CALL "hoard.call" /* the service that clients hold still at */
#define CALL_EVERY 64     /* calls between two looks for it */
#define SETTLE_TRIES 200  /* looks, ms apart, until all has come back */

static struct fabric *fabric;
static uint64_t ms; /* of fabric time */

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

static void pause_ms(uint64_t n) { thread_sleep_until(fabric_now(fabric) + n * ms); }

static err_t start(void)
{
	struct mon_core core;
	err_t err = fabric_here(&fabric);

	if (!err)
		err = mon_core(process_self_core(), &core);
	if (!err)
		ms = core.tsc_hz / 1000;
	return err;
}

/* --- a client ------------------------------------------------------------------------------------ */

static struct page {
	cptr_t slot;
	vaddr_t at;
	uint64_t mark;
} pages[PAGES];

static int complain(const char *what, err_t err)
{
	printf("hoard: %s: %s\n", what, error_text(err));
	return 1;
}

static int page_fill(struct rpc_client *c, struct page *p, uint64_t mark)
{
	volatile uint64_t *word;
	uint64_t base;
	err_t err = slot_alloc(&p->slot);

	if (!err)
		err = page_take(c, PAGE_BITS, PAGE_FRAME, p->slot, process_self_core(), &base);
	if (err)
		return complain("page_take", err);
	err = vspace_map_frame(p->slot, PAGE_BITS, MAP_READ | MAP_WRITE, &p->at);
	if (err)
		return complain("mapping", err);
	word = (volatile uint64_t *)p->at;
	if (word[0] || word[PAGE_SIZE / sizeof *word - 1])
		return complain("a fresh page", ERR_EXISTS);
	word[0] = p->mark = mark;
	return 0;
}

static int page_leave(struct page *p)
{
	err_t err;

	if (*(volatile uint64_t *)p->at != p->mark)
		return complain("a page of ours", ERR_EXISTS);
	err = vspace_unmap(p->at);
	if (!err)
		err = mon_ram_free(p->slot);
	if (err)
		return complain("giving back", err);
	slot_free(p->slot);
	p->slot = 0;
	return 0;
}

/* If we are called: for ever. */
static void hold_still(void)
{
	struct urpc_message m;
	struct channel c;

	if (!channel_open(fabric, CALL, NULL, &c))
		channel_receive_wait(&c, &m, 0);
}

static int client(uint64_t seed, uint64_t number)
{
	uint64_t state = (seed * (CLIENTS_MAX + 1) + number + 1) * UINT64_C(0x9e3779b97f4a7c15), calls = 0;
	struct fleet_client c;
	err_t err = start();

	if (!err)
		err = fleet_client_init(&c, fabric, NULL, PAGE_FLEET);
	if (err)
		return complain("client", err);
	for (;;) {
		struct page *p = &pages[draw(&state) % PAGES];

		if (calls % CALL_EVERY == 0)
			hold_still();
		if (p->slot ? page_leave(p) : page_fill(&c.rpc, p, number << 48 | ++calls))
			return 1;
	}
}

/* --- kills: see ledger --------------------------------------------------------------------------- */

static struct fleet_survey now;

/* Waits till two serve and nothing is under way. */
static bool await(struct fleet_client *c)
{
	cycles_t deadline = fabric_now(fabric) + PATIENCE_MS * ms;
	err_t err;

	while ((err = fleet_survey(c, &now)) || fleet_survey_serving(&now) < 2 ||
	       now.times.settled != now.head.version) {
		if (fabric_now(fabric) > deadline) {
			printf("hoard: %s, %u members serve\n", error_text(err), fleet_survey_serving(&now));
			return false;
		}
		pause_ms(1);
	}
	return true;
}

static bool kill_one(struct fleet_client *c, uint64_t *state)
{
	uint64_t version;
	err_t err;

	pause_ms(draw(state) % LONGEST_PAUSE);
	if (!await(c))
		return false;
	version = now.head.version;
	err = mon_kill(now.member[draw(state) % now.count].at.pid);
	while (!err && !fleet_survey(c, &now) && now.head.version == version)
		pause_ms(1);
	if (err && err != ERR_NO_PROCESS) /* on a busy host it may just have been taken for hung */
		complain("kill", err);
	return !err || err == ERR_NO_PROCESS;
}

/* --- the ledger ------------------------------------------------------------------------------------ */

/* All members' together; of a member that cannot be asked, one is lost. */
static struct page_faults faults(void)
{
	struct page_faults all = { 0 }, one;

	for (uint32_t i = 0; i < now.count; i++) {
		struct rpc_client c;
		err_t err;

		rpc_client_init(&c, fabric, NULL);
		err = rpc_client_open_at(&c, &now.member[i].at);
		if (!err)
			err = page_check(&c, &one);
		rpc_client_close(&c);
		if (err) {
			complain("page_check", err);
			one = (struct page_faults){ .lost = 1 };
		}
		all.lost += one.lost;
		all.doubled += one.doubled;
		all.strange += one.strange;
		all.orphans += one.orphans;
		all.pages += one.pages;
	}
	return all;
}

static bool sound(const struct page_faults *f) { return !f->lost && !f->doubled && !f->strange && !f->orphans; }

/* The words of what came back take a moment. */
static struct page_faults settle(void)
{
	struct page_faults f = faults();

	for (unsigned i = 0; i < SETTLE_TRIES && !sound(&f); i++) {
		pause_ms(1);
		f = faults();
	}
	return f;
}

/* How many clients hold still; all that live, or the wait was too long. */
static unsigned call_clients(unsigned clients)
{
	static struct channel channel[CLIENTS_MAX];
	static struct service service;
	static struct wait_set set;
	cycles_t deadline = fabric_now(fabric) + PATIENCE_MS * ms;
	unsigned n = 0;
	struct channel *from;

	if (wait_set_init(&set, fabric) || service_export(fabric, CALL, &service))
		return 0;
	wait_set_serve(&set, &service);
	while (n < clients && !wait_set_wait(&set, &from, deadline))
		n += !from && !service_accept(&service, NULL, &channel[n]);
	return n;
}

static unsigned gather(const uint64_t *pid, unsigned clients)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < clients; i++)
		mon_kill(pid[i]);
	for (unsigned i = 0; i < clients; i++) {
		unsigned cause = MON_KILLED;
		uint64_t status = 0;
		err_t err = mon_wait(pid[i], &cause, &status);

		if (!err && cause == MON_KILLED)
			continue;
		failed++;
		printf("hoard: client %u: %s, cause %u, status %" PRIu64 "\n", i, error_text(err), cause, status);
	}
	return failed;
}

static void show(const char *when, const struct page_faults *f)
{
	printf("hoard: %s: %" PRIu64 " pages, %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64 " strange, %" PRIu64
	       " orphans\n",
	       when, f->pages, f->lost, f->doubled, f->strange, f->orphans);
}

static int run(unsigned kills, uint64_t seed, unsigned clients)
{
	static uint64_t pid[CLIENTS_MAX];
	struct fleet_policy policy = { .least = 2 };
	unsigned cores = mon_cores_up(CORES_MAX), killed = 0, called, failed;
	uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	struct page_faults held, left;
	struct fleet_client c;
	char seed_text[24], number_text[12];
	err_t err = fleet_client_init(&c, fabric, NULL, PAGE_FLEET);

	if (!err)
		err = fleet_adapt(&c.rpc, &policy);
	for (unsigned i = 0; i < clients && !err; i++) {
		const char *argv[] = { "hoard", "--client", seed_text, number_text };

		snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
		snprintf(number_text, sizeof number_text, "%u", i);
		err = mon_spawn((coreid_t)(i % cores), 4, argv, &pid[i]);
	}
	if (err)
		return complain("start", err);
	while (killed < kills && kill_one(&c, &state))
		killed++;
	called = call_clients(clients);
	if (!await(&c))
		return 1;
	held = settle();
	failed = gather(pid, clients);
	left = settle();
	printf("hoard: %u kills, %u clients, %u failed\n", killed, clients, failed + clients - called);
	show("while they hold still", &held);
	show("after their end", &left);
	return killed < kills || failed || called < clients || !sound(&held) || !sound(&left) || !held.pages;
}

int main(int argc, char **argv)
{
	unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 100, clients = argc > 3 ? (unsigned)atoi(argv[3]) : 8;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	if (argc == 4 && !strcmp(argv[1], "--client"))
		return client(seed, strtoull(argv[3], NULL, 0));
	if (clients > CLIENTS_MAX || start()) {
		fprintf(stderr, "usage: hoard [KILLS [SEED [CLIENTS]]]\n");
		return 1;
	}
	return run(kills, seed, clients);
}
