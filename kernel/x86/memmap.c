/*
 * Lists of address ranges: sorted, disjoint, never adjacent.
 *
 * Firmware's maps come unsorted and overlapping; the usable ranges are added
 * first and all others removed after, so that what is in doubt is not used.
 * Portable: no state, no arch.
 */
#include "memmap.h"

static void range_insert(struct memmap *m, unsigned at, paddr_t base, paddr_t end)
{
	if (m->count == MEMMAP_MAX)
		return;
	for (unsigned i = m->count++; i > at; i--)
		m->range[i] = m->range[i - 1];
	m->range[at] = (struct memmap_range){ base, end };
}

static void range_delete(struct memmap *m, unsigned at, unsigned n)
{
	m->count -= n;
	for (unsigned i = at; i < m->count; i++)
		m->range[i] = m->range[i + n];
}

void memmap_add(struct memmap *m, paddr_t base, paddr_t end)
{
	unsigned first = 0, last;

	if (base >= end)
		return;
	while (first < m->count && m->range[first].end < base)
		first++;
	last = first;
	while (last < m->count && m->range[last].base <= end) {
		if (m->range[last].base < base)
			base = m->range[last].base;
		if (m->range[last].end > end)
			end = m->range[last].end;
		last++;
	}
	if (last == first) {
		range_insert(m, first, base, end);
		return;
	}
	m->range[first] = (struct memmap_range){ base, end };
	range_delete(m, first + 1, last - first - 1);
}

void memmap_remove(struct memmap *m, paddr_t base, paddr_t end)
{
	unsigned i = 0;

	if (base >= end)
		return;
	while (i < m->count) {
		struct memmap_range *r = &m->range[i];
		paddr_t upper = r->end;

		if (upper <= base || r->base >= end) {
			i++;
			continue;
		}
		if (r->base >= base && upper <= end) {
			range_delete(m, i, 1);
			continue;
		}
		if (r->base >= base) {
			r->base = end;
		} else {
			r->end = base;
			if (upper > end)
				range_insert(m, i + 1, end, upper);
		}
		i++;
	}
}

bool memmap_touches(const struct memmap *m, paddr_t base, paddr_t end)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->range[i].base < end && base < m->range[i].end)
			return true;
	return false;
}

paddr_t memmap_take(struct memmap *m, uint64_t size, uint64_t align, paddr_t limit)
{
	for (unsigned i = m->count; i-- > 0;) {
		paddr_t end = m->range[i].end < limit ? m->range[i].end : limit;
		paddr_t base;

		if (end < size)
			continue;
		base = (end - size) & ~(align - 1);
		if (base < m->range[i].base || base == 0)
			continue;
		memmap_remove(m, base, base + size);
		return base;
	}
	return 0;
}

void memmap_pages(struct memmap *m)
{
	for (unsigned i = 0; i < m->count;) {
		struct memmap_range *r = &m->range[i];

		r->end &= ~(uint64_t)(PAGE_SIZE - 1);
		r->base = r->base > UINT64_MAX - PAGE_SIZE ? r->end
							   : (r->base + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		if (r->base < r->end)
			i++;
		else
			range_delete(m, i, 1);
	}
}
