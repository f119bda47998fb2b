/*
 * fork: a second process that goes on where this one is.
 *
 * The child is a process of the same program, whose libOS begins afresh: its slots, memory, threads and channels are
 * its own, as are the variables of the libOS (linker/user.ld sets them apart). What is the program's it gets from its
 * parent: variables, newlib's among them, the heap, and the stack of the thread that forks; descriptors, namespace,
 * handlers and all else as any child does (inherit.h).
 *
 * Memory goes over by a frame that both map: the parent copies a piece into it, the child out of it. The child's own
 * first
 * allocations lie behind its parent's heap and are never freed, since malloc's books become the parent's. The stack is
 * kept aside till the end, for the child runs on it; then it is put in its place from the stack of upcalls, which in
 * disabled mode is nobody's.
 *
 * The variables of this file are the program's: the child finds in them what the parent wrote.
 */
#include "libos/posix/fork.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/posix/errno.h"
#include "libos/posix/executable.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/x86/context.h"

#define PIECE_BITS 18
#define RED_ZONE 128

/* newlib's; malloc is left alone while memory is copied. */
struct _reent;
extern void __malloc_lock(struct _reent *r);
extern void __malloc_unlock(struct _reent *r);

/* Of the thread that forks, in its control block. */
struct forked {
	uint64_t stack_bytes; /* room that its stack may take */
	struct _pthread_cleanup_context *cleanup;
	struct key_value *values;
	uint64_t cancel_state, cancel_type;
};

static jmp_buf here;

static struct {
	void (*prepare)(void), (*parent)(void), (*child)(void);
} handlers[32];
static unsigned handler_count;

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	if (handler_count == sizeof handlers / sizeof *handlers)
		return ENOMEM;
	handlers[handler_count].prepare = prepare;
	handlers[handler_count].parent = parent;
	handlers[handler_count++].child = child;
	return 0;
}

/* --- the parent ------------------------------------------------------------------------------------ */

struct window {
	struct channel *channel;
	cptr_t frame;
	vaddr_t at;
};

static err_t line_send(struct channel *c, uint64_t a, uint64_t b)
{
	const struct urpc_message m = { .word = { a, b } };

	return channel_send_lines(c, &m, 1, 0, NULL);
}

/* The child has taken it when this returns. */
static err_t piece_send(const struct window *w, vaddr_t from, uint64_t bytes)
{
	struct urpc_message answer;
	err_t err;

	memcpy((void *)w->at, (const void *)from, bytes);
	err = line_send(w->channel, from, bytes);
	return err ? err : channel_receive_wait(w->channel, &answer, 0);
}

static err_t range_send(const struct window *w, vaddr_t from, uint64_t bytes)
{
	err_t err = ERR_OK;

	while (bytes && !err) {
		uint64_t n = bytes < SIZE_OF_BITS(PIECE_BITS) ? bytes : SIZE_OF_BITS(PIECE_BITS);

		err = piece_send(w, from, n);
		from += n;
		bytes -= n;
	}
	return err;
}

extern char program_data[], program_data_end[], program_bss[], program_bss_end[];

/* Nothing in here may allocate: malloc's books and what they are about are to fit each other. */
static err_t memory_send(const struct window *w)
{
	vaddr_t sp = (vaddr_t)__builtin_frame_address(0) - RED_ZONE, at;
	uint64_t bytes;
	err_t err = ERR_OK;

	for (uint64_t n = 0; n < heap_chunks() && !err; n++)
		if (heap_chunk(n, &at, &bytes))
			err = range_send(w, at, bytes);
	if (!err)
		err = range_send(w, (vaddr_t)program_data, (uint64_t)(program_data_end - program_data));
	if (!err)
		err = range_send(w, (vaddr_t)program_bss, (uint64_t)(program_bss_end - program_bss));
	if (!err)
		err = range_send(w, sp, (vaddr_t)thread_current() - sp);
	return err ? err : line_send(w->channel, 0, 0);
}

err_t fork_send(struct channel *c)
{
	struct window w = { .channel = c };
	uint64_t ticket;
	err_t err = frame_alloc_map(PIECE_BITS, &w.frame, &w.at);

	if (err)
		return err;
	err = channel_prepare(c);
	if (!err)
		err = channel_send_cap(c, w.frame, RIGHT_READ | RIGHT_WRITE, &ticket);
	if (!err)
		err = line_send(c, ticket, 0);
	if (!err) {
		__malloc_lock(NULL);
		err = memory_send(&w);
		__malloc_unlock(NULL);
	}
	vspace_unmap(w.at);
	shared_free(w.frame);
	return err;
}

static int child_make(struct program *child)
{
	struct posix_thread *p = posix_self();
	const struct forked f = { .stack_bytes = process_args()->stack_bytes,
				  .cleanup = p->cleanup,
				  .values = p->values,
				  .cancel_state = p->cancel_state,
				  .cancel_type = p->cancel_type };
	static struct executable e; /* with a path in it; one thread forks */
	struct inherit text = { .forks = true };
	int error = executable_own(&e);

	if (error)
		return error;
	executable_pack(&e, &text);
	inherit_section(&text, INHERIT_FORK);
	inherit_add(&text, &f, sizeof f);
	inherit_section(&text, INHERIT_HANDLERS);
	signals_handlers_pack(&text);
	inherit_pack(&text);
	error = inherit_start(&e, PROC_ANYWHERE, &text, child);
	inherit_free(&text);
	executable_drop(&e);
	return error;
}

pid_t fork(void)
{
	struct program child;
	int error;

	/* Other threads' stacks would not be there. */
	if (thread_current() != thread_first)
		return errno_fail(ENOTSUP);
	for (unsigned i = handler_count; i-- > 0;)
		if (handlers[i].prepare)
			handlers[i].prepare();
	if (setjmp(here)) {
		dispatcher_enable();
		for (unsigned i = 0; i < handler_count; i++)
			if (handlers[i].child)
				handlers[i].child();
		return 0;
	}
	error = child_make(&child);
	for (unsigned i = 0; i < handler_count; i++)
		if (handlers[i].parent)
			handlers[i].parent();
	return error ? errno_fail(error == ECHILD ? EAGAIN : error) : process_number(child.id, child.pid);
}

/* POSIX lets it be the same. */
pid_t vfork(void) { return fork(); }

/* --- the child ------------------------------------------------------------------------------------------- */

/* Not the program's, though it is in this file: on the child's own stack, and in registers after that. */
struct stack_copy {
	vaddr_t to;
	uint64_t bytes, room;
	char *data;
};

static err_t piece_take(const struct window *w, vaddr_t to, uint64_t bytes, struct stack_copy *s)
{
	const struct process_args *a = process_args();
	vaddr_t low = a->stack_top - a->stack_bytes;

	if (to >= low && to < a->stack_top) {
		if (bytes > s->room - s->bytes)
			return ERR_TOO_LONG;
		if (!s->bytes)
			s->to = to;
		memcpy(s->data + s->bytes, (const void *)w->at, bytes);
		s->bytes += bytes;
	} else {
		memcpy((void *)to, (const void *)w->at, bytes);
	}
	return line_send(w->channel, 0, 0);
}

/* Where the stack waits is written down only when the program's variables, these too, are there. */
static struct stack_copy stack_copy;

static err_t pieces_take(const struct window *w, struct stack_copy *s)
{
	struct urpc_message m;
	err_t err;

	while (!(err = channel_receive_wait(w->channel, &m, 0)) && m.word[1])
		if ((err = piece_take(w, m.word[0], m.word[1], s)))
			return err;
	return err;
}

static err_t window_open(struct window *w)
{
	struct urpc_message m;
	err_t err = channel_receive_wait(w->channel, &m, 0);

	if (!err)
		err = slot_alloc(&w->frame);
	if (!err)
		err = channel_receive_cap(w->channel, m.word[0], w->frame);
	return err ? err : vspace_map_frame(w->frame, PIECE_BITS, MAP_READ, &w->at);
}

err_t fork_receive(struct channel *c, const struct inherit *text)
{
	struct posix_thread *p = posix_self();
	struct window w = { .channel = c };
	struct stack_copy s = { 0 };
	size_t bytes;
	const struct forked *f = (const struct forked *)inherit_find(text, INHERIT_FORK, &bytes);
	err_t err;

	if (!f || bytes != sizeof *f)
		return ERR_MESSAGE;
	s.room = f->stack_bytes;
	s.data = malloc(s.room);
	err = s.data ? window_open(&w) : ERR_NO_MEMORY;
	if (!err)
		err = pieces_take(&w, &s);
	if (err) {
		free(s.data);
		return err;
	}
	vspace_unmap(w.at);
	slot_delete(w.frame);
	p->cleanup = f->cleanup;
	p->values = f->values;
	p->cancel_state = (uint8_t)f->cancel_state;
	p->cancel_type = (uint8_t)f->cancel_type;
	stack_copy = s;
	return ERR_OK;
}

/* On the stack of upcalls, in disabled mode. */
static void __attribute__((noreturn)) stack_put(void *unused)
{
	(void)unused;
	memcpy((void *)stack_copy.to, stack_copy.data, stack_copy.bytes);
	longjmp(here, 1);
}

void fork_go_on(void)
{
	dispatcher_disable();
	context_call(stack_put, NULL, dispatcher_page()->upcall_stack);
}
