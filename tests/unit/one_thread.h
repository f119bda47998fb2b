/*
 * For tests of libOS code that takes mutexes, without threads: there is one, and
 * it never waits. Include it once.
 */
#pragma once

#include "libos/thread/control.h"

uint32_t thread_special;
void wait_guard(struct thread_queue *q) { fail_msg("one cpu, and it guards %p", (void *)q); }
bool wait_nudged(void) { return false; }
void wait_unguard(struct thread_queue *q) { fail_msg("one cpu, and it guards %p", (void *)q); }
void thread_make_ready(struct thread *t) { fail_msg("nobody waits, but %p is woken", (void *)t); }

bool wait_in(struct thread_queue *q, cycles_t deadline, unsigned interruptible)
{
	fail_msg("one thread only, and it waits in %p till %lu (%u)", (void *)q, (unsigned long)deadline,
		 interruptible);
	return false;
}
