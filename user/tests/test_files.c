/*
 * Files by POSIX's calls, over 9P: the dev service under a name of this test's, the boot archive, the namespace.
 *
 * Oracle: contents, errno, and that descriptors and threads see what POSIX says they do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <skerry/namespace.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/fd.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

#define FAILS(call, number) EXPECT((errno = 0, (call)) == -1 && errno == (number))

/* Starts a service under that name and mounts it; on the core after ours, if there is one. */
static bool service_mount(const char *program, const char *name, const char *at, uint64_t *pid)
{
	const char *argv[] = { program, name };
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();
	struct mon_core core;
	coreid_t next = dispatcher_core() + 1;
	struct stat st;

	if (mon_core(next, &core) || core.state != MON_CORE_UP)
		next = dispatcher_core();
	EXPECT_OK(mon_spawn(next, 2, argv, pid));
	EXPECT(skerry_mount(name, at, SKERRY_CREATE) == 0);
	while (stat(at, &st) && errno == ENOENT && context_now() < deadline)
		thread_yield();
	EXPECT(stat(at, &st) == 0 && S_ISDIR(st.st_mode));
	return true;
}

static bool service_end(const char *at, uint64_t pid)
{
	uint64_t status;
	unsigned cause;

	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	EXPECT(skerry_unmount(NULL, at) == 0);
	return true;
}

/* --- the dev service ----------------------------------------------------------------------------------------- */

static bool dev_is_read_and_written(void)
{
	char zeroes[100], text[200];
	uint64_t pid;
	struct stat st;
	int fd;

	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	memset(zeroes, 1, sizeof(zeroes));
	fd = open("/d/zero", O_RDONLY);
	EXPECT(fd >= 3);
	EXPECT(read(fd, zeroes, sizeof(zeroes)) == sizeof(zeroes) && zeroes[0] == 0 && zeroes[99] == 0);
	FAILS(write(fd, "x", 1), EBADF);
	EXPECT(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0666);
	EXPECT(close(fd) == 0);
	FAILS(close(fd), EBADF);
	fd = open("/d/time", O_RDONLY);
	EXPECT(fd >= 3 && read(fd, text, sizeof(text)) > 10);
	EXPECT(close(fd) == 0);
	fd = open("/d/null", O_RDWR | O_APPEND | O_TRUNC | O_CREAT, 0666);
	EXPECT(fd >= 3 && write(fd, text, 10) == 10 && read(fd, text, 10) == 0);
	EXPECT(close(fd) == 0);
	FAILS(open("/d/nothing", O_RDONLY), ENOENT);
	FAILS(open("/d/nothing", O_RDONLY | O_CREAT, 0666), EROFS);
	FAILS(open("/d/null/x", O_RDONLY), ENOTDIR);
	FAILS(open("/d/null/", O_RDONLY), ENOTDIR);
	FAILS(open("/d/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("/d/null", O_RDONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	FAILS(open("/d", O_WRONLY), EISDIR);
	FAILS(open("/d/x/", O_WRONLY | O_CREAT, 0666), EISDIR);
	FAILS(mkdir("/d/x", 0777), EROFS);
	return service_end("/d", pid);
}

static volatile bool has_read;

static void *event_reader(void *arg)
{
	static char text[8];
	int fd = open(arg, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text));

	has_read = true;
	close(fd);
	return n == 4 ? text : NULL;
}

/* A reader that waits does not keep other threads' requests, on the same connection, from being answered. */
static bool a_blocked_read_is_in_nobodys_way(void)
{
	pthread_t reader;
	uint64_t pid;
	void *text;
	char byte;
	int fd;

	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	has_read = false;
	EXPECT(pthread_create(&reader, NULL, event_reader, "/d/event") == 0);
	fd = open("/d/zero", O_RDONLY);
	for (int i = 0; i < 100; i++) {
		thread_yield();
		EXPECT(read(fd, &byte, 1) == 1);
	}
	EXPECT(!has_read);
	close(fd);
	fd = open("/d/event", O_WRONLY);
	while (write(fd, "news", 4) != 4)
		EXPECT(errno == EAGAIN); /* the reader is not there yet */
	EXPECT(pthread_join(reader, &text) == 0 && text && !memcmp(text, "news", 4));
	close(fd);
	return service_end("/d", pid);
}

static volatile int reader_errno;
static struct thread *volatile reader_thread;

static void *interrupted_reader(void *arg)
{
	char text[8];
	int fd = open(arg, O_RDONLY);

	reader_thread = thread_self();
	errno = 0;
	if (read(fd, text, sizeof(text)) < 0)
		reader_errno = errno;
	close(fd);
	return NULL;
}

static void nothing(int signal) { (void)signal; }

static bool a_blocked_read_is_broken_off(void)
{
	const struct sigaction breaks = { .sa_handler = nothing };
	struct sigaction before;
	pthread_t reader;
	uint64_t pid;

	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	reader_errno = 0;
	reader_thread = NULL;
	sigaction(SIGUSR1, &breaks, &before);
	EXPECT(pthread_create(&reader, NULL, interrupted_reader, "/d/event") == 0);
	while (!reader_errno) {
		thread_yield();
		if (reader_thread)
			pthread_kill(reader_thread, SIGUSR1);
	}
	EXPECT(reader_errno == EINTR);
	EXPECT(pthread_join(reader, NULL) == 0);
	sigaction(SIGUSR1, &before, NULL); /* children of later tests have what we have */
	return service_end("/d", pid);
}

static bool a_server_that_dies_is_an_error(void)
{
	uint64_t pid, status;
	unsigned cause;
	char byte;
	int fd;

	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	fd = open("/d/zero", O_RDONLY);
	EXPECT(fd >= 0);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	FAILS(read(fd, &byte, 1), EIO);
	FAILS(open("/d/zero", O_RDONLY), ENOENT);
	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	FAILS(read(fd, &byte, 1), EIO);
	EXPECT(close(fd) == 0);
	fd = open("/d/zero", O_RDONLY);
	EXPECT(read(fd, &byte, 1) == 1);
	EXPECT(close(fd) == 0);
	return service_end("/d", pid);
}

/* --- paths ------------------------------------------------------------------------------------------------------- */

static bool long_paths_are_refused(void)
{
	static char path[5001];
	char name[300];

	memset(path, '/', sizeof(path) - 1);
	for (size_t i = 1; i < sizeof(path) - 1; i += 2)
		path[i] = 'a';
	FAILS(open(path, O_RDONLY), ENAMETOOLONG);
	path[4095] = 0;
	FAILS(open(path, O_RDONLY), ENOENT);
	memset(name, 'a', sizeof(name));
	name[299] = 0;
	FAILS(open(name, O_RDONLY), ENAMETOOLONG);
	FAILS(open("", O_RDONLY), ENOENT);
	return true;
}

static bool the_archive_is_a_directory(void)
{
	DIR *d = opendir("/boot");
	struct dirent *e;
	struct stat st, again;
	unsigned names = 0, tests = 0;
	long at = 0;

	EXPECT(d);
	while ((e = readdir(d))) {
		names++;
		if (strcmp(e->d_name, "tests") == 0) {
			tests++;
			at = telldir(d);
			EXPECT(fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
			       st.st_ino == e->d_ino);
		}
	}
	EXPECT(names > 10 && tests == 1);
	seekdir(d, at - 1);
	EXPECT((e = readdir(d)) && strcmp(e->d_name, "tests") == 0);
	rewinddir(d);
	EXPECT((e = readdir(d)) && strcmp(e->d_name, ".") == 0);
	EXPECT(closedir(d) == 0);
	EXPECT(stat("/boot/../boot/./tests", &again) == 0 && again.st_ino == st.st_ino && again.st_size == st.st_size);
	EXPECT(stat("/bin/tests", &again) == 0);
	FAILS(stat("/boot/tests/..", &again), ENOTDIR);
	FAILS(stat("/nowhere/../boot", &again), ENOENT);
	FAILS(open("/boot/tests", O_RDWR), EROFS);
	FAILS(unlink("/boot/tests"), EROFS);
	FAILS(unlink("/boot/nothing"), ENOENT);
	FAILS(mkdir("/boot", 0777), EEXIST);
	FAILS(mkdir("/nowhere", 0777), EROFS);
	FAILS(mkdir("/nowhere/x", 0777), ENOENT);
	FAILS(rmdir("/boot"), EBUSY);
	EXPECT(opendir("/boot/tests") == NULL && errno == ENOTDIR);
	return true;
}

static bool the_working_directory_is_kept(void)
{
	char now[100];
	struct stat st;
	int fd;

	EXPECT(getcwd(now, sizeof(now)) && strcmp(now, "/") == 0);
	EXPECT(chdir("boot") == 0 && getcwd(now, sizeof(now)) && strcmp(now, "/boot") == 0);
	EXPECT(stat("tests", &st) == 0 && stat("./tests", &st) == 0 && stat("../bin/tests", &st) == 0);
	EXPECT(getcwd(now, 4) == NULL && errno == ERANGE);
	FAILS(chdir("tests"), ENOTDIR);
	FAILS(chdir("none"), ENOENT);
	fd = open("/", O_RDONLY);
	EXPECT(fstatat(fd, "boot/tests", &st, 0) == 0 && faccessat(fd, "boot/tests", X_OK, 0) == 0);
	EXPECT(fchdir(fd) == 0 && close(fd) == 0 && getcwd(now, sizeof(now)) && strcmp(now, "/") == 0);
	FAILS(fstatat(fd, "boot", &st, 0), EBADF);
	FAILS(access("/boot/tests", W_OK), EACCES);
	return true;
}

/* --- the namespace ------------------------------------------------------------------------------- */

static bool the_namespace_is_composed(void)
{
	char *before = skerry_namespace(), *after;
	struct stat st;
	DIR *d;
	struct dirent *e;
	unsigned cons = 0, tests = 0;

	EXPECT(before && strstr(before, "mount #boot /boot\n"));
	EXPECT(skerry_bind("/boot", "/a/b", SKERRY_REPLACE) == 0);
	EXPECT(stat("/a/b/tests", &st) == 0 && stat("/a", &st) == 0 && S_ISDIR(st.st_mode));
	EXPECT(skerry_mount("#cons", "/a/b", SKERRY_BEFORE) == 0);
	EXPECT(stat("/a/b/tests", &st) == 0 && stat("/a/b/cons", &st) == 0 && S_ISCHR(st.st_mode));
	EXPECT((d = opendir("/a/b")));
	while ((e = readdir(d))) {
		cons += strcmp(e->d_name, "cons") == 0;
		tests += strcmp(e->d_name, "tests") == 0;
	}
	EXPECT(closedir(d) == 0 && cons == 1 && tests == 1);
	after = skerry_namespace();
	EXPECT(strstr(after, "mount #cons /a/b\nmount #boot /a/b after\n"));
	EXPECT(skerry_namespace_set(before) == 0);
	FAILS(stat("/a/b/tests", &st), ENOENT);
	EXPECT(skerry_namespace_set(after) == 0 && stat("/a/b/tests", &st) == 0);
	EXPECT(skerry_unmount("#boot", "/a/b") == 0);
	FAILS(stat("/a/b/tests", &st), ENOENT);
	EXPECT(stat("/a/b/cons", &st) == 0);
	EXPECT(skerry_unmount(NULL, "/a/b") == 0);
	FAILS(stat("/a/b/cons", &st), ENOENT);
	FAILS(skerry_unmount(NULL, "/a/b"), EINVAL);
	FAILS(skerry_unmount(NULL, "/"), EBUSY);
	FAILS(skerry_namespace_set("mount"), EINVAL);
	FAILS(skerry_namespace_set("mount x /x\n"), EINVAL);
	free(before);
	free(after);
	return true;
}

/* --- descriptors --------------------------------------------------------------------------------- */

static bool descriptors_are_duplicated(void)
{
	int fd = open("/boot/tests", O_RDONLY), other;
	char elf[4];

	EXPECT(fd >= 3 && (other = dup(fd)) == fd + 1);
	EXPECT(read(fd, elf, 4) == 4 && !memcmp(elf, "\177ELF", 4) && lseek(other, 0, SEEK_CUR) == 4);
	EXPECT(dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0 && fcntl(100, F_SETFD, FD_CLOEXEC) == 0);
	EXPECT(fcntl(100, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0);
	EXPECT(fcntl(fd, F_DUPFD, 50) == 50 && fcntl(fd, F_DUPFD_CLOEXEC, 50) == 51 &&
	       fcntl(51, F_GETFD) == FD_CLOEXEC);
	EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && fcntl(1, F_GETFL) == O_RDWR);
	EXPECT(close(fd) == 0 && pread(other, elf, 4, 0) == 4 && lseek(other, -1, SEEK_END) > 1000);
	FAILS(lseek(other, -1, SEEK_SET), EINVAL);
	FAILS(lseek(1, 0, SEEK_CUR), ESPIPE);
	FAILS(pread(1, elf, 1, 0), ESPIPE);
	FAILS(dup2(fd, 7), EBADF);
	FAILS(dup2(other, -1), EBADF);
	FAILS(fcntl(other, F_DUPFD, -1), EINVAL);
	FAILS(fcntl(99, F_GETFD), EBADF);
	EXPECT(dup(other) == fd && close(fd) == 0);
	EXPECT(close(other) == 0 && close(50) == 0 && close(51) == 0 && close(100) == 0);
	return true;
}

#define MANY 10000

static bool ten_thousand_files_are_open(void)
{
	uint64_t pid;
	unsigned limit = fd_limit();
	char byte;
	int fd;

	if (!service_mount("dev", "files.dev", "/d", &pid))
		return false;
	for (int i = 3; i < MANY + 3; i++)
		EXPECT(open("/d/zero", O_RDONLY) == i);
	EXPECT(read(MANY + 2, &byte, 1) == 1 && byte == 0);
	EXPECT(close(5000) == 0 && open("/d/null", O_RDONLY) == 5000 && read(5000, &byte, 1) == 0);
	EXPECT(fd_limit_set(MANY + 4) == 0 && open("/d/zero", O_RDONLY) == MANY + 3);
	FAILS(open("/d/zero", O_RDONLY), EMFILE);
	EXPECT(fd_limit_set(limit) == 0 && (fd = open("/d/zero", O_RDONLY)) == MANY + 4);
	fd_close_from(3);
	FAILS(read(fd, &byte, 1), EBADF);
	return service_end("/d", pid);
}

/* A mount point whose service is not there (/host, mostly) is not listed. */
static bool what_is_listed_is_there(void)
{
	char path[300];
	struct dirent *e;
	struct stat st;
	bool boot = false;
	DIR *d = opendir("/");

	EXPECT(d);
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "/%s", e->d_name);
		EXPECT(stat(path, &st) == 0);
		boot |= strcmp(e->d_name, "boot") == 0;
	}
	EXPECT(closedir(d) == 0 && boot);
	EXPECT(skerry_mount("no-such-service", "/nothing", SKERRY_CREATE) == 0 && (d = opendir("/")));
	while ((e = readdir(d)))
		EXPECT(strcmp(e->d_name, "nothing") != 0);
	EXPECT(closedir(d) == 0 && skerry_unmount(NULL, "/nothing") == 0);
	return true;
}

static bool descriptors_are_files(void)
{
	int ends[2], fd, other;
	char path[40], text[8];
	struct stat st, same;

	EXPECT(pipe(ends) == 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	EXPECT(stat(path, &st) == 0 && fstat(ends[1], &same) == 0 && st.st_ino == same.st_ino && S_ISFIFO(st.st_mode));
	FAILS(open(path, O_RDONLY), EACCES);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	EXPECT(fd > ends[1] && close(ends[1]) == 0);
	FAILS(open(path, O_WRONLY), ENOENT);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	other = open(path, O_RDONLY);
	EXPECT(other >= 3 && write(fd, "here", 4) == 4 && read(other, text, sizeof(text)) == 4);
	EXPECT(close(fd) == 0 && close(other) == 0 && close(ends[0]) == 0);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };

		fd = open(names[i], i ? O_WRONLY : O_RDONLY);
		EXPECT(fd >= 3 && isatty(fd) == isatty((int)i) && close(fd) == 0);
	}
	FAILS(open("/dev/fd/16000", O_RDONLY), ENOENT);
	FAILS(open("/dev/fd/00", O_RDONLY), ENOENT);
	FAILS(open("/dev/fd/-1", O_RDONLY), ENOENT);
	FAILS(open("/dev/fd/1/x", O_WRONLY), ENOTDIR);
	FAILS(open("/dev/fd", O_WRONLY), EISDIR);
	return true;
}

const struct test files_tests[] = {
	{ "a service's files are opened, read, written; errors", dev_is_read_and_written },
	{ "a read that waits is in no other thread's way", a_blocked_read_is_in_nobodys_way },
	{ "a read that waits is broken off", a_blocked_read_is_broken_off },
	{ "a server that dies is an error, its successor is found", a_server_that_dies_is_an_error },
	{ "long paths and names are refused", long_paths_are_refused },
	{ "the boot archive is a directory", the_archive_is_a_directory },
	{ "the working directory, and others to begin at", the_working_directory_is_kept },
	{ "mount, bind, unions, the namespace's text", the_namespace_is_composed },
	{ "descriptors are duplicated", descriptors_are_duplicated },
	{ "descriptors are files, in /dev/fd and by the names of the streams", descriptors_are_files },
	{ "ten thousand open files, and one too many", ten_thousand_files_are_open },
	{ "what / lists is there", what_is_listed_is_there },
	{ NULL, NULL },
};
