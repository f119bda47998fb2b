/*
 * Threads of one process: join, mutual exclusion, conditions, time, loss of the processor.
 */
#include "libos/core/dispatcher.h"
#include "libos/thread/thread.h"

#include "user/tests/tap.h"

#define THREADS 8
#define ROUNDS 500

static struct mutex lock = MUTEX_INIT;
static struct cond changed = COND_INIT;
static unsigned counter, turn;

static void *count_up(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		mutex_lock(&lock);
		unsigned seen = counter;
		thread_yield();
		counter = seen + 1;
		mutex_unlock(&lock);
	}
	return arg;
}

static bool join_gives_results(void)
{
	struct thread *t[THREADS];
	counter = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT_OK(thread_create(&t[i], count_up, (void *)(i + 100)));
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *result = NULL;
		thread_join(t[i], &result);
		EXPECT(result == (void *)(i + 100));
	}
	EXPECT(counter == THREADS * ROUNDS);
	return true;
}

static void *take_turns(void *arg)
{
	unsigned mine = (unsigned)(uintptr_t)arg;
	mutex_lock(&lock);
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (turn % 2 != mine)
			cond_wait(&changed, &lock, 0);
		turn++;
		cond_broadcast(&changed);
	}
	mutex_unlock(&lock);
	return NULL;
}

static bool conditions_alternate(void)
{
	struct thread *t[2];
	turn = 0;
	for (uintptr_t i = 0; i < 2; i++)
		EXPECT_OK(thread_create(&t[i], take_turns, (void *)i));
	for (int i = 0; i < 2; i++)
		thread_join(t[i], NULL);
	EXPECT(turn == 2 * ROUNDS);
	return true;
}

static bool sleeping_takes_its_time(void)
{
	cycles_t span = dispatcher_tsc_hz() / 50, start = __builtin_ia32_rdtsc();
	thread_sleep_until(start + span);
	EXPECT(__builtin_ia32_rdtsc() - start >= span);
	return true;
}

static bool deadlines_pass(void)
{
	struct semaphore none = SEMAPHORE_INIT(0);
	EXPECT(!semaphore_wait(&none, __builtin_ia32_rdtsc() + dispatcher_tsc_hz() / 100));
	semaphore_post(&none);
	EXPECT(semaphore_wait(&none, 0));
	return true;
}

static volatile bool flag;

static void *raise_flag(void *arg)
{
	flag = true;
	return arg;
}

/* The main thread never yields: only the end of its slice lets the other raise the flag. */
static bool preemption_works(void)
{
	struct thread *t;
	volatile double sum = 1.5;
	flag = false;
	thread_set_preemptive(true);
	EXPECT_OK(thread_create(&t, raise_flag, NULL));
	cycles_t limit = __builtin_ia32_rdtsc() + 20 * dispatcher_tsc_hz();
	while (!flag && __builtin_ia32_rdtsc() < limit)
		sum = sum * 1.0000001;
	thread_set_preemptive(false);
	EXPECT(flag);
	EXPECT(sum > 1.0);
	thread_join(t, NULL);
	return true;
}

const struct test thread_tests[] = {
	{ "join gives results, a mutex excludes", join_gives_results },
	{ "conditions let two threads alternate", conditions_alternate },
	{ "sleeping takes its time", sleeping_takes_its_time },
	{ "deadlines pass", deadlines_pass },
	{ "a thread loses the processor at the end of its slice", preemption_works },
	{ 0 },
};
