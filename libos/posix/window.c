/*
 * See window.h.
 *
 * A reader takes no lock. It notes where it is for the case that the memory goes away under it: the fault then ends its
 * copy (longjmp). When all is copied it looks whether something has come between: the file was made shorter (the head's
 * sequence), or the window was given up meanwhile by another thread, and its addresses may be something else's (turn).
 * A window stays till its file is closed; what is in it changes with the lock of the file's server.
 */
#include "libos/posix/window.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/fault.h"
#include "libos/core/vspace.h"
#include "libos/ninep/head.h"
#include "libos/posix/fd.h"
#include "libos/posix/file_memory.h"
#include "libos/posix/file_server.h"
#include "libos/posix/open_file.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/posix/window_parts.h"

#define READS 4    /* of a file, from which on it has a window; in a piece, from which on that is in it */
#define LOOKS 4    /* at its attributes, from which on it has a head */
#define WINDOWS 64 /* of a process */
#define PF_PRESENT 1

static uint32_t windows;

/* --- faults -------------------------------------------------------------------------------------------- */

/* What is read from; not where it is to be. */
static bool is_lost(const struct fault_info *info)
{
	const struct posix_thread *p = thread_current()->posix;

	return p && p->copy && !(info->error & PF_PRESENT) && info->address - p->copy->own >= p->copy->bytes;
}

static void lost_mend(struct thread_saved *s)
{
	(void)s;
	longjmp(posix_self()->copy->lost, 1);
}

static struct signal_mender mender = { .lost = is_lost, .mend = lost_mend };

/* --- reading -------------------------------------------------------------------------------------------- */

static size_t pieces_copy(const struct window *w, char *to, size_t bytes, uint64_t offset)
{
	size_t done = 0, some;

	for (; done < bytes; done += some) {
		uint64_t k = (offset + done) >> NINEP_EXTENT_BITS, in = (offset + done) % PIECE_BYTES;
		const char *at = k < PIECES ? __atomic_load_n(&w->piece[k].at, __ATOMIC_ACQUIRE) : NULL;

		if (!at)
			break;
		some = bytes - done < PIECE_BYTES - in ? bytes - done : PIECE_BYTES - in;
		memcpy(to + done, at + in, some);
	}
	return done;
}

/* The sequence is looked at before and after all else (head.h). */
static enum outcome head_read(const struct window *w, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	const struct ninep_head *head = __atomic_load_n(&w->head, __ATOMIC_ACQUIRE);
	uint64_t sequence, size;

	if (!head)
		return MISSED;
	sequence = __atomic_load_n(&head->sequence, __ATOMIC_ACQUIRE);
	size = __atomic_load_n(&head->size, __ATOMIC_ACQUIRE);
	if (offset >= size)
		bytes = 0;
	else if (bytes > size - offset)
		bytes = size - offset;
	*done = pieces_copy(w, to, bytes, offset);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return *done == bytes && !(sequence & 1) && head->sequence == sequence ? DONE : MISSED;
}

__attribute__((noinline)) bool window_look(window_look_fn *look, const void *at, void *out)
{
	struct window_copy copy = { .bytes = 0 };
	bool good;

	if (setjmp(copy.lost)) {
		posix_self()->copy = NULL;
		return false;
	}
	posix_self()->copy = &copy;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	good = look(at, out);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	posix_self()->copy = NULL;
	return good;
}

void window_guard(void) { signal_mender_add(&mender); }

static bool names_look(const void *at, void *out)
{
	const struct ninep_head *head = at;

	*(uint64_t *)out = __atomic_load_n(&head->names, __ATOMIC_ACQUIRE);
	return true;
}

struct attr_where {
	const struct ninep_head *head;
	const struct ninep_marks *marks;
};

/* Marks first; `told` is looked at before and after all else (head.h). */
static bool attr_look(const void *at, void *out)
{
	const struct attr_where *where = at;
	const struct ninep_head *head = where->head;
	uint64_t told;

	if (where->marks ? __atomic_load_n(&where->marks->stored, __ATOMIC_ACQUIRE) : head->marked)
		return false;
	told = __atomic_load_n(&head->told, __ATOMIC_ACQUIRE);
	if (!(told & 1))
		return false;
	*(struct ninep_attr *)out = head->attr;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&head->told, __ATOMIC_RELAXED) == told;
}

static bool attr_get(const struct window *w, struct ninep_attr *out)
{
	uint32_t turn = __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE);
	struct attr_where where = { __atomic_load_n(&w->head, __ATOMIC_ACQUIRE),
				    __atomic_load_n(&w->marks, __ATOMIC_ACQUIRE) };

	return where.head && window_look(attr_look, &where, out) && __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) == turn;
}

static bool names_get(const struct window *w, uint64_t *names)
{
	uint32_t turn = __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE);
	const struct ninep_head *head = __atomic_load_n(&w->head, __ATOMIC_ACQUIRE);

	return head && window_look(names_look, head, names) && __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) == turn;
}

static __attribute__((noinline)) enum outcome read_or_lose(const struct window *w, void *to, size_t bytes,
							   uint64_t offset, size_t *done)
{
	uint32_t turn = __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE);
	struct window_copy copy;
	enum outcome o;

	copy.own = (vaddr_t)to;
	copy.bytes = bytes;
	if (setjmp(copy.lost)) {
		posix_self()->copy = NULL;
		return LOST;
	}
	posix_self()->copy = &copy;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	o = head_read(w, to, bytes, offset, done);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	posix_self()->copy = NULL;
	return __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) == turn ? o : MISSED;
}

/* --- what is in it, on the fabric's core, with the server's lock --------------------------------------------- */

/* Maps what the server lends; NULL: nothing. */
static void *memory_map(struct open_file *f, struct ninep_client *c, uint64_t offset, uint32_t how, unsigned bits,
			cptr_t *frame)
{
	uint8_t access = how & NINEP_MAP_STORE ? MAP_READ | MAP_WRITE : MAP_READ;
	uint64_t size;

	return file_memory(f, c, offset, how, frame, &size) ? NULL : lent_map(*frame, bits, access);
}

/* Another thread may have brought it while we asked. */
static void piece_bring(struct open_file *f, struct ninep_client *c, struct window *w, uint64_t k)
{
	uint32_t turn = w->turn;
	cptr_t frame;
	void *at =
		w->marks ? memory_map(f, c, k << NINEP_EXTENT_BITS, NINEP_MAP_STORE, NINEP_EXTENT_BITS, &frame) : NULL;
	bool stores = at;

	if (!at)
		at = memory_map(f, c, k << NINEP_EXTENT_BITS, NINEP_MAP_READ, NINEP_EXTENT_BITS, &frame);
	w->piece[k].reads = 0;
	if (at && (w->piece[k].at || w->turn != turn || !w->head)) {
		lent_unmap(at, frame);
	} else if (at) {
		w->piece[k].frame = frame;
		w->piece[k].stores = stores;
		__atomic_store_n(&w->piece[k].at, at, __ATOMIC_RELEASE);
	}
}

/* Who may both read and write may store, if the server lets anybody. */
static void marks_bring(struct open_file *f, struct ninep_client *c, struct window *w)
{
	uint32_t turn = w->turn;
	cptr_t frame;
	void *at = (f->flags & O_ACCMODE) == O_RDWR
			   ? memory_map(f, c, 0, NINEP_MAP_HEAD | NINEP_MAP_STORE, NINEP_HEAD_BITS, &frame)
			   : NULL;

	if (at && (w->marks || w->turn != turn)) {
		lent_unmap(at, frame);
	} else if (at) {
		w->marks_frame = frame;
		__atomic_store_n(&w->marks, at, __ATOMIC_RELEASE);
	}
}

static void head_bring(struct open_file *f, struct ninep_client *c, struct window *w)
{
	cptr_t frame;
	const void *at = memory_map(f, c, 0, NINEP_MAP_HEAD, NINEP_HEAD_BITS, &frame);

	if (!at)
		f->ninep.reads = WINDOW_NEVER;
	else if (w->head)
		lent_unmap(at, frame);
	else {
		w->frame = frame;
		__atomic_store_n(&w->head, at, __ATOMIC_RELEASE);
		marks_bring(f, c, w);
	}
}

/* Readers that are in it find the turn changed, whatever they have read. Nobody stores in it meanwhile. */
static void window_give_up(struct window *w)
{
	const struct ninep_head *head = w->head;

	mutex_lock(&w->storing);
	__atomic_fetch_add(&w->turn, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&w->head, NULL, __ATOMIC_SEQ_CST);
	for (unsigned k = 0; k < PIECES; k++) {
		const void *at = w->piece[k].at;

		__atomic_store_n(&w->piece[k].at, NULL, __ATOMIC_SEQ_CST);
		w->piece[k].reads = 0;
		if (at)
			lent_unmap(at, w->piece[k].frame);
	}
	if (w->marks)
		lent_unmap(w->marks, w->marks_frame);
	w->marks = NULL;
	if (head)
		lent_unmap(head, w->frame);
	mutex_unlock(&w->storing);
}

static void windows_give_up(struct file_server *s)
{
	for (struct window *w = s->windows; w; w = w->next)
		window_give_up(w);
}

static void window_make(struct open_file *f)
{
	struct file_server *s = f->ninep.server;
	uint32_t back;
	struct window *w;

	(void)file_server_enter(s, &back);
	w = f->ninep.window || __atomic_load_n(&windows, __ATOMIC_RELAXED) >= WINDOWS ? NULL : calloc(1, sizeof(*w));
	if (w) {
		mutex_init(&w->storing, false);
		window_guard();
		file_server_lost_windows = windows_give_up;
		__atomic_fetch_add(&windows, 1, __ATOMIC_RELAXED);
		w->next = s->windows;
		s->windows = w;
		__atomic_store_n(&f->ninep.window, w, __ATOMIC_RELEASE);
	} else if (!f->ninep.window) {
		f->ninep.reads = WINDOW_NEVER;
	}
	file_server_leave(s, back);
}

/* The read came often enough where it did for that to be in the window. */
static bool read_counts(struct window *w, uint64_t offset)
{
	uint64_t k = offset >> NINEP_EXTENT_BITS;

	return k < PIECES && !w->piece[k].at && ++w->piece[k].reads >= READS;
}

void window_mend(struct open_file *f, struct window *w, enum outcome o, uint64_t offset)
{
	bool counts = o == MISSED && read_counts(w, offset);
	struct ninep_client *c;
	uint32_t back;

	if (o == MISSED && w->head && !counts)
		return;
	c = file_enter(f, &back);
	if (!c)
		return;
	if (o == LOST)
		window_give_up(w);
	else if (!w->head)
		head_bring(f, c, w);
	if (counts && w->head)
		piece_bring(f, c, w, offset >> NINEP_EXTENT_BITS);
	file_leave(f, back);
}

void window_count(struct open_file *f)
{
	if (f->ninep.reads != WINDOW_NEVER && ++f->ninep.reads == READS) {
		f->ninep.reads = 0;
		window_make(f);
	}
}

bool window_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done)
{
	struct window *w = __atomic_load_n(&f->ninep.window, __ATOMIC_ACQUIRE);
	enum outcome o;

	if (!w) {
		window_count(f);
		return false;
	}
	if (f->ninep.reads == WINDOW_NEVER)
		return false;
	*done = 0;
	o = read_or_lose(w, to, bytes, offset, done);
	if (o != DONE)
		window_mend(f, w, o, offset + *done);
	return o == DONE;
}

bool window_head(struct open_file *f)
{
	struct ninep_client *c;
	struct window *w;
	uint32_t back;

	if (!f->ninep.window && f->ninep.reads != WINDOW_NEVER)
		window_make(f);
	w = f->ninep.window;
	c = w && !w->head ? file_enter(f, &back) : NULL;
	if (c) {
		head_bring(f, c, w);
		file_leave(f, back);
	}
	return w && w->head;
}

bool window_names(struct open_file *f, uint64_t *names)
{
	const struct window *w = f->ninep.window;

	return w && names_get(w, names);
}

bool window_attr(struct open_file *f, struct ninep_attr *out)
{
	const struct window *w = __atomic_load_n(&f->ninep.window, __ATOMIC_ACQUIRE);

	if (w && attr_get(w, out))
		return true;
	if ((!w || !w->head) && ++f->ninep.looks >= LOOKS) {
		f->ninep.looks = 0;
		(void)window_head(f);
	}
	return false;
}

void window_close(struct open_file *f)
{
	struct file_server *s = f->ninep.server;
	struct window *w = f->ninep.window, **at = &s->windows;
	uint32_t back;

	if (!w)
		return;
	(void)file_server_enter(s, &back);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	__atomic_fetch_sub(&windows, 1, __ATOMIC_RELAXED);
	window_give_up(w);
	file_server_leave(s, back);
	free(w);
	f->ninep.window = NULL;
}
