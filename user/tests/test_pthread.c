/*
 * POSIX threads: what each call does and refuses, and races of threads on as many cores
 * as there are.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

#define CPUS_MOST 64
#define SPREADS 50
#define THREADS 8
#define ROUNDS 200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static volatile unsigned counter;

static void *give_back(void *arg) { return arg; }

static void *exit_with(void *arg)
{
	pthread_exit(arg);
	return NULL;
}

/* `ms` from now on a clock. */
static struct timespec soon(clockid_t clock, long ms)
{
	struct timespec t = { 0 };
	clock_gettime(clock, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* --- life --------------------------------------------------------------------------- */

static bool create_join(void)
{
	pthread_t t;
	void *result = NULL;
	EXPECT(pthread_create(&t, NULL, give_back, &lock) == 0);
	EXPECT(pthread_join(t, &result) == 0);
	EXPECT(result == &lock);
	EXPECT(pthread_create(&t, NULL, exit_with, &changed) == 0);
	EXPECT(!pthread_equal(t, pthread_self()));
	EXPECT(pthread_join(t, &result) == 0);
	EXPECT(result == &changed);
	EXPECT(pthread_join(pthread_self(), NULL) == EDEADLK);
	EXPECT(pthread_join(NULL, NULL) == ESRCH);
	return true;
}

static sem_t go, done;

static void *wait_go(void *arg)
{
	sem_wait(&go);
	sem_post(&done);
	return arg;
}

static bool detached(void)
{
	pthread_attr_t attr;
	pthread_t t;
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	EXPECT(pthread_create(&t, NULL, wait_go, NULL) == 0);
	EXPECT(pthread_detach(t) == 0);
	EXPECT(pthread_detach(t) == EINVAL);
	EXPECT(pthread_join(t, NULL) == EINVAL);
	sem_post(&go);
	sem_wait(&done);
	pthread_attr_init(&attr);
	EXPECT(pthread_attr_setdetachstate(&attr, 7) == EINVAL);
	EXPECT(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
	EXPECT(pthread_create(&t, &attr, wait_go, NULL) == 0);
	EXPECT(pthread_join(t, NULL) == EINVAL);
	sem_post(&go);
	sem_wait(&done);
	pthread_attr_destroy(&attr);
	EXPECT(pthread_create(&t, &attr, give_back, NULL) == EINVAL);
	return true;
}

#define LARGE 600000

static void *use_stack(void *arg)
{
	volatile char room[LARGE];
	for (size_t i = 0; i < sizeof room; i += 512)
		room[i] = (char)i;
	return room[1024] == 0 ? arg : NULL;
}

static bool stack_sizes(void)
{
	pthread_attr_t attr;
	pthread_t t;
	size_t size;
	void *result;
	pthread_attr_init(&attr);
	EXPECT(pthread_attr_setstacksize(&attr, 100) == EINVAL);
	EXPECT(pthread_attr_setstacksize(&attr, SIZE_MAX) == EINVAL);
	EXPECT(pthread_attr_setstacksize(&attr, LARGE + 20000) == 0);
	EXPECT(pthread_attr_getstacksize(&attr, &size) == 0 && size == LARGE + 20000);
	for (int i = 0; i < 3; i++) {
		EXPECT(pthread_create(&t, &attr, use_stack, &lock) == 0);
		EXPECT(pthread_join(t, &result) == 0);
		EXPECT(result == &lock);
	}
	return true;
}

/* --- errno, thread-local storage, keys ------------------------------------------------- */

static __thread int local = 5;

static void *change_own(void *arg)
{
	unsigned mine = (unsigned)(uintptr_t)arg;
	if (local != 5 || errno == 1000)
		return (void *)1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		local = (int)(mine + i);
		errno = (int)(mine + i);
		sched_yield();
		if (local != (int)(mine + i) || errno != (int)(mine + i))
			return (void *)2;
	}
	return NULL;
}

static bool own_variables(void)
{
	pthread_t t[THREADS];
	void *result;
	errno = 1000;
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&t[i], NULL, change_own, (void *)(i * 10000)) == 0);
	for (int i = 0; i < THREADS; i++) {
		EXPECT(pthread_join(t[i], &result) == 0);
		EXPECT(result == NULL);
	}
	EXPECT(errno == 1000 && local == 5);
	return true;
}

static pthread_key_t key, other_key;
static volatile unsigned destroyed;

static void destroy(void *value)
{
	destroyed += (unsigned)(uintptr_t)value;
	if ((uintptr_t)value == 100)
		pthread_setspecific(key, (void *)1); /* one more round */
}

static void *set_key(void *arg)
{
	if (pthread_getspecific(key))
		return (void *)1;
	pthread_setspecific(key, arg);
	sched_yield();
	return pthread_getspecific(key) == arg ? NULL : (void *)2;
}

static bool keys_and_destructors(void)
{
	pthread_t t;
	void *result;
	pthread_key_t many[PTHREAD_KEYS_MAX];
	int made = 0;
	destroyed = 0;
	EXPECT(pthread_key_create(&key, destroy) == 0);
	EXPECT(pthread_create(&t, NULL, set_key, (void *)100) == 0);
	EXPECT(pthread_join(t, &result) == 0 && result == NULL);
	EXPECT(destroyed == 101);
	EXPECT(pthread_getspecific(key) == NULL);
	EXPECT(pthread_setspecific(key, &lock) == 0);
	EXPECT(pthread_key_delete(key) == 0);
	EXPECT(pthread_key_delete(key) == EINVAL);
	EXPECT(pthread_setspecific(key, &lock) == EINVAL);
	EXPECT(pthread_key_create(&other_key, NULL) == 0);
	EXPECT(pthread_getspecific(other_key) == NULL);
	while (made < PTHREAD_KEYS_MAX && pthread_key_create(&many[made], NULL) == 0)
		made++;
	EXPECT(made == PTHREAD_KEYS_MAX - 1);
	EXPECT(pthread_key_create(&key, NULL) == EAGAIN);
	while (made)
		EXPECT(pthread_key_delete(many[--made]) == 0);
	EXPECT(pthread_key_delete(other_key) == 0);
	return true;
}

/* --- mutexes ---------------------------------------------------------------------------- */

static pthread_mutex_t checked;

static void *try_checked(void *arg)
{
	struct timespec at = soon(CLOCK_REALTIME, 5);
	*(int *)arg = pthread_mutex_trylock(&checked);
	if (*(int *)arg == EBUSY)
		*(int *)arg = pthread_mutex_timedlock(&checked, &at);
	if (*(int *)arg == ETIMEDOUT)
		*(int *)arg = pthread_mutex_unlock(&checked);
	return NULL;
}

static bool other_is_refused(void)
{
	pthread_t t;
	int err = 0;
	EXPECT(pthread_create(&t, NULL, try_checked, &err) == 0);
	EXPECT(pthread_join(t, NULL) == 0);
	EXPECT(err == EPERM);
	return true;
}

static bool mutex_types(void)
{
	pthread_mutexattr_t attr;
	struct timespec bad = { 0, 2000000000 };
	EXPECT(pthread_mutexattr_init(&attr) == 0);
	EXPECT(pthread_mutexattr_settype(&attr, 77) == EINVAL);
	EXPECT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
	EXPECT(pthread_mutex_init(&checked, &attr) == 0);
	EXPECT(pthread_mutex_lock(&checked) == 0);
	EXPECT(pthread_mutex_lock(&checked) == EDEADLK);
	EXPECT(pthread_mutex_destroy(&checked) == EBUSY);
	EXPECT(other_is_refused());
	EXPECT(pthread_mutex_unlock(&checked) == 0);
	EXPECT(pthread_mutex_unlock(&checked) == EPERM);
	EXPECT(pthread_mutex_timedlock(&checked, &bad) == 0); /* free: the time does not matter */
	EXPECT(pthread_mutex_unlock(&checked) == 0);
	EXPECT(pthread_mutex_destroy(&checked) == 0);
	EXPECT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0);
	EXPECT(pthread_mutex_init(&checked, &attr) == 0);
	EXPECT(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == 0);
	EXPECT(pthread_mutex_trylock(&checked) == 0);
	EXPECT(pthread_mutex_unlock(&checked) == 0 && pthread_mutex_unlock(&checked) == 0);
	EXPECT(other_is_refused());
	EXPECT(pthread_mutex_unlock(&checked) == 0);
	EXPECT(pthread_mutex_unlock(&checked) == EPERM);
	EXPECT(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == ENOTSUP);
	return true;
}

/* --- conditions ----------------------------------------------------------------------- */

static bool condition_times(void)
{
	struct timespec at = soon(CLOCK_REALTIME, 5), bad = { 0, -1 };
	pthread_condattr_t attr;
	pthread_cond_t own;
	pthread_mutex_lock(&lock);
	EXPECT(pthread_cond_timedwait(&changed, &lock, &at) == ETIMEDOUT);
	EXPECT(pthread_cond_timedwait(&changed, &lock, &bad) == EINVAL);
	at = soon(CLOCK_REALTIME, -1000);
	EXPECT(pthread_cond_timedwait(&changed, &lock, &at) == ETIMEDOUT);
	EXPECT(pthread_condattr_init(&attr) == 0);
	EXPECT(pthread_condattr_setclock(&attr, 99) == EINVAL);
	EXPECT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	EXPECT(pthread_cond_init(&own, &attr) == 0);
	at = soon(CLOCK_MONOTONIC, 5);
	EXPECT(pthread_cond_timedwait(&own, &lock, &at) == ETIMEDOUT);
	EXPECT(pthread_mutex_unlock(&lock) == 0);
	EXPECT(pthread_cond_destroy(&own) == 0);
	return true;
}

static unsigned turn;

static void *take_turns(void *arg)
{
	unsigned mine = (unsigned)(uintptr_t)arg;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (turn % THREADS != mine)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Starts THREADS threads with their numbers, and joins them. */
static bool run_all(void *(*fn)(void *))
{
	pthread_t t[THREADS];
	void *result, *bad = NULL;
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		EXPECT(pthread_join(t[i], &result) == 0);
		bad = result ? result : bad;
	}
	EXPECT(bad == NULL);
	return true;
}

static bool conditions_alternate(void)
{
	turn = 0;
	EXPECT(run_all(take_turns));
	EXPECT(turn == THREADS * ROUNDS);
	return true;
}

static void *count_up(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		unsigned seen = counter;
		if (i % 16 == 0)
			sched_yield();
		counter = seen + 1;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static bool mutex_excludes(void)
{
	counter = 0;
	EXPECT(run_all(count_up));
	EXPECT(counter == THREADS * ROUNDS);
	return true;
}

/* --- read-write locks --------------------------------------------------------------------- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile unsigned pair[2];

static void *read_or_write(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if ((i + (uintptr_t)arg) % 4 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			sched_yield();
			pair[1]++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (pair[0] != pair[1])
				return (void *)1;
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void *refused_write(void *arg)
{
	struct timespec at = soon(CLOCK_REALTIME, 5);
	if (pthread_rwlock_trywrlock(&rwlock) != EBUSY)
		return (void *)1;
	if (pthread_rwlock_timedwrlock(&rwlock, &at) != ETIMEDOUT)
		return (void *)2;
	if (pthread_rwlock_tryrdlock(&rwlock) != 0)
		return (void *)3;
	pthread_rwlock_unlock(&rwlock);
	return arg;
}

static bool rwlocks(void)
{
	pthread_t t;
	void *result;
	pair[0] = pair[1] = 0;
	EXPECT(run_all(read_or_write));
	EXPECT(pair[0] == pair[1] && pair[0] == THREADS * ROUNDS / 4);
	EXPECT(pthread_rwlock_unlock(&rwlock) == EPERM);
	EXPECT(pthread_rwlock_rdlock(&rwlock) == 0);
	EXPECT(pthread_create(&t, NULL, refused_write, NULL) == 0);
	EXPECT(pthread_join(t, &result) == 0 && result == NULL);
	EXPECT(pthread_rwlock_destroy(&rwlock) == EBUSY);
	EXPECT(pthread_rwlock_unlock(&rwlock) == 0);
	EXPECT(pthread_rwlock_wrlock(&rwlock) == 0);
	EXPECT(pthread_rwlock_rdlock(&rwlock) == EDEADLK);
	EXPECT(pthread_rwlock_tryrdlock(&rwlock) == EBUSY);
	EXPECT(pthread_rwlock_unlock(&rwlock) == 0);
	return true;
}

/* --- barriers, spin locks, once, semaphores --------------------------------------------------- */

static pthread_barrier_t barrier;
static volatile unsigned serials, arrived[ROUNDS];

static void *meet(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		__atomic_add_fetch(&arrived[i], 1, __ATOMIC_SEQ_CST);
		if (pthread_barrier_wait(&barrier) != 0)
			__atomic_add_fetch(&serials, 1, __ATOMIC_SEQ_CST);
		if (arrived[i] != THREADS)
			return (void *)1;
	}
	return NULL;
}

static bool barriers(void)
{
	serials = 0;
	memset((void *)arrived, 0, sizeof arrived);
	EXPECT(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
	EXPECT(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	EXPECT(run_all(meet));
	EXPECT(serials == ROUNDS);
	EXPECT(pthread_barrier_destroy(&barrier) == 0);
	return true;
}

static pthread_spinlock_t spin;

static void *spin_up(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_spin_lock(&spin);
		unsigned seen = counter;
		if (i % 64 == 0)
			sched_yield();
		counter = seen + 1;
		pthread_spin_unlock(&spin);
	}
	return NULL;
}

static bool spin_locks(void)
{
	counter = 0;
	EXPECT(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
	EXPECT(run_all(spin_up));
	EXPECT(counter == THREADS * ROUNDS);
	EXPECT(pthread_spin_trylock(&spin) == 0);
	EXPECT(pthread_spin_trylock(&spin) == EBUSY);
	EXPECT(pthread_spin_unlock(&spin) == 0);
	return true;
}

static pthread_once_t once;
static volatile unsigned onces;

static void happen(void)
{
	sched_yield();
	onces++;
}

static void *do_once(void *arg)
{
	(void)arg;
	pthread_once(&once, happen);
	return onces == 1 ? NULL : (void *)1;
}

static bool only_once(void)
{
	once = (pthread_once_t)PTHREAD_ONCE_INIT;
	onces = 0;
	EXPECT(run_all(do_once));
	EXPECT(onces == 1);
	return true;
}

static sem_t room, items;
static volatile unsigned produced, consumed;

static void *produce_or_consume(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if ((uintptr_t)arg % 2) {
			sem_wait(&room);
			__atomic_add_fetch(&produced, 1, __ATOMIC_SEQ_CST);
			sem_post(&items);
		} else {
			sem_wait(&items);
			__atomic_add_fetch(&consumed, 1, __ATOMIC_SEQ_CST);
			sem_post(&room);
		}
	}
	return NULL;
}

static bool semaphores(void)
{
	struct timespec at = soon(CLOCK_REALTIME, 5);
	int value;
	produced = consumed = 0;
	EXPECT(sem_init(&room, 1, 3) == -1 && errno == ENOTSUP);
	sem_init(&room, 0, 3);
	sem_init(&items, 0, 0);
	EXPECT(run_all(produce_or_consume));
	EXPECT(produced == THREADS / 2 * ROUNDS && consumed == produced);
	EXPECT(sem_getvalue(&room, &value) == 0 && value == 3);
	EXPECT(sem_trywait(&items) == -1 && errno == EAGAIN);
	EXPECT(sem_timedwait(&items, &at) == -1 && errno == ETIMEDOUT);
	return true;
}

/* --- cancellation ---------------------------------------------------------------------------- */

static sem_t started;
static volatile unsigned cleaned;

static void clean(void *arg) { cleaned += (unsigned)(uintptr_t)arg; }

static void unlock(void *m) { pthread_mutex_unlock(m); }

static void wait_locked(void)
{
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	sem_post(&started);
	for (;;)
		pthread_cond_wait(&changed, &lock);
	pthread_cleanup_pop(0);
}

static void *wait_for_ever(void *arg)
{
	pthread_cleanup_push(clean, (void *)1);
	pthread_cleanup_push(clean, (void *)10);
	if (!arg)
		wait_locked();
	sem_post(&started);
	if ((uintptr_t)arg == 1)
		sem_wait(&go);
	else if ((uintptr_t)arg == 2)
		sleep(1000);
	for (;;) {
		pthread_testcancel();
		sched_yield();
	}
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return arg;
}

static bool cancel_at(uintptr_t where)
{
	pthread_t t;
	void *result = NULL;
	cleaned = 0;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	EXPECT(pthread_create(&t, NULL, wait_for_ever, (void *)where) == 0);
	sem_wait(&started);
	sched_yield();
	EXPECT(pthread_cancel(t) == 0);
	EXPECT(pthread_join(t, &result) == 0);
	EXPECT(result == PTHREAD_CANCELED);
	EXPECT(cleaned == 11);
	/* It had the mutex back when its handler unlocked it. */
	EXPECT(pthread_mutex_trylock(&lock) == 0);
	EXPECT(pthread_mutex_unlock(&lock) == 0);
	return true;
}

static void *resist(void *arg)
{
	int old;
	struct timespec at = soon(CLOCK_REALTIME, 5);
	(void)arg;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&started);
	sem_wait(&go);
	pthread_testcancel();
	sem_timedwait(&go, &at);
	counter = 1;
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	counter = 2;
	return NULL;
}

static bool cancellation(void)
{
	pthread_t t;
	void *result;
	for (uintptr_t where = 0; where < 4; where++)
		EXPECT(cancel_at(where));
	counter = 0;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	EXPECT(pthread_create(&t, NULL, resist, NULL) == 0);
	sem_wait(&started);
	EXPECT(pthread_cancel(t) == 0);
	sem_post(&go);
	EXPECT(pthread_join(t, &result) == 0);
	EXPECT(result == PTHREAD_CANCELED && counter == 1);
	EXPECT(pthread_cancel(NULL) == ESRCH);
	EXPECT(pthread_setcancelstate(9, NULL) == EINVAL);
	EXPECT(pthread_setcanceltype(9, NULL) == EINVAL);
	return true;
}

static void *join_it(void *arg)
{
	sem_post(&started);
	pthread_join(*(pthread_t *)arg, NULL);
	return NULL;
}

/* A cancelled join leaves the other joinable. */
static bool cancelled_join(void)
{
	pthread_t waits, joins;
	void *result;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	EXPECT(pthread_create(&waits, NULL, wait_go, &go) == 0);
	EXPECT(pthread_create(&joins, NULL, join_it, &waits) == 0);
	sem_wait(&started);
	sched_yield();
	EXPECT(pthread_cancel(joins) == 0);
	EXPECT(pthread_join(joins, &result) == 0 && result == PTHREAD_CANCELED);
	sem_post(&go);
	EXPECT(pthread_join(waits, &result) == 0 && result == &go);
	return true;
}

/* Cancels threads at any moment of a timed wait, while others signal. */
static void *wait_often(void *arg)
{
	(void)arg;
	for (;;) {
		struct timespec at = soon(CLOCK_REALTIME, 1);
		pthread_mutex_lock(&lock);
		pthread_cleanup_push(unlock, &lock);
		pthread_cond_timedwait(&changed, &lock, &at);
		pthread_cleanup_pop(1);
	}
	return NULL;
}

static void *signal_often(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_cond_signal(&changed);
		sched_yield();
	}
	return arg;
}

static bool cancel_races(void)
{
	for (unsigned round = 0; round < 5; round++) {
		pthread_t waiter[THREADS], signaller;
		void *result;
		for (int i = 0; i < THREADS; i++)
			EXPECT(pthread_create(&waiter[i], NULL, wait_often, NULL) == 0);
		EXPECT(pthread_create(&signaller, NULL, signal_often, NULL) == 0);
		for (int i = 0; i < THREADS; i++)
			EXPECT(pthread_cancel(waiter[i]) == 0);
		for (int i = 0; i < THREADS; i++)
			EXPECT(pthread_join(waiter[i], &result) == 0 && result == PTHREAD_CANCELED);
		EXPECT(pthread_join(signaller, NULL) == 0);
	}
	EXPECT(pthread_mutex_trylock(&lock) == 0);
	pthread_mutex_unlock(&lock);
	return true;
}

/* --- the processor ------------------------------------------------------------------------------- */

static volatile bool flag;

static void *raise_flag(void *arg)
{
	flag = true;
	return arg;
}

/* A thread that only looks loses the processor all the same. */
static bool preemption(void)
{
	pthread_t t;
	flag = false;
	EXPECT(pthread_create(&t, NULL, raise_flag, NULL) == 0);
	while (!flag)
		;
	EXPECT(pthread_join(t, NULL) == 0);
	return true;
}

static void *print_lines(void *arg)
{
	char line[32];
	int n = snprintf(line, sizeof line, "%u", (unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char *copy = malloc(64 + i);
		if (!copy)
			return (void *)1;
		memset(copy, (int)i, 64 + i);
		snprintf(copy, 64, "%u", (unsigned)(uintptr_t)arg);
		bool same = (int)strlen(copy) == n && strcmp(copy, line) == 0;
		free(copy);
		if (!same)
			return (void *)2;
	}
	return NULL;
}

static bool library_locks(void) { return run_all(print_lines); }

/* --- several cores -------------------------------------------------------------------------------- */

static void *where_am_i(void *arg)
{
	cpu_set_t own;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (sched_getcpu() != (int)(uintptr_t)arg)
			return (void *)1;
		sched_yield();
	}
	pthread_getaffinity_np(pthread_self(), sizeof own, &own);
	return CPU_COUNT(&own) == 1 && CPU_ISSET((int)(uintptr_t)arg, &own) ? NULL : (void *)2;
}

/* A thread bound to each core runs there and nowhere else. */
static bool affinity(void)
{
	unsigned count = cpu_count();
	pthread_t t[CPUS_MOST];
	pthread_attr_t attr;
	cpu_set_t one;
	void *result;
	pthread_attr_init(&attr);
	for (unsigned i = 0; i < count; i++) {
		CPU_ZERO(&one);
		CPU_SET(cpu_listed(i), &one);
		EXPECT(pthread_attr_setaffinity_np(&attr, sizeof one, &one) == 0);
		EXPECT(pthread_create(&t[i], &attr, where_am_i, (void *)(uintptr_t)cpu_listed(i)) == 0);
	}
	for (unsigned i = 0; i < count; i++)
		EXPECT(pthread_join(t[i], &result) == 0 && result == NULL);
	for (unsigned i = 0; i < 2 * count; i++) {
		CPU_ZERO(&one);
		CPU_SET(cpu_listed(i % count), &one);
		EXPECT(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0);
		EXPECT(sched_getcpu() == (int)cpu_listed(i % count));
	}
	CPU_ZERO(&one);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == EINVAL);
	CPU_SET(CPU_SETSIZE - 1, &one);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == EINVAL);
	memset(&one, 0xff, sizeof one);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0);
	EXPECT(cpu_count() == count);
	return true;
}

static void *hop_about(void *arg)
{
	unsigned count = cpu_count();
	for (unsigned i = 0; i < ROUNDS; i++) {
		coreid_t core = cpu_listed((i + (unsigned)(uintptr_t)arg) % count);
		coreid_t back = thread_visit(core);
		bool there = cpu_current() == core;
		sched_yield();
		there &= cpu_current() == core;
		thread_return(back);
		if (!there)
			return (void *)1;
	}
	return NULL;
}

static bool hops(void)
{
	EXPECT(run_all(hop_about));
	EXPECT_ERROR(thread_hop(CPU_SETSIZE - 1), ERR_CORE_ID);
	return true;
}

static volatile uint32_t begun;

/* Runs till all have begun, and says where it did. */
static void *spin_till_all(void *arg)
{
	int core = sched_getcpu();
	__atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	while (begun < (uintptr_t)arg)
		__builtin_ia32_pause();
	return (void *)(uintptr_t)core;
}

static bool spread_once(cpu_set_t *cores)
{
	pthread_t t[CPUS_MOST];
	unsigned count = cpu_count();
	begun = 0;
	for (unsigned i = 0; i < count; i++)
		EXPECT(pthread_create(&t[i], NULL, spin_till_all, (void *)(uintptr_t)count) == 0);
	for (unsigned i = 0; i < count; i++) {
		void *core;
		EXPECT(pthread_join(t[i], &core) == 0);
		CPU_SET((uintptr_t)core, cores);
	}
	return true;
}

/*
 * The default policy brings threads to other cores, of itself. Not each time to each: one that
 * the machine lets wait is not idle.
 */
static bool work_spreads(void)
{
	cycles_t end = context_now() + PATIENCE * dispatcher_tsc_hz();
	cpu_set_t cores;
	CPU_ZERO(&cores);
	for (int i = 0; (i < SPREADS || context_now() < end) && CPU_COUNT(&cores) < (int)cpu_count(); i++)
		EXPECT(spread_once(&cores));
	EXPECT(CPU_COUNT(&cores) == (int)cpu_count());
	return true;
}

static const struct test races[] = {
	{ "own variables", own_variables },
	{ "keys", keys_and_destructors },
	{ "detached", detached },
	{ "stacks", stack_sizes },
	{ "mutex types", mutex_types },
	{ "mutexes", mutex_excludes },
	{ "condition times", condition_times },
	{ "conditions", conditions_alternate },
	{ "read-write locks", rwlocks },
	{ "barriers", barriers },
	{ "spin locks", spin_locks },
	{ "once", only_once },
	{ "semaphores", semaphores },
	{ "cancellation", cancellation },
	{ "cancelled join", cancelled_join },
	{ "cancellation races", cancel_races },
	{ "preemption", preemption },
	{ "library locks", library_locks },
	{ "affinity", affinity },
	{ "hops", hops },
	{ "spreading", work_spreads },
	{ 0 },
};

static bool all_on(unsigned cores)
{
	unsigned up = mon_cores_up(CORES_MAX);
	if (up < cores) {
		printf("# left out: %u cores are up\n", up);
		return true;
	}
	EXPECT(pthread_setconcurrency((int)cores) == 0);
	EXPECT(pthread_getconcurrency() == (int)cores);
	EXPECT(cpu_count() == cores);
	for (const struct test *t = races; t->name; t++)
		if (!t->run()) {
			printf("# %s, on %u cores\n", t->name, cores);
			return false;
		}
	return true;
}

static bool on_2(void) { return all_on(2); }
static bool on_4(void) { return all_on(4); }
static bool on_16(void) { return all_on(16); }

static bool too_many(void)
{
	EXPECT(pthread_setconcurrency(-1) == EINVAL);
	EXPECT(pthread_setconcurrency(CPU_SETSIZE) == EAGAIN);
	EXPECT(cpu_count() == mon_cores_up(CORES_MAX));
	return true;
}

const struct test pthread_tests[] = {
	{ "create, exit, join", create_join },
	{ "detached threads", detached },
	{ "stack sizes", stack_sizes },
	{ "thread-local storage and errno are each thread's own", own_variables },
	{ "keys and their destructors", keys_and_destructors },
	{ "mutex types, and what they refuse", mutex_types },
	{ "a mutex excludes", mutex_excludes },
	{ "conditions time out by their clock", condition_times },
	{ "conditions let threads alternate", conditions_alternate },
	{ "read-write locks", rwlocks },
	{ "barriers", barriers },
	{ "spin locks", spin_locks },
	{ "once", only_once },
	{ "semaphores", semaphores },
	{ "cancellation and its handlers", cancellation },
	{ "a cancelled join", cancelled_join },
	{ "cancellation races with signals and deadlines", cancel_races },
	{ "threads lose the processor", preemption },
	{ "the C library's locks", library_locks },
	{ "all of that and more on 2 cores", on_2 },
	{ "all of that and more on 4 cores", on_4 },
	{ "all of that and more on 16 cores", on_16 },
	{ "more cores than there are", too_many },
	{ 0 },
};
