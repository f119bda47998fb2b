/*
 * Threads, mutexes, condition variables and semaphores with the host's contexts
 * in place of ours.
 *
 * The scheduler and all that blocks is the libOS's own code; only switching stacks
 * (context.asm) and getting stacks is stood in for here.  Sleeping is real time.
 */
/* needs: libos/thread/thread.c libos/thread/sleep.c libos/thread/mutex.c libos/thread/cond.c libos/thread/cpu.c libos/thread/hop.c libos/thread/wait.c libos/thread/policy.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "kernel/abi/error.h"
#include "libos/core/vspace.h"
#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/x86/context.h"

#define STACK_BYTES 65536
#define THREADS_MAX 64

struct host_thread {
	struct thread thread;
	ucontext_t context;
};

static struct host_thread hosts[THREADS_MAX];
static unsigned host_count;
static struct thread first;

static struct host_thread *host_of(struct thread *t) { return (struct host_thread *)t; }

static ucontext_t *context_of(struct thread *t)
{
	static ucontext_t first_context;

	return t == &first ? &first_context : &host_of(t)->context;
}

/* --- what context.asm and libos/core do on the machine -------------------------- */

void dispatcher_catch_up(void) { fail_msg("there are no events here"); }

err_t stack_map(unsigned bits, vaddr_t *top)
{
	assert_int_equal(bits, STACK_BITS);
	assert_true(host_count < THREADS_MAX);
	*top = (vaddr_t)malloc(STACK_BYTES) + STACK_BYTES;
	return 0;
}

struct thread *thread_lay(vaddr_t low, vaddr_t top)
{
	struct thread *t = &hosts[host_count++].thread;

	*t = (struct thread){ .self = t, .stack_low = low, .stack_top = top };
	return t;
}

void thread_tls_init(struct thread *t) { assert_ptr_equal(t->self, t); }

void thread_reent_release(struct thread *t) { t->reent = NULL; }

static ucontext_t *context_of_stack(vaddr_t top)
{
	for (unsigned i = 0; i < host_count; i++)
		if (hosts[i].thread.stack_top == top)
			return &hosts[i].context;
	fail_msg("no thread has this stack");
	return NULL;
}

uint64_t context_make(vaddr_t stack, void (*entry)(void))
{
	ucontext_t *c = context_of_stack(stack);

	getcontext(c);
	c->uc_stack.ss_sp = (void *)(stack - STACK_BYTES);
	c->uc_stack.ss_size = STACK_BYTES;
	c->uc_link = NULL;
	makecontext(c, entry, 0);
	return 1;
}

void context_load(struct thread *to)
{
	dispatcher_page()->libos[0] = (uint64_t)to;
	setcontext(context_of(to));
	abort();
}

err_t context_switch(struct thread *from, struct thread *to)
{
	dispatcher_page()->libos[0] = (uint64_t)to;
	swapcontext(context_of(from), context_of(to));
	return 0;
}

/* Time passes till someone is ready; with no deadline to come, nobody ever would be. */
static struct thread *wait_for_ready(cycles_t deadline)
{
	assert_true(deadline != 0);
	while (!thread_ready.head)
		sleep_expire();
	return thread_queue_take(&thread_ready);
}

err_t context_wait(struct thread *from, cycles_t deadline)
{
	struct thread *next = wait_for_ready(deadline);

	if (next != from)
		context_switch(from, next);
	return 0;
}

/* Nobody is to be sent anything here. */
err_t context_part(struct thread *from, cptr_t to, uint64_t header, const uint64_t *words)
{
	(void)from, (void)to, (void)header, (void)words;
	abort();
}

void context_sleep(cycles_t deadline) { context_load(wait_for_ready(deadline)); }

void context_leave(struct thread *from, void (*fn)(struct thread *), vaddr_t stack)
{
	fail_msg("%p leaves %p for %lu", (void *)from, (void *)(uintptr_t)fn, stack);
}

void context_call(void (*fn)(void *) __attribute__((noreturn)), void *arg, vaddr_t stack)
{
	fail_msg("one cpu ends its threads on their own stacks, not on %lu", stack);
	fn(arg);
}

err_t cpu_add(coreid_t core) { return core ? ERR_UNSUPPORTED : ERR_EXISTS; }

void cpu_wake(coreid_t core) { fail_msg("there is no core %u", core); }

err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *out)
{
	*out = (vaddr_t)aligned_alloc(CACHE_LINE, SIZE_OF_BITS(bits));
	return frame ? ERR_ARGUMENT : 0;
}

err_t context_yield(struct thread *from) { return from->rsp ? 0 : -1; }

void context_keep(struct thread *t) { t->rsp = 0; }

/* --- tests ------------------------------------------------------------------------ */

#define WORKERS 8
#define ROUNDS 200

static struct mutex lock, nested;
static struct cond changed;
static struct semaphore slots, items;
static unsigned counter, inside, woken;

static void *count_up(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned seen;

		mutex_lock(&lock);
		assert_int_equal(inside++, 0);
		seen = counter;
		thread_yield();
		counter = seen + 1;
		inside--;
		mutex_unlock(&lock);
		if (i % 3 == 0)
			thread_yield();
	}
	return arg;
}

static void test_mutex_excludes(void **state)
{
	struct thread *t[WORKERS];
	void *result;

	(void)state;
	mutex_init(&lock, false);
	counter = inside = 0;
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(thread_create(&t[i], count_up, (void *)i), 0);
	for (uintptr_t i = 0; i < WORKERS; i++) {
		thread_join(t[i], &result);
		assert_int_equal((uintptr_t)result, i);
	}
	assert_int_equal(counter, WORKERS * ROUNDS);
}

static void *try_nested(void *arg)
{
	*(bool *)arg = mutex_try(&nested);
	return NULL;
}

static void test_recursive_mutex(void **state)
{
	struct thread *t;
	bool taken = true;

	(void)state;
	mutex_init(&nested, true);
	mutex_lock(&nested);
	mutex_lock(&nested);
	assert_true(mutex_try(&nested));
	mutex_unlock(&nested);
	mutex_unlock(&nested);
	thread_create(&t, try_nested, &taken);
	thread_join(t, NULL);
	assert_false(taken);
	mutex_unlock(&nested);
	thread_create(&t, try_nested, &taken);
	thread_join(t, NULL);
	assert_true(taken);
}

static void *produce(void *arg)
{
	for (uintptr_t i = 0; i < (uintptr_t)arg; i++) {
		semaphore_wait(&slots, 0);
		counter++;
		semaphore_post(&items);
	}
	return NULL;
}

static void test_semaphores_bound_a_buffer(void **state)
{
	struct thread *t;

	(void)state;
	counter = 0;
	semaphore_init(&slots, 3);
	semaphore_init(&items, 0);
	thread_create(&t, produce, (void *)100);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(semaphore_wait(&items, 0));
		assert_in_range(counter, i + 1, i + 4);
		semaphore_post(&slots);
	}
	thread_join(t, NULL);
	assert_false(semaphore_try(&items));
}

static void *wait_changed(void *arg)
{
	mutex_lock(&lock);
	if (cond_wait(&changed, &lock, (cycles_t)arg))
		woken++;
	mutex_unlock(&lock);
	return NULL;
}

static void test_condition(void **state)
{
	struct thread *t[3];

	(void)state;
	mutex_init(&lock, false);
	cond_init(&changed);
	woken = 0;
	for (unsigned i = 0; i < 3; i++)
		thread_create(&t[i], wait_changed, NULL);
	thread_yield();
	cond_signal(&changed);
	thread_yield();
	thread_yield();
	assert_int_equal(woken, 1);
	cond_broadcast(&changed);
	for (unsigned i = 0; i < 3; i++)
		thread_join(t[i], NULL);
	assert_int_equal(woken, 3);
}

static void test_deadlines(void **state)
{
	cycles_t start = context_now();
	struct thread *t;

	(void)state;
	woken = 0;
	thread_create(&t, wait_changed, (void *)(start + 2000000));
	semaphore_init(&items, 0);
	assert_false(semaphore_wait(&items, start + 1000000));
	assert_true(context_now() >= start + 1000000);
	thread_join(t, NULL);
	assert_int_equal(woken, 0);
	assert_true(context_now() >= start + 2000000);
	assert_null(changed.waiting.head);
	assert_null(items.waiting.head);
	assert_int_equal(sleep_next_deadline(), 0);
	thread_sleep_until(context_now() + 1000);
}

static void *raise_it(void *arg)
{
	event_signal(arg);
	event_signal(arg);
	return NULL;
}

static void test_event(void **state)
{
	struct event e = EVENT_INIT;
	struct thread *t;

	(void)state;
	thread_create(&t, raise_it, &e);
	assert_true(event_wait(&e, 0));
	thread_join(t, NULL);
	assert_true(event_wait(&e, 0)); /* the second signal came when nobody waited */
	assert_false(event_wait(&e, context_now() + 1000));
}

static void *exit_early(void *arg)
{
	thread_exit(arg);
	return NULL;
}

static void test_blocks_are_reused(void **state)
{
	unsigned before = host_count;
	struct thread *t, *again;
	void *result;

	(void)state;
	thread_create(&t, exit_early, &lock);
	thread_join(t, &result);
	assert_ptr_equal(result, &lock);
	thread_create(&again, exit_early, NULL);
	assert_ptr_equal(again, t);
	thread_detach(again);
	thread_yield();
	assert_int_equal(host_count, before);
}

static int start(void **state)
{
	void *page = mmap((void *)DISPATCHER_VA, DISPATCHER_PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)state;
	assert_int_equal((vaddr_t)page, DISPATCHER_VA);
	thread_first = &first;
	dispatcher_page()->libos[0] = (uint64_t)&first;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex_excludes),
		cmocka_unit_test(test_recursive_mutex),
		cmocka_unit_test(test_semaphores_bound_a_buffer),
		cmocka_unit_test(test_condition),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_blocks_are_reused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
