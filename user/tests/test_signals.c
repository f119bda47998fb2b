/*
 * Signals: to oneself, to other processes that compute, sleep or wait, to groups; what is done without a handler;
 * stops.
 *
 * A child that is ready for a signal says so by one: SIGUSR2 to its parent, which waits for that.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/tests/child.h"
#include "user/tests/tap.h"

static volatile sig_atomic_t got[NSIG], order[8], ordered;
static volatile sig_atomic_t inner, value;

static void note(int signal)
{
	got[signal]++;
	if (ordered < 8)
		order[ordered++] = signal;
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags };

	sigaction(signal, &a, NULL);
}

static void forget(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++) {
		handle(i, SIG_DFL, 0);
		got[i] = 0;
	}
	ordered = 0;
}

static sigset_t set_of(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

/* --- to oneself ---------------------------------------------------------------------------------- */

static void nested(int signal)
{
	note(signal);
	if (got[signal] > 1)
		return;
	raise(SIGUSR2);
	inner = got[SIGUSR2];
	raise(signal); /* blocked till we return */
	note(SIGHUP);
}

static bool to_oneself(void)
{
	sigset_t set = set_of(SIGUSR1), pending;

	forget();
	handle(SIGUSR1, note, 0);
	EXPECT(raise(SIGUSR1) == 0 && got[SIGUSR1] == 1);
	EXPECT(kill(getpid(), SIGUSR1) == 0 && got[SIGUSR1] == 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	EXPECT(got[SIGUSR1] == 2);
	EXPECT(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT(got[SIGUSR1] == 3);
	handle(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	EXPECT(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	EXPECT(raise(SIGUSR1) == 0 && got[SIGUSR1] == 4);
	EXPECT(sigaction(SIGKILL, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL) == -1 && errno == EINVAL);
	EXPECT(kill(getpid(), 99) == -1 && errno == EINVAL);
	return true;
}

static bool nesting(void)
{
	forget();
	handle(SIGUSR1, nested, 0);
	handle(SIGUSR2, note, 0);
	raise(SIGUSR1);
	EXPECT(got[SIGUSR1] == 2 && got[SIGUSR2] == 1 && inner == 1);
	/* The first handler ended before the second began. */
	EXPECT(order[0] == SIGUSR1 && order[1] == SIGUSR2 && order[2] == SIGHUP && order[3] == SIGUSR1);
	return true;
}

static void told(int signal, siginfo_t *info, void *context)
{
	(void)context;
	note(signal);
	value = value * 10 + info->si_value.sival_int;
}

static bool queued(void)
{
	struct sigaction a = { .sa_sigaction = told, .sa_flags = SA_SIGINFO };
	sigset_t set = set_of(SIGRTMIN + 1);
	siginfo_t info;

	forget();
	value = 0;
	sigaction(SIGRTMIN + 1, &a, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 1; i <= 4; i++)
		EXPECT(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i }) == 0);
	EXPECT(sigwaitinfo(&set, &info) == SIGRTMIN + 1 && info.si_value.sival_int == 1 && info.si_code == SI_QUEUE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT(got[SIGRTMIN + 1] == 3 && value == 234);
	return true;
}

static bool no_signal_in_time(void)
{
	sigset_t set = set_of(SIGUSR1);
	const struct timespec soon = { .tv_nsec = 1000000 };

	forget();
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT(sigtimedwait(&set, NULL, &soon) == -1 && errno == EAGAIN);
	raise(SIGUSR1);
	EXPECT(sigtimedwait(&set, NULL, &soon) == SIGUSR1);
	return true;
}

/* Another thread signals us once we read. */
static void *signal_reader(void *reader)
{
	const struct timespec soon = { .tv_nsec = 20000000 };

	/* However often it comes too early, it comes again. */
	while (!inner) {
		nanosleep(&soon, NULL);
		pthread_kill((pthread_t)reader, SIGUSR1);
	}
	return NULL;
}

static bool reading_is_broken(void)
{
	pthread_t t;
	int end[2];
	char c;

	forget();
	inner = 0;
	EXPECT(pipe(end) == 0);
	handle(SIGUSR1, note, 0);
	EXPECT(pthread_create(&t, NULL, signal_reader, (void *)pthread_self()) == 0);
	EXPECT(read(end[0], &c, 1) == -1 && errno == EINTR && got[SIGUSR1] > 0);
	inner = 1;
	EXPECT(pthread_join(t, NULL) == 0);
	EXPECT(write(end[1], "x", 1) == 1 && read(end[0], &c, 1) == 1 && c == 'x');
	handle(SIGPIPE, note, 0);
	close(end[0]);
	EXPECT(write(end[1], "x", 1) == -1 && errno == EPIPE && got[SIGPIPE] == 1);
	close(end[1]);
	return true;
}

/* --- time, and faults -------------------------------------------------------------------------------- */

static bool timers(void)
{
	const struct itimerval often = { .it_value = { .tv_usec = 5000 }, .it_interval = { .tv_usec = 2000 } };
	const struct itimerspec soon = { .it_value = { .tv_nsec = 3000000 } };
	struct sigevent how = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerval off = { 0 }, left;
	sigset_t none = 0, usr = set_of(SIGUSR1);
	timer_t timer;

	forget();
	handle(SIGALRM, note, 0);
	EXPECT(alarm(1000) == 0 && alarm(0) >= 900);
	EXPECT(setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (got[SIGALRM] < 3) /* computing */
		__asm__ volatile("pause");
	while (got[SIGALRM] < 5)
		pause();
	EXPECT(setitimer(ITIMER_REAL, &off, &left) == 0 && left.it_interval.tv_usec >= 1999);
	signal(SIGALRM, SIG_IGN); /* one that came just before would break off the wait below */
	sigprocmask(SIG_BLOCK, &usr, NULL);
	handle(SIGUSR1, note, 0);
	EXPECT(timer_create(CLOCK_MONOTONIC, &how, &timer) == 0);
	EXPECT(timer_settime(timer, 0, &soon, NULL) == 0);
	EXPECT(sigsuspend(&none) == -1 && got[SIGUSR1] == 1);
	EXPECT(timer_delete(timer) == 0 && timer_delete(timer) == -1 && errno == EINVAL);
	EXPECT(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { .tv_usec = -1 } }, NULL) == -1);
	return true;
}

static sigjmp_buf back;
static void *volatile fault_at;

static void jump_back(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_at = info->si_addr;
	siglongjmp(back, signal);
}

static bool faults_are_signals(void)
{
	struct sigaction a = { .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO };
	static volatile int zero, one = 1; /* so that it is divided, and not folded */
	int signal;

	forget();
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGFPE, &a, NULL);
	for (int i = 0; i < 2; i++) {
		signal = sigsetjmp(back, 1);
		if (!signal)
			*(volatile int *)(uintptr_t)(0x10 + zero) = 1;
		EXPECT(signal == SIGSEGV && fault_at == (void *)0x10);
	}
	signal = sigsetjmp(back, 1);
	if (!signal)
		value = one / zero;
	EXPECT(signal == SIGFPE);
	return true;
}

/* --- to others ------------------------------------------------------------------------------------- */

static int spawn_deed(pid_t *pid, const char *what, const char *arg)
{
	char *argv[] = { (char *)"tests", (char *)"--do", (char *)(uintptr_t)what, (char *)(uintptr_t)arg, NULL };

	return posix_spawn(pid, "/boot/tests", NULL, NULL, argv, NULL);
}

static void ready_say(void) { kill(getppid(), SIGUSR2); }

/* Starts a child and waits till it is ready. */
static bool ready_start(pid_t *pid, const char *what, const char *arg)
{
	sigset_t set = set_of(SIGUSR2), before;
	int signal;

	sigprocmask(SIG_BLOCK, &set, &before);
	EXPECT(spawn_deed(pid, what, arg) == 0);
	EXPECT(sigwait(&set, &signal) == 0 && signal == SIGUSR2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return true;
}

/* Takes a signal in the way that is said; the exit status says how that went. */
int deed_take_signal(const char *arg)
{
	const struct timespec long_time = { .tv_sec = 1000 };
	sigset_t set = set_of(SIGUSR1);
	int signal;

	if (!strcmp(arg, "default")) {
		sigprocmask(SIG_UNBLOCK, &(sigset_t){ ~0ul }, NULL);
		ready_say();
		for (;;)
			pause();
	}
	if (!strcmp(arg, "wait")) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		ready_say();
		return sigwait(&set, &signal) == 0 && signal == SIGUSR1 ? 3 : 1;
	}
	handle(SIGUSR1, note, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigset_t others = 0;
	if (!strcmp(arg, "suspend")) {
		ready_say();
		return sigsuspend(&others) == -1 && errno == EINTR && got[SIGUSR1] == 1 ? 3 : 1;
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (!strcmp(arg, "sleep")) {
		ready_say();
		struct timespec left = { 0 };

		return nanosleep(&long_time, &left) == -1 && errno == EINTR && left.tv_sec > 900 && got[SIGUSR1] ? 3
														 : 1;
	}
	ready_say();
	while (!got[SIGUSR1])
		__asm__ volatile("pause");
	return 3;
}

/*
 * Signals a child till it has ended. A child says that it is ready before it waits: what comes in between runs the
 * handler, and breaks no wait that comes after it.
 */
static bool signal_to_end(pid_t pid, int *status)
{
	const struct timespec soon = { .tv_nsec = 20000000 };
	pid_t ended;

	EXPECT(kill(pid, SIGUSR1) == 0);
	while (!(ended = waitpid(pid, status, WNOHANG))) {
		nanosleep(&soon, NULL);
		EXPECT(kill(pid, SIGUSR1) == 0 || errno == ESRCH); /* it has just ended */
	}
	EXPECT(ended == pid);
	return true;
}

static bool other_takes(const char *how)
{
	int status;
	pid_t pid;

	EXPECT(ready_start(&pid, "take-signal", how));
	EXPECT(signal_to_end(pid, &status));
	if (status != 3 << 8)
		printf("# %s: status %x\n", how, (unsigned)status);
	EXPECT(status == 3 << 8);
	return true;
}

static bool to_others(void)
{
	forget();
	return other_takes("compute") && other_takes("suspend") && other_takes("wait") && other_takes("sleep");
}

static bool without_handler(void)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGKILL, SIGRTMAX };
	int status;
	pid_t pid;

	forget();
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		EXPECT(ready_start(&pid, "take-signal", "default"));
		EXPECT(kill(pid, SIGCHLD) == 0 && kill(pid, 0) == 0);
		EXPECT(kill(pid, ends[i]) == 0);
		EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == ends[i]);
		EXPECT(kill(pid, 0) == -1 && errno == ESRCH);
	}
	EXPECT(spawn_deed(&pid, "forever", "") == 0);
	EXPECT(kill(pid, SIGTERM) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	return true;
}

int deed_abort(const char *arg)
{
	if (*arg)
		handle(SIGABRT, note, 0);
	abort();
}

static bool aborts(void)
{
	int status;
	pid_t pid;

	EXPECT(spawn_deed(&pid, "abort", "") == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGABRT);
	EXPECT(spawn_deed(&pid, "abort", "handled") == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGABRT);
	return true;
}

static bool ends_of_children(void)
{
	sigset_t set = set_of(SIGCHLD), none = 0;
	int status;
	pid_t pid;

	forget();
	handle(SIGCHLD, note, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT(spawn_deed(&pid, "exit", "5") == 0);
	EXPECT(sigsuspend(&none) == -1 && errno == EINTR && got[SIGCHLD] == 1);
	EXPECT(waitpid(pid, &status, WNOHANG) == pid && status == 5 << 8);
	handle(SIGCHLD, SIG_IGN, 0);
	EXPECT(spawn_deed(&pid, "exit", "5") == 0);
	EXPECT(waitpid(pid, &status, 0) == -1 && errno == ECHILD);
	forget();
	return true;
}

static bool waiting_is_broken(void)
{
	const struct itimerval often = { .it_value = { .tv_usec = 5000 }, .it_interval = { .tv_usec = 5000 } };
	int status, found, error;
	pid_t pid;

	forget();
	EXPECT(ready_start(&pid, "take-signal", "compute"));
	handle(SIGALRM, note, 0);
	EXPECT(setitimer(ITIMER_REAL, &often, NULL) == 0);
	found = waitpid(pid, &status, 0);
	error = errno;
	EXPECT(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL) == 0);
	signal(SIGALRM, SIG_IGN); /* one that came just before would break off the next wait too */
	EXPECT(found == -1 && error == EINTR && got[SIGALRM]);
	EXPECT(kill(pid, SIGUSR1) == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 3 << 8);
	return true;
}

static bool stops(void)
{
	static const int by[] = { SIGSTOP, SIGTSTP };
	int status;
	pid_t pid;

	for (size_t i = 0; i < 2; i++) {
		forget();
		EXPECT(ready_start(&pid, "take-signal", "compute"));
		EXPECT(kill(pid, by[i]) == 0);
		EXPECT(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == by[i]);
		EXPECT(kill(pid, SIGUSR1) == 0);
		EXPECT(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
		EXPECT(kill(pid, SIGCONT) == 0);
		EXPECT(waitpid(pid, &status, WCONTINUED) == pid);
		EXPECT(WIFCONTINUED(status) || status == 3 << 8);
		if (WIFCONTINUED(status))
			EXPECT(waitpid(pid, &status, 0) == pid && status == 3 << 8);
	}
	EXPECT(ready_start(&pid, "take-signal", "default"));
	EXPECT(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
	return true;
}

static bool groups(void)
{
	pid_t a, b, c;
	int status;

	forget();
	EXPECT(ready_start(&a, "take-signal", "default") && ready_start(&b, "take-signal", "default") &&
	       ready_start(&c, "take-signal", "default"));
	EXPECT(getpgid(a) == getpgrp() && getsid(a) == getsid(0));
	EXPECT(setpgid(a, 0) == 0 && setpgid(b, a) == 0 && getpgid(b) == a && getpgid(c) == getpgrp());
	EXPECT(kill(-a, SIGTERM) == 0);
	EXPECT(waitpid(-a, &status, 0) > 0 && WTERMSIG(status) == SIGTERM);
	EXPECT(waitpid(-a, &status, 0) > 0 && WTERMSIG(status) == SIGTERM);
	EXPECT(waitpid(-a, &status, 0) == -1 && errno == ECHILD);
	EXPECT(kill(-a, SIGTERM) == -1 && errno == ESRCH);
	EXPECT(waitpid(c, &status, WNOHANG) == 0);
	handle(SIGUSR1, note, 0);
	EXPECT(kill(0, SIGUSR1) == 0 && got[SIGUSR1] == 1);
	EXPECT(waitpid(0, &status, 0) == c && WTERMSIG(status) == SIGUSR1);
	EXPECT(kill(30000, 0) == -1 && errno == ESRCH);
	return true;
}

/* --- waits of threads: each is begun when its thread is told of, and ended when the handler has run ---- */

static sem_t begun, wanted;
static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t guarded = PTHREAD_RWLOCK_INITIALIZER;

static void handled(int signal)
{
	got[signal]++;
	sem_post(&begun);
}

static void *in_semaphore(void *unused)
{
	(void)unused;
	sem_post(&begun);
	return (void *)(uintptr_t)(sem_wait(&wanted) == 0);
}

static void *in_mutex(void *unused)
{
	(void)unused;
	sem_post(&begun);
	if (pthread_mutex_lock(&locked))
		return NULL;
	return (void *)(uintptr_t)(pthread_mutex_unlock(&locked) == 0);
}

static void *in_lock(void *unused)
{
	(void)unused;
	sem_post(&begun);
	if (pthread_rwlock_wrlock(&guarded))
		return NULL;
	return (void *)(uintptr_t)(pthread_rwlock_unlock(&guarded) == 0);
}

static void *in_condition(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&locked);
	sem_post(&begun);
	while (!got[SIGUSR1])
		pthread_cond_wait(&never, &locked);
	inner = 1;
	return (void *)(uintptr_t)(pthread_mutex_unlock(&locked) == 0);
}

/* Sem_wait goes on after its own handlers here: only what has come counts. */
static void awaited(sem_t *s)
{
	while (sem_wait(s))
		;
}

static bool wait_goes_on(void *(*fn)(void *), int flags, void (*release)(void))
{
	pthread_t t;
	void *result;

	forget();
	inner = 0;
	handle(SIGUSR1, handled, flags);
	EXPECT(pthread_create(&t, NULL, fn, NULL) == 0);
	awaited(&begun);
	EXPECT(pthread_kill(t, SIGUSR1) == 0);
	awaited(&begun);
	EXPECT(got[SIGUSR1] == 1);
	release();
	EXPECT(pthread_join(t, &result) == 0 && result);
	return true;
}

/* The handler may have run just before the wait. Woken till it is out; the mutex is held when it looks. */
static void condition_out(void)
{
	const struct timespec soon = { .tv_nsec = 1000000 };

	while (!inner) {
		pthread_cond_broadcast(&never);
		nanosleep(&soon, NULL);
	}
}

static void wanted_post(void) { sem_post(&wanted); }
static void locked_unlock(void) { pthread_mutex_unlock(&locked); }
static void guarded_unlock(void) { pthread_rwlock_unlock(&guarded); }

static bool waits_of_threads(void)
{
	EXPECT(sem_init(&begun, 0, 0) == 0 && sem_init(&wanted, 0, 0) == 0);
	EXPECT(wait_goes_on(in_semaphore, SA_RESTART, wanted_post));
	pthread_mutex_lock(&locked);
	EXPECT(wait_goes_on(in_mutex, 0, locked_unlock));
	pthread_rwlock_rdlock(&guarded);
	EXPECT(wait_goes_on(in_lock, 0, guarded_unlock));
	EXPECT(wait_goes_on(in_condition, 0, condition_out));
	return true;
}

/* It may be about to wait when the signal comes: then the handler runs before. Told again, until it is out. */
static bool semaphore_is_broken(void)
{
	const struct itimerspec often = { { 0, 20000000 }, { 0, 20000000 } }, off = { 0 };
	timer_t timer;
	int result;

	forget();
	handle(SIGALRM, note, 0);
	EXPECT(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
	result = sem_wait(&wanted);
	EXPECT(result == -1 && errno == EINTR && got[SIGALRM] > 0);
	EXPECT(timer_settime(timer, 0, &off, NULL) == 0 && timer_delete(timer) == 0);
	return true;
}

const struct test signals_tests[] = {
	{ "to oneself: handlers, masks, what is pending", to_oneself },
	{ "handlers within handlers", nesting },
	{ "real-time signals are queued, with their values", queued },
	{ "waiting for a signal has an end", no_signal_in_time },
	{ "a handler breaks read; a pipe without a reader is told by a signal", reading_is_broken },
	{ "alarm, setitimer, timer_create", timers },
	{ "a thread's own faults are signals", faults_are_signals },
	{ "a process that computes, suspends, waits or sleeps takes a signal", to_others },
	{ "without a handler a signal ends a process, and is told", without_handler },
	{ "abort ends, handled or not", aborts },
	{ "a child's end is told by a signal", ends_of_children },
	{ "a handler breaks waitpid", waiting_is_broken },
	{ "a process is stopped and goes on", stops },
	{ "signals to groups", groups },
	{ "handlers run in waits for semaphores, mutexes, conditions, locks", waits_of_threads },
	{ "a handler breaks sem_wait", semaphore_is_broken },
	{ 0 },
};
