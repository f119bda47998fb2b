/* Runs of seeds, side by side, each in a child process. */
#include "tools/sim/base/runs.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPORT_BYTES 262144
#define CRASH_STACK 65536
#define FAILED_MAX 10 /* runs; then no more are started */

static struct {
	pid_t pid;
	uint64_t seed;
} jobs[RUN_JOBS_MAX];
static unsigned running, failed;

void runs_guard(const struct runs *r)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU };
	static uint8_t stack[CRASH_STACK];
	struct rlimit limit = { r->limit, r->limit + 5 };
	struct sigaction action = { .sa_sigaction = r->crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t s = { .ss_sp = stack, .ss_size = sizeof stack };

	setrlimit(RLIMIT_CPU, &limit);
	sigaltstack(&s, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &action, NULL);
}

static void start(const struct runs *r, uint64_t seed)
{
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		runs_guard(r);
		/* What two runs have to say does not mix. */
		setvbuf(stderr, NULL, _IOFBF, REPORT_BYTES);
		r->run(seed);
		exit(0);
	}
	jobs[running].pid = pid;
	jobs[running++].seed = seed;
}

static void reap(void)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < running; i++) {
		if (jobs[i].pid != pid)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			failed++;
			printf("FAILED seed %lu\n", jobs[i].seed);
			fflush(stdout);
		}
		jobs[i] = jobs[--running];
		return;
	}
}

unsigned runs_all(const struct runs *r, uint64_t *done)
{
	time_t end = r->seconds ? time(NULL) + (time_t)r->seconds : 0;

	fflush(stdout);
	for (*done = 0;;) {
		bool more = *done < r->seeds && failed < FAILED_MAX && !(end && time(NULL) >= end);

		if (more && running < r->jobs)
			start(r, r->seed + (*done)++);
		else if (running)
			reap();
		else
			return failed;
	}
}
