/*
 * The errand thread: see errand.h. Disabled mode but for the errands themselves.
 */
#include "libos/thread/errand.h"

#include "libos/thread/control.h"

static struct {
	vaddr_t low;
	struct thread *thread; /* NULL: there was no errand yet */
	struct thread_queue waiting;
	bool busy;
	void (*fn)(uint64_t arg);
	uint64_t arg;
} errand;

void errand_init(vaddr_t low) { errand.low = low; }

static void *errands(void *unused)
{
	for (;;) {
		errand.fn(errand.arg);
		dispatcher_disable();
		errand.busy = false;
		thread_block(&errand.waiting, 0);
		dispatcher_enable();
	}
	return unused;
}

bool errand_raise(void (*fn)(uint64_t arg), uint64_t arg)
{
	if (errand.busy || !errand.low)
		return false;
	errand.busy = true;
	errand.fn = fn;
	errand.arg = arg;
	if (errand.thread) {
		thread_wake(&errand.waiting);
	} else {
		errand.thread = thread_lay(errand.low, errand.low + ERRAND_BYTES);
		thread_launch_urgent(errand.thread, errands);
	}
	return true;
}
