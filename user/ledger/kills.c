/*
 * Members are killed at random moments, always while the fleet has two that serve and all changes of its view
 * are through.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "user/ledger/ledger.h"

#include <stdio.h>

#define LONGEST_PAUSE 40  /* ms between the fleet being whole and the next kill */
#define PATIENCE_MS 20000 /* for the fleet to be whole again */

bool fleet_await(struct fleet_client *c, struct fleet_survey *now, unsigned members)
{
	cycles_t deadline = fabric_now(fabric) + PATIENCE_MS * ms;
	err_t err;

	while ((err = fleet_survey(c, now)) || fleet_survey_serving(now) < members ||
	       now->times.settled != now->head.version) {
		if (fabric_now(fabric) > deadline) {
			printf("ledger: %s, %u members serve\n", error_text(err), fleet_survey_serving(now));
			return false;
		}
		thread_sleep_until(fabric_now(fabric) + ms / 2);
	}
	return true;
}

/* ERR_NO_PROCESS: it had just been taken for hung, on a machine that is too busy; another is killed then. */
static err_t kill_any(struct fleet_client *c, struct draw *d, unsigned members, uint64_t *version)
{
	static struct fleet_survey now;

	if (!fleet_await(c, &now, draw(d) % 4 ? members : 2))
		return ERR_TIMEOUT;
	thread_sleep_until(fabric_now(fabric) + draw(d) % (LONGEST_PAUSE * ms));
	if (!fleet_await(c, &now, 2)) /* it may have changed meanwhile */
		return ERR_TIMEOUT;
	*version = now.head.version;
	return mon_kill(now.member[draw(d) % now.count].at.pid);
}

bool fleet_kill_one(struct fleet_client *c, struct draw *d, unsigned members)
{
	static struct fleet_survey now;
	uint64_t version;
	err_t err;

	do
		err = kill_any(c, d, members, &version);
	while (err == ERR_NO_PROCESS);
	if (err) {
		printf("ledger: kill: %s\n", error_text(err));
		return false;
	}
	/* Another one may be killed when this death has become another view. */
	while (!fleet_survey(c, &now) && now.head.version == version)
		thread_sleep_until(fabric_now(fabric) + ms / 4);
	return true;
}
