/*
 * Threads: start, end, and who runs next.
 *
 * A thread that gives the processor up saves its context on its own stack and either
 * switches to the next or, when there is none, puts the dispatcher to sleep from there;
 * the next upcall goes on.  Scheduler state changes in disabled mode only, and is each
 * cpu's own.  With one cpu and the default policy runnable threads wait in thread_ready,
 * first come first served; else cpu.c and the policy say who is next.
 *
 * In preemptive mode an alarm is set for the end of the slice while others are
 * ready, and for the first sleeper; the run upcall that it causes finds a thread
 * interrupted, keeps its registers and takes the next.
 */
#include "libos/thread/thread.h"

#include "kernel/abi/error.h"
#include "libos/core/invoke.h"
#include "libos/core/vspace.h"
#include "libos/thread/cpu_private.h"
#include "libos/x86/context.h"

CORE_LOCAL struct thread_queue thread_ready;
uint32_t thread_special;
bool thread_preemptive;

#define SLICES_PER_SECOND 100
#define STACK_CLASSES (STACK_BITS_MAX - STACK_BITS + 2)

static CORE_LOCAL cycles_t alarm_at; /* what the alarm is set to; 0 or past: it is not */
CORE_LOCAL cycles_t thread_timer_due;
void (*thread_timer_handler)(void);
void (*thread_interrupted_hook)(struct thread *t);
static CORE_LOCAL bool slice_over;                    /* the alarm came in disabled mode, with others ready */
static CORE_LOCAL struct thread *pool[STACK_CLASSES]; /* blocks of ended threads, by size; the last: of no use */

struct thread *thread_self(void) { return thread_current(); }

bool thread_others(void)
{
	bool others;

	if (!thread_is_special())
		return *(struct thread *volatile *)&thread_ready.head != NULL || sleep_is_due();
	dispatcher_disable();
	others = thread_policy->waiting() || (cpu_self && !inbox_empty(&cpu_self->inbox)) || sleep_is_due();
	dispatcher_enable();
	return others;
}

void *thread_local_get(void) { return thread_current()->local; }

void thread_local_set(void *value) { thread_current()->local = value; }

struct thread *thread_first;

void thread_init(struct thread *first)
{
	thread_first = first;
	cpu_init(first);
}

/* --- who is ready, in disabled mode -------------------------------------------- */

/* The errand thread, when it is ready: before all others, whatever the policy. */
static CORE_LOCAL struct thread *urgent;

static inline bool ready_waiting(void)
{
	return thread_is_special() ? urgent || thread_policy->waiting() : thread_ready.head != NULL;
}

static __attribute__((noinline)) struct thread *next_special(void)
{
	struct thread *t = urgent;

	urgent = NULL;
	return t ? t : cpu_next();
}

/* The next to run; NULL: the dispatcher may sleep. */
static inline struct thread *ready_next(void)
{
	if (thread_is_special())
		return next_special();
	sleep_expire();
	return thread_queue_take(&thread_ready);
}

/* Whatever runs gives way once, preemptive or not. */
static void urgent_add(struct thread *t)
{
	urgent = t;
	slice_over = true;
}

static inline void ready_add(struct thread *t, enum thread_ready_why why)
{
	if (!thread_is_special())
		thread_queue_add(&thread_ready, t);
	else if (t->urgent)
		urgent_add(t);
	else
		thread_policy->enqueue(t, why);
}

/* --- preemption, in disabled mode -------------------------------------------- */

static void alarm_set(void)
{
	cycles_t now = context_now(), due = 0;

	if (thread_preemptive && ready_waiting())
		due = now + dispatcher_tsc_hz() / SLICES_PER_SECOND;
	if (thread_preemptive && sleep_first && (!due || sleep_first->deadline < due))
		due = sleep_first->deadline;
	if (thread_timer_due && (!due || thread_timer_due < due))
		due = thread_timer_due;
	if (due && (alarm_at <= now || due < alarm_at)) {
		alarm_at = due;
		disp_alarm(TASK_DISPATCHER, due);
	}
}

static inline void alarm_update(void)
{
	if (__builtin_expect(thread_preemptive || thread_timer_due, 0))
		alarm_set();
}

static void timer_expire(void)
{
	if (!thread_timer_due || thread_timer_due > context_now())
		return;
	thread_timer_due = 0;
	thread_timer_handler();
}

void thread_timeout(void)
{
	alarm_at = 0;
	sleep_expire();
	timer_expire();
	/* The errand thread may have been raised just now. */
	slice_over = slice_over || (thread_preemptive && ready_waiting());
}

void thread_timer_set(cycles_t due)
{
	thread_timer_due = due;
	/* While there is one, no way to sleep may be taken that does not look at it. */
	if (!(thread_special & SPECIAL_TIMER))
		thread_special |= SPECIAL_TIMER;
	alarm_update();
}

void thread_set_preemptive(bool on)
{
	dispatcher_disable();
	thread_preemptive = on;
	alarm_update();
	cpu_wake_others();
	dispatcher_enable();
}

void thread_slice_end(void) { slice_over = true; }

/* In enabled mode. */
void thread_give_way(void)
{
	cpu_leave_closed();
	if (slice_over || (cpu_due && thread_preemptive && ready_waiting())) {
		thread_yield();
	} else if (cpu_due) {
		dispatcher_disable();
		cpu_settle();
		dispatcher_enable();
	}
}

/* --- scheduling, in disabled mode ------------------------------------------- */

static __attribute__((noinline)) void ready_special(struct thread *t)
{
	if (cpu_self && cpu_of(t) != cpu_self) {
		cpu_give(t, cpu_of(t));
		return;
	}
	if (t->deadline)
		sleep_remove(t);
	ready_add(t, READY_WOKEN);
	alarm_update();
}

void thread_make_ready(struct thread *t)
{
	if (__builtin_expect(t->deadline != 0, 0) || thread_is_special()) {
		ready_special(t);
		return;
	}
	thread_queue_add(&thread_ready, t);
	alarm_update();
}

void thread_schedule(void)
{
	struct thread *next = ready_next();

	slice_over = false;
	if (next) {
		alarm_update();
		context_load(next);
	}
	alarm_at = 0; /* sleeping takes it back */
	context_sleep(sleep_next_deadline());
}

void thread_suspend(struct thread *t)
{
	struct thread *next = ready_next();

	slice_over = false;
	if (next == t)
		return; /* its own deadline is past, or another core was quick */
	if (next) {
		alarm_update();
		context_switch(t, next);
	} else {
		alarm_at = 0;
		context_wait(t, sleep_next_deadline());
	}
}

static inline bool gives_way(const struct thread *t)
{
	if (slice_over && cpu_self && cpu_must_leave(t))
		return true;
	return (thread_preemptive || slice_over) && ready_waiting();
}

err_t thread_suspend_sending(struct thread *t, cptr_t to, uint64_t header, const uint64_t *words)
{
	if (!thread_is_alone())
		return ERR_AGAIN;
	slice_over = false;
	return context_part(t, to, header, words);
}

void thread_after_upcall(struct thread *interrupted)
{
	if (!interrupted)
		thread_schedule();
	if (!gives_way(interrupted)) {
		if (thread_has_cpus())
			cpu_settle();
		alarm_update();
		sys_resume(SAVE_ENABLED);
	}
	context_keep(interrupted);
	dispatcher_page()->libos[0] = 0;
	ready_add(interrupted, READY_PREEMPTED);
	thread_schedule();
}

/* Behind those that are ready, those of other cpus included; the same one again when there are none. */
static void yield_special(struct thread *t)
{
	struct thread *next;

	if (cpu_self)
		cpu_drain();
	sleep_expire();
	slice_over = false;
	if (cpu_self && cpu_leave(t))
		return;
	if (!ready_waiting()) {
		cpu_settle();
		return;
	}
	ready_add(t, READY_YIELDED);
	next = next_special();
	if (next != t) {
		alarm_update();
		context_switch(t, next);
	}
}

void thread_yield(void)
{
	struct thread *t = thread_current(), *next;

	dispatcher_disable();
	if (thread_is_special()) {
		yield_special(t);
	} else {
		sleep_expire();
		slice_over = false;
		next = thread_queue_take(&thread_ready);
		if (next) {
			thread_queue_add(&thread_ready, t);
			alarm_update();
			context_switch(t, next);
		}
	}
	dispatcher_enable();
}

void dispatcher_yield(void)
{
	struct thread *t = thread_current();

	dispatcher_disable();
	ready_add(t, READY_YIELDED);
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

void thread_launch_urgent(struct thread *t, thread_fn *fn)
{
	thread_special |= SPECIAL_URGENT;
	t->urgent = true;
	t->pins = 1;
	t->cpu = cpu_self;
	t->fn = fn;
	t->rsp = context_make(t->stack_top, thread_begin);
	ready_add(t, READY_NEW);
}

static err_t block_make(unsigned bits, struct thread **out)
{
	vaddr_t top;
	err_t err = stack_map(bits, &top);

	if (err)
		return err;
	*out = thread_lay(top - SIZE_OF_BITS(bits), top);
	return ERR_OK;
}

/* What others have given back. */
static void pool_fill(void)
{
	struct thread *t = (struct thread *)mem_swap64(&cpu_self->blocks, 0), *next;

	for (; t; t = next) {
		next = t->next;
		t->next = pool[t->pool];
		pool[t->pool] = t;
	}
}

static inline err_t block_take(unsigned bits, struct thread **out)
{
	struct thread **from = &pool[bits - STACK_BITS];

	dispatcher_disable();
	if (!*from && cpu_self)
		pool_fill();
	*out = *from;
	if (*out)
		*from = (*out)->next;
	dispatcher_enable();
	if (!*out)
		return block_make(bits, out);
	thread_tls_init(*out);
	return ERR_OK;
}

static __attribute__((noinline)) void block_send(struct thread *t)
{
	uint64_t *list = &cpu_maker(t)->blocks, first;

	do {
		first = mem_load64(list);
		t->next = (struct thread *)first;
	} while (!mem_change64(list, first, (uint64_t)t));
}

/* In disabled mode; the thread is off its stack, or will be before anything else runs on this cpu. */
static inline void block_give(struct thread *t)
{
	if (thread_has_cpus() && cpu_maker(t) != cpu_self) {
		block_send(t);
	} else {
		t->next = pool[t->pool];
		pool[t->pool] = t;
	}
}

/* Where it begins, in disabled mode. */
static void begin_special(struct thread *t)
{
	struct cpu *to = cpu_self;

	t->cpu = cpu_self;
	if (cpu_self && t->bound)
		to = cpu_allowed(t);
	else if (cpu_self)
		to = cpu_at(thread_policy->place(t));
	if (to && to != cpu_self) {
		cpu_give(t, to);
	} else {
		thread_policy->enqueue(t, READY_NEW);
		alarm_update();
	}
}

static inline err_t thread_make(struct thread **out, unsigned bits, thread_fn *fn, void *arg)
{
	struct thread *t;
	err_t err = block_take(bits, &t);

	if (err)
		return err;
	__builtin_memset((char *)t + offsetof(struct thread, deadline), 0,
			 offsetof(struct thread, affinity) - offsetof(struct thread, deadline));
	t->left_at = 0;
	t->other = (struct thread_stack){ 0, 0 };
	t->fn = fn;
	t->arg = arg;
	t->rsp = context_make(t->stack_top, thread_begin);
	*out = t;
	return ERR_OK;
}

static inline void start(struct thread *t)
{
	dispatcher_disable();
	if (thread_is_special()) {
		begin_special(t);
	} else {
		thread_queue_add(&thread_ready, t);
		alarm_update();
	}
	dispatcher_enable();
}

err_t thread_create(struct thread **out, thread_fn *fn, void *arg)
{
	err_t err = thread_make(out, STACK_BITS, fn, arg);

	if (!err)
		start(*out);
	return err;
}

void thread_start(struct thread *held) { start(held); }

err_t thread_create_with(struct thread **out, const struct thread_options *o, thread_fn *fn, void *arg)
{
	unsigned bits = o->stack_bits > STACK_BITS ? o->stack_bits : STACK_BITS;
	struct thread *t;
	err_t err = bits > STACK_BITS_MAX ? ERR_ARGUMENT : thread_make(&t, bits, fn, arg);

	if (err)
		return err;
	t->detached = o->detached;
	if (o->cores)
		thread_bind(t, o->cores);
	*out = t; /* before it can be gone again */
	if (!o->held)
		start(t);
	return ERR_OK;
}

void thread_drop(struct thread *held)
{
	dispatcher_disable();
	block_give(held);
	dispatcher_enable();
}

/* Off its stack, which whoever joins may use again at once. */
static void __attribute__((noreturn)) exit_finish(void *arg)
{
	struct thread *t = arg, *joiner;
	bool detached;

	wait_lock(&t->joiners);
	detached = t->detached;
	joiner = wait_take(&t->joiners);
	t->ended = true;
	wait_unlock(&t->joiners);
	if (detached)
		block_give(t);
	if (joiner)
		thread_make_ready(joiner);
	dispatcher_page()->libos[0] = 0;
	thread_schedule();
}

void thread_exit(void *result)
{
	struct thread *t = thread_current(), *joiner;

	if (t->reent)
		thread_reent_release(t);
	dispatcher_disable();
	t->result = result;
	if (thread_has_cpus())
		context_call(exit_finish, t, dispatcher_page()->upcall_stack);
	t->ended = true;
	joiner = wait_take(&t->joiners);
	if (joiner)
		thread_make_ready(joiner);
	/* Nothing else runs before we are off this stack, so its reuse can be allowed now. */
	if (t->detached)
		block_give(t);
	thread_schedule();
}

static __attribute__((noinline)) bool join_guarded(struct thread *t, cycles_t deadline, unsigned interruptible)
{
	wait_guard(&t->joiners);
	if (!t->ended)
		return wait_in(&t->joiners, deadline, interruptible);
	wait_unguard(&t->joiners);
	return true;
}

err_t thread_join_until(struct thread *t, void **result, cycles_t deadline, bool interruptible)
{
	unsigned interrupts = interruptible ? INTERRUPTED_ANY : 0;
	bool ended;

	dispatcher_disable();
	ended = thread_has_cpus() ? join_guarded(t, deadline, interrupts)
				  : t->ended || wait_in(&t->joiners, deadline, interrupts);
	if (ended) {
		if (result)
			*result = t->result;
		t->posix = NULL; /* who asks for it too late finds no thread */
		block_give(t);
	}
	dispatcher_enable();
	return ended ? ERR_OK : ERR_TIMEOUT;
}

err_t thread_join(struct thread *t, void **result)
{
	dispatcher_disable();
	if (thread_has_cpus())
		join_guarded(t, 0, 0);
	else if (!t->ended)
		wait_in(&t->joiners, 0, 0);
	if (result)
		*result = t->result;
	block_give(t);
	dispatcher_enable();
	return ERR_OK;
}

void thread_detach(struct thread *t)
{
	bool ended;

	dispatcher_disable();
	wait_lock(&t->joiners);
	t->detached = true;
	ended = t->ended;
	wait_unlock(&t->joiners);
	if (ended)
		block_give(t);
	dispatcher_enable();
}
