/*
 * Condition variables, semaphores and events: queues of threads, each with the
 * state that its waiters look at.  State changes in disabled mode only.
 */
#include "libos/core/dispatcher.h"
#include "libos/thread/control.h"

void cond_init(struct cond *c) { *c = (struct cond)COND_INIT; }

bool cond_wait(struct cond *c, struct mutex *m, cycles_t deadline)
{
	bool woken;

	memory_touch(c);
	dispatcher_disable();
	/* Released and queued in one go: a signal after the release finds us. */
	if (--m->depth == 0) {
		m->owner = thread_wake(&m->waiting);
		m->depth = m->owner ? 1 : 0;
	}
	woken = thread_block(&c->waiting, deadline);
	dispatcher_enable();
	mutex_lock(m);
	return woken;
}

void cond_signal(struct cond *c)
{
	memory_touch(c);
	dispatcher_disable();
	thread_wake(&c->waiting);
	dispatcher_enable();
}

void cond_broadcast(struct cond *c)
{
	memory_touch(c);
	dispatcher_disable();
	while (thread_wake(&c->waiting))
		;
	dispatcher_enable();
}

void semaphore_init(struct semaphore *s, uint64_t count) { *s = (struct semaphore)SEMAPHORE_INIT(count); }

/* A post with waiters goes to the first of them and never shows in the count. */
bool semaphore_wait(struct semaphore *s, cycles_t deadline)
{
	bool taken = true;

	memory_touch(s);
	dispatcher_disable();
	if (s->count)
		s->count--;
	else
		taken = thread_block(&s->waiting, deadline);
	dispatcher_enable();
	return taken;
}

bool semaphore_try(struct semaphore *s)
{
	bool taken;

	memory_touch(s);
	dispatcher_disable();
	taken = s->count != 0;
	if (taken)
		s->count--;
	dispatcher_enable();
	return taken;
}

void semaphore_post(struct semaphore *s)
{
	memory_touch(s);
	dispatcher_disable();
	if (!thread_wake(&s->waiting))
		s->count++;
	dispatcher_enable();
}

void event_init(struct event *e) { *e = (struct event)EVENT_INIT; }

void event_raise(struct event *e)
{
	if (!thread_wake(&e->waiting))
		e->set = 1;
}

void event_signal(struct event *e)
{
	memory_touch(e);
	dispatcher_disable();
	event_raise(e);
	dispatcher_enable();
}

bool event_wait(struct event *e, cycles_t deadline)
{
	bool happened = true;

	memory_touch(e);
	dispatcher_disable();
	if (!e->set)
		happened = thread_block(&e->waiting, deadline);
	else
		e->set = 0;
	dispatcher_enable();
	return happened;
}
