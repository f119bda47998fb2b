/*
 * A fork's child on the same core shares its parent's heap till one of both writes (libos/core/cow.h); variables and
 * the stack in use, which both need at once, it copies.
 *
 * It gets capabilities for reading, in a cnode that the monitor puts into its space.
 */
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/cow.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/vspace_map.h"
#include "libos/posix/children.h"
#include "libos/posix/fork.h"
#include "libos/posix/fork_thread.h"
#include "libos/posix/process.h"
#include "libos/posix/region_inherit.h"

/* Slots of the cnode. */
#define IMAGE 0            /* variables, the first thread's stack */
#define STACK 1            /* another thread's */
#define CHUNK(n) (2 + (n)) /* of the heap; behind them the frames of private mappings */

static cptr_t slot_in(cptr_t cnode, uint64_t slot) { return CPTR_IN(cnode, CPTR_L1((uint32_t)slot)); }

/* --- the parent ------------------------------------------------------------------------------------ */

static unsigned cnode_bits(uint64_t slots)
{
	unsigned bits = CAP_CNODE_BITS_MIN;

	while (SIZE_OF_BITS(bits - CAP_SLOT_BITS) < slots)
		bits++;
	return bits;
}

static err_t chunks_give(cptr_t cnode, uint64_t chunks)
{
	uint64_t bytes;
	vaddr_t at;
	err_t err = ERR_OK;

	for (uint64_t n = 0; n < chunks && !err; n++)
		if (heap_chunk(n, &at, &bytes))
			err = cow_give(at, slot_in(cnode, CHUNK(n)));
	return err;
}

/* ... from that slot on; so many there were when they were counted. */
static err_t regions_give(cptr_t cnode, uint64_t slot, uint64_t frames)
{
	struct region_place p = { 0 };
	err_t err = ERR_OK;

	while (fork_regions && !err && fork_regions->next(&p))
		err = frames-- ? cap_restrict(p.frame, slot_in(cnode, slot++), RIGHT_READ) : ERR_AGAIN;
	return err;
}

static err_t stack_give(cptr_t cnode, const struct fork_part *stack)
{
	struct vspace_node piece;

	if (thread_current() == thread_first)
		return ERR_OK;
	/* Any capability to its frame will do. */
	if (!vspace_piece_find(&vspace_self, stack->at, &piece))
		return ERR_MAP_UNMAPPED;
	return cap_restrict(piece.cap, slot_in(cnode, STACK), RIGHT_READ);
}

/* Of the zeroed variables of this process; what nobody has written to is zero. */
static void written_look(uint64_t *written)
{
	struct fork_part p = fork_variables(FORK_ZEROED);
	vaddr_t at = p.at & ~(vaddr_t)(PAGE_SIZE - 1), end = p.at + p.bytes;

	for (unsigned i = 0; i < FORK_WRITTEN && at < end; i++, at += 64 * PAGE_SIZE) {
		uint64_t pages = (end - at + PAGE_SIZE - 1) >> PAGE_BITS;

		if (disp_written(TASK_DISPATCHER, at, pages < 64 ? (unsigned)pages : 64, &written[i]))
			written[i] = UINT64_MAX;
	}
}

/* The child has copied what it copies when this returns. Nothing in here may allocate: see fork_copy.c. */
static err_t memory_give(const struct program *child, cptr_t cnode, const struct fork_part *stack, uint64_t chunks,
			 uint64_t frames, bool *first)
{
	err_t err = cap_restrict(TASK_ARGS_FRAME, slot_in(cnode, IMAGE), RIGHT_READ);

	if (!err)
		err = stack_give(cnode, stack);
	if (!err)
		err = chunks_give(cnode, chunks);
	if (!err)
		err = regions_give(cnode, CHUNK(chunks), frames);
	/* Written to first: what says so is such a variable itself. */
	memset(fork_written, 0xff, sizeof fork_written);
	written_look(fork_written);
	if (!err)
		err = mon_heir(child->pid, cnode, first);
	return !err && child_await(process_number(child->id, child->pid), CHILD_COPIED) ? ERR_CLOSED : err;
}

err_t fork_share_give(const struct inherit *text, const struct program *child, uint32_t heap)
{
	struct fork_part stack;
	uint64_t frames = 0;
	bool first = false;
	cptr_t cnode;
	err_t err = fork_thread_stack(text, &stack);

	if (fork_regions)
		(void)fork_regions->bytes(&frames);
	if (!err)
		err = cow_prepare(heap);
	if (!err)
		err = ram_object(CAP_CNODE, cnode_bits(CHUNK(heap) + frames), &cnode);
	if (err)
		return err;
	__malloc_lock(NULL);
	err = heap_chunks() <= heap ? memory_give(child, cnode, &stack, heap, frames, &first) : ERR_AGAIN;
	__malloc_unlock(NULL);
	cow_sweep(first);
	cow_leave(cnode);
	return err;
}

/* --- the child --------------------------------------------------------------------------------------- */

static const cptr_t cnode = CPTR_L1(MON_HEIR_L1);

/* No chunk, no capability. */
static err_t chunks_take(uint64_t chunks)
{
	err_t err = ERR_OK;

	for (uint64_t n = 0; n < chunks && !err; n++) {
		err = cow_take(LIBOS_HEAP_VA + (n << COW_BITS), slot_in(cnode, CHUNK(n)));
		if (err == ERR_CAP_LOOKUP) {
			heap_lacks(1);
			err = ERR_OK;
		}
	}
	return err;
}

/* Was the page at which `offset` of the zeroed variables' pages lies written to? */
static bool is_written(const uint64_t *a, const uint64_t *b, uint64_t offset)
{
	uint64_t page = offset >> PAGE_BITS;

	return page >= FORK_WRITTEN * 64 || (a[page / 64] | b[page / 64]) >> page % 64 & 1;
}

/* What neither has written to is zero in both. Runs of pages; `from` is how far away the parent's lie. */
static void zeroed_copy(vaddr_t from, const uint64_t *parents, const uint64_t *own)
{
	struct fork_part p = fork_variables(FORK_ZEROED);
	vaddr_t base = p.at & ~(vaddr_t)(PAGE_SIZE - 1), end = p.at + p.bytes;

	for (vaddr_t at = p.at, to; at < end; at = to) {
		bool is = is_written(parents, own, at - base);

		for (to = at; to < end && is_written(parents, own, to - base) == is;)
			to = (to & ~(vaddr_t)(PAGE_SIZE - 1)) + PAGE_SIZE;
		to = to < end ? to : end;
		if (is)
			memcpy((void *)at, (const void *)(from + at), to - at);
	}
}

/* From the parent's image, which is as ours is. */
static void variables_copy(vaddr_t image)
{
	const struct fork_part p = fork_variables(0);
	vaddr_t data = image + process_args()->data_offset - process_args()->data;
	uint64_t own[FORK_WRITTEN], parents[FORK_WRITTEN];

	written_look(own);
	memcpy(parents, (const void *)(data + (vaddr_t)fork_written), sizeof parents);
	memcpy((void *)p.at, (const void *)(data + p.at), p.bytes);
	zeroed_copy(data, parents, own);
}

/* A frame of the parent's, while something is copied out of it. */
static err_t frame_open(uint64_t slot, vaddr_t *at)
{
	struct cap_info info;
	err_t err = cap_identify(slot_in(cnode, slot), &info);

	return err ? err : vspace_map_frame(slot_in(cnode, slot), info.bits, MAP_READ, at);
}

/* `bytes` of the frame are of stacks, from that offset on; its lowest address is `low`. */
static err_t stack_copy_out(const struct stack_copy *s, vaddr_t frame, vaddr_t low, uint64_t bytes)
{
	if (s->bytes && (s->to < low || s->to - low > bytes || s->bytes > bytes - (s->to - low)))
		return ERR_TOO_LONG;
	memcpy(s->data, (const void *)(frame + (s->to - low)), s->bytes);
	return ERR_OK;
}

static err_t stack_take(const struct stack_copy *s, vaddr_t low)
{
	vaddr_t frame;
	err_t err = frame_open(STACK, &frame);

	if (err)
		return err;
	err = stack_copy_out(s, frame, low, SIZE_OF_BITS(STACK_BITS_MAX));
	(void)vspace_unmap(frame);
	return err;
}

/* Of the parent's image those pages in which [offset, offset + bytes) lies, where the image would be at `at`. */
static err_t image_map(vaddr_t at, uint64_t offset, uint64_t bytes)
{
	uint64_t first = offset & ~(uint64_t)(PAGE_SIZE - 1), end = (offset + bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	return vspace_map_at(at + first, slot_in(cnode, IMAGE), end - first, first, MAP_READ);
}

static void image_unmap(vaddr_t at, uint64_t offset) { (void)vspace_unmap(at + (offset & ~(PAGE_SIZE - 1))); }

static err_t variables_take(vaddr_t image)
{
	const struct process_args *a = process_args();
	struct fork_part first = fork_variables(0), last = fork_variables(FORK_ZEROED);
	uint64_t offset = first.at - a->data + a->data_offset;
	err_t err = image_map(image, offset, last.at + last.bytes - first.at);

	if (err)
		return err;
	variables_copy(image);
	image_unmap(image, offset);
	return ERR_OK;
}

/* The first thread's stack is in the image. */
static err_t stack_first_take(const struct stack_copy *s, vaddr_t image)
{
	const struct process_args *a = process_args();
	vaddr_t low = a->stack_top - a->stack_bytes;
	uint64_t offset = s->to - low + a->stack_offset;
	err_t err;

	if (!s->bytes)
		return ERR_OK;
	if (s->to < low || s->to - low > a->stack_bytes)
		return ERR_TOO_LONG;
	err = image_map(image, offset, s->bytes);
	if (!err)
		err = stack_copy_out(s, image + a->stack_offset, low, a->stack_bytes);
	if (!err)
		image_unmap(image, offset);
	return err;
}

static err_t image_take(const struct stack_copy *s)
{
	struct cap_info info;
	vaddr_t image, low;
	err_t err = cap_identify(slot_in(cnode, IMAGE), &info);

	if (!err)
		err = vspace_reserve(info.bits, &image);
	if (err)
		return err;
	err = fork_thread(&low) == thread_current() ? stack_first_take(s, image) : stack_take(s, low);
	if (!err)
		err = variables_take(image);
	vspace_release(image, info.bits);
	return err;
}

static uint64_t regions_slot;

static err_t region_frame_open(uint64_t n, vaddr_t *at) { return frame_open(regions_slot + n, at); }

static err_t regions_take(const struct inherit *text)
{
	err_t err = fork_regions ? fork_regions->begin(text) : ERR_OK;

	return err || !fork_regions ? err : fork_regions->copy(text, region_frame_open);
}

err_t fork_share_receive(const struct stack_copy *s, const struct inherit *text)
{
	uint64_t chunks = process_args()->heir_heap;
	err_t err = mon_heir_wait();

	if (!err)
		err = cow_prepare(chunks);
	if (!err)
		err = chunks_take(chunks);
	if (!err)
		err = image_take(s);
	regions_slot = CHUNK(chunks);
	if (!err)
		err = regions_take(text);
	if (!err)
		mon_begun(CHILD_COPIED);
	return err;
}
