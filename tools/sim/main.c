/*
 * tools/sim: the machine's islands on one Linux process, under a seed.
 *
 *     build/sim/sim --cores 16 --seeds 1000          runs seeds 1 to 1000
 *     build/sim/sim --cores 16 --seed 4711 --trace   one of them again, told event by event
 *
 * The machine is started once; each seed is a child process that goes on from there, so runs do not
 * see each other and a crash is that seed's failure. The exit status is 0 if no run failed, 1 if one
 * did, 2 if nothing could be run.
 */
#include "tools/sim/base/image.h"
#include "tools/sim/base/runs.h"
#include "tools/sim/check.h"
#include "tools/sim/sim.h"

#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define RUN_SECONDS 120 /* of processor time; longer, and the run hangs */
#define WALK_CORES 64
#define QUIET (20 * MILLISECOND)
#define SILENCE 40  /* ms */
#define SETTLED 200 /* times that, at the latest */
#define END_OF_TIME (UINT64_C(60) * 1000 * MILLISECOND)

struct options options = { .seed = 1,
			   .seeds = 1,
			   .cores = 16,
			   .operations = 200,
			   .jobs = 2,
			   .deaths = UINT_MAX,
			   .check_every = 500,
			   .silence = SILENCE };

static const char *const fault_names[FAULTS] = { "none", "drop", "twice", "overtake", "flush", "memory" };
static const char *image_path = "build/sim/island.so";

const char *replay_command(void)
{
	static char text[400];
	int n = snprintf(text, sizeof text, "build/sim/sim --cores %u --operations %u --seed %lu", options.cores,
			 options.operations, options.seed);

	if (options.only)
		n += snprintf(text + n, sizeof text - (size_t)n, " --only %s", options.only);
	if (options.deaths != UINT_MAX)
		n += snprintf(text + n, sizeof text - (size_t)n, " --deaths %u", options.deaths);
	if (options.stalls)
		n += snprintf(text + n, sizeof text - (size_t)n, " --stalls %u", options.stalls);
	if (options.garbage)
		n += snprintf(text + n, sizeof text - (size_t)n, " --garbage %u", options.garbage);
	if (options.silence != SILENCE)
		n += snprintf(text + n, sizeof text - (size_t)n, " --silence %u", options.silence);
	if (options.heartbeat)
		n += snprintf(text + n, sizeof text - (size_t)n, " --heartbeat %u", options.heartbeat);
	if (options.fault)
		n += snprintf(text + n, sizeof text - (size_t)n, " --fault %s:%u", fault_names[options.fault],
			      options.fault_at);
	snprintf(text + n, sizeof text - (size_t)n, " --trace");
	return text;
}

/* --- one run ------------------------------------------------------------------------------------ */

static void crash(int signal, siginfo_t *info, void *context)
{
	uint64_t at = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	const char *path = "the simulator";
	uint64_t offset = image_offset(at, &path);

	sim_violation(0, "%s at %p, by the instruction at %lx of %s",
		      signal == SIGXCPU ? "the run does not end" : strsignal(signal), info->si_addr, offset, path);
}

/* Till all that was asked is answered; a request that never is, is a violation. */
static void work_out(void)
{
	while (!work_done())
		if (!fabric_step(END_OF_TIME) && !work_forget())
			sim_violation(0, "nothing goes on, and requests are unanswered");
}

/* Till nothing is under way any more. A core that died late is still to be missed and excluded. */
static void settle(void)
{
	cycles_t until = sim_now();

	for (unsigned i = 0; i == 0 || (i < SETTLED && !(check_quiet() && check_agreed())); i++) {
		until += QUIET;
		while (fabric_step(until))
			;
	}
}

/* The monitors' own check, at rest. On many cores it would take longer than all else. */
static void work_walk(void)
{
	/* By the first of two the deaths come to light that nobody has waited for yet. */
	for (int judged = 0; judged < 2; judged++) {
		if (options.cores > WALK_CORES || !work_walk_begin(judged))
			return;
		work_out();
		work_walk_end();
		settle();
	}
}

static void run(void)
{
	random_seed(&dice, options.seed);
	fabric_weather();
	work_begin();
	work_out();
	settle();
	if (!check_agreed())
		sim_violation(0, "not all know who has died");
	check_all(true);
	work_check();
	work_walk();
	work_end();
	settle();
	check_all(true);
	work_walk();
	work_end_check();
	if (options.figures)
		printf("seed %lu: %lu events, %lu us\n", options.seed, fabric_steps, sim_now() / MICROSECOND),
			work_figures();
	fflush(stdout);
}

/* Of all runs; shared with them. */
static struct {
	uint64_t died;
	cycles_t slowest; /* from a death to the agreement on it */
} * fate;

static void seed_run(uint64_t seed)
{
	cycles_t slowest, was = fate->slowest;

	options.seed = seed;
	if (options.model)
		trace_model_open(options.model);
	run();
	__atomic_fetch_add(&fate->died, fabric_deaths(&slowest), __ATOMIC_RELAXED);
	while (slowest > was &&
	       !__atomic_compare_exchange_n(&fate->slowest, &was, slowest, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static unsigned run_all(struct runs *r)
{
	uint64_t done;
	unsigned failed;

	fate = mmap(NULL, sizeof *fate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fate == MAP_FAILED)
		err(2, "mmap");
	r->seed = options.seed;
	r->seeds = options.seeds;
	r->jobs = options.jobs;
	r->seconds = options.seconds;
	failed = runs_all(r, &done);
	printf("%lu seeds, %u cores, %u operations each, %lu deaths, agreed on within %lu ms: %u failed\n", done,
	       options.cores, options.operations, fate->died, fate->slowest / MILLISECOND, failed);
	return failed;
}

/* --- options ------------------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: sim [--cores N] [--seeds N] [--seed N] [--operations N] [--jobs N] [--seconds N] [--deaths N]\n"
	"           [--stalls N] [--garbage N] [--silence MS] [--heartbeat MS]\n"
	"           [--only WORK] [--trace] [--figures] [--check-every N] [--trace-model FILE]\n"
	"           [--fault drop|twice|overtake|flush|memory:N] [--image FILE]\n"
	"docs/simulator.md says more.\n";

static void usage_die(void)
{
	fputs(usage, stderr);
	exit(2);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*end || end == text || n < least || n > most) {
		fprintf(stderr, "%s: a number from %lu to %lu is wanted\n", text, least, most);
		usage_die();
	}
	return n;
}

static void fault_read(char *text)
{
	char *at = strchr(text, ':');

	if (!at)
		usage_die();
	*at = '\0';
	for (unsigned i = 1; i < FAULTS; i++)
		if (!strcmp(text, fault_names[i]))
			options.fault = i;
	options.fault_at = (unsigned)number(at + 1, 1, UINT_MAX);
	if (!options.fault)
		usage_die();
}

static void option_read(int c)
{
	switch (c) {
	case 'c':
		options.cores = (unsigned)number(optarg, 2, CORES_MAX);
		break;
	case 'n':
		options.seeds = number(optarg, 1, UINT32_MAX);
		break;
	case 's':
		options.seed = number(optarg, 0, UINT64_MAX);
		break;
	case 'o':
		options.operations = (unsigned)number(optarg, 1, 1000000);
		break;
	case 'j':
		options.jobs = (unsigned)number(optarg, 1, RUN_JOBS_MAX);
		break;
	case 'd':
		options.deaths = (unsigned)number(optarg, 0, CORES_MAX);
		break;
	case 'p':
		options.stalls = (unsigned)number(optarg, 0, 100000);
		break;
	case 'g':
		options.garbage = (unsigned)number(optarg, 0, 100000);
		break;
	case 'q':
		options.silence = (unsigned)number(optarg, 1, 100000);
		break;
	case 'b':
		options.heartbeat = (unsigned)number(optarg, 0, 100000);
		break;
	case 'w':
		options.only = optarg;
		break;
	case 't':
		options.trace = true;
		break;
	case 'f':
		options.figures = true;
		break;
	case 'm':
		options.model = optarg;
		break;
	case 'k':
		options.check_every = (unsigned)number(optarg, 0, UINT_MAX);
		break;
	case 'l':
		options.seconds = (unsigned)number(optarg, 1, UINT_MAX);
		break;
	case 'x':
		fault_read(optarg);
		break;
	case 'i':
		image_path = optarg;
		break;
	default:
		usage_die();
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "cores", 1, NULL, 'c' },   { "seeds", 1, NULL, 'n' },
					       { "seed", 1, NULL, 's' },    { "operations", 1, NULL, 'o' },
					       { "jobs", 1, NULL, 'j' },    { "deaths", 1, NULL, 'd' },
					       { "only", 1, NULL, 'w' },    { "trace", 0, NULL, 't' },
					       { "figures", 0, NULL, 'f' }, { "trace-model", 1, NULL, 'm' },
					       { "fault", 1, NULL, 'x' },   { "check-every", 1, NULL, 'k' },
					       { "seconds", 1, NULL, 'l' }, { "image", 1, NULL, 'i' },
					       { "stalls", 1, NULL, 'p' },  { "garbage", 1, NULL, 'g' },
					       { "silence", 1, NULL, 'q' }, { "heartbeat", 1, NULL, 'b' },
					       { NULL, 0, NULL, 0 } };

	struct runs r = { .limit = RUN_SECONDS, .run = seed_run, .crash = crash };

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;)
		option_read(c);
	if (optind != argc)
		usage_die();
	loader_open(image_path);
	runs_guard(&r);
	machine_boot();
	check_all(true);
	if (options.figures)
		printf("started: %lu events, %lu us; an island's own image: %lu KiB\n", fabric_steps,
		       sim_now() / MICROSECOND, loader_island_bytes() / 1024);
	fflush(stdout);
	return run_all(&r) ? 1 : 0;
}
