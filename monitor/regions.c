/*
 * Regions: blocks of this core's memory that the page service hands out to its processes.
 *
 * What is where is kept here, so a member of that service loses nothing by dying.  A region has an owner, a process
 * of any core, who alone says what is granted of it; each object granted is made of the region in a slot of
 * the process's, with a record in the list of what the process has (struct extent).  When the process gives it back, or
 * ends, whatever others have of it is revoked; then the block waits in the region's list until the owner
 * has asked what came back.  The CPU driver refuses to make two objects of one block, whatever an owner says.
 *
 * A region of which nothing is granted may be taken back at any time: its owner learns it at the next grant.
 */
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "monitor/caps/caps.h"
#include "monitor/heirs.h"
#include "monitor/members.h"

#define REGIONS_MAX 512
#define BACK_WAITING 32 /* messages that wait for a process, with which it is told no more of what came back */

static struct region {
	cptr_t ram; /* 0: free */
	uint8_t bits;
	bool told;     /* its owner knows that something came back */
	uint16_t turn; /* how many were here before: who grants of one that is gone is not to hit the next */
	paddr_t base;
	uint64_t granted; /* bytes, and those that are being taken back */
	uint64_t owner;   /* pid */
	struct extent *back;
} regions[REGIONS_MAX];

static uint64_t free_bytes;
static struct extent *leaving; /* granted ones that other cores are still to let go of */

uint64_t regions_free_bytes(void) { return free_bytes; }

bool region_right(struct request *r)
{
	const struct process *p = origin_process(r->from);

	r->m.word[5] = p->pid;
	return p->service;
}

static uint64_t region_number(const struct region *g) { return (uint64_t)(g - regions) | (uint64_t)g->turn << 16; }

static struct region *region_find(paddr_t base)
{
	for (struct region *g = regions; g < regions + REGIONS_MAX; g++)
		if (g->ram && g->base == base)
			return g;
	return NULL;
}

/* The region at that base, if whoever asks may do what only its owner may. */
static err_t region_of(const struct request *r, struct region **out)
{
	*out = region_find(r->m.word[1]);
	if (!*out)
		return ERR_NOT_FOUND;
	return (*out)->owner == r->m.word[5] ? ERR_OK : ERR_DENIED;
}

static void back_drop(struct region *g)
{
	while (g->back) {
		struct extent *e = g->back;

		g->back = e->next;
		extent_free(e);
	}
	g->told = false;
}

static err_t region_drop(struct region *g)
{
	err_t err = g->granted ? ERR_CAP_BUSY : ram_free(g->ram);

	if (err)
		return err;
	back_drop(g);
	free_bytes -= SIZE_OF_BITS(g->bits);
	g->ram = 0;
	g->turn++;
	return ERR_OK;
}

bool regions_reclaim(void)
{
	bool some = false;

	for (struct region *g = regions; g < regions + REGIONS_MAX; g++)
		if (g->ram && !g->granted && !region_drop(g))
			some = true;
	return some;
}

/* --- requests about regions ----------------------------------------------------------------- */

void region_make(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	struct region *g = regions;
	struct cap_info info;
	cptr_t ram;
	err_t err;

	while (g < regions + REGIONS_MAX && g->ram)
		g++;
	/* All in use: what is empty will not be missed more than another. */
	if (g == regions + REGIONS_MAX && regions_reclaim())
		for (g = regions; g->ram;)
			g++;
	if (r->m.word[1] < PAGE_BITS || r->m.word[1] > 63)
		err = ERR_ARGUMENT;
	else if (g == regions + REGIONS_MAX)
		err = ERR_REGIONS;
	else if (!memory_spared((unsigned)r->m.word[1], MEMORY_GROWTH))
		err = ERR_NO_MEMORY;
	else
		err = ram_alloc((unsigned)r->m.word[1], &ram);
	if (!err)
		err = cap_identify(ram, &info);
	if (err) {
		request_reply(r, err, NULL);
		return;
	}
	g->ram = ram;
	g->bits = info.bits;
	g->base = info.base;
	g->owner = r->m.word[5];
	free_bytes += SIZE_OF_BITS(g->bits);
	words[0] = region_number(g);
	words[1] = g->base;
	request_reply(r, ERR_OK, words);
}

void region_give_back(struct request *r)
{
	struct region *g;
	err_t err = region_of(r, &g);

	request_reply(r, err ? err : region_drop(g), NULL);
}

void region_own(struct request *r)
{
	struct region *g = region_find(r->m.word[1]);
	uint64_t words[MON_PAYLOAD] = { g ? region_number(g) : 0, g ? g->granted : 0 };
	err_t err = !g ? ERR_NOT_FOUND : g->owner == r->m.word[2] ? ERR_OK : ERR_DENIED;

	if (!err) {
		g->owner = r->m.word[5];
		back_drop(g);
	}
	request_reply(r, err, words);
}

void region_list(struct request *r)
{
	uint64_t from = r->m.word[1];
	struct region *g = regions + (from < REGIONS_MAX ? from : REGIONS_MAX);

	while (g < regions + REGIONS_MAX && !g->ram)
		g++;
	if (g == regions + REGIONS_MAX) {
		request_reply(r, ERR_NOT_FOUND, NULL);
	} else {
		uint64_t words[MON_PAYLOAD] = { g->base, g->bits | region_number(g) << 32, g->owner, g->granted };

		request_reply(r, ERR_OK, words);
	}
}

/* --- granting --------------------------------------------------------------------------------- */

static const struct extent *granted_in(const struct process *p, const struct extent *what, unsigned i)
{
	for (const struct extent *e = p->extents; e; e = e->next)
		if (e->slot == what->slot + i && e->region && e->bits == what->bits && e->type == what->type)
			return e;
	return NULL;
}

/* The same was granted there before: the answer to that got lost with who had asked. */
static bool granted_before(const struct process *p, const struct extent *what, unsigned count, uint64_t *base)
{
	const struct extent *first = granted_in(p, what, 0), *e = first;

	for (unsigned i = 1; i < count && e; i++) {
		e = granted_in(p, what, i);
		if (e && e->base != first->base + i * SIZE_OF_BITS(what->bits))
			e = NULL;
	}
	if (e)
		*base = first->base;
	return e;
}

static bool grant_is_whole(const struct region *g, const struct extent *e)
{
	return e->type == CAP_RAM && e->bits == g->bits;
}

/*
 * Of RAM we keep a capability: what is made of it may outlive the one that the process got. A whole region is not made
 * of itself, but copied.
 */
static err_t grant_make(const struct region *g, struct extent *e, unsigned count, cptr_t target)
{
	err_t err;

	/* Of one that is granted whole, the CPU driver would not know. */
	if (g->granted == SIZE_OF_BITS(g->bits) || (grant_is_whole(g, e) && g->granted))
		return ERR_RETYPE_OVERLAP;
	if (grant_is_whole(g, e)) {
		e->ram = g->ram;
		return cap_copy(g->ram, target);
	}
	err = cap_retype(g->ram, e->base - g->base, e->type, e->bits, count, target);

	if (err || e->type != CAP_RAM)
		return err;
	err = slot_alloc(&e->ram);
	if (!err)
		err = cap_copy(target, e->ram);
	if (err)
		cap_delete(target);
	if (err && e->ram)
		slot_free(e->ram);
	return err;
}

static void records_free(struct extent *list)
{
	while (list) {
		struct extent *e = list;

		list = e->next;
		extent_free(e);
	}
}

/* A record for each, the first of them in front; NULL: no memory. The last one's `next` is to be set. */
static struct extent *records_make(const struct extent *what, unsigned count, struct extent **last)
{
	struct extent *list = NULL;

	for (unsigned i = count; i-- > 0;) {
		struct extent *e = extent_new();

		if (!e) {
			records_free(list);
			return NULL;
		}
		*e = *what;
		e->slot += i;
		e->base += i * SIZE_OF_BITS(what->bits);
		e->next = list;
		if (!list)
			*last = e;
		list = e;
	}
	return list;
}

static err_t grant(struct process *p, struct region *g, const struct extent *what, unsigned count)
{
	uint64_t bytes = count * SIZE_OF_BITS(what->bits);
	struct extent *e, *last;
	cptr_t target;
	err_t err = process_slot(p, what->slot, &target);

	if (!err)
		err = memory_charge(p, bytes);
	if (err)
		return err;
	e = records_make(what, count, &last);
	err = e ? grant_make(g, e, count, target) : ERR_NO_MEMORY;
	if (err) {
		records_free(e);
		p->memory -= bytes;
		return err;
	}
	last->next = p->extents;
	p->extents = e;
	g->granted += bytes;
	free_bytes -= bytes;
	return ERR_OK;
}

static err_t grant_check(const struct region *g, uint64_t number, uint64_t owner, const struct extent *e,
			 unsigned count)
{
	if ((e->type != CAP_RAM || count > 1) && e->type != CAP_FRAME)
		return ERR_RETYPE_TYPE;
	if (!g->ram || region_number(g) != number || e->base - g->base >= SIZE_OF_BITS(g->bits))
		return ERR_NOT_FOUND;
	if (g->owner != owner)
		return ERR_DENIED;
	if (e->bits < PAGE_BITS || e->bits > g->bits || e->base & (SIZE_OF_BITS(e->bits) - 1))
		return ERR_RETYPE_SIZE;
	if (count > MON_GRANT_MOST || count > (g->base + SIZE_OF_BITS(g->bits) - e->base) >> e->bits)
		return ERR_RETYPE_SIZE;
	return ERR_OK;
}

void region_grant(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct process *p = member_find(w[1]);
	struct extent e = { .slot = (uint32_t)w[2],
			    .bits = (uint8_t)(w[2] >> 32),
			    .type = (uint8_t)(w[2] >> 40),
			    .base = w[3],
			    .region = (uint16_t)(w[4] % REGIONS_MAX + 1) };
	struct region *g = &regions[e.region - 1];
	uint64_t words[MON_PAYLOAD] = { e.base };
	unsigned count = (unsigned)(w[2] >> 48) + 1;
	err_t err = ERR_NO_PROCESS;

	if (process_alive(p) && p->pid == w[1])
		err = grant_check(g, w[4], w[5], &e, count);
	if (!err)
		err = grant(p, g, &e, count);
	if ((err == ERR_SLOT_OCCUPIED || err == ERR_QUOTA) && granted_before(p, &e, count, &words[0]))
		err = ERR_EXISTS;
	words[1] = p ? p->memory : 0;
	request_reply(r, err, words);
}

void region_quota(struct request *r)
{
	struct process *p = member_find(r->m.word[1]);
	uint64_t words[MON_PAYLOAD] = { 0 };

	if (!process_alive(p) || p->pid != r->m.word[1]) {
		request_reply(r, ERR_NO_PROCESS, NULL);
		return;
	}
	if (r->m.word[3])
		p->memory_most = r->m.word[2];
	words[0] = p->memory_most;
	words[1] = p->memory;
	request_reply(r, ERR_OK, words);
}

/* --- what comes back ---------------------------------------------------------------------------- */

/*
 * A word that the owner does without: what came back it also finds when it has nothing else. So when many of them wait
 * for it already no more are added, or answers would find no room among them.
 */
static bool back_send(const struct mon_message *m)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)m->word[2]);

	if (!process_alive(p) || !p->service || p->out_count >= BACK_WAITING)
		return false;
	process_send(p, m);
	return true;
}

static void back_tell(struct region *g)
{
	struct mon_message m = { .header = mon_header(MON_BACK, 0, 0, 0),
				 .word = { monitor.core, g->base, (uint32_t)g->owner } };
	coreid_t core = (coreid_t)(g->owner >> 32);

	if (g->told)
		return;
	if (core == monitor.core)
		g->told = back_send(&m);
	else
		g->told = !link_send(core, &m);
}

/* From its region's monitor. */
void region_back(struct request *r) { back_send(&r->m); }

static void leaving_drop(const struct extent *e)
{
	struct extent **at = &leaving;

	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
}

static void grant_back(uint64_t context, err_t err, uint64_t value)
{
	struct extent *e = (struct extent *)context;
	struct region *g = &regions[e->region - 1];
	struct process *ending = e->ending;

	(void)value;
	leaving_drop(e);
	if (e->ram && !grant_is_whole(g, e) && !err)
		err = slot_delete(e->ram);
	if (err) {
		report("monitor %u: memory is lost: error %u", monitor.core, (unsigned)err);
		extent_free(e);
	} else {
		g->granted -= SIZE_OF_BITS(e->bits);
		free_bytes += SIZE_OF_BITS(e->bits);
		e->next = g->back;
		g->back = e;
		back_tell(g);
	}
	memory_freed(ending);
}

/* Of a frame we have none: the process's, or one that somebody else has. Error: nobody has any. */
static err_t grant_grip(struct extent *e)
{
	struct cap_info info;
	err_t err;

	if (e->ram && !cap_identify(e->ram, &info))
		return ERR_OK;
	err = e->ram ? ERR_OK : slot_alloc(&e->ram);
	if (err)
		return err;
	err = extent_find(e);
	if (err)
		slot_free(e->ram);
	if (err)
		e->ram = 0;
	return err;
}

void grant_take_back(struct extent *e, struct process *ending)
{
	err_t err = grant_grip(e);

	e->ending = ending;
	if (ending)
		ending->freeing++;
	if (!err)
		err = cap_revoke(e->ram);
	else
		err = ERR_OK;
	if (err == ERR_CAP_REMOTE) {
		e->next = leaving;
		leaving = e;
		err = caps_revoke(e->ram, ending, grant_back, (uint64_t)e);
		if (!err)
			return;
	}
	grant_back((uint64_t)e, err, 0);
}

void region_returned(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	struct region *g;
	err_t err = region_of(r, &g);

	for (unsigned i = 0; !err && i < MON_PAYLOAD && g->back; i++) {
		struct extent *e = g->back;

		words[i] = e->base | e->bits;
		g->back = e->next;
		extent_free(e);
	}
	if (!err && !words[MON_PAYLOAD - 1])
		g->told = false;
	request_reply(r, err, words);
}

/* Of the list what is of that region: a bit for each of its pages, the first one's being that of page `first`. */
static void granted_mark(const struct extent *e, const struct region *g, uint64_t first,
			 uint64_t map[MON_GRANTED_PAGES / 64])
{
	for (; e; e = e->next) {
		uint64_t page = (e->base - g->base) >> PAGE_BITS, end = page + (SIZE_OF_BITS(e->bits) >> PAGE_BITS);

		if (e->region != g - regions + 1)
			continue;
		for (page = page > first ? page : first; page < end && page < first + MON_GRANTED_PAGES; page++)
			map[(page - first) / 64] |= UINT64_C(1) << (page - first) % 64;
	}
}

/*
 * Any service may ask. What is on its way back, or waits to be asked for, is granted still: so who takes the rest for
 * free is told of nothing that it has given out again.
 */
void region_granted(struct request *r)
{
	const struct region *g = region_find(r->m.word[1]);
	uint64_t words[MON_PAYLOAD] = { 0 }, first = r->m.word[2];

	if (!g) {
		request_reply(r, ERR_NOT_FOUND, NULL);
		return;
	}
	if (first < SIZE_OF_BITS(g->bits) >> PAGE_BITS) {
		granted_mark(g->back, g, first, words);
		granted_mark(leaving, g, first, words);
		for (unsigned i = 0; i < PROCESS_MAX; i++)
			granted_mark(monitor.processes.entry[i].extents, g, first, words);
		for (unsigned i = 0; i < ESTATES_MAX; i++)
			granted_mark(estate_extents(i), g, first, words);
	}
	request_reply(r, ERR_OK, words);
}
