/*
 * Mutexes.
 *
 * One word: the owner's control block, and a bit that says that others wait.  Uncontended, a lock and an unlock
 * are a compare and swap each.  With one cpu unlocking hands the mutex to the first that waits: fair, and
 * nobody retries.  With several who finds it taken looks for a while, since the owner may be about to unlock on
 * another core, and then waits.  Unlocking wakes the first that waits but leaves the mutex free, so that it is not
 * idle while that one is on its way; one that came too late once is handed it the next time.
 */
#include "libos/core/dispatcher.h"
#include "libos/thread/control.h"
#include "libos/x86/barrier.h"

#define WAITED UINT64_C(1)
#define LOOKS 64 /* at a taken mutex before waiting */

void mutex_init(struct mutex *m, bool recursive) { *m = (struct mutex){ .recursive = recursive }; }

static inline struct thread *owner_of(uint64_t word) { return (struct thread *)(word & ~WAITED); }

static uint64_t waited(const struct mutex *m) { return m->waiting.head ? WAITED : 0; }

bool mutex_held(const struct mutex *m) { return owner_of(mem_load64(&m->word)) == thread_current(); }

/* Takes it if it is free, its queue being locked; else sees to it that the owner hears of us. */
static bool word_take(struct mutex *m, struct thread *self)
{
	for (;;) {
		uint64_t word = mem_load64(&m->word);
		bool vacant = !owner_of(word);

		if (!vacant && word & WAITED)
			return false;
		if (mem_change64(&m->word, word, vacant ? (uint64_t)self | waited(m) : word | WAITED))
			return vacant;
	}
}

static bool look_and_take(struct mutex *m, struct thread *self)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (!mem_load64(&m->word) && mem_change64(&m->word, 0, (uint64_t)self))
			return true;
		cpu_pause();
	}
	return false;
}

/* In disabled mode; the queue is locked, and unlocked at the end. */
static bool wait_for(struct mutex *m, struct thread *self, cycles_t deadline, unsigned interruptible)
{
	if (word_take(m, self)) {
		wait_unlock(&m->waiting);
		return self->handed = true;
	}
	self->handed = false;
	return wait_in(&m->waiting, deadline, interruptible);
}

static bool lock_slow(struct mutex *m, struct thread *self, cycles_t deadline, unsigned interruptible)
{
	bool woken = true;

	self->tried = self->handed = false;
	memory_touch(m);
	while (woken && !self->handed) {
		if (thread_has_cpus() && look_and_take(m, self))
			return true;
		dispatcher_disable();
		wait_lock(&m->waiting);
		woken = wait_for(m, self, deadline, interruptible);
		dispatcher_enable();
		self->tried = true;
	}
	return woken;
}

/* Takes it if it is free and nobody waits. In disabled mode. */
static inline bool word_change(struct mutex *m, struct thread *self)
{
	if (thread_has_cpus()) {
		if (!mem_change64(&m->word, 0, (uint64_t)self))
			return false;
	} else {
		if (m->word)
			return false;
		m->word = (uint64_t)self;
	}
	m->depth = 1;
	return true;
}

static inline bool is_again(const struct mutex *m, struct thread *self)
{
	return m->recursive && owner_of(mem_load64(&m->word)) == self;
}

static bool lock_taken(struct mutex *m, struct thread *self, cycles_t deadline, unsigned interruptible)
{
	if (is_again(m, self)) {
		m->depth++;
		return true;
	}
	if (!lock_slow(m, self, deadline, interruptible))
		return false;
	m->depth = 1;
	return true;
}

bool mutex_lock_until(struct mutex *m, cycles_t deadline)
{
	struct thread *self = thread_current();
	bool taken;

	memory_touch(m);
	dispatcher_disable();
	taken = word_change(m, self);
	dispatcher_enable();
	return taken || lock_taken(m, self, deadline, 0);
}

bool mutex_lock_nudged(struct mutex *m, cycles_t deadline)
{
	struct thread *self = thread_current();

	if (mem_change64(&m->word, 0, (uint64_t)self)) {
		m->depth = 1;
		return true;
	}
	while (!lock_taken(m, self, deadline, INTERRUPTED_ONCE))
		if (!wait_nudged())
			return false;
	return true;
}

/* The usual case is one instruction: nobody comes in between, however many cpus there are, in enabled mode, too. */
void mutex_lock(struct mutex *m)
{
	if (mem_change64(&m->word, 0, (uint64_t)thread_current()))
		m->depth = 1;
	else
		mutex_lock_until(m, 0);
}

bool mutex_try(struct mutex *m)
{
	struct thread *self = thread_current();
	bool taken;

	memory_touch(m);
	dispatcher_disable();
	taken = word_change(m, self);
	if (!taken && is_again(m, self)) {
		m->depth++;
		taken = true;
	}
	dispatcher_enable();
	return taken;
}

/* There may be somebody who waits. */
static void release_slow(struct mutex *m)
{
	struct thread *t;

	wait_lock(&m->waiting);
	t = wait_take(&m->waiting);
	if (t && (t->tried || !thread_has_cpus())) {
		t->handed = true;
		mem_store64_release(&m->word, (uint64_t)t | waited(m));
	} else {
		/* Nobody else changes it: it is ours, and the bit for waiting is set under the lock. */
		mem_store64_release(&m->word, waited(m));
	}
	wait_unlock(&m->waiting);
	if (t)
		thread_make_ready(t);
}

void mutex_release(struct mutex *m)
{
	if (--m->depth != 0)
		return;
	if (!thread_has_cpus()) {
		if (m->word & WAITED)
			release_slow(m);
		else
			m->word = 0;
	} else if (!mem_change64(&m->word, (uint64_t)thread_current(), 0)) {
		release_slow(m);
	}
}

void mutex_unlock(struct mutex *m)
{
	/* Likewise; it fails when somebody waits. */
	if (m->depth == 1) {
		m->depth = 0;
		if (mem_change64(&m->word, (uint64_t)thread_current(), 0))
			return;
		m->depth = 1;
	}
	dispatcher_disable();
	mutex_release(m);
	dispatcher_enable();
}
