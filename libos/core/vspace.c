/*
 * Address spaces: page tables made on demand, and what is mapped.
 *
 * Tables and mappings are kept by hashes of their addresses.  A mapping is one
 * piece or, across page tables, several, chained from the first; the kernel
 * allows one mapping a capability, so further pieces are mapped through copies.
 * Nodes come from a pool of our own, never from the heap: the heap needs us.
 */
#include "libos/core/vspace_map.h"

#include "libos/core/arrival.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/thread/control.h"
#include "libos/x86/barrier.h"

#define ENTRIES 512

static CORE_LOCAL struct vspace_node *pool;         /* changed in disabled mode */
static CORE_LOCAL struct vspace_node *fresh;        /* those that never were used, one behind the other */
static CORE_LOCAL unsigned fresh_count, pool_count; /* of all */

/* Our own space's mappings, of all cores; a bucket's lock is taken when there is more than one. */
static struct vspace_node *own_mappings[VSPACE_BUCKETS];
static uint32_t own_locks[VSPACE_BUCKETS];

#define LOOKS 64     /* at a lock before others may run */
#define NODES_KEPT 8 /* for whoever feeds the pool, which takes a few: without any it could never be fed */

CORE_LOCAL struct thread *vspace_tender;

/* --- nodes --------------------------------------------------------------------- */

void vspace_nodes_feed(struct vspace_node *nodes, unsigned count)
{
	dispatcher_disable();
	/* Those of an earlier feed that are left are few, or none. */
	for (; fresh_count; fresh_count--) {
		fresh->next = pool;
		pool = fresh++;
	}
	fresh = nodes;
	fresh_count = count;
	pool_count += count;
	dispatcher_enable();
}

struct vspace_node *vspace_node_take(void)
{
	struct vspace_node *n = NULL;

	dispatcher_disable();
	if (pool_count > NODES_KEPT || vspace_tender == thread_current()) {
		n = pool;
		if (n) {
			pool = n->next;
		} else if (fresh_count) {
			n = fresh++;
			fresh_count--;
		}
	}
	pool_count -= n != NULL;
	dispatcher_enable();
	return n;
}

void vspace_node_give(struct vspace_node *n)
{
	dispatcher_disable();
	n->next = pool;
	pool = n;
	pool_count++;
	dispatcher_enable();
}

unsigned vspace_nodes_left(void) { return pool_count; }

/* --- tables ---------------------------------------------------------------------- */

/* Shift of the addresses that an entry of a table at a level covers. */
static unsigned level_shift(unsigned level) { return PAGE_BITS + 9 * (level - 1); }

unsigned vspace_table_index(unsigned level, vaddr_t va) { return va >> level_shift(level) & (ENTRIES - 1); }

static struct vspace_node **table_bucket(struct vspace *v, uint64_t key)
{
	return &v->tables[(key >> 3 ^ key >> 9 ^ key) % VSPACE_BUCKETS];
}

err_t vspace_table_make(unsigned level, cptr_t parent, unsigned index, bool in_root, cptr_t *out)
{
	err_t err = slot_alloc(out);

	if (err)
		return err;
	err = ram_object_at(CAP_PTABLE1 + level - 1, CAP_PTABLE_BITS, *out);
	if (err) {
		slot_free(*out);
		return err;
	}
	err = in_root ? mon_root_slot(*out, index) : ptable_map(*out, parent, index);
	if (err)
		ram_free(*out);
	return err;
}

static err_t table_make(struct vspace *v, unsigned level, vaddr_t va, cptr_t *out)
{
	cptr_t parent;
	err_t err = vspace_table_get(v, level + 1, va, &parent);

	return err ? err : vspace_table_make(level, parent, vspace_table_index(level + 1, va), false, out);
}

static err_t table_add(struct vspace *v, unsigned level, vaddr_t va, uint64_t key, cptr_t *out)
{
	bool shared = v == &vspace_self && process_spans;
	struct vspace_node **bucket, *n;
	err_t err = shared ? vspace_shared_table(level, va, key, out) : table_make(v, level, va, out);

	if (err)
		return err;
	n = vspace_node_take();
	if (!n) {
		if (!shared)
			ram_free(*out);
		return ERR_NO_MEMORY;
	}
	bucket = table_bucket(v, key);
	n->key = key;
	n->cap = *out;
	n->next = *bucket;
	*bucket = n;
	return 0;
}

err_t vspace_table_get(struct vspace *v, unsigned level, vaddr_t va, cptr_t *out)
{
	uint64_t key = va >> level_shift(level + 1) << 3 | level;

	if (level == VSPACE_LEVELS) {
		*out = v->root;
		return 0;
	}
	for (struct vspace_node *n = *table_bucket(v, key); n; n = n->next) {
		if (n->key == key) {
			*out = n->cap;
			return 0;
		}
	}
	return table_add(v, level, va, key, out);
}

/* --- mappings ---------------------------------------------------------------------- */

static unsigned mapping_hash(vaddr_t va)
{
	uint64_t page = va >> PAGE_BITS;

	return (page ^ page >> 6 ^ page >> 12) % VSPACE_BUCKETS;
}

static struct vspace_node **mapping_bucket(struct vspace *v, unsigned hash)
{
	return v == &vspace_self ? &own_mappings[hash] : &v->mappings[hash];
}

/*
 * For a few loads and stores, in disabled mode, so the holder is not held up but by its CPU driver: who waits
 * gives way now and then.
 */
static void bucket_lock(const struct vspace *v, unsigned hash)
{
	if (v != &vspace_self || !process_spans)
		return;
	dispatcher_disable();
	for (unsigned looks = 1; mem_swap32(&own_locks[hash], 1); looks++) {
		cpu_pause();
		if (looks % LOOKS)
			continue;
		dispatcher_enable();
		dispatcher_yield();
		dispatcher_disable();
	}
}

static void bucket_unlock(const struct vspace *v, unsigned hash)
{
	if (v != &vspace_self || !process_spans)
		return;
	mem_store32_release(&own_locks[hash], 0);
	dispatcher_enable();
}

static err_t piece_copy(struct vspace_node *n, cptr_t frame)
{
	err_t err = slot_alloc(&n->cap);

	if (err)
		return err;
	err = cap_copy(frame, n->cap);
	if (err)
		slot_free(n->cap);
	else
		n->copy = true;
	return err;
}

static void piece_remove(struct vspace_node *n)
{
	if (n->copy)
		slot_delete(n->cap);
	else
		frame_unmap(n->cap);
}

/* Maps one piece, through the frame's own capability if that is wanted and free. */
static err_t piece_map(struct vspace_node *n, cptr_t frame, cptr_t table, uint64_t first, unsigned flags, bool direct)
{
	unsigned index = vspace_table_index(1, n->key);
	err_t err = ERR_MAP_MAPPED;

	n->cap = frame;
	n->core = dispatcher_core();
	n->copy = false;
	n->place_bits = 0;
	n->share = 0;
	if (direct)
		err = frame_map(frame, table, index, (unsigned)n->pages, (unsigned)first, flags);
	if (err != ERR_MAP_MAPPED)
		return err;
	err = piece_copy(n, frame);
	if (err)
		return err;
	err = frame_map(n->cap, table, index, (unsigned)n->pages, (unsigned)first, flags);
	if (err)
		slot_delete(n->cap);
	return err;
}

/* The piece of [va, va + pages) that lies in the first of its page tables. */
static err_t piece_make(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t pages, uint64_t first, unsigned flags,
			struct vspace_node **out)
{
	uint64_t room = ENTRIES - vspace_table_index(1, va);
	struct vspace_node *n;
	cptr_t table;
	err_t err = vspace_table_get(v, 1, va, &table);

	if (err)
		return err;
	n = vspace_node_take();
	if (!n)
		return ERR_NO_MEMORY;
	n->key = va;
	n->more = NULL;
	n->pages = pages < room ? pages : room;
	err = piece_map(n, frame, table, first, flags, v == &vspace_self);
	if (err)
		vspace_node_give(n);
	else
		*out = n;
	return err;
}

void vspace_mapping_remove(struct vspace_node *n)
{
	while (n) {
		struct vspace_node *more = n->more;

		piece_remove(n);
		vspace_node_give(n);
		n = more;
	}
}

err_t vspace_mapping_make(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t pages, uint64_t first, unsigned flags,
			  uint8_t place_bits)
{
	struct vspace_node *head = NULL, **link = &head, **bucket;
	unsigned hash = mapping_hash(va);
	err_t err = 0;

	for (vaddr_t at = va; pages && !err;) {
		err = piece_make(v, at, frame, pages, first, flags, link);
		if (err)
			break;
		pages -= (*link)->pages;
		first += (*link)->pages;
		at += (*link)->pages << PAGE_BITS;
		link = &(*link)->more;
	}
	if (err) {
		if (v == &vspace_self && process_spans)
			vspace_shared_remove(head);
		else
			vspace_mapping_remove(head);
		return err;
	}
	head->place_bits = place_bits;
	bucket_lock(v, hash);
	bucket = mapping_bucket(v, hash);
	head->next = *bucket;
	*bucket = head;
	bucket_unlock(v, hash);
	return 0;
}

/* Takes the mapping that begins at va out of the hash; NULL when none does. */
struct vspace_node *vspace_mapping_take(struct vspace *v, vaddr_t va)
{
	unsigned hash = mapping_hash(va);
	struct vspace_node **link, *n;

	bucket_lock(v, hash);
	for (link = mapping_bucket(v, hash); *link && (*link)->key != va; link = &(*link)->next)
		;
	n = *link;
	if (n)
		*link = n->next;
	bucket_unlock(v, hash);
	return n;
}

bool vspace_mapping_is(struct vspace *v, vaddr_t va)
{
	unsigned hash = mapping_hash(va);
	struct vspace_node *n;

	bucket_lock(v, hash);
	for (n = *mapping_bucket(v, hash); n && n->key != va; n = n->next)
		;
	bucket_unlock(v, hash);
	return n != NULL;
}

struct vspace_node *vspace_mapping_at(vaddr_t va)
{
	struct vspace_node *n = own_mappings[mapping_hash(va)];

	while (n && n->key != va)
		n = n->next;
	return n;
}

static bool piece_find_in(struct vspace *v, unsigned hash, vaddr_t va, struct vspace_node *out)
{
	bool found = false;

	bucket_lock(v, hash);
	for (struct vspace_node *n = *mapping_bucket(v, hash); n && !found; n = n->next) {
		for (struct vspace_node *p = n; p && !found; p = p->more) {
			found = va - p->key < p->pages << PAGE_BITS;
			if (found)
				*out = *p;
		}
	}
	bucket_unlock(v, hash);
	return found;
}

/* At once when a mapping begins there. */
bool vspace_piece_find(struct vspace *v, vaddr_t va, struct vspace_node *out)
{
	bool found = piece_find_in(v, mapping_hash(va), va, out);

	for (unsigned i = 0; i < VSPACE_BUCKETS && !found; i++)
		found = piece_find_in(v, i, va, out);
	return found;
}

/* --- any space ------------------------------------------------------------------------ */

void vspace_init(struct vspace *v, cptr_t root)
{
	*v = (struct vspace){ .root = root };
	mutex_init(&v->lock, false);
}

err_t vspace_map_in(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t bytes, uint64_t offset, unsigned flags)
{
	err_t err;

	if (bytes == 0 || ((va | bytes | offset) & (PAGE_SIZE - 1)) || va >= USER_END_VA || bytes > USER_END_VA - va)
		return ERR_ARGUMENT;
	vspace_tend();
	core_stay();
	mutex_lock(&v->lock);
	err = vspace_mapping_make(v, va, frame, bytes >> PAGE_BITS, offset >> PAGE_BITS, flags, 0);
	mutex_unlock(&v->lock);
	core_go();
	return err;
}

err_t vspace_unmap_in(struct vspace *v, vaddr_t va)
{
	struct vspace_node *n;

	mutex_lock(&v->lock);
	n = vspace_mapping_take(v, va);
	if (n)
		vspace_mapping_remove(n);
	mutex_unlock(&v->lock);
	return n ? 0 : ERR_NOT_FOUND;
}

static void tables_destroy(struct vspace *v)
{
	for (unsigned i = 0; i < VSPACE_BUCKETS; i++) {
		while (v->tables[i]) {
			struct vspace_node *n = v->tables[i];

			v->tables[i] = n->next;
			ram_free(n->cap);
			vspace_node_give(n);
		}
	}
}

void vspace_destroy(struct vspace *v)
{
	for (unsigned i = 0; i < VSPACE_BUCKETS; i++) {
		while (v->mappings[i]) {
			struct vspace_node *n = v->mappings[i];

			v->mappings[i] = n->next;
			vspace_mapping_remove(n);
		}
	}
	tables_destroy(v);
}
