/*
 * Where a thread's things lie in the memory of its stack, from the top down:
 * control block, thread-local storage, stack.
 */
#include "libos/core/vspace.h"
#include "libos/thread/cpu_private.h"

#define BLOCK_ALIGN 64

static vaddr_t round_down(vaddr_t v, uint64_t align) { return v & ~(align - 1); }

uint64_t thread_room(void)
{
	const struct process_args *a = process_args();

	return sizeof(struct thread) + a->tls_size + a->tls_align + BLOCK_ALIGN;
}

/* Variant II: the storage ends, rounded to its alignment, at the thread pointer. */
static vaddr_t tls_start(const struct thread *t)
{
	const struct process_args *a = process_args();

	return (vaddr_t)t - (a->tls_align > 1 ? round_down(a->tls_size + a->tls_align - 1, a->tls_align) : a->tls_size);
}

void thread_tls_init(struct thread *t)
{
	const struct process_args *a = process_args();
	const char *in = (const char *)a->tls_image;
	char *out;

	if (!a->tls_size)
		return;
	out = (char *)tls_start(t);
	for (uint64_t i = 0; i < a->tls_file; i++)
		out[i] = in[i];
	for (uint64_t i = a->tls_file; i < a->tls_size; i++)
		out[i] = 0;
}

struct thread *thread_lay(vaddr_t low, vaddr_t top)
{
	uint64_t align = process_args()->tls_align;
	struct thread *t = (struct thread *)round_down(top - sizeof(*t), align > BLOCK_ALIGN ? align : BLOCK_ALIGN);

	/* The rooms at the end need no clearing. */
	for (uint64_t *word = (uint64_t *)t; word < (uint64_t *)t->reent_room; word++)
		*word = 0;
	t->self = t;
	t->stack_low = low;
	/* By size; one that is no stack of stack_map's is not used again. */
	t->pool = (top - low >= SIZE_OF_BITS(STACK_BITS) ? 63 - (unsigned)__builtin_clzll(top - low)
							 : STACK_BITS_MAX + 1) -
		  STACK_BITS;
	t->maker = cpu_self;
	t->stack_top = round_down(tls_start(t), 16);
	thread_tls_init(t);
	return t;
}
