/*
 * Mapping frames and page tables into page tables.
 *
 * A frame capability maps one run of its pages into one table; what it maps is in
 * its slot: `mapping` (packed, below) and, in `badge`, the table's number.  A page
 * table is put into a table one level up, once in its life and before anything is
 * mapped in it, so the address that it translates never changes: `mapping` says
 * where it is, `badge` its first address.  What is true of a page table is in its
 * primary capability.
 *
 * Tables are destroyed without a look at what is mapped in them.  So a mapping counts
 * only while the table that it names is the same as then: each table has a number,
 * new at retype and at its own mapping, taken from one counter.  It is 53 bits: 32 in
 * `generation`, the rest in the bits of `badge` that are below an address of a table.
 * A frame's mapping holds while the numbers are equal; a table's while its parent's is
 * lower than its own, because a later table at that address has a higher one.
 *
 * An address space that is not loaded needs no flush: loading one flushes all.  So
 * none of this asks whose address space it changes, it flushes the address.
 */
#include "../x86/arch.h"
#include "cap_find.h"
#include "mdb.h"

/* Above this many pages the whole TLB is flushed. */
#define FLUSH_PAGES 32

#define MAP_FLAGS (MAP_READ | MAP_WRITE | MAP_EXECUTE | MAP_UNCACHED)

/* `mapping`: index, PLACED (stays after an unmap of a table), level of the table, its base, entries - 1. */
#define MAPPING_INDEX UINT64_C(0x1ff)
#define MAPPING_PLACED (UINT64_C(1) << 9)
#define MAPPING_LEVEL_SHIFT 10
#define MAPPING_TABLE UINT64_C(0x000ffffffffff000)
#define MAPPING_COUNT_SHIFT 52

#define NUMBER_LOW_BITS 32
#define BADGE_ADDRESS UINT64_C(0xffffffffffe00000)

static uint64_t table_number;

struct mapping {
	struct cap *table; /* NULL: it is there no longer */
	uint64_t *entry;   /* first of count */
	unsigned level, count;
	vaddr_t va;
};

static uint64_t mapping_pack(const struct cap *table, unsigned level, unsigned index, unsigned count)
{
	return table->base | index | MAPPING_PLACED | (uint64_t)(level - 1) << MAPPING_LEVEL_SHIFT |
	       (uint64_t)(count - 1) << MAPPING_COUNT_SHIFT;
}

static uint64_t number_of(const struct cap *table)
{
	return table->generation | (table->badge & ~BADGE_ADDRESS) << NUMBER_LOW_BITS;
}

static void table_renew(struct cap *c, vaddr_t va)
{
	table_number++;
	c->generation = (uint32_t)table_number;
	c->badge = va | table_number >> NUMBER_LOW_BITS;
}

void table_init(struct cap *c) { table_renew(c, 0); }

static unsigned table_level(const struct cap *c) { return c->type - CAP_PTABLE1 + 1u; }

/* Has the table got its address? A root always has. */
static bool table_placed(const struct cap *t) { return t->type == CAP_PTABLE4 || t->mapping & MAPPING_PLACED; }

/* Finds what c maps; table is NULL when that table has gone since. */
static struct mapping mapping_of(const struct cap *c)
{
	struct mapping m = { .level = (c->mapping >> MAPPING_LEVEL_SHIFT & 3) + 1,
			     .count = (unsigned)(c->mapping >> MAPPING_COUNT_SHIFT) + 1 };
	paddr_t base = c->mapping & MAPPING_TABLE;
	unsigned index = c->mapping & MAPPING_INDEX;
	struct cap *t = mdb_find(base, CAP_PTABLE_BITS, CAP_PTABLE1 + m.level - 1);

	if (!t || (cap_is_table(c) ? number_of(t) >= number_of(c) : number_of(t) != c->badge))
		return m;
	m.table = t;
	m.entry = (uint64_t *)arch_window(base) + index;
	m.va = (t->badge & BADGE_ADDRESS) + ((vaddr_t)index << arch_ptable_shift(m.level));
	return m;
}

static void flush(const struct mapping *m, unsigned first, unsigned count)
{
	vaddr_t page = (vaddr_t)1 << arch_ptable_shift(m->level);

	if (count > FLUSH_PAGES) {
		arch_flush_all();
		return;
	}
	for (unsigned i = first; i < first + count; i++)
		arch_flush_page(m->va + i * page);
}

/* --- map -------------------------------------------------------------------- */

/* The fields of CAP_OP_MAP's third argument, and where they lead. */
struct map_request {
	struct cap *table; /* primary */
	uint64_t *entry;
	unsigned level, index, count;
	uint64_t first;
};

static inline err_t request_check(struct map_request *r, struct cap *table, uint64_t where)
{
	if (!cap_is_table(table))
		return ERR_CAP_TYPE;
	if (!(table->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	if (table->flags & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	r->table = cap_primary(table);
	r->level = table_level(table);
	r->index = where & 0xffff;
	r->count = where >> 16 & 0xffff;
	r->first = where >> 32;
	if (!table_placed(r->table))
		return ERR_MAP_UNMAPPED;
	if (r->count == 0 || r->index + r->count > arch_ptable_user_entries(r->level))
		return ERR_MAP_RANGE;
	r->entry = (uint64_t *)arch_window(table->base) + r->index;
	for (unsigned i = 0; i < r->count; i++)
		if (arch_pte_present(r->entry[i]))
			return ERR_MAP_OCCUPIED;
	return ERR_OK;
}

/* Does c give the access that the flags ask for? Without reading there is no mapping. */
static inline err_t check_access(const struct cap *c, unsigned flags)
{
	if (flags & ~(unsigned)MAP_FLAGS || !(flags & MAP_READ))
		return ERR_ARGUMENT;
	/* MAP_READ to MAP_EXECUTE are the same bits as RIGHT_READ to RIGHT_EXECUTE. */
	return flags & ~(unsigned)MAP_UNCACHED & ~(unsigned)c->rights ? ERR_CAP_RIGHTS : ERR_OK;
}

/* Frames may be mapped again when the table that they were mapped in has gone. */
static bool frame_mapped(const struct cap *c) { return c->flags & CAP_FLAG_MAPPED && mapping_of(c).table; }

static err_t map_frame(struct cap *c, struct cap *table, uint64_t where, unsigned flags)
{
	struct map_request r;
	unsigned shift;
	err_t err = check_access(c, flags);

	if (err)
		return err;
	if (frame_mapped(c))
		return ERR_MAP_MAPPED;
	err = request_check(&r, table, where);
	if (err)
		return err;
	shift = arch_ptable_shift(r.level);
	if (c->bits < shift || (r.level > 1 && !arch_ptable_leaf_ok(r.level)))
		return ERR_MAP_LEVEL;
	if (r.first + r.count > cap_size(c) >> shift)
		return ERR_MAP_RANGE;
	/* Nothing can fail from here on. */
	for (unsigned i = 0; i < r.count; i++)
		r.entry[i] = arch_pte_leaf(c->base + ((r.first + i) << shift), r.level, flags);
	c->flags |= CAP_FLAG_MAPPED;
	c->mapping = mapping_pack(r.table, r.level, r.index, r.count);
	c->badge = number_of(r.table);
	return ERR_OK;
}

static err_t map_table(struct cap *c, struct cap *table, uint64_t where)
{
	struct map_request r;
	err_t err = request_check(&r, table, where);

	c = cap_primary(c);
	if (!err && table_placed(c))
		err = c->type == CAP_PTABLE4 ? ERR_MAP_LEVEL : ERR_MAP_MAPPED;
	if (!err && r.level != table_level(c) + 1)
		err = ERR_MAP_LEVEL;
	if (!err && (r.count != 1 || r.first != 0))
		err = ERR_MAP_RANGE;
	if (err)
		return err;
	/* Nothing can fail from here on. */
	*r.entry = arch_pte_table(c->base);
	c->flags |= CAP_FLAG_MAPPED;
	c->mapping = mapping_pack(r.table, r.level, r.index, 1);
	table_renew(c, (r.table->badge & BADGE_ADDRESS) + ((vaddr_t)r.index << arch_ptable_shift(r.level)));
	return ERR_OK;
}

/*
 * The most frequent case, without calls: one 4 KiB page of a frame into a table by its
 * primary capability. False: it is another case, or an error, and nothing was done.
 */
static inline bool map_page(struct cap *c, struct cap *table, uint64_t where, unsigned flags)
{
	const uint32_t table_want = CAP_INFO(CAP_PTABLE1, RIGHT_WRITE, 0, 0);
	const uint32_t table_mask =
		CAP_INFO(0xff, RIGHT_WRITE, 0, CAP_FLAG_COPY | CAP_FLAG_FOREIGN | CAP_FLAG_CLEARING);
	uint32_t index = (uint32_t)where - (uint32_t)MAP_ARGS(0, 1, 0);
	uint64_t first = where >> 32, *entry;

	if ((cap_head(table) & table_mask) != table_want || !(table->mapping & MAPPING_PLACED))
		return false;
	if (!cap_is_frame(c) || c->flags & CAP_FLAG_MAPPED)
		return false;
	if ((flags | (MAP_FLAGS & ~MAP_READ)) != MAP_FLAGS || flags & ~(unsigned)MAP_UNCACHED & ~(unsigned)c->rights)
		return false;
	if (index >= ARCH_PTABLE_ENTRIES || first >= cap_size(c) >> PAGE_BITS)
		return false;
	entry = (uint64_t *)arch_window(table->base) + index;
	if (arch_pte_present(*entry))
		return false;
	/* Nothing can fail from here on. */
	*entry = arch_pte_leaf(c->base + (first << PAGE_BITS), 1, flags);
	c->flags |= CAP_FLAG_MAPPED;
	c->mapping = mapping_pack(table, 1, index, 1);
	c->badge = number_of(table);
	return true;
}

static NOINLINE err_t map_any(struct cap *c, struct cap *table, uint64_t where, unsigned flags)
{
	if (cap_is_frame(c))
		return map_frame(c, table, where, flags);
	if (cap_is_table(c))
		return c->rights & RIGHT_WRITE ? map_table(c, table, where) : ERR_CAP_RIGHTS;
	return ERR_CAP_OP;
}

err_t cap_map(struct cap *c, struct cap *table, uint64_t where, unsigned flags)
{
	return map_page(c, table, where, flags) ? ERR_OK : map_any(c, table, where, flags);
}

/* --- unmap, protect ------------------------------------------------------------ */

unsigned cap_unmap_any(struct cap *c)
{
	struct mapping m;

	if (!(c->flags & CAP_FLAG_MAPPED))
		return 0;
	m = mapping_of(c);
	c->flags &= (uint8_t)~CAP_FLAG_MAPPED;
	if (!m.table)
		return 0;
	for (unsigned i = 0; i < m.count; i++)
		m.entry[i] = 0;
	if (cap_is_table(c))
		arch_flush_all();
	else
		flush(&m, 0, m.count);
	return m.count;
}

err_t cap_unmap(struct cap *c)
{
	if (cap_is_table(c)) {
		if (!(c->rights & RIGHT_WRITE))
			return ERR_CAP_RIGHTS;
		c = cap_primary(c);
	} else if (!cap_is_frame(c)) {
		return ERR_CAP_OP;
	}
	if (!(c->flags & CAP_FLAG_MAPPED))
		return ERR_MAP_UNMAPPED;
	cap_unmap_any(c);
	return ERR_OK;
}

err_t cap_protect(struct cap *c, uint64_t range, unsigned flags)
{
	unsigned first = range & 0xffff, count = range >> 16 & 0xffff;
	struct mapping m;
	err_t err;

	if (!cap_is_frame(c))
		return ERR_CAP_OP;
	err = check_access(c, flags);
	if (err)
		return err;
	if (!(c->flags & CAP_FLAG_MAPPED))
		return ERR_MAP_UNMAPPED;
	m = mapping_of(c);
	if (!m.table)
		return ERR_MAP_UNMAPPED;
	if (count == 0 || first + count > m.count)
		return ERR_MAP_RANGE;
	/* Nothing can fail from here on. */
	for (unsigned i = first; i < first + count; i++)
		m.entry[i] = arch_pte_leaf(arch_pte_paddr(m.entry[i]), m.level, flags);
	flush(&m, first, count);
	return ERR_OK;
}

/* --- the check ------------------------------------------------------------------- */

uint64_t cap_check_mapping(const struct cap *c)
{
	struct mapping m;
	uint64_t bad = 0;

	if (!(c->flags & CAP_FLAG_MAPPED))
		return 0;
	m = mapping_of(c);
	for (unsigned i = 0; m.table && i < m.count; i++) {
		paddr_t p = arch_pte_paddr(m.entry[i]);

		bad += !arch_pte_present(m.entry[i]) || !mdb_contains(c, p);
		if (cap_is_table(c))
			bad += p != c->base || m.level != table_level(c) + 1;
	}
	return bad;
}
