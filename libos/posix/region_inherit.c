/* Private mappings for a fork's child: see region_inherit.h. */
#include "libos/posix/region_inherit.h"

#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/vspace.h"
#include "libos/posix/mapping.h"

struct packed {
	uint64_t va, pages;
};
struct packed_chunk {
	uint8_t has; /* memory */
	uint8_t access[CHUNK_PAGES];
};

/* --- the parent ------------------------------------------------------------------------------------------ */

static void pack(struct inherit *i)
{
	inherit_section(i, INHERIT_REGIONS);
	mutex_lock(&mapping_lock);
	for (const struct region *r = region_next(NULL); r; r = region_next(r)) {
		const struct packed p = { .va = r->va, .pages = r->pages };

		inherit_add(i, &p, sizeof p);
		for (unsigned c = 0; c < r->chunks; c++) {
			struct packed_chunk chunk = { .has = r->chunk[c].frame != 0 };

			memcpy(chunk.access, r->chunk[c].access, sizeof chunk.access);
			inherit_add(i, &chunk, sizeof chunk);
		}
	}
	mutex_unlock(&mapping_lock);
}

static bool next(struct region_place *at)
{
	struct region *r = at->region ? at->region : region_next(NULL);

	for (; r; r = region_next(r), at->chunk = 0) {
		while (at->chunk < r->chunks && !r->chunk[at->chunk].frame)
			at->chunk++;
		if (at->chunk == r->chunks)
			continue;
		at->region = r;
		at->frame = r->chunk[at->chunk].frame;
		at->access = r->chunk[at->chunk].access;
		at->va = r->va + ((uint64_t)at->chunk++ << r->chunk_bits);
		at->bits = r->chunk_bits;
		return true;
	}
	return false;
}

static uint64_t bytes_of(uint64_t *frames)
{
	struct region_place at = { 0 };
	uint64_t bytes = 0;

	mutex_lock(&mapping_lock);
	for (*frames = 0; next(&at); ++*frames)
		bytes += SIZE_OF_BITS(at.bits);
	mutex_unlock(&mapping_lock);
	return bytes;
}

/* --- the child ------------------------------------------------------------------------------------------- */

/* Of a chunk: all pages that are there as they are to be, or open to be written to if there is memory. */
static err_t chunk_set(struct region *r, unsigned c, const struct packed_chunk *p, bool open)
{
	vaddr_t va = r->va + ((uint64_t)c << r->chunk_bits);
	int error = 0;

	for (unsigned j = 0; j < SIZE_OF_BITS(r->chunk_bits) >> PAGE_BITS && !error; j++, va += PAGE_SIZE)
		if (p->access[j] != REGION_GONE)
			error = region_access(r, va, PAGE_SIZE, open && p->has ? MAP_READ | MAP_WRITE : p->access[j]);
	return error ? ERR_NO_MEMORY : ERR_OK;
}

static err_t chunk_begin(struct region *r, unsigned c, const struct packed_chunk *p, void *unused)
{
	(void)unused;
	return chunk_set(r, c, p, true);
}

static err_t chunk_end(struct region *r, unsigned c, const struct packed_chunk *p, void *unused)
{
	(void)unused;
	return chunk_set(r, c, p, false);
}

struct copying {
	uint64_t n; /* frames so far */
	err_t (*open)(uint64_t n, vaddr_t *at);
};

static err_t chunk_copy(struct region *r, unsigned c, const struct packed_chunk *p, void *arg)
{
	struct copying *now = arg;
	vaddr_t va = r->va + ((uint64_t)c << r->chunk_bits), at;
	err_t err = p->has ? now->open(now->n++, &at) : ERR_OK;

	if (err || !p->has)
		return err;
	for (unsigned j = 0; j < SIZE_OF_BITS(r->chunk_bits) >> PAGE_BITS; j++)
		if (p->access[j] != REGION_GONE)
			memcpy((void *)(va + j * PAGE_SIZE), (const void *)(at + j * PAGE_SIZE), PAGE_SIZE);
	return vspace_unmap(at);
}

/* One region of the text, which lies at data; how much of that it was. */
static err_t region_each(const char *data, size_t bytes, size_t *taken,
			 err_t (*fn)(struct region *r, unsigned c, const struct packed_chunk *p, void *arg), void *arg)
{
	struct packed_chunk chunk;
	struct packed p;
	struct region *r;
	err_t err = ERR_OK;

	if (bytes < sizeof p)
		return ERR_MESSAGE;
	memcpy(&p, data, sizeof p);
	r = region_of(p.va, PAGE_SIZE);
	if (!r && region_make_at(p.va, p.pages << PAGE_BITS, &r))
		return ERR_NO_MEMORY;
	if (r->chunks > (bytes - sizeof p) / sizeof chunk)
		return ERR_MESSAGE;
	for (unsigned c = 0; c < r->chunks && !err; c++) {
		memcpy(&chunk, data + sizeof p + c * sizeof chunk, sizeof chunk);
		err = fn(r, c, &chunk, arg);
	}
	*taken = sizeof p + r->chunks * sizeof chunk;
	return err;
}

static err_t each(const struct inherit *text,
		  err_t (*fn)(struct region *r, unsigned c, const struct packed_chunk *p, void *arg), void *arg)
{
	size_t bytes = 0, taken;
	const char *data = inherit_find(text, INHERIT_REGIONS, &bytes);
	err_t err = ERR_OK;

	for (; data && bytes && !err; data += taken, bytes -= taken)
		err = region_each(data, bytes, &taken, fn, arg);
	return err;
}

static err_t begin(const struct inherit *text) { return each(text, chunk_begin, NULL); }

static err_t end(const struct inherit *text) { return each(text, chunk_end, NULL); }

static err_t copy(const struct inherit *text, err_t (*open)(uint64_t n, vaddr_t *at))
{
	struct copying now = { .open = open };

	return each(text, chunk_copy, &now);
}

const struct fork_regions region_inheritance = { pack, bytes_of, next, begin, end, copy };
