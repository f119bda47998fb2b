/*
 * The default policy: first come first served, and how a policy is replaced.
 */
#include "libos/thread/policy.h"

#include "kernel/abi/error.h"
#include "libos/thread/cpu_private.h"

const struct thread_policy *thread_policy = &thread_policy_default;

static void fifo_enqueue(struct thread *t, enum thread_ready_why why)
{
	(void)why;
	thread_queue_add(&thread_ready, t);
}

static struct thread *fifo_dequeue(void) { return thread_queue_take(&thread_ready); }

static bool fifo_waiting(void) { return thread_ready.head != NULL; }

/* The one that came last: it would have waited longest. */
static struct thread *fifo_steal(coreid_t thief)
{
	struct thread *t = thread_ready.tail;

	while (t && !thread_may_leave(t, thief))
		t = t->prev;
	if (t)
		thread_queue_remove(t);
	return t;
}

/*
 * Cooperative threads are short, or wait for each other: the first one stays, since
 * who made it may be about to join it. Others are to run at once.
 */
static coreid_t fifo_place(struct thread *t)
{
	(void)t;
	return thread_preemptive || fifo_waiting() ? thread_idle_core() : dispatcher_core();
}

const struct thread_policy thread_policy_default = { "fifo",       fifo_enqueue, fifo_dequeue,
						     fifo_waiting, fifo_steal,   fifo_place };

err_t thread_set_policy(const struct thread_policy *p)
{
	struct thread *t;
	err_t err = ERR_OK;

	if (!p)
		p = &thread_policy_default;
	dispatcher_disable();
	if (thread_has_cpus()) {
		err = ERR_CAP_BUSY;
	} else if (p != thread_policy) {
		while ((t = thread_policy->dequeue()))
			p->enqueue(t, READY_WOKEN);
		thread_policy = p;
		thread_special = p == &thread_policy_default ? 0 : SPECIAL_POLICY;
	}
	dispatcher_enable();
	return err;
}
