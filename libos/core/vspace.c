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
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/thread/control.h"

#define LEVELS 4
#define ENTRIES 512

static struct mutex pool_lock = MUTEX_INIT;
static struct vspace_node *pool;
static unsigned pool_count;

/* --- nodes --------------------------------------------------------------------- */

void vspace_nodes_feed(struct vspace_node *nodes, unsigned count)
{
	mutex_lock(&pool_lock);
	for (unsigned i = 0; i < count; i++) {
		nodes[i].next = pool;
		pool = &nodes[i];
	}
	pool_count += count;
	mutex_unlock(&pool_lock);
}

static struct vspace_node *node_take(void)
{
	struct vspace_node *n;

	mutex_lock(&pool_lock);
	n = pool;
	if (n) {
		pool = n->next;
		pool_count--;
	}
	mutex_unlock(&pool_lock);
	return n;
}

static void node_give(struct vspace_node *n)
{
	mutex_lock(&pool_lock);
	n->next = pool;
	pool = n;
	pool_count++;
	mutex_unlock(&pool_lock);
}

unsigned vspace_nodes_left(void) { return pool_count; }

/* --- tables ---------------------------------------------------------------------- */

/* Shift of the addresses that an entry of a table at a level covers. */
static unsigned level_shift(unsigned level) { return PAGE_BITS + 9 * (level - 1); }

static unsigned table_index(unsigned level, vaddr_t va) { return va >> level_shift(level) & (ENTRIES - 1); }

static struct vspace_node **table_bucket(struct vspace *v, uint64_t key)
{
	return &v->tables[(key >> 3 ^ key >> 9 ^ key) % VSPACE_BUCKETS];
}

static err_t table_make(struct vspace_node *n, unsigned level, cptr_t parent, unsigned index)
{
	err_t err = slot_alloc(&n->cap);

	if (err)
		return err;
	err = ram_object_at(CAP_PTABLE1 + level - 1, CAP_PTABLE_BITS, n->cap);
	if (err) {
		slot_free(n->cap);
		return err;
	}
	err = ptable_map(n->cap, parent, index);
	if (err)
		ram_free(n->cap);
	return err;
}

static err_t table_get(struct vspace *v, unsigned level, vaddr_t va, cptr_t *out);

static err_t table_add(struct vspace *v, unsigned level, vaddr_t va, uint64_t key, cptr_t *out)
{
	struct vspace_node **bucket, *n;
	cptr_t parent;
	err_t err = table_get(v, level + 1, va, &parent);

	if (err)
		return err;
	n = node_take();
	if (!n)
		return ERR_NO_MEMORY;
	err = table_make(n, level, parent, table_index(level + 1, va));
	if (err) {
		node_give(n);
		return err;
	}
	bucket = table_bucket(v, key);
	n->key = key;
	n->next = *bucket;
	*bucket = n;
	*out = n->cap;
	return 0;
}

/* The table of a level that covers va; it is made when it is not there. */
static err_t table_get(struct vspace *v, unsigned level, vaddr_t va, cptr_t *out)
{
	uint64_t key = va >> level_shift(level + 1) << 3 | level;

	if (level == LEVELS) {
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

static struct vspace_node **mapping_bucket(struct vspace *v, vaddr_t va)
{
	uint64_t page = va >> PAGE_BITS;

	return &v->mappings[(page ^ page >> 6 ^ page >> 12) % VSPACE_BUCKETS];
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
	unsigned index = table_index(1, n->key);
	err_t err = ERR_MAP_MAPPED;

	n->cap = frame;
	n->copy = false;
	n->place_bits = 0;
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
	uint64_t room = ENTRIES - table_index(1, va);
	struct vspace_node *n;
	cptr_t table;
	err_t err = table_get(v, 1, va, &table);

	if (err)
		return err;
	n = node_take();
	if (!n)
		return ERR_NO_MEMORY;
	n->key = va;
	n->more = NULL;
	n->pages = pages < room ? pages : room;
	err = piece_map(n, frame, table, first, flags, v == &vspace_self);
	if (err)
		node_give(n);
	else
		*out = n;
	return err;
}

void vspace_mapping_remove(struct vspace_node *n)
{
	while (n) {
		struct vspace_node *more = n->more;

		piece_remove(n);
		node_give(n);
		n = more;
	}
}

err_t vspace_mapping_make(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t pages, uint64_t first, unsigned flags)
{
	struct vspace_node *head = NULL, **link = &head, **bucket = mapping_bucket(v, va);
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
		vspace_mapping_remove(head);
		return err;
	}
	head->next = *bucket;
	*bucket = head;
	return 0;
}

/* Takes the mapping that begins at va out of the hash; NULL when none does. */
struct vspace_node *vspace_mapping_take(struct vspace *v, vaddr_t va)
{
	for (struct vspace_node **link = mapping_bucket(v, va); *link; link = &(*link)->next) {
		struct vspace_node *n = *link;

		if (n->key == va) {
			*link = n->next;
			return n;
		}
	}
	return NULL;
}

struct vspace_node *vspace_mapping_find(struct vspace *v, vaddr_t va)
{
	struct vspace_node *n = *mapping_bucket(v, va);

	while (n && n->key != va)
		n = n->next;
	return n;
}

/* The piece that holds va, or NULL: at once when a mapping begins there. */
struct vspace_node *vspace_piece_find(struct vspace *v, vaddr_t va)
{
	struct vspace_node *begins = vspace_mapping_find(v, va);

	if (begins)
		return begins;
	for (unsigned i = 0; i < VSPACE_BUCKETS; i++)
		for (struct vspace_node *n = v->mappings[i]; n; n = n->next)
			for (struct vspace_node *p = n; p; p = p->more)
				if (va - p->key < p->pages << PAGE_BITS)
					return p;
	return NULL;
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
	mutex_lock(&v->lock);
	err = vspace_mapping_make(v, va, frame, bytes >> PAGE_BITS, offset >> PAGE_BITS, flags);
	mutex_unlock(&v->lock);
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
			node_give(n);
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
