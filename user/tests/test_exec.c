/*
 * exec, step by step: whoever names the process while another takes its place, by number or by group, means the one
 * that is there afterwards.
 *
 * A child does what exec does, and at each window between two steps says so and waits for a word. So it is known what
 * comes in which window: a group, a signal, a stop. The heir says what it has in the end.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"
#include "libos/posix/launch.h"
#include "libos/posix/process.h"
#include "libos/posix/signals.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

/* The text is packed; the heir is started; it has taken the text; the process service knows it; it is in its main. */
enum window { PACKED, STARTED, READY, KNOWN, MAIN, WINDOWS };

struct report {
	pid_t number, group, session;
	bool usr1, usr2; /* pending */
};

static int up[2], down[2];
static bool gives_up; /* the child, once the heir is ready */

static bool all_read(int fd, void *to, size_t bytes)
{
	ssize_t n;

	for (size_t got = 0; got < bytes; got += (size_t)n) {
		do
			n = read(fd, (char *)to + got, bytes - got);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return false;
	}
	return true;
}

/* --- the child ----------------------------------------------------------------------------------------- */

static void say_and_wait(int to, int from, enum window w)
{
	char c = (char)w;

	if (write(to, &c, 1) != 1 || !all_read(from, &c, 1))
		_exit(3);
}

static int report(int to)
{
	struct report r = { .number = getpid(), .group = getpgrp(), .session = getsid(0) };
	sigset_t pending;

	sigpending(&pending);
	r.usr1 = sigismember(&pending, SIGUSR1);
	r.usr2 = sigismember(&pending, SIGUSR2);
	return write(to, &r, sizeof r) == (ssize_t)sizeof r ? 0 : 2;
}

int deed_heir(const char *arg)
{
	int to = atoi(arg), from = atoi(strchr(arg, ' ') + 1);

	say_and_wait(to, from, MAIN);
	return report(to);
}

static int step_by_step(void)
{
	char ends[24], *argv[] = { (char *)"tests", (char *)"--do", (char *)"heir", ends, NULL };
	const char *const name[] = { "tests", NULL };
	struct inherit text = { .becomes = true };
	struct program_heir heir = { .mailbox.pid = process_self_pid() };
	struct program next = { 0 };
	struct launch l;

	snprintf(ends, sizeof ends, "%d %d", up[1], down[0]);
	if (launch_find(&l, "/boot/tests", argv, false))
		return 4;
	launch_pack(&l, environ, &text);
	say_and_wait(up[1], down[0], PACKED);
	heir.letter = text.data;
	heir.letter_bytes = (uint32_t)text.bytes;
	if (text.error || program_start_successor(name, &heir, &next.pid))
		return 5;
	say_and_wait(up[1], down[0], STARTED);
	if (child_add(&next, text.group, false) || child_await(process_number(0, next.pid), CHILD_BEGUN))
		return 6;
	say_and_wait(up[1], down[0], READY);
	if (gives_up)
		return mon_kill(next.pid) ? 7 : report(up[1]);
	if (program_become(next.pid))
		return 8;
	say_and_wait(up[1], down[0], KNOWN);
	inherit_place_give(next.pid);
}

/* Its signals for users are blocked, so that they are pending. */
static pid_t child_make(bool own_group)
{
	sigset_t set, before;
	pid_t child;

	if (pipe(up) || pipe(down))
		return -1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	child = fork();
	if (child == 0) {
		if (own_group)
			setpgid(0, 0);
		_exit(step_by_step());
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return child;
}

/* --- the parent ------------------------------------------------------------------------------------------ */

/* Lets it go on till it has said that. */
static bool come_to(enum window w)
{
	char c = PACKED;

	for (enum window at = PACKED; at <= w; at++) {
		if (at > PACKED && write(down[1], &c, 1) != 1)
			return false;
		if (!all_read(up[0], &c, 1) || c != (char)at)
			return false;
	}
	return true;
}

/* Words for all windows from that one on: it stops at none. */
static bool let_go(enum window w)
{
	char words[WINDOWS] = { 0 };

	return write(down[1], words, WINDOWS - w) == (ssize_t)(WINDOWS - w);
}

/* What the heir says, behind what it and the child have said of the windows after that one. */
static bool report_take(enum window w, struct report *r)
{
	char words[WINDOWS];

	return all_read(up[0], words, MAIN - w) && all_read(up[0], r, sizeof *r);
}

static bool ends_with(pid_t child, int expected)
{
	int status = 0;

	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
	EXPECT(waitpid(child, &status, 0) == child);
	if (status != expected)
		printf("# status %x\n", (unsigned)status);
	EXPECT(status == expected);
	EXPECT(kill(child, 0) == -1 && errno == ESRCH);
	return true;
}

static bool grouped(enum window w)
{
	pid_t child = child_make(false);
	struct report r;

	EXPECT(child > 0 && come_to(w));
	EXPECT(getpgid(child) == getpgrp() && getsid(child) == getsid(0));
	EXPECT(setpgid(child, child) == 0 && getpgid(child) == child);
	EXPECT(killpg(child, SIGUSR1) == 0 && kill(child, SIGUSR2) == 0);
	EXPECT(let_go(w) && report_take(w, &r));
	EXPECT(r.number == child && r.group == child && r.session == getsid(0));
	EXPECT(r.usr1 && r.usr2);
	return ends_with(child, 0);
}

static bool stopped_by(enum window w, int signal)
{
	pid_t child = child_make(true);
	struct report r;
	int status;

	EXPECT(child > 0 && come_to(w));
	EXPECT(killpg(child, signal) == 0 && let_go(w));
	EXPECT(waitpid(child, &status, WUNTRACED) == child);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == signal);
	EXPECT(kill(child, SIGCONT) == 0 && report_take(w, &r));
	EXPECT(r.number == child && r.group == child);
	return ends_with(child, 0);
}

static bool stop_taken_back(enum window w)
{
	pid_t child = child_make(true);
	struct report r;

	EXPECT(child > 0 && come_to(w));
	EXPECT(killpg(child, SIGTSTP) == 0 && kill(child, SIGSTOP) == 0 && killpg(child, SIGCONT) == 0);
	EXPECT(let_go(w) && report_take(w, &r));
	return ends_with(child, 0);
}

/* It may end at once, or when it has gone on. */
static bool ended_by(enum window w, int signal)
{
	pid_t child = child_make(true);

	EXPECT(child > 0 && come_to(w));
	EXPECT(killpg(child, signal) == 0 && let_go(w));
	return ends_with(child, signal);
}

static bool groups(void)
{
	for (enum window w = PACKED; w < WINDOWS; w++)
		if (!grouped(w)) {
			printf("# in window %d\n", w);
			return false;
		}
	return true;
}

static bool stops(void)
{
	for (enum window w = PACKED; w < WINDOWS; w++)
		if (!stopped_by(w, SIGTSTP) || !stopped_by(w, SIGSTOP) || !stop_taken_back(w)) {
			printf("# in window %d\n", w);
			return false;
		}
	return true;
}

static bool ends(void)
{
	for (enum window w = PACKED; w < WINDOWS; w++)
		if (!ended_by(w, SIGTERM) || !ended_by(w, SIGKILL)) {
			printf("# in window %d\n", w);
			return false;
		}
	return true;
}

static bool in_vain(void)
{
	struct report r;
	pid_t child;

	gives_up = true;
	child = child_make(true);
	gives_up = false;
	EXPECT(child > 0 && come_to(READY));
	EXPECT(killpg(child, SIGUSR1) == 0 && kill(child, SIGUSR2) == 0);
	EXPECT(let_go(READY) && all_read(up[0], &r, sizeof r));
	EXPECT(r.number == child && r.usr1 && r.usr2);
	return ends_with(child, 0);
}

/* --- who watches late --------------------------------------------------------------------------------------- */

static struct event told = EVENT_INIT;
static unsigned told_signal;
static uint64_t watched;

static void state_told(struct mon_watcher *w, uint64_t pid, unsigned signal)
{
	(void)w;
	if (pid != watched)
		return;
	told_signal = signal;
	event_raise(&told);
}

static void nothing(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w, (void)pid, (void)cause, (void)status;
}

static bool late_watch(void)
{
	static struct mon_watcher watcher = { .gone = nothing, .state = state_told };
	struct mon_signal stop = { .to = MON_TO_PID, .signal = SIGSTOP, .value = SIGTTIN };
	unsigned count;

	EXPECT(child_start(dispatcher_core(), "forever", "", &watched) == ERR_OK);
	stop.who = watched;
	EXPECT(mon_signal(dispatcher_core(), &stop, &count) == ERR_OK && count == 1);
	mon_watcher_add(&watcher);
	EXPECT(mon_watch(watched) == ERR_OK);
	EXPECT(event_wait(&told, context_now() + PATIENCE * dispatcher_tsc_hz()));
	EXPECT(told_signal == SIGTTIN);
	return mon_kill(watched) == ERR_OK;
}

const struct test exec_tests[] = {
	{ "a group and signals for it come with exec, in each window", groups },
	{ "so does a stop, and that it is taken back", stops },
	{ "what ends the process ends who was to take its place, too", ends },
	{ "an exec that comes to nothing keeps its signals", in_vain },
	{ "who begins to watch a stopped process is told so", late_watch },
	{ 0 },
};
