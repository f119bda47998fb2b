/*
 * Processes that are moved to another core while they run, and what is refused.
 */
#include <stdio.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

/* Long enough for it to have begun, mostly; what is tested holds whenever it is moved. */
static void a_while(void) { thread_sleep_until(context_now() + dispatcher_tsc_hz() / 50); }

static bool moved(const char *what)
{
	unsigned n = mon_cores_up(16), cause;
	coreid_t to = (coreid_t)(n - 1);
	uint64_t pid, status;

	if (n == 1)
		return true;
	EXPECT_OK(child_start(0, what, "0", &pid));
	a_while();
	EXPECT_OK(mon_migrate(pid, to));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED);
	EXPECT(status == to);
	return true;
}

static bool spins(void) { return moved("move_spin"); }
static bool sleeps(void) { return moved("move_sleep"); }
static bool threads(void) { return moved("move_threads"); }

static bool there_and_back(void)
{
	unsigned n = mon_cores_up(16), cause;
	uint64_t pid, status;
	err_t err = ERR_OK;

	if (n == 1)
		return true;
	EXPECT_OK(child_start(0, "move_print", "0", &pid));
	/* It ends when it has seen that it was away and is back; it may not have looked each time. */
	for (unsigned i = 0; !err; i++) {
		a_while();
		err = mon_migrate(pid, i % 2 ? 0 : (coreid_t)(n - 1));
	}
	EXPECT_ERROR(err, ERR_NO_PROCESS);
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED);
	EXPECT(status == 0);
	return true;
}

static bool refused(void)
{
	unsigned cause;
	uint64_t pid, status;

	EXPECT_OK(child_start(0, "move_sleep", "0", &pid));
	a_while();
	EXPECT(mon_migrate(pid, CORES_MAX - 1) != ERR_OK);
	EXPECT_ERROR(mon_migrate(pid, CORES_MAX), ERR_CORE_ID);
	EXPECT_OK(mon_migrate(pid, 0));
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_KILLED);
	EXPECT_ERROR(mon_migrate(pid, 0), ERR_NO_PROCESS);
	return true;
}

const struct test migrate_tests[] = {
	{ "one that sleeps", sleeps },           { "one that spins", spins },
	{ "one with several threads", threads }, { "one that prints, there and back", there_and_back },
	{ "what is refused", refused },          { NULL, NULL }
};
