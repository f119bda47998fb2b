/*
 * Kills programs in the midst of what they do, and looks whether anything is left of them.
 *
 *     kills [COUNT [SEED]]
 *
 * The victims make random capability invocations, span cores with threads, or spin. Each is killed
 * after a time of up to some milliseconds. When all are gone there is as much free memory as there
 * was, once monitors had what they keep (a link for each two of them among it), and no CPU driver
 * finds anything wrong. All cores together, and more will do: a service's member that was starved for
 * long is replaced on another core, and fleets shrink.
 */
#include "kernel/abi/error.h"
#include "kernel/abi/syscall.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CORES 64
#define WARM_UP 24    /* kills for each core, before memory is looked at */
#define LONGEST 6000  /* microseconds that a victim has */
#define PATIENCE 6000 /* looks, 10 ms apart, till all is back */

static const char *const victims[][4] = {
	{ "capfuzz", "1", "100000000" },
	{ "matrix", "--size", "160" },
	{ "spin", "0" },
	{ "jacobi", "--size", "160" },
};
#define VICTIMS (sizeof victims / sizeof *victims)

static uint64_t state;

/* xorshift64 */
static unsigned random_below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (unsigned)(state >> 33) % n : 0;
}

static void sleep_us(unsigned us) { nanosleep(&(struct timespec){ .tv_nsec = us * 1000L }, NULL); }

static uint64_t memory(coreid_t core)
{
	struct mon_core c;

	return mon_core(core, &c) ? 0 : c.ram_free;
}

static err_t kill_one(unsigned i, unsigned cores)
{
	const char *const *argv = victims[i % VICTIMS];
	unsigned argc = argv[2] ? 3 : 2, cause;
	uint64_t pid, status;
	err_t err = mon_spawn((coreid_t)random_below(cores), (int)argc, argv, &pid);

	if (err)
		return err;
	sleep_us(random_below(LONGEST));
	err = mon_kill(pid);
	if (err && err != ERR_NO_PROCESS) /* it may have ended by itself */
		return err;
	return mon_wait(pid, &cause, &status);
}

static err_t kill_many(unsigned count, unsigned cores)
{
	for (unsigned i = 0; i < count; i++) {
		err_t err = kill_one(i, cores);

		if (err) {
			printf("kills: number %u: %s\n", i, error_text(err));
			return err;
		}
	}
	return ERR_OK;
}

/* Each two monitors make a link, which stays, when the one first has something to ask the other. */
static int introduce(unsigned cores)
{
	uint64_t caps;

	for (unsigned core = 0; core < cores; core++)
		if (mon_stat((coreid_t)core, STAT_CAPS, &caps))
			return 1;
	return 0;
}

static err_t introduce_all(unsigned cores)
{
	static const char *const argv[] = { "kills", "introduce" };
	err_t err = ERR_OK;

	for (unsigned core = 0; core < cores && !err; core++) {
		unsigned cause;
		uint64_t pid, status;

		err = mon_spawn((coreid_t)core, 2, argv, &pid);
		if (!err)
			err = mon_wait(pid, &cause, &status);
	}
	return err;
}

/* What a monitor does after a process has ended, it does soon. */
static bool memory_is_back(const uint64_t *before, unsigned cores)
{
	for (unsigned look = 0; look < PATIENCE; look++) {
		uint64_t was = 0, is = 0;

		for (unsigned core = 0; core < cores; core++) {
			was += before[core];
			is += memory((coreid_t)core);
		}
		if (is >= was)
			return true;
		sleep_us(10000);
	}
	return false;
}

static unsigned wrong_cores(unsigned cores)
{
	unsigned wrong = 0;

	for (unsigned core = 0; core < cores; core++) {
		uint64_t violations = 1;

		wrong += mon_check((coreid_t)core, &violations) || violations;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 100, cores = mon_cores_up(CORES);
	uint64_t before[CORES];
	bool back;

	if (argc > 1 && !strcmp(argv[1], "introduce"))
		return introduce(cores);
	state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15 + 1;
	if (introduce_all(cores) || kill_many(WARM_UP * cores, cores))
		return 1;
	for (unsigned core = 0; core < cores; core++)
		before[core] = memory((coreid_t)core);
	if (kill_many(count, cores))
		return 1;
	back = memory_is_back(before, cores);
	for (unsigned core = 0; core < cores && !back; core++)
		printf("kills: core %u has %lld bytes less\n", core,
		       (long long)(before[core] - memory((coreid_t)core)));
	printf("kills: %u, %u cores: memory is %s, %u cores are wrong\n", count, cores, back ? "back" : "lost",
	       wrong_cores(cores));
	return !back;
}
