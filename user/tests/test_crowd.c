/*
 * Signals to a group some of which are just being made: nobody is missed, and nobody gets one twice.
 *
 * Another process, in a group of its own, sends at a moment of its own choice while this one forks or spawns.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

extern char **environ;

#define ROUNDS 60
#define LOOKS 3000    /* at whether all have ended, a few milliseconds each */
#define LATE_PARTS 40 /* the sender waits so many parts of a fork's time at most, and less by one each round */

static volatile sig_atomic_t got;

static void note(int signal)
{
	(void)signal;
	got++;
}

/* Waits for it; without it SIGALRM ends this process. */
static void await_one(void)
{
	sigset_t with, without;

	alarm(60);
	sigemptyset(&with);
	sigaddset(&with, SIGUSR1);
	sigprocmask(SIG_BLOCK, &with, &without);
	while (!got)
		sigsuspend(&without);
	sigprocmask(SIG_SETMASK, &without, NULL);
	alarm(0);
}

static void byte_read(int from)
{
	char byte;

	while (read(from, &byte, 1) != 1)
		;
}

static void spin_until(cycles_t when)
{
	while ((int64_t)(context_now() - when) < 0)
		;
}

/* Told by a byte for each round, it sends after a time that grows; then both of them are told. */
static void send_rounds(int go, int done, pid_t group, cycles_t fork_time)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		byte_read(go);
		spin_until(context_now() + fork_time * (i % LATE_PARTS) / LATE_PARTS);
		if (kill(-group, SIGUSR1) || write(done, "..", 2) != 2)
			_exit(1);
	}
	_exit(0);
}

/* The fork's child in a round: it has met the signal once, here or in what it was copied from. */
static void one_meets(int done)
{
	byte_read(done);
	await_one();
	_exit(got);
}

static int fork_rounds(int go, int done)
{
	int status;
	pid_t pid;

	for (unsigned i = 0; i < ROUNDS; i++) {
		got = 0;
		if (write(go, ".", 1) != 1)
			return 2;
		pid = fork();
		if (pid < 0)
			return 3;
		if (!pid)
			one_meets(done);
		byte_read(done);
		await_one();
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				return 4;
		if (got != 1 || status != 1 << 8) {
			printf("# round %u: met %u times, the child's status %x\n", i, (unsigned)got, (unsigned)status);
			return 5;
		}
	}
	return 0;
}

static cycles_t fork_measure(void)
{
	cycles_t began = context_now();
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return context_now() - began;
}

/* In a process, and group, of its own. */
static int forks_under_signals(void)
{
	const struct sigaction noting = { .sa_handler = note, .sa_flags = SA_RESTART };
	cycles_t time = fork_measure();
	int go[2], done[2], result, status;
	pid_t sender;

	if (setpgid(0, 0) || pipe(go) || pipe(done) || sigaction(SIGUSR1, &noting, NULL))
		return 10;
	sender = fork();
	if (sender < 0)
		return 11;
	if (!sender) {
		setpgid(0, 0);
		send_rounds(go[0], done[1], getppid(), time);
	}
	if (setpgid(sender, sender))
		return 12;
	result = fork_rounds(go[1], done[0]);
	if (result)
		kill(sender, SIGKILL);
	waitpid(sender, &status, 0);
	return result;
}

static bool forks_miss_none(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(forks_under_signals());
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (status)
		printf("# status %x\n", (unsigned)status);
	EXPECT(status == 0);
	return true;
}

/* Makes children that stay till it is ended. */
static void spawn_on(void)
{
	char *const argv[] = { (char *)"tests", (char *)"--do", (char *)"sleep-long", (char *)"", NULL };
	pid_t pid;

	for (;;)
		posix_spawn(&pid, "/boot/tests", NULL, NULL, argv, environ);
}

/* Nobody of the group is left, soon. */
static bool group_ends(pid_t group)
{
	const struct timespec pause = { .tv_nsec = 3000000 };

	for (unsigned i = 0; i < LOOKS; i++) {
		if (kill(-group, 0) && errno == ESRCH)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Two begin at a time: what the first of them has not made yet when it is ended must not be made. */
static bool spawns_miss_none(void)
{
	cycles_t time = fork_measure();
	int status;
	pid_t pid;

	for (unsigned i = 0; i < ROUNDS / 2; i++) {
		pid = fork();
		if (!pid) {
			setpgid(0, 0);
			spawn_on();
		}
		EXPECT(pid > 0 && (setpgid(pid, pid) == 0 || errno == EACCES));
		spin_until(context_now() + time + time * i / ROUNDS);
		EXPECT(kill(-pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
		if (!group_ends(pid)) {
			printf("# round %u: somebody is left\n", i);
			kill(-pid, SIGKILL);
			return false;
		}
	}
	return true;
}

const struct test crowd_tests[] = {
	{ "a signal to a group during a fork is met once by either", forks_miss_none },
	{ "a group that spawns is ended by one signal", spawns_miss_none },
	{ 0 },
};
