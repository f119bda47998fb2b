/*
 * POSIX barriers, spin locks and once.
 */
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/x86/barrier.h"

_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "struct barrier outgrew its room");

/* --- barriers ---------------------------------------------------------------------- */

static struct barrier *barrier_of(pthread_barrier_t *b) { return (struct barrier *)b->room; }

int pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *a, unsigned count)
{
	if (count == 0 || (a && !a->is_initialized))
		return EINVAL;
	barrier_init(barrier_of(b), count);
	return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *b)
{
	/* Who left last may have been let go a moment before the others are on their way: they use it no more. */
	return mem_load32(&barrier_of(b)->arrived) ? EBUSY : 0;
}

int pthread_barrier_wait(pthread_barrier_t *b)
{
	return barrier_wait(barrier_of(b)) ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

int pthread_barrierattr_init(pthread_barrierattr_t *a)
{
	a->is_initialized = 1;
	return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *a)
{
	a->is_initialized = 0;
	return 0;
}

int pthread_barrierattr_setpshared(pthread_barrierattr_t *a, int shared)
{
	(void)a;
	if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
		return EINVAL;
	return shared == PTHREAD_PROCESS_PRIVATE ? 0 : ENOTSUP;
}

int pthread_barrierattr_getpshared(const pthread_barrierattr_t *a, int *shared)
{
	(void)a;
	*shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}

/* --- spin locks --------------------------------------------------------------------- */

#define SPINS 100 /* looks before others of this cpu get the processor: the holder may be among them */

int pthread_spin_init(pthread_spinlock_t *l, int shared)
{
	(void)shared;
	mem_store32(&l->taken, 0);
	return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *l) { return mem_load32(&l->taken) ? EBUSY : 0; }

int pthread_spin_trylock(pthread_spinlock_t *l) { return mem_swap32(&l->taken, 1) ? EBUSY : 0; }

int pthread_spin_lock(pthread_spinlock_t *l)
{
	unsigned looks = 0;

	while (mem_swap32(&l->taken, 1))
		while (mem_load32(&l->taken)) {
			if (++looks % SPINS == 0) {
				thread_yield();
				signal_slept();
			}
			cpu_pause();
		}
	return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *l)
{
	mem_store32_release(&l->taken, 0);
	return 0;
}

/* --- once ---------------------------------------------------------------------------- */

enum { ONCE_NEW, ONCE_RUNS, ONCE_DONE };

static struct mutex once_lock = MUTEX_INIT;
static struct cond once_changed = COND_INIT;

static void once_set(pthread_once_t *o, unsigned state)
{
	mutex_lock(&once_lock);
	/* Release: pairs with the look in pthread_once. */
	mem_store32_release(o, state);
	cond_broadcast(&once_changed);
	mutex_unlock(&once_lock);
}

/* Cancelled in its routine: as if it had never begun. */
static void once_undo(void *o) { once_set(o, ONCE_NEW); }

/* True: the caller is to run the routine. */
static bool once_claim(pthread_once_t *o)
{
	bool claimed;

	mutex_lock(&once_lock);
	while (*o == ONCE_RUNS)
		cond_wait_nudged(&once_changed, &once_lock, 0);
	claimed = *o == ONCE_NEW;
	if (claimed)
		*o = ONCE_RUNS;
	mutex_unlock(&once_lock);
	return claimed;
}

int pthread_once(pthread_once_t *o, void (*routine)(void))
{
	if (mem_load32_acquire(o) == ONCE_DONE || !once_claim(o))
		return 0;
	pthread_cleanup_push(once_undo, o);
	routine();
	pthread_cleanup_pop(0);
	once_set(o, ONCE_DONE);
	return 0;
}
