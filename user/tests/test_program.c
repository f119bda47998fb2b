/*
 * Programs that lie in files: started, become, forked; and files that are none.
 *
 * Oracle: exit status, errno, and the process's count of children.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/tests/child.h"
#include "user/tests/tap.h"

#define COPY "/tmp/copy-of-tests"
#define OTHER "/tmp/other-program"
#define ROUNDS 6

static char piece[65536];

/* The first bytes of this program, all of them if there are fewer, in a file. */
static bool copy_make(const char *to, size_t bytes, mode_t mode)
{
	int in = open("/boot/tests", O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
	ssize_t n;

	EXPECT(in >= 0 && out >= 0);
	while (bytes && (n = read(in, piece, bytes < sizeof piece ? bytes : sizeof piece)) > 0) {
		EXPECT(write(out, piece, (size_t)n) == n);
		bytes -= (size_t)n;
	}
	EXPECT(fchmod(out, mode) == 0);
	EXPECT(close(in) == 0 && close(out) == 0);
	return true;
}

static int copy_start(const char *path, const char *what, const char *arg, pid_t *pid)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)(uintptr_t)what, (char *)(uintptr_t)arg, NULL };

	return posix_spawn(pid, path, NULL, NULL, argv, NULL);
}

/* It is started, and ends with that status. */
static bool copy_ends(const char *what, const char *arg, int expected)
{
	int status, error;
	pid_t pid;

	error = copy_start(COPY, what, arg, &pid);
	if (error)
		printf("# %s: %s\n", what, strerror(error));
	EXPECT(error == 0);
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (status != expected << 8)
		printf("# %s: status %x\n", what, (unsigned)status);
	EXPECT(status == expected << 8);
	return true;
}

/* More often than there are cores, or nearly: each in its turn has the fewest processes. */
static bool from_a_file(void)
{
	char number[16];

	EXPECT(copy_make(COPY, SIZE_MAX, 0755));
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(number, sizeof number, "%d", 20 + i);
		EXPECT(copy_ends("exit", number, 20 + i));
	}
	return true;
}

/* By then its data were written to and its heap used, so it is the file that they come from. */
int deed_become_copy(const char *arg)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)"exit", (char *)(uintptr_t)arg, NULL };

	execv(COPY, argv);
	return 1;
}

int deed_fork_copy(const char *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(atoi(arg));
	if (pid < 0)
		return errno == ETXTBSY ? 99 : 98;
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 97;
}

static bool becomes_and_forks(void)
{
	EXPECT(copy_ends("become-copy", "31", 31));
	EXPECT(copy_ends("fork-copy", "32", 32));
	return true;
}

static bool by_a_relative_path(void)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)"exit", (char *)"33", NULL };
	int status;
	pid_t pid;

	EXPECT(chdir("/tmp") == 0 && symlink(COPY, "/tmp/link-to-tests") == 0);
	EXPECT(posix_spawn(&pid, "./link-to-tests", NULL, NULL, argv, NULL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 33 << 8);
	EXPECT(unlink("/tmp/link-to-tests") == 0 && chdir("/") == 0);
	return true;
}

static bool refused(const char *path, int expected)
{
	pid_t pid;
	int error = copy_start(path, "exit", "1", &pid);

	if (error != expected)
		printf("# %s: %s\n", path, strerror(error));
	EXPECT(error == expected);
	EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	return true;
}

static bool random_bytes(void)
{
	static const char magic[] = { 0x7F, 'E', 'L', 'F', 2, 1, 1 };
	uint32_t x = 83712;
	int fd = open(OTHER, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	EXPECT(fd >= 0);
	for (size_t i = 0; i < 5000; i++) {
		x = x * 1664525 + 1013904223;
		piece[i] = (char)(x >> 24);
	}
	memcpy(piece, magic, sizeof magic);
	EXPECT(write(fd, piece, 5000) == 5000 && close(fd) == 0);
	return refused(OTHER, ENOEXEC);
}

static bool what_is_none(void)
{
	EXPECT(refused("/tmp", EACCES));
	EXPECT(refused("/tmp/is-not-there", ENOENT));
	EXPECT(refused(COPY "/tests", ENOTDIR));
	EXPECT(copy_make(OTHER, 0, 0755) && refused(OTHER, ENOEXEC));
	EXPECT(copy_make(OTHER, 100, 0755) && refused(OTHER, ENOEXEC));
	EXPECT(copy_make(OTHER, 4096, 0755) && refused(OTHER, ENOEXEC));
	EXPECT(copy_make(OTHER, 200000, 0755) && refused(OTHER, ENOEXEC));
	EXPECT(random_bytes());
	EXPECT(copy_make(OTHER, SIZE_MAX, 0644) && refused(OTHER, EACCES));
	EXPECT(chmod(OTHER, 0755) == 0 && truncate(OTHER, 300000) == 0 && refused(OTHER, ENOEXEC));
	EXPECT(unlink(OTHER) == 0);
	return true;
}

/* The file that it was started from is another by then. */
int deed_fork_changed(const char *arg)
{
	int fd = open(COPY, O_WRONLY);

	if (fd < 0 || write(fd, "\177E", 2) != 2 || close(fd))
		return 96;
	return deed_fork_copy(arg);
}

static bool a_changed_file_does_not_fork(void)
{
	EXPECT(copy_ends("fork-changed", "34", 99));
	EXPECT(unlink(COPY) == 0);
	return true;
}

const struct test program_tests[] = {
	{ "a copy of a program in /tmp is started, on any core", from_a_file },
	{ "it becomes itself, and forks", becomes_and_forks },
	{ "a relative path and a link lead to it", by_a_relative_path },
	{ "cut files, random bytes, a directory, no permission: an errno each", what_is_none },
	{ "fork of a program whose file has changed is refused", a_changed_file_does_not_fork },
	{ 0 },
};
