/* Regions of mmap: see region.h. What is a core's own, capabilities, stays on the core that made the region. */
#include "libos/posix/region.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/posix/region_inherit.h"
#include "libos/thread/cpu.h"

#define CHUNK_BITS 16

static struct region *regions;

/* --- chunks, on the region's core ------------------------------------------------------------------------ */

static unsigned chunk_pages(const struct region *r) { return 1u << (r->chunk_bits - PAGE_BITS); }

static vaddr_t chunk_va(const struct region *r, const struct region_chunk *c)
{
	return r->va + ((uint64_t)(c - r->chunk) << r->chunk_bits);
}

/* How many pages from the first one on are alike. */
static unsigned run(const uint8_t *access, unsigned first, unsigned end)
{
	unsigned at = first + 1;

	while (at < end && access[at] == access[first])
		at++;
	return at - first;
}

static bool accessible(uint8_t access) { return access && access != REGION_GONE; }

static err_t runs_unmap(struct region *r, struct region_chunk *c)
{
	unsigned pages = chunk_pages(r), some;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < pages && !err; i += some) {
		some = run(c->mapped, i, pages);
		if (c->mapped[i])
			err = vspace_unmap(chunk_va(r, c) + (uint64_t)i * PAGE_SIZE);
		for (unsigned j = i; j < i + some && !err; j++)
			c->mapped[j] = 0;
	}
	return err;
}

static err_t runs_map(struct region *r, struct region_chunk *c)
{
	unsigned pages = chunk_pages(r), some;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < pages && !err; i += some) {
		some = run(c->access, i, pages);
		if (!accessible(c->access[i]))
			continue;
		/* What may be written may be read: the machine cannot tell them apart. */
		err = vspace_map_at(chunk_va(r, c) + (uint64_t)i * PAGE_SIZE, c->frame, (uint64_t)some * PAGE_SIZE,
				    (uint64_t)i * PAGE_SIZE, c->access[i] | MAP_READ);
		for (unsigned j = i; j < i + some && !err; j++)
			c->mapped[j] = c->access[i];
	}
	return err;
}

/* All alike, before and after: nobody who uses it meanwhile is disturbed. */
static bool chunk_protect(struct region *r, struct region_chunk *c)
{
	unsigned pages = chunk_pages(r);
	uint8_t access = c->access[0];

	if (run(c->mapped, 0, pages) < pages || run(c->access, 0, pages) < pages || !c->mapped[0] ||
	    !accessible(access))
		return false;
	if (vspace_protect(chunk_va(r, c), (uint64_t)pages * PAGE_SIZE, access | MAP_READ))
		return false;
	for (unsigned i = 0; i < pages; i++)
		c->mapped[i] = access;
	return true;
}

static bool chunk_wanted(const struct region *r, const struct region_chunk *c, bool now)
{
	for (unsigned i = 0; i < chunk_pages(r); i++)
		if (now ? accessible(c->access[i]) : c->access[i] != REGION_GONE)
			return true;
	return false;
}

static bool chunk_as_wanted(const struct region *r, const struct region_chunk *c)
{
	for (unsigned i = 0; i < chunk_pages(r); i++)
		if (c->mapped[i] != (accessible(c->access[i]) ? c->access[i] : 0))
			return false;
	return true;
}

/* Makes the page tables say what `access` does. */
static err_t chunk_apply(struct region *r, struct region_chunk *c)
{
	err_t err = ERR_OK;

	if (chunk_as_wanted(r, c) || (c->frame && chunk_protect(r, c)))
		goto memory;
	if (!c->frame)
		err = frame_alloc(r->chunk_bits, &c->frame);
	if (!err)
		err = runs_unmap(r, c);
	if (!err)
		err = runs_map(r, c);
memory:
	if (!err && c->frame && !chunk_wanted(r, c, false)) {
		(void)ram_free(c->frame);
		c->frame = 0;
	}
	return err;
}

/* --- regions ---------------------------------------------------------------------------------------------- */

static unsigned bits_of(uint64_t bytes)
{
	unsigned bits = PAGE_BITS;

	while (SIZE_OF_BITS(bits) < bytes)
		bits++;
	return bits;
}

/* At `at`, or anywhere. */
static int make(vaddr_t at, uint64_t bytes, struct region **out)
{
	unsigned bits = bytes <= SIZE_OF_BITS(LIBOS_AREA_BITS) ? bits_of(bytes) : LIBOS_AREA_BITS + 1;
	unsigned chunk_bits = bits < CHUNK_BITS ? bits : CHUNK_BITS, chunks;
	struct region *r;

	if (bits > LIBOS_AREA_BITS)
		return ENOMEM;
	chunks = (unsigned)((bytes + SIZE_OF_BITS(chunk_bits) - 1) >> chunk_bits);
	r = calloc(1, sizeof(*r) + chunks * sizeof(r->chunk[0]));
	if (!r)
		return ENOMEM;
	r->va = at;
	r->bits = bits;
	r->chunk_bits = chunk_bits;
	r->chunks = chunks;
	r->pages = bytes >> PAGE_BITS;
	r->core = dispatcher_core();
	if (at ? vspace_claim_region(at, bits) : vspace_reserve_region(bits, &r->va)) {
		free(r);
		return ENOMEM;
	}
	for (unsigned i = 0; i < chunks; i++)
		for (unsigned j = 0; j < CHUNK_PAGES; j++)
			r->chunk[i].access[j] = REGION_GONE;
	r->next = regions;
	regions = r;
	*out = r;
	return 0;
}

int region_make(uint64_t bytes, struct region **out) { return make(0, bytes, out); }

int region_make_at(vaddr_t va, uint64_t bytes, struct region **out) { return make(va, bytes, out); }

struct region *region_of(vaddr_t va, uint64_t bytes)
{
	struct region *r = regions;

	while (r &&
	       (va < r->va || va - r->va >= r->pages << PAGE_BITS || bytes > (r->pages << PAGE_BITS) - (va - r->va)))
		r = r->next;
	return r;
}

static uint8_t *page_of(struct region *r, uint64_t page, struct region_chunk **chunk)
{
	*chunk = &r->chunk[page >> (r->chunk_bits - PAGE_BITS)];
	return &(*chunk)->access[page & (chunk_pages(r) - 1)];
}

/* The range's pages in the region: from *first on, so many. */
static uint64_t pages_of(const struct region *r, vaddr_t va, uint64_t bytes, uint64_t *first)
{
	uint64_t end = va + bytes < r->va + (r->pages << PAGE_BITS) ? va + bytes : r->va + (r->pages << PAGE_BITS);

	*first = va > r->va ? (va - r->va) >> PAGE_BITS : 0;
	return ((end - r->va) >> PAGE_BITS) - *first;
}

int region_access(struct region *r, vaddr_t va, uint64_t bytes, uint8_t access)
{
	coreid_t back = thread_visit(r->core);
	struct region_chunk *c = NULL, *last = NULL;
	uint64_t first, count = pages_of(r, va, bytes, &first);
	err_t err = ERR_OK;

	for (uint64_t i = first; i < first + count && !err; i++) {
		uint8_t *page = page_of(r, i, &c);

		if (last && c != last)
			err = chunk_apply(r, last);
		*page = access;
		last = c;
	}
	if (!err && last)
		err = chunk_apply(r, last);
	thread_return(back);
	return err ? ENOMEM : 0;
}

bool region_has(const struct region *r, vaddr_t va, uint64_t bytes)
{
	struct region_chunk *c;
	uint64_t first, count = pages_of(r, va, bytes, &first);

	for (uint64_t i = first; i < first + count; i++)
		if (*page_of((struct region *)(uintptr_t)r, i, &c) == REGION_GONE)
			return false;
	return true;
}

void region_tidy(struct region *r)
{
	struct region **at = &regions;

	for (unsigned i = 0; i < r->chunks; i++)
		if (chunk_wanted(r, &r->chunk[i], false))
			return;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	vspace_release(r->va, r->bits);
	free(r);
}

const struct fork_regions *fork_regions = &region_inheritance;

struct region *region_next(const struct region *r) { return r ? r->next : regions; }
