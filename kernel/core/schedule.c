/*
 * The run queue of this core, the sleepers, and the one timer that serves both.
 *
 * Round robin: the queue is a ring of those that can run, in order, current
 * first.  A turn ends after a slice only when somebody else waits for one, so the
 * timer is off while at most one dispatcher is runnable and none sleeps.  Who is
 * preempted has the rest of its slice later: a whole one would starve who waits
 * behind it while others wake more often than that.  Timer deadlines are set early
 * rather than moved: an interrupt that comes before anything is due just sets the
 * next one.  A message that switches at once (lmp.c) hands on the rest of the
 * slice, so that two that talk do not starve a third.
 * Where islands share the processor (island.c), each has it for such a slice too.
 */
#include "dispatch.h"
#include "handover.h"
#include "../abi/syscall.h"
#include "../x86/arch.h"

#define WAKE_MAX 16 /* sleepers that one timer interrupt wakes */

struct dispatcher *current;
uint64_t kernel_count[STAT_COUNT];

static struct run_link ring; /* the queue's both ends */
unsigned runnable;
static struct dispatcher *sleepers; /* by deadline, earliest first */
static cycles_t slice, slice_end;
static cycles_t turn_end; /* of the island, where several share the processor */
static cycles_t timer_at; /* what the timer is set to; 0: off */
static cycles_t idle_since;
static bool preempt; /* someone goes before current at the end of this interrupt */
static bool urgent;  /* an interrupt is being served: who it wakes runs next */
static paddr_t kernel_root;
paddr_t loaded_root;

void schedule_init(void)
{
	ring.next = ring.prev = &ring;
	slice = arch_tsc_hz() / SLICE_PER_SECOND;
	kernel_root = loaded_root = arch_root_current();
	island_begin();
}

/* The timer goes off no later than the next thing that is due. */
static void timer_update(void)
{
	cycles_t due = runnable > 1 ? slice_end : 0;

	if (sleepers && (due == 0 || sleepers->deadline < due))
		due = sleepers->deadline;
	if (island_shared)
		due = island_timer(due, turn_end);
	if (due && (timer_at == 0 || due < timer_at)) {
		timer_at = due;
		arch_timer_at(due);
	}
}

/* Into the ring before `at`, the whole ring's head being its last place. */
static void ring_insert(struct dispatcher *d, struct run_link *at)
{
	d->run.next = at;
	d->run.prev = at->prev;
	at->prev->next = &d->run;
	at->prev = &d->run;
}

static void ring_remove(struct dispatcher *d)
{
	d->run.prev->next = d->run.next;
	d->run.next->prev = d->run.prev;
	d->run.next = NULL;
}

static void runnable_insert(struct dispatcher *d, struct run_link *at)
{
	if (d->deadline)
		schedule_unsleep(d);
	d->state = DISP_RUNNABLE;
	ring_insert(d, at);
	if (++runnable == 2) {
		slice_end = arch_now() + slice;
		timer_update();
	}
}

void schedule_add(struct dispatcher *d)
{
	if (d->run.next)
		return;
	if (urgent) {
		runnable_insert(d, ring.next);
		preempt = true;
	} else {
		runnable_insert(d, &ring);
	}
}

void schedule_add_next(struct dispatcher *d)
{
	if (d->run.next) {
		ring_remove(d);
		ring_insert(d, ring.next);
	} else {
		runnable_insert(d, ring.next);
	}
}

void schedule_remove(struct dispatcher *d)
{
	if (d->run.next) {
		ring_remove(d);
		runnable--;
	}
	if (d->deadline)
		schedule_unsleep(d);
	/* The page tables that are loaded may go with it; if another runs, they are that one's. */
	if ((d == current || !current) && loaded_root == d->vspace) {
		loaded_root = kernel_root;
		arch_root_load(kernel_root);
	}
	if (d == current) {
		d->cycles += arch_now() - d->since;
		current = NULL;
		idle_since = 0;
	}
}

void schedule_unsleep(struct dispatcher *d)
{
	if (d->sleep_prev)
		d->sleep_prev->sleep_next = d->sleep_next;
	else
		sleepers = d->sleep_next;
	if (d->sleep_next)
		d->sleep_next->sleep_prev = d->sleep_prev;
	d->deadline = 0;
}

static void sleepers_insert(struct dispatcher *d)
{
	struct dispatcher *before = NULL, *after = sleepers;

	while (after && after->deadline <= d->deadline) {
		before = after;
		after = after->sleep_next;
	}
	d->sleep_prev = before;
	d->sleep_next = after;
	if (after)
		after->sleep_prev = d;
	if (before)
		before->sleep_next = d;
	else
		sleepers = d;
}

void schedule_alarm(cycles_t deadline)
{
	if (current->deadline)
		schedule_unsleep(current);
	if (deadline) {
		current->deadline = deadline;
		sleepers_insert(current);
		timer_update();
	}
}

void schedule_sleep(cycles_t deadline)
{
	if (current->deadline)
		schedule_unsleep(current);
	current->state = DISP_WAITING;
	ring_remove(current);
	runnable--;
	if (deadline) {
		current->deadline = deadline;
		sleepers_insert(current);
		timer_update();
	}
}

void schedule_rotate(void)
{
	ring_remove(current);
	ring_insert(current, &ring);
}

static void switch_spaces(struct dispatcher *d)
{
	kernel_count[STAT_SWITCHES]++;
	if (d->vspace != loaded_root) {
		loaded_root = d->vspace;
		arch_root_load(d->vspace);
	}
}

void schedule_direct(struct dispatcher *d, bool wait)
{
	struct dispatcher *from = current;
	cycles_t now = arch_now();

	if (d->deadline)
		schedule_unsleep(d);
	d->state = DISP_RUNNABLE;
	if (wait) {
		from->state = DISP_WAITING;
		d->run = from->run;
		d->run.next->prev = d->run.prev->next = &d->run;
		from->run.next = NULL;
	} else {
		runnable_insert(d, &from->run);
	}
	from->cycles += now - from->since;
	d->since = now;
	current = d;
	switch_spaces(d);
}

static void __attribute__((noreturn)) schedule_idle(cycles_t now)
{
	current = NULL;
	idle_since = now;
	if (island_shared)
		island_yield(now, true);
	arch_idle();
}

void schedule(void)
{
	struct dispatcher *d = (struct dispatcher *)ring.next;
	cycles_t now = arch_now();

	preempt = urgent = current_posted = false;
	if (current)
		current->cycles += now - current->since;
	else if (idle_since)
		kernel_count[STAT_IDLE_CYCLES] += now - idle_since;
	if (ring.next == &ring)
		schedule_idle(now);
	idle_since = 0;
	d->since = now;
	if (d != current) {
		current = d;
		slice_end = now + slice;
		if (d->left) {
			slice_end = now + d->left;
			d->left = 0;
			timer_update();
		}
		switch_spaces(d);
	}
	dispatcher_continue();
}

void schedule_interrupt(void) { urgent = true; }

cycles_t schedule_rest(void)
{
	if (current)
		current->cycles += arch_now() - current->since;
	current = NULL;
	preempt = urgent = current_posted = false;
	if (ring.next != &ring) {
		idle_since = 0;
		return 1;
	}
	return sleepers ? sleepers->deadline : 0;
}

static void sleepers_wake(cycles_t now)
{
	for (unsigned i = 0; i < WAKE_MAX && sleepers && sleepers->deadline <= now; i++) {
		struct dispatcher *d = sleepers;

		schedule_unsleep(d);
		dispatcher_post(d, EVENT_TIMEOUT);
	}
}

void schedule_resume(void)
{
	cycles_t now = arch_now();

	loaded_root = kernel_root;
	turn_end = now + slice;
	timer_at = 0;
	schedule_interrupt();
	doorbell_take();
	sleepers_wake(now);
	timer_update();
	urgent = false;
}

paddr_t schedule_root(void) { return kernel_root; }

void schedule_interrupted(void)
{
	urgent = false;
	if (island_shared) {
		island_yield(arch_now(), ring.next == &ring || arch_now() >= turn_end);
		timer_update();
	}
	if (!current) {
		if (ring.next != &ring)
			schedule();
		return;
	}
	if (preempt) {
		cycles_t now = arch_now();

		current->left = slice_end > now ? slice_end - now : 1;
		dispatcher_save();
		schedule();
	}
	if (current_posted) {
		current_posted = false;
		if (!current->page->disabled) {
			dispatcher_save();
			dispatcher_continue();
		}
	}
}

void kernel_timer(void)
{
	cycles_t now = arch_now();

	kernel_count[STAT_INTERRUPTS]++;
	kernel_count[STAT_TIMER]++;
	timer_at = 0;
	schedule_interrupt();
	sleepers_wake(now);
	if (current && runnable > 1 && now >= slice_end) {
		schedule_rotate();
		slice_end = now + slice;
		preempt = true;
	}
	timer_update();
	schedule_interrupted();
}

uint64_t schedule_check(void)
{
	uint64_t wrong = 0;
	unsigned n = 0;

	for (struct run_link *l = ring.next; l != &ring && n <= runnable; l = l->next, n++)
		wrong += ((struct dispatcher *)l)->state != DISP_RUNNABLE || l->next->prev != l;
	for (struct dispatcher *d = sleepers; d; d = d->sleep_next)
		wrong += (d->state == DISP_WAITING) == (d->run.next != NULL) ||
			 (d->sleep_next && d->sleep_next->deadline < d->deadline);
	return wrong + (n != runnable);
}

void schedule_hand_over(struct handover *h, bool take)
{
	HAND_OVER(take, h->ring, ring);
	HAND_OVER(take, h->runnable, runnable);
	HAND_OVER(take, h->sleepers, sleepers);
	HAND_OVER(take, h->idle_since, idle_since);
	HAND_OVER(take, h->count, kernel_count);
	if (!take) {
		h->ring_at = &ring;
		return;
	}
	if (h->ring.next == h->ring_at)
		ring.next = ring.prev = &ring;
	ring.next->prev = ring.prev->next = &ring;
	slice = arch_tsc_hz() / SLICE_PER_SECOND;
	kernel_root = arch_root_current();
}
