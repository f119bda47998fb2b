/*
 * tests [GROUP...]: the in-guest tests of the system, all or the named groups (pthread, table and
 * host only by name).
 *
 * Prints a TAP plan and a line per test, the last of which is the checker's.  Exit status 0 if all passed.
 */
#include <string.h>

#include "libos/core/shared_cap.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

char test_bytes[TEST_BYTES], test_got[TEST_BYTES];

static const struct group {
	const char *name;
	const struct test *tests;
} groups[] = {
	{ "cap", cap_tests },
	{ "page", page_tests },
	{ "lmp", lmp_tests },
	{ "thread", thread_tests },
	{ "libc", libc_tests },
	{ "parts", parts_tests },
	{ "process", process_tests },
	{ "protection", protection_tests },
	{ "core", core_tests },
	{ "monitor", monitor_tests },
	{ "mailbox", mailbox_tests },
	{ "grant", grant_tests },
	{ "name", name_tests },
	{ "mail", mail_tests },
	{ "table", table_tests },
	{ "rpc", rpc_tests },
	{ "agreement", agreement_tests },
	{ "span", span_tests },
	{ "migrate", migrate_tests },
	{ "proc", proc_tests },
	{ "ninep", ninep_tests },
	{ "files", files_tests },
	{ "tmp", tmp_tests },
	{ "kept", kept_tests },
	{ "looked", looked_tests },
	{ "mmap", mmap_tests },
	{ "spawn", spawn_tests },
	{ "exec", exec_tests },
	{ "program", program_tests },
	{ "host", host_tests },
	{ "sys", sys_tests },
	{ "mem", mem_tests },
	{ "signals", signals_tests },
	{ "context", context_tests },
	{ "fork", fork_tests },
	{ "pipe", pipe_tests },
	{ "fleet", fleet_tests },
	{ "balance", balance_tests },
	{ "load", load_tests },
	{ "pthread", pthread_tests },
	{ "interrupts", interrupts_tests },
	/* Last: a process that has taken all memory keeps it. */
	{ "memory", memory_tests },
};
#define GROUPS (sizeof groups / sizeof *groups)

static bool wanted(const struct group *g, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], g->name) == 0)
			return true;
	/*
	 * A process that has spread over cores stays so: not in one with the others. The table takes long, and
	 * the host's files are there only if it offers some.
	 */
	return argc < 2 && g->tests != pthread_tests && g->tests != interrupts_tests && g->tests != table_tests &&
	       g->tests != host_tests;
}

static unsigned count_tests(int argc, char **argv)
{
	unsigned count = 0;
	for (size_t g = 0; g < GROUPS; g++)
		if (wanted(&groups[g], argc, argv))
			for (const struct test *t = groups[g].tests; t->name; t++)
				count++;
	return count;
}

static unsigned run_group(const struct group *g, unsigned *number)
{
	unsigned failed = 0;
	for (const struct test *t = g->tests; t->name; t++) {
		bool passed = t->run();
		failed += !passed;
		printf("%sok %u - %s: %s\n", passed ? "" : "not ", ++*number, g->name, t->name);
		fflush(stdout);
	}
	return failed;
}

/* The last test: what all the others did has left the cores' capabilities as they should be. */
static bool cores_agree(void)
{
	uint64_t violations = 0;

	EXPECT_ERROR(mon_walk(&violations), ERR_OK);
	EXPECT(violations == 0);
	return true;
}

static const struct test last_tests[] = { { "the cores agree on all capabilities", cores_agree }, { .name = NULL } };
static const struct group last = { "check", last_tests };

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--do") == 0)
		return child_main(argv[2], argv[3]);
	unsigned count = count_tests(argc, argv) + 1, number = 0, failed = 0;
	printf("1..%u\n", count);
	for (size_t g = 0; g < GROUPS; g++)
		if (wanted(&groups[g], argc, argv))
			failed += run_group(&groups[g], &number);
	failed += run_group(&last, &number);
	if (failed)
		printf("# %u of %u failed\n", failed, count);
	return failed != 0 || count == 1;
}
