/*
 * Deeds of child processes that use up what there is of something: each call must
 * say so by its error, and the process go on.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"
#include "user/tests/child.h"

#define PIECE (1 << 20)
#define SLOTS 65536
#define THREADS 4096

static struct piece {
	struct piece *next;
} * pieces;

static void *thread_rest(void *arg)
{
	mutex_lock(arg);
	mutex_unlock(arg);
	return NULL;
}

/* Takes memory and touches it till malloc says that there is no more, then everything else that needs memory. */
int deed_use_memory(const char *arg)
{
	struct piece *p;
	cptr_t frame;

	(void)arg;
	while ((p = malloc(PIECE))) {
		memset(p, 1, PIECE);
		p->next = pieces;
		pieces = p;
	}
	if (errno != ENOMEM)
		return 1;
	if (!ram_alloc(24, &frame) || sbrk(INTPTR_MAX) != (void *)-1 || sbrk(INTPTR_MIN) != (void *)-1)
		return 2;
	while ((p = pieces)) {
		pieces = p->next;
		free(p);
	}
	p = malloc(4 * PIECE);
	if (!p)
		return 3;
	memset(p, 2, 4 * PIECE);
	free(p);
	return 0;
}

int deed_use_threads(const char *arg)
{
	static struct thread *thread[THREADS];
	static struct mutex gate = MUTEX_INIT;
	unsigned count = 0;
	err_t err = ERR_OK;

	(void)arg;
	mutex_lock(&gate);
	while (count < THREADS && !(err = thread_create(&thread[count], thread_rest, &gate)))
		count++;
	mutex_unlock(&gate);
	for (unsigned i = 0; i < count; i++)
		thread_join(thread[i], NULL);
	return count < 100 || (err && err != ERR_NO_MEMORY && err != ERR_NO_SLOTS);
}

int deed_use_slots(const char *arg)
{
	cptr_t *slot = malloc(SLOTS * sizeof *slot);
	unsigned count = 0;
	vaddr_t va;
	cptr_t one;
	err_t err;

	(void)arg;
	if (!slot)
		return 3;
	/* The heap's pages take slots when they are touched. */
	memset(slot, 0, SLOTS * sizeof *slot);
	while (count < SLOTS && !(err = slot_alloc(&slot[count])))
		count++;
	if (err != ERR_NO_SLOTS || slot_alloc_run(2, &one) == ERR_OK || slot_alloc_run(257, &one) != ERR_ARGUMENT)
		return 1;
	if (frame_alloc_map(12, NULL, &va) != ERR_NO_SLOTS)
		return 2;
	while (count)
		slot_free(slot[--count]);
	return frame_alloc_map(12, NULL, &va) != ERR_OK;
}

/* What can be said wrong of a mapping. */
int deed_map_badly(const char *arg)
{
	const unsigned flags = MAP_READ | MAP_WRITE;
	const vaddr_t free_va = UINT64_C(0x30000000000);
	cptr_t frame;

	(void)arg;
	if (frame_alloc(12, &frame))
		return 1;
	if (!vspace_map_at(free_va + 1, frame, 4096, 0, flags) || !vspace_map_at(free_va, frame, 0, 0, flags) ||
	    !vspace_map_at(free_va, frame, 4095, 0, flags) || !vspace_map_at(free_va, frame, 8192, 0, flags) ||
	    !vspace_map_at(free_va, frame, 4096, 4096, flags) || !vspace_map_at(free_va, frame, 4096, 0, ~0u))
		return 2;
	if (!vspace_map_at(UINT64_C(0xffff800000000000), frame, 4096, 0, flags) ||
	    !vspace_map_at(free_va, frame, ~UINT64_C(0xfff), 0, flags) ||
	    !vspace_map_at(free_va, TASK_RAM, 4096, 0, flags))
		return 3;
	if (!vspace_unmap(free_va) || !vspace_protect(free_va, 4096, MAP_READ))
		return 4;
	if (vspace_map_at(free_va, frame, 4096, 0, flags))
		return 5;
	*(volatile int *)free_va = 1;
	if (!vspace_map_at(free_va, frame, 4096, 0, flags))
		return 6;
	return vspace_unmap(free_va) != ERR_OK;
}
