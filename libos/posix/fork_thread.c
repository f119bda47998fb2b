/* The thread that forks: see fork_thread.h. What is here is the libOS's own in both processes. */
#include "libos/posix/fork_thread.h"

#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/span.h"
#include "libos/core/vspace.h"
#include "libos/posix/signal_state.h"

struct forked {
	vaddr_t thread, low;
	uint64_t stack_bits, stacks; /* of its stack; places of stacks that the parent has taken */
	struct _pthread_cleanup_context *cleanup;
	struct key_value *values;
	vaddr_t left_at;
	struct thread_stack other, alternate, asked;
	uint32_t life;
	uint8_t cancel_state, cancel_type;
	bool reent; /* newlib's state of it follows */
	bool spans;
	struct fork_part stack;
};

#define RED_ZONE 128

struct mutex fork_lock = MUTEX_INIT_RECURSIVE;
static struct thread *twin;
static vaddr_t twin_low;

static struct fork_part stack_of(const struct thread *t)
{
	vaddr_t sp = (vaddr_t)__builtin_frame_address(0);

	if (!thread_owns_stack(t, sp))
		sp = t->left_at;
	return (struct fork_part){ sp - RED_ZONE, (vaddr_t)t - (sp - RED_ZONE) };
}

void fork_thread_pack(struct inherit *i)
{
	struct thread *t = thread_current();
	const struct posix_thread *p = posix_self();
	const struct forked f = { .thread = (vaddr_t)t,
				  .low = t->stack_low,
				  .stack_bits = t->pool + STACK_BITS,
				  .stacks = stack_places(),
				  .cleanup = p->cleanup,
				  .values = p->values,
				  .left_at = t->left_at,
				  .other = t->other,
				  .alternate = p->alternate,
				  .asked = p->asked,
				  .life = p->life,
				  .cancel_state = p->cancel_state,
				  .cancel_type = p->cancel_type,
				  .reent = t->reent != NULL,
				  .spans = process_spans,
				  .stack = stack_of(t) };

	inherit_section(i, INHERIT_FORK);
	inherit_add(i, &f, sizeof f);
	if (f.reent)
		inherit_add(i, t->reent_room, sizeof t->reent_room);
}

/* What is packed; newlib's state, which may follow, at *reent. */
static err_t find(const struct inherit *text, struct forked *f, const char **reent)
{
	size_t bytes;
	const char *data = inherit_find(text, INHERIT_FORK, &bytes);

	if (!data || bytes < sizeof *f)
		return ERR_MESSAGE;
	memcpy(f, data, sizeof *f);
	*reent = data + sizeof *f;
	return bytes == sizeof *f + (f->reent ? THREAD_REENT_BYTES : 0) ? ERR_OK : ERR_MESSAGE;
}

err_t fork_thread_stack(const struct inherit *text, struct fork_part *stack)
{
	const char *reent;
	struct forked f;
	err_t err = find(text, &f, &reent);

	if (!err)
		*stack = f.stack;
	return err;
}

bool fork_thread_spans(const struct inherit *text)
{
	const char *reent;
	struct forked f;

	return find(text, &f, &reent) || f.spans;
}

/* A thread that is not the first: its stack's memory begins at `low`. */
static err_t make(const struct forked *f)
{
	err_t err = f->stack_bits > STACK_BITS_MAX ? ERR_MESSAGE : stack_map_again(f->stack_bits, f->low);

	if (err)
		return err;
	twin = thread_lay(f->low, f->low + SIZE_OF_BITS(f->stack_bits));
	return (vaddr_t)twin == f->thread ? ERR_OK : ERR_MESSAGE;
}

err_t fork_thread_make(const struct inherit *text)
{
	struct posix_thread *p;
	const char *reent;
	struct forked f;
	err_t err = find(text, &f, &reent);

	if (err)
		return err;
	stack_places_take(f.stacks);
	twin = thread_current();
	twin_low = f.low;
	if (f.thread != (vaddr_t)twin)
		err = make(&f);
	if (err)
		return err;
	if (f.reent) {
		memcpy(twin->reent_room, reent, sizeof twin->reent_room);
		twin->reent = twin->reent_room;
	}
	twin->left_at = f.left_at;
	twin->other = f.other;
	p = posix_of(twin);
	p->cleanup = f.cleanup;
	p->values = f.values;
	p->alternate = f.alternate;
	p->asked = f.asked;
	p->life = f.life;
	p->cancel_state = f.cancel_state;
	p->cancel_type = f.cancel_type;
	if (twin != thread_current())
		signal_thread_add(twin);
	else if (f.alternate.top && stack_part_first())
		return ERR_NO_MEMORY;
	return ERR_OK;
}

struct thread *fork_thread(vaddr_t *low)
{
	*low = twin_low;
	return twin;
}

void fork_thread_become(void)
{
	struct thread *first = thread_current();

	if (twin != first) {
		posix_of(twin)->blocked = posix_of(first)->blocked;
		signal_thread_remove(posix_of(first));
	}
	dispatcher_disable();
	dispatcher_page()->libos[0] = (uint64_t)twin;
	context_set_thread_pointer(twin);
}
