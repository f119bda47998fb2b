/*
 * Clients use a fleet while its members are killed; then a ledger says whether
 * any call failed, was done twice, or was lost.
 *
 *     ledger [KILLS [SEED [CLIENTS [MEMBERS [FLEET]]]]]
 *
 * FLEET is tally, whose fleet it starts, name or mem. Each client is a process with a random generator of its own,
 * which says what it does. It ends with the number of its calls that were answered.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "user/ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILLS_MAX 100000

struct fabric *fabric;
uint64_t ms;

static const struct book *const books[] = { &tally_book, &name_book, &files_book };

/* xorshift64 */
uint64_t draw(struct draw *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state >> 11;
}

struct draw draw_of(uint64_t seed, uint64_t client)
{
	struct draw d = { (seed * (CLIENTS_MAX + 1) + client + 1) * UINT64_C(0x9e3779b97f4a7c15) };

	draw(&d);
	return d;
}

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

struct sums {
	uint64_t calls, longest;
	unsigned failed;
};

static err_t client_start(const struct book *b, uint64_t seed, unsigned number, unsigned cores, uint64_t *pid)
{
	char seed_text[24], number_text[12];
	const char *argv[] = { "ledger", "--client", seed_text, number_text, b->fleet };

	snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
	snprintf(number_text, sizeof number_text, "%u", number);
	return mon_spawn((coreid_t)(number % cores), 5, argv, pid);
}

/* Waits for all clients, and does what they did again. */
static void gather(const struct book *b, struct sums *s, uint64_t seed, const uint64_t *pid, unsigned clients)
{
	for (unsigned i = 0; i < clients; i++) {
		uint64_t status = FAILED;
		unsigned cause = MON_FAULTED;

		if (mon_wait(pid[i], &cause, &status) || cause != MON_EXITED || status == FAILED) {
			s->failed++;
			continue;
		}
		s->calls += (uint32_t)status;
		if (status >> 32 > s->longest)
			s->longest = status >> 32;
		b->expect(seed, i, (uint32_t)status);
	}
}

static err_t fleet_begin(const struct book *b, struct fleet_client *c, unsigned members)
{
	const char *argv[] = { b->fleet };
	struct fleet_policy policy = { .least = members };
	uint64_t pid;
	err_t err = b->begin ? mon_spawn(process_self_core(), 1, argv, &pid) : ERR_OK;

	if (!err)
		err = fleet_client_init(c, fabric, NULL, b->fleet);
	return err ? err : fleet_adapt(&c->rpc, &policy);
}

static int run(const struct book *b, unsigned kills, uint64_t seed, unsigned clients, unsigned members)
{
	static uint64_t pid[CLIENTS_MAX];
	static struct fleet_survey now;
	struct draw d = draw_of(seed, CLIENTS_MAX);
	unsigned cores = mon_cores_up(CORES_MAX), killed = 0, wrong;
	struct sums sums = { 0 };
	struct fleet_client c;
	err_t err = fleet_begin(b, &c, members);

	for (unsigned i = 0; i < clients && !err; i++)
		err = client_start(b, seed, i, cores, &pid[i]);
	if (err) {
		printf("ledger: %s\n", error_text(err));
		return 1;
	}
	while (killed < kills && fleet_kill_one(&c, &d, members))
		killed++;
	fleet_await(&c, &now, 2);
	err = b->stop(&c);
	gather(b, &sums, seed, pid, clients);
	wrong = b->compare(&c);
	printf("ledger: %u kills, %u clients, %" PRIu64 " calls, the longest %" PRIu64 " us\n", killed, clients,
	       sums.calls, sums.longest);
	printf("ledger: %u clients failed, %u entries are wrong\n", sums.failed, wrong);
	return err || killed < kills || sums.failed || wrong || !sums.calls;
}

static const struct book *book_of(const char *fleet)
{
	for (size_t i = 0; i < sizeof books / sizeof *books; i++)
		if (!strcmp(fleet, books[i]->fleet))
			return books[i];
	return NULL;
}

int main(int argc, char **argv)
{
	bool is_client = argc == 5 && !strcmp(argv[1], "--client");
	const struct book *b = book_of(is_client ? argv[4] : argc > 5 ? argv[5] : "tally");
	unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 100, clients = argc > 3 ? (unsigned)atoi(argv[3]) : 8;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	if (is_client && b)
		mon_exit(start() ? FAILED : b->client(seed, strtoull(argv[3], NULL, 0)));
	if (!b || start() || kills > KILLS_MAX || clients > CLIENTS_MAX) {
		fprintf(stderr, "usage: ledger [KILLS [SEED [CLIENTS [MEMBERS [tally | name | mem]]]]]\n");
		return 1;
	}
	return run(b, kills, seed, clients, argc > 4 ? (unsigned)atoi(argv[4]) : 3);
}
