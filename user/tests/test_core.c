/*
 * All cores: each is up, runs programs, shares no kernel page, and holds its invariants.
 */
#include "kernel/abi/syscall.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

/* Calls test(core) for each core that is up; how many there were, or 0 after a failure. */
static unsigned on_each_core(bool (*test)(coreid_t))
{
	struct mon_core core;
	unsigned up = 0;
	for (coreid_t c = 0; mon_core(c, &core) == ERR_OK; c++) {
		if (core.state != MON_CORE_UP)
			continue;
		if (!test(c)) {
			printf("# on core %u\n", c);
			return 0;
		}
		up++;
	}
	return up;
}

static bool runs_a_program(coreid_t core)
{
	unsigned cause;
	uint64_t status;
	EXPECT_OK(child_run(core, "exit", "42", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 42);
	return true;
}

static bool shares_no_kernel_page(coreid_t core)
{
	uint64_t pages = 0, foreign = 1;
	EXPECT_OK(mon_stat(core, STAT_WALK_PAGES, &pages));
	EXPECT_OK(mon_stat(core, STAT_WALK_FOREIGN, &foreign));
	EXPECT(pages > 0);
	EXPECT(foreign == 0);
	return true;
}

static bool holds_invariants(coreid_t core)
{
	uint64_t violations = 1;
	EXPECT_OK(mon_check(core, &violations));
	EXPECT(violations == 0);
	return true;
}

static bool survives_a_fault(coreid_t core)
{
	unsigned cause;
	uint64_t status;
	EXPECT_OK(child_run(core, "null", "", &cause, &status));
	EXPECT(cause == MON_FAULTED);
	return runs_a_program(core);
}

static bool all_run_programs(void) { return on_each_core(runs_a_program) > 0; }
static bool all_private(void) { return on_each_core(shares_no_kernel_page) > 0; }
static bool all_consistent(void) { return on_each_core(holds_invariants) > 0; }
static bool all_survive(void) { return on_each_core(survives_a_fault) > 0; }

const struct test core_tests[] = {
	{ "every core runs a program", all_run_programs },
	{ "every core survives a faulting program", all_survive },
	{ "no core maps a writable kernel page of another", all_private },
	{ "every core's capabilities are consistent", all_consistent },
	{ 0 },
};
