/* Copy-on-write: see cow.h. In a fault only slots, memory and records are used that were taken before. */
#include "libos/core/cow.h"

#include <string.h>

#include "libos/core/arrival.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/core/vspace_map.h"
#include "libos/thread/control.h"
#include "libos/thread/errand.h"

#define PAGES (1u << (COW_BITS - PAGE_BITS))
#define SPARES 4
#define WITHIN_STACK_BITS PAGE_BITS

/* What the next copy is made of. */
struct spare {
	bool ready;
	cptr_t source, slot; /* memory, the place that its frame will have */
	uint64_t offset;
	struct vspace_node *left; /* to remember the frame that it takes the place of */
};

static struct spare spares[SPARES];
static unsigned spares_wanted;

/* Where a copy is written. */
static vaddr_t window;
static cptr_t window_table;

/* What others may have capabilities to, the oldest first; changed in disabled mode. */
static struct vspace_node *left, **left_end = &left;
static uint64_t gifts;                 /* so often something was about to be given; `key` of what was left since */
static bool nobody;                    /* has anything of ours since it was last given */
static bool ended;                     /* nothing is given any more */
static struct mutex lock = MUTEX_INIT; /* not held by who writes in disabled mode */

static vaddr_t base_of(vaddr_t va) { return va & ~(SIZE_OF_BITS(COW_BITS) - 1); }

/* The shared mapping that holds an address; NULL: that is in none. */
static struct vspace_node *shared_at(vaddr_t va)
{
	struct vspace_node *n = vspace_mapping_at(base_of(va));

	return n && n->share ? n : NULL;
}

/* --- memory set aside ------------------------------------------------------------------------ */

static err_t spare_make(struct spare *s)
{
	err_t err = ERR_OK;

	if (!s->slot)
		err = slot_alloc(&s->slot);
	if (!err && !s->left) {
		vspace_tend();
		s->left = vspace_node_take();
		err = s->left ? ERR_OK : ERR_NO_MEMORY;
	}
	if (!err)
		err = ram_set_aside(COW_BITS, &s->source, &s->offset);
	s->ready = !err;
	return err;
}

/* In enabled mode, with the lock. */
static err_t spares_fill(void)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < spares_wanted && !err; i++)
		if (!spares[i].ready)
			err = spare_make(&spares[i]);
	return err;
}

static struct spare *spare_find(void)
{
	for (unsigned i = 0; i < SPARES; i++)
		if (spares[i].ready)
			return &spares[i];
	return NULL;
}

/* In disabled mode. */
static void left_put(struct vspace_node *n)
{
	n->next = NULL;
	*left_end = n;
	left_end = &n->next;
}

static void left_add(struct vspace_node *n, cptr_t object)
{
	n->cap = object;
	n->key = gifts;
	left_put(n);
}

/* --- a copy in place of what is shared: in disabled mode ---------------------------------------- */

/* Its memory may still be in use by somebody: then another's. */
static struct spare *spare_take(void)
{
	struct spare *s;

	while ((s = spare_find())) {
		s->ready = false;
		if (!cap_retype(s->source, s->offset, CAP_FRAME, COW_BITS, 1, s->slot))
			break;
	}
	return s;
}

static err_t part(struct vspace_node *n)
{
	const unsigned flags = MAP_READ | MAP_WRITE;
	struct spare *s = spare_take();
	cptr_t table;
	err_t err = s ? vspace_table_get(&vspace_self, 1, n->key, &table) : ERR_NO_MEMORY;

	if (!err)
		err = frame_map(s->slot, window_table, vspace_table_index(1, window), PAGES, 0, flags);
	if (err)
		return err;
	memcpy((void *)window, (const void *)n->key, SIZE_OF_BITS(COW_BITS));
	(void)frame_unmap(s->slot);
	(void)frame_unmap(n->cap);
	err = frame_map(s->slot, table, vspace_table_index(1, n->key), PAGES, 0, flags);
	if (n->share == COW_GIVEN) {
		left_add(s->left, n->cap);
		s->left = NULL;
	} else {
		(void)cap_delete(n->cap);
	}
	n->cap = s->slot;
	n->share = COW_OWN;
	s->slot = 0;
	return err;
}

static void refill(uint64_t unused)
{
	(void)unused;
	mutex_lock(&lock);
	(void)spares_fill();
	mutex_unlock(&lock);
}

/* More is set aside as soon as somebody can. */
static void settle(void)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < spares_wanted; i++)
		ready += spares[i].ready;
	if (ready * 2 < spares_wanted)
		(void)errand_raise(refill, 0);
}

static bool within(vaddr_t va)
{
	struct vspace_node *n = shared_at(va);

	if (!n || part(n))
		return false;
	__atomic_fetch_or(&dispatcher_page()->events, EVENT_OWN, __ATOMIC_RELAXED);
	return true;
}

/* --- what others have ------------------------------------------------------------------------------- */

#define ASKED (MON_PAYLOAD - 1)

void cow_leave(cptr_t object)
{
	struct vspace_node *n;

	vspace_tend();
	n = vspace_node_take();
	if (!n)
		return; /* it stays as long as the process */
	dispatcher_disable();
	left_add(n, object);
	dispatcher_enable();
}

static struct vspace_node *left_take(void)
{
	struct vspace_node *n;

	dispatcher_disable();
	n = left;
	if (n)
		left = n->next;
	if (!left)
		left_end = &left;
	dispatcher_enable();
	return n;
}

/* It goes, or waits again. */
static void left_judge(struct vspace_node *n, bool free)
{
	if (free && !ram_free(n->cap)) {
		vspace_node_give(n);
		return;
	}
	dispatcher_disable();
	left_put(n);
	dispatcher_enable();
}

/*
 * Has nobody else a capability to this frame (0: none is meant)? On the way the oldest of what was left is asked for,
 * as much as one request holds, and what nobody has goes. With the lock.
 */
static bool sole(cptr_t frame)
{
	struct mon_message m = { .word = { frame } };
	struct vspace_node *some[ASKED];
	unsigned count = 0;
	bool is;

	if (nobody)
		return true;
	for (; count < ASKED && (some[count] = left_take()); count++)
		m.word[1 + count] = some[count]->cap;
	if (mon_call(MON_SOLE, &m))
		m.word[0] = 1, m.word[1] = 0;
	nobody = !m.word[0];
	is = m.word[1] & 1;
	for (unsigned i = 0; i < count; i++)
		left_judge(some[i], nobody || m.word[1] >> (i + 1) & 1);
	return nobody || is;
}

static uint64_t left_count(void)
{
	uint64_t count = 0;

	dispatcher_disable();
	for (const struct vspace_node *n = left; n; n = n->next)
		count++;
	dispatcher_enable();
	return count;
}

/* Without a question what is older than the last gift, if nobody had anything then. */
static void left_sweep(bool nobody_had)
{
	uint64_t count = left_count();

	for (uint64_t i = 0; i < count && !nobody && !nobody_had; i += ASKED)
		(void)sole(0);
	for (struct vspace_node *n; count-- && (nobody || nobody_had) && (n = left_take());)
		left_judge(n, nobody || n->key < gifts);
}

void cow_sweep(bool nobody_had)
{
	core_stay();
	mutex_lock(&lock);
	if (left)
		left_sweep(nobody_had);
	mutex_unlock(&lock);
	core_go();
}

/* --- faults of threads ------------------------------------------------------------------------------- */

static bool holds(vaddr_t va) { return shared_at(va) != NULL; }

static err_t part_enabled(vaddr_t va)
{
	struct vspace_node *n;
	err_t err = ERR_OK;

	dispatcher_disable();
	n = shared_at(va);
	if (n)
		err = part(n);
	dispatcher_enable();
	return err;
}

/* Who holds memory's lock is perhaps asking for memory just now. */
static err_t serve(vaddr_t va)
{
	struct vspace_node *n;
	bool asks = !ram_is_locked();
	err_t err = ERR_OK;

	core_stay();
	mutex_lock(&lock);
	n = shared_at(va);
	if (n && n->share == COW_GIVEN && asks && sole(n->cap)) {
		err = vspace_protect(n->key, SIZE_OF_BITS(COW_BITS), MAP_READ | MAP_WRITE);
		if (!err)
			n->share = COW_OWN;
	} else {
		if (!spare_find() && asks)
			(void)spares_fill();
		err = part_enabled(va);
	}
	if (asks)
		(void)spares_fill();
	mutex_unlock(&lock);
	core_go();
	if (err)
		mon_log("no memory for a page to write");
	return err;
}

/* All becomes our own, and nothing is given any more. */
static err_t end(void)
{
	uint64_t bytes;
	vaddr_t at;
	err_t err = ERR_OK;

	mutex_lock(&lock);
	ended = true;
	mutex_unlock(&lock);
	for (uint64_t n = 0; n < heap_chunks() && !err; n++)
		if (heap_chunk(n, &at, &bytes) && holds(at))
			err = serve(at);
	if (err)
		ended = false;
	return err;
}

static const struct fault_share share = {
	.holds = holds, .serve = serve, .within = within, .settle = settle, .end = end
};

/* --- giving and taking -------------------------------------------------------------------------------- */

static err_t window_make(void)
{
	vaddr_t stack;
	err_t err = ERR_OK;

	if (!window)
		err = vspace_reserve(COW_BITS, &window);
	if (err || fault_share)
		return err;
	err = frame_alloc_map(WITHIN_STACK_BITS, NULL, &stack);
	if (err)
		return err;
	mutex_lock(&vspace_self.lock);
	err = vspace_table_get(&vspace_self, 1, window, &window_table);
	mutex_unlock(&vspace_self.lock);
	if (!err) {
		fault_share = &share;
		fault_within_begin(stack + SIZE_OF_BITS(WITHIN_STACK_BITS));
	}
	return err;
}

err_t cow_prepare(uint64_t mappings)
{
	err_t err;

	core_stay();
	vspace_tend();
	mutex_lock(&lock);
	err = window_make();
	if (mappings > spares_wanted)
		spares_wanted = mappings < SPARES ? (unsigned)mappings : SPARES;
	gifts++;
	if (!err)
		err = spares_fill();
	mutex_unlock(&lock);
	core_go();
	return err;
}

static err_t give(struct vspace_node *n, cptr_t to)
{
	err_t err = cap_restrict(n->cap, to, RIGHT_READ);

	if (err || n->share)
		return err;
	/* A write between the two is none to memory that may only be read. */
	n->share = COW_GIVEN;
	err = vspace_protect(n->key, SIZE_OF_BITS(COW_BITS), MAP_READ);
	if (err)
		n->share = COW_OWN;
	return err;
}

err_t cow_give(vaddr_t va, cptr_t to)
{
	struct vspace_node *n;
	err_t err;

	core_stay();
	mutex_lock(&lock);
	nobody = false;
	n = vspace_mapping_at(va);
	if (ended)
		err = ERR_AGAIN;
	else
		err = n && n->pages == PAGES && !n->more ? give(n, to) : ERR_MAP_UNMAPPED;
	mutex_unlock(&lock);
	core_go();
	return err;
}

err_t cow_take(vaddr_t va, cptr_t from)
{
	err_t err = vspace_map_at(va, from, SIZE_OF_BITS(COW_BITS), 0, MAP_READ);

	if (!err)
		vspace_mapping_at(va)->share = COW_TAKEN;
	return err;
}
