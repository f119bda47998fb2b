/*
 * Pipes by POSIX's calls, among processes: on other cores where there are some (posix_spawn), and on this one (fork).
 *
 * Oracle: every record comes whole, once and in its writer's order; sums of what was written and read; errno, and that
 * nobody waits for one who has died.
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <skerry/namespace.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/ninep/client.h"
#include "libos/pipe/ring.h"
#include "libos/posix/fd.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define FAILS(call, number) EXPECT((errno = 0, (call)) == -1 && errno == (number))
#define IN 60 /* a child's end to read; OUT its end to write */
#define OUT 61
#define WRITERS 3
#define RECORDS 300
#define READERS 3
#define STREAM 2000000u

extern char **environ;

struct record {
	uint32_t writer, number, length, seed; /* `length` bytes in all, what follows is of the seed */
};

static char bytes[3 * PIPE_RING_BYTES];

/* A child that does a deed with those ends; the parent's own, to be closed on exec, are not open in it. */
static pid_t child_with(const char *deed, const char *argument, int in, int out)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)(uintptr_t)deed, (char *)(uintptr_t)argument, NULL };
	pid_t pid = -1;

	if (in >= 0 && dup2(in, IN) != IN)
		return -1;
	if (out >= 0 && dup2(out, OUT) != OUT)
		return -1;
	if (posix_spawn(&pid, "/boot/tests", NULL, NULL, argv, environ))
		pid = -1;
	if (in >= 0)
		close(IN);
	if (out >= 0)
		close(OUT);
	return pid;
}

static bool ended_with(pid_t pid, int wanted)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && status == wanted;
}

/* --- many writers ------------------------------------------------------------------------------------------- */

static void record_fill(char *at, uint32_t writer, uint32_t number)
{
	struct record r = { writer, number, 0, (writer + 1) * 2654435761u ^ number * 40503u };

	r.length = (uint32_t)sizeof(r) + r.seed % (PIPE_RING_ATOMIC - (uint32_t)sizeof(r) + 1);
	memcpy(at, &r, sizeof(r));
	for (uint32_t i = sizeof(r); i < r.length; i++)
		at[i] = (char)(r.seed >> i % 24);
}

int deed_pipe_records(const char *argument)
{
	struct record r;

	for (uint32_t i = 0; i < RECORDS; i++) {
		record_fill(bytes, (uint32_t)atoi(argument), i);
		memcpy(&r, bytes, sizeof(r));
		if (write(OUT, bytes, r.length) != (ssize_t)r.length)
			return 1;
	}
	return 0;
}

static bool read_whole(int fd, void *into, size_t count)
{
	ssize_t n;

	for (size_t got = 0; got < count; got += (size_t)n)
		if ((n = read(fd, (char *)into + got, count - got)) <= 0)
			return false;
	return true;
}

static bool record_read(int fd, uint32_t *next)
{
	static char wanted[PIPE_RING_ATOMIC];
	struct record r;

	EXPECT(read_whole(fd, &r, sizeof(r)));
	EXPECT(r.writer < WRITERS && r.number == next[r.writer]++);
	record_fill(wanted, r.writer, r.number);
	EXPECT(memcmp(&r, wanted, sizeof(r)) == 0);
	EXPECT(read_whole(fd, bytes, r.length - sizeof(r)));
	EXPECT(memcmp(bytes, wanted + sizeof(r), r.length - sizeof(r)) == 0);
	return true;
}

static bool writes_are_whole(void)
{
	uint32_t next[WRITERS] = { 0 };
	pid_t pid[WRITERS];
	char name[2] = "0";
	int fd[2];

	EXPECT(pipe2(fd, O_CLOEXEC) == 0);
	for (unsigned i = 0; i < WRITERS; i++, name[0]++)
		EXPECT((pid[i] = child_with("pipe_records", name, -1, fd[1])) > 0);
	EXPECT(close(fd[1]) == 0);
	for (unsigned i = 0; i < WRITERS * RECORDS; i++)
		if (!record_read(fd[0], next))
			return false;
	EXPECT(read(fd[0], bytes, 1) == 0 && close(fd[0]) == 0);
	for (unsigned i = 0; i < WRITERS; i++)
		EXPECT(ended_with(pid[i], 0));
	return true;
}

/* --- many readers ------------------------------------------------------------------------------------------ */

struct sum {
	uint64_t count, sum;
};

static void sum_add(struct sum *s, const char *at, size_t count)
{
	s->count += count;
	for (size_t i = 0; i < count; i++)
		s->sum += (uint8_t)at[i];
}

int deed_pipe_sum(const char *argument)
{
	size_t most = strtoul(argument, NULL, 10);
	struct sum s = { 0 };
	ssize_t n;

	while ((n = read(IN, bytes, most)) > 0)
		sum_add(&s, bytes, (size_t)n);
	return n || write(OUT, &s, sizeof(s)) != (ssize_t)sizeof(s);
}

static bool stream_write(int fd, struct sum *all)
{
	for (uint32_t some, done = 0; done < STREAM; done += some) {
		some = 1 + done * 7919 % 70000;
		for (uint32_t i = 0; i < some; i++)
			bytes[i] = (char)(done + i * 31);
		EXPECT(write(fd, bytes, some) == (ssize_t)some);
		sum_add(all, bytes, some);
	}
	return true;
}

static bool all_is_read_once(void)
{
	static const char *const most[READERS] = { "100", "4096", "65536" };
	struct sum all = { 0 }, got = { 0 }, one;
	pid_t pid[READERS];
	int fd[2], back[2];

	EXPECT(pipe2(fd, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	for (unsigned i = 0; i < READERS; i++)
		EXPECT((pid[i] = child_with("pipe_sum", most[i], fd[0], back[1])) > 0);
	EXPECT(close(fd[0]) == 0 && close(back[1]) == 0);
	if (!stream_write(fd[1], &all))
		return false;
	EXPECT(close(fd[1]) == 0);
	for (unsigned i = 0; i < READERS; i++) {
		EXPECT(read_whole(back[0], &one, sizeof(one)));
		got.count += one.count;
		got.sum += one.sum;
	}
	EXPECT(got.count == all.count && got.sum == all.sum);
	EXPECT(read(back[0], bytes, 1) == 0 && close(back[0]) == 0);
	for (unsigned i = 0; i < READERS; i++)
		EXPECT(ended_with(pid[i], 0));
	return true;
}

/* --- not blocking --------------------------------------------------------------------------------------------- */

static short ready(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static bool full_and_empty(void)
{
	ssize_t n, sum = 0;
	int fd[2];

	EXPECT(pipe2(fd, O_NONBLOCK) == 0);
	FAILS(read(fd[0], bytes, 1), EAGAIN);
	EXPECT(ready(fd[0], POLLIN) == 0 && ready(fd[1], POLLOUT) == POLLOUT);
	while ((n = write(fd[1], bytes, 5000)) > 0)
		sum += n;
	EXPECT(n == -1 && errno == EAGAIN && sum == PIPE_RING_BYTES);
	FAILS(write(fd[1], bytes, 1), EAGAIN);
	EXPECT(ready(fd[1], POLLOUT) == 0 && ready(fd[0], POLLIN) == POLLIN);
	/* Up to PIPE_BUF goes in whole or not at all. */
	EXPECT(read(fd[0], bytes, PIPE_RING_ATOMIC - 1) == PIPE_RING_ATOMIC - 1);
	FAILS(write(fd[1], bytes, PIPE_RING_ATOMIC), EAGAIN);
	EXPECT(ready(fd[1], POLLOUT) == 0 && read(fd[0], bytes, 1) == 1 && ready(fd[1], POLLOUT) == POLLOUT);
	EXPECT(write(fd[1], bytes, PIPE_RING_ATOMIC) == PIPE_RING_ATOMIC);
	EXPECT(close(fd[1]) == 0 && ready(fd[0], POLLIN) == (POLLIN | POLLHUP));
	EXPECT(read(fd[0], bytes, sizeof(bytes)) == PIPE_RING_BYTES && read(fd[0], bytes, 1) == 0);
	EXPECT(ready(fd[0], POLLIN) == POLLHUP && close(fd[0]) == 0);
	return true;
}

int deed_pipe_nonblock(const char *argument)
{
	(void)argument;
	return fcntl(IN, F_SETFL, O_NONBLOCK) != 0;
}

/* The flag is the open file's, which is common. */
static bool nonblock_is_common(void)
{
	pid_t pid;
	int fd[2];

	EXPECT(pipe2(fd, O_CLOEXEC) == 0 && write(fd[1], "x", 1) == 1 && read(fd[0], bytes, 9) == 1);
	EXPECT((pid = child_with("pipe_nonblock", "", fd[0], -1)) > 0 && ended_with(pid, 0));
	FAILS(read(fd[0], bytes, 1), EAGAIN);
	EXPECT(close(fd[0]) == 0 && close(fd[1]) == 0);
	return true;
}

#define ROUNDS 2500 /* the memory of so many pipes a core of a small machine does not have */

static bool memory_comes_back(void)
{
	struct open_file *f;
	int fd[2];

	for (unsigned i = 0; i < ROUNDS; i++) {
		EXPECT(pipe2(fd, O_CLOEXEC) == 0 && (f = fd_get(fd[0])));
		EXPECT(f->ninep.ring);
		file_drop(f);
		EXPECT(write(fd[1], "abc", 3) == 3 && read(fd[0], bytes, 9) == 3);
		EXPECT(close(fd[0]) == 0 && close(fd[1]) == 0);
	}
	return true;
}

/* --- ends that go ------------------------------------------------------------------------------------------- */

/* Writes until it is killed. */
int deed_pipe_pour(const char *argument)
{
	size_t some = strtoul(argument, NULL, 10);

	while (write(OUT, bytes, some) == (ssize_t)some)
		;
	return 1;
}

/* Says so, and reads nothing. */
int deed_pipe_hold(const char *argument)
{
	(void)argument;
	if (write(OUT, "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static bool the_dead_have_no_end(void)
{
	int fd[2], begun[2];
	pid_t pid;

	for (unsigned round = 0; round < 10; round++) {
		EXPECT(pipe2(fd, O_CLOEXEC) == 0);
		EXPECT((pid = child_with("pipe_pour", round % 2 ? "65536" : "4096", -1, fd[1])) > 0);
		EXPECT(close(fd[1]) == 0 && read(fd[0], bytes, 3000 * round + 1) > 0);
		EXPECT(kill(pid, SIGKILL) == 0);
		while (read(fd[0], bytes, sizeof(bytes)) > 0)
			;
		EXPECT(read(fd[0], bytes, 1) == 0 && close(fd[0]) == 0 && ended_with(pid, SIGKILL));
	}
	/* A writer that waits for room. */
	EXPECT(signal(SIGPIPE, SIG_IGN) != SIG_ERR && pipe2(fd, O_CLOEXEC) == 0 && pipe2(begun, O_CLOEXEC) == 0);
	EXPECT((pid = child_with("pipe_hold", "", fd[0], begun[1])) > 0);
	EXPECT(close(fd[0]) == 0 && read(begun[0], bytes, 1) == 1);
	EXPECT(write(fd[1], bytes, PIPE_RING_BYTES) == PIPE_RING_BYTES && kill(pid, SIGKILL) == 0);
	FAILS(write(fd[1], bytes, 100), EPIPE);
	EXPECT(signal(SIGPIPE, SIG_DFL) != SIG_ERR && ended_with(pid, SIGKILL));
	EXPECT(close(fd[1]) == 0 && close(begun[0]) == 0 && close(begun[1]) == 0);
	return true;
}

static volatile int caught;

static void catch (int signal)
{
	(void)signal;
	caught++;
}

/* Both waits, that of the reader and that of the writer. */
static bool waits_are_broken_off(void)
{
	struct sigaction act = { .sa_handler = catch }, old;
	int fd[2], done[2];
	pid_t pid;

	EXPECT(pipe2(fd, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0 && sigaction(SIGUSR1, &act, &old) == 0);
	pid = fork();
	if (pid == 0) {
		close(done[1]);
		while (!ready(done[0], POLLIN) && kill(getppid(), SIGUSR1) == 0)
			sched_yield();
		_exit(0);
	}
	EXPECT(close(done[0]) == 0);
	FAILS(read(fd[0], bytes, 1), EINTR);
	while (write(fd[1], bytes, 4096) == 4096)
		;
	EXPECT(errno == EINTR && caught);
	EXPECT(close(done[1]) == 0);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	EXPECT(sigaction(SIGUSR1, &old, NULL) == 0 && close(fd[0]) == 0 && close(fd[1]) == 0);
	return true;
}

/* --- a user that does what it likes --------------------------------------------------------------------- */

struct end {
	struct ninep_client client;
	struct ninep_ring is;
	struct pipe_ring *ring;
	uint32_t fid;
};

/* A connection of its own that has one end of the pipe of that number, and its memory. */
static bool end_open(struct end *e, struct fabric *f, const char *path, uint32_t flags)
{
	uint32_t root;
	cptr_t frame;
	vaddr_t at;

	EXPECT(ninep_connect(&e->client, f, "pipe") == 0 && ninep_attach(&e->client, "test", "", &root) == 0);
	EXPECT(ninep_walk(&e->client, root, path, &e->fid) == 0 && ninep_open(&e->client, e->fid, flags) == 0);
	EXPECT(ninep_ring(&e->client, e->fid, 0, &e->is) == 0 && !e->is.direct && e->is.serial);
	EXPECT(ninep_ring(&e->client, e->fid, 0, &(struct ninep_ring){ 0 }) == NINEP_EBUSY);
	EXPECT(slot_alloc(&frame) == 0 && channel_receive_cap(&e->client.channel, e->is.ticket, frame) == 0);
	EXPECT(vspace_map_frame(frame, PIPE_RING_BITS, MAP_READ | MAP_WRITE, &at) == 0);
	e->ring = (struct pipe_ring *)at;
	return true;
}

static bool the_dead_have_no_lock(void)
{
	static struct end maker, reader, writer;
	char number[24] = "", path[32];
	struct fabric *f;
	uint32_t root;
	size_t length;

	EXPECT(fabric_here(&f) == 0 && ninep_connect(&maker.client, f, "pipe") == 0);
	EXPECT(ninep_attach(&maker.client, "test", "", &root) == 0);
	EXPECT(ninep_walk(&maker.client, root, "ring", &maker.fid) == 0);
	EXPECT(ninep_open(&maker.client, maker.fid, NINEP_RDONLY) == 0);
	EXPECT(ninep_read(&maker.client, maker.fid, 0, number, sizeof(number) - 1, &length) == 0);
	snprintf(path, sizeof(path), "%lu/r", strtoul(number, NULL, 10));
	EXPECT(end_open(&reader, f, path, NINEP_RDONLY));
	snprintf(path, sizeof(path), "%lu/w", strtoul(number, NULL, 10));
	EXPECT(end_open(&writer, f, path, NINEP_WRONLY));
	EXPECT(reader.is.serial != writer.is.serial);
	EXPECT(pipe_side_try(&writer.ring->side[PIPE_WRITERS], writer.is.serial));
	EXPECT(pipe_ring_put(writer.ring, "abc", 3) == 3);
	EXPECT(!pipe_side_try(&reader.ring->side[PIPE_WRITERS], reader.is.serial));
	EXPECT(pipe_side_try(&reader.ring->side[PIPE_READERS], reader.is.serial));
	ninep_end(&writer.client);
	/* The service is asked for something, so it has seen the end of the writer. */
	while (!mem_load32(&reader.ring->side[PIPE_WRITERS].gone))
		EXPECT(ninep_ready(&reader.client, reader.fid, &(uint32_t){ NINEP_READY_IN | NINEP_READY_NOW }) == 0);
	EXPECT(mem_load64(&reader.ring->side[PIPE_WRITERS].lock) == 0);
	EXPECT(mem_load64(&reader.ring->side[PIPE_READERS].lock) == reader.is.serial);
	EXPECT(pipe_ring_get(reader.ring, bytes, 100) == 3 && !memcmp(bytes, "abc", 3));
	ninep_end(&reader.client);
	ninep_end(&maker.client);
	return true;
}

/* --- the service dies ---------------------------------------------------------------------------------------- */

/* A pipe of the service that is mounted there, as pipe2 would make it. */
static bool pipe_of(const char *at, int fd[2])
{
	char path[64], number[24] = "";
	struct open_file *f;
	int made;

	snprintf(path, sizeof(path), "%s/ring", at);
	EXPECT((made = open(path, O_RDONLY)) >= 0 && read(made, number, sizeof(number) - 1) > 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%lu/%c", at, strtoul(number, NULL, 10), i ? 'w' : 'r');
		EXPECT((fd[i] = open(path, i ? O_WRONLY : O_RDONLY)) >= 0 && (f = fd_get(fd[i])));
		f->ninep.ring = true;
		file_drop(f);
	}
	EXPECT(close(made) == 0);
	return true;
}

static bool the_service_dies(void)
{
	const char *argv[] = { "pipe", "pipe_of_test" };
	uint64_t pid, status;
	unsigned cause;
	int fd[2];
	struct stat st;

	EXPECT_OK(mon_spawn(dispatcher_core(), 2, argv, &pid));
	EXPECT(skerry_mount("pipe_of_test", "/pipe_of_test", SKERRY_CREATE) == 0);
	while (stat("/pipe_of_test/ring", &st))
		EXPECT(errno == ENOENT && sched_yield() == 0);
	EXPECT(pipe_of("/pipe_of_test", fd));
	EXPECT(write(fd[1], "abc", 3) == 3 && read(fd[0], bytes, 2) == 2);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	/* Its memory has gone; what is there in its place gives nothing. */
	FAILS(read(fd[0], bytes, 2), EIO);
	FAILS(read(fd[0], bytes, 2), EIO);
	FAILS(write(fd[1], "abc", 3), EIO);
	EXPECT(close(fd[0]) == 0 && close(fd[1]) == 0 && skerry_unmount(NULL, "/pipe_of_test") == 0);
	return true;
}

const struct test pipe_tests[] = {
	{ "what several write comes whole and in order", writes_are_whole },
	{ "what several read comes once", all_is_read_once },
	{ "a full and an empty pipe are told", full_and_empty },
	{ "O_NONBLOCK is the open file's", nonblock_is_common },
	{ "the memory of pipes comes back", memory_comes_back },
	{ "who has died has no end of a pipe", the_dead_have_no_end },
	{ "a signal breaks waiting off", waits_are_broken_off },
	{ "who has died has no lock", the_dead_have_no_lock },
	{ "the service dies, and its memory goes", the_service_dies },
	{ NULL, NULL },
};
