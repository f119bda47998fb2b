/*
 * Threads that wait for a deadline, in its order.
 *
 * A thread may at the same time wait in a queue; whichever comes first takes it
 * out of both.  Disabled mode.
 */
#include "libos/thread/control.h"
#include "libos/x86/context.h"

CORE_LOCAL struct thread *sleep_first;

void sleep_add(struct thread *t, cycles_t deadline)
{
	struct thread *before = NULL, *after = sleep_first;

	while (after && after->deadline <= deadline) {
		before = after;
		after = after->sleep_next;
	}
	t->deadline = deadline;
	t->sleep_prev = before;
	t->sleep_next = after;
	if (before)
		before->sleep_next = t;
	else
		sleep_first = t;
	if (after)
		after->sleep_prev = t;
}

void sleep_remove(struct thread *t)
{
	if (t->sleep_prev)
		t->sleep_prev->sleep_next = t->sleep_next;
	else
		sleep_first = t->sleep_next;
	if (t->sleep_next)
		t->sleep_next->sleep_prev = t->sleep_prev;
	t->deadline = 0;
}

void sleep_expire_some(void)
{
	while (sleep_first && sleep_first->deadline <= context_now()) {
		struct thread *t = sleep_first;

		/* Woken just now by another core: it comes from there. */
		if (wait_expired(t))
			thread_make_ready(t);
		else
			sleep_remove(t);
	}
}

cycles_t sleep_next_deadline(void)
{
	cycles_t first = sleep_first ? sleep_first->deadline : 0;

	return thread_timer_due && (!first || thread_timer_due < first) ? thread_timer_due : first;
}
