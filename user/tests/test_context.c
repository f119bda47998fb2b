/*
 * Contexts: what handlers are told of where their thread was, alternate stacks, and coroutines.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "user/tests/tap.h"

#define FRESH_BYTES (1 << 20) /* of the heap, not touched yet */

static char alternate[SIGSTKSZ] __attribute__((aligned(16)));
static char first_room[32768], second_room[32768];
static volatile sig_atomic_t got;

static bool is_on(const char *room, size_t bytes, const void *address)
{
	return (const char *)address >= room && (const char *)address < room + bytes;
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	const struct sigaction a = { .sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO };

	sigaction(signal, &a, NULL);
}

/* --- the alternate stack ------------------------------------------------------------------------------------ */

static stack_t alternate_stack(void) { return (stack_t){ .ss_sp = alternate, .ss_size = sizeof alternate }; }

static bool stack_is_set(void)
{
	stack_t s = alternate_stack(), was;

	EXPECT(sigaltstack(NULL, &was) == 0 && was.ss_flags == SS_DISABLE);
	s.ss_size = MINSIGSTKSZ - 1;
	EXPECT(sigaltstack(&s, NULL) == -1 && errno == ENOMEM);
	s = alternate_stack();
	s.ss_flags = SS_DISABLE | SS_ONSTACK;
	EXPECT(sigaltstack(&s, NULL) == -1 && errno == EINVAL);
	s.ss_flags = 0;
	EXPECT(sigaltstack(&s, &was) == 0 && was.ss_flags == SS_DISABLE);
	EXPECT(sigaltstack(NULL, &was) == 0 && was.ss_sp == alternate && was.ss_size == sizeof alternate &&
	       was.ss_flags == 0);
	return true;
}

static volatile bool was_on, knew, refused, sums;

/* More than the alternate stack has room for is needed to bring this memory in: that is done elsewhere. */
static uint64_t fresh_sum(void)
{
	volatile char *fresh = malloc(FRESH_BYTES);
	uint64_t sum = 0;

	for (size_t i = 0; fresh && i < FRESH_BYTES; i += 4096) {
		fresh[i] = 1;
		sum += (uint64_t)fresh[i];
	}
	free((void *)(uintptr_t)fresh);
	return sum;
}

static void looks_around(int signal, siginfo_t *info, void *context)
{
	const stack_t other = { .ss_sp = first_room, .ss_size = sizeof first_room };
	stack_t now;

	(void)signal, (void)info, (void)context;
	was_on = is_on(alternate, sizeof alternate, &now);
	knew = sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_ONSTACK;
	refused = sigaltstack(&other, NULL) == -1 && errno == EPERM;
	sums = fresh_sum() == FRESH_BYTES / 4096;
	got = 1;
}

static bool handlers_run_there(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t s = alternate_stack(), was;

	EXPECT(sigaltstack(&s, NULL) == 0);
	handle(SIGUSR1, looks_around, 0);
	was_on = true;
	EXPECT(raise(SIGUSR1) == 0 && !was_on);
	EXPECT(sigaltstack(&s, NULL) == 0); /* the handler had set another: it was not on one */
	handle(SIGUSR1, looks_around, SA_ONSTACK);
	EXPECT(raise(SIGUSR1) == 0 && was_on && knew && refused && sums);
	EXPECT(sigaltstack(&none, &was) == 0 && was.ss_flags == 0);
	EXPECT(raise(SIGUSR1) == 0 && !was_on);
	signal(SIGUSR1, SIG_DFL);
	EXPECT(sigaltstack(&none, NULL) == 0);
	return true;
}

/* One that computes is diverted there. */
static bool computing_goes_there(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t s = alternate_stack();

	EXPECT(sigaltstack(&s, NULL) == 0);
	handle(SIGALRM, looks_around, SA_ONSTACK);
	got = 0;
	ualarm(2000, 0);
	while (!got)
		__asm__ volatile("pause");
	EXPECT(was_on && knew && refused && sums);
	signal(SIGALRM, SIG_DFL);
	EXPECT(sigaltstack(&none, NULL) == 0);
	return true;
}

static sigjmp_buf back;

static void jumps_back(int signal, siginfo_t *info, void *context)
{
	int here;

	(void)info, (void)context;
	was_on = is_on(alternate, sizeof alternate, &here);
	siglongjmp(back, signal);
}

static __attribute__((noinline)) int deeper(volatile int *above)
{
	volatile int here[64];

	here[0] = *above + 1;
	return here[0] == INT_MAX ? 0 : deeper(here) + here[0];
}

static volatile int zero;

static bool overflow_once(void)
{
	int signal = sigsetjmp(back, 1);

	was_on = was_on && signal;
	if (!signal)
		zero = deeper(&zero) * 0;
	EXPECT(signal == SIGSEGV && was_on);
	return true;
}

static void *overflow_twice(void *unused)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t s = alternate_stack();
	bool well = sigaltstack(&s, NULL) == 0 && overflow_once() && overflow_once() && sigaltstack(&none, NULL) == 0;

	(void)unused;
	return well ? alternate : NULL;
}

static bool overflows_are_handled(void)
{
	pthread_t t;
	void *result;

	handle(SIGSEGV, jumps_back, SA_ONSTACK);
	EXPECT(overflow_twice(NULL));
	EXPECT(pthread_create(&t, NULL, overflow_twice, NULL) == 0 && pthread_join(t, &result) == 0 && result);
	signal(SIGSEGV, SIG_DFL);
	return true;
}

/* A child has its parent's alternate stack, and outlives an overrun as its parent does. */
static bool children_handle_overflows(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t s = alternate_stack(), now;
	int status;
	pid_t pid;

	EXPECT(sigaltstack(&s, NULL) == 0);
	handle(SIGSEGV, jumps_back, SA_ONSTACK);
	pid = fork();
	if (pid == 0) {
		bool well = sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate && overflow_once() &&
			    overflow_once() && kill(getpid(), 0) == 0;

		_exit(well ? 3 : 1);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3);
	signal(SIGSEGV, SIG_DFL);
	EXPECT(sigaltstack(&none, NULL) == 0);
	return true;
}

/* --- what a handler is told ------------------------------------------------------------------------------------ */

extern const char fault_here[], fault_over[];
static volatile bool told_well;

/* It goes on behind the instruction, with another value in the register that this would have loaded. */
static void mends(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	told_well = signal == SIGSEGV && info->si_code == SEGV_MAPERR && info->si_addr == (void *)0x10 &&
		    uc->uc_mcontext.gregs[__REG_RIP] == (greg_t)(uintptr_t)fault_here &&
		    uc->uc_mcontext.gregs[__REG_RDI] == 0x10 && uc->uc_mcontext.fpregs;
	uc->uc_mcontext.gregs[__REG_RIP] = (greg_t)(uintptr_t)fault_over;
	uc->uc_mcontext.gregs[__REG_RAX] = 4711;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

static bool registers_are_told(void)
{
	sigset_t mask;
	uint64_t value;

	handle(SIGSEGV, mends, 0);
	__asm__ volatile("fault_here: mov (%%rdi), %%rax\n"
			 "fault_over:"
			 : "=a"(value)
			 : "D"(0x10), "a"(1)
			 : "memory");
	EXPECT(told_well && value == 4711);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	EXPECT(sigismember(&mask, SIGUSR2) == 1);
	sigdelset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGSEGV, SIG_DFL);
	return true;
}

static const char constant[16] = "constant";

static void notes_code(int signal, siginfo_t *info, void *context)
{
	(void)context;
	got = info->si_code;
	siglongjmp(back, signal);
}

static bool kinds_are_told(void)
{
	handle(SIGSEGV, notes_code, 0);
	got = 0;
	if (!sigsetjmp(back, 1))
		*(volatile char *)(uintptr_t)constant = 1;
	EXPECT(got == SEGV_ACCERR);
	signal(SIGSEGV, SIG_DFL);
	return true;
}

/* A handler that does not return, but has its thread go on by what it was told. */
static void goes_on(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	got++;
	setcontext(context);
}

static bool handlers_go_on(void)
{
	volatile uint64_t steps = 0;
	volatile double half = 0.5;

	handle(SIGALRM, goes_on, 0);
	got = 0;
	ualarm(1000, 1000);
	while (got < 3) {
		steps++;
		half = half * 2 / 2;
	}
	ualarm(0, 0);
	signal(SIGALRM, SIG_IGN); /* one that came just before would end this process */
	EXPECT(steps && half == 0.5);
	handle(SIGUSR1, goes_on, 0);
	EXPECT(raise(SIGUSR1) == 0);
	signal(SIGALRM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	return true;
}

/* --- coroutines ---------------------------------------------------------------------------------------------- */

static ucontext_t of_main, of_first, of_second;
static volatile int turns, total;

static void counts(int a, int b, int c, int d, int e, int f, int g, int h)
{
	int here;

	total = is_on(first_room, sizeof first_room, &here) ? a + b + c + d + e + f + 10 * g + 100 * h : -1;
	for (int i = 0; i < 3; i++) {
		turns = turns * 10 + 1;
		swapcontext(&of_first, &of_second);
	}
}

static void answers(void)
{
	/* What needs a stack of some size, wherever that is. */
	sums = fresh_sum() == FRESH_BYTES / 4096;
	for (int i = 0; i < 3; i++) {
		turns = turns * 10 + 2;
		swapcontext(&of_second, &of_first);
	}
}

static void lay(ucontext_t *uc, char *room, size_t bytes, ucontext_t *link)
{
	getcontext(uc);
	uc->uc_stack = (stack_t){ .ss_sp = room, .ss_size = bytes };
	uc->uc_link = link;
}

static bool coroutines(void)
{
	turns = total = 0;
	sums = false;
	lay(&of_first, first_room, sizeof first_room, &of_main);
	lay(&of_second, second_room, sizeof second_room, &of_main);
	makecontext(&of_first, (void (*)(void))(uintptr_t)counts, 8, 1, 2, 3, 4, 5, 6, 7, 8);
	makecontext(&of_second, answers, 0);
	EXPECT(swapcontext(&of_main, &of_first) == 0);
	EXPECT(turns == 121212 && total == 21 + 70 + 800 && sums);
	return true;
}

static void waits_for_alarm(void)
{
	int here;

	while (!got)
		__asm__ volatile("pause");
	sums = is_on(first_room, sizeof first_room, &here);
}

static void notes(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	was_on = is_on(first_room, sizeof first_room, &signal);
	got = 1;
}

static bool coroutine_takes_signals(void)
{
	handle(SIGALRM, notes, 0);
	got = 0;
	sums = was_on = false;
	lay(&of_first, first_room, sizeof first_room, &of_main);
	makecontext(&of_first, waits_for_alarm, 0);
	ualarm(2000, 0);
	EXPECT(swapcontext(&of_main, &of_first) == 0);
	EXPECT(got && sums && was_on);
	signal(SIGALRM, SIG_DFL);
	return true;
}

static bool masks_go_along(void)
{
	volatile int times = 0;
	sigset_t set, now;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	EXPECT(getcontext(&of_main) == 0);
	sigprocmask(SIG_BLOCK, NULL, &now);
	EXPECT(!sigismember(&now, SIGUSR1));
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (times++ < 2)
		setcontext(&of_main);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT(times == 3);
	return true;
}

static void *ends_by_context(void *unused)
{
	char *room = malloc(sizeof first_room);

	(void)unused;
	lay(&of_second, room, sizeof first_room, NULL);
	makecontext(&of_second, answers, 0);
	setcontext(&of_second);
	return NULL;
}

static bool last_context_ends_thread(void)
{
	pthread_t t;

	getcontext(&of_first);
	lay(&of_first, first_room, sizeof first_room, &of_second);
	makecontext(&of_first, waits_for_alarm, 0);
	got = 1;
	EXPECT(pthread_create(&t, NULL, ends_by_context, NULL) == 0 && pthread_join(t, NULL) == 0);
	return true;
}

const struct test context_tests[] = {
	{ "an alternate stack is set, and refused", stack_is_set },
	{ "handlers run on it", handlers_run_there },
	{ "a thread that computes is diverted to it", computing_goes_there },
	{ "who has overrun a stack is handled on it", overflows_are_handled },
	{ "and a fork's child likewise", children_handle_overflows },
	{ "a handler is told of the registers, and changes them", registers_are_told },
	{ "a write to what is constant is told as such", kinds_are_told },
	{ "a handler has its thread go on by setcontext", handlers_go_on },
	{ "coroutines: arguments, turns, what goes on afterwards", coroutines },
	{ "a coroutine that computes takes a signal", coroutine_takes_signals },
	{ "contexts have their masks", masks_go_along },
	{ "a thread ends with its last context", last_context_ends_thread },
	{ 0 },
};
