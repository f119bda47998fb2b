/*
 * Files that are opened again and again, and so kept open in between (libos/posix/kept.h).
 *
 * Oracle: whatever this process, or another, has done to the path, the next open finds what POSIX says, and no other
 * open file; locks and room are as if all had been closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/tests/tap.h"

#define DIR_A "/tmp/tests.kept"
#define DIR_B "/tmp/tests.kept2"
#define PATH DIR_A "/file"
#define OTHER DIR_A "/other"
#define AGAIN 6 /* opens after which it is kept */
#define FAILS(x, e) EXPECT((errno = 0, (x)) == -1 && errno == (e))

static bool made(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0;
}

static bool is(const char *text)
{
	char got[32] = "";
	int fd = open(PATH, O_RDONLY);

	return fd >= 0 && read(fd, got, sizeof(got) - 1) == (ssize_t)strlen(text) && !strcmp(got, text) &&
	       close(fd) == 0;
}

static bool is_again(const char *text)
{
	for (int i = 0; i < AGAIN; i++)
		if (!is(text))
			return false;
	return true;
}

/* By another process. */
static bool elsewhere(bool (*deed)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(!deed());
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool begin(void) { return !mkdir(DIR_A, 0755) && made(PATH, "first") && is_again("first"); }
static bool end(void) { return !unlink(PATH) && !rmdir(DIR_A); }

static bool replace(void) { return made(OTHER, "second") && !rename(OTHER, PATH); }
static bool write_more(void)
{
	int fd = open(PATH, O_WRONLY | O_APPEND);

	return fd >= 0 && write(fd, " more", 5) == 5 && !close(fd);
}
static bool take_away(void) { return !unlink(PATH); }
static bool forbid(void) { return !chmod(PATH, 0); }
static bool allow(void) { return !chmod(PATH, 0644); }
static bool move_folder(void) { return !rename(DIR_A, DIR_B) && !mkdir(DIR_A, 0755) && made(PATH, "third"); }
static bool lock_is_free(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(PATH, O_RDWR);

	return fd >= 0 && !fcntl(fd, F_SETLK, &l) && !close(fd);
}

static bool others_change_what_is_there(void)
{
	EXPECT(begin() && elsewhere(write_more) && is_again("first more"));
	EXPECT(elsewhere(replace) && is_again("second"));
	EXPECT(elsewhere(forbid));
	FAILS(open(PATH, O_RDONLY), EACCES);
	EXPECT(elsewhere(allow) && is_again("second"));
	EXPECT(elsewhere(move_folder) && is_again("third"));
	EXPECT(elsewhere(take_away));
	FAILS(open(PATH, O_RDONLY), ENOENT);
	EXPECT(made(PATH, "fourth") && is_again("fourth") && end());
	EXPECT(!unlink(DIR_B "/file") && !rmdir(DIR_B));
	return true;
}

static bool this_process_does(void)
{
	struct statvfs before, after;

	EXPECT(begin() && replace() && is_again("second") && forbid());
	FAILS(open(PATH, O_RDONLY), EACCES);
	EXPECT(allow() && is_again("second") && take_away());
	FAILS(open(PATH, O_RDONLY), ENOENT);
	EXPECT(!statvfs("/tmp", &before) && made(PATH, "third") && is_again("third") && take_away());
	EXPECT(!statvfs("/tmp", &after) && after.f_bfree == before.f_bfree);
	EXPECT(!rmdir(DIR_A));
	return true;
}

/* Two open files of one path have an offset each. */
static bool several_are_open(void)
{
	char got[3] = "";
	int one, two;

	EXPECT(begin());
	one = open(PATH, O_RDONLY);
	two = open(PATH, O_RDONLY | O_CLOEXEC);
	EXPECT(one >= 0 && two >= 0 && read(one, got, 2) == 2 && !memcmp(got, "fi", 2) && read(two, got, 1) == 1);
	EXPECT(got[0] == 'f' && read(one, got, 1) == 1 && got[0] == 'r' && fcntl(two, F_GETFD) == FD_CLOEXEC);
	EXPECT(fcntl(one, F_GETFD) == 0 && !close(one) && !close(two) && is_again("first") && end());
	return true;
}

/* What is closed takes this process's locks along, but not later than it is closed. */
static bool locks_are_as_ever(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	EXPECT(begin());
	fd = open(PATH, O_RDWR);
	EXPECT(fd >= 0 && !fcntl(fd, F_SETLK, &l) && !elsewhere(lock_is_free));
	EXPECT(is("first") && elsewhere(lock_is_free));
	EXPECT(!fcntl(fd, F_SETLK, &l) && !elsewhere(lock_is_free) && !close(fd) && elsewhere(lock_is_free) && end());
	return true;
}

const struct test kept_tests[] = {
	{ "others change what is at a path", others_change_what_is_there },
	{ "this process does", this_process_does },
	{ "several open files of one path", several_are_open },
	{ "locks are as ever", locks_are_as_ever },
	{ .name = NULL },
};
