/*
 * A process under load: many threads that allocate, map, wait for each other and
 * call the monitor, cooperative and then preempted at any instruction.
 *
 * Each thread checks what it wrote itself; `wrong` says that one found something else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/buddy.h"
#include "libos/core/dispatcher.h"
#include "libos/core/lmp.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

#define THREADS 12
#define BLOCKS 16
#define TAKEN_BYTES 100000
#define CALLS 300

static volatile bool wrong; /* set by any thread, never taken back by another */
static struct mutex lock;
static struct cond changed;
static uintptr_t turn;

static void expect(bool right)
{
	if (!right)
		wrong = true;
}

static unsigned random_next(unsigned *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static bool holds(const unsigned char *p, size_t bytes, unsigned char value)
{
	for (size_t i = 0; i < bytes; i++)
		if (p[i] != value)
			return false;
	return true;
}

struct block {
	unsigned char *p;
	size_t bytes;
};
static struct block blocks[THREADS][BLOCKS];

/* Fills a new block with a mark, or checks it and gives it back. */
static void block_turn(struct block *b, size_t bytes, unsigned char mark)
{
	if (b->p) {
		expect(holds(b->p, b->bytes, mark));
		free(b->p);
		b->p = NULL;
		return;
	}
	b->p = malloc(bytes);
	b->bytes = bytes;
	expect(b->p != NULL);
	if (b->p)
		memset(b->p, mark, bytes);
}

static void *allocate(void *arg)
{
	unsigned state = (unsigned)(uintptr_t)arg;
	struct block *block = blocks[(uintptr_t)arg];
	for (unsigned i = 0; i < 500; i++) {
		unsigned k = random_next(&state) % BLOCKS;
		block_turn(&block[k], random_next(&state) % 2000, (unsigned char)((uintptr_t)arg * BLOCKS + k));
		errno = (int)k;
		if (random_next(&state) % 8 == 0)
			thread_yield();
		expect(errno == (int)k);
	}
	for (unsigned k = 0; k < BLOCKS; k++)
		if (block[k].p)
			block_turn(&block[k], 0, (unsigned char)((uintptr_t)arg * BLOCKS + k));
	return NULL;
}

static void *map(void *arg)
{
	unsigned state = (unsigned)(uintptr_t)arg;
	for (unsigned i = 0; i < 20; i++) {
		unsigned bits = PAGE_BITS + random_next(&state) % 4;
		cptr_t frame;
		vaddr_t va;
		if (frame_alloc_map(bits, &frame, &va)) {
			wrong = true;
			break;
		}
		for (uint64_t at = 0; at < SIZE_OF_BITS(bits); at += PAGE_SIZE) {
			expect(*(volatile vaddr_t *)(va + at) == 0);
			*(volatile vaddr_t *)(va + at) = va + at;
		}
		thread_yield();
		for (uint64_t at = 0; at < SIZE_OF_BITS(bits); at += PAGE_SIZE)
			expect(*(volatile vaddr_t *)(va + at) == va + at);
		expect(vspace_unmap(va) == 0);
		expect(ram_free(frame) == 0);
	}
	return NULL;
}

static void *take_turns(void *arg)
{
	for (unsigned i = 0; i < 20; i++) {
		mutex_lock(&lock);
		while (turn != (uintptr_t)arg)
			cond_wait(&changed, &lock, 0);
		turn = (turn + 1) % THREADS;
		cond_broadcast(&changed);
		mutex_unlock(&lock);
	}
	return NULL;
}

static void *sleep_and_call(void *arg)
{
	for (unsigned i = 0; i < 5; i++) {
		cycles_t deadline = context_now() + 50000 * (1 + (uintptr_t)arg % 5);
		struct mon_core core;
		thread_sleep_until(deadline);
		expect(context_now() >= deadline);
		expect(mon_core(dispatcher_core(), &core) == 0 && core.tsc_hz == dispatcher_tsc_hz());
	}
	return NULL;
}

/* Long enough to lose the processor in the middle, with a rounding mode and numbers in registers of its own. */
static void *compute(void *arg)
{
	unsigned mode = 0x1f80 | ((unsigned)(uintptr_t)arg % 4) << 13, after;
	double sum = 0, step = (double)(uintptr_t)arg + 1;

	__asm__ volatile("ldmxcsr %0" : : "m"(mode));
	for (unsigned i = 0; i < 2000000; i++) {
		sum += step;
		__asm__ volatile("" : "+x"(sum), "+x"(step));
	}
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	expect(sum == 2000000 * ((double)(uintptr_t)arg + 1));
	expect((after & ~0x3fu) == (mode & ~0x3fu));
	return NULL;
}

static struct lmp_endpoint ends[THREADS];

/* Even threads ask, odd ones answer; all within this process. */
static void *converse(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	uint64_t words[LMP_WORDS] = { 0 };
	struct lmp_message in;

	if (i % 2) {
		expect(lmp_receive(&ends[i], &in, 0));
		for (unsigned n = 0; n < CALLS; n++) {
			expect(in.words[0] == n);
			words[0] = in.words[0] + 1;
			if (n + 1 < CALLS)
				expect(lmp_call(ends[i - 1].cap, 1, words, 0, &ends[i], &in) == 0);
			else
				expect(lmp_send_wait(ends[i - 1].cap, 1, words, 0) == 0);
		}
		return NULL;
	}
	for (unsigned n = 0; n < CALLS; n++) {
		words[0] = n;
		expect(lmp_call(ends[i + 1].cap, 1, words, 0, &ends[i], &in) == 0);
		expect(in.words[0] == n + 1);
	}
	return NULL;
}

static bool run_all(thread_fn *fn)
{
	struct thread *t[THREADS];
	wrong = false;
	turn = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT_OK(thread_create(&t[i], fn, (void *)i));
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(t[i], NULL);
	EXPECT(!wrong);
	return true;
}

static bool run_kinds(void)
{
	mutex_init(&lock, false);
	cond_init(&changed);
	EXPECT(run_all(allocate));
	EXPECT(run_all(map));
	EXPECT(run_all(take_turns));
	EXPECT(run_all(sleep_and_call));
	EXPECT(run_all(compute));
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_OK(lmp_endpoint_create(&ends[i], 4, false));
	EXPECT(run_all(converse));
	for (unsigned i = 0; i < THREADS; i++)
		EXPECT_OK(lmp_endpoint_destroy(&ends[i]));
	return true;
}

static bool cooperative(void) { return run_kinds(); }

static bool preempted(void)
{
	thread_set_preemptive(true);
	bool passed = run_kinds();
	thread_set_preemptive(false);
	return passed;
}

static size_t take_all(void ***list)
{
	size_t count = 0;
	void **block;
	while ((block = malloc(TAKEN_BYTES))) {
		memset(block, 0x5a, TAKEN_BYTES);
		*block = *list;
		*list = block;
		count++;
	}
	return count;
}

static void give_back(void **list)
{
	while (list) {
		void **block = list;
		list = *block;
		expect(((unsigned char *)block)[TAKEN_BYTES - 1] == 0x5a);
		free(block);
	}
}

/* All memory that the monitor gives, and back: malloc says when there is no more. */
static bool memory_runs_out(void)
{
	void **list = NULL;
	wrong = false;
	errno = 0;
	size_t count = take_all(&list);
	int reason = errno;
	give_back(list);
	EXPECT(reason == ENOMEM);
	EXPECT(count > 10);
	EXPECT(!wrong);
	void *block = malloc(TAKEN_BYTES * (count / 2));
	EXPECT(block != NULL);
	free(block);
	return true;
}

/* --- slots, too ---------------------------------------------------------------- */

#define SLOTS_MOST 20000
#define SLOTS_SPARE 100
#define CNODE_SLOTS 256
#define BRINK 20 /* slots that are left when one more cnode is soon to be made */
#define TOUCHERS 64
#define CHUNK_BYTES 65536

static struct {
	cptr_t *slot;
	size_t count;
} taken;

static bool slot_take(void)
{
	return taken.count < SLOTS_MOST && !slot_alloc(&taken.slot[taken.count]) && ++taken.count;
}

static void slots_give(size_t keep)
{
	while (taken.count > keep)
		slot_free(taken.slot[--taken.count]);
}

static bool slots_list(void)
{
	taken.slot = calloc(SLOTS_MOST, sizeof(*taken.slot));
	taken.count = 0;
	return taken.slot;
}

/* Where there is memory, but nowhere to put a capability to it. */
static bool slots_run_out(void)
{
	void **list = NULL;
	uint64_t left;
	size_t count;
	int reason;

	EXPECT(slots_list());
	while (slot_take())
		;
	EXPECT(taken.count > SLOTS_SPARE && taken.count < SLOTS_MOST);
	slots_give(taken.count - SLOTS_SPARE);
	wrong = false;
	errno = 0;
	count = take_all(&list);
	reason = errno;
	left = slots_left();
	give_back(list);
	slots_give(0);
	free(taken.slot);
	EXPECT(reason == ENOMEM && !wrong);
	EXPECT(count > 10 && left < SLOTS_SPARE / 2);
	return true;
}

static char *area;

static void *touch(void *arg)
{
	mutex_lock(&lock);
	mutex_unlock(&lock);
	area[(uintptr_t)arg * CHUNK_BYTES] = 1;
	return NULL;
}

/* All free memory of ours in frames, so that the next block has to be asked for; how many. */
static unsigned memory_drain(cptr_t *frames, unsigned most)
{
	err_t (*source)(unsigned bits, cptr_t slot) = ram_source;
	unsigned count = 0;

	ram_source = NULL;
	for (unsigned bits = BUDDY_BITS_MAX; bits >= PAGE_BITS; bits--)
		while (count < most && !frame_alloc(bits, &frames[count]))
			count++;
	ram_source = source;
	return count;
}

/* Slots up to BRINK ones are taken, and all memory, so that who makes a cnode waits for the monitor meanwhile. */
static unsigned brink_reach(cptr_t *frames, unsigned most)
{
	uint64_t left, before;
	unsigned count;

	/* A cnode has just been made when some that were still to be made are empty ones. */
	do
		before = ram_free_bytes();
	while (slot_take() && ram_free_bytes() == before);
	left = slots_left();
	count = memory_drain(frames, most);
	left = CNODE_SLOTS - (left - slots_left());
	while (left-- > BRINK && slot_take())
		;
	return count;
}

/* More threads than there are slots left bring memory to the heap while one of them makes more slots. */
static bool many_touch(void)
{
	static cptr_t frames[CNODE_SLOTS / 2];
	struct thread *t[TOUCHERS];
	unsigned drained;

	EXPECT(slots_list());
	area = malloc(TOUCHERS * CHUNK_BYTES);
	EXPECT(area);
	mutex_init(&lock, false);
	mutex_lock(&lock);
	for (uintptr_t i = 0; i < TOUCHERS; i++)
		EXPECT_OK(thread_create(&t[i], touch, (void *)i));
	drained = brink_reach(frames, CNODE_SLOTS / 2);
	mutex_unlock(&lock);
	for (unsigned i = 0; i < TOUCHERS; i++)
		thread_join(t[i], NULL);
	while (drained)
		EXPECT_OK(ram_free(frames[--drained]));
	slots_give(0);
	for (unsigned i = 0; i < TOUCHERS; i++)
		EXPECT(area[i * CHUNK_BYTES] == 1);
	free(area);
	free(taken.slot);
	return true;
}

const struct test load_tests[] = {
	{ "many threads, cooperative", cooperative },
	{ "many threads, preempted", preempted },
	{ 0 },
};

const struct test memory_tests[] = {
	/* Before slots run out: cnodes that were made stay. */
	{ "many threads touch what is new at once", many_touch },
	{ "slots run out: malloc says so, and no touch fails", slots_run_out },
	{ "it runs out and comes back", memory_runs_out },
	{ 0 },
};
