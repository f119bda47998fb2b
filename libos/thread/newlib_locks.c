/*
 * The locks inside newlib (its "retargetable locking"): mutexes of ours.
 *
 * newlib names nine locks that exist from the start and makes others, one for
 * each open stream, as it goes.
 */
#include <stdlib.h>
#include <sys/lock.h>

#include "libos/core/ram.h"
#include "libos/thread/thread.h"

struct __lock {
	struct mutex mutex;
};

struct __lock __lock___sinit_recursive_mutex = { MUTEX_INIT_RECURSIVE };
struct __lock __lock___sfp_recursive_mutex = { MUTEX_INIT_RECURSIVE };
struct __lock __lock___malloc_recursive_mutex = { MUTEX_INIT_RECURSIVE };
struct __lock __lock___env_recursive_mutex = { MUTEX_INIT_RECURSIVE };
struct __lock __lock___atexit_recursive_mutex = { MUTEX_INIT_RECURSIVE };
struct __lock __lock___at_quick_exit_mutex = { MUTEX_INIT };
struct __lock __lock___tz_mutex = { MUTEX_INIT };
struct __lock __lock___dd_hash_mutex = { MUTEX_INIT };
struct __lock __lock___arc4random_mutex = { MUTEX_INIT };

/* newlib checks no lock for NULL and has no way to say that one could not be made. */
static struct __lock *lock_make(bool recursive)
{
	struct __lock *l = malloc(sizeof(*l));

	if (!l)
		abort();
	mutex_init(&l->mutex, recursive);
	return l;
}

void __retarget_lock_init(_LOCK_T *lock) { *lock = lock_make(false); }

void __retarget_lock_init_recursive(_LOCK_T *lock) { *lock = lock_make(true); }

void __retarget_lock_close(_LOCK_T lock) { free(lock); }

void __retarget_lock_close_recursive(_LOCK_T lock) { free(lock); }

void __retarget_lock_acquire(_LOCK_T lock) { mutex_lock(&lock->mutex); }

void __retarget_lock_acquire_recursive(_LOCK_T lock) { mutex_lock(&lock->mutex); }

int __retarget_lock_try_acquire(_LOCK_T lock) { return mutex_try(&lock->mutex); }

int __retarget_lock_try_acquire_recursive(_LOCK_T lock) { return mutex_try(&lock->mutex); }

void __retarget_lock_release(_LOCK_T lock) { mutex_unlock(&lock->mutex); }

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	mutex_unlock(&lock->mutex);
	if (__builtin_expect(ram_unsettled, 0) && lock == &__lock___malloc_recursive_mutex && !mutex_held(&lock->mutex))
		ram_settle();
}
