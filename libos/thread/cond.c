/*
 * Condition variables, semaphores, events and barriers: queues of threads, each with the
 * state that its waiters look at.  State changes in disabled mode, under the queue's guard when there are
 * several cpus (libos/thread/wait.c): one locked instruction.
 */
#include "libos/core/dispatcher.h"
#include "libos/thread/control.h"
#include "libos/x86/barrier.h"

#define SPINS 1000 /* looks at a barrier before others get the processor */

/* In enabled mode; `p` is memory that is used until end(). */
static inline void begin(struct thread_queue *q)
{
	memory_touch(q);
	dispatcher_disable();
	wait_lock(q);
}

static inline void end(struct thread_queue *q)
{
	wait_unlock(q);
	dispatcher_enable();
}

void cond_init(struct cond *c) { *c = (struct cond)COND_INIT; }

static bool wait_and_lock(struct cond *c, struct mutex *m, cycles_t deadline, unsigned interruptible)
{
	bool woken;

	memory_touch(m);
	begin(&c->waiting);
	/* Queued before it is released: a signal after the release finds us. */
	wait_begin(&c->waiting, interruptible);
	mutex_release(m);
	woken = wait_finish(deadline);
	dispatcher_enable();
	if (!woken && interruptible)
		wait_nudged();
	mutex_lock(m);
	return woken;
}

bool cond_wait(struct cond *c, struct mutex *m, cycles_t deadline) { return wait_and_lock(c, m, deadline, 0); }

bool cond_wait_nudged(struct cond *c, struct mutex *m, cycles_t deadline)
{
	return wait_and_lock(c, m, deadline, INTERRUPTED_ONCE);
}

bool cond_wait_interruptible(struct cond *c, struct mutex *m, cycles_t deadline)
{
	return wait_and_lock(c, m, deadline, INTERRUPTED_ANY);
}

/* Who waits was queued before it released the mutex: who has held that since sees it in the queue. */
static bool nobody(const struct thread_queue *q) { return !__atomic_load_n(&q->head, __ATOMIC_RELAXED); }

void cond_signal(struct cond *c)
{
	if (nobody(&c->waiting))
		return;
	dispatcher_disable();
	thread_wake(&c->waiting);
	dispatcher_enable();
}

/* Takes all of a locked queue, linked by `next`. */
static struct thread *take_all(struct thread_queue *q)
{
	struct thread *first = NULL, **at = &first;

	while ((*at = wait_take(q)))
		at = &(*at)->next;
	return first;
}

static void ready_all(struct thread *t)
{
	while (t) {
		struct thread *next = t->next;

		thread_make_ready(t);
		t = next;
	}
}

void cond_broadcast(struct cond *c)
{
	struct thread *all;

	if (nobody(&c->waiting))
		return;
	begin(&c->waiting);
	all = take_all(&c->waiting);
	wait_unlock(&c->waiting);
	ready_all(all);
	dispatcher_enable();
}

void semaphore_init(struct semaphore *s, uint64_t count) { *s = (struct semaphore)SEMAPHORE_INIT(count); }

/* A post with waiters goes to the first of them and never shows in the count. */
static bool semaphore_take(struct semaphore *s, cycles_t deadline, unsigned interruptible)
{
	bool taken = true;

	begin(&s->waiting);
	if (s->count) {
		s->count--;
		wait_unlock(&s->waiting);
	} else {
		taken = wait_in(&s->waiting, deadline, interruptible);
	}
	dispatcher_enable();
	return taken;
}

bool semaphore_wait(struct semaphore *s, cycles_t deadline) { return semaphore_take(s, deadline, 0); }

bool semaphore_wait_interruptible(struct semaphore *s, cycles_t deadline)
{
	return semaphore_take(s, deadline, INTERRUPTED_ANY);
}

bool semaphore_try(struct semaphore *s)
{
	bool taken;

	begin(&s->waiting);
	taken = s->count != 0;
	if (taken)
		s->count--;
	end(&s->waiting);
	return taken;
}

void semaphore_post(struct semaphore *s)
{
	struct thread *t;

	begin(&s->waiting);
	t = wait_take(&s->waiting);
	if (!t)
		s->count++;
	wait_unlock(&s->waiting);
	if (t)
		thread_make_ready(t);
	dispatcher_enable();
}

void event_init(struct event *e) { *e = (struct event)EVENT_INIT; }

void event_raise(struct event *e)
{
	struct thread *t;

	wait_lock(&e->waiting);
	t = wait_take(&e->waiting);
	if (!t)
		e->set = 1;
	wait_unlock(&e->waiting);
	if (t)
		thread_make_ready(t);
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

	begin(&e->waiting);
	if (!e->set) {
		happened = wait_in(&e->waiting, deadline, 0);
	} else {
		e->set = 0;
		wait_unlock(&e->waiting);
	}
	dispatcher_enable();
	return happened;
}

/* --- barriers --------------------------------------------------------------------- */

#define BARRIER_ROUNDS (UINT64_C(1) << 32) /* of one barrier */

void barrier_init(struct barrier *b, uint32_t count)
{
	static uint64_t barriers;

	*b = (struct barrier){ .count = count };
	b->round = __atomic_add_fetch(&barriers, 1, __ATOMIC_RELAXED) * BARRIER_ROUNDS;
}

/*
 * Till the round is over. Who was nudged has left the queue meanwhile; when it comes back the barrier may be something
 * else already, but not one that is at this round.
 */
static void round_wait(struct barrier *b)
{
	uint64_t round = b->round;

	while (!wait_in(&b->waiting, 0, INTERRUPTED_ONCE)) {
		dispatcher_enable();
		wait_nudged();
		begin(&b->waiting);
		if (b->round != round) {
			wait_unlock(&b->waiting);
			return;
		}
	}
}

bool barrier_wait(struct barrier *b)
{
	struct thread *all;
	bool last;

	begin(&b->waiting);
	last = ++b->arrived == b->count;
	if (last) {
		b->arrived = 0;
		b->round++;
		all = take_all(&b->waiting);
		wait_unlock(&b->waiting);
		ready_all(all);
	} else {
		round_wait(b);
	}
	dispatcher_enable();
	return last;
}

void spin_barrier_init(struct spin_barrier *b, uint32_t count) { *b = (struct spin_barrier){ .count = count }; }

bool spin_barrier_wait(struct spin_barrier *b)
{
	uint32_t round = mem_load32(&b->round);

	if (mem_increment32(&b->arrived) == b->count) {
		mem_store32(&b->arrived, 0);
		/* Release: pairs with the loads below; who leaves sees the others' stores, and 0 arrived. */
		mem_store32_release(&b->round, round + 1);
		return true;
	}
	for (unsigned looks = 0; mem_load32_acquire(&b->round) == round; looks++) {
		if (looks % SPINS == SPINS - 1)
			thread_yield();
		cpu_pause();
	}
	return false;
}
