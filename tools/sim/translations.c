/*
 * What the cores' processors remember of page tables.
 *
 * Each core has a translation for every page that a process of its used, till it is told to forget
 * it: a processor may keep one for ever, so the model does.  Three things must not be:
 *
 *   - a page that somebody has a translation for becomes anything new (sim_clear() sees each that does);
 *   - the page tables show a translation no longer, and nobody waits for it to be forgotten: no capability
 *     to the frame, or to a table on the way there, is marked as taken out but not flushed, and no
 *     operation that stops its users first is taking its memory;
 *   - an access is still possible when it has been answered that it is protected against.
 *
 * The second is looked at after each event, on machines of many cores after each few.
 */
#include "tools/sim/sim.h"

#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LEVELS 4
#define CORES_EACH 32 /* so many: all translations after each event; twice as many: after each second */
#define PTE_WRITE (2u << 1)

struct translation {
	vaddr_t va;
	paddr_t page;
	paddr_t table[LEVELS]; /* by which it was found */
	cycles_t since;
	bool write;
	bool kept; /* by a fault */
};
static struct {
	struct translation *entry;
	unsigned count, room;
} * known;               /* by core */
static uint16_t *held;   /* translations of each page, on all cores */
static unsigned total;   /* on all cores */
static unsigned flushes; /* of what the tables show no longer */

void translations_init(uint64_t memory_bytes)
{
	held = mmap(NULL, memory_bytes / PAGE_SIZE * sizeof *held, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	known = calloc(options.cores, sizeof *known);
	if (held == MAP_FAILED || !known)
		err(2, "translations of %u cores", options.cores);
}

static uint16_t *held_of(paddr_t p) { return &held[(p - SIM_PHYSICAL) >> PAGE_BITS]; }

/* The leaf for va in the tables under root, and these; 0: none. */
static uint64_t walk(paddr_t root, vaddr_t va, paddr_t table[LEVELS])
{
	paddr_t at = root;

	for (unsigned level = LEVELS; level; level--) {
		uint64_t pte = machine_word(at)[va >> (12 + 9 * (level - 1)) & 511];

		table[level - 1] = at;
		if (!(pte & SIM_PTE_PRESENT))
			return 0;
		if (pte & SIM_PTE_LEAF)
			return level == 1 ? pte : 0;
		at = pte & SIM_PTE_ADDRESS;
	}
	return 0;
}

/* Do the core's tables still show it? */
static bool shown(coreid_t core, const struct translation *t)
{
	paddr_t table[LEVELS];
	uint64_t pte = walk(cores[core].root, t->va, table);

	return pte && (pte & SIM_PTE_ADDRESS) == t->page;
}

/* --- remembering, forgetting ------------------------------------------------------------------ */

static void forget(coreid_t core, unsigned i)
{
	--*held_of(known[core].entry[i].page);
	known[core].entry[i] = known[core].entry[--known[core].count];
	total--;
}

/* Once it is left out, so are those that come by the way: who unmaps flushes at once, and again with the others. */
static bool flush_fails(coreid_t core, struct translation *t)
{
	if (options.fault != FAULT_FLUSH || shown(core, t))
		return false;
	if (t->kept)
		return true;
	if (++flushes != options.fault_at)
		return false;
	t->kept = true;
	trace_note(core, "a fault is made here: it does not forget %lx at %lx", t->page, t->va);
	return true;
}

void sim_flush(coreid_t core, vaddr_t va)
{
	for (unsigned i = known[core].count; i-- > 0;) {
		struct translation *t = &known[core].entry[i];

		if ((va == SIM_FLUSH_ALL || t->va == va) && !flush_fails(core, t))
			forget(core, i);
	}
}

void sim_root(coreid_t core, paddr_t root)
{
	cores[core].root = root;
	while (known[core].count)
		forget(core, known[core].count - 1);
}

static void remember(coreid_t core, const struct translation *t)
{
	if (known[core].count == known[core].room) {
		known[core].room = known[core].room ? known[core].room * 2 : 16;
		known[core].entry = realloc(known[core].entry, known[core].room * sizeof *known[core].entry);
		if (!known[core].entry)
			err(2, "translations");
	}
	known[core].entry[known[core].count++] = *t;
	++*held_of(t->page);
	total++;
}

static const struct translation *recall(coreid_t core, vaddr_t va)
{
	for (unsigned i = 0; i < known[core].count; i++)
		if (known[core].entry[i].va == va)
			return &known[core].entry[i];
	return NULL;
}

bool machine_touch(coreid_t core, uint32_t process, vaddr_t va, bool write, paddr_t *out)
{
	struct translation fresh = { .va = va, .since = sim_now() };
	const struct translation *t;
	uint64_t pte;

	if (!cores[core].island.isle_run(process))
		return false;
	t = recall(core, va);
	if (t && (t->write || !write)) {
		*out = t->page;
		return true;
	}
	pte = walk(cores[core].root, va, fresh.table);
	if (!pte || (write && !(pte & PTE_WRITE)))
		return false;
	fresh.page = *out = pte & SIM_PTE_ADDRESS;
	fresh.write = pte & PTE_WRITE;
	if (t)
		forget(core, (unsigned)(t - known[core].entry));
	remember(core, &fresh);
	return true;
}

/* --- what must not be ---------------------------------------------------------------------------- */

/* A dead core that was fenced translates nothing any more. */
static bool translates(coreid_t core) { return cores[core].life != CORE_DEAD; }

static bool held_by_living(paddr_t page)
{
	bool found = false;

	for (coreid_t core = 0; core < machine_info.cores; core++)
		for (unsigned i = 0; i < known[core].count && translates(core); i++) {
			const struct translation *t = &known[core].entry[i];

			if (t->page != page)
				continue;
			trace_note(core, "translates %lx to page %lx", t->va, page);
			found = true;
		}
	return found;
}

void sim_clear(coreid_t core, paddr_t p, uint64_t bytes)
{
	for (paddr_t page = p & ~(paddr_t)(PAGE_SIZE - 1); page < p + bytes; page += PAGE_SIZE)
		if (*held_of(page) && held_by_living(page))
			sim_violation(core, "page %lx becomes something new while a core still translates to it", page);
}

static bool table_marked(const struct translation *t)
{
	for (coreid_t core = 0; core < machine_info.cores; core++)
		for (unsigned i = 0; i < LEVELS; i++)
			if (cores[core].island.isle_table_marked(t->table[i]))
				return true;
	return false;
}

/*
 * A translation that no table shows any more. What a dead core was about to have forgotten, the others forget when
 * they hear of its death; its own memory belongs to nobody, and nobody uses it again.
 */
static void stale(coreid_t core, const struct translation *t)
{
	bool frame = false, freed = false;

	if (table_marked(t))
		return;
	for (coreid_t other = 0; other < machine_info.cores; other++) {
		struct island_page page;

		cores[other].island.isle_page(t->page, &page);
		if (page.marked || page.taken)
			return;
		if (!core_alive(other))
			continue;
		frame = frame || page.type == CAP_FRAME;
		freed = freed || (page.type == CAP_RAM && !(page.flags & CAP_FLAG_FOREIGN));
	}
	if (freed || frame)
		sim_violation(core, "translates %lx to page %lx, which %s, and nobody waits for it to forget", t->va,
			      t->page, freed ? "is free" : "is not there any more");
}

void translations_check(void)
{
	if (!total || fabric_steps % (1 + options.cores / CORES_EACH))
		return;
	for (coreid_t core = 0; core < machine_info.cores; core++)
		for (unsigned i = 0; i < known[core].count && translates(core); i++)
			if (!shown(core, &known[core].entry[i]))
				stale(core, &known[core].entry[i]);
}

/* The tables show it: then somebody has the page. */
static void backed(coreid_t core, const struct translation *t)
{
	for (coreid_t other = 0; other < machine_info.cores; other++) {
		struct island_page page;

		if (!core_alive(other))
			continue;
		cores[other].island.isle_page(t->page, &page);
		if (page.type == CAP_RAM && !(page.flags & CAP_FLAG_FOREIGN) && !page.taken)
			sim_violation(core, "has page %lx, which is free, at %lx", t->page, t->va);
	}
}

void translations_backed(void)
{
	for (coreid_t core = 0; core < machine_info.cores; core++)
		for (unsigned i = 0; i < known[core].count && translates(core); i++)
			if (shown(core, &known[core].entry[i]))
				backed(core, &known[core].entry[i]);
}

void translations_protected(paddr_t root, vaddr_t va, paddr_t page, cycles_t asked)
{
	paddr_t table[LEVELS] = { 0 };

	walk(root, va, table);
	for (coreid_t core = 0; core < machine_info.cores; core++)
		for (unsigned i = 0; i < known[core].count && translates(core); i++) {
			const struct translation *t = &known[core].entry[i];

			if (t->va == va && t->table[0] == table[0] && t->page == page && t->write && t->since < asked)
				sim_violation(core, "still writes to %lx, page %lx, which has been protected", va,
					      page);
		}
}
