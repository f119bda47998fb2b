/*
 * fork: what the child has of its parent's, and what each has for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "services/page/page_client.h"
#include "user/tests/tap.h"

static int initialised = 42, cleared;
static pthread_mutex_t between = PTHREAD_MUTEX_INITIALIZER;

static bool ended_well(pid_t pid, int expected)
{
	int status;

	if (pid < 0)
		printf("# errno %d\n", errno);
	EXPECT(pid > 0);
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (status != expected << 8)
		printf("# status %x, not %x\n", (unsigned)status, (unsigned)expected << 8);
	EXPECT(status == expected << 8);
	return true;
}

/* Is it that in each thousandth byte? */
static bool filled(const char *at, size_t bytes, char with)
{
	for (size_t i = 0; i < bytes; i += 1000)
		if (at[i] != with)
			return false;
	return true;
}

static bool memory_is_copied(void)
{
	char *heap = malloc(100000), local[5000];
	pid_t parent = getpid(), pid;
	bool ended, kept;

	memset(heap, 'h', 100000);
	memset(local, 'l', sizeof local);
	initialised = 43;
	cleared = 44;
	pid = fork();
	if (pid == 0) {
		bool same = initialised == 43 && cleared == 44 && heap[99999] == 'h' && local[4999] == 'l' &&
			    getppid() == parent && getpid() != parent;
		char *more = malloc(300000);

		memset(heap, 'x', 100000);
		memset(local, 'x', sizeof local);
		initialised = cleared = 0;
		free(heap);
		memset(more, 'm', 300000);
		free(more);
		_exit(same ? 7 : 1);
	}
	ended = ended_well(pid, 7);
	kept = initialised == 43 && cleared == 44 && heap[99999] == 'h' && local[4999] == 'l';
	free(heap);
	EXPECT(ended);
	EXPECT(kept);
	return true;
}

#define SPARSE_PAGE 4096
#define SPARSE (TEST_BYTES / SPARSE_PAGE)

/* In each page one byte, and nothing anywhere else. */
static bool sparse_are(const char *expected)
{
	for (size_t i = 0; i < SPARSE * SPARSE_PAGE; i++)
		if (test_got[i] != (i % SPARSE_PAGE == 77 ? expected[i / SPARSE_PAGE] : 0))
			return false;
	return true;
}

static int sparse_child(unsigned deep, char *expected)
{
	pid_t pid;

	if (!sparse_are(expected))
		return 1;
	if (!deep)
		return 7;
	test_got[deep * 4 * SPARSE_PAGE + 77] = expected[deep * 4] = (char)deep;
	test_got[11 * SPARSE_PAGE + 77] = expected[11] = 0;
	pid = fork();
	if (pid == 0)
		_exit(sparse_child(deep - 1, expected));
	return ended_well(pid, 7) && sparse_are(expected) ? 7 : 2;
}

/* Of variables that are zero at the start few pages are written to, by different generations. */
static bool zeroed_are_copied(void)
{
	char expected[SPARSE] = { 0 };
	bool ended;
	pid_t pid;

	memset(test_got, 0, SPARSE * SPARSE_PAGE);
	for (unsigned page = 3; page < SPARSE; page += 8)
		test_got[page * SPARSE_PAGE + 77] = expected[page] = 'p';
	pid = fork();
	if (pid == 0)
		_exit(sparse_child(3, expected));
	ended = ended_well(pid, 7) && sparse_are(expected);
	memset(test_got, 0, sizeof test_got);
	return ended;
}

static bool pipes_join(void)
{
	char text[6] = "";
	int end[2];
	pid_t pid;

	EXPECT(pipe(end) == 0);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		_exit(write(end[1], "hello", 5) == 5 ? 0 : 1);
	}
	close(end[1]);
	EXPECT(read(end[0], text, 5) == 5 && !strcmp(text, "hello"));
	EXPECT(read(end[0], text, 5) == 0);
	close(end[0]);
	return ended_well(pid, 0);
}

static bool generations(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t grandchild = fork();
		int status;

		if (grandchild == 0) {
			pid_t great = fork();

			if (great == 0)
				_exit(3);
			_exit(waitpid(great, &status, 0) == great && status == 3 << 8 ? 5 : 1);
		}
		_exit(waitpid(grandchild, &status, 0) == grandchild && status == 5 << 8 ? 6 : 1);
	}
	return ended_well(pid, 6);
}

static bool becomes_another(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/boot/tests", "tests", "--do", "exit", "11", (char *)NULL);
		_exit(1);
	}
	return ended_well(pid, 11);
}

#define FILES 200 /* so many that the text of what the child inherits is no letter */

static bool all_are(const int *fd, bool open)
{
	for (int i = 0; i < FILES; i++)
		if ((fcntl(fd[i], F_GETFD) >= 0) != open)
			return false;
	return true;
}

static bool much_is_inherited(void)
{
	static int fd[FILES];
	bool ended, kept;
	char *shared;
	int end[2];
	pid_t pid;

	EXPECT(pipe(end) == 0);
	for (int i = 0; i < FILES; i++)
		EXPECT((fd[i] = dup(end[i % 2])) >= 0);
	shared = malloc(100000);
	EXPECT(shared);
	memset(shared, 'f', 100000);
	pid = fork();
	if (pid == 0) {
		bool there = filled(shared, 100000, 'f') && all_are(fd, true) && write(fd[1], "x", 1) == 1;

		memset(shared, 'c', 100000);
		_exit(there ? 16 : 1);
	}
	ended = ended_well(pid, 16);
	kept = filled(shared, 100000, 'f') && read(fd[0], shared, 1) == 1 && *shared == 'x';
	for (int i = 0; i < FILES; i++)
		close(fd[i]);
	close(end[0]);
	close(end[1]);
	free(shared);
	EXPECT(ended && kept && all_are(fd, false));
	return true;
}

static volatile sig_atomic_t got;

static void note(int signal) { got += signal; }

static bool handlers_stay(void)
{
	struct sigaction a = { .sa_handler = note };
	pid_t pid;

	got = 0;
	sigaction(SIGUSR1, &a, NULL);
	pid = fork();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(got == SIGUSR1 ? 8 : 1);
	}
	a.sa_handler = SIG_DFL;
	sigaction(SIGUSR1, &a, NULL);
	EXPECT(got == 0);
	return ended_well(pid, 8);
}

static int order;

static void before(void) { order = order * 10 + 1; }
static void in_parent(void) { order = order * 10 + 2; }
static void in_child(void) { order = order * 10 + 3; }

static bool around(void)
{
	pid_t pid;

	EXPECT(pthread_atfork(before, in_parent, in_child) == 0);
	order = 0;
	pid = fork();
	if (pid == 0)
		_exit(order == 13 ? 9 : 1);
	EXPECT(order == 12);
	return ended_well(pid, 9);
}

static void *thread_returns(void *arg) { return arg; }

static __thread int own;
static pthread_t forker;

/* In the child: is it the thread that has forked, with all that was its own, and can it do what a thread can? */
static bool is_the_same(const char *local, char *token)
{
	void *result = NULL;
	pthread_t t;

	return pthread_equal(pthread_self(), forker) && own == 77 && errno == EDOM && filled(local, 5000, 't') &&
	       !strcmp(strtok_r(NULL, " ", &token), "two") && !pthread_create(&t, NULL, thread_returns, &cleared) &&
	       !pthread_join(t, &result) && result == &cleared && !pthread_mutex_lock(&between) &&
	       !pthread_mutex_unlock(&between);
}

static void *forks(void *arg)
{
	char local[5000], text[] = "one two", *token;
	pid_t *pid = arg;

	memset(local, 't', sizeof local);
	own = 77;
	forker = pthread_self();
	strtok_r(text, " ", &token);
	errno = EDOM;
	*pid = fork();
	if (*pid == 0)
		_exit(is_the_same(local, token) ? 13 : 1);
	return own == 77 && filled(local, sizeof local, 't') ? arg : NULL;
}

static bool another_thread_forks(void)
{
	void *result;
	pthread_t t;
	pid_t pid;

	for (unsigned i = 0; i < 3; i++) {
		EXPECT(pthread_create(&t, NULL, forks, &pid) == 0 && pthread_join(t, &result) == 0);
		EXPECT(result == &pid);
		EXPECT(ended_well(pid, 13));
	}
	return true;
}

/* Both fork at once, again and again. */
static void *forks_often(void *arg)
{
	for (unsigned i = 0; i < 5; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(14);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 14 << 8)
			return NULL;
	}
	return arg;
}

static bool threads_fork_at_once(void)
{
	void *result;
	pthread_t t;

	EXPECT(pthread_create(&t, NULL, forks_often, &cleared) == 0);
	EXPECT(forks_often(&cleared));
	EXPECT(pthread_join(t, &result) == 0 && result == &cleared);
	return true;
}

static bool threads_in_the_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		void *result = NULL;
		pthread_t t;

		if (pthread_create(&t, NULL, thread_returns, &cleared) || pthread_join(t, &result))
			_exit(1);
		_exit(result == &cleared ? 4 : 2);
	}
	return ended_well(pid, 4);
}

static uint64_t free_memory(void)
{
	struct mon_core core;
	uint64_t sum = 0;

	for (coreid_t c = 0; !mon_core(c, &core); c++)
		sum += core.ram_free;
	return sum;
}

/* --- memory that is shared till somebody writes --------------------------------------------------- */

#define LARGE (UINT64_C(64) << 20)
#define LARGE_SHARED (LARGE / 2) /* what a child of such a process may take: much less than a copy */

/* Waits till the other end has been closed. */
static void end_await(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

static char *heap; /* what a test shares with its children */

static bool large_is_shared(void)
{
	uint64_t had, has;
	int begun[2], done[2];
	bool same, kept;
	pid_t pid;
	char c;

	heap = malloc(LARGE);
	EXPECT(heap);
	memset(heap, 'l', LARGE);
	EXPECT(pipe(begun) == 0 && pipe(done) == 0);
	had = free_memory();
	pid = fork();
	if (pid == 0) {
		close(done[1]);
		same = filled(heap, LARGE, 'l');
		memset(heap + LARGE / 2, 'x', 100000);
		(void)!write(begun[1], same ? "s" : "d", 1);
		end_await(done[0]);
		_exit(filled(heap, LARGE / 2, 'l') && filled(heap + LARGE / 2, 100000, 'x') ? 7 : 1);
	}
	EXPECT(pid > 0);
	close(done[0]);
	EXPECT(read(begun[0], &c, 1) == 1 && c == 's');
	has = free_memory();
	kept = filled(heap, LARGE, 'l');
	memset(heap, 'p', 200000);
	close(done[1]);
	close(begun[0]);
	close(begun[1]);
	EXPECT(ended_well(pid, 7));
	kept = kept && filled(heap, 200000, 'p') && filled(heap + 200000, LARGE - 200000, 'l');
	memset(heap, 'q', LARGE);
	free(heap);
	if (had - has > LARGE_SHARED)
		printf("# the child took %lu bytes\n", (unsigned long)(had - has));
	EXPECT(kept);
	EXPECT(had - has < LARGE_SHARED);
	return true;
}

#define SOME (UINT64_C(8) << 20) /* enough for the child to stay on this core */

/* It may have no more than it has, and writes to all that it shares. */
static void __attribute__((noreturn)) write_without_memory(void)
{
	uint64_t pid = process_self_pid(), most, has;
	struct fleet_client pages;
	struct fabric *f;

	if (fabric_here(&f) || fleet_client_init(&pages, f, NULL, PAGE_FLEET) ||
	    page_quota(&pages.rpc, pid, &most, &has) || page_quota_set(&pages.rpc, pid, has ? has : PAGE_SIZE))
		_exit(1);
	memset(heap, 'x', SOME);
	_exit(2);
}

static bool no_memory_to_write(void)
{
	int status;
	bool kept;
	pid_t pid;

	heap = malloc(SOME);
	EXPECT(heap);
	memset(heap, 'k', SOME);
	pid = fork();
	if (pid == 0)
		write_without_memory();
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
	kept = filled(heap, SOME, 'k');
	memset(heap, 'y', SOME);
	free(heap);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
		printf("# status %x\n", (unsigned)status);
	EXPECT(kept && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	return true;
}

/* --- private mappings ------------------------------------------------------------------------------- */

#define MAPPED 300000
#define PAGE 4096

/* The second page may only be read, the third not even that, the fourth is not there any more. */
static char *pages_map(char with)
{
	char *at = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	memset(at, with, MAPPED);
	if (mprotect(at + PAGE, PAGE, PROT_READ) || mprotect(at + 2 * PAGE, PAGE, PROT_NONE) ||
	    munmap(at + 3 * PAGE, PAGE))
		return NULL;
	return at;
}

static bool pages_are(const char *at, char with)
{
	return filled(at, 2 * PAGE, with) && filled(at + 4 * PAGE, MAPPED - 4 * PAGE, with);
}

/* In the child: they are there, as they were, and can be changed, and others come beside them. */
static bool pages_go_on(char *at, char *small)
{
	char *more = pages_map('m');
	bool there = pages_are(at, 'r') && filled(small, PAGE, 's') && more && pages_are(more, 'm') &&
		     (more + MAPPED <= at || more >= at + MAPPED);
	bool open = !mprotect(at + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE) && filled(at + 2 * PAGE, PAGE, 'r');

	memset(at, 'x', 3 * PAGE);
	memset(small, 'x', PAGE);
	return there && open && filled(at, 3 * PAGE, 'x') && mprotect(at + 3 * PAGE, PAGE, PROT_READ) == -1 &&
	       errno == ENOMEM && !munmap(at, MAPPED) && !munmap(small, PAGE);
}

static bool mappings_go_along(void)
{
	char *at = pages_map('r');
	char *small = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool kept, ended;

	EXPECT(at && small != MAP_FAILED);
	memset(small, 's', PAGE);
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(pages_go_on(at, small) ? 15 : 1);
		ended = ended_well(pid, 15);
		kept = pages_are(at, 'r') && filled(small, PAGE, 's');
		EXPECT(ended && kept);
	}
	EXPECT(munmap(at, MAPPED) == 0 && munmap(small, PAGE) == 0);
	return true;
}

/* --- generations -------------------------------------------------------------------------------------- */

#define GENERATIONS 10

static unsigned processes(void)
{
	struct mon_core core;
	unsigned sum = 0;

	for (coreid_t c = 0; !mon_core(c, &core); c++)
		sum += core.processes;
	return sum;
}

#define STEP 70000 /* bytes from one generation's mark to the next one's */

/*
 * Each generation makes its mark in what they share, forks the next, and spoils all marks. In bit g of `late`: does
 * generation g end after the one behind it? The last one tells whether all have found their ancestors' marks.
 */
static void __attribute__((noreturn)) generation(unsigned g, unsigned late, char *shared, int tell, bool right)
{
	pid_t pid = -1;

	for (unsigned i = 0; i < g; i++)
		right = right && shared[i * STEP] == (char)('a' + i);
	shared[g * STEP] = (char)('a' + g);
	if (g < GENERATIONS)
		pid = fork();
	if (pid == 0)
		generation(g + 1, late, shared, tell, right);
	if (g == GENERATIONS)
		(void)!write(tell, right ? "r" : "w", 1);
	for (unsigned i = 0; i <= g; i++)
		shared[i * STEP] = 'z';
	if (pid > 0 && late >> g & 1)
		waitpid(pid, NULL, 0);
	_exit(0);
}

static bool line_of_processes(unsigned late)
{
	char told = 0;
	int end[2];
	pid_t pid;

	heap = malloc((GENERATIONS + 1) * STEP);
	EXPECT(heap && pipe(end) == 0);
	memset(heap, 0, (GENERATIONS + 1) * STEP);
	pid = fork();
	if (pid == 0)
		generation(0, late, heap, end[1], true);
	close(end[1]);
	EXPECT(read(end[0], &told, 1) == 1);
	close(end[0]);
	free(heap);
	EXPECT(told == 'r');
	return ended_well(pid, 0);
}

#define ROUNDS 5

/*
 * Memory is back when nobody is there any more who had some of it; monitors keep a little for the next, so the first
 * rounds may leave less.
 */
static bool leaves_nothing(bool (*once)(void))
{
	unsigned had_processes = processes();
	uint64_t had, has;
	int rounds = 0;

	do {
		had = free_memory();
		EXPECT(once());
		while (processes() > had_processes)
			sched_yield();
		has = free_memory();
	} while (has < had && ++rounds < ROUNDS);
	if (has < had)
		printf("# %lu bytes were free, %lu are\n", (unsigned long)had, (unsigned long)has);
	EXPECT(has >= had);
	return true;
}

static bool lines_once(void)
{
	static const unsigned orders[] = { 0, 0x7ff, 0x155, 0x2aa, 0x1c7 };

	for (unsigned i = 0; i < sizeof orders / sizeof *orders; i++)
		EXPECT(line_of_processes(orders[i]));
	return true;
}

static bool lines_leave_nothing(void) { return leaves_nothing(lines_once); }

#define FORKS 10

static bool forks_once(void)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		EXPECT(ended_well(pid, 0));
	}
	return true;
}

static bool nothing_is_left(void) { return leaves_nothing(forks_once); }

static void __attribute__((noreturn)) fork_for_ever(int begun)
{
	if (write(begun, "x", 1) != 1)
		_exit(1);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* Kills a process that forks for ever, at some time or other of that. */
static bool parent_killed(unsigned when)
{
	const struct timespec t = { .tv_nsec = 700000L * when };
	int begun[2], status;
	pid_t pid;
	char c;

	EXPECT(pipe(begun) == 0);
	pid = fork();
	if (pid == 0)
		fork_for_ever(begun[1]);
	EXPECT(pid > 0);
	EXPECT(read(begun[0], &c, 1) == 1);
	close(begun[0]);
	close(begun[1]);
	nanosleep(&t, NULL);
	EXPECT(kill(pid, SIGKILL) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
	return true;
}

/* The last child of each finds nobody, and ends. */
static bool kills_once(void)
{
	for (unsigned i = 0; i < FORKS; i++)
		EXPECT(parent_killed(i));
	return true;
}

static bool parents_die(void) { return leaves_nothing(kills_once); }

#define BOMB 4000

/* Children that stay, as many as there can be: then an errno, and when they are gone, none is missed. */
static bool too_many(void)
{
	int status, error = 0;
	unsigned count = 0;
	pid_t pid, group = 0;

	/* More cores have room for thousands: that takes long, and shows nothing else. */
	if (mon_cores_up(CORES_MAX) > 1)
		return true;
	while (count < BOMB && !error) {
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		error = pid < 0 ? errno : 0;
		if (error)
			break;
		group = count++ ? group : pid;
		EXPECT(setpgid(pid, group) == 0);
	}
	if (error != EAGAIN)
		printf("# %u children, then errno %d\n", count, error);
	EXPECT(error == EAGAIN && count > 10);
	EXPECT(kill(-group, SIGKILL) == 0);
	while (waitpid(-1, &status, 0) > 0)
		EXPECT(WTERMSIG(status) == SIGKILL);
	EXPECT(errno == ECHILD);
	pid = fork();
	if (pid == 0)
		_exit(12);
	return ended_well(pid, 12);
}

/* --- a crowd ------------------------------------------------------------------------------------------------ */

#define CROWD 150

/* As many as memory allows are ended by one signal, and each is waited for. */
static bool many_end_at_once(void)
{
	static pid_t child[CROWD];
	unsigned count = 0;
	int status;

	while (count < CROWD && (child[count] = fork()) >= 0) {
		if (!child[count]) {
			setpgid(0, child[0]);
			for (;;)
				pause();
		}
		setpgid(child[count], child[0]);
		count++;
	}
	printf("# %u children\n", count);
	EXPECT(count > 0 && kill(-child[0], SIGKILL) == 0);
	for (unsigned i = 0; i < count; i++)
		EXPECT(waitpid(child[i], &status, 0) == child[i] && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return true;
}

/* --- a fork bomb against a limit: each of it says what came of its forks ------------------------------ */

#define BOMB_DEPTH 6
#define BOMB_ROOM 12

static uint64_t processes_now(void)
{
	struct mon_core c;
	uint64_t sum = 0;

	for (coreid_t core = 0; !mon_core(core, &c); core++)
		sum += c.state == MON_CORE_UP ? c.processes : 0;
	return sum;
}

static void explode(int say, int depth)
{
	for (int i = 0; i < 2 && depth < BOMB_DEPTH; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			explode(say, depth + 1);
			_exit(0);
		}
		(void)!write(say, pid > 0 ? "+" : errno == EAGAIN ? "e" : "?", 1);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static bool bomb(void)
{
	struct rlimit limit, most = { .rlim_cur = processes_now() + BOMB_ROOM };
	unsigned made = 0, refused = 0, other = 0;
	int end[2];
	char one;
	pid_t pid;

	most.rlim_max = most.rlim_cur;
	EXPECT(pipe(end) == 0);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		if (setrlimit(RLIMIT_NPROC, &most) || getrlimit(RLIMIT_NPROC, &limit) ||
		    limit.rlim_cur != most.rlim_cur)
			_exit(1);
		explode(end[1], 0);
		_exit(0);
	}
	close(end[1]);
	while (read(end[0], &one, 1) == 1) {
		made += one == '+';
		refused += one == 'e';
		other += one == '?';
	}
	close(end[0]);
	printf("# %u forks, %u refused\n", made, refused);
	EXPECT(ended_well(pid, 0));
	EXPECT(made > 0 && refused > 0 && other == 0);
	return generations();
}

const struct test fork_tests[] = {
	{ "the child has its parent's memory, and changes its own", memory_is_copied },
	{ "zeroed variables, written to here and there, are the child's", zeroed_are_copied },
	{ "a pipe between them, and its end", pipes_join },
	{ "children of children", generations },
	{ "a child becomes another program", becomes_another },
	{ "a child that inherits much", much_is_inherited },
	{ "handlers of signals stay", handlers_stay },
	{ "pthread_atfork", around },
	{ "a child has threads of its own", threads_in_the_child },
	{ "any thread forks, and is the child's only one", another_thread_forks },
	{ "threads fork at once", threads_fork_at_once },
	{ "a large heap is shared till it is written to", large_is_shared },
	{ "without memory for a copy the child ends, and nobody else", no_memory_to_write },
	{ "private mappings go along", mappings_go_along },
	{ "ten generations end in any order, and leave nothing behind", lines_leave_nothing },
	{ "forks leave nothing behind", nothing_is_left },
	{ "parents die in the midst of it, and leave nothing behind", parents_die },
	{ "more children than there can be are an errno", too_many },
	{ "many end at once, and all are waited for", many_end_at_once },
	{ "a fork bomb stops at its limit, and all goes on", bomb },
	{ 0 },
};
