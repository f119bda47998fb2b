/*
 * Files that programs map, and memory that they share.
 *
 * Oracle: what is stored is what all others see, by other mappings, by read, and in other processes; what lies behind a
 * file's end is SIGBUS; when the server has died, what was settled before is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/survey.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

#define PAGE 4096
#define FAR (200 * (size_t)PAGE) /* in another frame than the first bytes */
#define PATH "/tmp/tests.mmap"
#define MIRROR_CORES 4 /* from which on files have a mirror */
#define FAILS(x, e) EXPECT((x) == -1 && errno == (e))

static int made(off_t size)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);

	return fd >= 0 && !ftruncate(fd, size) ? fd : -1;
}

static char *shared(int fd, size_t bytes, off_t offset)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static bool stores_are_the_files(void)
{
	int fd = made(FAR + PAGE);
	char *p = shared(fd, FAR + PAGE, 0), *q = shared(fd, PAGE, FAR), got[8] = "";
	const char *r = mmap(NULL, FAR + PAGE, PROT_READ, MAP_SHARED, fd, 0);

	EXPECT(fd >= 3 && p != MAP_FAILED && q != MAP_FAILED && r != MAP_FAILED);
	memcpy(p + 10, "stored", 6);
	EXPECT(pread(fd, got, 6, 10) == 6 && !memcmp(got, "stored", 6) && !memcmp(r + 10, "stored", 6));
	EXPECT(pwrite(fd, "written", 7, FAR + 50) == 7 && !memcmp(q + 50, "written", 7));
	EXPECT(!memcmp(p + FAR + 50, "written", 7) && !memcmp(r + FAR + 50, "written", 7));
	/* Also as memory of a call. */
	EXPECT(pwrite(fd, p + 10, 6, FAR) == 6 && !memcmp(q, "stored", 6));
	EXPECT(pread(fd, q + 100, 6, 10) == 6 && !memcmp(p + FAR + 100, "stored", 6));
	EXPECT(msync(p, FAR + PAGE, MS_SYNC) == 0 && munmap(q, PAGE) == 0);
	EXPECT(munmap(p + PAGE, PAGE) == 0 && !memcmp(p + 10, "stored", 6) && p[2 * PAGE] == 0);
	EXPECT(munmap(p, FAR + PAGE) == 0 && !memcmp(r + FAR + 50, "written", 7));
	EXPECT(munmap((void *)(uintptr_t)r, FAR + PAGE) == 0 && close(fd) == 0 && unlink(PATH) == 0);
	return true;
}

static bool access_is_changed(void)
{
	int fd = made(3 * PAGE), again;
	char *p = shared(fd, 3 * PAGE, 0), *fixed;

	EXPECT(p != MAP_FAILED);
	memset(p, 7, 3 * PAGE);
	EXPECT(mprotect(p + PAGE, PAGE, PROT_READ) == 0 && p[PAGE] == 7);
	p[0] = p[2 * PAGE] = 8;
	EXPECT(mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE) == 0);
	p[PAGE] = 9;
	EXPECT(p[0] == 8 && p[1] == 7 && p[2 * PAGE] == 8);
	fixed = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	EXPECT(fixed == p + PAGE && *fixed == 0 && p[0] == 8 && p[2 * PAGE] == 8);
	*fixed = 3;
	fixed = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, PAGE);
	EXPECT(fixed == p + PAGE && *fixed == 9 && munmap(p, 3 * PAGE) == 0);
	EXPECT((again = open(PATH, O_RDONLY)) >= 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
	EXPECT(p != MAP_FAILED && p[0] == 8);
	FAILS(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	EXPECT(munmap(p, PAGE) == 0 && close(fd) == 0 && close(again) == 0 && unlink(PATH) == 0);
	return true;
}

/* --- behind the end ----------------------------------------------------------------------------------- */

static sigjmp_buf out;
static void *volatile fault_at;

static void bus(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	fault_at = info->si_addr;
	siglongjmp(out, 1);
}

/* Is that SIGBUS? */
static bool is_missing(volatile char *p)
{
	if (sigsetjmp(out, 1))
		return fault_at == p;
	(void)*p;
	return false;
}

static bool ends_are_missed(void)
{
	const struct sigaction a = { .sa_sigaction = bus, .sa_flags = SA_SIGINFO };
	struct sigaction before;
	int fd = made(PAGE + 1);
	char *p = shared(fd, FAR + PAGE, 0);

	EXPECT(p != MAP_FAILED && sigaction(SIGBUS, &a, &before) == 0);
	p[PAGE + 100] = 5; /* in the last page, and not in the file */
	EXPECT(is_missing(p + 2 * PAGE) && is_missing(p + FAR));
	/* It grows: by zeroes. */
	EXPECT(ftruncate(fd, FAR + 1) == 0 && p[PAGE + 100] == 0 && p[2 * PAGE] == 0 && p[FAR] == 0);
	p[FAR] = p[3 * PAGE] = p[100] = 6;
	/* It becomes shorter below those who have it mapped. */
	EXPECT(ftruncate(fd, 101) == 0 && is_missing(p + FAR) && is_missing(p + 3 * PAGE));
	EXPECT(p[100] == 6 && p[101] == 0);
	EXPECT(ftruncate(fd, FAR + 1) == 0 && p[FAR] == 0 && p[3 * PAGE] == 0 && p[100] == 6);
	EXPECT(ftruncate(fd, 0) == 0 && is_missing(p) && is_missing(p + FAR));
	EXPECT(sigaction(SIGBUS, &before, NULL) == 0 && munmap(p, FAR + PAGE) == 0);
	return close(fd) == 0 && unlink(PATH) == 0;
}

static bool missing_ends_processes(void)
{
	int fd = made(1), status;
	pid_t child = fork();

	if (!child) {
		char *p = shared(fd, 2 * PAGE, 0);

		_exit(p == MAP_FAILED ? 1 : p[PAGE]);
	}
	EXPECT(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	return close(fd) == 0 && unlink(PATH) == 0;
}

/* --- processes ------------------------------------------------------------------------------------------ */

#define SHM "/tests.shared"

/* What the child does: maps it by its name, waits for the parent's store, and stores its own. */
static int answer(void)
{
	int fd = shm_open(SHM, O_RDWR, 0);
	volatile char *p = fd < 0 ? MAP_FAILED : shared(fd, FAR + PAGE, 0);

	if (p == MAP_FAILED)
		return 1;
	while (!p[FAR])
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	p[0] = (char)(p[FAR] + 1);
	return 0;
}

static bool processes_share(void)
{
	volatile char *p;
	int fd, status;
	pid_t child;

	FAILS(shm_open(SHM "/below", O_RDWR | O_CREAT, 0600), EINVAL);
	memset(test_bytes, 'n', 300);
	test_bytes[100] = '/';
	test_bytes[300] = '\0';
	FAILS(shm_open(test_bytes, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	FAILS(shm_open("/tests.nowhere", O_RDWR, 0), ENOENT);
	fd = shm_open(SHM, O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT(fd >= 3 && ftruncate(fd, FAR + PAGE) == 0);
	p = shared(fd, FAR + PAGE, 0);
	EXPECT(p != MAP_FAILED && (child = fork()) >= 0);
	if (!child)
		_exit(answer());
	p[FAR] = 41;
	EXPECT(waitpid(child, &status, 0) == child && status == 0 && p[0] == 42);
	EXPECT(munmap((void *)(uintptr_t)p, FAR + PAGE) == 0 && close(fd) == 0 && shm_unlink(SHM) == 0);
	FAILS(shm_unlink(SHM), ENOENT);
	return true;
}

/* What the child does with what it has of its parent, at the same addresses. */
static int heir(volatile char *memory, volatile char *file)
{
	if (memory[FAR - 1] != 9 || file[FAR] != 3)
		return 1;
	memory[0] = 10;
	file[0] = 11;
	while (memory[1] != 12)
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	return munmap((void *)(uintptr_t)memory, FAR) || msync((void *)(uintptr_t)file, PAGE, MS_SYNC) ? 2 : 0;
}

static bool children_have_it(void)
{
	volatile char *p = mmap(NULL, FAR, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *q;
	int fd = made(FAR + PAGE), status;
	pid_t child;

	EXPECT(p != MAP_FAILED && p[0] == 0 && p[FAR - 1] == 0);
	q = shared(fd, FAR + PAGE, 0);
	EXPECT(q != MAP_FAILED && close(fd) == 0 && unlink(PATH) == 0);
	EXPECT(munmap((void *)(uintptr_t)(q + 5 * PAGE), 2 * PAGE) == 0);
	memset((void *)(uintptr_t)p, 9, FAR);
	q[FAR] = 3;
	child = fork();
	if (!child)
		_exit(heir(p, q));
	p[1] = 12;
	EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	EXPECT(p[0] == 10 && q[0] == 11 && p[2] == 9);
	return munmap((void *)(uintptr_t)p, FAR) == 0 && munmap((void *)(uintptr_t)q, FAR + PAGE) == 0;
}

/* --- reads without a message ----------------------------------------------------------------------------- */

#define SPAN (3 * 65536)
#define STEPS 4000

static unsigned below(unsigned n)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Against an array, by two open files: one is changed, the other read. */
static bool step(int fd, int reads, off_t *size)
{
	size_t bytes = 1 + below(3000);
	off_t at = below(SPAN - 3000), there;

	if (!below(20)) {
		at = below(SPAN);
		EXPECT(ftruncate(fd, at) == 0);
		if (at < *size)
			memset(test_bytes + at, 0, (size_t)(*size - at));
		*size = at;
	} else if (!below(3)) {
		memset(test_bytes + at, (int)below(256), bytes);
		EXPECT(pwrite(fd, test_bytes + at, bytes, at) == (ssize_t)bytes);
		*size = at + (off_t)bytes > *size ? at + (off_t)bytes : *size;
	}
	at = below(SPAN - 3000);
	there = at >= *size ? 0 : at + (off_t)bytes > *size ? *size - at : (off_t)bytes;
	EXPECT(pread(reads, test_got, bytes, at) == there && !memcmp(test_got, test_bytes + at, (size_t)there));
	return true;
}

static bool reads_see_all(void)
{
	int fd = made(0), reads = open(PATH, O_RDONLY);
	off_t size = 0;
	char got[2];

	EXPECT(fd >= 3 && reads >= 3);
	memset(test_bytes, 0, SPAN);
	for (unsigned i = 0; i < STEPS; i++)
		EXPECT(step(fd, reads, &size));
	/* At the file's own offset, too, and in the child at the same one. */
	EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, "abcdefghij", 10, 0) == 10);
	for (int c = 'a'; c < 'k'; c++)
		EXPECT(read(reads, got, 1) == 1 && *got == c);
	EXPECT(read(reads, got, 1) == 0 && write(fd, "k", 1) == 1);
	return close(fd) == 0 && close(reads) == 0 && unlink(PATH) == 0;
}

#define LINE 6000 /* bytes; in two pages */

/* Empties it and fills it again, each time with another byte. */
static int filler(int fd, int rounds)
{
	for (int i = 1; i <= rounds; i++) {
		memset(test_bytes, i, LINE);
		if (ftruncate(fd, 0) || pwrite(fd, test_bytes, LINE, 0) != LINE)
			return 1;
	}
	return 0;
}

/* Whatever was read is of one round, as far as the file went then. */
static bool reads_are_whole(void)
{
	int fd = made(0), status;
	pid_t child = fork(), ended;

	EXPECT(fd >= 3 && child >= 0);
	if (!child)
		_exit(filler(fd, 100));
	do {
		ssize_t n = pread(fd, test_got, LINE, 0);

		EXPECT(n == 0 || n == LINE);
		for (ssize_t i = 0; i < n; i++)
			EXPECT(test_got[i]);
		ended = waitpid(child, &status, WNOHANG);
		thread_yield();
	} while (!ended);
	EXPECT(status == 0 && pread(fd, test_got, LINE, 0) == LINE && test_got[0] == 100 && test_got[LINE - 1] == 100);
	return close(fd) == 0 && unlink(PATH) == 0;
}

/* --- the server dies ------------------------------------------------------------------------------------------ */

#define TOLD_MOST 10

/* Has it a mirror that has everything? Waited for, where there may be one. */
static bool mirrored(struct fleet_client *c, struct fleet_survey *now)
{
	cycles_t deadline = context_now() + PATIENCE * dispatcher_tsc_hz();

	while (fleet_survey(c, now) || fleet_survey_serving(now) < 2 || now->times.settled != now->head.version) {
		if (context_now() > deadline)
			return false;
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	}
	return true;
}

static void put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
}

/* EIO tells of a death; on a busy machine there may be one of which we are not the cause. How often it was told. */
static bool settled(char *p, unsigned *told)
{
	for (*told = 0; *told < TOLD_MOST; ++*told) {
		put(p + 10, "settled");
		put(p + FAR, "settled");
		if (!msync(p, FAR + PAGE, MS_SYNC))
			return true;
		EXPECT(errno == EIO);
	}
	return false;
}

/* What is stored and what is written are seen the other way, if nobody dies in between. */
static bool goes_on(int fd, char *p)
{
	char got[8];

	put(p + 20, "go on");
	EXPECT(pread(fd, got, 5, 20) == 5);
	return !memcmp(got, "go on", 5) && pwrite(fd, "with", 4, FAR + 20) == 4 && !memcmp(p + FAR + 20, "with", 4);
}

/* Without a message, once it was looked often: how long the file is, and that nothing is at another path. */
static bool looks(int fd)
{
	struct stat st;

	for (unsigned i = 0; i < 8; i++)
		if (fstat(fd, &st) || st.st_size != FAR + PAGE || !stat(PATH ".none", &st))
			return false;
	return !mkdir(PATH ".none", 0700) && !stat(PATH ".none", &st) && !rmdir(PATH ".none") &&
	       stat(PATH ".none", &st) && errno == ENOENT;
}

static bool dies_below(int fd, char *p, struct fleet_client *c)
{
	static struct fleet_survey now;
	char got[8];
	uint64_t version;
	unsigned told, tries;
	err_t err;

	EXPECT(mirrored(c, &now) && settled(p, &told) && mirrored(c, &now));
	for (unsigned i = 0; i < 20; i++)
		EXPECT(pread(fd, got, 7, 10) == 7 && !memcmp(got, "settled", 7));
	EXPECT(looks(fd));
	err = fleet_survey_kill(&now, now.member[0].number);
	EXPECT(!err || err == ERR_NO_PROCESS); /* it had just been taken for hung */
	for (version = now.head.version; now.head.version == version; thread_yield())
		(void)fleet_survey(c, &now);
	EXPECT(!memcmp(p + 10, "settled", 7) && !memcmp(p + FAR, "settled", 7) && p[PAGE] == 0);
	for (unsigned i = 0; i < 20; i++)
		EXPECT(pread(fd, got, 7, 10) == 7 && !memcmp(got, "settled", 7));
	EXPECT(looks(fd) && looks(fd));
	for (tries = 0; tries < TOLD_MOST && !goes_on(fd, p); tries++)
		;
	EXPECT(tries < TOLD_MOST);
	/* Nobody knows whether something was stored just before it died; that is told. */
	EXPECT(settled(p, &told) && told);
	return mirrored(c, &now);
}

/* Where a mirror is made, by cores; without one the files would be gone. */
static bool servers_die(void)
{
	static struct fleet_survey now;
	struct fleet_client c;
	struct mon_core core;
	bool good;
	char *p;
	int fd;

	if (mon_core(MIRROR_CORES - 1, &core) || core.state != MON_CORE_UP || fleet_survey_of("mem", &c, &now))
		return true;
	fd = made(FAR + PAGE);
	p = shared(fd, FAR + PAGE, 0);
	good = p != MAP_FAILED && dies_below(fd, p, &c) && dies_below(fd, p, &c);
	fleet_client_close(&c);
	EXPECT(good && munmap(p, FAR + PAGE) == 0);
	return close(fd) == 0 && unlink(PATH) == 0;
}

const struct test mmap_tests[] = {
	{ "what is stored in a mapped file is what all see, and what is written is seen there", stores_are_the_files },
	{ "access to a mapped file is changed, and it is put in the midst of other memory", access_is_changed },
	{ "behind a file's end is SIGBUS, also when it has become shorter", ends_are_missed },
	{ "SIGBUS ends a process that has no handler", missing_ends_processes },
	{ "two processes share memory by a name", processes_share },
	{ "shared memory without a name is a fork's child's, too", children_have_it },
	{ "reads without a message see what was written, and how long the file is", reads_see_all },
	{ "... and nothing of what was before while another process empties and fills it", reads_are_whole },
	{ "a mapping goes on at the heir of a server that has died, with what was settled", servers_die },
	{ NULL, NULL },
};
