/*
 * Mutexes.
 *
 * State changes in disabled mode, which excludes every other thread of the
 * dispatcher.  Unlocking hands the mutex to the first that waits, so it is fair
 * and nobody retries.
 */
#include "libos/core/dispatcher.h"
#include "libos/thread/control.h"

void mutex_init(struct mutex *m, bool recursive) { *m = (struct mutex){ .recursive = recursive }; }

void mutex_lock(struct mutex *m)
{
	struct thread *self = thread_current();

	memory_touch(m);
	dispatcher_disable();
	if (!m->owner) {
		m->owner = self;
		m->depth = 1;
	} else if (m->owner == self && m->recursive) {
		m->depth++;
	} else {
		thread_block(&m->waiting, 0);
	}
	dispatcher_enable();
}

bool mutex_try(struct mutex *m)
{
	struct thread *self = thread_current();
	bool taken = true;

	memory_touch(m);
	dispatcher_disable();
	if (!m->owner) {
		m->owner = self;
		m->depth = 1;
	} else if (m->owner == self && m->recursive) {
		m->depth++;
	} else {
		taken = false;
	}
	dispatcher_enable();
	return taken;
}

void mutex_unlock(struct mutex *m)
{
	dispatcher_disable();
	if (--m->depth == 0) {
		m->owner = thread_wake(&m->waiting);
		m->depth = m->owner ? 1 : 0;
	}
	dispatcher_enable();
}
