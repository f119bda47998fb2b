/*
 * What the tests have a process do that spans cores.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "user/tests/child.h"

static volatile unsigned visited;

/* Members on cores 0 to n - 1, this one's own included; 0, or 1 + the first error. */
static int span_to(unsigned n)
{
	for (coreid_t core = 0; core < n; core++) {
		err_t err = core == dispatcher_core() ? ERR_OK : cpu_join(core);

		if (err)
			return 1 + (int)err;
	}
	return 0;
}

/* A thread goes to every core in turn, and what it writes is there on the next. */
int deed_span_visit(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	int failed = span_to(n);

	for (coreid_t core = 0; core < n && !failed; core++) {
		thread_visit(core);
		if (visited != core || dispatcher_core() != core)
			return 100;
		visited++;
	}
	return failed;
}

/* exit() on the last of n cores. */
int deed_span_exit(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	int failed = span_to(n);

	if (!failed && thread_hop(n - 1))
		failed = 100;
	exit(failed ? failed : 7);
}

/* A fault on the last of n cores, which ends all of it. */
int deed_span_fault(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	volatile int *nowhere = (volatile int *)8;
	int failed = span_to(n);

	__asm__("" : "+r"(nowhere));
	if (!failed && !thread_hop(n - 1))
		*nowhere = 1;
	return failed ? failed : 255;
}

static void *spin_on(void *core)
{
	thread_hop((coreid_t)(uintptr_t)core);
	for (;;)
		visited = visited + 1;
	return NULL;
}

/* Runs on all of n cores for ever. */
int deed_span_spin(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	int failed = span_to(n);

	thread_set_preemptive(true);
	for (coreid_t core = 0; core < n && !failed; core++) {
		struct thread *t;

		failed = thread_create(&t, spin_on, (void *)(uintptr_t)core) != ERR_OK;
	}
	if (failed)
		return failed;
	mon_export("span.spins", &(uint32_t){ 0 });
	spin_on(0);
	return 0;
}

/* What must be refused. */
int deed_span_refused(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	coreid_t here = dispatcher_core(), other = (coreid_t)((here + 1) % n);
	struct mon_message m = { .word = { here } };

	if (cpu_join(here) != ERR_EXISTS)
		return 1;
	if (cpu_join(CORES_MAX) != ERR_CORE_ID || cpu_join(n) == ERR_OK || cpu_join(255) == ERR_OK)
		return 2;
	if (n > 1 && (cpu_join(other) != ERR_OK || cpu_join(other) != ERR_EXISTS))
		return 3;
	if (mon_call(MON_SPAN, &m) != ERR_EXISTS)
		return 4;
	m = (struct mon_message){ .word = { other } };
	if (n > 1 && mon_call(MON_SPAN, &m) != ERR_EXISTS)
		return 5;
	m = (struct mon_message){ .word = { UINT64_MAX, 0, 0 } };
	if (mon_call(MON_SPAN, &m) == ERR_OK)
		return 6;
	m = (struct mon_message){ .word = { TASK_VSPACE, 5 } };
	if (mon_call(MON_ROOT_SLOT, &m) != ERR_CAP_TYPE)
		return 7;
	m = (struct mon_message){ .word = { n, TASK_ARGS_FRAME } };
	if (mon_call(MON_UNMAP, &m) != ERR_CORE_ID)
		return 8;
	m = (struct mon_message){ .word = { dispatcher_core(), UINT64_C(1) << 32 } };
	if (mon_call(MON_UNMAP, &m) != ERR_SLOT_LOOKUP)
		return 9;
	return 0;
}

/* --- memory ------------------------------------------------------------------------- */

#define BLOCK 200000
#define FAR_VA UINT64_C(0x18000000000) /* under a top-level slot that nothing else uses */

/* What is written on one core is there on all, wherever the memory comes from. */
static bool pattern_holds(const unsigned char *p, size_t bytes, unsigned char value)
{
	for (size_t i = 0; i < bytes; i += 512)
		if (p[i] != value)
			return false;
	return true;
}

/* Each core brings memory to the heap; all others find it there. */
int deed_span_heap(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	static unsigned char *block[16]; /* theirs till the process ends */
	int failed = span_to(n);

	for (coreid_t core = 0; core < n && !failed; core++) {
		if (thread_hop(core))
			return 100;
		block[core] = malloc(BLOCK);
		if (!block[core])
			return 101;
		memset(block[core], (int)core + 1, BLOCK);
		for (coreid_t other = 0; other <= core; other++)
			if (!pattern_holds(block[other], BLOCK, (unsigned char)(other + 1)))
				return 102;
	}
	for (coreid_t core = 0; core < n && !failed; core++) {
		thread_hop(core);
		for (coreid_t other = 0; other < n; other++)
			if (!pattern_holds(block[other], BLOCK, (unsigned char)(other + 1)))
				return 103;
	}
	return failed;
}

static unsigned char *heap_shared;
static unsigned heap_share;

static void *touch_own(void *core)
{
	uintptr_t n = (uintptr_t)core;

	/* Pinned: an idle core would take it. */
	thread_visit((coreid_t)n);
	memset(heap_shared + n * heap_share, (int)n + 1, heap_share);
	return (void *)(uintptr_t)dispatcher_core();
}

/* All cores at once, each at its part of one block, whose parts share chunks of memory and page tables. */
int deed_span_touch(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	struct thread *t[16];
	int failed = span_to(n);

	heap_share = 100000;
	heap_shared = malloc((size_t)n * heap_share);
	if (!heap_shared)
		return 101;
	for (coreid_t core = 0; core < n && !failed; core++)
		failed = thread_create(&t[core], touch_own, (void *)(uintptr_t)core) ? 102 : 0;
	for (coreid_t core = 0; core < n && !failed; core++) {
		void *at;

		thread_join(t[core], &at);
		if (at != (void *)(uintptr_t)core)
			failed = 103;
	}
	for (coreid_t core = 0; core < n && !failed; core++)
		if (!pattern_holds(heap_shared + core * heap_share, heap_share, (unsigned char)(core + 1)))
			failed = 104;
	return failed;
}

/* A page from each core to each; what was unmapped by one that did not map it is gone, and can be mapped again. */
int deed_span_unmap(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	int failed = span_to(n);

	for (coreid_t core = 0; core < n && !failed; core++) {
		cptr_t frame;
		vaddr_t va;

		thread_visit(core);
		if (frame_alloc_map(PAGE_BITS, &frame, &va))
			return 101;
		*(volatile unsigned *)va = core;
		thread_visit((core + 1) % n);
		if (*(volatile unsigned *)va != core)
			return 102;
		if (vspace_unmap(va))
			return 103;
		if (vspace_unmap(va) != ERR_NOT_FOUND)
			return 104;
		thread_visit(core);
		if (vspace_map_at(va, frame, PAGE_SIZE, 0, MAP_READ | MAP_WRITE))
			return 105;
		if (*(volatile unsigned *)va != core)
			return 106;
		if (vspace_unmap(va) || ram_free(frame))
			return 107;
		thread_unpin();
		thread_unpin();
		thread_unpin();
	}
	return failed;
}

static volatile unsigned readers, gone;
static volatile unsigned *watched;

/* Reads what all have in their translations; when it is gone nobody must read it any more. */
static void *read_watched(void *core)
{
	thread_hop((coreid_t)(uintptr_t)core);
	(void)*watched;
	__atomic_fetch_add(&readers, 1, __ATOMIC_SEQ_CST);
	while (!gone)
		thread_yield();
	if (gone == (uintptr_t)core)
		(void)*watched;
	return NULL;
}

/* The last core reads after the first has unmapped: that must fault. */
int deed_span_gone(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	struct thread *t;
	vaddr_t va;
	int failed = span_to(n);

	if (failed || frame_alloc_map(PAGE_BITS, NULL, &va))
		return 101;
	watched = (volatile unsigned *)va;
	for (coreid_t core = 1; core < n; core++)
		if (thread_create(&t, read_watched, (void *)(uintptr_t)core))
			return 102;
	while (readers != n - 1)
		thread_yield();
	if (vspace_unmap(va))
		return 103;
	gone = n - 1;
	thread_join(t, NULL);
	return 104;
}

/* Read-only on all cores, by one that did not map it; then writable; then the last core writes where it must not. */
int deed_span_protect(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	vaddr_t va;
	int failed = span_to(n);

	if (failed || frame_alloc_map(PAGE_BITS, NULL, &va))
		return 101;
	for (coreid_t core = 0; core < n; core++) {
		thread_hop(core);
		*(volatile unsigned *)va = core;
		if (vspace_protect(va, PAGE_SIZE, MAP_READ))
			return 102;
		if (*(volatile unsigned *)va != core)
			return 103;
		if (vspace_protect(va, PAGE_SIZE, MAP_READ | MAP_WRITE))
			return 104;
		*(volatile unsigned *)va = core + 1;
	}
	thread_hop(0);
	if (vspace_protect(va, PAGE_SIZE, MAP_READ))
		return 105;
	thread_hop(n - 1);
	*(volatile unsigned *)va = 0;
	return 106;
}

/* A top-level slot from the last core is there on all. */
int deed_span_root(const char *arg)
{
	unsigned n = (unsigned)atoi(arg);
	cptr_t frame;
	int failed = span_to(n);

	if (failed)
		return failed;
	thread_visit(n - 1);
	if (frame_alloc(PAGE_BITS, &frame) || vspace_map_at(FAR_VA, frame, PAGE_SIZE, 0, MAP_READ | MAP_WRITE))
		return 101;
	for (coreid_t core = 0; core < n; core++) {
		thread_visit(core);
		if (*(volatile unsigned *)FAR_VA != core)
			return 102;
		*(volatile unsigned *)FAR_VA = core + 1;
	}
	thread_visit(0);
	return vspace_unmap(FAR_VA) ? 103 : 0;
}

/* Does nothing on n cores, for long. */
int deed_span_still(const char *arg)
{
	int failed = span_to((unsigned)atoi(arg));

	if (!failed)
		thread_sleep_until(~UINT64_C(0) >> 1);
	return failed;
}

#define GUESTS 8
#define GUEST_TURNS 200

/* Till it is where the process is left to run; then it stays. Gives way all the time, or never. */
static void *stay_at(void *arg)
{
	const unsigned *at = arg;

	while (cpu_current() != at[0])
		if (at[1])
			thread_yield();
	for (unsigned i = 0; i < GUEST_TURNS; i++) {
		thread_yield();
		if (cpu_current() != at[0])
			return (void *)1;
	}
	return NULL;
}

/* All but the first of n cores are given back while threads run there; then one is taken again. */
int deed_span_close(const char *arg)
{
	unsigned n = (unsigned)atoi(arg), here = dispatcher_core(), at[2][2] = { { here, 0 }, { here, 1 } };
	coreid_t other = (coreid_t)((here + 1) % n);
	uint64_t only[CORES_MAX / 64] = { 0 }, any[CORES_MAX / 64];
	struct thread *guest[GUESTS];
	int failed = span_to(n);

	memset(any, 0xff, sizeof any);
	only[other / 64] = UINT64_C(1) << other % 64;
	for (unsigned i = 0; i < GUESTS && !failed; i++)
		failed = thread_create(&guest[i], stay_at, at[i % 2]) ? 100 : 0;
	if (!failed && thread_hop(other))
		failed = 101;
	for (coreid_t core = 0; core < n && !failed; core++)
		if (core != here && cpu_close(core))
			failed = 102;
	if (!failed && dispatcher_core() != here)
		failed = 103;
	if (!failed && cpu_close(here) != ERR_DENIED)
		failed = 104;
	if (!failed && (cpu_close(CORES_MAX) != ERR_CORE_ID || cpu_open(n) != ERR_CORE_ID))
		failed = 105;
	for (unsigned i = 0; i < GUESTS && !failed; i++) {
		void *strayed = (void *)1;

		if (thread_join(guest[i], &strayed) || strayed)
			failed = 106;
	}
	if (failed || n == 1)
		return failed;
	/* Who is bound there goes there nevertheless, and leaves when he is not any more. */
	thread_bind(thread_self(), only);
	if (dispatcher_core() != other)
		return 107;
	thread_bind(thread_self(), any);
	if (dispatcher_core() != here)
		return 108;
	return cpu_open(other) || thread_hop(other) || dispatcher_core() != other ? 109 : 0;
}

#define CONNECTIONS_TRIED 8192

/*
 * Speaks with the console over memory in page tables of n cores, then has its monitor close whatever connection it
 * has, and unmaps nothing.
 */
int deed_span_hang_up(const char *arg)
{
	int failed = span_to((unsigned)atoi(arg));

	if (failed)
		return failed;
	printf("# from core %u\n", dispatcher_core());
	fflush(stdout);
	for (uint64_t id = 1; id < CONNECTIONS_TRIED; id++) {
		struct mon_message m = { .word = { id } };

		mon_call(MON_CLOSE, &m);
	}
	mon_exit(0);
}
