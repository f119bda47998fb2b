/*
 * Waiting in queues.
 *
 * On one cpu disabled mode keeps everybody else away.  With several there are guards besides.
 * A thread that waits is in its queue before its guard is free again, but goes on for a
 * few instructions on its own stack: who wakes it meanwhile, on another core, sends it to its own cpu, which
 * does not look before it has left that stack.  So nobody ever runs a thread
 * that still runs.
 *
 * Three may want to end the same wait: who wakes, the deadline, an interrupt.  The one that takes the thread
 * out of its queue, under the guard, has it.
 */
#include "libos/thread/control.h"
#include "libos/x86/barrier.h"

struct wait_guard *wait_guards;

static uint32_t *guard_of(const struct thread_queue *q)
{
	uint64_t a = (uint64_t)q;

	return &wait_guards[(a >> 4 ^ a >> 10) % WAIT_GUARDS].taken;
}

void wait_guard(struct thread_queue *q)
{
	uint32_t *g = guard_of(q);

	while (mem_swap32(g, 1))
		while (mem_load32(g))
			cpu_pause();
}

void wait_unguard(struct thread_queue *q) { mem_store32_release(guard_of(q), 0); }

static void waits_set(struct thread *t, struct thread_queue *q) { __atomic_store_n(&t->waits, q, __ATOMIC_RELEASE); }

static struct thread_queue *waits_get(struct thread *t) { return __atomic_load_n(&t->waits, __ATOMIC_ACQUIRE); }

/* Takes the thread out of the queue it waits in, unless somebody has already. `interrupts`: 0, or if it heeds one. */
static bool wait_leave(struct thread *t, unsigned interrupts)
{
	struct thread_queue *q = waits_get(t);
	bool leaves;

	if (!q)
		return false;
	wait_lock(q);
	leaves = waits_get(t) == q && (!interrupts || t->interruptible & interrupts);
	if (leaves) {
		thread_queue_remove(t);
		waits_set(t, NULL);
		t->timed_out = true;
	}
	wait_unlock(q);
	return leaves;
}

static inline void begin(struct thread_queue *q, unsigned interruptible)
{
	struct thread *t = thread_current();

	t->timed_out = false;
	t->queued = true;
	t->interruptible = (uint8_t)interruptible;
	thread_queue_add(q, t);
	waits_set(t, q);
	wait_unlock(q);
}

void wait_begin(struct thread_queue *q, unsigned interruptible) { begin(q, interruptible); }

/*
 * Has an interrupt come before it could find us waiting?  Store buffering: we wrote `waits`, fence, read
 * `interrupted`; thread_interrupt swaps `interrupted`, a fence, and reads `waits`.
 */
static bool interrupted_early(struct thread *t)
{
	unsigned interrupts;

	if (thread_has_cpus())
		mem_fence();
	interrupts = mem_load32(&t->interrupted) & t->interruptible;
	return interrupts && wait_leave(t, interrupts);
}

static inline bool finish(cycles_t deadline)
{
	struct thread *t = thread_current();

	if (!t->interruptible || !interrupted_early(t)) {
		if (deadline)
			sleep_add(t, deadline);
		thread_suspend(t);
	}
	t->queued = false;
	return !t->timed_out;
}

bool wait_finish(cycles_t deadline) { return finish(deadline); }

bool wait_in(struct thread_queue *q, cycles_t deadline, unsigned interruptible)
{
	begin(q, interruptible);
	return finish(deadline);
}

err_t wait_in_sending(struct thread_queue *q, cptr_t to, uint64_t header, const uint64_t *words)
{
	struct thread *t = thread_current();
	err_t err;

	begin(q, 0);
	err = thread_suspend_sending(t, to, header, words);
	if (err)
		(void)wait_leave(t, 0);
	t->queued = false;
	return err;
}

bool wait_expired(struct thread *t)
{
	if (t->queued)
		return wait_leave(t, 0);
	t->timed_out = true;
	return true;
}

bool thread_block(struct thread_queue *q, cycles_t deadline)
{
	wait_lock(q);
	return wait_in(q, deadline, 0);
}

struct thread *thread_wake(struct thread_queue *q)
{
	struct thread *t;

	wait_lock(q);
	t = wait_take(q);
	wait_unlock(q);
	if (t)
		thread_make_ready(t);
	return t;
}

static bool interrupt(struct thread *t, uint32_t bit)
{
	__atomic_fetch_or(&t->interrupted, bit, __ATOMIC_SEQ_CST);
	if (!wait_leave(t, bit))
		return false;
	thread_make_ready(t);
	return true;
}

void thread_interrupt(struct thread *t)
{
	dispatcher_disable();
	interrupt(t, INTERRUPTED_FOR_GOOD);
	dispatcher_enable();
}

bool thread_nudge(struct thread *t) { return interrupt(t, INTERRUPTED_ONCE); }

void thread_nudge_taken(void)
{
	__atomic_fetch_and(&thread_current()->interrupted, ~(uint32_t)INTERRUPTED_ONCE, __ATOMIC_SEQ_CST);
}

void (*thread_nudged)(void);

bool wait_nudged(void)
{
	if (!(mem_load32(&thread_current()->interrupted) & INTERRUPTED_ONCE) || !thread_nudged)
		return false;
	thread_nudged();
	return true;
}

void thread_interrupt_taken(void)
{
	__atomic_fetch_and(&thread_current()->interrupted, ~(uint32_t)INTERRUPTED_FOR_GOOD, __ATOMIC_SEQ_CST);
}

bool thread_interrupted(void) { return mem_load32(&thread_current()->interrupted) & INTERRUPTED_FOR_GOOD; }

bool thread_sleep_interruptible(cycles_t deadline)
{
	struct thread_queue nobody = { NULL, NULL };
	bool interrupted;

	dispatcher_disable();
	wait_lock(&nobody);
	wait_in(&nobody, deadline, INTERRUPTED_ANY);
	interrupted = mem_load32(&thread_current()->interrupted) != 0;
	dispatcher_enable();
	return !interrupted;
}
