/*
 * Watches a fleet from outside, by its control interface: gives it its size, tells the simulator when it is whole,
 * and when the clients have done all, sees that all members have the same view. Where there is a name service it
 * also sets the policy by which clients find members. argv[1]: the fleet; argv[2]: a program that is run in the end, or
 * none.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "libos/fleet/fleet_client.h"
#include "libos/name/name.h"
#include "libos/thread/thread.h"
#include "services/name/name_client.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>
#include <string.h>

#define LOOK_NS 500000
#define PATIENCE 20000 /* looks */

static struct fabric *fabric;
static struct fleet_client client;
static struct fleet_head head;
static struct fleet_times times;
static struct fleet_member member[FLEET_MEMBERS];
static uint32_t count;
static struct name_client names;
static bool policy_set;

static void must(err_t err, const char *what)
{
	if (err)
		host_violation("%s: %s", what, error_text(err));
}

static void look(void)
{
	count = FLEET_MEMBERS;
	must(fleet_list(&client.rpc, &head, &times, &count, member), "fleet_list");
}

/* Members look for a name service once. */
static void wait_names(void)
{
	struct mailbox at;

	while (channel_lookup(fabric, NAME_SERVICE, &at))
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
	host_names_serve();
}

/* The name service knows all members, which then are found by the run's policy. */
static bool named(const char *fleet)
{
	uint32_t policy = (uint32_t)host_option("policy");
	struct name_answer answer;
	char path[FLEET_NAME + 32];

	for (uint32_t i = 0; i < count && policy && !policy_set; i++) {
		snprintf(path, sizeof path, "/fleet/%s/%u", fleet, member[i].number);
		if (name_resolve(&names.rpc, path, 0, 0, &answer))
			return false;
	}
	snprintf(path, sizeof path, "/fleet/%s", fleet);
	if (policy && !policy_set)
		must(name_policy(&names.rpc, path, policy), "name_policy");
	policy_set = true;
	return true;
}

/* All that there shall be, and all serve. */
static bool whole(void)
{
	uint64_t pid[FLEET_MEMBERS];
	uint32_t serving = 0;

	look();
	for (uint32_t i = 0; i < count; i++)
		if (member[i].state == FLEET_SERVING)
			pid[serving++] = member[i].at.pid;
	host_serving(pid, serving);
	return serving == count && count == head.wanted && named(client.name) && host_whole(pid, count);
}

static void size_give(uint32_t members)
{
	struct fleet_policy policy = { .least = members, .most = members, .mirrors = (uint32_t)host_option("mirrors") };

	must(fleet_adapt(&client.rpc, &policy), "fleet_adapt");
	must(fleet_resize(&client.rpc, members), "fleet_resize");
}

static void wait_whole(void)
{
	unsigned looks = 0;

	while (!whole()) {
		if (++looks > PATIENCE)
			host_violation("the fleet is not whole again");
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
	}
}

/* Does a member have the same view? */
static bool agrees(const struct fleet_member *m)
{
	static struct fleet_member theirs[FLEET_MEMBERS];
	uint32_t n = FLEET_MEMBERS;
	struct fleet_head h;
	struct rpc_client c;
	bool same;

	rpc_client_init(&c, fabric, NULL);
	must(rpc_client_open_at(&c, &m->at), "a member's channel");
	must(fleet_state(&c, &h, &n, theirs), "fleet_state");
	rpc_client_close(&c);
	same = h.version == head.version && n == count && h.wanted == head.wanted;
	for (uint32_t i = 0; same && i < n; i++)
		same = theirs[i].number == member[i].number && mailbox_same(&theirs[i].at, &member[i].at);
	return same;
}

static bool views_agree(void)
{
	for (uint32_t i = 0; i < count; i++)
		if (!agrees(&member[i]))
			return false;
	return true;
}

static void check(const char *program)
{
	unsigned looks = 0;
	uint64_t pid, status;
	unsigned cause;

	wait_whole();
	while (!views_agree()) {
		if (++looks > PATIENCE)
			host_violation("the members' views do not become the same");
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
		wait_whole();
	}
	if (!program)
		return;
	/* Where clients ran. */
	must(mon_spawn((coreid_t)((host_option("members") + 2) % host_option("cores")), 1, &program, &pid),
	     "the checking program");
	must(mon_wait(pid, &cause, &status), "the checking program");
	if (cause != MON_EXITED || status)
		host_violation("the checking program fails");
}

int main(int argc, char **argv)
{
	if (argc < 2 || fabric_here(&fabric))
		return 1;
	name_client_init(&names, fabric, NULL);
	if (host_option("policy"))
		wait_names();
	while (fleet_connect(&client, fabric, NULL, argv[1]))
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
	size_give((uint32_t)host_option("members"));
	while (!host_clients_done()) {
		whole();
		host_fleet_times(times.deaths, times.seen, times.fenced, times.told, times.replaced);
		thread_sleep_until(fabric_now(fabric) + LOOK_NS);
	}
	check(argc > 2 ? argv[2] : NULL);
	host_finished();
	return 0;
}
