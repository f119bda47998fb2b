/*
 * Programs are started through the process service while its members are killed; then a ledger says whether
 * any start failed, was lost, or happened twice, and whether a number was given twice.
 *
 *     starts [KILLS [SEED [STARTERS]]]
 *
 * Each child tells this program its number over a channel, waits for a word back, and ends with a status that this
 * program knows: so a child that runs twice is counted twice, and one that is waited for in vain is missed. Members are
 * killed at random moments, always while the fleet has two that serve.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"
#include "libos/proc/program.h"
#include "libos/thread/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEET "proc"
#define LISTENER "starts"
#define STARTERS_MAX 16
#define CHILDREN_MAX 65536
#define LONGEST_PAUSE 60  /* ms between the fleet being whole and the next kill */
#define PATIENCE_MS 60000 /* for the fleet to be whole again */
#define NUMBERS 32768

static struct fabric *fabric;
static uint64_t ms; /* of fabric time */

static uint8_t came[CHILDREN_MAX]; /* how often each child has told of itself */
static uint8_t alive[NUMBERS];     /* children that have the number now */
static uint32_t children, failed, twice, wrong;
static bool stop;

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

/* --- a child ---------------------------------------------------------------------------------- */

static unsigned status_of(uint64_t child) { return (unsigned)(child * 31 % 251); }

static int child(uint64_t number)
{
	struct urpc_message m = { .word = { number } }, back;
	struct channel c;

	if (fabric_here(&fabric) || channel_open(fabric, LISTENER, NULL, &c) || channel_call(&c, &m, &back))
		return 255;
	channel_close(&c);
	return (int)status_of(number);
}

/* --- those that start them ---------------------------------------------------------------------- */

static void number_take(uint32_t id)
{
	if (id >= NUMBERS || alive[id]++)
		twice++;
}

static void *starter(void *unused)
{
	while (!stop && children < CHILDREN_MAX) {
		uint32_t number = children++;
		char text[12];
		const char *argv[] = { LISTENER, "--child", text, NULL };
		struct proc_end end = { 0 };
		struct program p;
		err_t err;

		snprintf(text, sizeof text, "%" PRIu32, number);
		err = program_start(argv, NULL, PROC_ANYWHERE, &p);
		if (!err) {
			number_take(p.id);
			err = program_wait(&p, &end);
			alive[p.id % NUMBERS]--;
		}
		if (!err && end.cause == MON_EXITED && end.status == status_of(number))
			continue;
		failed++;
		printf("starts: child %" PRIu32 " of number %" PRIu32 ", pid %" PRIx64 ": %s, number %" PRIu32
		       ", cause %" PRIu32 ", status %" PRIu64 "\n",
		       number, p.id, p.pid, error_text(err), end.id, end.cause, end.status);
	}
	return unused;
}

/* Takes one word from each child, and gives one back. */
static void *listener(void *service)
{
	struct wait_set set;
	struct channel *c;

	if (wait_set_init(&set, fabric))
		exit(1);
	wait_set_serve(&set, service);
	while (!wait_set_wait(&set, &c, 0)) {
		struct urpc_message m;

		if (!c) {
			c = calloc(1, sizeof *c);
			if (!c || service_accept(service, NULL, c))
				free(c);
			else
				wait_set_add(&set, c);
		} else if (!channel_receive(c, &m)) {
			if (m.word[0] < CHILDREN_MAX)
				came[m.word[0]]++;
			channel_send(c, &m);
		} else {
			channel_close(c);
			free(c);
		}
	}
	return NULL;
}

/* --- kills ------------------------------------------------------------------------------------------- */

static struct fleet_survey now;

static unsigned serving(struct fleet_client *c)
{
	if (fleet_survey(c, &now) || now.times.settled != now.head.version)
		return 0;
	return fleet_survey_serving(&now);
}

static bool await(struct fleet_client *c, unsigned members)
{
	cycles_t deadline = fabric_now(fabric) + PATIENCE_MS * ms;

	while (serving(c) < members) {
		if (fabric_now(fabric) > deadline) {
			printf("starts: the fleet is not whole again\n");
			return false;
		}
		thread_sleep_until(fabric_now(fabric) + ms / 2);
	}
	return true;
}

static bool kill_one(struct fleet_client *c, uint64_t *state)
{
	cycles_t deadline;
	uint64_t version;
	err_t err;

	if (!await(c, 2))
		return false;
	thread_sleep_until(fabric_now(fabric) + draw(state) % (LONGEST_PAUSE * ms));
	if (!await(c, 2))
		return false;
	err = mon_kill(now.member[draw(state) % now.count].at.pid);
	if (err && err != ERR_NO_PROCESS) /* on a busy host it may just have been taken for hung */
		return false;
	/* Another one may be killed when this death has become another view. */
	version = now.head.version;
	deadline = fabric_now(fabric) + PATIENCE_MS * ms;
	while (!serving(c) || now.head.version == version) {
		if (fabric_now(fabric) > deadline)
			return false;
		thread_sleep_until(fabric_now(fabric) + ms / 4);
	}
	return true;
}

/* --- the ledger ------------------------------------------------------------------------------------------ */

static err_t begin(struct service *service, struct fleet_client *c)
{
	struct mon_core core;
	struct thread *t;
	err_t err = fabric_here(&fabric);

	if (!err)
		err = mon_core(process_self_core(), &core);
	if (err)
		return err;
	ms = core.tsc_hz / 1000;
	err = service_export(fabric, LISTENER, service);
	if (!err)
		err = thread_create(&t, listener, service);
	return err ? err : fleet_client_init(c, fabric, NULL, FLEET);
}

static int run(unsigned kills, uint64_t seed, unsigned starters)
{
	struct thread *t[STARTERS_MAX];
	struct service service;
	struct fleet_client c;
	uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	unsigned killed = 0;
	err_t err = begin(&service, &c);

	for (unsigned i = 0; i < starters && !err; i++)
		err = thread_create(&t[i], starter, NULL);
	if (err) {
		printf("starts: %s\n", error_text(err));
		return 1;
	}
	while (killed < kills && kill_one(&c, &state))
		killed++;
	stop = true;
	for (unsigned i = 0; i < starters; i++)
		thread_join(t[i], NULL);
	for (uint32_t i = 0; i < children; i++)
		wrong += came[i] != 1;
	printf("starts: %u kills, %u starters, %" PRIu32 " children\n", killed, starters, children);
	printf("starts: %" PRIu32 " failed, %" PRIu32 " did not run once, %" PRIu32 " numbers given twice\n", failed,
	       wrong, twice);
	return killed < kills || failed || wrong || twice || !children;
}

int main(int argc, char **argv)
{
	unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 100, starters = argc > 3 ? (unsigned)atoi(argv[3]) : 8;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	if (argc == 3 && !strcmp(argv[1], "--child"))
		return child(seed);
	if (starters > STARTERS_MAX || !starters) {
		fprintf(stderr, "usage: starts [KILLS [SEED [STARTERS]]]\n");
		return 1;
	}
	return run(kills, seed, starters);
}
