/*
 * Threads of several cpus: the scheduler as it stands, with a Linux thread for each cpu.
 *
 * What is core-local is a Linux thread's own here, the dispatcher page too. Contexts are the host's,
 * and go from one Linux thread to another as threads of ours do. Ringing sets
 * the event word of the cpu's page, as the CPU driver would, and wakes it if it sleeps.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "kernel/abi/dispatcher.h"
#include "libos/core/local.h"

#undef CORE_LOCAL
#define CORE_LOCAL _Thread_local
#undef DISPATCHER_VA
#define DISPATCHER_VA ((uintptr_t)page_here())

struct dispatcher_page *page_here(void);

#include "kernel/abi/error.h"
#include "libos/core/vspace.h"
#include "libos/thread/cpu_private.h"
#include "libos/x86/context.h"

/* The host's own is in that register. */
#define context_set_thread_pointer(tp) ((void)(tp))

#define begin wait_c_begin
#define finish wait_c_finish
#include "libos/thread/wait.c"
#undef begin
#undef finish
#include "libos/thread/cpu.c"
#include "libos/thread/hop.c"
#include "libos/thread/cond.c"
#include "libos/thread/mutex.c"
#include "libos/thread/sleep.c"
#include "libos/thread/policy.c"
#include "libos/thread/thread.c"

#define CPUS 4
#define STACK_BYTES 65536
#define THREADS_MAX 512

struct host_thread {
	struct thread thread;
	ucontext_t context;
	void (*entry)(void);
};

struct host_cpu {
	struct dispatcher_page page;
	pthread_mutex_t lock;
	pthread_cond_t rung;
	pthread_t thread;
	ucontext_t upcall;
	char stack[STACK_BYTES];
	/* What goes on on the upcall stack. */
	void (*fn)(void *arg);
	void *arg;
};

static struct host_cpu host_cpus[CPUS];
static struct host_thread hosts[THREADS_MAX];
static unsigned host_count;
static _Thread_local struct host_cpu *here;

/* Not inlined: after a switch the caller may be on another Linux thread, and must look again. */
__attribute__((noinline)) struct dispatcher_page *page_here(void)
{
	__asm__ volatile("" ::: "memory");
	return &here->page;
}

static __attribute__((noinline)) struct host_cpu *cpu_here(void)
{
	__asm__ volatile("" ::: "memory");
	return here;
}

/* Frames that were left for good are no trap for who uses the stack next. */
static void stack_clean(void *stack, size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
	__asan_unpoison_memory_region(stack, bytes);
#else
	(void)stack;
	(void)bytes;
#endif
}

static ucontext_t *context_of(struct thread *t) { return &((struct host_thread *)t)->context; }

/* --- what context.asm and libos/core do on the machine -------------------------------- */

void dispatcher_catch_up(void)
{
	do {
		dispatcher_disable();
		if (__atomic_exchange_n(&page_here()->events, 0, __ATOMIC_SEQ_CST))
			cpu_rung(NULL);
		__atomic_store_n(&page_here()->disabled, 0, __ATOMIC_RELAXED);
	} while (__atomic_load_n(&page_here()->events, __ATOMIC_RELAXED));
	thread_give_way();
}

void cpu_wake(coreid_t core)
{
	struct host_cpu *c = &host_cpus[core];

	pthread_mutex_lock(&c->lock);
	__atomic_store_n(&c->page.events, EVENT_NOTIFY, __ATOMIC_SEQ_CST);
	pthread_cond_signal(&c->rung);
	pthread_mutex_unlock(&c->lock);
}

err_t stack_map(unsigned bits, vaddr_t *top)
{
	*top = (vaddr_t)aligned_alloc(64, SIZE_OF_BITS(bits)) + SIZE_OF_BITS(bits);
	return 0;
}

err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *out)
{
	(void)frame;
	*out = (vaddr_t)aligned_alloc(CACHE_LINE, SIZE_OF_BITS(bits));
	memset((void *)*out, 0, SIZE_OF_BITS(bits));
	return 0;
}

struct thread *thread_lay(vaddr_t low, vaddr_t top)
{
	unsigned n = __atomic_fetch_add(&host_count, 1, __ATOMIC_SEQ_CST);
	struct thread *t = &hosts[n].thread;

	assert_true(n < THREADS_MAX);
	*t = (struct thread){ .self = t, .stack_low = low, .stack_top = top, .maker = cpu_self };
	return t;
}

void thread_tls_init(struct thread *t) { assert_ptr_equal(t->self, t); }

void thread_reent_release(struct thread *t) { t->reent = NULL; }

static ucontext_t *context_of_stack(vaddr_t top)
{
	for (unsigned i = 0; i < __atomic_load_n(&host_count, __ATOMIC_SEQ_CST); i++)
		if (hosts[i].thread.stack_top == top)
			return &hosts[i].context;
	abort();
}

uint64_t context_make(vaddr_t stack, void (*entry)(void))
{
	ucontext_t *c = context_of_stack(stack);

	stack_clean((void *)(stack - STACK_BYTES), STACK_BYTES);
	getcontext(c);
	c->uc_stack.ss_sp = (void *)(stack - STACK_BYTES);
	c->uc_stack.ss_size = STACK_BYTES;
	makecontext(c, entry, 0);
	return 1;
}

void context_load(struct thread *to)
{
	page_here()->libos[0] = (uint64_t)to;
	setcontext(context_of(to));
	abort();
}

err_t context_switch(struct thread *from, struct thread *to)
{
	page_here()->libos[0] = (uint64_t)to;
	swapcontext(context_of(from), context_of(to));
	return 0;
}

static void upcall_enter(void)
{
	struct host_cpu *c = cpu_here();

	c->fn(c->arg);
	abort();
}

/* Makes a context that calls fn(arg) on the upcall stack of this cpu. */
static ucontext_t *upcall_make(void (*fn)(void *), void *arg)
{
	struct host_cpu *c = cpu_here();

	c->fn = fn;
	c->arg = arg;
	stack_clean(c->stack, sizeof(c->stack));
	getcontext(&c->upcall);
	c->upcall.uc_stack.ss_sp = c->stack;
	c->upcall.uc_stack.ss_size = sizeof(c->stack);
	makecontext(&c->upcall, upcall_enter, 0);
	return &c->upcall;
}

void context_leave(struct thread *from, void (*fn)(struct thread *), vaddr_t stack)
{
	(void)stack;
	swapcontext(context_of(from), upcall_make((void (*)(void *))(uintptr_t)fn, from));
}

void context_call(void (*fn)(void *) __attribute__((noreturn)), void *arg, vaddr_t stack)
{
	(void)stack;
	setcontext(upcall_make(fn, arg));
	abort();
}

static struct timespec host_deadline(cycles_t deadline)
{
	struct timespec t;
	cycles_t now = context_now();
	uint64_t wait = deadline > now ? (deadline - now) / 4 : 0; /* no more than the TSC's ticks in ns, or about */

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += (long)(wait % 1000000000);
	t.tv_sec += (time_t)(wait / 1000000000) + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* SYS_WAIT, and the run upcall that ends it. */
static void sleep_here(void *deadline)
{
	struct host_cpu *c = cpu_here();
	struct timespec until = host_deadline((cycles_t)deadline);
	int err = 0;

	page_here()->libos[0] = 0;
	pthread_mutex_lock(&c->lock);
	while (!__atomic_load_n(&c->page.events, __ATOMIC_SEQ_CST) && !err)
		err = deadline ? pthread_cond_timedwait(&c->rung, &c->lock, &until)
			       : pthread_cond_wait(&c->rung, &c->lock);
	pthread_mutex_unlock(&c->lock);
	if (__atomic_exchange_n(&c->page.events, 0, __ATOMIC_SEQ_CST))
		cpu_rung(NULL);
	thread_after_upcall(NULL);
}

err_t context_wait(struct thread *from, cycles_t deadline)
{
	swapcontext(context_of(from), upcall_make(sleep_here, (void *)deadline));
	return 0;
}

/* Nobody is to be sent anything here. */
err_t context_part(struct thread *from, cptr_t to, uint64_t header, const uint64_t *words)
{
	(void)from, (void)to, (void)header, (void)words;
	abort();
}

void context_sleep(cycles_t deadline)
{
	setcontext(upcall_make(sleep_here, (void *)deadline));
	abort();
}

err_t context_yield(struct thread *from) { return from->rsp ? 0 : -1; }

void context_keep(struct thread *t) { t->rsp = 0; }

static void *member(void *arg)
{
	here = arg;
	dispatcher_disable();
	cpu_init(thread_lay(0, 0));
	dispatcher_page()->libos[0] = (uint64_t)thread_current();
	thread_current()->pool = STACK_CLASSES - 1;
	dispatcher_enable();
	cpu_begin(NULL);
}

err_t cpu_add(coreid_t core)
{
	host_cpus[core].page.core = core;
	return pthread_create(&host_cpus[core].thread, NULL, member, &host_cpus[core]) ? ERR_NO_MEMORY : ERR_OK;
}

/* --- tests ------------------------------------------------------------------------------ */

#define WORKERS 16
#define ROUNDS 2000

static struct mutex lock;
static struct cond changed;
static struct semaphore slots, items;
static struct barrier meeting;
static unsigned counter, inside, on_core[CPUS];

static void run_all(thread_fn *fn)
{
	struct thread *t[WORKERS];

	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(thread_create(&t[i], fn, (void *)i), 0);
	for (uintptr_t i = 0; i < WORKERS; i++) {
		void *result;

		thread_join(t[i], &result);
		assert_int_equal((uintptr_t)result, i);
	}
}

static void *count_up(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		mutex_lock(&lock);
		if (inside++)
			abort();
		counter++;
		if (i % 8 == 0)
			thread_yield();
		inside--;
		mutex_unlock(&lock);
		on_core[page_here()->core]++;
	}
	return arg;
}

static void test_mutex_excludes(void **state)
{
	(void)state;
	counter = 0;
	run_all(count_up);
	assert_int_equal(counter, WORKERS * ROUNDS);
}

static void *produce_consume(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if ((uintptr_t)arg % 2) {
			semaphore_wait(&slots, 0);
			semaphore_post(&items);
		} else {
			semaphore_wait(&items, 0);
			semaphore_post(&slots);
		}
	}
	return arg;
}

static void test_semaphores(void **state)
{
	(void)state;
	semaphore_init(&slots, 2);
	semaphore_init(&items, 0);
	run_all(produce_consume);
	assert_int_equal(slots.count, 2);
	assert_int_equal(items.count, 0);
}

static void *take_turns(void *arg)
{
	mutex_lock(&lock);
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		while (counter % WORKERS != (uintptr_t)arg)
			cond_wait(&changed, &lock, 0);
		counter++;
		cond_broadcast(&changed);
	}
	mutex_unlock(&lock);
	return arg;
}

static void test_conditions(void **state)
{
	(void)state;
	counter = 0;
	run_all(take_turns);
	assert_int_equal(counter, WORKERS * (ROUNDS / 10));
}

static unsigned meetings[ROUNDS];

static void *meet(void *arg)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		__atomic_add_fetch(&meetings[i], 1, __ATOMIC_SEQ_CST);
		barrier_wait(&meeting);
		if (__atomic_load_n(&meetings[i], __ATOMIC_SEQ_CST) != WORKERS)
			abort();
	}
	return arg;
}

static void test_barrier(void **state)
{
	(void)state;
	barrier_init(&meeting, WORKERS);
	run_all(meet);
}

static void *hop_about(void *arg)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		coreid_t core = (coreid_t)(i + (uintptr_t)arg) % CPUS;
		coreid_t back = thread_visit(core);

		if (page_here()->core != core)
			abort();
		thread_yield();
		if (page_here()->core != core)
			abort();
		thread_return(back);
	}
	return arg;
}

static void test_hops(void **state)
{
	(void)state;
	run_all(hop_about);
	assert_int_equal(thread_hop(CPUS), ERR_CORE_ID);
}

/* Deadlines against wake-ups: each wait ends once, whichever comes first. */
static void *wait_or_time_out(void *arg)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		if ((uintptr_t)arg % 2)
			semaphore_post(&items);
		else if (semaphore_wait(&items, context_now() + 20000 + i % 7 * 1000))
			__atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	}
	return arg;
}

static void test_deadlines(void **state)
{
	(void)state;
	counter = inside = 0;
	semaphore_init(&items, 0);
	run_all(wait_or_time_out);
	assert_int_equal(counter + inside, WORKERS / 2 * (ROUNDS / 4));
	assert_int_equal(counter + items.count, WORKERS / 2 * (ROUNDS / 4));
	assert_null(items.waiting.head);
}

static struct thread *victims[WORKERS];

static void *wait_till_interrupted(void *arg)
{
	unsigned got = 0;

	while (!thread_interrupted())
		got += semaphore_wait_interruptible(&items, 0);
	__atomic_add_fetch(&counter, got, __ATOMIC_SEQ_CST);
	return arg;
}

static void test_interrupts(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		counter = 0;
		semaphore_init(&items, 0);
		for (uintptr_t i = 0; i < WORKERS; i++)
			thread_create(&victims[i], wait_till_interrupted, (void *)i);
		for (unsigned i = 0; i < 100; i++)
			semaphore_post(&items);
		for (unsigned i = 0; i < WORKERS; i++)
			thread_interrupt(victims[i]);
		for (unsigned i = 0; i < WORKERS; i++)
			thread_join(victims[i], NULL);
		assert_int_equal(counter + items.count, 100);
	}
}

static void *give_back(void *arg) { return arg; }

static void *churn(void *arg)
{
	for (unsigned i = 0; i < ROUNDS / 20; i++) {
		struct thread *t;
		void *result;

		thread_create(&t, give_back, arg);
		thread_join(t, &result);
		if (result != arg)
			abort();
	}
	return arg;
}

/* Blocks go back to who made them: their number does not grow with the threads. */
static void test_blocks_return(void **state)
{
	unsigned before;

	(void)state;
	run_all(churn);
	before = host_count;
	for (unsigned i = 0; i < 4; i++)
		run_all(churn);
	assert_in_range(host_count, before, before + 2 * WORKERS * CPUS);
}

static void test_work_spread(void **state)
{
	unsigned cores = 0;

	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		cores += on_core[i] != 0;
	assert_true(cores > 1);
}

static int start_cpus(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		pthread_mutex_init(&host_cpus[i].lock, NULL);
		pthread_cond_init(&host_cpus[i].rung, NULL);
		host_cpus[i].page.tsc_hz = 2000000000;
	}
	here = &host_cpus[0];
	thread_init(thread_lay(0, 0));
	assert_int_equal(cpu_join(0), ERR_EXISTS);
	for (coreid_t core = 1; core < CPUS; core++)
		assert_int_equal(cpu_join(core), ERR_OK);
	assert_int_equal(cpu_join(1), ERR_EXISTS);
	assert_int_equal(cpu_count(), CPUS);
	thread_pin(); /* cmocka's own state is this Linux thread's */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex_excludes), cmocka_unit_test(test_work_spread),
		cmocka_unit_test(test_semaphores),     cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_barrier),        cmocka_unit_test(test_hops),
		cmocka_unit_test(test_deadlines),      cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_blocks_return),
	};

	return cmocka_run_group_tests(tests, start_cpus, NULL);
}
