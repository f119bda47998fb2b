/*
 * What programs do again and again: ask what an open file is like, and whether something is at a path; write into a
 * file. All that comes to be done without a message, where the server has no mirror (libos/posix/window.h, absent.h).
 *
 * Oracle: what this process, or another, has just done is what POSIX says is then seen; and what is told of an open
 * file is what is told of its path.
 */
#define _GNU_SOURCE /* futimens */
#include <errno.h>
#include <fcntl.h>
#include <skerry/namespace.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/tests/tap.h"

#define DIR_A "/tmp/tests.looked"
#define DIR_B "/tmp/tests.looked2"
#define PATH DIR_A "/file"
#define OTHER DIR_A "/other"
#define LINK DIR_A "/link"
#define AGAIN 8 /* looks after which none needs a message */
#define BYTES 100
#define TIMES 1000 /* seconds */

/* By another process. */
static bool elsewhere(bool (*deed)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(!deed());
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* --- an open file ---------------------------------------------------------------------------------------- */

static int file;

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_nlink == b->st_nlink && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_rdev == b->st_rdev && a->st_size == b->st_size && a->st_blksize == b->st_blksize &&
	       a->st_blocks == b->st_blocks && !memcmp(&a->st_atim, &b->st_atim, sizeof(a->st_atim)) &&
	       !memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) &&
	       !memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim));
}

/* Often enough for the last ones to be told in memory. */
static bool looks(struct stat *out)
{
	struct stat path;

	for (int i = 0; i < AGAIN; i++)
		if (fstat(file, out) || stat(PATH, &path) || !same(out, &path))
			return false;
	return true;
}

static bool write_more(void)
{
	int fd = open(PATH, O_WRONLY | O_APPEND);

	return fd >= 0 && write(fd, test_bytes, BYTES) == BYTES && !close(fd);
}
static bool shorten(void) { return !truncate(PATH, 1); }
static bool lengthen(void) { return !truncate(PATH, 3 * BYTES); }
static bool forbid(void) { return !chmod(PATH, 0400); }
static bool give(void) { return !chown(PATH, 7, 8); }
static bool add_name(void) { return !link(PATH, OTHER); }
static bool take_name(void) { return !unlink(OTHER); }
static bool set_times(void)
{
	struct timespec t[2] = { { .tv_sec = TIMES }, { .tv_sec = 2 * TIMES, .tv_nsec = 5 } };

	return !utimensat(AT_FDCWD, PATH, t, 0);
}
static bool read_it(void)
{
	int fd = open(PATH, O_RDONLY);
	char byte;

	return fd >= 0 && read(fd, &byte, 1) == 1 && !close(fd);
}

static bool file_tells(void)
{
	struct stat st;

	EXPECT(!mkdir(DIR_A, 0755) && (file = open(PATH, O_RDWR | O_CREAT, 0644)) >= 0);
	EXPECT(looks(&st) && st.st_size == 0 && st.st_nlink == 1 && S_ISREG(st.st_mode));
	EXPECT(write(file, test_bytes, BYTES) == BYTES && looks(&st) && st.st_size == BYTES);
	EXPECT(elsewhere(write_more) && looks(&st) && st.st_size == 2 * BYTES);
	EXPECT(lseek(file, 0, SEEK_END) == 2 * BYTES);
	EXPECT(elsewhere(shorten) && looks(&st) && st.st_size == 1);
	EXPECT(elsewhere(lengthen) && looks(&st) && st.st_size == 3 * BYTES);
	EXPECT(!ftruncate(file, BYTES) && looks(&st) && st.st_size == BYTES);
	EXPECT(elsewhere(add_name) && looks(&st) && st.st_nlink == 2);
	EXPECT(elsewhere(take_name) && looks(&st) && st.st_nlink == 1);
	EXPECT(elsewhere(give) && looks(&st) && st.st_uid == 7 && st.st_gid == 8);
	EXPECT(elsewhere(set_times) && looks(&st) && st.st_atim.tv_sec == TIMES && st.st_mtim.tv_nsec == 5);
	EXPECT(elsewhere(read_it) && looks(&st) && st.st_atim.tv_sec != TIMES && st.st_mtim.tv_sec == 2 * TIMES);
	EXPECT(elsewhere(write_more) && looks(&st) && st.st_mtim.tv_sec != 2 * TIMES);
	EXPECT(elsewhere(forbid) && looks(&st) && (st.st_mode & 07777) == 0400);
	EXPECT(!unlink(PATH) && !fstat(file, &st) && st.st_nlink == 0 && !close(file) && !rmdir(DIR_A));
	return true;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

#define PAGE 4096
#define LONG (3 * 65536) /* several of the pieces that a server lends */
#define ROUNDS 200

static bool begin(int size)
{
	char byte;

	file = -1;
	EXPECT(!mkdir(DIR_A, 0755) && (file = open(PATH, O_RDWR | O_CREAT, 0644)) >= 0 && !ftruncate(file, size));
	for (int at = 0; at < size; at += 65536)
		for (int i = 0; i < AGAIN; i++)
			EXPECT(pread(file, &byte, 1, at) == 1 && pwrite(file, &byte, 1, at) == 1);
	return true;
}

static bool end(void) { return !unlink(PATH) && !rmdir(DIR_A); }

static void fill(int seed)
{
	for (int i = 0; i < LONG; i++)
		test_bytes[i] = (char)(i * 7 + i / 251 + seed);
}

/* By another descriptor of its own. */
static bool is_written(void)
{
	int fd = open(PATH, O_RDONLY);

	return fd >= 0 && read(fd, test_got, LONG) == LONG && !memcmp(test_got, test_bytes, LONG) && !close(fd);
}

static bool writes_are_seen(void)
{
	struct stat st;

	EXPECT(begin(LONG));
	for (int i = 0; i < 3; i++) {
		fill(i);
		EXPECT(pwrite(file, test_bytes, LONG, 0) == LONG && elsewhere(is_written) && is_written());
		fill(i + 9);
		EXPECT(!lseek(file, 0, SEEK_SET) && write(file, test_bytes, PAGE + 1) == PAGE + 1);
		EXPECT(write(file, test_bytes + PAGE + 1, LONG - PAGE - 1) == LONG - PAGE - 1 && elsewhere(is_written));
	}
	EXPECT(pwrite(file, test_bytes, PAGE, LONG - 1) == PAGE && looks(&st) && st.st_size == LONG - 1 + PAGE);
	EXPECT(pread(file, test_got, PAGE, LONG - 1) == PAGE && !memcmp(test_got, test_bytes, PAGE));
	return !close(file) && end();
}

static bool time_is_old(void)
{
	struct stat st;

	return !stat(PATH, &st) && st.st_mtim.tv_sec == 2 * TIMES;
}
static bool time_is_new(void) { return !time_is_old(); }

/* Each write is a change, that of times the last word about them, also when the file is closed. */
static bool writes_set_times(void)
{
	struct timespec t[2] = { { .tv_sec = TIMES }, { .tv_sec = 2 * TIMES } };
	struct stat st;

	EXPECT(begin(PAGE) && !futimens(file, t) && looks(&st) && time_is_old());
	EXPECT(pwrite(file, "a", 1, 0) == 1 && elsewhere(time_is_new) && looks(&st) && st.st_mtim.tv_sec != 2 * TIMES);
	EXPECT(pwrite(file, "b", 1, 0) == 1 && elsewhere(set_times) && elsewhere(time_is_old) && looks(&st));
	EXPECT(pwrite(file, "c", 1, 0) == 1 && looks(&st) && st.st_mtim.tv_sec != 2 * TIMES);
	EXPECT(pwrite(file, "d", 1, 0) == 1 && !futimens(file, t) && !close(file) && time_is_old());
	EXPECT((file = open(PATH, O_RDWR)) >= 0);
	for (int i = 0; i < AGAIN; i++)
		EXPECT(pread(file, test_got, 1, 0) == 1 && pwrite(file, "e", 1, 0) == 1);
	EXPECT(!futimens(file, t) && pwrite(file, "f", 1, 0) == 1 && !close(file) && time_is_new());
	return end();
}

static bool others_change_its_length(void)
{
	struct stat st;

	EXPECT(begin(PAGE) && pwrite(file, test_bytes, PAGE, 0) == PAGE && elsewhere(shorten));
	EXPECT(pwrite(file, "xy", 2, 10) == 2 && looks(&st) && st.st_size == 12);
	EXPECT(pread(file, test_got, PAGE, 0) == 12 && test_got[0] == test_bytes[0] && test_got[1] == 0);
	EXPECT(test_got[9] == 0 && !memcmp(test_got + 10, "xy", 2));
	EXPECT(!fcntl(file, F_SETFL, O_APPEND) && !lseek(file, 0, SEEK_SET) && write(file, "end", 3) == 3);
	EXPECT(looks(&st) && st.st_size == 15 && pread(file, test_got, 3, 12) == 3 && !memcmp(test_got, "end", 3));
	return !close(file) && end();
}

static bool cut_again_and_again(void)
{
	for (int i = 0; i < ROUNDS; i++)
		if (truncate(PATH, i % 2 ? 0 : PAGE))
			return false;
	return true;
}

static bool write_first_half(void)
{
	int fd = open(PATH, O_RDWR);

	for (int i = 0; i < ROUNDS; i++) {
		memset(test_bytes, i, PAGE / 2);
		if (pread(fd, test_got, 1, 0) != 1 || pwrite(fd, test_bytes, PAGE / 2, 0) != PAGE / 2)
			return false;
	}
	return !close(fd);
}

/* While another process does that; this one writes at `from`, and what it wrote last is there. */
static bool beside(bool (*deed)(void), int from, int bytes)
{
	pid_t pid = fork();
	int status = 0, i = 0;

	if (!pid)
		_exit(!deed());
	for (; !waitpid(pid, &status, WNOHANG); i++) {
		memset(test_bytes, i, (size_t)bytes);
		EXPECT(pwrite(file, test_bytes, (size_t)bytes, from) == bytes);
	}
	memset(test_bytes, ++i, (size_t)bytes);
	EXPECT(status == 0 && pwrite(file, test_bytes, (size_t)bytes, from) == bytes);
	return pread(file, test_got, (size_t)bytes, from) == bytes && !memcmp(test_got, test_bytes, (size_t)bytes);
}

static bool several_write(void)
{
	char last[PAGE / 2];

	EXPECT(begin(PAGE) && beside(cut_again_and_again, 0, PAGE) && !ftruncate(file, 0) && !ftruncate(file, PAGE));
	EXPECT(beside(write_first_half, PAGE / 2, PAGE / 2));
	memset(last, ROUNDS - 1, sizeof(last));
	EXPECT(pread(file, test_got, PAGE / 2, 0) == PAGE / 2 && !memcmp(test_got, last, sizeof(last)));
	return !close(file) && end();
}

/* --- nothing is there ---------------------------------------------------------------------------------------- */

static bool is_absent(const char *path)
{
	struct stat st;

	for (int i = 0; i < AGAIN; i++) {
		errno = 0;
		if (stat(path, &st) != -1 || errno != ENOENT || access(path, F_OK) != -1 || errno != ENOENT)
			return false;
	}
	return true;
}

static bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !lstat(path, &st) && !access(path, F_OK);
}

static bool make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	return fd >= 0 && !close(fd);
}

static bool make(void) { return make_file(PATH); }
static bool make_folder(void) { return !mkdir(PATH, 0755); }
static bool take_away(void) { return !unlink(PATH); }
static bool take_folder(void) { return !rmdir(PATH); }
static bool move_here(void) { return make_file(OTHER) && !rename(OTHER, PATH); }
static bool link_here(void) { return make_file(OTHER) && !link(OTHER, PATH) && !unlink(OTHER); }
static bool lead_here(void) { return make_file(OTHER) && !symlink(OTHER, PATH); }
static bool lead_away(void) { return !unlink(OTHER) && !unlink(PATH); }
static bool fold_here(void)
{
	return !rename(DIR_A, DIR_A "3") && !mkdir(DIR_B, 0755) && make_file(DIR_B "/file") && !rename(DIR_B, DIR_A);
}
static bool fold_away(void) { return !unlink(PATH) && !rmdir(DIR_A) && !rename(DIR_A "3", DIR_A); }

static bool what_comes_is_found(void)
{
	static bool (*const comes[])(void) = { make, make_folder, move_here, link_here, lead_here, fold_here };
	static bool (*const goes[])(void) = { take_away, take_folder, take_away, take_away, lead_away, fold_away };

	EXPECT(!mkdir(DIR_A, 0755));
	for (unsigned i = 0; i < sizeof(comes) / sizeof(*comes); i++) {
		EXPECT(is_absent(PATH) && elsewhere(comes[i]) && is_there(PATH) && elsewhere(goes[i]));
		EXPECT(is_absent(PATH) && comes[i]() && is_there(PATH) && goes[i]());
	}
	EXPECT(is_absent(PATH) && !rmdir(DIR_A) && is_absent(PATH));
	return true;
}

/* What a link leads to is not known by its path; nor what is at one that is not clean. */
static bool links_are_followed(void)
{
	EXPECT(!mkdir(DIR_A, 0755) && !symlink(OTHER, LINK) && is_absent(LINK));
	EXPECT(elsewhere(make) && is_absent(LINK) && is_absent(DIR_A "//other") && !rename(PATH, OTHER));
	EXPECT(is_there(LINK) && is_there(DIR_A "//other") && !unlink(OTHER) && is_absent(LINK));
	EXPECT(!unlink(LINK) && !symlink(DIR_B, LINK) && is_absent(LINK "/file") && !mkdir(DIR_B, 0755));
	EXPECT(is_absent(LINK "/file") && make_file(DIR_B "/file") && is_there(LINK "/file"));
	EXPECT(!unlink(DIR_B "/file") && !rmdir(DIR_B) && !unlink(LINK) && !rmdir(DIR_A));
	return true;
}

static bool namespace_counts(void)
{
	EXPECT(!mkdir(DIR_A, 0755) && !mkdir(DIR_B, 0755) && make_file(DIR_B "/file") && is_absent(PATH));
	EXPECT(!skerry_bind(DIR_B, DIR_A, 0) && is_there(PATH));
	EXPECT(!skerry_unmount(NULL, DIR_A) && is_absent(PATH));
	EXPECT(!unlink(DIR_B "/file") && !rmdir(DIR_B) && !rmdir(DIR_A));
	return true;
}

const struct test looked_tests[] = {
	{ "an open file tells what has become of it", file_tells },
	{ "what is written is seen", writes_are_seen },
	{ "what is written sets its time", writes_set_times },
	{ "a file that others make shorter is written", others_change_its_length },
	{ "several write, and make it shorter", several_write },
	{ "what comes where nothing was is found", what_comes_is_found },
	{ "links are followed to where something comes", links_are_followed },
	{ "another namespace has something there", namespace_counts },
	{ .name = NULL },
};
