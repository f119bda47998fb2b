/*
 * Threads of processes: user contexts, cooperative, as libos/thread/thread.h says. A thread goes on
 * until it waits; then the process's next one does, and when all wait the activation is over.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES (256 * 1024)
#define GUARD_BYTES 4096

/* Keeps what a call keeps, on the stack; goes on with another. */
void context_switch(void **from, void *to);
__asm__(".text\n"
	"context_switch:\n"
	"	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
	"	ret\n");

static void *simulator_rsp;
static uint64_t waits;        /* begun so far */
static struct thread *unused; /* threads, their stacks with them */

/* --- queues ------------------------------------------------------------------------------------ */

static void queue_add(struct thread_queue *q, struct thread *t)
{
	t->queue = q;
	t->next = NULL;
	t->prev = q->tail;
	if (q->tail)
		q->tail->next = t;
	else
		q->head = t;
	q->tail = t;
}

static void queue_leave(struct thread *t)
{
	struct thread_queue *q = t->queue;

	if (!q)
		return;
	if (t->prev)
		t->prev->next = t->next;
	else
		q->head = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		q->tail = t->prev;
	t->queue = NULL;
}

void thread_make_ready(struct thread *t)
{
	queue_leave(t);
	t->wait = 0;
	queue_add(&t->process->ready, t);
	time_ready(t->process);
}

void thread_unready(struct thread *t) { queue_leave(t); }

/* --- life ------------------------------------------------------------------------------------------ */

static struct thread *self(void) { return running->current; }

static void to_simulator(struct thread *t) { context_switch(&t->rsp, simulator_rsp); }

void thread_resume(struct thread *t)
{
	t->process->current = t;
	time_spend(COST_SWITCH);
	context_switch(&simulator_rsp, t->rsp);
	t->process->current = NULL;
}

void thread_leave(void)
{
	to_simulator(self());
	__builtin_unreachable();
}

static void enter(void)
{
	struct thread *t = self();

	thread_exit(t->fn(t->arg));
}

static void stack_make(struct thread *t)
{
	t->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->stack == MAP_FAILED || mprotect(t->stack, GUARD_BYTES, PROT_NONE))
		err(2, "a stack");
}

struct thread *thread_new(struct process *p, thread_fn *fn, void *arg)
{
	struct thread *t = unused;
	void *stack;
	uint64_t *top;

	if (t) {
		unused = t->next;
	} else {
		t = calloc(1, sizeof *t);
		if (!t)
			err(2, "a thread");
		stack_make(t);
	}
	stack = t->stack;
	*t = (struct thread){ .process = p, .stack = stack, .fn = fn, .arg = arg };
	top = (uint64_t *)((uint8_t *)stack + STACK_BYTES);
	top[-2] = (uint64_t)enter; /* the stack is as at a function's entry: 8 off 16 */
	t->rsp = &top[-8];
	t->next_of_process = p->threads;
	p->threads = t;
	return t;
}

static void thread_drop_one(struct thread *t)
{
	queue_leave(t);
	t->wait = 0;
	t->next = unused;
	unused = t;
}

void threads_drop(struct process *p)
{
	while (p->threads) {
		struct thread *t = p->threads;

		p->threads = t->next_of_process;
		/* What it waits in is in the process's memory, and goes with that. */
		t->queue = NULL;
		thread_drop_one(t);
	}
}

static void thread_free(struct thread *t)
{
	struct thread **at = &t->process->threads;

	while (*at != t)
		at = &(*at)->next_of_process;
	*at = t->next_of_process;
	thread_drop_one(t);
}

/* --- waiting ------------------------------------------------------------------------------------------ */

static void deadline_come(struct moment *e)
{
	struct thread *t = e->who;

	if (t->wait != e->a)
		return;
	t->timed_out = true;
	thread_make_ready(t);
}

bool thread_wait(struct thread_queue *q, cycles_t deadline, bool interruptible)
{
	struct thread *t = self();
	struct moment e = { .happen = deadline_come, .who = t };

	if (interruptible && t->interrupted)
		return false;
	e.a = t->wait = ++waits;
	t->timed_out = false;
	t->interruptible = interruptible;
	if (q)
		queue_add(q, t);
	if (deadline)
		time_post(deadline, &e);
	to_simulator(t);
	return !t->timed_out;
}

bool thread_block(struct thread_queue *q, cycles_t deadline) { return thread_wait(q, deadline, false); }

struct thread *thread_wake(struct thread_queue *q)
{
	struct thread *t = q->head;

	if (t)
		thread_make_ready(t);
	return t;
}

/* --- thread.h ------------------------------------------------------------------------------------------- */

err_t thread_create_with(struct thread **out, const struct thread_options *o, thread_fn *fn, void *arg)
{
	struct thread *t = thread_new(running, fn, arg);

	t->detached = o->detached;
	if (!o->held)
		thread_make_ready(t);
	if (out)
		*out = t;
	return ERR_OK;
}

err_t thread_create(struct thread **out, thread_fn *fn, void *arg)
{
	return thread_create_with(out, &(struct thread_options){ 0 }, fn, arg);
}

void thread_start(struct thread *held) { thread_make_ready(held); }

void thread_drop(struct thread *held) { thread_free(held); }

void thread_exit(void *result)
{
	struct thread *t = self();

	t->result = result;
	t->ended = true;
	while (thread_wake(&t->joiners))
		;
	if (t->detached)
		thread_free(t);
	thread_leave();
}

err_t thread_join_until(struct thread *t, void **result, cycles_t deadline, bool interruptible)
{
	while (!t->ended)
		if (!thread_wait(&t->joiners, deadline, interruptible))
			return ERR_TIMEOUT;
	if (result)
		*result = t->result;
	thread_free(t);
	return ERR_OK;
}

err_t thread_join(struct thread *t, void **result) { return thread_join_until(t, result, 0, false); }

void thread_detach(struct thread *t)
{
	t->detached = true;
	if (t->ended)
		thread_free(t);
}

struct thread *thread_self(void) { return self(); }

void thread_yield(void)
{
	struct thread *t = self();

	if (!running->ready.head)
		return;
	queue_add(&running->ready, t);
	to_simulator(t);
}

bool thread_others(void) { return running->ready.head != NULL; }

void thread_sleep_until(cycles_t deadline)
{
	if (deadline > time_now())
		thread_wait(NULL, deadline, false);
}

bool thread_sleep_interruptible(cycles_t deadline)
{
	if (deadline && deadline <= time_now())
		return true;
	thread_wait(NULL, deadline, true);
	return !self()->interrupted;
}

void thread_interrupt(struct thread *t)
{
	t->interrupted = true;
	if (!t->wait || !t->interruptible)
		return;
	t->timed_out = true;
	thread_make_ready(t);
}

bool thread_interrupted(void) { return self()->interrupted; }
void thread_bind(struct thread *t, const uint64_t *only) { (void)t, (void)only; }
void *thread_local_get(void) { return self()->local; }
void thread_local_set(void *value) { self()->local = value; }
