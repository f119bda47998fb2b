/*
 * Memory of cores as their monitors keep it for the page service: regions, what is granted of them, what came
 * back. monitor/regions.c on metal.
 *
 * Here is the ledger of pages: a page is in no region, free in one, granted to one process, or come back.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/ledger.h"

#include "kernel/abi/cap.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define CORE_BITS 30    /* of the addresses of a core's memory */
#define REGIONS_MAX 256 /* of a core */
#define PAGES 16384     /* of a core: 64 MiB */

struct grant {
	paddr_t base;
	uint64_t slot;
	uint8_t bits, type;
	uint16_t region;
	struct process *process;
	struct grant *next; /* of the process, or of what came back */
};
struct region {
	bool used, told;
	uint8_t bits;
	paddr_t base;
	uint64_t owner, granted;
	struct grant *back;
};
struct core_memory {
	struct region region[REGIONS_MAX];
	uint8_t *page; /* of each page: 1: in a region, 2: granted */
};
enum { PAGE_IN_REGION = 1, PAGE_GRANTED = 2 };
static struct core_memory **memory;

static struct core_memory *memory_of(coreid_t core)
{
	if (!memory)
		memory = calloc(options.cores, sizeof *memory);
	if (memory && !memory[core]) {
		memory[core] = calloc(1, sizeof *memory[core]);
		if (memory[core])
			memory[core]->page = calloc(PAGES, 1);
	}
	if (!memory || !memory[core] || !memory[core]->page)
		err(2, "memory of cores");
	return memory[core];
}

static uint8_t *page_at(paddr_t base)
{
	return &memory_of((coreid_t)(base >> CORE_BITS))->page[(base & (SIZE_OF_BITS(CORE_BITS) - 1)) >> PAGE_BITS];
}

static bool pages_are(paddr_t base, unsigned bits, uint8_t what)
{
	const uint8_t *page = page_at(base);

	for (uint64_t i = 0; i < SIZE_OF_BITS(bits - PAGE_BITS); i++)
		if (page[i] != what)
			return false;
	return true;
}

static void pages_set(paddr_t base, unsigned bits, uint8_t what)
{
	memset(page_at(base), what, SIZE_OF_BITS(bits - PAGE_BITS));
}

static struct region *region_find(coreid_t core, paddr_t base)
{
	struct core_memory *m = memory_of(core);

	for (struct region *g = m->region; g < m->region + REGIONS_MAX; g++)
		if (g->used && g->base == base)
			return g;
	return NULL;
}

static err_t region_of(const struct request *r, struct region **out)
{
	*out = region_find(r->core, r->word[1]);
	if (!*out)
		return ERR_NOT_FOUND;
	return (*out)->owner == r->from->pid ? ERR_OK : ERR_DENIED;
}

static void back_drop(struct region *g)
{
	while (g->back) {
		struct grant *e = g->back;

		g->back = e->next;
		free(e);
	}
	g->told = false;
}

/* --- requests about regions --------------------------------------------------------------------- */

static err_t region_make(coreid_t core, unsigned bits, struct region *g)
{
	uint64_t step = bits < PAGE_BITS || bits > CORE_BITS ? 0 : SIZE_OF_BITS(bits - PAGE_BITS);
	paddr_t start = (paddr_t)core << CORE_BITS;

	if (!step)
		return ERR_ARGUMENT;
	for (uint64_t page = 0; page + step <= PAGES; page += step)
		if (pages_are(start + (page << PAGE_BITS), bits, 0)) {
			g->base = start + (page << PAGE_BITS);
			pages_set(g->base, bits, PAGE_IN_REGION);
			return ERR_OK;
		}
	return ERR_NO_MEMORY;
}

static void make_act(struct request *r)
{
	struct core_memory *m = memory_of(r->core);
	struct region *g = m->region;
	err_t err;

	while (g < m->region + REGIONS_MAX && g->used)
		g++;
	err = g == m->region + REGIONS_MAX ? ERR_REGIONS : region_make(r->core, (unsigned)r->word[1], g);
	if (!err) {
		g->used = true;
		g->bits = (uint8_t)r->word[1];
		g->owner = r->from->pid;
		r->word[0] = (uint64_t)(g - m->region);
		r->word[1] = g->base;
	}
	request_answer(r, err);
}

static struct request *memory_request(coreid_t core, void (*act)(struct request *), uint64_t word)
{
	struct request *r = request_new(core, act);

	r->word[1] = word;
	return r;
}

err_t mon_region(coreid_t core, unsigned bits, struct mon_region *out)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	r = memory_request(core, make_act, bits);
	err = request_call(r);
	if (!err)
		*out = (struct mon_region){
			.base = r->word[1], .bits = bits, .number = (uint32_t)r->word[0], .owner = running->pid
		};
	request_release(r);
	return err;
}

static void free_act(struct request *r)
{
	struct region *g;
	err_t err = region_of(r, &g);

	if (!err && g->granted)
		err = ERR_CAP_BUSY;
	if (!err) {
		back_drop(g);
		pages_set(g->base, g->bits, 0);
		g->used = false;
	}
	request_answer(r, err);
}

err_t mon_region_free(coreid_t core, paddr_t base)
{
	struct request *r = memory_request(core, free_act, base);
	err_t err = request_call(r);

	request_release(r);
	return err;
}

static void own_act(struct request *r)
{
	struct region *g = region_find(r->core, r->word[1]);

	if (!g || g->owner != r->word[2]) {
		request_answer(r, g ? ERR_DENIED : ERR_NOT_FOUND);
		return;
	}
	g->owner = r->from->pid;
	back_drop(g);
	r->word[0] = (uint64_t)(g - memory_of(r->core)->region);
	r->word[1] = g->granted;
	request_answer(r, ERR_OK);
}

err_t mon_region_own(coreid_t core, paddr_t base, uint64_t owner, struct mon_region *out)
{
	struct request *r = memory_request(core, own_act, base);
	err_t err;

	r->word[2] = owner;
	err = request_call(r);

	if (!err)
		*out = (struct mon_region){
			.base = base, .number = (uint32_t)r->word[0], .owner = running->pid, .granted = r->word[1]
		};
	request_release(r);
	return err;
}

static void list_act(struct request *r)
{
	struct core_memory *m = memory_of(r->core);
	uint64_t from = r->word[1];
	struct region *g = m->region + (from < REGIONS_MAX ? from : REGIONS_MAX);

	while (g < m->region + REGIONS_MAX && !g->used)
		g++;
	if (g == m->region + REGIONS_MAX) {
		request_answer(r, ERR_NOT_FOUND);
		return;
	}
	r->word[0] = g->base;
	r->word[1] = g->bits;
	r->word[2] = g->owner;
	r->word[3] = g->granted;
	r->word[4] = (uint64_t)(g - m->region);
	request_answer(r, ERR_OK);
}

err_t mon_regions(coreid_t core, unsigned from, struct mon_region *out)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	r = memory_request(core, list_act, from);
	err = request_call(r);
	if (!err)
		*out = (struct mon_region){ .base = r->word[0],
					    .bits = (uint32_t)r->word[1],
					    .number = (uint32_t)r->word[4],
					    .owner = r->word[2],
					    .granted = r->word[3] };
	request_release(r);
	return err;
}

/* --- granting ------------------------------------------------------------------------------------- */

static err_t granted_before(const struct process *p, const struct request *r, uint64_t *base)
{
	for (const struct grant *e = p->grants; e; e = e->next)
		if (e->slot == r->word[2]) {
			*base = e->base;
			return e->bits == r->word[5] && e->type == r->word[6] ? ERR_EXISTS : ERR_SLOT_OCCUPIED;
		}
	return ERR_OK;
}

static err_t grant_check(const struct region *g, const struct request *r)
{
	uint64_t bits = r->word[5], base = r->word[3];

	if (!g->used || base - g->base >= SIZE_OF_BITS(g->bits))
		return ERR_NOT_FOUND;
	if (g->owner != r->from->pid)
		return ERR_DENIED;
	if (bits < PAGE_BITS || bits > g->bits || base & (SIZE_OF_BITS(bits) - 1))
		return ERR_RETYPE_SIZE;
	return ERR_OK;
}

static void grant_make(struct region *g, struct process *p, const struct request *r)
{
	struct grant *e = calloc(1, sizeof *e);

	if (!e)
		err(2, "a grant");
	*e = (struct grant){ .base = r->word[3],
			     .slot = r->word[2],
			     .bits = (uint8_t)r->word[5],
			     .type = (uint8_t)r->word[6],
			     .region = (uint16_t)r->word[4],
			     .process = p,
			     .next = p->grants };
	p->grants = e;
	p->memory += SIZE_OF_BITS(e->bits);
	g->granted += SIZE_OF_BITS(e->bits);
	pages_set(e->base, e->bits, PAGE_GRANTED);
}

/* word: 1 pid, 2 slot, 3 base, 4 region, 5 bits, 6 type. */
static void grant_act(struct request *r)
{
	struct process *p = process_of(r->word[1]);
	struct region *g = &memory_of(r->core)->region[r->word[4] % REGIONS_MAX];
	uint64_t there = r->word[3];
	err_t err = ERR_NO_PROCESS;

	if (p && p->life != PROCESS_DEAD && p->core == r->core)
		err = grant_check(g, r);
	if (!err)
		err = granted_before(p, r, &there);
	if (!err && p->memory_most && p->memory + SIZE_OF_BITS(r->word[5]) > p->memory_most)
		err = ERR_QUOTA;
	if (!err && !pages_are(r->word[3], (unsigned)r->word[5], PAGE_IN_REGION)) {
		violation("of %lx, 1 << %lu bytes, its member took what somebody has for free", r->word[3], r->word[5]);
		err = ERR_RETYPE_OVERLAP;
	}
	if (!err)
		grant_make(g, p, r);
	r->word[0] = there;
	request_answer(r, err);
}

err_t mon_grant(coreid_t core, uint64_t pid, const struct mon_grant *g, paddr_t *there)
{
	struct request *r;
	err_t err;

	if (core >= options.cores)
		return ERR_CORE_ID;
	/* The clients here take blocks one by one. */
	if (g->more)
		return ERR_ARGUMENT;
	r = request_new(core, grant_act);
	r->word[1] = pid;
	r->word[2] = g->slot;
	r->word[3] = g->base;
	r->word[4] = g->number;
	r->word[5] = g->bits;
	r->word[6] = g->type;
	time_spend(COST_GRANT);
	err = request_call(r);
	if (!err || err == ERR_EXISTS)
		*there = r->word[0];
	request_release(r);
	return err;
}

/* Of the list what is of that region: a bit for each of its pages, the first one's being that of page `first`. */
static void granted_mark(const struct request *r, const struct grant *e, const struct region *g, uint64_t first,
			 uint64_t *map)
{
	for (; e; e = e->next) {
		uint64_t page = (e->base - g->base) >> PAGE_BITS, end = page + (SIZE_OF_BITS(e->bits) >> PAGE_BITS);

		if (&memory_of(r->core)->region[e->region] != g)
			continue;
		for (page = page > first ? page : first; page < end && page < first + MON_GRANTED_PAGES; page++)
			map[(page - first) / 64] |= UINT64_C(1) << (page - first) % 64;
	}
}

/* What nobody has asked for that came back is granted still. */
static void granted_act(struct request *r)
{
	const struct region *g = region_find(r->core, r->word[1]);
	uint64_t first = r->word[2];

	memset(r->word, 0, MON_GRANTED_PAGES / 8);
	for (const struct process *p = g ? cores[r->core].processes : NULL; p; p = p->next_here)
		granted_mark(r, p->grants, g, first, r->word);
	if (g)
		granted_mark(r, g->back, g, first, r->word);
	request_answer(r, g ? ERR_OK : ERR_NOT_FOUND);
}

/* The answer: word[0] of them, at r->text. */
static err_t list_call(struct request *r, struct mon_returned *out, unsigned *count)
{
	err_t err = request_call(r);

	if (!err) {
		memcpy(out, r->text, r->word[0] * sizeof *out);
		*count = (unsigned)r->word[0];
	}
	request_release(r);
	return err;
}

err_t mon_granted(coreid_t core, paddr_t region, uint64_t first, uint64_t map[MON_GRANTED_PAGES / 64])
{
	struct request *r = memory_request(core, granted_act, region);
	err_t err;

	r->word[2] = first;
	err = request_call(r);
	if (!err)
		memcpy(map, r->word, MON_GRANTED_PAGES / 8);
	request_release(r);
	return err;
}

/* --- what comes back -------------------------------------------------------------------------------- */

static void back_come(struct moment *m)
{
	struct request *r = m->who;
	struct process *p = r->from;

	running = p;
	if (p->life != PROCESS_DEAD && p->back)
		p->back((coreid_t)r->word[0], r->word[1]);
	running = NULL;
	request_release(r);
}

static void back_tell(coreid_t core, struct region *g)
{
	struct process *p = process_of(g->owner);
	struct request *r;

	if (g->told || !p || p->life == PROCESS_DEAD)
		return;
	g->told = true;
	r = request_of(p);
	r->word[0] = core;
	r->word[1] = g->base;
	request_post(r, time_arrival(core, p->core), back_come);
	request_release(r);
}

static void grant_back(struct process *p, struct grant *e)
{
	struct region *g = &memory_of(p->core)->region[e->region];

	p->memory -= SIZE_OF_BITS(e->bits);
	g->granted -= SIZE_OF_BITS(e->bits);
	pages_set(e->base, e->bits, PAGE_IN_REGION);
	e->next = g->back;
	g->back = e;
	back_tell(p->core, g);
}

void regions_process_gone(struct process *p)
{
	while (p->grants) {
		struct grant *e = p->grants;

		p->grants = e->next;
		if (cores[p->core].life == CORE_ALIVE)
			grant_back(p, e);
	}
}

static void ram_free_act(struct request *r)
{
	struct grant **at = &r->from->grants;

	while (*at && (*at)->slot != r->word[1])
		at = &(*at)->next;
	if (*at) {
		struct grant *e = *at;

		*at = e->next;
		grant_back(r->from, e);
		r->word[2] = 1;
	}
	request_answer(r, r->word[2] ? ERR_OK : ERR_ARGUMENT);
}

err_t mon_ram_free(cptr_t slot)
{
	struct request *r = memory_request(running->core, ram_free_act, slot);
	err_t err = request_call(r);

	request_release(r);
	return err;
}

static void returned_act(struct request *r)
{
	struct mon_returned *out = calloc(MON_RETURNED_PART, sizeof *out);
	struct region *g;
	err_t err = region_of(r, &g);
	unsigned n = 0;

	for (; out && !err && n < MON_RETURNED_PART && g->back; n++) {
		struct grant *e = g->back;

		out[n] = (struct mon_returned){ .base = e->base, .bits = e->bits };
		g->back = e->next;
		free(e);
	}
	if (!err && n < MON_RETURNED_PART)
		g->told = false;
	r->text = (char *)out;
	r->word[0] = n;
	request_answer(r, err);
}

err_t mon_returned(coreid_t core, paddr_t region, struct mon_returned out[MON_RETURNED_PART], unsigned *count)
{
	return list_call(memory_request(core, returned_act, region), out, count);
}

void mon_set_back_handler(void (*back)(coreid_t core, paddr_t base)) { running->back = back; }

/* --- quotas, and the ledger ----------------------------------------------------------------------------- */

static void quota_act(struct request *r)
{
	struct process *p = process_of(r->word[1]);

	if (!p || p->life == PROCESS_DEAD) {
		request_answer(r, ERR_NO_PROCESS);
		return;
	}
	if (r->word[3])
		p->memory_most = r->word[2];
	r->word[0] = p->memory_most;
	r->word[1] = p->memory;
	request_answer(r, ERR_OK);
}

static err_t quota_call(uint64_t pid, bool set, uint64_t bytes, uint64_t *most, uint64_t *has)
{
	struct request *r;
	err_t err;

	if (pid >> 32 >= options.cores)
		return ERR_NO_PROCESS;
	r = memory_request((coreid_t)(pid >> 32), quota_act, pid);
	r->word[2] = bytes;
	r->word[3] = set;
	err = request_call(r);
	if (!err) {
		*most = r->word[0];
		*has = r->word[1];
	}
	request_release(r);
	return err;
}

err_t mon_quota_set(uint64_t pid, uint64_t bytes)
{
	uint64_t most, has;

	return quota_call(pid, true, bytes, &most, &has);
}

err_t mon_quota(uint64_t pid, uint64_t *most, uint64_t *has) { return quota_call(pid, false, 0, most, has); }

bool host_has_memory(uint64_t slot, paddr_t base, unsigned bits)
{
	for (const struct grant *e = running->grants; e; e = e->next)
		if (e->slot == slot)
			return e->base == base && e->bits == bits;
	return false;
}

static void regions_trace(coreid_t core)
{
	for (const struct region *g = memory_of(core)->region; g < memory_of(core)->region + REGIONS_MAX; g++)
		if (g->used)
			trace(process_of(g->owner),
			      process_of(g->owner)->life == PROCESS_DEAD
				      ? "had region %lx of 1 << %lu bytes when it died, %lu granted"
				      : "has region %lx of 1 << %lu bytes, %lu granted",
			      g->base, (uint64_t)g->bits, g->granted);
}

uint64_t host_core_pages(void)
{
	regions_trace(running->core);
	return PAGES;
}

void regions_check(void)
{
	for (coreid_t core = 0; memory && core < options.cores; core++) {
		uint64_t granted[REGIONS_MAX] = { 0 }, pages = 0, held = 0;

		if (!memory[core] || cores[core].life != CORE_ALIVE)
			continue;
		for (const struct process *p = cores[core].processes; p; p = p->next_here)
			for (const struct grant *e = p->grants; e; e = e->next) {
				granted[e->region] += SIZE_OF_BITS(e->bits);
				held += SIZE_OF_BITS(e->bits - PAGE_BITS);
			}
		for (unsigned i = 0; i < REGIONS_MAX; i++)
			if (granted[i] != memory[core]->region[i].granted)
				violation("core %u: %lu bytes of region %u are granted, and processes have %lu", core,
					  memory[core]->region[i].granted, i, granted[i]);
		for (unsigned i = 0; i < PAGES; i++)
			pages += memory[core]->page[i] == PAGE_GRANTED;
		if (pages != held)
			violation("core %u: %lu pages are granted, and processes have %lu", core, pages, held);
	}
}
