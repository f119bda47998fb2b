/*
 * A client of the process service with a ledger: starts children, waits for them, ends some; as user/starts does on
 * metal. No start fails, each child runs once, no number is two living children's, each end is what it was. Only
 * where a core has died a child of that core, and no other, may be lost.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"
#include "libos/proc/program.h"
#include "tools/sim/fleet/guest/proc_client/child.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

#define KILL_ONE_IN 8
#define NUMBERS 32768

static struct fabric *fabric;

static void must(uint64_t child, err_t err, const char *what)
{
	if (err)
		host_violation("child %lu: %s: %s", child, what, error_text(err));
}

/* Did the child end as it does by itself, or as it was made to? */
static void end_check(uint64_t child, const struct program *p, const struct proc_end *end, err_t killed)
{
	bool was_killed = end->cause == MON_KILLED;

	if (end->id != p->id)
		host_violation("child %lu: the end of number %u is told as that of %u", child, p->id, end->id);
	if (host_core_lost(p->pid) && was_killed)
		return;
	if (was_killed != !killed || (!was_killed && (int)end->status != child_status(child)))
		host_violation("child %lu ends by %u, %lu, and the kill said: %s", child, end->cause, end->status,
			       error_text(killed));
	if (!was_killed && host_tally(CHILD_RAN, child, 0) != 1)
		host_violation("child %lu ran %lu times", child, host_tally(CHILD_RAN, child, 0));
}

/* Where cores die, who asks something of one hears that it does not answer. */
static bool lost_with_core(err_t err) { return err == ERR_CORE_TIMEOUT && host_cores_lost(); }

static void child_run(uint64_t child)
{
	err_t killed = ERR_NO_PROCESS, err;
	char text[24];
	const char *argv[] = { "proc_child", text, NULL };
	struct proc_end end = { 0 };
	struct program p = { 0 };

	snprintf(text, sizeof text, "%lu", child);
	err = program_start(argv, NULL, PROC_ANYWHERE, &p);
	if (lost_with_core(err))
		return;
	must(child, err, "its start");
	if (!p.id || p.id >= NUMBERS || host_tally(NUMBER_USED, p.id, 1) != 1)
		host_violation("child %lu has number %u, which another one has", child, p.id);
	if (!host_random(KILL_ONE_IN)) {
		killed = program_kill(&p);
		if (killed != ERR_NO_PROCESS && !(host_core_lost(p.pid) && lost_with_core(killed)))
			must(child, killed, "its kill");
	}
	must(child, program_wait(&p, &end), "the wait");
	end_check(child, &p, &end, killed);
	host_tally(NUMBER_USED, p.id, -1);
}

int main(void)
{
	if (fabric_here(&fabric))
		host_violation("no fabric");
	for (uint64_t i = 0; host_go_on(i); i++) {
		uint64_t from = fabric_now(fabric);

		child_run(host_count(CHILDREN, 1) - 1);
		host_answered("start", from);
	}
	host_done();
	return 0;
}
