/*
 * Cancellation, at cancellation points: waits of conditions and semaphores, sleeps,
 * joins, pthread_testcancel. read and write are none: newlib's streams call them with locks held.
 *
 * A thread whose cancellation is asynchronous is cancelled where handlers of signals run too: in what it computes, and
 * in waits for mutexes, locks and barriers.
 */
#include "libos/posix/pthread_self.h"
#include "libos/posix/signal_state.h"
#include "libos/x86/barrier.h"

/* While it is disabled, waits are to end as usual. */
static void cancel_point(void)
{
	if (!mem_load32(&posix_self()->cancelled))
		return;
	if (cancel_enabled())
		pthread_exit(PTHREAD_CANCELED);
	thread_interrupt_taken();
}

int pthread_cancel(pthread_t t)
{
	struct posix_thread *p = t ? t->posix : NULL;

	if (!p || mem_load32(&p->life) == LIFE_NONE)
		return ESRCH;
	pthread_cancel_hook = cancel_point;
	mem_store32(&p->cancelled, 1);
	thread_interrupt(t);
	if (t == thread_current() && p->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS) {
		cancel_point();
	} else if (p->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS) {
		dispatcher_disable();
		signal_tell(t);
		dispatcher_enable();
	}
	return 0;
}

void pthread_testcancel(void) { cancel_point(); }

int pthread_setcancelstate(int state, int *old)
{
	struct posix_thread *p = posix_self();

	if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
		return EINVAL;
	if (old)
		*old = p->cancel_state;
	p->cancel_state = (uint8_t)state;
	if (mem_load32(&p->cancelled) && cancel_enabled())
		thread_interrupt(thread_current());
	return 0;
}

int pthread_setcanceltype(int type, int *old)
{
	struct posix_thread *p = posix_self();

	if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
		return EINVAL;
	if (old)
		*old = p->cancel_type;
	p->cancel_type = (uint8_t)type;
	if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
		cancel_point();
	return 0;
}

void _pthread_cleanup_push(struct _pthread_cleanup_context *c, void (*routine)(void *), void *arg)
{
	struct posix_thread *p = posix_self();

	*c = (struct _pthread_cleanup_context){ ._routine = routine, ._arg = arg, ._previous = p->cleanup };
	p->cleanup = c;
}

void _pthread_cleanup_pop(struct _pthread_cleanup_context *c, int execute)
{
	posix_self()->cleanup = c->_previous;
	if (execute)
		c->_routine(c->_arg);
}
