/*
 * fork: what the child has of its parent's, and what each has for itself.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "user/tests/tap.h"

static int initialised = 42, cleared;

static bool ended_well(pid_t pid, int expected)
{
	int status;

	if (pid < 0)
		printf("# errno %d\n", errno);
	EXPECT(pid > 0);
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (status != expected << 8)
		printf("# status %x, not %x\n", (unsigned)status, (unsigned)expected << 8);
	EXPECT(status == expected << 8);
	return true;
}

static bool memory_is_copied(void)
{
	char *heap = malloc(100000), local[5000];
	pid_t parent = getpid(), pid;
	bool ended, kept;

	memset(heap, 'h', 100000);
	memset(local, 'l', sizeof local);
	initialised = 43;
	cleared = 44;
	pid = fork();
	if (pid == 0) {
		bool same = initialised == 43 && cleared == 44 && heap[99999] == 'h' && local[4999] == 'l' &&
			    getppid() == parent && getpid() != parent;
		char *more = malloc(300000);

		memset(heap, 'x', 100000);
		memset(local, 'x', sizeof local);
		initialised = cleared = 0;
		free(heap);
		memset(more, 'm', 300000);
		free(more);
		_exit(same ? 7 : 1);
	}
	ended = ended_well(pid, 7);
	kept = initialised == 43 && cleared == 44 && heap[99999] == 'h' && local[4999] == 'l';
	free(heap);
	EXPECT(ended);
	EXPECT(kept);
	return true;
}

static bool pipes_join(void)
{
	char text[6] = "";
	int end[2];
	pid_t pid;

	EXPECT(pipe(end) == 0);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		_exit(write(end[1], "hello", 5) == 5 ? 0 : 1);
	}
	close(end[1]);
	EXPECT(read(end[0], text, 5) == 5 && !strcmp(text, "hello"));
	EXPECT(read(end[0], text, 5) == 0);
	close(end[0]);
	return ended_well(pid, 0);
}

static bool generations(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t grandchild = fork();
		int status;

		if (grandchild == 0) {
			pid_t great = fork();

			if (great == 0)
				_exit(3);
			_exit(waitpid(great, &status, 0) == great && status == 3 << 8 ? 5 : 1);
		}
		_exit(waitpid(grandchild, &status, 0) == grandchild && status == 5 << 8 ? 6 : 1);
	}
	return ended_well(pid, 6);
}

static bool becomes_another(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/boot/tests", "tests", "--do", "exit", "11", (char *)NULL);
		_exit(1);
	}
	return ended_well(pid, 11);
}

static volatile sig_atomic_t got;

static void note(int signal) { got += signal; }

static bool handlers_stay(void)
{
	struct sigaction a = { .sa_handler = note };
	pid_t pid;

	got = 0;
	sigaction(SIGUSR1, &a, NULL);
	pid = fork();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(got == SIGUSR1 ? 8 : 1);
	}
	a.sa_handler = SIG_DFL;
	sigaction(SIGUSR1, &a, NULL);
	EXPECT(got == 0);
	return ended_well(pid, 8);
}

static int order;

static void before(void) { order = order * 10 + 1; }
static void in_parent(void) { order = order * 10 + 2; }
static void in_child(void) { order = order * 10 + 3; }

static bool around(void)
{
	pid_t pid;

	EXPECT(pthread_atfork(before, in_parent, in_child) == 0);
	order = 0;
	pid = fork();
	if (pid == 0)
		_exit(order == 13 ? 9 : 1);
	EXPECT(order == 12);
	return ended_well(pid, 9);
}

static void *thread_returns(void *arg) { return arg; }

static bool threads_in_the_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		void *result = NULL;
		pthread_t t;

		if (pthread_create(&t, NULL, thread_returns, &cleared) || pthread_join(t, &result))
			_exit(1);
		_exit(result == &cleared ? 4 : 2);
	}
	return ended_well(pid, 4);
}

static uint64_t free_memory(void)
{
	struct mon_core core;
	uint64_t sum = 0;

	for (coreid_t c = 0; !mon_core(c, &core); c++)
		sum += core.ram_free;
	return sum;
}

#define FORKS 10
#define ROUNDS 5

static bool nothing_is_left(void)
{
	uint64_t had, has;
	int rounds = 0;

	do {
		had = free_memory();
		for (int i = 0; i < FORKS; i++) {
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			EXPECT(ended_well(pid, 0));
		}
		has = free_memory();
	} while (has < had && ++rounds < ROUNDS);
	if (has < had)
		printf("# %lu bytes were free, %lu are\n", (unsigned long)had, (unsigned long)has);
	EXPECT(has >= had);
	return true;
}

static void __attribute__((noreturn)) fork_for_ever(int begun)
{
	if (write(begun, "x", 1) != 1)
		_exit(1);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* Kills a process that forks for ever, at some time or other of that. */
static bool parent_killed(unsigned when)
{
	const struct timespec t = { .tv_nsec = 700000L * when };
	int begun[2], status;
	pid_t pid;
	char c;

	EXPECT(pipe(begun) == 0);
	pid = fork();
	if (pid == 0)
		fork_for_ever(begun[1]);
	EXPECT(pid > 0);
	EXPECT(read(begun[0], &c, 1) == 1);
	close(begun[0]);
	close(begun[1]);
	nanosleep(&t, NULL);
	EXPECT(kill(pid, SIGKILL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
	return true;
}

static unsigned processes(void)
{
	struct mon_core core;
	unsigned sum = 0;

	for (coreid_t c = 0; !mon_core(c, &core); c++)
		sum += core.processes;
	return sum;
}

static bool parents_die(void)
{
	unsigned had_processes = processes();
	uint64_t had, has;
	int rounds = 0;

	do {
		had = free_memory();
		for (unsigned i = 0; i < FORKS; i++)
			EXPECT(parent_killed(i));
		/* Its last child finds nobody, and ends. */
		while (processes() > had_processes)
			sched_yield();
		has = free_memory();
	} while (has < had && ++rounds < ROUNDS);
	if (has < had)
		printf("# %lu bytes were free, %lu are\n", (unsigned long)had, (unsigned long)has);
	EXPECT(has >= had);
	return true;
}

#define BOMB 4000

/* Children that stay, as many as there can be: then an errno, and when they are gone, none is missed. */
static bool too_many(void)
{
	int status, error = 0;
	unsigned count = 0;
	pid_t pid, group = 0;

	/* More cores have room for thousands: that takes long, and shows nothing else. */
	if (mon_cores_up(CORES_MAX) > 1)
		return true;
	while (count < BOMB && !error) {
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		error = pid < 0 ? errno : 0;
		if (error)
			break;
		group = count++ ? group : pid;
		EXPECT(setpgid(pid, group) == 0);
	}
	if (error != EAGAIN)
		printf("# %u children, then errno %d\n", count, error);
	EXPECT(error == EAGAIN && count > 10);
	EXPECT(kill(-group, SIGKILL) == 0);
	while (waitpid(-1, &status, 0) > 0)
		EXPECT(WTERMSIG(status) == SIGKILL);
	EXPECT(errno == ECHILD);
	pid = fork();
	if (pid == 0)
		_exit(12);
	return ended_well(pid, 12);
}

/* --- a fork bomb against a limit: each of it says what came of its forks ------------------------------ */

#define BOMB_DEPTH 6
#define BOMB_ROOM 12

static uint64_t processes_now(void)
{
	struct mon_core c;
	uint64_t sum = 0;

	for (coreid_t core = 0; !mon_core(core, &c); core++)
		sum += c.state == MON_CORE_UP ? c.processes : 0;
	return sum;
}

static void explode(int say, int depth)
{
	for (int i = 0; i < 2 && depth < BOMB_DEPTH; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			explode(say, depth + 1);
			_exit(0);
		}
		(void)!write(say, pid > 0 ? "+" : errno == EAGAIN ? "e" : "?", 1);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static bool bomb(void)
{
	struct rlimit limit, most = { .rlim_cur = processes_now() + BOMB_ROOM };
	unsigned made = 0, refused = 0, other = 0;
	int end[2];
	char one;
	pid_t pid;

	most.rlim_max = most.rlim_cur;
	EXPECT(pipe(end) == 0);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		if (setrlimit(RLIMIT_NPROC, &most) || getrlimit(RLIMIT_NPROC, &limit) ||
		    limit.rlim_cur != most.rlim_cur)
			_exit(1);
		explode(end[1], 0);
		_exit(0);
	}
	close(end[1]);
	while (read(end[0], &one, 1) == 1) {
		made += one == '+';
		refused += one == 'e';
		other += one == '?';
	}
	close(end[0]);
	printf("# %u forks, %u refused\n", made, refused);
	EXPECT(ended_well(pid, 0));
	EXPECT(made > 0 && refused > 0 && other == 0);
	return generations();
}

const struct test fork_tests[] = {
	{ "the child has its parent's memory, and changes its own", memory_is_copied },
	{ "a pipe between them, and its end", pipes_join },
	{ "children of children", generations },
	{ "a child becomes another program", becomes_another },
	{ "handlers of signals stay", handlers_stay },
	{ "pthread_atfork", around },
	{ "a child has threads of its own", threads_in_the_child },
	{ "forks leave nothing behind", nothing_is_left },
	{ "parents die in the midst of it, and leave nothing behind", parents_die },
	{ "more children than there can be are an errno", too_many },
	{ "a fork bomb stops at its limit, and all goes on", bomb },
	{ 0 },
};
