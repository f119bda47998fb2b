/*
 * Start, exit and wait for a small program: through the monitor of this core, and through the process
 * service, with everything that the program's own libOS and C library do in between.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/monitor_client.h"
#include "libos/core/dispatcher.h"
#include "libos/core/syscall.h"
#include "libos/posix/console.h"
#include "libos/proc/program.h"
#include "user/bench/bench.h"

#define SAMPLES 12

static err_t start_and_wait(coreid_t core)
{
	static const char *const argv[] = { "exit", "0" };
	uint64_t pid = 0, status = 0;
	unsigned cause = 0;
	err_t error = mon_spawn(core, 2, argv, &pid);
	if (!error)
		error = mon_wait(pid, &cause, &status);
	if (!error && (cause != MON_EXITED || status != 0))
		error = ERR_FAULTED;
	return error;
}

/* The same through the process service, which keeps a record of it. */
static err_t start_and_wait_served(coreid_t core)
{
	static const char *const argv[] = { "exit", "0", NULL };
	struct program p;
	struct proc_end end;
	err_t error = program_start(argv, NULL, core, &p);
	if (!error && !p.id)
		error = ERR_NOT_FOUND;
	if (!error)
		error = program_wait(&p, &end);
	if (!error && (end.cause != MON_EXITED || end.status != 0))
		error = ERR_FAULTED;
	return error;
}

static err_t ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0 ? ERR_OK : ERR_FAULTED;
}

static err_t posix_spawn_and_wait(coreid_t core)
{
	char *const argv[] = { (char *)"exit", (char *)"0", NULL };
	pid_t pid;

	(void)core;
	return posix_spawn(&pid, "/boot/exit", NULL, NULL, argv, environ) ? ERR_NOT_FOUND : ended(pid);
}

/* Of this program, with what it has in its heap. */
static err_t fork_and_wait(coreid_t core)
{
	pid_t pid = fork();

	(void)core;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? ERR_NO_MEMORY : ended(pid);
}

#define SHARED_BYTES 65536 /* COW_BITS: what becomes somebody's own at a time */
#define SHARED 8

/* Writes to each part of what a child shares, while that waits for `begin` to be closed. */
static err_t write_shared(char *shared, const int *begin, double *each)
{
	cycles_t start;
	char c;
	pid_t pid = fork();

	if (pid == 0) {
		close(begin[1]);
		_exit(read(begin[0], &c, 1) ? 1 : 0);
	}
	start = bench_clock();
	for (unsigned i = 0; i < SHARED; i++)
		*(volatile char *)&shared[i * SHARED_BYTES] = 'w';
	*each = bench_mean(bench_clock() - start, SHARED);
	close(begin[0]);
	close(begin[1]);
	return pid < 0 ? ERR_NO_MEMORY : ended(pid);
}

static err_t fork_faults(const struct measure *m)
{
	char *shared = aligned_alloc(SHARED_BYTES, SHARED * SHARED_BYTES);
	double values[SAMPLES];
	err_t error = shared ? ERR_OK : ERR_NO_MEMORY;

	for (int i = 0; i < SAMPLES && !error; i++) {
		int begin[2];

		memset(shared, 'o', SHARED * SHARED_BYTES);
		error = pipe(begin) ? ERR_NO_MEMORY : write_shared(shared, begin, &values[i]);
	}
	free(shared);
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static err_t measure(const struct measure *m, err_t (*once)(coreid_t core))
{
	double values[SAMPLES];
	coreid_t core = dispatcher_core();
	err_t error = once(core); /* the first one fills the monitor's caches */
	for (int i = 0; i < SAMPLES && !error; i++) {
		cycles_t start = bench_clock();
		error = once(core);
		values[i] = (double)(bench_clock() - start - bench_clock_cost());
	}
	if (!error)
		report_samples(m, m->name, 1, values, SAMPLES);
	return error;
}

static err_t measure_spawn_exit(const struct measure *m) { return measure(m, start_and_wait); }

static bool is_served(const struct measure *m)
{
	struct proc_statistics s;
	bool is = program_statistics(&s) != ERR_NOT_FOUND;

	if (!is && !bench_options.json_only)
		printf("%s: left out, there is no process service\n", m->name);
	return is;
}

static err_t measure_served(const struct measure *m, err_t (*once)(coreid_t core))
{
	return is_served(m) ? measure(m, once) : ERR_OK;
}

static err_t measure_proc_exit(const struct measure *m) { return measure_served(m, start_and_wait_served); }
static err_t measure_posix_spawn(const struct measure *m) { return measure_served(m, posix_spawn_and_wait); }
static err_t measure_fork(const struct measure *m) { return measure_served(m, fork_and_wait); }
static err_t measure_fork_fault(const struct measure *m) { return is_served(m) ? fork_faults(m) : ERR_OK; }

/* Once a boot: from the first CPU driver's first instruction till somebody waited for input. */
static err_t measure_boot_prompt(const struct measure *m)
{
	cycles_t prompt;
	err_t error = console_first_prompt(&prompt);
	if (error == ERR_AGAIN) {
		if (!bench_options.json_only)
			printf("%s: left out, there was no prompt\n", m->name);
		return ERR_OK;
	}
	double value = error ? 0 : (double)(prompt - process_args()->boot_tsc);
	if (!error)
		report_samples(m, m->name, bench_cores(), &value, 1);
	return error;
}

const struct measure process_measures[] = {
	{ "spawn_exit", "start, exit and wait for a small program", "program", 200000, 1, measure_spawn_exit },
	{ "boot_prompt", "from the CPU driver's start to the prompt", "boot", 0, 1, measure_boot_prompt },
	{ 0 },
};

const struct measure proc_measures[] = {
	{ "proc_exit", "start, exit and wait through the process service", "program", 200000, 1, measure_proc_exit },
	{ "posix_spawn", "posix_spawn, exit and waitpid", "program", 200000, 1, measure_posix_spawn },
	{ "fork_exit", "fork, exit and waitpid", "fork", 120000, 1, measure_fork },
	{ "fork_fault", "first write to 64 KiB that a child shares", "fault", 0, 1, measure_fork_fault },
	{ 0 },
};
