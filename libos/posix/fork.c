/*
 * fork: a second process that goes on where this one is.
 *
 * The child is a process of the same program, whose libOS begins afresh: its slots, memory, threads and channels are
 * its own, as are the variables of the libOS (linker/user.ld sets them apart). What is the program's it gets from its
 * parent: variables, newlib's among them, the heap, and the stack of the thread that forks; descriptors, namespace,
 * handlers and all else as any child does (inherit.h).
 *
 * How memory goes over: fork_memory.h. The child's own first allocations lie behind its parent's heap and are never
 * freed, since malloc's books become the parent's. The stack is kept aside till the end, for the child runs on it; then
 * it is put in its place from the stack of upcalls, which in disabled mode is nobody's.
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
#include "libos/core/monitor_client.h"
#include "libos/core/span.h"
#include "libos/core/vspace.h"
#include "libos/posix/errno.h"
#include "libos/posix/executable.h"
#include "libos/posix/fork_memory.h"
#include "libos/posix/fork_thread.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/region_inherit.h"
#include "libos/posix/signals.h"
#include "libos/x86/context.h"

#define SHARE_BYTES (UINT64_C(4) << 20) /* from here on a child stays where its parent is, and shares */

__attribute__((weak)) const struct fork_regions *fork_regions = NULL;

static jmp_buf here;

uint64_t fork_written[FORK_WRITTEN];

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

err_t fork_line(struct channel *c, uint64_t a, uint64_t b)
{
	const struct urpc_message m = { .word = { a, b } };

	return channel_send_lines(c, &m, 1, 0, NULL);
}

extern char program_data[], program_data_end[], program_bss[], program_bss_end[];

struct fork_part fork_variables(unsigned i)
{
	return i ? (struct fork_part){ (vaddr_t)program_bss, (uint64_t)(program_bss_end - program_bss) }
		 : (struct fork_part){ (vaddr_t)program_data, (uint64_t)(program_data_end - program_data) };
}

uint64_t fork_bytes(void)
{
	uint64_t sum = heap_populated(), frames;

	if (fork_regions)
		sum += fork_regions->bytes(&frames);
	for (unsigned i = 0; i < FORK_VARIABLES; i++)
		sum += fork_variables(i).bytes;
	return sum;
}

bool fork_shares(const struct inherit *text, uint64_t other)
{
	return other >> 32 == process_self_core() && !fork_thread_spans(text);
}

static int child_make(struct program *child)
{
	static struct executable e; /* with a path in it; one thread at a time forks */
	uint32_t core = fork_bytes() > SHARE_BYTES && !process_spans ? process_self_core() : PROC_ANYWHERE;
	struct inherit text = { .forks = true };
	int error = executable_own(&e);

	if (error)
		return error;
	executable_pack(&e, &text);
	fork_thread_pack(&text);
	inherit_section(&text, INHERIT_HANDLERS);
	signals_handlers_pack(&text);
	inherit_pack(&text);
	if (fork_regions)
		fork_regions->pack(&text);
	error = inherit_start(&e, core, &text, child);
	inherit_free(&text);
	executable_drop(&e);
	return error;
}

pid_t fork(void)
{
	struct program child;
	int error;

	mutex_lock(&fork_lock);
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
	mutex_unlock(&fork_lock);
	return error ? errno_fail(error == ECHILD ? EAGAIN : error) : process_number(child.id, child.pid);
}

/* POSIX lets it be the same. */
pid_t vfork(void) { return fork(); }

/* --- the child ------------------------------------------------------------------------------------------- */

/* Where the stack waits is written down only when the program's variables, these too, are there. */
static struct stack_copy stack_copy;

/* In memory of its own: malloc's books are to be the parent's. */
static err_t stack_room(uint64_t bytes, char **out)
{
	unsigned bits = PAGE_BITS;
	vaddr_t at;
	err_t err;

	if (bytes > SIZE_OF_BITS(STACK_BITS_MAX))
		return ERR_TOO_LONG;
	while (SIZE_OF_BITS(bits) < bytes)
		bits++;
	err = frame_alloc_map(bits, NULL, &at);
	if (!err)
		*out = (char *)at;
	return err;
}

err_t fork_receive(struct channel *c, const struct inherit *text)
{
	struct fork_part stack = { 0 };
	struct stack_copy s = { 0 };
	err_t err = fork_thread_make(text);

	if (!err)
		err = fork_thread_stack(text, &stack);
	if (!err)
		err = stack_room(stack.bytes, &s.data);
	s.to = stack.at;
	s.bytes = stack.bytes;
	if (!err)
		err = c ? fork_copy_receive(c, &s, text) : fork_share_receive(&s, text);
	if (!err && fork_regions)
		err = fork_regions->end(text);
	if (!err)
		stack_copy = s;
	return err;
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
	fork_thread_become();
	context_call(stack_put, NULL, dispatcher_page()->upcall_stack);
}
