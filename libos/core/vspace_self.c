/*
 * The process's own address space: where its frames are mapped.
 *
 * Addresses for frames that may lie anywhere come from a buddy allocator, so each
 * lies aligned to its size. Both it and the mappings need nodes, which are fed from
 * here, with frames of our own, before they run out.
 */
#include "libos/core/arrival.h"
#include "libos/core/buddy.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/ram.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/core/vspace_map.h"
#include "libos/thread/control.h"

#define NODES_FIRST 96
#define NODES_LOW 40 /* for who maps while the pool is fed; the last few are for feeding it */
#define AREA_NODES 128

CORE_LOCAL struct vspace vspace_self;

static struct vspace_node first_nodes[NODES_FIRST];
static struct buddy area;
static struct buddy_node area_nodes[AREA_NODES];
static struct buddy regions; /* used by few: it has nodes when it is first used */
static struct mutex area_lock = MUTEX_INIT;

/* --- nodes ---------------------------------------------------------------------- */

bool vspace_is_locked(void) { return mutex_held(&vspace_self.lock); }

static void area_feed(struct buddy *b, void *page)
{
	mutex_lock(&area_lock);
	buddy_feed(b, page, PAGE_SIZE / sizeof(struct buddy_node));
	mutex_unlock(&area_lock);
}

void vspace_settle(void)
{
	core_stay();
	while (*(struct thread *volatile *)&vspace_tender)
		dispatcher_yield();
	core_go();
}

void vspace_tend(void)
{
	vaddr_t page;

	if (process_spans)
		vspace_shared_tidy();

	if ((vspace_nodes_left() >= NODES_LOW && area.pool_count >= BUDDY_RESERVE) || vspace_tender)
		return;
	vspace_tender = thread_current();
	if (vspace_nodes_left() < NODES_LOW && !frame_alloc_map(PAGE_BITS, NULL, &page))
		vspace_nodes_feed((struct vspace_node *)page, PAGE_SIZE / sizeof(struct vspace_node));
	if (area.pool_count < BUDDY_RESERVE && !frame_alloc_map(PAGE_BITS, NULL, &page))
		area_feed(&area, (void *)page);
	vspace_tender = NULL;
}

/* --- addresses, mappings ------------------------------------------------------------ */

void vspace_self_init(void)
{
	vspace_nodes_feed(first_nodes, NODES_FIRST);
	buddy_init(&area);
	buddy_feed(&area, area_nodes, AREA_NODES);
	buddy_add(&area, LIBOS_AREA_VA, SIZE_OF_BITS(LIBOS_AREA_BITS), 0);
	vspace_init(&vspace_self, TASK_VSPACE);
}

void vspace_self_init_member(struct vspace_node *nodes)
{
	vspace_nodes_feed(nodes, VSPACE_NODES_MEMBER);
	vspace_init(&vspace_self, TASK_VSPACE);
}

static err_t reserve(struct buddy *b, unsigned bits, vaddr_t *out)
{
	uint64_t tag;
	bool taken;

	if (bits < PAGE_BITS)
		bits = PAGE_BITS;
	mutex_lock(&area_lock);
	taken = buddy_alloc(b, bits, out, &tag);
	mutex_unlock(&area_lock);
	return taken ? 0 : ERR_NO_MEMORY;
}

err_t vspace_reserve(unsigned bits, vaddr_t *out) { return reserve(&area, bits, out); }

static err_t regions_tend(void)
{
	vaddr_t page;
	err_t err;

	if (regions.pool_count >= BUDDY_RESERVE)
		return ERR_OK;
	err = frame_alloc_map(PAGE_BITS, NULL, &page);
	if (err)
		return err;
	area_feed(&regions, (void *)page);
	mutex_lock(&area_lock);
	if (!regions.largest)
		buddy_add(&regions, LIBOS_REGIONS_VA, SIZE_OF_BITS(LIBOS_AREA_BITS), 0);
	mutex_unlock(&area_lock);
	return ERR_OK;
}

err_t vspace_reserve_region(unsigned bits, vaddr_t *out)
{
	err_t err = regions_tend();

	return err ? err : reserve(&regions, bits, out);
}

err_t vspace_claim_region(vaddr_t va, unsigned bits)
{
	err_t err = regions_tend();
	bool taken;

	if (err)
		return err;
	mutex_lock(&area_lock);
	taken = buddy_claim(&regions, va, bits);
	mutex_unlock(&area_lock);
	return taken ? ERR_OK : ERR_NO_MEMORY;
}

void vspace_release(vaddr_t va, unsigned bits)
{
	mutex_lock(&area_lock);
	buddy_release(va < LIBOS_REGIONS_VA ? &area : &regions, va, bits < PAGE_BITS ? PAGE_BITS : bits, 0);
	mutex_unlock(&area_lock);
}

err_t vspace_map_frame(cptr_t frame, unsigned bits, unsigned flags, vaddr_t *out)
{
	err_t err = vspace_reserve(bits, out);

	if (err)
		return err;
	core_stay();
	vspace_tend();
	mutex_lock(&vspace_self.lock);
	err = vspace_mapping_make(&vspace_self, *out, frame, SIZE_OF_BITS(bits) >> PAGE_BITS, 0, flags, (uint8_t)bits);
	mutex_unlock(&vspace_self.lock);
	core_go();
	if (err)
		vspace_release(*out, bits);
	return err;
}

err_t vspace_map_at(vaddr_t va, cptr_t frame, uint64_t bytes, uint64_t offset, unsigned flags)
{
	return vspace_map_in(&vspace_self, va, frame, bytes, offset, flags);
}

err_t vspace_unmap(vaddr_t va)
{
	struct vspace_node *n;
	unsigned place_bits = 0;
	err_t err = ERR_OK;

	core_stay();
	mutex_lock(&vspace_self.lock);
	n = vspace_mapping_take(&vspace_self, va);
	if (n)
		place_bits = n->place_bits;
	if (n && !process_spans)
		vspace_mapping_remove(n);
	mutex_unlock(&vspace_self.lock);
	if (!n)
		err = ERR_NOT_FOUND;
	else if (process_spans)
		err = vspace_shared_remove(n);
	core_go();
	if (place_bits && !err)
		vspace_release(va, place_bits);
	return err;
}

static err_t protect(vaddr_t va, uint64_t pages, unsigned flags)
{
	while (pages) {
		struct vspace_node p;
		uint64_t first, n;
		err_t err;

		if (!vspace_piece_find(&vspace_self, va, &p))
			return ERR_MAP_UNMAPPED;
		first = (va - p.key) >> PAGE_BITS;
		n = p.pages - first < pages ? p.pages - first : pages;
		if (process_spans)
			err = mon_protect(p.core, p.cap, (unsigned)first, (unsigned)n, flags);
		else
			err = frame_protect(p.cap, (unsigned)first, (unsigned)n, flags);
		if (err)
			return err;
		va += n << PAGE_BITS;
		pages -= n;
	}
	return 0;
}

err_t vspace_protect(vaddr_t va, uint64_t bytes, unsigned flags)
{
	err_t err;

	if ((va | bytes) & (PAGE_SIZE - 1))
		return ERR_ARGUMENT;
	core_stay();
	mutex_lock(&vspace_self.lock);
	err = protect(va, bytes >> PAGE_BITS, flags);
	mutex_unlock(&vspace_self.lock);
	core_go();
	return err;
}

bool vspace_begins(vaddr_t va)
{
	bool found;

	core_stay();
	mutex_lock(&vspace_self.lock);
	found = vspace_mapping_is(&vspace_self, va);
	mutex_unlock(&vspace_self.lock);
	core_go();
	return found;
}

err_t frame_alloc(unsigned bits, cptr_t *out)
{
	if (bits < CAP_FRAME_BITS_MIN)
		bits = CAP_FRAME_BITS_MIN;
	return ram_object(CAP_FRAME, bits, out);
}

err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *out)
{
	cptr_t cap;
	err_t err;

	core_stay();
	err = frame_alloc(bits, &cap);
	if (!err) {
		err = vspace_map_frame(cap, bits, MAP_READ | MAP_WRITE, out);
		if (err)
			ram_free(cap);
		else if (frame)
			*frame = cap;
	}
	core_go();
	return err;
}
