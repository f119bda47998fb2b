/*
 * Threads: start, end, and who runs next.
 *
 * Runnable threads wait in thread_ready, first come first served.  A thread that
 * gives the processor up saves its context on its own stack and either switches
 * to the next or, when there is none, puts the dispatcher to sleep from there;
 * the next upcall goes on.  Scheduler state changes in disabled mode only.
 *
 * In preemptive mode an alarm is set for the end of the slice while others are
 * ready, and for the first sleeper; the run upcall that it causes finds a thread
 * interrupted, keeps its registers and takes the next.
 */
#include "libos/thread/thread.h"

#include "libos/core/invoke.h"
#include "libos/core/vspace.h"
#include "libos/thread/control.h"
#include "libos/x86/context.h"

struct thread_queue thread_ready;

#define SLICES_PER_SECOND 100

static bool preemptive;
static cycles_t alarm_at;   /* what the alarm is set to; 0 or past: it is not */
static bool slice_over;     /* the alarm came in disabled mode, with others ready */
static struct thread *pool; /* blocks of ended threads, linked by next */

struct thread *thread_self(void) { return thread_current(); }

bool thread_others(void) { return *(struct thread *volatile *)&thread_ready.head != NULL; }

void *thread_local_get(void) { return thread_current()->local; }

void thread_local_set(void *value) { thread_current()->local = value; }

struct thread *thread_first;

void thread_init(struct thread *first)
{
	thread_first = first;
	dispatcher_page()->libos[0] = (uint64_t)first;
	context_set_thread_pointer(first);
}

/* --- preemption, in disabled mode -------------------------------------------- */

static void alarm_set(void)
{
	cycles_t now = context_now(), due = 0;

	if (thread_ready.head)
		due = now + dispatcher_tsc_hz() / SLICES_PER_SECOND;
	if (sleep_first && (!due || sleep_first->deadline < due))
		due = sleep_first->deadline;
	if (due && (alarm_at <= now || due < alarm_at)) {
		alarm_at = due;
		disp_alarm(TASK_DISPATCHER, due);
	}
}

static inline void alarm_update(void)
{
	if (preemptive)
		alarm_set();
}

void thread_timeout(void)
{
	alarm_at = 0;
	sleep_expire();
	slice_over = preemptive && thread_ready.head;
}

void thread_set_preemptive(bool on)
{
	dispatcher_disable();
	preemptive = on;
	alarm_update();
	dispatcher_enable();
}

/* In enabled mode. */
void thread_give_way(void)
{
	if (slice_over)
		thread_yield();
}

/* --- scheduling, in disabled mode ------------------------------------------- */

void thread_make_ready(struct thread *t)
{
	if (t->queue)
		thread_queue_remove(t);
	if (t->deadline)
		sleep_remove(t);
	thread_queue_add(&thread_ready, t);
	alarm_update();
}

void thread_schedule(void)
{
	struct thread *next;

	sleep_expire();
	slice_over = false;
	next = thread_queue_take(&thread_ready);
	if (next) {
		alarm_update();
		context_load(next);
	}
	alarm_at = 0; /* sleeping takes it back */
	context_sleep(sleep_next_deadline());
}

void thread_suspend(struct thread *t)
{
	struct thread *next;

	sleep_expire();
	next = thread_queue_take(&thread_ready);
	slice_over = false;
	if (next == t)
		return; /* its own deadline is past */
	if (next) {
		alarm_update();
		context_switch(t, next);
	} else {
		alarm_at = 0;
		context_wait(t, sleep_next_deadline());
	}
}

void thread_after_upcall(struct thread *interrupted)
{
	if (!interrupted)
		thread_schedule();
	if (!preemptive || !thread_ready.head) {
		alarm_update();
		sys_resume(SAVE_ENABLED);
	}
	context_keep(interrupted);
	thread_queue_add(&thread_ready, interrupted);
	thread_schedule();
}

bool thread_block(struct thread_queue *q, cycles_t deadline)
{
	struct thread *t = thread_current();

	t->timed_out = false;
	thread_queue_add(q, t);
	if (deadline)
		sleep_add(t, deadline);
	thread_suspend(t);
	return !t->timed_out;
}

struct thread *thread_wake(struct thread_queue *q)
{
	struct thread *t = thread_queue_take(q);

	if (t)
		thread_make_ready(t);
	return t;
}

void thread_yield(void)
{
	struct thread *t = thread_current(), *next;

	dispatcher_disable();
	sleep_expire();
	slice_over = false;
	next = thread_queue_take(&thread_ready);
	if (next) {
		thread_queue_add(&thread_ready, t);
		alarm_update();
		context_switch(t, next);
	}
	dispatcher_enable();
}

void dispatcher_yield(void)
{
	struct thread *t = thread_current();

	dispatcher_disable();
	thread_queue_add(&thread_ready, t);
	context_yield(t);
	dispatcher_enable();
}

void thread_sleep_until(cycles_t deadline)
{
	struct thread *t = thread_current();

	if (!deadline)
		return;
	dispatcher_disable();
	sleep_add(t, deadline);
	thread_suspend(t);
	dispatcher_enable();
}

/* --- life ------------------------------------------------------------------ */

static void thread_begin(void)
{
	struct thread *t = thread_current();

	dispatcher_enable();
	thread_exit(t->fn(t->arg));
}

static err_t block_take(struct thread **out)
{
	vaddr_t top;
	err_t err;

	dispatcher_disable();
	*out = pool;
	if (pool)
		pool = pool->next;
	dispatcher_enable();
	if (*out) {
		thread_tls_init(*out);
		return 0;
	}
	err = stack_map(&top);
	if (!err)
		*out = thread_lay(top - SIZE_OF_BITS(STACK_BITS), top);
	return err;
}

static void block_give(struct thread *t)
{
	t->next = pool;
	pool = t;
}

err_t thread_create(struct thread **out, thread_fn *fn, void *arg)
{
	struct thread *t;
	err_t err = block_take(&t);

	if (err)
		return err;
	t->queue = NULL;
	t->deadline = 0;
	t->ended = t->detached = false;
	t->fn = fn;
	t->arg = arg;
	t->joiners = (struct thread_queue){ 0 };
	t->local = NULL;
	t->reent = NULL;
	t->rsp = context_make(t->stack_top, thread_begin);
	*out = t;
	dispatcher_disable();
	thread_make_ready(t);
	dispatcher_enable();
	return 0;
}

void thread_exit(void *result)
{
	struct thread *t = thread_current();

	if (t->reent)
		thread_reent_release(t);
	dispatcher_disable();
	t->result = result;
	t->ended = true;
	while (thread_wake(&t->joiners))
		;
	/* Nothing else runs before we are off this stack, so its reuse can be allowed now. */
	if (t->detached)
		block_give(t);
	thread_schedule();
}

err_t thread_join(struct thread *t, void **result)
{
	dispatcher_disable();
	while (!t->ended)
		thread_block(&t->joiners, 0);
	if (result)
		*result = t->result;
	block_give(t);
	dispatcher_enable();
	return 0;
}

void thread_detach(struct thread *t)
{
	dispatcher_disable();
	t->detached = true;
	if (t->ended)
		block_give(t);
	dispatcher_enable();
}
