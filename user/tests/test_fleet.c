/*
 * Fleets: members come, go, are killed, hang and fall; clients notice nothing but time.
 *
 * The fleet is drill's (services/drill), whose members can be told to go wrong. Each test starts
 * one of its own and ends it.
 */
#include <inttypes.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"
#include "libos/thread/thread.h"
#include "services/drill/drill_client.h"
#include "user/tests/tap.h"

#define WAIT_MS (PATIENCE * 1000)
#define MOVE_MS (2 * WAIT_MS) /* a move waits for a while without a break in the calls */

static struct fabric *fabric;
static struct fleet_client client;

static struct fleet_survey now;

static cycles_t ms(uint64_t n) { return n * (dispatcher_tsc_hz() / 1000); }
static uint64_t us_of(cycles_t time) { return time / (dispatcher_tsc_hz() / 1000000); }
static void pause_ms(uint64_t n) { thread_sleep_until(fabric_now(fabric) + ms(n)); }

static err_t look(void) { return fleet_survey(&client, &now); }
static unsigned serving(void) { return fleet_survey_serving(&now); }

static bool has(uint32_t number)
{
	for (uint32_t i = 0; i < now.count; i++)
		if (now.member[i].number == number)
			return true;
	return false;
}

/* Waits till exactly so many serve, and all know. */
static bool await(unsigned members)
{
	cycles_t deadline = fabric_now(fabric) + ms(WAIT_MS);

	while (look() || now.count != members || serving() != members || now.times.settled != now.head.version) {
		if (fabric_now(fabric) > deadline) {
			printf("# %u of %u members serve\n", serving(), members);
			return false;
		}
		pause_ms(1);
	}
	return true;
}

/* A fleet with that policy and argument (NULL: none), its first member on that core. */
static bool begin_with(const char *argument, coreid_t core, const struct fleet_policy *policy, unsigned members)
{
	static bool begun;
	const char *argv[] = { "drill", argument };
	uint64_t pid;

	EXPECT_OK(fabric_here(&fabric));
	EXPECT_OK(mon_spawn(core, argument ? 2 : 1, argv, &pid));
	if (begun)
		fleet_client_close(&client); /* of a test that failed */
	EXPECT_OK(fleet_client_init(&client, fabric, NULL, "drill"));
	begun = true;
	EXPECT_OK(fleet_resize(&client.rpc, members)); /* it may have begun to grow */
	EXPECT_OK(fleet_adapt(&client.rpc, policy));
	EXPECT(await(members));
	return true;
}

static bool begin_on(coreid_t core, const struct fleet_policy *policy, unsigned members)
{
	return begin_with(NULL, core, policy, members);
}

static bool begin(const struct fleet_policy *policy, unsigned members)
{
	return begin_on(process_self_core(), policy, members);
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

/* Kills all, from the last to the first, so that nobody is started anew. */
static bool end(void)
{
	EXPECT_OK(fleet_resize(&client.rpc, 1));
	EXPECT(await(1));
	fleet_client_close(&client);
	EXPECT_OK(mon_kill(now.member[0].at.pid));
	EXPECT_OK(mon_wait(now.member[0].at.pid, NULL, NULL));
	return name_goes();
}

static unsigned at_most(unsigned n) { return n < mon_cores_up(CORES_MAX) ? n : mon_cores_up(CORES_MAX); }

/* --- the tests ---------------------------------------------------------------------------------- */

static bool a_fleet_starts_and_ends(void)
{
	uint32_t member = 99;

	EXPECT(begin(&(struct fleet_policy){ .least = 1 }, 1));
	EXPECT_OK(drill_ask(&client.rpc, &member));
	EXPECT(member == 0);
	EXPECT(end());
	EXPECT_ERROR(fleet_connect(&client, fabric, NULL, "drill"), ERR_NOT_FOUND);
	return true;
}

static bool there_is_one_of_a_name(void)
{
	const char *argv[] = { "drill" };
	unsigned cause;
	uint64_t pid, status;

	EXPECT(begin(&(struct fleet_policy){ .least = 1 }, 1));
	EXPECT_OK(mon_spawn(process_self_core(), 1, argv, &pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 1);
	EXPECT(await(1));
	EXPECT(end());
	return true;
}

static bool all_members_get_the_first_ones_arguments(void)
{
	unsigned members = at_most(3);
	struct rpc_client there;
	char name[24];

	EXPECT(begin_with("scheme=push", process_self_core(), &(struct fleet_policy){ .least = members }, members));
	rpc_client_init(&there, fabric, NULL);
	for (unsigned i = 0; i < members; i++) {
		EXPECT_OK(rpc_client_open_at(&there, &now.member[i].at));
		EXPECT_OK(drill_scheme(&there, name));
		EXPECT(!strcmp(name, "push"));
	}
	rpc_client_close(&there);
	EXPECT(end());
	return true;
}

static bool a_fleet_with_a_wrong_argument_does_not_start(void)
{
	const char *argv[] = { "drill", "scheme=fast" };
	unsigned cause;
	uint64_t pid, status;

	EXPECT_OK(mon_spawn(process_self_core(), 2, argv, &pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 1);
	EXPECT(name_goes());
	return true;
}

static bool a_fleet_is_resized(void)
{
	unsigned most = at_most(4);

	EXPECT(begin(&(struct fleet_policy){ .least = 1 }, 1));
	for (unsigned n = 2; n <= most; n++) {
		EXPECT_OK(fleet_resize(&client.rpc, n));
		EXPECT(await(n));
		/* Each on a core of its own. */
		for (unsigned i = 0; i < n; i++)
			for (unsigned k = 0; k < i; k++)
				EXPECT(mailbox_core(&now.member[i].at) != mailbox_core(&now.member[k].at));
	}
	EXPECT_ERROR(fleet_resize(&client.rpc, 0), ERR_ARGUMENT);
	EXPECT_ERROR(fleet_resize(&client.rpc, FLEET_MEMBERS + 1), ERR_ARGUMENT);
	for (unsigned n = most; n > 1; n--) {
		EXPECT_OK(fleet_resize(&client.rpc, n - 1));
		EXPECT(await(n - 1));
	}
	/* Who leaves has not died; on a busy host one may have been taken for hung. */
	EXPECT(now.times.deaths == 0 || now.times.deaths < most - 1);
	EXPECT(end());
	return true;
}

static bool a_call_is_redirected(void)
{
	unsigned members = at_most(3);
	uint32_t member;

	EXPECT(begin(&(struct fleet_policy){ .least = members }, members));
	for (uint32_t i = 0; i < members; i++) {
		EXPECT_OK(drill_at(&client.rpc, now.member[i].number, &member));
		EXPECT(member == now.member[i].number);
	}
	EXPECT(client.redirects >= members - 1);
	EXPECT_ERROR(drill_at(&client.rpc, 1000, &member), ERR_NOT_FOUND);
	EXPECT(end());
	return true;
}

static bool a_member_moves(void)
{
	unsigned members = at_most(3);
	uint32_t first;

	if (mon_cores_up(CORES_MAX) < members + 1)
		return true; /* there is nowhere to go */
	EXPECT(begin(&(struct fleet_policy){ .least = members }, members));
	/* The coordinator too. */
	for (unsigned round = 0; round < 3; round++) {
		cycles_t deadline = fabric_now(fabric) + ms(WAIT_MS);

		first = now.member[0].number;
		EXPECT_OK(fleet_dismiss(&client.rpc, first));
		do {
			EXPECT(await(members));
			EXPECT(fabric_now(fabric) < deadline);
		} while (now.member[0].number == first);
	}
	EXPECT_ERROR(fleet_dismiss(&client.rpc, first), ERR_NOT_FOUND);
	EXPECT(end());
	return true;
}

/* How far a core is from this one, in bits of the APIC identity. */
static unsigned level(coreid_t core)
{
	struct mon_core here, there;
	unsigned bits = 0;

	if (mon_core(process_self_core(), &here) || mon_core(core, &there))
		return 99;
	while ((here.apic_id ^ there.apic_id) >> bits)
		bits++;
	return bits;
}

/* Calls for so long, as often as it can: also where its processor has little time. */
static bool call_for(uint64_t time)
{
	cycles_t end = fabric_now(fabric) + ms(time);
	uint32_t member;

	while (fabric_now(fabric) < end)
		EXPECT_OK(drill_work(&client.rpc, 10, &member));
	return true;
}

/* Is there an empty core that is nearer to this one than that? */
static bool nearer_is_empty(coreid_t than)
{
	struct mon_core core;

	for (coreid_t c = 0; c < than && !mon_core(c, &core); c++)
		if (!core.processes && level(c) < level(than))
			return true;
	return false;
}

/* All calls come from this core, and an empty one is nearer: it goes there, and stays, unless a nearer one empties. */
static bool a_member_moves_to_its_callers(void)
{
	coreid_t far = (coreid_t)(mon_cores_up(CORES_MAX) - 1);
	cycles_t deadline;
	uint32_t number;
	unsigned near;

	if (far < 3 || level(far) < 2 || !nearer_is_empty(far))
		return true; /* there is nowhere to go */
	EXPECT(begin_on(far, &(struct fleet_policy){ .least = 1, .most = 1, .fall = 300 }, 1));
	number = now.member[0].number;
	/* Nobody calls: it stays. */
	pause_ms(1000);
	EXPECT(await(1));
	EXPECT(now.member[0].number == number);
	deadline = fabric_now(fabric) + ms(MOVE_MS);
	while (now.member[0].number == number) {
		EXPECT(call_for(400));
		EXPECT(fabric_now(fabric) < deadline);
		EXPECT(await(1));
	}
	near = level(mailbox_core(&now.member[0].at));
	EXPECT(near < level(far));
	number = now.member[0].number;
	EXPECT(call_for(1500));
	EXPECT(await(1));
	EXPECT(now.member[0].number == number || level(mailbox_core(&now.member[0].at)) < near);
	EXPECT(end());
	return true;
}

enum way { KILL, TRAP, HANG };

/* The index-th member goes wrong; the first answer of another, and the times, in microseconds. */
static bool lose(unsigned index, enum way way, unsigned members)
{
	static const char *const name[] = { "killed", "trapped", "hung" };
	const struct fleet_member victim = now.member[index];
	struct rpc_client there;
	uint32_t member = victim.number, answered;
	cycles_t t0;

	/* Our client is at the victim, so that its call is one of those that wait. */
	EXPECT_OK(rpc_client_open_at(&client.rpc, &victim.at));
	rpc_client_init(&there, fabric, NULL);
	EXPECT_OK(rpc_client_open_at(&there, &victim.at));
	t0 = fabric_now(fabric) + ms(5);
	if (way == KILL) {
		t0 = fabric_now(fabric);
		EXPECT_OK(mon_kill(victim.at.pid));
	} else {
		EXPECT_OK(way == TRAP ? drill_trap(&there, t0) : drill_hang(&there, t0));
		/* It has not gone wrong before t0, and when it answers us it has not begun. */
		thread_sleep_until(t0);
	}
	while (member == victim.number)
		EXPECT_OK(drill_ask(&client.rpc, &member));
	answered = (uint32_t)us_of(fabric_now(fabric) - t0);
	rpc_client_close(&there);
	while (!look() && has(victim.number) && fabric_now(fabric) < t0 + ms(WAIT_MS))
		pause_ms(1);
	EXPECT(await(members));
	EXPECT(!has(victim.number));
	EXPECT(now.member[members - 1].number > victim.number);
	printf("# %s %s: seen %" PRIu64 " us, fenced %" PRIu64 " us, replaced %" PRIu64 " us, answered %" PRIu32
	       " us\n",
	       index ? "a member" : "the coordinator", name[way], us_of(now.times.seen - t0),
	       us_of(now.times.fenced - t0), us_of(now.times.replaced - t0), answered);
	EXPECT(now.times.deaths >= 1 && now.times.seen > t0);
	return true;
}

static bool lose_all_ways(enum way way)
{
	unsigned members = at_most(3);

	if (members < 2)
		return true;
	EXPECT(begin(&(struct fleet_policy){ .least = members }, members));
	EXPECT(lose(members - 1, way, members));
	EXPECT(lose(0, way, members));
	EXPECT(lose(0, way, members));
	EXPECT(end());
	return true;
}

static bool the_killed_are_replaced(void) { return lose_all_ways(KILL); }
static bool the_trapped_are_replaced(void) { return lose_all_ways(TRAP); }
static bool the_hung_are_ended_and_replaced(void) { return lose_all_ways(HANG); }

/* Nobody else is there to miss it: its monitor ends it. */
static bool one_alone_that_hangs_is_ended(void)
{
	unsigned cause;

	EXPECT(begin(&(struct fleet_policy){ .least = 1, .most = 1 }, 1));
	EXPECT_OK(drill_hang(&client.rpc, fabric_now(fabric)));
	EXPECT_OK(mon_wait(now.member[0].at.pid, &cause, NULL));
	EXPECT(cause == MON_KILLED);
	fleet_client_close(&client);
	return name_goes();
}

#define WORK_MOST_US 16000

/* The longer a call's work is, the less it matters how long the call itself takes. */
static bool it_grows_under_load_and_shrinks_after(void)
{
	struct fleet_policy policy = { .least = 1, .most = 2, .high = 400, .low = 200, .rise = 100, .fall = 300 };
	uint64_t us = 2000;
	cycles_t deadline;
	uint32_t member;

	if (mon_cores_up(CORES_MAX) < 2)
		return true;
	EXPECT(begin(&policy, 1));
	deadline = fabric_now(fabric) + ms(WAIT_MS);
	do {
		EXPECT(fabric_now(fabric) < deadline);
		for (unsigned i = 0; i < 10; i++)
			EXPECT_OK(drill_work(&client.rpc, us, &member));
		us = us < WORK_MOST_US ? 2 * us : us;
		EXPECT_OK(look());
	} while (serving() < 2 || !now.times.grown); /* two may serve while one moves, too */
	EXPECT(await(1));
	EXPECT(now.times.shrunk != 0);
	EXPECT(end());
	return true;
}

static bool strangers_are_refused(void)
{
	struct fleet_member m = { .number = 7 };
	struct fleet_head head = { .version = UINT64_MAX };
	struct fleet_pulse pulse;
	uint32_t answered = 0;
	char answer;

	EXPECT(begin(&(struct fleet_policy){ .least = 1 }, 1));
	EXPECT_ERROR(fleet_join(&client.rpc, 1, &now.member[0].at), ERR_NOT_FOUND);
	EXPECT_ERROR(fleet_install(&client.rpc, &head, 1, &m), ERR_DENIED);
	EXPECT_ERROR(fleet_install(&client.rpc, &head, 0, &m), ERR_MESSAGE);
	EXPECT_ERROR(fleet_beat(&client.rpc, 1, 0, &pulse), ERR_DENIED);
	EXPECT_ERROR(fleet_end(&client.rpc), ERR_DENIED);
	EXPECT_ERROR(fleet_carry(&client.rpc, 1, 1, 1, "x", &answered, &answer), ERR_DENIED);
	EXPECT(await(1));
	EXPECT(end());
	return true;
}

const struct test fleet_tests[] = {
	{ "a fleet starts and ends", a_fleet_starts_and_ends },
	{ "all members get the first one's arguments", all_members_get_the_first_ones_arguments },
	{ "a fleet with a wrong argument does not start", a_fleet_with_a_wrong_argument_does_not_start },
	{ "there is one fleet of a name", there_is_one_of_a_name },
	{ "a fleet is resized", a_fleet_is_resized },
	{ "a call is redirected", a_call_is_redirected },
	{ "a member moves", a_member_moves },
	{ "a member moves to its callers", a_member_moves_to_its_callers },
	{ "the killed are replaced", the_killed_are_replaced },
	{ "the trapped are replaced", the_trapped_are_replaced },
	{ "the hung are ended and replaced", the_hung_are_ended_and_replaced },
	{ "one alone that hangs is ended", one_alone_that_hangs_is_ended },
	{ "it grows under load and shrinks after", it_grows_under_load_and_shrinks_after },
	{ "strangers are refused", strangers_are_refused },
	{ NULL, NULL },
};
