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
#include "handover.h"

/* Above this many pages the whole TLB is flushed. */
#define FLUSH_PAGES 32

#define MAP_FLAGS (MAP_READ | MAP_WRITE | MAP_EXECUTE | MAP_UNCACHED)

/*
 * `mapping`: index, PLACED (stays after an unmap of a table), level of the table, its base, entries - 1; marks: nothing
 * is there any more, but not all cores have flushed. A page table has one entry, and MIXED instead (table_mix()).
 */
#define MAPPING_INDEX UINT64_C(0x1ff)
#define MAPPING_PLACED (UINT64_C(1) << 9)
#define MAPPING_LEVEL_SHIFT 10
#define MAPPING_TABLE UINT64_C(0x000ffffffffff000)
#define MAPPING_COUNT_SHIFT 52
#define MAPPING_COUNT (UINT64_C(0x1ff) << MAPPING_COUNT_SHIFT)
#define MAPPING_MIXED (UINT64_C(1) << 60)
#define MARK_UNMAP (UINT64_C(1) << 61)                       /* by KERNEL_UNMAP */
#define MARK_GONE(round) (UINT64_C(1) << (62 + ((round)&1))) /* by KERNEL_REVOKE or DELETE */
#define MARKS_GONE (MARK_GONE(0) | MARK_GONE(1))
#define MARKS (MARK_UNMAP | MARKS_GONE)

#define NUMBER_LOW_BITS 32
#define BADGE_ADDRESS UINT64_C(0xffffffffffe00000)

static uint64_t table_number;
bool tables_shared;

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

void table_place(struct cap *c, uint64_t place)
{
	tables_shared = true;
	if (table_placed(c))
		return;
	table_renew(c, place ? (place - 1) & BADGE_ADDRESS : 0);
	if (place)
		c->mapping |= MAPPING_PLACED;
}

void table_mix(struct cap *c)
{
	tables_shared = true;
	c->mapping |= MAPPING_MIXED;
}

bool table_in_use(const struct cap *c) { return c->flags & CAP_FLAG_FOREIGN && c->mapping & MAPPING_MIXED; }

/* Is this the entry of c, or, where another core has put something there, not? */
static bool entry_shows(uint64_t entry, const struct cap *c)
{
	return arch_pte_present(entry) && mdb_contains(c, arch_pte_paddr(entry));
}

/* Is t, which is where the table was that c, a page table, was mapped in, still that table? */
static bool table_holds(const struct cap *t, const struct cap *c, const uint64_t *entry)
{
	if (!(c->flags & CAP_FLAG_FOREIGN))
		return number_of(t) < number_of(c);
	return !(t->flags & CAP_FLAG_FOREIGN) && (c->mapping & MARKS || entry_shows(*entry, c));
}

/* Finds what c maps; table is NULL when that table has gone since. */
static inline struct mapping mapping_of(const struct cap *c)
{
	struct mapping m = { .level = (c->mapping >> MAPPING_LEVEL_SHIFT & 3) + 1,
			     .count = (unsigned)((c->mapping & MAPPING_COUNT) >> MAPPING_COUNT_SHIFT) + 1 };
	paddr_t base = c->mapping & MAPPING_TABLE;
	unsigned index = c->mapping & MAPPING_INDEX;
	struct cap *t = mdb_find(base, CAP_PTABLE_BITS, CAP_PTABLE1 + m.level - 1);

	if (!t)
		return m;
	m.entry = (uint64_t *)arch_window(base) + index;
	if (cap_is_table(c)) {
		m.count = 1; /* where a frame has its count, a table has MIXED */
		if (!table_holds(t, c, m.entry))
			return m;
	} else if (number_of(t) != c->badge) {
		return m;
	}
	m.table = t;
	m.va = (t->badge & BADGE_ADDRESS) + ((vaddr_t)index << arch_ptable_shift(m.level));
	return m;
}

static bool table_marked(const struct cap *t) { return t->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN); }

/* The first table that is shared of t, mapped, and those through which it is found; NULL: none is. */
static NOINLINE const struct cap *table_below_shared(const struct cap *t)
{
	while (t && !table_marked(t))
		t = t->flags & CAP_FLAG_MAPPED ? mapping_of(t).table : NULL;
	return t;
}

/* Do other cores write in the table, or their processors read it? */
static inline bool table_shared(const struct cap *t)
{
	return table_marked(t) || (tables_shared && table_below_shared(t));
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
	/* Each core makes its own roots. */
	if (table->flags & CAP_FLAG_FOREIGN && table->type == CAP_PTABLE4)
		return ERR_CAP_REMOTE;
	r->table = cap_primary(table);
	r->level = table_level(table);
	r->index = where & 0xffff;
	r->count = where >> 16 & 0xffff;
	r->first = where >> 32;
	/* Its owner takes it away (table_end). */
	if (r->table->flags & CAP_FLAG_FOREIGN && r->table->mapping & MARKS)
		return ERR_CAP_REMOTE;
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

static void table_written(struct cap *t)
{
	if (t->flags & CAP_FLAG_FOREIGN)
		table_mix(t);
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
	table_written(r.table);
	for (unsigned i = 0; i < r.count; i++)
		r.entry[i] = arch_pte_leaf(c->base + ((r.first + i) << shift), r.level, flags);
	c->flags |= CAP_FLAG_MAPPED;
	c->mapping = mapping_pack(r.table, r.level, r.index, r.count);
	c->badge = number_of(r.table);
	return ERR_OK;
}

static vaddr_t request_va(const struct map_request *r)
{
	return (r->table->badge & BADGE_ADDRESS) + ((vaddr_t)r->index << arch_ptable_shift(r->level));
}

/* May c, a primary, be put there? Another core's table has the same place here as there. */
static err_t check_place(const struct cap *c, const struct map_request *r)
{
	if (c->type == CAP_PTABLE4)
		return ERR_MAP_LEVEL;
	if (c->flags & CAP_FLAG_FOREIGN && (table_shared(r->table) || c->mapping & MARKS))
		return ERR_CAP_REMOTE;
	if (!table_placed(c))
		return ERR_OK;
	if (!(c->flags & CAP_FLAG_FOREIGN) || frame_mapped(c))
		return ERR_MAP_MAPPED;
	return (c->badge & BADGE_ADDRESS) == request_va(r) ? ERR_OK : ERR_MAP_RANGE;
}

static err_t map_table(struct cap *c, struct cap *table, uint64_t where)
{
	struct map_request r;
	err_t err = request_check(&r, table, where);

	c = cap_primary(c);
	if (!err)
		err = check_place(c, &r);
	if (!err && r.level != table_level(c) + 1)
		err = ERR_MAP_LEVEL;
	if (!err && (r.count != 1 || r.first != 0))
		err = ERR_MAP_RANGE;
	if (err)
		return err;
	/* Nothing can fail from here on. */
	table_written(r.table);
	*r.entry = arch_pte_table(c->base);
	c->flags |= CAP_FLAG_MAPPED;
	if (!table_placed(c))
		table_renew(c, request_va(&r));
	c->mapping = mapping_pack(r.table, r.level, r.index, 1) | (c->mapping & MAPPING_MIXED);
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

/* Another core may have put something else where c was, so only what shows c is taken out. */
static inline void entries_clear(const struct mapping *m, const struct cap *c)
{
	if (c->mapping & MARKS)
		return;
	for (unsigned i = 0; i < m->count; i++)
		if (entry_shows(m->entry[i], c))
			m->entry[i] = 0;
	if (cap_is_table(c))
		arch_flush_all();
	else
		flush(m, 0, m->count);
}

/* Has c, whose table is shared, to stay? Then all is done for that it may go in a later pass. */
static NOINLINE bool mapping_stays(struct cap *c, const struct mapping *m)
{
	if (cap_pass == PASS_USER)
		return true;
	if (cap_pass == PASS_STOPPED) {
		cap_taken_out = true;
		return false;
	}
	if (cap_pass == PASS_FLUSHED && c->mapping & MARK_GONE(cap_round + 1))
		return false;
	if (!(c->mapping & MARKS))
		cap_work_done(m->count);
	entries_clear(m, c);
	c->mapping = (c->mapping & ~MARKS_GONE) | MARK_GONE(cap_round);
	cap_work_done(2);
	cap_held++;
	return true;
}

/*
 * No capability here remembers what it has put into a table that is forgotten, but others still run with
 * that. So the table, whose owner takes it from all, is emptied, and goes when they have flushed.
 */
err_t table_end(struct cap *c)
{
	if (!table_in_use(c) || cap_pass == PASS_STOPPED ||
	    (cap_pass == PASS_FLUSHED && c->mapping & MARK_GONE(cap_round + 1)))
		return ERR_OK;
	if (cap_pass == PASS_USER)
		return ERR_CAP_REMOTE;
	arch_clear(arch_window(c->base), arch_ptable_user_entries(table_level(c)) * sizeof(uint64_t));
	arch_flush_all();
	c->mapping = (c->mapping & ~MARKS_GONE) | MARK_GONE(cap_round);
	cap_work_done(ARCH_PTABLE_ENTRIES / 8);
	cap_held++;
	return ERR_CAP_REMOTE;
}

err_t cap_unmap_any(struct cap *c)
{
	struct mapping m = mapping_of(c);

	if (m.table && table_shared(m.table) && mapping_stays(c, &m))
		return ERR_CAP_REMOTE;
	c->flags &= (uint8_t)~CAP_FLAG_MAPPED;
	if (m.table)
		entries_clear(&m, c);
	c->mapping &= ~MARKS;
	cap_work_done(m.count);
	return ERR_OK;
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
	return cap_unmap_any(c);
}

uint64_t cap_shared_table(const struct cap *c)
{
	const struct cap *t = NULL;

	if (cap_is_frame(c) && c->flags & CAP_FLAG_MAPPED)
		t = table_below_shared(mapping_of(c).table);
	return t ? t->base | t->type : 0;
}

err_t cap_unmap_shared(struct cap *c, bool finish)
{
	struct mapping m;

	if (!cap_is_frame(c))
		return ERR_CAP_TYPE;
	if (!(c->flags & CAP_FLAG_MAPPED))
		return ERR_MAP_UNMAPPED;
	m = mapping_of(c);
	if (!finish) {
		if (m.table)
			entries_clear(&m, c);
		c->mapping |= MARK_UNMAP;
		return ERR_OK;
	}
	if (!(c->mapping & MARK_UNMAP))
		return ERR_MAP_MAPPED;
	c->flags &= (uint8_t)~CAP_FLAG_MAPPED;
	c->mapping &= ~MARKS;
	return ERR_OK;
}

static inline err_t protect(struct cap *c, uint64_t range, unsigned flags, bool shared)
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
	if (!m.table || c->mapping & MARKS)
		return ERR_MAP_UNMAPPED;
	if (count == 0 || first + count > m.count)
		return ERR_MAP_RANGE;
	if (!shared && table_shared(m.table))
		return ERR_CAP_REMOTE;
	/* Nothing can fail from here on. */
	for (unsigned i = first; i < first + count; i++)
		if (entry_shows(m.entry[i], c))
			m.entry[i] = arch_pte_leaf(arch_pte_paddr(m.entry[i]), m.level, flags) |
				     arch_pte_written(m.entry[i]);
	flush(&m, first, count);
	return ERR_OK;
}

err_t cap_protect(struct cap *c, uint64_t range, unsigned flags) { return protect(c, range, flags, false); }
err_t cap_protect_shared(struct cap *c, uint64_t range, unsigned flags) { return protect(c, range, flags, true); }

struct sys_result cap_place(struct cap *c)
{
	if (!cap_is_table(c))
		return SYS_ERROR(ERR_CAP_TYPE);
	c = cap_primary(c);
	return SYS_OK(table_placed(c) ? (c->badge & BADGE_ADDRESS) + 1 : 0);
}

/* --- the check ------------------------------------------------------------------- */

uint64_t cap_check_mapping(const struct cap *c)
{
	struct mapping m;
	uint64_t bad = 0;

	if (!(c->flags & CAP_FLAG_MAPPED))
		return (cap_is_frame(c) || (cap_is_table(c) && !table_in_use(c))) && c->mapping & MARKS;
	m = mapping_of(c);
	if (!m.table || c->mapping & MARKS)
		return 0;
	for (unsigned i = 0; i < m.count; i++) {
		paddr_t p = arch_pte_paddr(m.entry[i]);

		/* Two cores may have used an entry at once: the later one's is there. */
		if (!entry_shows(m.entry[i], c))
			bad += !(m.table->mapping & MAPPING_MIXED);
		else if (cap_is_table(c))
			bad += p != c->base || m.level != table_level(c) + 1;
	}
	return bad;
}

void cap_map_hand_over(struct handover *h, bool take)
{
	HAND_OVER(take, h->table_number, table_number);
	HAND_OVER(take, h->tables_shared, tables_shared);
}
