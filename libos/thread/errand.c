/*
 * The errand thread: see errand.h. Disabled mode but for the errands themselves.
 */
#include "libos/thread/errand.h"

#include "libos/thread/control.h"

#define WAITING_MAX 8 /* a power of two */

static struct {
	vaddr_t low;
	struct thread *thread; /* NULL: there was no errand yet */
	struct thread_queue waiting;
	bool busy;
	/* The one that is run, or will be, and those behind it. */
	struct {
		void (*fn)(uint64_t arg);
		uint64_t arg;
	} list[WAITING_MAX];
	uint32_t put, taken;
} errand;

void errand_init(vaddr_t low) { errand.low = low; }

bool errand_move(vaddr_t low)
{
	if (errand.busy)
		return false;
	errand.low = low;
	errand.thread = NULL;
	errand.waiting = (struct thread_queue){ NULL, NULL };
	return true;
}

static void *errands(void *unused)
{
	for (;;) {
		errand.list[errand.taken % WAITING_MAX].fn(errand.list[errand.taken % WAITING_MAX].arg);
		dispatcher_disable();
		if (++errand.taken == errand.put) {
			errand.busy = false;
			/* The short ways of others need not look for this one till it is woken. */
			__atomic_fetch_and(&thread_special, ~SPECIAL_URGENT, __ATOMIC_RELAXED);
			thread_block(&errand.waiting, 0);
		}
		dispatcher_enable();
	}
	return unused;
}

bool errand_raise(void (*fn)(uint64_t arg), uint64_t arg)
{
	if (errand.put - errand.taken == WAITING_MAX || !errand.low)
		return false;
	errand.list[errand.put % WAITING_MAX].fn = fn;
	errand.list[errand.put++ % WAITING_MAX].arg = arg;
	if (errand.busy)
		return true;
	errand.busy = true;
	if (errand.thread) {
		__atomic_fetch_or(&thread_special, SPECIAL_URGENT, __ATOMIC_RELAXED);
		thread_wake(&errand.waiting);
	} else {
		errand.thread = thread_lay(errand.low, errand.low + ERRAND_BYTES);
		thread_launch_urgent(errand.thread, errands);
	}
	return true;
}
