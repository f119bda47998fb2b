/*
 * What the members of a process know of each other's part of its address space: the
 * directory of page tables.
 *
 * Every page table below the members' own is one for all.  Who needs one looks into the
 * capabilities that its core has (vspace.c), then here: another member has it and the monitors
 * copy it, once a core; or nobody has, and it is made and written down here.  What is
 * mapped is known to all by its address, with the core that has its capability.
 */
#include "libos/core/arrival.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/core/vspace_map.h"
#include "libos/thread/control.h"
#include "libos/x86/barrier.h"

#define SHARED_CORES 256 /* that a process can span */

static struct mutex directory_lock = MUTEX_INIT_RECURSIVE;
static struct vspace_node *directory[VSPACE_BUCKETS];

/* Pieces whose capability's slot is to be emptied by its core. */
static uint64_t trash[SHARED_CORES];

/* --- tables ---------------------------------------------------------------------------- */

static struct vspace_node **directory_bucket(uint64_t key) { return &directory[(key ^ key >> 3) % VSPACE_BUCKETS]; }

static void directory_add(struct vspace_node *n, uint64_t key, cptr_t cap)
{
	struct vspace_node **bucket = directory_bucket(key);

	n->key = key;
	n->cap = cap;
	n->core = dispatcher_core();
	n->next = *bucket;
	*bucket = n;
}

static bool directory_find(uint64_t key, struct vspace_node *out)
{
	for (struct vspace_node *n = *directory_bucket(key); n; n = n->next) {
		if (n->key == key) {
			*out = *n;
			return true;
		}
	}
	return false;
}

static err_t table_fetch(const struct vspace_node *n, cptr_t *out)
{
	err_t err = slot_alloc(out);

	if (err)
		return err;
	err = mon_cap_fetch(n->core, n->cap, *out, RIGHT_ALL);
	if (err)
		slot_free(*out);
	return err;
}

static err_t table_publish(unsigned level, vaddr_t va, uint64_t key, cptr_t *out)
{
	struct vspace_node *n;
	cptr_t parent;
	err_t err = vspace_table_get(&vspace_self, level + 1, va, &parent);

	if (err)
		return err;
	n = vspace_node_take();
	if (!n)
		return ERR_NO_MEMORY;
	err = vspace_table_make(level, parent, vspace_table_index(level + 1, va), level + 1 == VSPACE_LEVELS, out);
	if (err)
		vspace_node_give(n);
	else
		directory_add(n, key, *out);
	return err;
}

err_t vspace_shared_table(unsigned level, vaddr_t va, uint64_t key, cptr_t *out)
{
	struct vspace_node known;
	bool found;
	err_t err = ERR_OK;

	mutex_lock(&directory_lock);
	found = directory_find(key, &known);
	if (!found)
		err = table_publish(level, va, key, out);
	mutex_unlock(&directory_lock);
	return found ? table_fetch(&known, out) : err;
}

/* --- the beginning ------------------------------------------------------------------------ */

static unsigned tables_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VSPACE_BUCKETS; i++)
		for (struct vspace_node *n = vspace_self.tables[i]; n; n = n->next)
			count++;
	return count;
}

/* Under the space's mutex. */
static err_t tables_publish(void)
{
	err_t err = ERR_OK;

	for (unsigned i = 0; i < VSPACE_BUCKETS; i++) {
		for (struct vspace_node *n = vspace_self.tables[i]; n && !err; n = n->next) {
			struct vspace_node *d = vspace_node_take();

			if (!d)
				return ERR_NO_MEMORY;
			if ((n->key & 7) == VSPACE_LEVELS - 1)
				err = mon_root_slot(n->cap, (unsigned)(n->key >> 3));
			directory_add(d, n->key, n->cap);
		}
	}
	return err;
}

/* Memory for a node for each of the tables, and what feeding the pool may make besides. */
static err_t nodes_feed(void)
{
	while (vspace_nodes_left() < 2 * tables_count()) {
		vaddr_t page;
		err_t err = frame_alloc_map(PAGE_BITS, NULL, &page);

		if (err)
			return err;
		vspace_nodes_feed((struct vspace_node *)page, VSPACE_NODES_MEMBER);
	}
	return ERR_OK;
}

err_t vspace_share(void)
{
	err_t err = ERR_OK;

	core_stay();
	if (!process_spans) {
		err = nodes_feed();
		mutex_lock(&vspace_self.lock);
		if (!err)
			err = tables_publish();
		/* Nobody is in the midst of anything: this is still the only core, and we have the mutex. */
		if (!err)
			process_spans = true;
		mutex_unlock(&vspace_self.lock);
	}
	core_go();
	return err;
}

/* --- removing -------------------------------------------------------------------------------- */

static void trash_put(struct vspace_node *n)
{
	uint64_t *at = &trash[n->core % SHARED_CORES], first;

	do {
		first = mem_load64(at);
		n->next = (struct vspace_node *)first;
	} while (!mem_change64(at, first, (uint64_t)n));
}

static void piece_drop(struct vspace_node *n)
{
	if (n->copy && n->core != dispatcher_core()) {
		trash_put(n);
		return;
	}
	if (n->copy)
		slot_delete(n->cap);
	vspace_node_give(n);
}

void vspace_shared_tidy(void)
{
	uint64_t *at = &trash[dispatcher_core() % SHARED_CORES];
	struct vspace_node *n, *next;

	if (!mem_load64(at))
		return;
	for (n = (struct vspace_node *)mem_swap64(at, 0); n; n = next) {
		next = n->next;
		slot_delete(n->cap);
		vspace_node_give(n);
	}
}

/* One round for as many pieces as a request holds. */
err_t vspace_shared_remove(struct vspace_node *n)
{
	err_t first = ERR_OK;

	while (n) {
		cptr_t slots[SPAN_PIECES] = { 0 };
		struct vspace_node *at = n;
		err_t err;

		for (unsigned i = 0; i < SPAN_PIECES && at; i++, at = at->more)
			slots[i] = at->cap;
		err = mon_unmap(n->core, slots);
		if (err && !first)
			first = err;
		while (n != at) {
			struct vspace_node *more = n->more;

			if (!err)
				piece_drop(n);
			n = more;
		}
	}
	return first;
}
