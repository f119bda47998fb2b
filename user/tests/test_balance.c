/*
 * Clients of a fleet are spread by its members' loads where its policy in the name service looks at them, and stay
 * where they are where it does not.
 *
 * The fleet is drill's, two members; the clients are threads of this process, all at one member at first.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/name/name.h"
#include "libos/thread/thread.h"
#include "services/drill/drill_client.h"
#include "services/name/name_client.h"
#include "user/tests/tap.h"

#define CLIENTS 4
#define WORK_US 2000
#define WAIT_MS (PATIENCE * 1000)
#define STAY_MS 1500
#define DRILL "/fleet/drill"

static struct fabric *fabric;
static struct fleet_client command;
static struct fleet_head head;
static struct fleet_times times;
static struct fleet_member member[FLEET_MEMBERS];
static uint32_t count;

static struct worker {
	struct fleet_client client;
	struct thread *thread;
	uint32_t at; /* the member that answered last */
	err_t err;
} worker[CLIENTS];
static volatile bool stop;

static cycles_t ms(uint64_t n) { return n * (dispatcher_tsc_hz() / 1000); }
static void pause_ms(uint64_t n) { thread_sleep_until(fabric_now(fabric) + ms(n)); }

static bool both_serve(void)
{
	count = FLEET_MEMBERS;
	return !fleet_list(&command.rpc, &head, &times, &count, member) && count == 2 &&
	       member[0].state == FLEET_SERVING && member[1].state == FLEET_SERVING && times.settled == head.version;
}

/* Both members serve, and the name service knows the fleet. */
static bool begin(struct name_client *names, uint32_t policy)
{
	const char *argv[] = { "drill" };
	cycles_t deadline = fabric_now(fabric) + ms(WAIT_MS);
	struct name_answer answer;
	uint64_t pid;

	EXPECT_OK(mon_spawn(process_self_core(), 1, argv, &pid));
	EXPECT_OK(fleet_client_init(&command, fabric, NULL, argv[0]));
	EXPECT_OK(fleet_resize(&command.rpc, 2));
	EXPECT_OK(fleet_adapt(&command.rpc, &(struct fleet_policy){ .least = 2, .most = 2 }));
	while (!both_serve() || name_resolve(&names->rpc, DRILL "/0", 0, 0, &answer) ||
	       name_resolve(&names->rpc, DRILL "/1", 0, 0, &answer)) {
		EXPECT(fabric_now(fabric) < deadline);
		pause_ms(1);
	}
	EXPECT_OK(name_policy(&names->rpc, DRILL, policy));
	return true;
}

/* Waits till nobody has the name: of who left the fleet the process may end a while after. */
static bool name_goes(void)
{
	cycles_t deadline = fabric_now(fabric) + ms(WAIT_MS);
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, fabric, NULL);
	while ((err = rpc_client_open(&c, "drill")) != ERR_NOT_FOUND && fabric_now(fabric) < deadline)
		pause_ms(1);
	rpc_client_close(&c);
	EXPECT_ERROR(err, ERR_NOT_FOUND);
	return true;
}

static bool end(void)
{
	cycles_t deadline = fabric_now(fabric) + ms(WAIT_MS);

	EXPECT_OK(fleet_resize(&command.rpc, 1));
	do {
		EXPECT(fabric_now(fabric) < deadline);
		pause_ms(1);
		both_serve();
	} while (count != 1);
	fleet_client_close(&command);
	EXPECT_OK(mon_kill(member[0].at.pid));
	EXPECT_OK(mon_wait(member[0].at.pid, NULL, NULL));
	return name_goes();
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!stop && !w->err)
		w->err = drill_work(&w->client.rpc, WORK_US, &w->at);
	return NULL;
}

static unsigned workers_at(uint32_t number)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CLIENTS; i++)
		n += worker[i].at == number;
	return n;
}

/* All at the first member, which is the nearest; how many are there when some have gone, or the time is up. */
static bool run(uint64_t time, unsigned *stayed)
{
	cycles_t deadline = fabric_now(fabric) + ms(time);
	uint32_t first = member[0].number;

	stop = false;
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct worker *w = &worker[i];

		w->err = ERR_OK;
		w->at = first;
		EXPECT_OK(fleet_client_init(&w->client, fabric, NULL, "drill"));
		EXPECT_OK(rpc_client_open_at(&w->client.rpc, &member[0].at));
		EXPECT_OK(thread_create(&w->thread, work, w));
	}
	while (workers_at(first) == CLIENTS && fabric_now(fabric) < deadline)
		pause_ms(10);
	*stayed = workers_at(first);
	stop = true;
	for (unsigned i = 0; i < CLIENTS; i++) {
		EXPECT_OK(thread_join(worker[i].thread, NULL));
		EXPECT_OK(worker[i].err);
		fleet_client_close(&worker[i].client);
	}
	return true;
}

static bool clients_go(uint32_t policy, bool some)
{
	struct name_client *names;
	unsigned stayed;

	EXPECT_OK(fabric_here(&fabric));
	EXPECT_OK(name_here(&names));
	if (mon_cores_up(CORES_MAX) < 2)
		return true;
	EXPECT(begin(names, policy));
	EXPECT(run(some ? WAIT_MS : STAY_MS, &stayed));
	EXPECT(some ? stayed < CLIENTS : stayed == CLIENTS);
	EXPECT(end());
	return true;
}

static bool the_least_loaded_gets_some(void) { return clients_go(NAME_LEAST, true); }
static bool the_lighter_gets_some(void) { return clients_go(NAME_WEIGHTED, true); }
static bool the_nearest_keeps_all(void) { return clients_go(NAME_NEAR, false); }

const struct test balance_tests[] = {
	{ "NAME_LEAST: clients go from a busy member to an idle one", the_least_loaded_gets_some },
	{ "NAME_WEIGHTED: some do", the_lighter_gets_some },
	{ "NAME_NEAR: all stay with the nearest", the_nearest_keeps_all },
	{ NULL, NULL },
};
