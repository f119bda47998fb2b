/*
 * Processes that span cores: members, what they share, how they end, and that nothing
 * is left behind on any core.
 */
#include <stdio.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define CYCLES 200
#define KILLS 60
#define TRIES 4
#define CYCLES_WARM 4 /* till the monitors have all the records that they keep */

/* Bytes that the monitors of the first n cores have. */
static uint64_t memory_free(unsigned n)
{
	uint64_t sum = 0;

	for (coreid_t core = 0; core < n; core++) {
		struct mon_core c;

		if (!mon_core(core, &c))
			sum += c.ram_free;
	}
	return sum;
}

static bool deed(const char *what, unsigned n, unsigned cause_wanted, uint64_t status_wanted)
{
	char arg[12];
	unsigned cause;
	uint64_t status;

	snprintf(arg, sizeof arg, "%u", n);
	EXPECT_OK(child_run(dispatcher_core(), what, arg, &cause, &status));
	if (cause != cause_wanted || status != status_wanted)
		printf("# %s on %u cores: cause %u, status %u\n", what, n, cause, (unsigned)status);
	return cause == cause_wanted && status == status_wanted;
}

static bool on_each_count(const char *what, unsigned cause, uint64_t status)
{
	for (unsigned n = 1, up = mon_cores_up(16); n <= up; n = n < up && 2 * n > up ? up : 2 * n)
		EXPECT(deed(what, n, cause, status));
	return true;
}

static bool visits(void) { return on_each_count("span_visit", MON_EXITED, 0); }
static bool heap(void) { return on_each_count("span_heap", MON_EXITED, 0); }
static bool touch(void) { return on_each_count("span_touch", MON_EXITED, 0); }
static bool unmap(void) { return on_each_count("span_unmap", MON_EXITED, 0); }
static bool root(void) { return on_each_count("span_root", MON_EXITED, 0); }
static bool protect(void) { return on_each_count("span_protect", MON_FAULTED, ERR_FAULTED); }

/* With one core there is nobody else to read. */
static bool gone(void)
{
	unsigned up = mon_cores_up(16);

	return up == 1 ||
	       (deed("span_gone", 2, MON_FAULTED, ERR_FAULTED) && deed("span_gone", up, MON_FAULTED, ERR_FAULTED));
}

static bool exits(void) { return on_each_count("span_exit", MON_EXITED, 7); }
static bool faults(void) { return on_each_count("span_fault", MON_FAULTED, ERR_FAULTED); }
static bool gives_back(void) { return on_each_count("span_close", MON_EXITED, 0); }
static bool refusals(void) { return deed("span_refused", mon_cores_up(16), MON_EXITED, 0); }

static bool killed(void)
{
	unsigned n = mon_cores_up(16), cause;
	struct mon_process found = { 0 };
	uint64_t pid, status;
	cycles_t deadline;
	char arg[12];

	snprintf(arg, sizeof arg, "%u", n);
	EXPECT_OK(child_start(dispatcher_core(), "span_spin", arg, &pid));
	deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
	while (found.cores != n && context_now() < deadline)
		for (unsigned i = 0; !mon_ps(dispatcher_core(), i, &found) && found.pid != pid; i++)
			;
	EXPECT(found.cores == n);
	for (coreid_t core = 0; core < n; core++)
		for (unsigned i = 0; core != dispatcher_core() && !mon_ps(core, i, &found); i++)
			EXPECT(found.pid != pid);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(cause == MON_KILLED);
	return true;
}

/*
 * Does it leave as much memory as it found, at one of a few times? Services start members of theirs meanwhile, and keep
 * some for the most that they ever had to do; what is lost is lost each time.
 */
static bool leaves_memory(bool (*round)(unsigned cores, unsigned from, unsigned to), unsigned count)
{
	unsigned n = mon_cores_up(16) > 4 ? 4 : mon_cores_up(16), tries = 0;
	uint64_t before, after;

	EXPECT(round(n, 0, CYCLES_WARM));
	do {
		before = memory_free(n);
		EXPECT(round(n, CYCLES_WARM, CYCLES_WARM + count));
		after = memory_free(n);
		if (after < before)
			printf("# %lu bytes were free, %lu are\n", (unsigned long)before, (unsigned long)after);
	} while (after < before && ++tries < TRIES);
	EXPECT(after >= before);
	return true;
}

static bool children_end(unsigned n, unsigned from, unsigned to)
{
	static const char *const ways[] = { "span_visit", "span_touch", "span_exit",
					    "span_unmap", "span_fault", "span_hang_up" };
	unsigned cause;
	uint64_t status;
	char arg[12];

	snprintf(arg, sizeof arg, "%u", n);
	for (unsigned i = from; i < to; i++) {
		/* Some say a line each: not too many of them. */
		const char *way = ways[i % 40 == 2 ? 4 : i % 40 == 3 ? 5 : i % 4];

		EXPECT_OK(child_run(i % n, way, arg, &cause, &status));
		/* It may stumble over what it has had taken from it. */
		if (way == ways[5])
			continue;
		if (cause == MON_EXITED && status != (way == ways[2] ? 7 : 0))
			printf("# %s from core %u: cause %u, status %u\n", way, i % n, cause, (unsigned)status);
		EXPECT(cause == (i % 40 == 2 ? MON_FAULTED : MON_EXITED));
		EXPECT(cause == MON_FAULTED || status == (way == ways[2] ? 7 : 0));
	}
	return true;
}

static bool nothing_is_left(void) { return leaves_memory(children_end, CYCLES); }

/* At some moment of its way to all cores, a little later each time. */
static err_t kill_after(coreid_t core, const char *cores, cycles_t after)
{
	uint64_t pid;
	cycles_t begin;
	err_t err = child_start(core, "span_spin", cores, &pid);

	for (begin = context_now(); context_now() - begin < after;)
		thread_yield();
	if (!err)
		err = mon_kill(pid);
	return err ? err : mon_wait(pid, NULL, NULL);
}

static bool children_killed(unsigned n, unsigned from, unsigned to)
{
	char arg[12];

	snprintf(arg, sizeof arg, "%u", n);
	for (unsigned i = from; i < to; i++)
		EXPECT_OK(kill_after(i % n, arg,
				     i < CYCLES_WARM ? dispatcher_tsc_hz() / 10 : i * dispatcher_tsc_hz() / 2000));
	return true;
}

static bool killed_meanwhile(void) { return leaves_memory(children_killed, KILLS); }

const struct test span_tests[] = { { "a thread goes to every core", visits },
				   { "the heap, brought in on every core", heap },
				   { "one block, brought in by all cores at once", touch },
				   { "pages unmapped by other cores, and mapped again", unmap },
				   { "what is unmapped is unmapped on all cores", gone },
				   { "what is protected is protected on all cores", protect },
				   { "a top-level slot is on all cores", root },
				   { "exit on another core", exits },
				   { "a fault on another core ends all", faults },
				   { "cores are given back, and one is taken again", gives_back },
				   { "what is refused", refusals },
				   { "killed while it runs everywhere", killed },
				   { "killed on its way to many cores, nothing is left", killed_meanwhile },
				   { "200 processes leave nothing behind", nothing_is_left },
				   { NULL, NULL } };
