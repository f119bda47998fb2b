/*
 * build/sim/fleetsim: fleets on a machine of up to 1,024 cores in one Linux process, under a seed.
 *
 *     build/sim/fleetsim --world echo --cores 1024 --clients 900 --seeds 20
 *     build/sim/fleetsim --world echo --seed 4711 --trace      one run again, told event by event
 *
 * Each seed is a forked child that starts the machine anew. The exit status is 0 if no run failed, 1 if one
 * did, 2 if nothing could be run.
 */
#include "libos/name/name.h"
#include "tools/sim/base/runs.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <ucontext.h>
#include <unistd.h>

#define RUN_SECONDS 60 /* of processor time; longer, and the run hangs */
#define CALLERS 16
#define STACK_WORDS 32768
#define END_OF_TIME (UINT64_C(600) * 1000 * MILLISECOND)

struct options options = { .seed = 1,
			   .seeds = 1,
			   .cores = 16,
			   .members = 2,
			   .clients = 8,
			   .calls = 200,
			   .jobs = 2,
			   .kills = 3,
			   .at_once = 1,
			   .mirrors = 1,
			   .world = "echo",
			   .images = "build/sim/fleet" };
const struct world *world;

static const struct world *const worlds[] = { &world_echo, &world_stubs, &world_tally, &world_page, &world_name,
					      &world_proc, &world_pool,  &world_drill, &world_mem };
#define WORLDS (sizeof worlds / sizeof worlds[0])

/* By enum name_policy. */
static const char *const policies[] = { "none", "near", "least", "weighted" };
#define POLICIES (sizeof policies / sizeof policies[0])

const struct world *world_find(const char *name)
{
	for (unsigned i = 0; i < WORLDS; i++)
		if (!strcmp(worlds[i]->name, name))
			return worlds[i];
	return NULL;
}

const char *replay_command(void)
{
	static char text[600];
	int n = snprintf(text, sizeof text,
			 "build/sim/fleetsim --world %s --cores %u --members %u --clients %u --calls %u --kills %u "
			 "--core-deaths %u",
			 options.world, options.cores, options.members, options.clients, options.calls, options.kills,
			 options.core_deaths);

	if (options.at_once > 1 || options.mirrors > 1)
		n += snprintf(text + n, sizeof text - (size_t)n, " --at-once %u --mirrors %u", options.at_once,
			      options.mirrors);
	if (options.scheme)
		n += snprintf(text + n, sizeof text - (size_t)n, " --scheme %s", options.scheme);
	if (options.load)
		n += snprintf(text + n, sizeof text - (size_t)n, " --load %s", options.load);
	if (options.skip)
		n += snprintf(text + n, sizeof text - (size_t)n, " --skip %s", options.skip);
	if (options.calm)
		n += snprintf(text + n, sizeof text - (size_t)n, " --calm");
	if (options.all_back)
		n += snprintf(text + n, sizeof text - (size_t)n, " --all-back");
	if (options.early)
		n += snprintf(text + n, sizeof text - (size_t)n, " --early");
	if (options.midway)
		n += snprintf(text + n, sizeof text - (size_t)n, " --midway");
	if (options.poor)
		n += snprintf(text + n, sizeof text - (size_t)n, " --poor");
	if (options.policy)
		n += snprintf(text + n, sizeof text - (size_t)n, " --policy %s", policies[options.policy]);
	snprintf(text + n, sizeof text - (size_t)n, " --seed %lu --trace", options.seed);
	return text;
}

/* --- one run ------------------------------------------------------------------------------------ */

/* Who called whom: for addr2line. Programs keep frame pointers. */
static void callers_show(const ucontext_t *u)
{
	uint64_t *frame = (uint64_t *)u->uc_mcontext.gregs[REG_RBP], *stack = (uint64_t *)u->uc_mcontext.gregs[REG_RSP];
	const char *path;

	for (unsigned i = 0; i < CALLERS && frame >= stack && frame < stack + STACK_WORDS; i++) {
		uint64_t offset = image_offset(frame[1], &path);

		if (offset)
			fprintf(stderr, "called from %lx of %s\n", offset - 1, path);
		if ((uint64_t *)frame[0] <= frame)
			break;
		frame = (uint64_t *)frame[0];
	}
}

static void crash(int signal, siginfo_t *info, void *context)
{
	uint64_t at = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	const char *path = "the simulator";
	uint64_t offset = image_offset(at, &path);

	callers_show(context);
	violation("%s at %p, by the instruction at %lx of %s, process %lx",
		  signal == SIGXCPU ? "the run does not end" : strsignal(signal), info->si_addr, offset, path,
		  running ? running->pid : 0);
}

static void seed_run(uint64_t seed)
{
	options.seed = seed;
	random_seed(&dice, seed);
	if (!options.calm)
		weather_draw(&weather, &dice);
	time_init();
	world->begin();
	while (!world->done())
		if (!time_step(END_OF_TIME))
			violation("nothing goes on, and not all is done");
	if (world->check)
		world->check();
	if (options.figures) {
		printf("seed %lu: %lu events, %lu us\n", seed, time_steps, time_now() / MICROSECOND);
		world->figures();
	}
	fflush(stdout);
}

/* --- options ------------------------------------------------------------------------------------------- */

static void usage_die(void)
{
	fputs("usage: fleetsim [--world NAME] [--cores N] [--members N] [--clients N] [--calls N] [--kills N]\n"
	      "                [--core-deaths N] [--at-once N] [--mirrors N] [--seed N] [--seeds N] [--jobs N]\n"
	      "                [--seconds N] [--scheme NAME] [--load NAME] [--skip FUNCTION] [--calm] [--all-back]\n"
	      "                [--early] [--midway] [--poor] [--policy near|least|weighted] [--trace] [--figures]\n"
	      "                [--images FOLDER]\n"
	      "docs/simulator.md says more. Worlds:\n",
	      stderr);
	for (unsigned i = 0; i < WORLDS; i++)
		fprintf(stderr, "  %-8s %s\n", worlds[i]->name, worlds[i]->what);
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

/* An option that is a number, and where it goes. */
static const struct {
	const char *name;
	unsigned *to;
	unsigned least, most;
} numbers[] = {
	{ "cores", &options.cores, 2, CORES_MAX },  { "members", &options.members, 1, CORES_MAX },
	{ "clients", &options.clients, 1, 100000 }, { "calls", &options.calls, 1, 10000000 },
	{ "kills", &options.kills, 0, 1000000 },    { "core-deaths", &options.core_deaths, 0, CORES_MAX },
	{ "at-once", &options.at_once, 1, 16 },     { "mirrors", &options.mirrors, 1, 3 },
	{ "jobs", &options.jobs, 1, RUN_JOBS_MAX }, { "seconds", &options.seconds, 1, UINT_MAX },
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static unsigned policy_read(const char *name)
{
	for (unsigned i = 1; i < POLICIES; i++)
		if (!strcmp(policies[i], name))
			return i;
	usage_die();
	return 0;
}

static void flag_read(int c)
{
	switch (c) {
	case 'p':
		options.policy = policy_read(optarg);
		break;
	case 'm':
		options.midway = true;
		break;
	case 'o':
		options.poor = true;
		break;
	case 'S':
		options.seed = number(optarg, 0, UINT64_MAX);
		break;
	case 'N':
		options.seeds = number(optarg, 1, UINT32_MAX);
		break;
	case 'w':
		options.world = optarg;
		break;
	case 'c':
		options.scheme = optarg;
		break;
	case 'l':
		options.load = optarg;
		break;
	case 'x':
		options.skip = optarg;
		break;
	case 'i':
		options.images = optarg;
		break;
	case 'q':
		options.calm = true;
		break;
	case 'a':
		options.all_back = true;
		break;
	case 'e':
		options.early = true;
		break;
	case 't':
		options.trace = true;
		break;
	case 'f':
		options.figures = true;
		break;
	default:
		usage_die();
	}
}

static void options_read(int argc, char **argv)
{
	struct option known[NUMBERS + 16] = {
		{ "load", 1, NULL, 'l' },    { "seed", 1, NULL, 'S' },     { "seeds", 1, NULL, 'N' },
		{ "world", 1, NULL, 'w' },   { "scheme", 1, NULL, 'c' },   { "skip", 1, NULL, 'x' },
		{ "images", 1, NULL, 'i' },  { "calm", 0, NULL, 'q' },     { "trace", 0, NULL, 't' },
		{ "figures", 0, NULL, 'f' }, { "all-back", 0, NULL, 'a' }, { "early", 0, NULL, 'e' },
		{ "midway", 0, NULL, 'm' },  { "poor", 0, NULL, 'o' },     { "policy", 1, NULL, 'p' }
	};

	for (unsigned i = 0; i < NUMBERS; i++)
		known[15 + i] = (struct option){ numbers[i].name, 1, NULL, 256 + (int)i };
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c >= 256)
			*numbers[c - 256].to = (unsigned)number(optarg, numbers[c - 256].least, numbers[c - 256].most);
		else
			flag_read(c);
	}
	world = world_find(options.world);
	/* The name service's own clients ask monitors which member is theirs. */
	if (optind != argc || !world || (options.policy && (!world->fleet || !strcmp(world->fleet, NAME_SERVICE))))
		usage_die();
}

/* --- start ---------------------------------------------------------------------------------------------- */

/* The fault: a function of some program does nothing, and returns 0. */
static void fault_make(void)
{
	static const uint8_t nothing[] = { 0x31, 0xc0, 0xc3 }; /* xor eax, eax; ret */
	unsigned found = 0;

	for (unsigned i = 0; world->programs[i]; i++) {
		struct image *m = program_open(world->programs[i])->image;
		uint64_t at = image_function(m, options.skip);

		if (at)
			image_patch(m, at, nothing, sizeof nothing);
		found += at != 0;
	}
	if (!found)
		errx(2, "no program of this world has a function %s", options.skip);
}

/* Where memory lies is part of a run. */
static void addresses_fix(char **argv)
{
	int was = personality(0xffffffff);

	if (was == -1 || was & ADDR_NO_RANDOMIZE || personality((unsigned long)was | ADDR_NO_RANDOMIZE) == -1)
		return;
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	struct runs r = { .limit = RUN_SECONDS, .run = seed_run, .crash = crash };
	uint64_t done;
	unsigned failed;

	addresses_fix(argv);
	options_read(argc, argv);
	for (unsigned i = 0; world->programs[i]; i++)
		program_open(world->programs[i]);
	if (options.policy)
		program_open(NAME_SERVICE);
	if (options.skip)
		fault_make();
	r.seed = options.seed;
	r.seeds = options.seeds;
	r.jobs = options.jobs;
	r.seconds = options.seconds;
	failed = runs_all(&r, &done);
	printf("%lu seeds, %u cores, %u members, %u clients: %u failed\n", done, options.cores, options.members,
	       options.clients, failed);
	return failed ? 1 : 0;
}
