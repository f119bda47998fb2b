/*
 * The Open POSIX Test Suite and newlib's tests as one program, and who runs them.
 *
 *     pts NAME                     runs one test; its exit status is the test's
 *     pts -q NAME                  the same, without what it prints
 *     pts -r JOBS SECONDS NAME...  runs these, each in a process of its own, JOBS at a time; a name may be a number,
 *                                  or N-M; tells "pts NAME start", then "pts NAME exit N", "signal N" or "hung", and
 *                                  at the end "pts: N ran"
 *
 * Built by the compiler wrapper like any program of others; knows nothing of the system but POSIX.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64
#define POLL_NANOSECONDS 2000000
#define PROGRAM "/boot/pts"

extern const struct pts_test {
	const char *name;
	int (*run)(int, char **);
} pts_tests[];
extern char **environ;

static struct job {
	pid_t pid; /* 0: free */
	int test;
	time_t deadline;
	int hung;
} jobs[JOBS_MAX];

static int count_ran;

static int test_find(const char *name)
{
	for (int i = 0; pts_tests[i].name; i++)
		if (strcmp(pts_tests[i].name, name) == 0)
			return i;
	return -1;
}

static int test_run(int at, char **argv)
{
	char *own[] = { argv[0], NULL };

	return pts_tests[at].run(1, own);
}

/* Alone: some tests send signals to their group. Where files may be made. */
static int quiet(void)
{
	int fd = open("/dev/null", O_RDWR);

	return chdir("/tmp") || setpgid(0, 0) || fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void job_end(struct job *j, int status)
{
	const char *name = pts_tests[j->test].name;

	if (j->hung)
		printf("pts %s hung\n", name);
	else if (WIFEXITED(status))
		printf("pts %s exit %d\n", name, WEXITSTATUS(status));
	else
		printf("pts %s signal %d\n", name, WTERMSIG(status));
	fflush(stdout);
	j->pid = 0;
	count_ran++;
}

/* Takes what has ended, and kills who takes too long. */
static void jobs_look(int count)
{
	struct timespec pause = { .tv_nsec = POLL_NANOSECONDS };
	int status;

	for (int i = 0; i < count; i++) {
		struct job *j = &jobs[i];

		if (!j->pid)
			continue;
		if (waitpid(j->pid, &status, WNOHANG) == j->pid) {
			job_end(j, status);
		} else if (!j->hung && now() >= j->deadline) {
			j->hung = 1;
			kill(j->pid, SIGKILL);
		}
	}
	nanosleep(&pause, NULL);
}

static struct job *job_free(int count)
{
	for (int i = 0; i < count; i++)
		if (!jobs[i].pid)
			return &jobs[i];
	return NULL;
}

static int jobs_busy(int count)
{
	for (int i = 0; i < count; i++)
		if (jobs[i].pid)
			return 1;
	return 0;
}

static void start(int at, int count, int seconds)
{
	char *argv[] = { (char *)"pts", (char *)"-q", (char *)pts_tests[at].name, NULL };
	struct job *j;
	int error;

	while (!(j = job_free(count)))
		jobs_look(count);
	printf("pts %s start\n", pts_tests[at].name);
	fflush(stdout);
	error = posix_spawn(&j->pid, PROGRAM, NULL, NULL, argv, environ);
	if (error) {
		printf("pts %s not-started %s\n", pts_tests[at].name, strerror(error));
		j->pid = 0;
		return;
	}
	j->test = at;
	j->hung = 0;
	j->deadline = now() + seconds;
}

static void start_named(const char *name, int count, int seconds)
{
	char *end;
	long from = strtol(name, &end, 10), to = *end == '-' ? strtol(end + 1, &end, 10) : from;

	if (*end) {
		from = to = test_find(name);
		if (from < 0)
			printf("pts %s: no such test\n", name);
	}
	for (long i = from; i >= 0 && i <= to && pts_tests[i].name; i++)
		start((int)i, count, seconds);
}

int main(int argc, char **argv)
{
	int at;

	if (argc > 4 && strcmp(argv[1], "-r") == 0) {
		int count = atoi(argv[2]), seconds = atoi(argv[3]);

		count = count < 1 ? 1 : count > JOBS_MAX ? JOBS_MAX : count;
		for (int i = 4; i < argc; i++)
			start_named(argv[i], count, seconds);
		while (jobs_busy(count))
			jobs_look(count);
		printf("pts: %d ran\n", count_ran);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "-q") == 0 && quiet())
		return 2;
	at = argc > 1 ? test_find(argv[argc - 1]) : -1;
	if (at < 0) {
		fprintf(stderr, "pts: %s: no such test\n", argc > 1 ? argv[argc - 1] : "(none)");
		return 2;
	}
	return test_run(at, argv);
}
