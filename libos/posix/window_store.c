/*
 * Files that are written often are written in the server's memory, without a message: see window.h.
 *
 * Only before the file's end, and not in order to append: the server alone makes a file longer. What a writer finds
 * changed when all is stored, because the file became shorter meanwhile or a mirror has come, it writes again by a
 * message. Then the server has it after whatever came between, and it has it once.
 *
 * A window's memory is not given up under a writer, whose bytes else would go to what is at its addresses then. It may
 * be taken away: the fault ends the writer's copy.
 */
#include <fcntl.h>
#include <string.h>

#include "libos/posix/fd.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/window_parts.h"

/* How much of it, from its beginning, lies in pieces that may be stored in. */
static size_t pieces_there(const struct window *w, size_t bytes, uint64_t offset)
{
	uint64_t first = offset >> NINEP_EXTENT_BITS, end = (offset + bytes + PIECE_BYTES - 1) >> NINEP_EXTENT_BITS;
	uint64_t k = first;

	while (k < end && k < PIECES && w->piece[k].at && w->piece[k].stores)
		k++;
	return k == end ? bytes : k == first ? 0 : (size_t)((k << NINEP_EXTENT_BITS) - offset);
}

static void pieces_store(const struct window *w, const char *from, size_t bytes, uint64_t offset)
{
	for (size_t done = 0, some; done < bytes; done += some) {
		uint64_t in = (offset + done) % PIECE_BYTES;

		some = bytes - done < PIECE_BYTES - in ? bytes - done : PIECE_BYTES - in;
		memcpy(w->piece[(offset + done) >> NINEP_EXTENT_BITS].at + in, from + done, some);
	}
}

/* The sequence is looked at before and after all else, and what is stored is there before the second look (head.h). */
static enum outcome head_store(const struct window *w, const void *from, size_t bytes, uint64_t offset, size_t *there)
{
	const struct ninep_head *head = w->head;
	uint64_t sequence, size;

	if (!head || !w->marks)
		return MISSED;
	sequence = __atomic_load_n(&head->sequence, __ATOMIC_ACQUIRE);
	size = __atomic_load_n(&head->size, __ATOMIC_ACQUIRE);
	if (sequence & 1 || !head->stores || offset > size || bytes > size - offset)
		return REFUSED;
	*there = pieces_there(w, bytes, offset);
	if (*there < bytes)
		return MISSED;
	pieces_store(w, from, bytes, offset);
	__atomic_store_n(&w->marks->stored, 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return head->sequence == sequence ? DONE : REFUSED;
}

static __attribute__((noinline)) enum outcome store_or_lose(struct window *w, const void *from, size_t bytes,
							    uint64_t offset, size_t *there)
{
	struct window_copy copy;
	enum outcome o;

	copy.own = (vaddr_t)from;
	copy.bytes = bytes;
	mutex_lock(&w->storing);
	if (setjmp(copy.lost)) {
		posix_self()->copy = NULL;
		mutex_unlock(&w->storing);
		return LOST;
	}
	posix_self()->copy = &copy;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	o = head_store(w, from, bytes, offset, there);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	posix_self()->copy = NULL;
	mutex_unlock(&w->storing);
	return o;
}

/* Only what was written by this descriptor before: nothing is gained where a file only grows. */
static void write_count(struct open_file *f, size_t bytes, uint64_t offset)
{
	if (offset + bytes > f->ninep.written)
		f->ninep.written = offset + bytes;
	else
		window_count(f);
}

bool window_write(struct open_file *f, const void *from, size_t bytes, uint64_t offset)
{
	struct window *w = __atomic_load_n(&f->ninep.window, __ATOMIC_ACQUIRE);
	size_t there = 0;
	enum outcome o;

	if ((f->flags & (O_ACCMODE | O_APPEND | O_SYNC)) != O_RDWR)
		return false;
	if (!w) {
		write_count(f, bytes, offset);
		return false;
	}
	if (f->ninep.reads == WINDOW_NEVER || (w->head && !w->marks))
		return false;
	o = store_or_lose(w, from, bytes, offset, &there);
	if (o != DONE && o != REFUSED)
		window_mend(f, w, o, offset + there);
	return o == DONE;
}
