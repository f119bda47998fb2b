/*
 * What threads wait on: libos/thread/thread.h, for threads that only change places where they wait.
 */
#include "tools/sim/fleet/fleetsim.h"

/* --- mutexes: `word` is the owner ------------------------------------------------------------ */

void mutex_init(struct mutex *m, bool recursive) { *m = (struct mutex){ .recursive = recursive }; }

bool mutex_held(const struct mutex *m) { return m->word == (uint64_t)thread_self(); }

bool mutex_try(struct mutex *m)
{
	if (m->word && !(m->recursive && mutex_held(m)))
		return false;
	m->word = (uint64_t)thread_self();
	m->depth++;
	return true;
}

bool mutex_lock_until(struct mutex *m, cycles_t deadline)
{
	if (mutex_held(m) && !m->recursive)
		violation("a thread locks a mutex that it has");
	while (!mutex_try(m))
		if (!thread_wait(&m->waiting, deadline, false))
			return false;
	return true;
}

void mutex_lock(struct mutex *m) { mutex_lock_until(m, 0); }

void mutex_unlock(struct mutex *m)
{
	if (!mutex_held(m))
		violation("a thread unlocks a mutex that it has not");
	if (--m->depth)
		return;
	m->word = 0;
	thread_wake(&m->waiting);
}

/* --- condition variables ----------------------------------------------------------------------- */

void cond_init(struct cond *c) { *c = (struct cond){ { NULL, NULL } }; }

static bool wait_on(struct cond *c, struct mutex *m, cycles_t deadline, bool interruptible)
{
	bool woken;

	mutex_unlock(m);
	woken = thread_wait(&c->waiting, deadline, interruptible);
	mutex_lock(m);
	return woken;
}

bool cond_wait(struct cond *c, struct mutex *m, cycles_t deadline) { return wait_on(c, m, deadline, false); }

bool cond_wait_interruptible(struct cond *c, struct mutex *m, cycles_t deadline)
{
	return wait_on(c, m, deadline, true);
}

void cond_signal(struct cond *c) { thread_wake(&c->waiting); }

void cond_broadcast(struct cond *c)
{
	while (thread_wake(&c->waiting))
		;
}

/* --- semaphores, events, barriers ------------------------------------------------------------------ */

void semaphore_init(struct semaphore *s, uint64_t count) { *s = (struct semaphore){ .count = count }; }

bool semaphore_try(struct semaphore *s)
{
	if (!s->count)
		return false;
	s->count--;
	return true;
}

static bool semaphore_take(struct semaphore *s, cycles_t deadline, bool interruptible)
{
	while (!semaphore_try(s))
		if (!thread_wait(&s->waiting, deadline, interruptible))
			return false;
	return true;
}

bool semaphore_wait(struct semaphore *s, cycles_t deadline) { return semaphore_take(s, deadline, false); }

bool semaphore_wait_interruptible(struct semaphore *s, cycles_t deadline) { return semaphore_take(s, deadline, true); }

void semaphore_post(struct semaphore *s)
{
	s->count++;
	thread_wake(&s->waiting);
}

void event_init(struct event *e) { *e = (struct event){ 0 }; }

void event_raise(struct event *e)
{
	e->set = 1;
	thread_wake(&e->waiting);
}

void event_signal(struct event *e) { event_raise(e); }

bool event_wait(struct event *e, cycles_t deadline)
{
	while (!e->set)
		if (!thread_wait(&e->waiting, deadline, false))
			return false;
	e->set = 0;
	return true;
}

void barrier_init(struct barrier *b, uint32_t count) { *b = (struct barrier){ .count = count }; }

bool barrier_wait(struct barrier *b)
{
	if (++b->arrived < b->count) {
		thread_wait(&b->waiting, 0, false);
		return false;
	}
	b->arrived = 0;
	while (thread_wake(&b->waiting))
		;
	return true;
}
