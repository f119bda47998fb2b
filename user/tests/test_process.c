/*
 * Processes: arguments, exit status, kill, faults, and that nothing is left behind.
 *
 * The children are this program again, as "tests --do WHAT" (child.c).
 */
#include "libos/core/dispatcher.h"
#include "kernel/abi/syscall.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

static bool status_comes_back(void)
{
	unsigned cause;
	uint64_t status;
	EXPECT_OK(child_run(dispatcher_core(), "exit", "0", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	EXPECT_OK(child_run(dispatcher_core(), "exit", "123", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 123);
	return true;
}

static bool missing_program(void)
{
	static const char *const argv[] = { "no-such-program" };
	uint64_t pid;
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 1, argv, &pid), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_spawn(CORES_MAX + 5, 1, argv, &pid), ERR_CORE_ID);
	return true;
}

/* A file of the archive that is no program: the boot menu's text, say. */
static bool not_a_program(void)
{
	static const char *const argv[] = { "not-elf" };
	uint64_t pid;
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 1, argv, &pid), ERR_ELF_FORMAT);
	return true;
}

static bool large_program(void)
{
	static const char *const argv[] = { "large" };
	unsigned cause;
	uint64_t pid, status;
	EXPECT_OK(mon_spawn(dispatcher_core(), 1, argv, &pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	return true;
}

static bool kill_works(void)
{
	uint64_t pid, status;
	unsigned cause;
	EXPECT_OK(child_start(dispatcher_core(), "forever", "", &pid));
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_KILLED);
	EXPECT_ERROR(mon_kill(pid), ERR_NO_PROCESS);
	EXPECT_ERROR(mon_kill(UINT64_MAX), ERR_NO_PROCESS);
	return true;
}

#define ROUNDS 4

static uint64_t free_memory(void)
{
	struct mon_core core;
	return mon_core(dispatcher_core(), &core) ? 0 : core.ram_free;
}

static bool children_end(uint64_t *caps)
{
	static const char *const ways[] = { "exit", "memory", "null", "channels" };
	unsigned cause;
	uint64_t status, caps_before, caps_after;

	EXPECT_OK(mon_stat(dispatcher_core(), STAT_CAPS, &caps_before));
	for (int i = 0; i < 100; i++)
		EXPECT_OK(child_run(dispatcher_core(), ways[i % 4], "0", &cause, &status));
	EXPECT_OK(mon_stat(dispatcher_core(), STAT_CAPS, &caps_after));
	*caps = caps_after > caps_before ? caps_after - caps_before : 0;
	return true;
}

/* Whatever way a child ends, its core has afterwards what it had before; but services may begin something meanwhile. */
static bool nothing_is_left(void)
{
	unsigned cause;
	uint64_t status, before, after, caps;
	int rounds = 0;

	EXPECT_OK(child_run(dispatcher_core(), "exit", "0", &cause, &status));
	do {
		before = free_memory();
		EXPECT(children_end(&caps));
		after = free_memory();
		if (after < before || caps > 8)
			printf("# %lu bytes were free, %lu are; %lu capabilities more\n", (unsigned long)before,
			       (unsigned long)after, (unsigned long)caps);
	} while ((after < before || caps > 8) && ++rounds < ROUNDS);
	EXPECT(after >= before && caps <= 8);
	return true;
}

static bool faulting_child_dies_alone(void)
{
	unsigned cause;
	uint64_t status, violations = 1;
	EXPECT_OK(child_run(dispatcher_core(), "null", "", &cause, &status));
	EXPECT(cause == MON_FAULTED);
	EXPECT_OK(mon_check(dispatcher_core(), &violations));
	EXPECT(violations == 0);
	return true;
}

static bool all_is_used_up(void)
{
	static const char *const ways[] = { "map-badly", "use-slots", "use-threads", "use-memory" };
	unsigned cause;
	uint64_t status;

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		EXPECT_OK(child_run(dispatcher_core(), ways[i], "", &cause, &status));
		if (cause != MON_EXITED || status)
			printf("# %s: cause %u, status %lu\n", ways[i], cause, (unsigned long)status);
		EXPECT(cause == MON_EXITED && status == 0);
	}
	return true;
}

/*
 * Errors, not the end, are what using up brings; and afterwards all of it is there again. The monitor keeps
 * records for as many blocks as there ever were at a time, and how many of one child's are there yet in the
 * next one's time is a matter of luck; but a round that takes no more than those before leaves what it found.
 */
static bool using_up_is_survived(void)
{
	uint64_t before, after = 0;
	int rounds = 0;

	EXPECT(all_is_used_up());
	do {
		before = free_memory();
		EXPECT(all_is_used_up());
		after = free_memory();
	} while (after < before && ++rounds < ROUNDS);
	if (after < before)
		printf("# %lu bytes were free, %lu are\n", (unsigned long)before, (unsigned long)after);
	EXPECT(after >= before);
	return true;
}

const struct test process_tests[] = {
	{ "exit status comes back", status_comes_back },
	{ "a program or core that is not there is refused", missing_program },
	{ "a file that is no program is refused", not_a_program },
	{ "a program with more bss than a page table covers", large_program },
	{ "kill works, once", kill_works },
	{ "a faulting child dies alone", faulting_child_dies_alone },
	{ "a child survives using up what there is", using_up_is_survived },
	{ "a hundred children leave nothing behind", nothing_is_left },
	{ 0 },
};
