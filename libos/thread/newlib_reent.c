/*
 * newlib's state of each thread: errno, and what strtok, rand and others keep.
 *
 * The first thread has newlib's own global one, which exit() looks at; the
 * others get theirs in their control block when they first need it.  Standard
 * streams are the first thread's for all: one buffer a stream, not one a thread.
 */
#include <reent.h>
#include <stdio.h>
#include <string.h>

#include "libos/thread/control.h"

_Static_assert(sizeof(struct _reent) <= THREAD_REENT_BYTES, "newlib's struct _reent outgrew its room");

/* newlib's own: makes the standard streams of a state. In its private stdio header. */
extern void __sinit(struct _reent *);

static void reent_make(struct thread *t)
{
	struct _reent *r = (struct _reent *)t->reent_room, *first = _GLOBAL_REENT;

	_REENT_INIT_PTR(r);
	t->reent = r; /* making the streams needs memory, and that needs us */
	if (!first->__sdidinit)
		__sinit(first);
	r->_stdin = first->_stdin;
	r->_stdout = first->_stdout;
	r->_stderr = first->_stderr;
	r->__sdidinit = 1;
}

struct _reent *__getreent(void)
{
	struct thread *t = thread_current();

	if (!t || t == thread_first)
		return _GLOBAL_REENT;
	if (!t->reent)
		reent_make(t);
	return t->reent;
}

void thread_reent_release(struct thread *t)
{
	struct _reent *r = t->reent;

	if (!r)
		return;
	t->reent = NULL;
	r->__sdidinit = 0; /* it has no streams of its own to close */
	_reclaim_reent(r);
}
