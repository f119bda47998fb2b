/*
 * bench: many named measures in one program.
 *
 *   bench list            the measures, with what they measure
 *   bench NAME...         those; a name that ends in '*' takes all that begin so
 *   bench fleet           those of fleets and their services
 *   bench 9p              those of 9P and of files
 *   bench all             all of them
 * Options, for the runners: --json (JSON lines only), --meter (a meter in the emulator counts,
 * libos/x86/meter.h), --method M, --accel A, --commit C.  Exit status 0 if every measure gave its figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/monitor_client.h"
#include "user/bench/bench.h"

char bench_bytes[BENCH_BYTES];
struct bench_options bench_options = { "tsc", "unknown", "unknown", false, false };

static const struct {
	const char *group; /* all of a group can be asked for; NULL: of none */
	const struct measure *measure;
} tables[] = {
	{ NULL, kernel_measures },   { NULL, cap_measures },      { NULL, page_measures },
	{ "fleet", grant_measures }, { NULL, message_measures },  { NULL, urpc_measures },
	{ NULL, stub_measures },     { NULL, idle_measures },     { NULL, thread_measures },
	{ NULL, process_measures },  { "fleet", proc_measures },  { NULL, shared_measures },
	{ NULL, island_measures },   { NULL, member_measures },   { NULL, span_measures },
	{ NULL, agree_measures },    { NULL, caps_measures },     { "fleet", name_measures },
	{ "fleet", mail_measures },  { "fleet", fleet_measures }, { "fleet", rate_measures },
	{ "fleet", dpool_measures }, { "9p", ninep_measures },    { "9p", host_measures },
	{ "9p", file_measures },     { "9p", mem_measures },
};
#define TABLES (sizeof tables / sizeof *tables)

unsigned bench_cores(void)
{
	static unsigned up;
	struct mon_core core;
	if (up == 0)
		for (coreid_t c = 0; mon_core(c, &core) == ERR_OK; c++)
			up += core.state == MON_CORE_UP;
	return up ? up : 1;
}

static bool name_matches(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);
	if (strcmp(pattern, "all") == 0)
		return true;
	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool wanted(size_t table, const struct measure *m, int count, char **patterns)
{
	const char *group = tables[table].group;

	for (int i = 0; i < count; i++)
		if (name_matches(patterns[i], m->name) || (group && strcmp(patterns[i], group) == 0))
			return true;
	return false;
}

static void list_measures(void)
{
	for (size_t t = 0; t < TABLES; t++)
		for (const struct measure *m = tables[t].measure; m->name; m++)
			printf("%-20s %s\n", m->name, m->what);
}

static unsigned count_wanted(int count, char **patterns)
{
	unsigned n = 0;
	for (size_t t = 0; t < TABLES; t++)
		for (const struct measure *m = tables[t].measure; m->name; m++)
			n += wanted(t, m, count, patterns);
	return n;
}

/* A name that no measure has is an error: a misspelt one must not pass for a fast one. */
static int check_names(int count, char **patterns)
{
	for (int i = 0; i < count; i++)
		if (count_wanted(1, &patterns[i]) == 0) {
			fprintf(stderr, "bench: no measure is called '%s'; 'bench list' names them\n", patterns[i]);
			return 2;
		}
	return 0;
}

static err_t run_one(const struct measure *m)
{
	if (bench_cores() < m->cores) {
		if (!bench_options.json_only)
			printf("%s: left out, needs %u cores\n", m->name, m->cores);
		return ERR_OK;
	}
	err_t error = m->run(m);
	if (error)
		report_failure(m, error);
	return error;
}

static int run_measures(int count, char **patterns)
{
	unsigned total = count_wanted(count, patterns), index = 0;
	int status = check_names(count, patterns);
	if (status)
		return status;
	report_heading();
	for (size_t t = 0; t < TABLES; t++)
		for (const struct measure *m = tables[t].measure; m->name; m++) {
			if (!wanted(t, m, count, patterns))
				continue;
			report_progress(m, ++index, total);
			if (run_one(m))
				status = 1;
		}
	if (!bench_options.json_only)
		printf("bench: %u measures, %s\n", index, status ? "some failed" : "all done");
	return status;
}

/* Reads the options; returns the index of the first other argument, or -1 on an unknown one. */
static int parse_options(int argc, char **argv)
{
	int i = 1;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char **value = strcmp(argv[i], "--method") == 0   ? &bench_options.method
				     : strcmp(argv[i], "--accel") == 0  ? &bench_options.accelerator
				     : strcmp(argv[i], "--commit") == 0 ? &bench_options.commit
									: NULL;
		if (strcmp(argv[i], "--json") == 0)
			bench_options.json_only = true;
		else if (strcmp(argv[i], "--meter") == 0)
			bench_options.meter = true;
		else if (value && i + 1 < argc)
			*value = argv[++i];
		else
			return -1;
	}
	return i;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--serve") == 0)
		return bench_serve(argc - 2, argv + 2);
	int first = parse_options(argc, argv);
	if (first < 0 || first == argc) {
		fprintf(stderr, "usage: bench [--json] [--meter] [--method M] [--accel A] [--commit C] "
				"list | all | fleet | NAME...\n");
		return 2;
	}
	if (strcmp(argv[first], "list") == 0) {
		list_measures();
		return 0;
	}
	return run_measures(argc - first, argv + first);
}
