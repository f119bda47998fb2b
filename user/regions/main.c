/*
 * regions: what monitors grant to services, and refuse. Started as a service: services=regions.
 *
 * Prints TAP.  It is its own page service: it reserves regions, grants blocks of them to
 * itself and to children, which are this program again ("regions hold"), and sees them come back.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

#define REGION_BITS 21
#define REGIONS_MANY 2000 /* more than a monitor has room for */
#define PARTS 8           /* blocks that one child gets */
#define CHILD_SLOT 900    /* of its space: in no cnode that it has */
#define CHILD_FREE 200    /* in its first cnode, not in use that early */

#define EXPECT(x)                                                          \
	do {                                                               \
		if (!(x)) {                                                \
			printf("# line %d: not true: %s\n", __LINE__, #x); \
			return false;                                      \
		}                                                          \
	} while (0)
#define EXPECT_ERROR(call, error)                                                                        \
	do {                                                                                             \
		err_t got_ = (call);                                                                     \
		if (got_ != (error)) {                                                                   \
			printf("# line %d: %s gave '%s', not '%s'\n", __LINE__, #call, error_text(got_), \
			       error_text(error));                                                       \
			return false;                                                                    \
		}                                                                                        \
	} while (0)
#define EXPECT_OK(call) EXPECT_ERROR(call, ERR_OK)

static cptr_t many[REGIONS_MANY + 1];
static struct event came_back = EVENT_INIT;
static paddr_t back_base;

static void back(coreid_t core, paddr_t base)
{
	(void)core;
	back_base = base;
	event_raise(&came_back);
}

static coreid_t last_core(void)
{
	struct mon_core c;
	coreid_t core = 0;

	while (!mon_core((coreid_t)(core + 1), &c) && c.state == MON_CORE_UP)
		core++;
	return core;
}

static uint64_t core_free(coreid_t core)
{
	struct mon_core c = { 0 };

	mon_core(core, &c);
	return c.ram_free;
}

/* A region, and the grant of a block at that offset to a slot. */
static struct mon_grant grant_of(const struct mon_region *r, uint64_t offset, unsigned type, unsigned bits, cptr_t slot)
{
	return (struct mon_grant){
		.slot = slot, .type = type, .bits = bits, .base = r->base + offset, .number = r->number
	};
}

static err_t grant_self(const struct mon_grant *g, paddr_t *there)
{
	return mon_grant(process_self_core(), process_self_pid(), g, there);
}

/* --- the tests -------------------------------------------------------------------------- */

static bool test_make(void)
{
	coreid_t core = process_self_core();
	struct mon_region r, seen;
	bool found = false;

	EXPECT_ERROR(mon_region(core, PAGE_BITS - 1, &r), ERR_ARGUMENT);
	EXPECT_ERROR(mon_region(core, 200, &r), ERR_ARGUMENT);
	EXPECT_ERROR(mon_region(core, 46, &r), ERR_NO_MEMORY);
	EXPECT_ERROR(mon_region(1023, REGION_BITS, &r), ERR_CORE_ID);
	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	for (unsigned from = 0; !mon_regions(core, from, &seen); from = mon_region_place(&seen) + 1)
		if (seen.base == r.base) {
			EXPECT(seen.bits == REGION_BITS && seen.number == r.number);
			EXPECT(seen.owner == process_self_pid() && seen.granted == 0);
			found = true;
		}
	EXPECT(found);
	EXPECT_ERROR(mon_region_free(core, r.base + PAGE_SIZE), ERR_NOT_FOUND);
	EXPECT_OK(mon_region_free(core, r.base));
	EXPECT_ERROR(mon_region_free(core, r.base), ERR_NOT_FOUND);
	return true;
}

static bool test_grant(void)
{
	coreid_t core = process_self_core();
	uint64_t map[MON_GRANTED_PAGES / 64];
	struct mon_returned part[MON_RETURNED_PART];
	struct mon_region r;
	struct mon_grant g;
	struct cap_info info;
	paddr_t there = 0;
	unsigned count;
	cptr_t slot;

	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT_OK(slot_alloc(&slot));
	g = grant_of(&r, 4 * PAGE_SIZE, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_OK(grant_self(&g, &there));
	EXPECT(there == g.base);
	EXPECT_OK(cap_identify(slot, &info));
	EXPECT(info.type == CAP_FRAME && info.bits == PAGE_BITS && info.base == g.base);
	EXPECT_OK(mon_granted(core, r.base, 0, map));
	EXPECT(map[0] == 1 << 4 && !map[1] && !map[2] && !map[3]);
	EXPECT_OK(mon_granted(core, r.base, 4, map));
	EXPECT(map[0] == 1);
	EXPECT_OK(mon_granted(core, r.base, 5, map));
	EXPECT(!map[0]);
	EXPECT_OK(mon_granted(core, r.base, UINT64_MAX, map));
	EXPECT(!map[0]);
	EXPECT_ERROR(mon_granted(core, r.base + PAGE_SIZE, 0, map), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_region_free(core, r.base), ERR_CAP_BUSY);

	/* It is the slot that makes it the same grant. */
	g.base += PAGE_SIZE;
	EXPECT_ERROR(grant_self(&g, &there), ERR_EXISTS);
	EXPECT(there == g.base - PAGE_SIZE);
	g.bits = PAGE_BITS + 1;
	g.base = r.base;
	EXPECT_ERROR(grant_self(&g, &there), ERR_SLOT_OCCUPIED);

	EXPECT_OK(mon_ram_free(slot));
	EXPECT_ERROR(cap_identify(slot, &info), ERR_CAP_LOOKUP);
	event_wait(&came_back, 0);
	EXPECT(back_base == r.base);
	EXPECT_OK(mon_returned(core, r.base, part, &count));
	EXPECT(count == 1 && part[0].base == there && part[0].bits == PAGE_BITS);
	EXPECT_OK(mon_returned(core, r.base, part, &count));
	EXPECT(count == 0);
	EXPECT_OK(mon_granted(core, r.base, 0, map));
	EXPECT(!map[0]);
	EXPECT_OK(mon_region_free(core, r.base));
	slot_free(slot);
	return true;
}

static bool test_refusals(void)
{
	coreid_t core = process_self_core();
	struct mon_region r, next;
	struct mon_grant g, bad;
	paddr_t there;
	cptr_t slot, second;

	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(slot_alloc(&second));
	g = grant_of(&r, 0, CAP_RAM, PAGE_BITS + 2, slot);
	EXPECT_OK(grant_self(&g, &there));
	bad = grant_of(&r, PAGE_SIZE, CAP_FRAME, PAGE_BITS, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_OVERLAP);
	bad = grant_of(&r, SIZE_OF_BITS(REGION_BITS), CAP_FRAME, PAGE_BITS, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_NOT_FOUND);
	bad = grant_of(&r, 6 * PAGE_SIZE, CAP_FRAME, PAGE_BITS + 2, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_SIZE);
	bad = grant_of(&r, 0, CAP_FRAME, REGION_BITS + 1, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_SIZE);
	bad = grant_of(&r, 0, CAP_RAM, REGION_BITS, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_OVERLAP);
	bad = grant_of(&r, 8 * PAGE_SIZE, CAP_CNODE, PAGE_BITS, second);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_TYPE);
	bad = grant_of(&r, 8 * PAGE_SIZE, CAP_FRAME, PAGE_BITS, 0);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_SLOT_LOOKUP);
	bad.number = 100000;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_NOT_FOUND);
	bad = grant_of(&r, 8 * PAGE_SIZE, CAP_FRAME, PAGE_BITS, second);
	EXPECT_ERROR(mon_grant(core, (uint64_t)core << 32 | 0xfffffff0, &bad, &there), ERR_NO_PROCESS);
	EXPECT_OK(mon_ram_free(slot));
	event_wait(&came_back, 0);
	/* All of it again, whole. */
	bad = grant_of(&r, 0, CAP_RAM, REGION_BITS, second);
	EXPECT_OK(grant_self(&bad, &there));
	bad = grant_of(&r, 8 * PAGE_SIZE, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_OVERLAP);
	EXPECT_OK(cap_retype(second, 0, CAP_FRAME, REGION_BITS, 1, slot));
	EXPECT_OK(mon_ram_free(second));
	EXPECT_ERROR(cap_delete(slot), ERR_CAP_LOOKUP);
	EXPECT_OK(mon_region_free(core, r.base));
	/* One that is gone, where there is another now. */
	EXPECT_OK(mon_region(core, REGION_BITS, &next));
	bad = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_ERROR(grant_self(&bad, &there), ERR_NOT_FOUND);
	EXPECT_OK(mon_region_free(core, next.base));
	slot_free(slot);
	slot_free(second);
	return true;
}

/* Several frames by one grant: all or none. */
static bool test_frames(void)
{
	uint64_t page = SIZE_OF_BITS(PAGE_BITS), end = SIZE_OF_BITS(REGION_BITS);
	coreid_t core = process_self_core();
	struct cap_info info;
	struct mon_region r;
	struct mon_grant g, bad;
	paddr_t there;
	cptr_t run;

	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT_OK(slot_alloc_run(5, &run));
	g = grant_of(&r, 4 * page, CAP_FRAME, PAGE_BITS, run);
	g.more = 3;
	EXPECT_OK(grant_self(&g, &there));
	EXPECT(there == r.base + 4 * page);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_OK(cap_identify(run + i, &info));
		EXPECT(info.type == CAP_FRAME && info.bits == PAGE_BITS && info.base == there + i * page);
	}
	EXPECT_ERROR(grant_self(&g, &there), ERR_EXISTS);
	bad = g;
	bad.more = 4;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_SLOT_OCCUPIED);
	bad = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, run + 1);
	bad.more = 1;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_EXISTS); /* these two slots have been granted to */
	bad = grant_of(&r, 3 * page, CAP_FRAME, PAGE_BITS, run + 4);
	bad.more = 1;
	EXPECT(grant_self(&bad, &there) != ERR_OK); /* of the second somebody has something */
	EXPECT_ERROR(cap_identify(run + 4, &info), ERR_CAP_LOOKUP);
	bad = grant_of(&r, end - page, CAP_FRAME, PAGE_BITS, run + 4);
	bad.more = 1;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_SIZE);
	bad = grant_of(&r, 0, CAP_RAM, PAGE_BITS, run + 4);
	bad.more = 1;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_TYPE);
	bad = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, run + 4);
	bad.more = MON_GRANT_MOST;
	EXPECT_ERROR(grant_self(&bad, &there), ERR_RETYPE_SIZE);
	for (unsigned i = 0; i < 4; i++) { /* each goes back by itself */
		EXPECT_ERROR(mon_region_free(core, r.base), ERR_CAP_BUSY);
		EXPECT_OK(mon_ram_free(run + i));
	}
	event_wait(&came_back, 0);
	EXPECT_OK(mon_region_free(core, r.base));
	for (unsigned i = 0; i < 5; i++)
		slot_free(run + i);
	return true;
}

static bool test_quota(void)
{
	coreid_t core = process_self_core();
	uint64_t most, has, before;
	struct mon_region r;
	struct mon_grant g;
	paddr_t there;
	cptr_t slot;

	EXPECT_OK(mon_quota(process_self_pid(), &most, &before));
	EXPECT(most == 0);
	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(mon_quota_set(process_self_pid(), before + PAGE_SIZE));
	g = grant_of(&r, 0, CAP_FRAME, PAGE_BITS + 1, slot);
	EXPECT_ERROR(grant_self(&g, &there), ERR_QUOTA);
	EXPECT_ERROR(mon_ram_alloc(PAGE_BITS + 1, slot), ERR_QUOTA);
	g.bits = PAGE_BITS;
	EXPECT_OK(grant_self(&g, &there));
	EXPECT_OK(mon_quota(process_self_pid(), &most, &has));
	EXPECT(most == has && has == before + PAGE_SIZE);
	EXPECT_OK(mon_ram_free(slot));
	EXPECT_OK(mon_quota_set(process_self_pid(), 0));
	EXPECT_OK(mon_quota(process_self_pid(), &most, &has));
	EXPECT(most == 0 && has == before);
	EXPECT_ERROR(mon_quota_set(process_self_pid() | 0xfffffff0, 0), ERR_NO_PROCESS);
	EXPECT_OK(mon_region_free(core, r.base));
	slot_free(slot);
	return true;
}

static err_t child_start(coreid_t core, const char *what, uint64_t *pid)
{
	return mon_spawn(core, 2, (const char *const[]){ "regions", what }, pid);
}

/* Gets a child blocks by grant, kills it, and finds each block again, once. */
static bool child_dies(coreid_t core)
{
	uint64_t map[MON_GRANTED_PAGES / 64], seen = 0, pid, at = core_free(core);
	struct mon_returned part[MON_RETURNED_PART];
	unsigned count, all;
	struct mon_region r;
	struct mon_grant g;
	paddr_t there;

	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT(core_free(core) == at);
	EXPECT_OK(child_start(core, "hold", &pid));
	g = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, CHILD_SLOT << 8);
	EXPECT_ERROR(mon_grant(core, pid, &g, &there), ERR_SLOT_LOOKUP);
	for (unsigned i = 0; i < PARTS; i++) {
		g = grant_of(&r, i * PAGE_SIZE, i % 2 ? CAP_RAM : CAP_FRAME, PAGE_BITS, CPTR(L1_TASK, CHILD_FREE + i));
		EXPECT_OK(mon_grant(core, pid, &g, &there));
	}
	EXPECT_OK(mon_granted(core, r.base, 0, map));
	for (unsigned i = 0; i < MON_GRANTED_PAGES; i++)
		EXPECT((map[i / 64] >> i % 64 & 1) == (i < PARTS));
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	for (all = 0; all < PARTS;) {
		EXPECT_OK(mon_returned(core, r.base, part, &count));
		for (unsigned i = 0; i < count; i++) {
			uint64_t bit = (part[i].base - r.base) / PAGE_SIZE;

			EXPECT(bit < PARTS && !(seen >> bit & 1) && part[i].bits == PAGE_BITS);
			seen |= UINT64_C(1) << bit;
			all++;
		}
		if (!count)
			event_wait(&came_back, 0);
	}
	EXPECT_ERROR(mon_grant(core, pid, &g, &there), ERR_NO_PROCESS);
	EXPECT_OK(mon_region_free(core, r.base));
	EXPECT(core_free(core) == at);
	return true;
}

static bool test_child(void) { return child_dies(process_self_core()); }
static bool test_child_far(void) { return child_dies(last_core()); }

/* The child takes the region over; then it is not ours to grant. */
static bool test_owner(void)
{
	coreid_t core = process_self_core();
	struct mon_region r, seen, own;
	struct mon_grant g;
	paddr_t there;
	uint64_t pid;
	char text[32], owner[32];
	cptr_t slot;

	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	EXPECT_OK(slot_alloc(&slot));
	snprintf(text, sizeof text, "%llx", (unsigned long long)r.base);
	snprintf(owner, sizeof owner, "%llx", (unsigned long long)process_self_pid());
	EXPECT_OK(mon_spawn(core, 4, (const char *const[]){ "regions", "own", text, owner }, &pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	g = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_ERROR(grant_self(&g, &there), ERR_DENIED);
	EXPECT_ERROR(mon_region_free(core, r.base), ERR_DENIED);
	for (unsigned from = 0; !mon_regions(core, from, &seen) && seen.base != r.base;)
		from = mon_region_place(&seen) + 1;
	EXPECT(seen.base == r.base && seen.owner == pid);
	EXPECT_ERROR(mon_region_own(core, r.base + PAGE_SIZE, pid, &own), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_region_own(core, r.base, process_self_pid(), &own), ERR_DENIED);
	EXPECT_OK(mon_region_own(core, r.base, pid, &own));
	EXPECT(own.number == r.number && own.granted == 0);
	EXPECT_OK(grant_self(&g, &there));
	EXPECT_OK(mon_region_own(core, r.base, process_self_pid(), &own));
	EXPECT(own.granted == PAGE_SIZE);
	EXPECT_OK(mon_ram_free(slot));
	EXPECT_OK(mon_region_free(core, r.base));
	slot_free(slot);
	return true;
}

/* When there are too many the empty ones go; when none is empty, it is an error. */
static bool test_many(void)
{
	coreid_t core = process_self_core();
	struct mon_region first, r;
	unsigned count = 0, slots = 0;
	struct mon_grant g;
	paddr_t there;
	cptr_t slot;
	err_t err;

	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(mon_region(core, PAGE_BITS, &first));
	g = grant_of(&first, 0, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_OK(grant_self(&g, &there));
	while (count < REGIONS_MANY && !mon_region(core, PAGE_BITS, &r))
		count++;
	EXPECT(count == REGIONS_MANY);
	count = 0;
	for (unsigned from = 0; !mon_regions(core, from, &r); from = mon_region_place(&r) + 1)
		count++;
	EXPECT(count > 1 && count < REGIONS_MANY);
	for (unsigned from = 0; !mon_regions(core, from, &r); from = mon_region_place(&r) + 1)
		if (r.owner == process_self_pid() && !r.granted)
			EXPECT_OK(mon_region_free(core, r.base));
	do {
		slots++;
		EXPECT_OK(slot_alloc(&slot));
		err = mon_region(core, PAGE_BITS, &r);
		g = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, slot);
		if (!err)
			EXPECT_OK(grant_self(&g, &there));
		many[slots] = slot;
	} while (!err && slots < REGIONS_MANY);
	EXPECT(err == ERR_REGIONS && slots >= 64);
	slot_free(many[slots]);
	while (--slots) {
		EXPECT_OK(mon_ram_free(many[slots]));
		slot_free(many[slots]);
	}
	EXPECT_OK(mon_region(core, PAGE_BITS, &r));
	return true;
}

/* When memory is short the monitor takes back what is granted to nobody. */
static bool test_short(void)
{
	static cptr_t slots[128];
	coreid_t core = process_self_core();
	struct mon_region r;
	struct mon_grant g;
	unsigned n = 0;
	paddr_t there;
	cptr_t slot;

	EXPECT_OK(slot_alloc(&slot));
	for (unsigned i = 0; i < sizeof slots / sizeof *slots; i++)
		EXPECT_OK(slot_alloc(&slots[i]));
	EXPECT_OK(mon_region(core, REGION_BITS, &r));
	for (unsigned bits = 36; bits >= REGION_BITS; bits--)
		while (n < sizeof slots / sizeof *slots && !mon_ram_alloc(bits, slots[n]))
			n++;
	g = grant_of(&r, 0, CAP_FRAME, PAGE_BITS, slot);
	EXPECT_ERROR(grant_self(&g, &there), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_region_free(core, r.base), ERR_NOT_FOUND);
	while (n--)
		EXPECT_OK(mon_ram_free(slots[n]));
	for (unsigned i = 0; i < sizeof slots / sizeof *slots; i++)
		slot_free(slots[i]);
	slot_free(slot);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "a region is made, listed and given back", test_make },
	{ "a grant is made, seen, repeated, and comes back", test_grant },
	{ "what cannot be granted is refused", test_refusals },
	{ "several frames are granted at once", test_frames },
	{ "a quota bounds grants and what monitors give", test_quota },
	{ "all of a dead process comes back, once", test_child },
	{ "so it does on another core", test_child_far },
	{ "a region has one owner", test_owner },
	{ "too many regions get an error", test_many },
	{ "short memory takes back what nobody has", test_short },
};
#define TESTS (sizeof tests / sizeof *tests)

static int child_own(const char *base, const char *owner)
{
	unsigned long long at, from;
	struct mon_region own;

	return sscanf(base, "%llx", &at) != 1 || sscanf(owner, "%llx", &from) != 1 ||
	       mon_region_own(process_self_core(), at, from, &own);
}

int main(int argc, char **argv)
{
	unsigned failed = 0;

	if (argc == 4 && !strcmp(argv[1], "own"))
		return child_own(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "hold"))
		event_wait(&came_back, 0);
	mon_set_back_handler(back);
	printf("1..%u\n", (unsigned)TESTS);
	for (unsigned i = 0; i < TESTS; i++) {
		bool passed = tests[i].run();

		/* Words of what this one gave back at its end are not the next one's. */
		came_back.set = 0;
		failed += !passed;
		printf("%sok %u - regions: %s\n", passed ? "" : "not ", i + 1, tests[i].name);
		fflush(stdout);
	}
	printf("regions: %u failed\n", failed);
	return failed != 0;
}
