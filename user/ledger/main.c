/*
 * Clients add to the counts of a fleet while its members are killed; then a ledger says whether
 * any call failed, was done twice, or was lost.
 *
 *     ledger [KILLS [SEED [CLIENTS [MEMBERS]]]]
 *
 * Each client is a process with a random generator of its own, which says what it adds to which count.
 * It ends with the number of its calls that were answered; so this program knows, by drawing the
 * same numbers, what every count must be. Members are killed at random moments, always while the fleet
 * has two that serve and all changes of its view are through.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "services/tally/tally_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEET "tally"
#define COUNTS 16
#define CLIENTS_MAX 64
#define KILLS_MAX 100000
#define STOP "stop"
#define STOP_EVERY 16     /* calls between two looks at whether to stop */
#define LONGEST_PAUSE 40  /* ms between the fleet being whole and the next kill */
#define PATIENCE_MS 20000 /* for the fleet to be whole again */
#define FAILED UINT64_MAX /* exit status of a client that found something wrong */

static struct fabric *fabric;
static uint64_t ms; /* of fabric time */

struct draw {
	uint64_t state;
};

/* xorshift64 */
static uint64_t draw(struct draw *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state >> 11;
}

static struct draw draw_of(uint64_t seed, uint64_t client)
{
	struct draw d = { (seed * (CLIENTS_MAX + 1) + client + 1) * UINT64_C(0x9e3779b97f4a7c15) };

	draw(&d);
	return d;
}

/* The next call of a client: which count, how much. */
static unsigned draw_call(struct draw *d, uint64_t *n)
{
	unsigned count = (unsigned)(draw(d) % COUNTS);

	*n = draw(d) % 1000 + 1;
	return count;
}

static void count_name(unsigned count, char name[16]) { snprintf(name, 16, "count %u", count); }

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

/* --- a client ------------------------------------------------------------------------------- */

static bool told_to_stop(struct fleet_client *c)
{
	uint64_t n;

	return tally_read(&c->rpc, STOP, &n) != ERR_NOT_FOUND;
}

/* One call; what comes back is more than what came back before. */
static bool call(struct fleet_client *c, struct draw *d, uint64_t last[COUNTS], uint64_t *longest)
{
	cycles_t from = fabric_now(fabric), took;
	uint64_t n, sum = 0;
	unsigned count = draw_call(d, &n);
	char name[16];
	err_t err;

	count_name(count, name);
	err = tally_add(&c->rpc, name, n, &sum);
	took = fabric_now(fabric) - from;
	if (took > *longest)
		*longest = took;
	if (err || sum < last[count] + n) {
		printf("ledger: adding %" PRIu64 " to %s: %s, %" PRIu64 " after %" PRIu64 "\n", n, name,
		       error_text(err), sum, last[count]);
		return false;
	}
	last[count] = sum;
	return true;
}

/* Its status: calls, and above bit 32 the microseconds that the longest took. */
static uint64_t client(uint64_t seed, uint64_t number)
{
	uint64_t last[COUNTS] = { 0 }, calls = 0, longest = 0;
	struct draw d = draw_of(seed, number);
	struct fleet_client c;

	if (start() || fleet_connect(&c, fabric, NULL, FLEET))
		return FAILED;
	for (;;) {
		if (calls % STOP_EVERY == 0 && told_to_stop(&c))
			return calls | longest * 1000 / ms << 32;
		if (!call(&c, &d, last, &longest))
			return FAILED;
		calls++;
	}
}

/* --- kills --------------------------------------------------------------------------------------- */

struct fleet_now {
	struct fleet_head head;
	struct fleet_times times;
	struct fleet_member member[FLEET_MEMBERS];
	uint32_t count;
};

static err_t look(struct fleet_client *c, struct fleet_now *now)
{
	now->count = FLEET_MEMBERS;
	return fleet_list(&c->rpc, &now->head, &now->times, &now->count, now->member);
}

static unsigned serving(const struct fleet_now *now)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < now->count; i++)
		n += now->member[i].state == FLEET_SERVING;
	return n;
}

/* Waits till `members` serve and nothing is under way. */
static bool await(struct fleet_client *c, struct fleet_now *now, unsigned members)
{
	cycles_t deadline = fabric_now(fabric) + PATIENCE_MS * ms;
	err_t err;

	while ((err = look(c, now)) || serving(now) < members || now->times.settled != now->head.version) {
		if (fabric_now(fabric) > deadline) {
			printf("ledger: %s, %u members serve\n", error_text(err), serving(now));
			return false;
		}
		thread_sleep_until(fabric_now(fabric) + ms / 2);
	}
	return true;
}

/* Kills any member, mostly when the fleet is whole, sometimes when two serve. */
static bool kill_one(struct fleet_client *c, struct draw *d, unsigned members)
{
	static struct fleet_now now;
	uint64_t version;
	err_t err;

	if (!await(c, &now, draw(d) % 4 ? members : 2))
		return false;
	thread_sleep_until(fabric_now(fabric) + draw(d) % (LONGEST_PAUSE * ms));
	if (!await(c, &now, 2)) /* it may have changed meanwhile */
		return false;
	version = now.head.version;
	err = mon_kill(now.member[draw(d) % now.count].at.pid);
	if (err) {
		printf("ledger: kill: %s\n", error_text(err));
		return false;
	}
	/* Another one may be killed when this death has become another view. */
	while (!look(c, &now) && now.head.version == version)
		thread_sleep_until(fabric_now(fabric) + ms / 4);
	return true;
}

/* --- the ledger ------------------------------------------------------------------------------------ */

struct sums {
	uint64_t sum[COUNTS], calls, longest;
	unsigned failed;
};

static void expect(struct sums *s, uint64_t seed, uint64_t number, uint64_t calls)
{
	struct draw d = draw_of(seed, number);

	while (calls--) {
		uint64_t n;
		unsigned count = draw_call(&d, &n);

		s->sum[count] += n;
	}
}

/* How many counts are not what they must be. */
static unsigned compare(struct fleet_client *c, const struct sums *s)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNTS; i++) {
		uint64_t is = 0;
		char name[16];
		err_t err;

		count_name(i, name);
		err = tally_read(&c->rpc, name, &is);
		if (is == s->sum[i] && (!err || err == ERR_NOT_FOUND))
			continue;
		wrong++;
		printf("ledger: %s is %" PRIu64 ", not %" PRIu64 ": %s\n", name, is, s->sum[i],
		       err              ? error_text(err)
		       : is < s->sum[i] ? "lost"
					: "doubled");
	}
	return wrong;
}

static err_t client_start(uint64_t seed, unsigned number, unsigned cores, uint64_t *pid)
{
	char seed_text[24], number_text[12];
	const char *argv[] = { "ledger", "--client", seed_text, number_text };

	snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
	snprintf(number_text, sizeof number_text, "%u", number);
	return mon_spawn((coreid_t)(number % cores), 4, argv, pid);
}

/* Waits for all clients, and does what they did again. */
static void gather(struct sums *s, uint64_t seed, const uint64_t *pid, unsigned clients)
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
		expect(s, seed, i, (uint32_t)status);
	}
}

static unsigned cores_up(void)
{
	struct mon_core core;
	unsigned n = 0;

	while (!mon_core((coreid_t)n, &core) && core.state == MON_CORE_UP)
		n++;
	return n;
}

static err_t fleet_begin(struct fleet_client *c, unsigned members)
{
	const char *argv[] = { FLEET };
	struct fleet_policy policy = { .least = members };
	uint64_t pid;
	err_t err = mon_spawn(process_self_core(), 1, argv, &pid);

	if (!err)
		err = fleet_client_init(c, fabric, NULL, FLEET);
	return err ? err : fleet_adapt(&c->rpc, &policy);
}

static int run(unsigned kills, uint64_t seed, unsigned clients, unsigned members)
{
	static uint64_t pid[CLIENTS_MAX];
	static struct fleet_now now;
	struct draw d = draw_of(seed, CLIENTS_MAX);
	unsigned cores = cores_up(), killed = 0, wrong;
	struct sums sums = { 0 };
	struct fleet_client c;
	uint64_t n;
	err_t err = fleet_begin(&c, members);

	for (unsigned i = 0; i < clients && !err; i++)
		err = client_start(seed, i, cores, &pid[i]);
	if (err) {
		printf("ledger: %s\n", error_text(err));
		return 1;
	}
	while (killed < kills && kill_one(&c, &d, members))
		killed++;
	await(&c, &now, 2);
	err = tally_add(&c.rpc, STOP, 1, &n);
	gather(&sums, seed, pid, clients);
	wrong = compare(&c, &sums);
	printf("ledger: %u kills, %u clients, %" PRIu64 " calls, the longest %" PRIu64 " us\n", killed, clients,
	       sums.calls, sums.longest);
	printf("ledger: %u clients failed, %u counts are wrong\n", sums.failed, wrong);
	return err || killed < kills || sums.failed || wrong || !sums.calls;
}

int main(int argc, char **argv)
{
	unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 100, clients = argc > 3 ? (unsigned)atoi(argv[3]) : 8;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	if (argc == 4 && !strcmp(argv[1], "--client"))
		mon_exit(client(seed, strtoull(argv[3], NULL, 0)));
	if (start() || kills > KILLS_MAX || clients > CLIENTS_MAX) {
		fprintf(stderr, "usage: ledger [KILLS [SEED [CLIENTS [MEMBERS]]]]\n");
		return 1;
	}
	return run(kills, seed, clients, argc > 4 ? (unsigned)atoi(argv[4]) : 3);
}
