/*
 * The page service, as its callers see it: what page_take gives and refuses, and that all of it
 * comes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fleet/client.h"
#include "libos/posix/page_stock.h"
#include "services/page/page_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define MANY 1500 /* more pages than a chunk has */
#define CORES_TRIED 4
#define STOCKED 20 /* more than are granted ahead */

static struct fleet_client fleet;
static struct rpc_client *page;

static err_t page_connect(void)
{
	struct fabric *f;
	err_t err = page ? ERR_OK : fabric_here(&f);

	if (!err && !page)
		err = fleet_client_init(&fleet, f, NULL, PAGE_FLEET); /* it may be starting yet */
	if (!err)
		page = &fleet.rpc;
	return err;
}

static err_t take(unsigned bits, unsigned kind, cptr_t slot, uint64_t *base)
{
	return page_take(page, bits, kind, slot, process_self_core(), base);
}

static bool test_take(void)
{
	struct cap_info info;
	uint64_t base, again;
	volatile uint8_t *byte;
	vaddr_t at;
	cptr_t slot;

	EXPECT_OK(page_connect());
	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(take(PAGE_BITS, PAGE_FRAME, slot, &base));
	EXPECT_OK(cap_identify(slot, &info));
	EXPECT(info.type == CAP_FRAME && info.bits == PAGE_BITS && info.base == base);
	EXPECT_OK(vspace_map_frame(slot, PAGE_BITS, MAP_READ | MAP_WRITE, &at));
	byte = (volatile uint8_t *)at;
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		EXPECT(byte[i] == 0);
	byte[0] = 1;
	EXPECT_OK(take(PAGE_BITS, PAGE_FRAME, slot, &again));
	EXPECT(again == base);
	EXPECT(byte[0] == 1);
	EXPECT_ERROR(take(PAGE_BITS + 1, PAGE_FRAME, slot, &again), ERR_SLOT_OCCUPIED);
	EXPECT_ERROR(take(PAGE_BITS, PAGE_RAM, slot, &again), ERR_SLOT_OCCUPIED);
	EXPECT_OK(vspace_unmap(at));
	EXPECT_OK(mon_ram_free(slot));
	EXPECT_ERROR(cap_identify(slot, &info), ERR_CAP_LOOKUP);
	slot_free(slot);
	return true;
}

static bool test_sizes(void)
{
	struct cap_info info;
	uint64_t base;
	cptr_t slot;

	EXPECT_OK(slot_alloc(&slot));
	for (unsigned bits = PAGE_BITS; bits <= 23; bits++) {
		unsigned kind = bits % 2 ? PAGE_RAM : PAGE_FRAME;

		EXPECT_OK(take(bits, kind, slot, &base));
		EXPECT_OK(cap_identify(slot, &info));
		EXPECT(info.type == (kind == PAGE_RAM ? CAP_RAM : CAP_FRAME) && info.bits == bits && info.base == base);
		EXPECT_OK(mon_ram_free(slot));
	}
	EXPECT_ERROR(take(PAGE_BITS - 1, PAGE_FRAME, slot, &base), ERR_ARGUMENT);
	EXPECT_ERROR(take(64, PAGE_FRAME, slot, &base), ERR_ARGUMENT);
	EXPECT_ERROR(take(PAGE_BITS, PAGE_KINDS, slot, &base), ERR_ARGUMENT);
	EXPECT_ERROR(take(PAGE_BITS, PAGE_FRAME, UINT64_C(1) << 40, &base), ERR_ARGUMENT);
	EXPECT_ERROR(take(PAGE_BITS, PAGE_FRAME, 0, &base), ERR_SLOT_LOOKUP);
	EXPECT_ERROR(page_take(page, PAGE_BITS, PAGE_FRAME, slot, CORES_MAX, &base), ERR_ARGUMENT);
	EXPECT_ERROR(page_take(page, PAGE_BITS, PAGE_FRAME, slot, CORES_MAX - 1, &base), ERR_CORE_ID);
	slot_free(slot);
	return true;
}

/* Each page is given once: the ledger is by address. */
static bool test_many(void)
{
	static struct {
		cptr_t slot;
		uint64_t base;
	} got[MANY];
	cptr_t slot;

	for (unsigned i = 0; i < MANY; i++) {
		EXPECT_OK(slot_alloc(&slot));
		got[i].slot = slot;
		EXPECT_OK(take(PAGE_BITS, PAGE_FRAME, slot, &got[i].base));
		for (unsigned j = 0; j < i; j++)
			EXPECT(got[j].base != got[i].base);
	}
	for (unsigned i = 0; i < MANY; i++)
		EXPECT_OK(mon_ram_free(got[i].slot));
	for (unsigned i = 0; i < MANY; i++)
		slot_free(got[i].slot);
	return true;
}

/* More than a call grants ahead; each is another, cleared, and goes back by itself. */
static bool test_stock(void)
{
	struct page_stock stock = { .page = page };
	uint64_t pid = process_self_pid(), most, before, has, base;
	struct cap_info info[STOCKED];
	cptr_t frame[STOCKED], run;

	EXPECT_OK(page_quota(page, pid, &most, &before));
	for (unsigned i = 0; i < STOCKED; i++) {
		EXPECT_OK(page_stock_take(&stock, &frame[i]));
		EXPECT_OK(cap_identify(frame[i], &info[i]));
		EXPECT(info[i].type == CAP_FRAME && info[i].bits == PAGE_BITS);
		for (unsigned j = 0; j < i; j++)
			EXPECT(info[j].base != info[i].base);
	}
	EXPECT_OK(page_quota(page, pid, &most, &has));
	EXPECT(has == before + 2 * PAGE_FRAMES_MOST * PAGE_SIZE);
	EXPECT_OK(page_quota_set(page, pid, has + 2 * PAGE_SIZE));
	EXPECT_OK(slot_alloc_run(PAGE_FRAMES_MOST, &run));
	EXPECT_ERROR(page_take_frames(page, 4, run, process_self_core(), &base), ERR_QUOTA);
	EXPECT_ERROR(page_take_frames(page, 3, run, process_self_core(), &base), ERR_ARGUMENT);
	EXPECT_ERROR(page_take_frames(page, 2 * PAGE_FRAMES_MOST, run, process_self_core(), &base), ERR_ARGUMENT);
	EXPECT_OK(page_take_frames(page, 2, run, process_self_core(), &base));
	EXPECT_OK(page_take_frames(page, 2, run, process_self_core(), &has));
	EXPECT(has == base); /* the same call again */
	EXPECT_OK(page_stock_give(run));
	EXPECT_OK(page_stock_give(run + 1));
	page_stock_close(&stock);
	for (unsigned i = 0; i < STOCKED; i++)
		EXPECT_OK(page_stock_give(frame[i]));
	EXPECT_OK(page_quota_set(page, pid, 0));
	EXPECT_OK(page_quota(page, pid, &most, &has));
	EXPECT(has == before);
	for (unsigned i = 2; i < PAGE_FRAMES_MOST; i++)
		slot_free(run + i);
	return true;
}

static bool test_quota(void)
{
	uint64_t pid = process_self_pid(), most, has, before, base;
	cptr_t slot;

	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(page_quota(page, pid, &most, &before));
	EXPECT(most == 0);
	EXPECT_OK(page_quota_set(page, pid, before + 3 * PAGE_SIZE));
	EXPECT_ERROR(take(PAGE_BITS + 2, PAGE_FRAME, slot, &base), ERR_QUOTA);
	EXPECT_OK(take(PAGE_BITS + 1, PAGE_FRAME, slot, &base));
	EXPECT_OK(page_quota(page, pid, &most, &has));
	EXPECT(most == before + 3 * PAGE_SIZE && has == before + 2 * PAGE_SIZE);
	EXPECT_OK(mon_ram_free(slot));
	EXPECT_OK(page_quota_set(page, pid, 0));
	EXPECT_ERROR(page_quota_set(page, pid | 0xfffffff0, 0), ERR_NO_PROCESS);
	slot_free(slot);
	return true;
}

/* All that there is; then the service says so, and goes on. */
static bool test_used_up(void)
{
	static cptr_t slots[256];
	unsigned n = 0;
	uint64_t base;
	err_t err = ERR_OK;

	for (unsigned bits = 40; bits >= 20; bits--) {
		err = ERR_OK;
		while (!err && n < sizeof slots / sizeof *slots) {
			EXPECT_OK(slot_alloc(&slots[n]));
			err = take(bits, PAGE_RAM, slots[n], &base);
			if (err)
				slot_free(slots[n]);
			else
				n++;
		}
		EXPECT(err == ERR_NO_MEMORY);
	}
	EXPECT(n > 0);
	for (unsigned i = 0; i < n; i++)
		EXPECT_OK(mon_ram_free(slots[i]));
	EXPECT_OK(take(20, PAGE_RAM, slots[0], &base));
	EXPECT_OK(mon_ram_free(slots[0]));
	for (unsigned i = 0; i < n; i++)
		slot_free(slots[i]);
	return true;
}

/* --- malloc, whose memory is the service's ------------------------------------------------- */

#define MUCH (UINT64_C(6) << 20)
#define LARGE_BITS 24
#define MEMBERS_TRIED 6

static bool memory_is_there(char *at, size_t bytes)
{
	if (!at)
		return false;
	for (size_t i = 0; i < bytes; i += PAGE_SIZE)
		at[i] = (char)(i >> PAGE_BITS);
	for (size_t i = 0; i < bytes; i += PAGE_SIZE)
		if (at[i] != (char)(i >> PAGE_BITS))
			return false;
	return true;
}

/*
 * What the members have given that were there when it was first called. Of two that are equally near each client gets
 * the next one's in turn.
 */
static err_t members_taken(uint64_t *taken)
{
	static struct rpc_client member[MEMBERS_TRIED];
	struct page_stat stat;
	struct fabric *f;
	err_t err = fabric_here(&f);

	*taken = 0;
	for (unsigned i = 0; i < MEMBERS_TRIED && !err; i++) {
		bool again = false;

		if (!member[i].channel)
			err = rpc_connect(&member[i], f, NULL, PAGE_FLEET);
		for (unsigned j = 0; j < i; j++)
			again |= member[j].peer == member[i].peer;
		if (!err && !again)
			err = page_stat(&member[i], &stat);
		if (!err && !again)
			*taken += stat.taken;
	}
	return err;
}

/* In the child: what it needs beyond its first block is from a member, but for the first of that. */
int deed_heap_of_service(const char *arg)
{
	uint64_t before, after;

	(void)arg;
	if (page_connect() || !memory_is_there(malloc(MUCH), MUCH) || members_taken(&before))
		return 1;
	if (!memory_is_there(malloc(MUCH), MUCH) || members_taken(&after))
		return 2;
	return after > before ? 0 : 3;
}

/* Its memory comes back as any other: test_dead. */
static bool test_heap(void)
{
	unsigned cause;
	uint64_t status;

	EXPECT_OK(child_run(process_self_core(), "heap-of-service", "", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	return true;
}

static bool test_heap_quota(void)
{
	uint64_t pid = process_self_pid(), most, has;
	char *p;

	EXPECT_OK(page_connect());
	EXPECT_OK(page_quota(page, pid, &most, &has));
	EXPECT_OK(page_quota_set(page, pid, has + MUCH / 2));
	errno = 0;
	p = malloc(4 * MUCH);
	free(p);
	EXPECT(!p && errno == ENOMEM);
	EXPECT_OK(page_quota_set(page, pid, 0));
	p = malloc(4 * MUCH);
	EXPECT(memory_is_there(p, 4 * MUCH));
	free(p);
	return true;
}

/* A frame that takes a whole block of the service's goes back to it. */
static bool test_heap_back(void)
{
	uint64_t pid = process_self_pid(), most, before, with, after;
	cptr_t frame;

	EXPECT_OK(page_connect());
	EXPECT_OK(page_quota(page, pid, &most, &before));
	EXPECT_OK(ram_reserve(SIZE_OF_BITS(22), PAGE_BITS)); /* there is enough without it */
	EXPECT_OK(ram_object(CAP_FRAME, LARGE_BITS, &frame));
	EXPECT_OK(page_quota(page, pid, &most, &with));
	EXPECT(with >= before + SIZE_OF_BITS(LARGE_BITS));
	EXPECT_OK(ram_free(frame));
	EXPECT_OK(page_quota(page, pid, &most, &after));
	EXPECT(after <= with - SIZE_OF_BITS(LARGE_BITS));
	return true;
}

/* In the child: takes that many pages, leaves them all. */
int deed_take_pages(const char *arg)
{
	unsigned count = (unsigned)strtoul(arg, NULL, 10);
	uint64_t base;
	cptr_t slot;

	if (page_connect())
		return 1;
	for (unsigned i = 0; i < count; i++)
		if (slot_alloc(&slot) || take(i % 8 ? PAGE_BITS : 20, i % 2 ? PAGE_FRAME : PAGE_RAM, slot, &base))
			return 2;
	return 0;
}

static uint64_t core_free(coreid_t core)
{
	struct mon_core c = { 0 };

	return mon_core(core, &c) || c.state != MON_CORE_UP ? 0 : c.ram_free;
}

static bool children_die(coreid_t core, unsigned count)
{
	unsigned cause;
	uint64_t status;

	for (unsigned i = 0; i < count; i++) {
		EXPECT_OK(child_run(core, "take-pages", "40", &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
		EXPECT_OK(child_run(core, "heap-of-service", "", &cause, &status));
		if (cause != MON_EXITED || status)
			printf("# heap-of-service on core %u: cause %u, status %lu\n", core, cause,
			       (unsigned long)status);
		EXPECT(cause == MON_EXITED && status == 0);
	}
	return true;
}

static bool test_dead(void)
{
	for (coreid_t core = 0; core < CORES_TRIED && core_free(core); core++) {
		uint64_t before, after = 0;
		unsigned tries = 0;

		/* A member of some fleet may start meanwhile; what is lost is lost each time. */
		do {
			EXPECT(children_die(core, 1));
			before = core_free(core);
			EXPECT(children_die(core, 5));
			after = core_free(core);
		} while (after < before && ++tries < 4);
		EXPECT(after >= before);
	}
	return true;
}

/* --- a program that takes all that it can get -------------------------------------------------- */

static void *pieces_take(size_t bytes)
{
	void *last = NULL, **piece;

	while ((piece = malloc(bytes))) {
		memset(piece, 1, bytes);
		*piece = last;
		last = piece;
	}
	return last;
}

static void pieces_give(void *piece)
{
	while (piece) {
		void *next = *(void **)piece;

		free(piece);
		piece = next;
	}
}

static bool child_starts(void)
{
	static const char *const argv[] = { "exit", "7" };
	unsigned cause;
	uint64_t pid, status;

	EXPECT_OK(mon_spawn(process_self_core(), 2, argv, &pid));
	EXPECT_OK(mon_wait(pid, &cause, &status));
	return cause == MON_EXITED && status == 7;
}

/* A pipe's channel has 512 KiB of its own. */
static bool pipe_works(void)
{
	char got[8];
	int end[2];

	EXPECT(!pipe(end));
	EXPECT(write(end[1], "memory", 7) == 7 && read(end[0], got, sizeof got) == 7 && !strcmp(got, "memory"));
	return !close(end[0]) && !close(end[1]);
}

/* In the child: when its heap has all that there is, it and others can still start programs and connect. */
int deed_take_all(const char *arg)
{
	static void *large; /* till the end */
	struct mon_core c;
	void *small;
	int status;

	(void)arg;
	large = pieces_take(SIZE_OF_BITS(20));
	if (!large)
		return 1;
	small = pieces_take(SIZE_OF_BITS(14));
	status = mon_core(process_self_core(), &c) || c.ram_free > c.ram_total / 8 ? 2 : 0;
	pieces_give(small); /* to its heap */
	if (status)
		return status;
	if (!child_starts())
		return 3;
	return pipe_works() && child_starts() ? 0 : 4;
}

static bool all_taken(coreid_t core)
{
	unsigned cause;
	uint64_t status;

	EXPECT_OK(child_run(core, "take-all", "", &cause, &status));
	if (cause != MON_EXITED || status)
		printf("# take-all on core %u: cause %u, status %lu\n", core, cause, (unsigned long)status);
	return cause == MON_EXITED && status == 0;
}

static bool test_short(void)
{
	coreid_t core = core_free(1) ? 1 : 0;
	uint64_t before, after;
	unsigned tries = 0;

	EXPECT(all_taken(core)); /* services have learnt what they keep */
	do {                     /* a member of some fleet may start or end meanwhile */
		before = core_free(core);
		EXPECT(all_taken(core));
		after = core_free(core);
	} while (after != before && ++tries < 4);
	if (after != before)
		printf("# free before %lu, after %lu\n", (unsigned long)before, (unsigned long)after);
	EXPECT(after == before);
	return true;
}

const struct test grant_tests[] = {
	{ "a page is taken, mapped and given back", test_take },
	{ "blocks of all sizes, and what is none", test_sizes },
	{ "of many pages each is given once", test_many },
	{ "pages that are granted ahead", test_stock },
	{ "a quota that is used up", test_quota },
	{ "malloc has its memory of the service", test_heap },
	{ "malloc at a quota, and without it again", test_heap_quota },
	{ "a large frame's memory goes back", test_heap_back },
	{ "all memory of a dead process comes back", test_dead },
	{ "memory that is used up", test_used_up },
	{ "when one has all memory others start, connect and end", test_short },
	{ NULL, NULL },
};
