/*
 * Files by POSIX's calls, on the memory file system at /tmp, and a pipe to a child that sends back what it gets.
 */
#define _GNU_SOURCE /* pipe2 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 64
#define PATH "/tmp/bench.file"
#define OTHERS 64 /* files that are opened in turn: none of them again soon */
#define LENGTH BENCH_BYTES
#define PARENT_END 50 /* where the child finds its ends of the two pipes */

static int fd;
static char others[OTHERS][sizeof(PATH) + 3];
static unsigned turn;

static bool open_close(void)
{
	int file = open(PATH, O_RDONLY);

	return file >= 0 && close(file) == 0;
}

static bool open_read_close(void)
{
	int file = open(PATH, O_RDONLY);

	return file >= 0 && read(file, bench_bytes, 4096) == 4096 && close(file) == 0;
}

static bool open_other(void)
{
	int file = open(others[turn++ % OTHERS], O_RDONLY);

	return file >= 0 && close(file) == 0;
}

static bool open_read_other(void)
{
	int file = open(others[turn++ % OTHERS], O_RDONLY);

	return file >= 0 && read(file, bench_bytes, 4096) == 4096 && close(file) == 0;
}

static bool stat_path(void)
{
	struct stat st;

	return stat(PATH, &st) == 0 && st.st_size == LENGTH;
}

static bool stat_open(void)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == LENGTH;
}

static bool pread_64(void) { return pread(fd, bench_bytes, 64, 1000) == 64; }
static bool pread_4096(void) { return pread(fd, bench_bytes, 4096, 0) == 4096; }
static bool pwrite_65536(void) { return pwrite(fd, bench_bytes, LENGTH, 0) == LENGTH; }

static const struct {
	const char *name;
	bool (*run)(void);
} runs[] = {
	{ "file_open_close", open_close },
	{ "file_open_read_close", open_read_close },
	{ "file_open_other", open_other },
	{ "file_open_read_other", open_read_other },
	{ "file_stat", stat_path },
	{ "file_fstat", stat_open },
	{ "file_pread_64", pread_64 },
	{ "file_pread_4096", pread_4096 },
	{ "file_pwrite_65536", pwrite_65536 },
};

static bool others_make(void)
{
	bool good = true;

	for (unsigned i = 0; i < OTHERS; i++) {
		int file;

		(void)snprintf(others[i], sizeof(others[i]), "%s.%u", PATH, i);
		file = open(others[i], O_WRONLY | O_CREAT | O_TRUNC, 0666);
		good = file >= 0 && write(file, bench_bytes, 4096) == 4096 && close(file) == 0 && good;
	}
	return good;
}

static bool others_remove(void)
{
	bool good = true;

	for (unsigned i = 0; i < OTHERS; i++)
		good = unlink(others[i]) == 0 && good;
	return good;
}

static err_t measure_file(const struct measure *m)
{
	double values[SAMPLES];
	bool good = true;
	unsigned i = 0;

	while (strcmp(runs[i].name, m->name) != 0)
		i++;
	fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || write(fd, bench_bytes, LENGTH) != LENGTH || !others_make() || !runs[i].run())
		return ERR_NOT_FOUND;
	BENCH_SAMPLES(values, SAMPLES, LOOPS, good = runs[i].run() && good);
	if (close(fd) || unlink(PATH) || !others_remove() || !good)
		return ERR_CLOSED;
	report_samples(m, m->name, m->cores, values, SAMPLES);
	return ERR_OK;
}

/* --- a pipe there, and one back ---------------------------------------------------------------------------- */

int serve_pipe(int argc, char **argv)
{
	ssize_t n;

	(void)argc, (void)argv;
	while ((n = read(PARENT_END, bench_bytes, LENGTH)) > 0)
		if (write(PARENT_END + 1, bench_bytes, (size_t)n) != n)
			return 1;
	return n != 0;
}

static bool round_trip(const int *to, const int *from, size_t size)
{
	size_t got = 0;
	ssize_t n = 1;

	if (write(to[1], bench_bytes, size) != (ssize_t)size)
		return false;
	for (; got < size && n > 0; got += (size_t)n)
		n = read(from[0], bench_bytes, size - got);
	return got == size;
}

/* The child has an end of each at numbers it knows, and no other. */
static bool child_start(int *to, int *from, pid_t *child)
{
	char *argv[] = { (char *)"bench", (char *)"--serve", (char *)"pipe", (char *)"", (char *)"", NULL };
	bool good = pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0;

	good = good && dup2(to[0], PARENT_END) == PARENT_END && dup2(from[1], PARENT_END + 1) == PARENT_END + 1;
	good = good && posix_spawn(child, "/boot/bench", NULL, NULL, argv, NULL) == 0;
	close(PARENT_END);
	close(PARENT_END + 1);
	close(to[0]);
	close(from[1]);
	return good;
}

static err_t measure_pipe(const struct measure *m)
{
	size_t size = strtoul(strrchr(m->name, '_') + 1, NULL, 10);
	int to[2], from[2], status = 1;
	double values[SAMPLES];
	pid_t child;
	bool good;

	if (!child_start(to, from, &child))
		return ERR_NOT_FOUND;
	good = round_trip(to, from, size);
	BENCH_SAMPLES(values, SAMPLES, LOOPS, good = round_trip(to, from, size) && good);
	close(to[1]);
	if (waitpid(child, &status, 0) != child || status || !good)
		return ERR_CLOSED;
	close(from[0]);
	report_samples(m, m->name, m->cores, values, SAMPLES);
	return ERR_OK;
}

const struct measure file_measures[] = {
	{ "file_open_close", "open and close a file in /tmp", "op", 3000, 1, measure_file },
	{ "file_open_read_close", "open, read 4 KiB, close", "op", 5000, 1, measure_file },
	{ "file_open_other", "open and close another file than the last 63 times", "op", 3000, 1, measure_file },
	{ "file_open_read_other", "open another one, read 4 KiB, close", "op", 5000, 1, measure_file },
	{ "file_stat", "stat of a file in /tmp", "op", 0, 1, measure_file },
	{ "file_fstat", "fstat of it", "op", 0, 1, measure_file },
	{ "file_pread_64", "pread of 64 bytes", "op", 900, 1, measure_file },
	{ "file_pread_4096", "pread of 4 KiB", "op", 1400, 1, measure_file },
	{ "file_pwrite_65536", "pwrite of 64 KiB", "op", 6000, 1, measure_file },
	{ "pipe_64", "64 bytes through a pipe to a child, and back", "round trip", 4000, 1, measure_pipe },
	{ "pipe_4096", "4 KiB likewise", "round trip", 5000, 1, measure_pipe },
	{ 0 },
};
