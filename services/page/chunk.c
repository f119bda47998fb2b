/*
 * Chunks: see chunk.h.
 *
 * A bit per page. Blocks are aligned to their size, so one of up to 64 pages lies in a word, and a
 * larger one is whole words.
 */
#include "services/page/chunk.h"

#define CHAINS 256

static struct chunk *chain[CHAINS];

/* --- by address ----------------------------------------------------------------------- */

static struct chunk **chain_of(coreid_t core, paddr_t base)
{
	return &chain[((base >> PAGE_BITS ^ (uint64_t)core << 40) * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

struct chunk *chunk_find(coreid_t core, paddr_t base)
{
	struct chunk *c = *chain_of(core, base);

	while (c && (c->core != core || c->base != base))
		c = c->hash;
	return c;
}

/* --- lists ------------------------------------------------------------------------------ */

static void list_in(struct chunk **list, struct chunk *c)
{
	c->next = *list;
	c->at = list;
	if (c->next)
		c->next->at = &c->next;
	*list = c;
}

static void list_out(struct chunk *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
}

static void list_move(struct chunk **list, struct chunk *c)
{
	if (*list == c)
		return;
	list_out(c);
	list_in(list, c);
}

static unsigned pages_of(const struct chunk *c) { return 1u << (c->bits - PAGE_BITS); }

void chunk_add(struct book *b, struct chunk *c)
{
	struct chunk **at = chain_of(c->core, c->base);

	c->gone = false;
	c->busy = 0;
	c->looks = 0;
	c->hash = *at;
	*at = c;
	if (c->bits > CHUNK_BITS) {
		c->free = 0;
		list_in(&b->full, c);
		return;
	}
	c->free = pages_of(c);
	for (unsigned i = 0; i < CHUNK_PAGES / 64; i++) {
		unsigned first = i * 64;

		c->used[i] = first >= c->free        ? ~UINT64_C(0)
			     : c->free - first >= 64 ? 0
						     : ~UINT64_C(0) << (c->free - first);
	}
	list_in(&b->open, c);
}

void chunk_remove(struct chunk *c)
{
	struct chunk **at = chain_of(c->core, c->base);

	while (*at != c)
		at = &(*at)->hash;
	*at = c->hash;
	list_out(c);
	c->gone = true;
}

/* --- pages --------------------------------------------------------------------------------- */

/* The first free run of so many pages, aligned to its size; CHUNK_PAGES: there is none. */
static unsigned run_find(const struct chunk *c, unsigned pages)
{
	if (pages > 64) {
		for (unsigned i = 0; i < CHUNK_PAGES / 64; i += pages / 64) {
			uint64_t any = 0;

			for (unsigned j = 0; j < pages / 64; j++)
				any |= c->used[i + j];
			if (!any)
				return i * 64;
		}
		return CHUNK_PAGES;
	}
	for (unsigned i = 0; i < CHUNK_PAGES / 64; i++) {
		uint64_t mask = pages == 64 ? ~UINT64_C(0) : (UINT64_C(1) << pages) - 1;

		if (c->used[i] == ~UINT64_C(0))
			continue;
		if (pages == 1)
			return i * 64 + (unsigned)__builtin_ctzll(~c->used[i]);
		for (unsigned shift = 0; shift < 64; shift += pages)
			if (!(c->used[i] >> shift & mask))
				return i * 64 + shift;
	}
	return CHUNK_PAGES;
}

/* Sets or clears the bits of a run; how many have changed. */
static unsigned run_set(struct chunk *c, unsigned first, unsigned pages, bool used)
{
	unsigned changed = 0;

	for (unsigned at = first; at < first + pages;) {
		unsigned n = first + pages - at < 64 - at % 64 ? first + pages - at : 64 - at % 64;
		uint64_t mask = (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << at % 64;
		uint64_t *word = &c->used[at / 64], old = *word;

		*word = used ? old | mask : old & ~mask;
		changed += (unsigned)__builtin_popcountll(old ^ *word);
		at += n;
	}
	return changed;
}

static bool block_in(const struct chunk *c, paddr_t base, unsigned bits)
{
	return bits >= PAGE_BITS && bits <= c->bits && base >= c->base &&
	       base - c->base <= SIZE_OF_BITS(c->bits) - SIZE_OF_BITS(bits);
}

static unsigned page_in(const struct chunk *c, paddr_t base) { return (unsigned)((base - c->base) >> PAGE_BITS); }

void chunk_mark(struct book *b, struct chunk *c, paddr_t base, unsigned bits)
{
	if (!block_in(c, base, bits))
		return;
	if (c->bits <= CHUNK_BITS)
		c->free -= run_set(c, page_in(c, base), 1u << (bits - PAGE_BITS), true);
	else
		c->free = 0;
	if (!c->free)
		list_move(&b->full, c);
}

struct chunk *chunk_take(struct book *b, unsigned bits, paddr_t *base)
{
	unsigned pages = 1u << (bits - PAGE_BITS);

	if (bits > CHUNK_BITS)
		return NULL;
	for (struct chunk *c = b->open; c; c = c->next) {
		unsigned at = c->free >= pages && !c->looks ? run_find(c, pages) : CHUNK_PAGES;

		if (at == CHUNK_PAGES)
			continue;
		*base = c->base + ((paddr_t)at << PAGE_BITS);
		if (pages == 1) {
			c->used[at / 64] |= UINT64_C(1) << at % 64;
			c->free--;
		} else {
			c->free -= run_set(c, at, pages, true);
		}
		list_move(c->free ? &b->open : &b->full, c);
		return c;
	}
	return NULL;
}

bool chunk_room(const struct book *b, unsigned bits)
{
	unsigned pages = 1u << (bits - PAGE_BITS);

	for (const struct chunk *c = b->open; c; c = c->next)
		if (c->free >= pages && run_find(c, pages) != CHUNK_PAGES)
			return true;
	return false;
}

void chunk_give(struct book *b, struct chunk *c, paddr_t base, unsigned bits)
{
	if (!block_in(c, base, bits))
		return;
	if (c->bits > CHUNK_BITS) {
		c->free = bits == c->bits ? pages_of(c) : 0;
		return;
	}
	c->free += run_set(c, page_in(c, base), 1u << (bits - PAGE_BITS), false);
	list_move(&b->open, c);
}
