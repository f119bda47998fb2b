/*
 * Programs that programs start: arguments and environment of any length, ends, errors, and that nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define LONG 100000

/* In the child: is the variable so long, and all of one letter? */
int deed_long_environment(const char *arg)
{
	const char *value = getenv("LONG");

	return value && strlen(value) == (size_t)atol(arg) && strspn(value, "x") == strlen(value) ? 0 : 1;
}

static int spawn_deed(pid_t *pid, const char *what, const char *arg, char *const *envp)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)(uintptr_t)what, (char *)(uintptr_t)arg, NULL };

	return posix_spawn(pid, "/boot/tests", NULL, NULL, argv, envp);
}

static bool long_environment(void)
{
	static char text[LONG + 6];
	char *envp[] = { text, NULL }, number[16];
	int status;
	pid_t pid;

	memset(text, 'x', sizeof text - 1);
	*stpcpy(text, "LONG=") = 'x';
	snprintf(number, sizeof number, "%d", LONG);
	EXPECT(spawn_deed(&pid, "long-environment", number, envp) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

static bool many_arguments(void)
{
	static char *argv[2003];
	int status;
	pid_t pid;

	argv[0] = (char *)"args";
	for (int i = 1; i <= 2000; i++)
		argv[i] = (char *)"";
	argv[1] = (char *)"--count";
	EXPECT(posix_spawn(&pid, "/boot/args", NULL, NULL, argv, NULL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 2001 % 256);
	return true;
}

static bool too_long(void)
{
	static char text[131072 + 1];
	char *argv[] = { (char *)"args", text, NULL };
	pid_t pid;

	memset(text, 'x', sizeof text - 1);
	EXPECT(posix_spawn(&pid, "/boot/args", NULL, NULL, argv, NULL) == E2BIG);
	return true;
}

static bool ends(void)
{
	int status;
	pid_t pid;

	EXPECT(spawn_deed(&pid, "exit", "300", NULL) == 0);
	EXPECT(waitpid(-1, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 300 % 256);
	EXPECT(spawn_deed(&pid, "null", "", NULL) == 0);
	EXPECT(wait(&status) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT(spawn_deed(&pid, "forever", "", NULL) == 0);
	EXPECT(waitpid(pid, &status, WNOHANG) == 0);
	EXPECT(kill(pid, SIGKILL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return true;
}

static bool who_and_when(void)
{
	siginfo_t info;
	pid_t a, b;

	EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	EXPECT(spawn_deed(&a, "exit", "1", NULL) == 0 && spawn_deed(&b, "exit", "2", NULL) == 0);
	EXPECT(waitid(P_PID, (id_t)b, &info, WEXITED | WNOWAIT) == 0);
	EXPECT(info.si_pid == b && info.si_code == CLD_EXITED && info.si_status == 2);
	EXPECT(waitpid(b, NULL, 0) == b);
	EXPECT(waitpid(b, NULL, 0) == -1 && errno == ECHILD);
	EXPECT(wait(NULL) == a);
	EXPECT(waitpid(a, NULL, 0x1000) == -1 && errno == EINVAL);
	return true;
}

int deed_parent(const char *arg) { return getppid() == (pid_t)atol(arg) ? 0 : 1; }

static bool parents(void)
{
	char number[16];
	int status;
	pid_t pid;

	snprintf(number, sizeof number, "%ld", (long)getpid());
	EXPECT(spawn_deed(&pid, "parent", number, NULL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	return true;
}

static bool what_is_no_program(void)
{
	char *argv[] = { (char *)"x", NULL };
	pid_t pid;

	EXPECT(posix_spawn(&pid, "/boot/no-such-program", NULL, NULL, argv, NULL) == ENOENT);
	EXPECT(posix_spawn(&pid, "/boot/not-elf", NULL, NULL, argv, NULL) == ENOEXEC);
	EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	return true;
}

int deed_become(const char *arg)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)"exit", (char *)(uintptr_t)arg, NULL };
	char number[16];

	if (!strcmp(arg, "nothing"))
		return execl("/boot/no-such-program", "x", (char *)NULL) == -1 && errno == ENOENT ? 9 : 1;
	if (!strcmp(arg, "text"))
		return execl("/boot/not-elf", "x", (char *)NULL) == -1 && errno == ENOEXEC ? 9 : 1;
	if (!strcmp(arg, "number")) {
		snprintf(number, sizeof number, "%ld", (long)getpid());
		execlp("tests", "tests", "--do", "is-number", number, (char *)NULL);
		return 1;
	}
	execv("/boot/tests", argv);
	return 1;
}

int deed_is_number(const char *arg) { return getpid() == (pid_t)atol(arg) ? 9 : 1; }

static bool becomes(void)
{
	static const char *const how[] = { "nothing", "text", "number", "9" };
	int status;
	pid_t pid;

	for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
		EXPECT(spawn_deed(&pid, "become", how[i], NULL) == 0);
		EXPECT(waitpid(pid, &status, 0) == pid);
		if (status != 9 << 8)
			printf("# %s: status %x\n", how[i], (unsigned)status);
		EXPECT(status == 9 << 8);
	}
	return true;
}

static bool actions(void)
{
	char *argv[] = { (char *)"args", (char *)"hand", NULL }, text[64] = "";
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attributes;
	int end[2], status;
	ssize_t n, got = 0;
	pid_t pid;

	EXPECT(pipe(end) == 0);
	EXPECT(fcntl(end[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(end[1], F_SETFD, FD_CLOEXEC) == 0);
	posix_spawn_file_actions_init(&a);
	posix_spawnattr_init(&attributes);
	EXPECT(posix_spawn_file_actions_adddup2(&a, end[1], 1) == 0);
	EXPECT(posix_spawn_file_actions_addclose(&a, 0) == 0);
	EXPECT(posix_spawn_file_actions_addclose(&a, -1) == EBADF);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	EXPECT(posix_spawnp(&pid, "args", &a, &attributes, argv, NULL) == 0);
	close(end[1]);
	while (got < 63 && (n = read(end[0], text + got, 63 - (size_t)got)) > 0)
		got += n;
	EXPECT(!strcmp(text, "0: [args]\n1: [hand]\n"));
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	posix_spawn_file_actions_adddup2(&a, 77, 1);
	EXPECT(posix_spawnp(&pid, "args", &a, NULL, argv, NULL) == EBADF);
	posix_spawn_file_actions_destroy(&a);
	posix_spawnattr_destroy(&attributes);
	close(end[0]);
	EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	return true;
}

const struct test spawn_tests[] = {
	{ "an environment of 100,000 bytes", long_environment },
	{ "two thousand arguments", many_arguments },
	{ "arguments that are too long are refused", too_long },
	{ "exit, fault and kill are told apart", ends },
	{ "waiting for this one, for any, and for nobody", who_and_when },
	{ "a child knows its parent", parents },
	{ "what is not there or no program is refused", what_is_no_program },
	{ "exec keeps the number, and returns only in vain", becomes },
	{ "file actions and attributes", actions },
	{ 0 },
};
