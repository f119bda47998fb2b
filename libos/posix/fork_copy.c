/*
 * A fork's child on another core gets a copy of its parent's memory: by a frame that both map, into which the parent
 * copies a piece, and out of which the child does.
 */
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/posix/fork.h"
#include "libos/posix/fork_thread.h"
#include "libos/posix/region_inherit.h"
#include "libos/thread/cpu.h"

#define PIECE_BITS 18

struct window {
	struct channel *channel;
	cptr_t frame;
	vaddr_t at;
};

/* --- the parent ------------------------------------------------------------------------------------ */

/* The child has taken it when this returns. */
static err_t piece_send(const struct window *w, vaddr_t from, vaddr_t to, uint64_t bytes)
{
	struct urpc_message answer;
	err_t err;

	memcpy((void *)w->at, (const void *)from, bytes);
	err = fork_line(w->channel, to, bytes);
	return err ? err : channel_receive_wait(w->channel, &answer, 0);
}

static err_t range_send(const struct window *w, vaddr_t from, uint64_t bytes)
{
	err_t err = ERR_OK;

	while (bytes && !err) {
		uint64_t n = bytes < SIZE_OF_BITS(PIECE_BITS) ? bytes : SIZE_OF_BITS(PIECE_BITS);

		err = piece_send(w, from, from, n);
		from += n;
		bytes -= n;
	}
	return err;
}

/* Of a frame of private mappings the pages that are there. */
static err_t frame_send(const struct window *w, const struct region_place *p, vaddr_t at)
{
	err_t err = ERR_OK;

	for (unsigned j = 0; j < SIZE_OF_BITS(p->bits) >> PAGE_BITS && !err; j++)
		if (p->access[j] != REGION_GONE)
			err = piece_send(w, at + j * PAGE_SIZE, p->va + j * PAGE_SIZE, PAGE_SIZE);
	return err;
}

static err_t regions_send(const struct window *w)
{
	struct region_place p = { 0 };
	err_t err = ERR_OK;

	while (!err && fork_regions && fork_regions->next(&p)) {
		coreid_t back = thread_visit(p.region->core);
		vaddr_t at;

		err = vspace_map_frame(p.frame, p.bits, MAP_READ, &at);
		thread_return(back);
		if (err)
			break;
		err = frame_send(w, &p, at);
		(void)vspace_unmap(at);
	}
	return err;
}

/* Nothing in here may allocate: malloc's books and what they are about are to fit each other. */
static err_t memory_send(const struct window *w, const struct fork_part *stack)
{
	struct fork_part part;
	err_t err = ERR_OK;

	for (uint64_t n = 0; n < heap_chunks() && !err; n++)
		if (heap_chunk(n, &part.at, &part.bytes))
			err = range_send(w, part.at, part.bytes);
	for (unsigned i = 0; i < FORK_VARIABLES && !err; i++) {
		part = fork_variables(i);
		err = range_send(w, part.at, part.bytes);
	}
	if (!err)
		err = range_send(w, stack->at, stack->bytes);
	/* The child makes its mappings now. */
	if (!err)
		err = fork_line(w->channel, 0, 0);
	if (!err)
		err = regions_send(w);
	return err ? err : fork_line(w->channel, 0, 0);
}

err_t fork_copy_send(const struct inherit *text, struct channel *c)
{
	struct fork_part stack;
	struct window w = { .channel = c };
	uint64_t ticket;
	err_t err = fork_thread_stack(text, &stack);

	if (!err)
		err = frame_alloc_map(PIECE_BITS, &w.frame, &w.at);
	if (err)
		return err;
	err = channel_prepare(c);
	if (!err)
		err = channel_send_cap(c, w.frame, RIGHT_READ | RIGHT_WRITE, &ticket);
	if (!err)
		err = fork_line(c, ticket, 0);
	if (!err) {
		__malloc_lock(NULL);
		err = memory_send(&w, &stack);
		__malloc_unlock(NULL);
	}
	vspace_unmap(w.at);
	shared_free(w.frame);
	return err;
}

/* --- the child --------------------------------------------------------------------------------------- */

static err_t piece_take(const struct window *w, vaddr_t to, uint64_t bytes, const struct stack_copy *s)
{
	const void *from = (const void *)w->at;

	if (to - s->to >= s->bytes)
		memcpy((void *)to, from, bytes);
	else if (bytes <= s->bytes - (to - s->to))
		memcpy(s->data + (to - s->to), from, bytes);
	else
		return ERR_TOO_LONG;
	return fork_line(w->channel, 0, 0);
}

static err_t pieces_take(const struct window *w, const struct stack_copy *s)
{
	struct urpc_message m;
	err_t err;

	while (!(err = channel_receive_wait(w->channel, &m, 0)) && m.word[1])
		if ((err = piece_take(w, m.word[0], m.word[1], s)))
			return err;
	return err;
}

err_t fork_copy_receive(struct channel *c, const struct stack_copy *s, const struct inherit *text)
{
	struct window w = { .channel = c };
	struct urpc_message first;
	err_t err = slot_alloc(&w.frame);

	heap_lacks(process_args()->heir_heap);
	if (!err)
		err = channel_receive_wait(c, &first, 0);
	if (!err)
		err = channel_receive_cap(c, first.word[0], w.frame);
	if (!err)
		err = vspace_map_frame(w.frame, PIECE_BITS, MAP_READ, &w.at);
	if (!err)
		err = pieces_take(&w, s);
	if (!err && fork_regions)
		err = fork_regions->begin(text);
	if (!err)
		err = pieces_take(&w, s);
	if (err)
		return err;
	vspace_unmap(w.at);
	slot_delete(w.frame);
	return ERR_OK;
}
