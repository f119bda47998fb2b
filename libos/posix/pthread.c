/*
 * POSIX threads: creation, end, join.
 *
 * From the first creation on threads lose the processor at the end of their slice.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/vspace.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signal_state.h"
#include "libos/x86/barrier.h"

void (*pthread_cancel_hook)(void);

static void run(void *arg)
{
	struct posix_thread *p = arg;

	pthread_exit(p->fn(p->arg));
}

/* One with a stack of the program's own stands on the library's all the same, and keeps its control block there. */
static void *thread_begin(void *arg)
{
	struct posix_thread *p = arg;
	vaddr_t top = p->asked.top & ~UINT64_C(15);

	if (!top || thread_owns_stack(p->thread, top))
		run(p);
	thread_stack_change(p->thread, (vaddr_t)__builtin_frame_address(0), top, p->asked);
	stack_call(run, p, top);
	return NULL;
}

/* Bits of a stack of so many bytes, control block and thread-local storage on top. */
static unsigned stack_bits(size_t bytes)
{
	unsigned bits = STACK_BITS;

	while (SIZE_OF_BITS(bits) < bytes + thread_room() && bits <= STACK_BITS_MAX)
		bits++;
	return bits;
}

static struct thread_options options_of(const pthread_attr_t *attr)
{
	struct thread_options o = { .held = true };

	if (!attr)
		return o;
	o.stack_bits = attr->stacksize && !attr->stackaddr ? stack_bits(attr->stacksize) : 0;
	o.detached = attr->detachstate == PTHREAD_CREATE_DETACHED;
	return o;
}

static void posix_begin(struct thread *t, bool detached, thread_fn *fn, void *arg)
{
	struct posix_thread *p = posix_of(t);

	p->fn = fn;
	p->arg = arg;
	p->life = detached ? LIFE_DETACHED : LIFE_JOINABLE;
	t->arg = p;
}

/* The program's own stack, or as much of ours as it asked for. */
static struct thread_stack stack_asked(const struct thread *t, const pthread_attr_t *a)
{
	struct thread_stack s = { (vaddr_t)a->stackaddr, (vaddr_t)a->stackaddr + a->stacksize };

	if (!a->stackaddr)
		return (struct thread_stack){ t->stack_top - a->stacksize, t->stack_top };
	stack_touch(s);
	return s;
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct thread_options o = options_of(attr);
	struct thread *t;
	err_t err;

	if (attr && !attr->is_initialized)
		return EINVAL;
	if (!thread_preemptive)
		thread_set_preemptive(true);
	err = thread_create_with(&t, &o, thread_begin, NULL);
	if (err)
		return err == ERR_ARGUMENT ? EINVAL : EAGAIN;
	if (attr && attr->bound) {
		int failed = pthread_setaffinity_np(t, sizeof(attr->affinity), &attr->affinity);

		if (failed) {
			thread_drop(t);
			return failed;
		}
	}
	posix_begin(t, o.detached, fn, arg);
	if (attr && attr->stacksize)
		posix_of(t)->asked = stack_asked(t, attr);
	posix_of(t)->blocked = posix_self()->blocked;
	signal_thread_add(t);
	*out = t;
	thread_start(t);
	return 0;
}

void pthread_exit(void *result)
{
	struct posix_thread *p = posix_self();

	p->exiting = true;
	while (p->cleanup) {
		struct _pthread_cleanup_context *c = p->cleanup;

		p->cleanup = c->_previous;
		c->_routine(c->_arg);
	}
	pthread_keys_finish(p);
	/* What it was sent it still handles; the process lives on while it has threads. */
	if (signals_pending() & ~p->blocked)
		signals_run();
	if (!signal_thread_remove(p))
		process_last_thread(0);
	if (p->life == LIFE_DETACHED)
		p->life = LIFE_NONE;
	thread_exit(result);
}

/* From joinable to something else, for one caller only. */
static int life_change(struct thread *t, uint32_t to)
{
	struct posix_thread *p = t ? t->posix : NULL;
	uint32_t from = LIFE_JOINABLE;

	if (!p || mem_load32(&p->life) == LIFE_NONE)
		return ESRCH;
	return __atomic_compare_exchange_n(&p->life, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? 0 : EINVAL;
}

int pthread_join(pthread_t t, void **result)
{
	struct posix_thread *p;
	int err;

	pthread_cancel_point();
	if (t == thread_current())
		return EDEADLK;
	err = life_change(t, LIFE_JOINING);
	if (err)
		return err;
	p = t->posix;
	while (thread_join_until(t, result, 0, true)) {
		/* Ended by an interrupt: the other can be joined again. */
		mem_store32_release(&p->life, LIFE_JOINABLE);
		pthread_cancel_point();
		signal_slept();
		mem_store32(&p->life, LIFE_JOINING);
	}
	return 0;
}

int pthread_detach(pthread_t t)
{
	int err = life_change(t, LIFE_DETACHED);

	if (!err)
		thread_detach(t);
	return err;
}

pthread_t pthread_self(void) { return thread_current(); }

int pthread_equal(pthread_t a, pthread_t b) { return a == b; }

void pthread_yield(void) { thread_yield(); }

int sched_yield(void)
{
	thread_yield();
	return 0;
}
