/*
 * Files of the memory file system at /tmp, and pipes, by POSIX's calls; what children get of them.
 *
 * Oracle: contents, attributes, errno.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/tests/child.h"
#include "user/tests/tap.h"

#define FAILS(call, number) EXPECT((errno = 0, (call)) == -1 && errno == (number))
#define LONG TEST_BYTES

static char *const bytes = test_bytes, *const got = test_got;

static void bytes_fill(void)
{
	for (size_t i = 0; i < LONG; i++)
		bytes[i] = (char)(i * 7 + i / 251);
}

static bool begin(void)
{
	EXPECT(mkdir("/tmp/t", 0755) == 0 && chdir("/tmp/t") == 0);
	bytes_fill();
	return true;
}

static bool end(void)
{
	EXPECT(chdir("/") == 0 && rmdir("/tmp/t") == 0);
	return true;
}

static bool a_file_is_written_and_read_back(void)
{
	struct iovec v[3] = { { got, 5 }, { got + 5, 0 }, { got + 5, 10 } };
	struct stat st;
	int fd;

	if (!begin())
		return false;
	fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0640);
	EXPECT(fd >= 3);
	FAILS(open("file", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	EXPECT(write(fd, bytes, LONG) == LONG && lseek(fd, 0, SEEK_CUR) == LONG);
	EXPECT(read(fd, got, 1) == 0 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, got, LONG) == LONG);
	EXPECT(!memcmp(bytes, got, LONG));
	EXPECT(pread(fd, got, 100, 70000) == 100 && !memcmp(bytes + 70000, got, 100));
	EXPECT(pwrite(fd, "xyz", 3, 10) == 3 && lseek(fd, 10, SEEK_SET) == 10 && readv(fd, v, 3) == 15);
	EXPECT(!memcmp(got, "xyz", 3) && !memcmp(got + 3, bytes + 13, 12));
	EXPECT(fstat(fd, &st) == 0 && st.st_size == LONG && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640);
	EXPECT(ftruncate(fd, 20) == 0 && lseek(fd, 0, SEEK_END) == 20 && lseek(fd, 100, SEEK_SET) == 100);
	EXPECT(write(fd, "end", 3) == 3 && pread(fd, got, 200, 0) == 103 && got[50] == 0 &&
	       !memcmp(got + 100, "end", 3));
	EXPECT(close(fd) == 0);
	fd = open("file", O_WRONLY | O_APPEND);
	EXPECT(write(fd, "more", 4) == 4 && lseek(fd, 0, SEEK_CUR) == 107 && fsync(fd) == 0 && close(fd) == 0);
	FAILS(truncate("file", -1), EINVAL);
	EXPECT(truncate("file", 3) == 0 && stat("file", &st) == 0 && st.st_size == 3);
	fd = open("file", O_RDONLY | O_TRUNC | O_CREAT, 0777);
	EXPECT(fd >= 3 && fstat(fd, &st) == 0 && st.st_size == 0 && close(fd) == 0);
	EXPECT(unlink("file") == 0);
	FAILS(unlink("file"), ENOENT);
	return end();
}

static bool directories_are_made_and_listed(void)
{
	char name[40], seen[100] = "";
	struct dirent *e;
	struct stat st;
	unsigned count = 0;
	DIR *d;

	if (!begin())
		return false;
	EXPECT(mkdir("d", 0700) == 0 && mkdir("d/e/", 0700) == 0);
	FAILS(mkdir("d", 0700), EEXIST);
	FAILS(mkdir("d/none/x", 0700), ENOENT);
	for (int i = 0; i < 100; i++) {
		int fd;

		snprintf(name, sizeof(name), "d/e/file%d", i);
		fd = open(name, O_WRONLY | O_CREAT, 0666);
		EXPECT(fd >= 3 && close(fd) == 0);
	}
	EXPECT(stat("d/e/file7", &st) == 0 && (st.st_mode & 0777) == 0644);
	EXPECT((d = opendir("d/e")));
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && !seen[atoi(e->d_name + 4)]++)
			count++;
	EXPECT(closedir(d) == 0 && count == 100);
	FAILS(rmdir("d/e"), ENOTEMPTY);
	FAILS(rmdir("d/e/file0"), ENOTDIR);
	FAILS(rmdir("d/e/."), EINVAL);
	FAILS(open("d/e/file0/x", O_RDONLY), ENOTDIR);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d/e/file%d", i);
		EXPECT(unlink(name) == 0);
	}
	EXPECT(rename("d/e", "f") == 0 && stat("f", &st) == 0 && S_ISDIR(st.st_mode));
	FAILS(rename("none", "other"), ENOENT);
	FAILS(rename("d", "/boot/d"), EXDEV);
	EXPECT(rmdir("f") == 0 && rmdir("d") == 0);
	return end();
}

static bool links_are_followed(void)
{
	char text[100];
	struct stat st, other;
	int fd;

	if (!begin())
		return false;
	EXPECT(mkdir("d", 0777) == 0 && symlink("d", "to-d") == 0 && symlink("../t/d/file", "to-file") == 0);
	EXPECT(readlink("to-d", text, sizeof(text)) == 1 && text[0] == 'd');
	FAILS(readlink("d", text, sizeof(text)), EINVAL);
	FAILS(open("to-file", O_RDONLY), ENOENT);
	fd = open("to-file", O_WRONLY | O_CREAT, 0666); /* makes what the link leads to */
	EXPECT(fd >= 3 && write(fd, "text", 4) == 4 && close(fd) == 0);
	EXPECT(stat("d/file", &st) == 0 && st.st_size == 4 && stat("to-d/file", &other) == 0 &&
	       st.st_ino == other.st_ino);
	EXPECT(lstat("to-d", &st) == 0 && S_ISLNK(st.st_mode) && stat("to-d", &st) == 0 && S_ISDIR(st.st_mode));
	EXPECT(lstat("to-d/", &st) == 0 && S_ISDIR(st.st_mode));
	EXPECT(chdir("to-d") == 0 && getcwd(text, sizeof(text)) && !strcmp(text, "/tmp/t/d") && chdir("..") == 0);
	EXPECT(stat("to-d/../to-d/file", &st) == 0);
	FAILS(open("to-d", O_RDONLY | O_NOFOLLOW), ELOOP);
	FAILS(open("to-file", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	EXPECT(symlink("loop2", "loop1") == 0 && symlink("loop1", "loop2") == 0);
	FAILS(stat("loop1", &st), ELOOP);
	FAILS(open("loop1/x", O_RDONLY), ELOOP);
	EXPECT(symlink("/boot/tests", "out") == 0 && stat("out", &st) == 0 && st.st_size > 1000);
	EXPECT(link("d/file", "hard") == 0 && stat("hard", &st) == 0 && st.st_nlink == 2);
	FAILS(link("d", "hard2"), EPERM);
	FAILS(link("d/file", "hard"), EEXIST);
	FAILS(link("d/file", "/boot/x"), EXDEV);
	FAILS(symlink("x", "d"), EEXIST);
	EXPECT(unlink("hard") == 0 && unlink("d/file") == 0 && unlink("to-d") == 0 && unlink("to-file") == 0);
	EXPECT(unlink("loop1") == 0 && unlink("loop2") == 0 && unlink("out") == 0 && rmdir("d") == 0);
	return end();
}

static bool attributes_are_set(void)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 123456789 } };
	struct statvfs fs;
	struct stat st;
	mode_t old;
	int fd;

	if (!begin())
		return false;
	old = umask(077);
	fd = open("file", O_RDWR | O_CREAT, 0666);
	EXPECT(umask(old) == 077 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
	EXPECT(chmod("file", 0444) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0444);
	EXPECT(fchmod(fd, 0751) == 0 && chown("file", 3, 4) == 0 && fchown(fd, (uid_t)-1, 5) == 0);
	EXPECT(stat("file", &st) == 0 && (st.st_mode & 0777) == 0751 && st.st_uid == 3 && st.st_gid == 5);
	EXPECT(utimensat(AT_FDCWD, "file", times, 0) == 0 && fstat(fd, &st) == 0);
	EXPECT(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 123456789);
	EXPECT(futimens(fd, NULL) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec != 2000);
	EXPECT(statvfs("/tmp", &fs) == 0 && fs.f_bavail > 100 && fs.f_namemax == 255);
	FAILS(chmod("none", 0777), ENOENT);
	FAILS(chmod("/boot/tests", 0777), EROFS);
	EXPECT(unlink("file") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && write(fd, "x", 1) == 1 &&
	       close(fd) == 0);
	return end();
}

static bool a_pipe_carries_bytes(void)
{
	int fd[2];

	EXPECT(pipe(fd) == 0 && write(fd[1], "hello", 5) == 5 && read(fd[0], got, 100) == 5 &&
	       !memcmp(got, "hello", 5));
	EXPECT(writev(fd[1], (struct iovec[]){ { bytes, 3 }, { bytes + 3, 4 } }, 2) == 7);
	EXPECT(read(fd[0], got, 100) == 7 && !memcmp(got, bytes, 7));
	FAILS(write(fd[0], "x", 1), EBADF);
	FAILS(lseek(fd[0], 0, SEEK_CUR), ESPIPE);
	EXPECT(fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(fd[0], F_GETFL) == (O_RDONLY | O_NONBLOCK));
	FAILS(read(fd[0], got, 1), EAGAIN);
	EXPECT(close(fd[1]) == 0 && read(fd[0], got, 1) == 0 && close(fd[0]) == 0);
	EXPECT(pipe(fd) == 0 && close(fd[0]) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	FAILS(write(fd[1], "x", 1), EPIPE);
	EXPECT(signal(SIGPIPE, SIG_DFL) != SIG_ERR && close(fd[1]) == 0);
	return true;
}

static void *fifo_writer(void *arg)
{
	int fd = open("/tmp/t/fifo", O_WRONLY);

	return fd >= 0 && write(fd, "named", 5) == 5 && close(fd) == 0 ? arg : NULL;
}

/* Whoever opens one end waits for the other. */
static bool a_named_pipe_carries_bytes(void)
{
	pthread_t writer;
	struct stat st;
	void *wrote;
	int fd;

	if (!begin())
		return false;
	EXPECT(mkfifo("fifo", 0666) == 0 && stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	FAILS(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	EXPECT(pthread_create(&writer, NULL, fifo_writer, got) == 0);
	fd = open("fifo", O_RDONLY);
	EXPECT(fd >= 3 && read(fd, got, 100) == 5 && !memcmp(got, "named", 5) && read(fd, got, 1) == 0);
	FAILS(lseek(fd, 0, SEEK_CUR), ESPIPE);
	EXPECT(pthread_join(writer, &wrote) == 0 && wrote == got && close(fd) == 0 && unlink("fifo") == 0);
	return end();
}

#define PAGE 4096

static bool files_are_mapped(void)
{
	char *p, *q;
	int fd;

	if (!begin())
		return false;
	fd = open("file", O_RDWR | O_CREAT, 0666);
	EXPECT(write(fd, bytes, 3 * PAGE - 100) == 3 * PAGE - 100);
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	EXPECT(p != MAP_FAILED && q != MAP_FAILED && !memcmp(p, bytes, 3 * PAGE - 100) && p[3 * PAGE - 1] == 0);
	EXPECT(!memcmp(q, bytes + PAGE, 2 * PAGE - 100));
	memcpy(p + PAGE - 2, "back", 4);
	memcpy(q, "mine", 4);
	EXPECT(msync(p, 3 * PAGE, MS_SYNC) == 0 && pread(fd, got, 4, PAGE - 2) == 4 && !memcmp(got, "back", 4));
	memcpy(p + 2 * PAGE, "again", 5);
	EXPECT(munmap(p + PAGE, PAGE) == 0 && munmap(p, 3 * PAGE) == 0);
	EXPECT(pread(fd, got, 5, 2 * PAGE) == 5 && !memcmp(got, "again", 5));
	EXPECT(lseek(fd, 0, SEEK_END) == 3 * PAGE - 100 && munmap(q, 2 * PAGE) == 0);
	EXPECT(close(fd) == 0 && (fd = open("file", O_RDONLY)) >= 3);
	EXPECT(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
	EXPECT(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, PAGE, PROT_READ, 0, fd, 0) == MAP_FAILED && errno == EINVAL);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 1, 0) == MAP_FAILED && errno == ENODEV);
	EXPECT(close(fd) == 0 && unlink("file") == 0);
	return end();
}

static bool memory_is_mapped(void)
{
	const size_t size = 100 * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *none;

	EXPECT(p != MAP_FAILED && p[0] == 0 && p[size - 1] == 0);
	memset(p, 5, size);
	EXPECT(mprotect(p + 3 * PAGE, 30 * PAGE, PROT_READ) == 0 && p[3 * PAGE] == 5 && p[33 * PAGE] == 5);
	p[2 * PAGE] = p[33 * PAGE] = 6;
	EXPECT(mprotect(p + 4 * PAGE, PAGE, PROT_NONE) == 0 && p[5 * PAGE] == 5);
	EXPECT(mprotect(p, size, PROT_READ | PROT_WRITE) == 0 && p[4 * PAGE] == 5 && p[2 * PAGE] == 6);
	EXPECT(munmap(p + 10 * PAGE, 20 * PAGE) == 0 && p[9 * PAGE] == 5 && p[30 * PAGE] == 5);
	FAILS(mprotect(p, size, PROT_READ), ENOMEM);
	FAILS(msync(p + 10 * PAGE, PAGE, MS_SYNC), ENOMEM);
	EXPECT(mmap(p + 10 * PAGE, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       p + 10 * PAGE);
	EXPECT(p[10 * PAGE] == 0 && p[15 * PAGE - 1] == 0 && p[9 * PAGE] == 5);
	EXPECT(munmap(p, size) == 0);
	none = mmap(NULL, (size_t)1 << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(none != MAP_FAILED && mprotect(none + ((size_t)1 << 31), PAGE, PROT_READ | PROT_WRITE) == 0);
	none[(size_t)1 << 31] = 1;
	EXPECT(munmap(none, (size_t)1 << 32) == 0);
	EXPECT(mmap(NULL, (size_t)1 << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	       errno == ENOMEM);
	return true;
}

static void *late_writer(void *arg)
{
	const int *fd = arg;

	usleep(20000);
	return write(fd[1], "late", 4) == 4 ? arg : NULL;
}

static bool several_files_are_waited_for(void)
{
	struct pollfd p[4] = {
		{ .events = POLLIN }, { .events = POLLIN | POLLOUT }, { -1, POLLIN, 7 }, { 99, POLLIN, 0 }
	};
	int a[2], b[2], nullfd = open("/dev/null", O_RDWR);
	struct timeval soon = { 0, 5000 };
	pthread_t writer;
	fd_set in, out;
	void *wrote;

	EXPECT(pipe(a) == 0 && pipe(b) == 0 && nullfd >= 3);
	p[0].fd = a[0];
	p[1].fd = b[0];
	EXPECT(poll(p, 3, 0) == 0 && poll(p, 3, 5) == 0 && p[2].revents == 0);
	EXPECT(poll(p, 4, -1) == 1 && p[3].revents == POLLNVAL);
	EXPECT(pthread_create(&writer, NULL, late_writer, b) == 0);
	EXPECT(poll(p, 3, -1) == 1 && p[0].revents == 0 && p[1].revents == POLLIN);
	EXPECT(pthread_join(writer, &wrote) == 0 && wrote == b);
	EXPECT(read(b[0], got, 10) == 4 && poll(p, 2, 0) == 0);
	p[1] = (struct pollfd){ b[1], POLLOUT, 0 };
	EXPECT(poll(p, 2, -1) == 1 && p[1].revents == POLLOUT);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(a[0], &in);
	EXPECT(select(a[0] + 1, &in, NULL, NULL, &soon) == 0 && !FD_ISSET(a[0], &in));
	FD_SET(a[0], &in);
	FD_SET(nullfd, &out);
	EXPECT(select(nullfd + 1, &in, &out, NULL, NULL) == 1 && FD_ISSET(nullfd, &out) && !FD_ISSET(a[0], &in));
	EXPECT(close(a[1]) == 0 && poll(p, 1, -1) == 1 && p[0].revents & POLLHUP);
	FD_SET(99, &in);
	FAILS(select(100, &in, NULL, NULL, NULL), EBADF);
	EXPECT(close(a[0]) == 0 && close(b[0]) == 0 && close(b[1]) == 0 && close(nullfd) == 0);
	return true;
}

static bool locks_are_told(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	int fd;

	if (!begin())
		return false;
	fd = open("file", O_RDWR | O_CREAT, 0666);
	EXPECT(fcntl(fd, F_SETLK, &l) == 0);
	EXPECT(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_UNLCK); /* one's own is not in the way */
	l.l_type = 77;
	FAILS(fcntl(fd, F_SETLK, &l), EINVAL);
	EXPECT(close(fd) == 0 && unlink("file") == 0);
	return end();
}

/* In the child: descriptor 25 is the parent's file, whose name has gone; the offset is common. 27 is a pipe's end. */
int deed_files_inherited(const char *arg)
{
	char text[16], cwd[100];

	(void)arg;
	if (read(25, text, 4) != 4 || memcmp(text, "cdef", 4) != 0 || fcntl(26, F_GETFD) != -1 || errno != EBADF)
		return 1;
	if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, "/tmp/t") != 0 || umask(0) != 027)
		return 2;
	if (write(27, "from the child", 14) != 14 || write(28, "appended", 8) != 8)
		return 3;
	return 0;
}

static bool children_have_open_files(void)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)"files-inherited", (char *)"", NULL };
	int fd, status, end_of[2];
	mode_t old;
	pid_t pid;

	if (!begin())
		return false;
	fd = open("file", O_RDWR | O_CREAT, 0666);
	EXPECT(write(fd, "abcdefghij", 10) == 10 && lseek(fd, 2, SEEK_SET) == 2 && unlink("file") == 0);
	EXPECT(dup2(fd, 25) == 25 && dup2(fd, 26) == 26 && fcntl(26, F_SETFD, FD_CLOEXEC) == 0);
	EXPECT(pipe(end_of) == 0 && dup2(end_of[1], 27) == 27 && close(end_of[1]) == 0);
	EXPECT(fcntl(end_of[0], F_SETFD, FD_CLOEXEC) == 0);
	EXPECT((status = open("log", O_RDWR | O_CREAT | O_APPEND, 0666)) >= 3 && dup2(status, 28) == 28 &&
	       close(status) == 0);
	old = umask(027);
	EXPECT(posix_spawn(&pid, "/boot/tests", NULL, NULL, argv, NULL) == 0);
	EXPECT(umask(old) == 027 && close(27) == 0);
	EXPECT(read(end_of[0], got, 100) == 14 && !memcmp(got, "from the child", 14) && read(end_of[0], got, 1) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	EXPECT(lseek(fd, 0, SEEK_CUR) == 6 && read(fd, got, 10) == 4 && !memcmp(got, "ghij", 4));
	EXPECT(write(28, "!", 1) == 1 && lseek(28, 0, SEEK_CUR) == 9 && pread(28, got, 9, 0) == 9 &&
	       !memcmp(got, "appended!", 9));
	EXPECT(close(28) == 0 && unlink("log") == 0 && close(25) == 0 && close(26) == 0 && close(fd) == 0);
	EXPECT(close(end_of[0]) == 0);
	return end();
}

/* A child that could not be started keeps no end of a pipe open. */
static bool no_child_has_nothing(void)
{
	char *argv[] = { (char *)"not-elf", NULL };
	int fd[2];
	pid_t pid;

	EXPECT(pipe(fd) == 0 && posix_spawn(&pid, "/boot/not-elf", NULL, NULL, argv, NULL) != 0);
	EXPECT(close(fd[1]) == 0 && read(fd[0], got, 1) == 0 && close(fd[0]) == 0);
	return true;
}

const struct test tmp_tests[] = {
	{ "a file is written and read back", a_file_is_written_and_read_back },
	{ "directories are made and listed", directories_are_made_and_listed },
	{ "links are followed", links_are_followed },
	{ "attributes are set", attributes_are_set },
	{ "a pipe carries bytes", a_pipe_carries_bytes },
	{ "a named pipe carries bytes", a_named_pipe_carries_bytes },
	{ "several files are waited for", several_files_are_waited_for },
	{ "files are mapped", files_are_mapped },
	{ "memory is mapped", memory_is_mapped },
	{ "locks are told", locks_are_told },
	{ "children have open files, offsets, a pipe's end", children_have_open_files },
	{ "a child that cannot be started keeps nothing open", no_child_has_nothing },
	{ NULL, NULL },
};
