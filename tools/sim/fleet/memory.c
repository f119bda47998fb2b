/*
 * The heap of a process: classes of sizes, four to a power of two; blocks that were given back lie in
 * their class's list. The memory goes with the process.
 *
 * What a program calls by its C library's name comes here: the loader looks for guest_ and the name first. Frames are
 * of the heap, too; nobody else can have them.
 */
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/guest_names.h"

#include <err.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP_BYTES (UINT64_C(64) << 20)
#define SMALLEST 64
#define POISONED 512 /* bytes of a block that is given back */

enum { BLOCK_USED = 0xb10c, BLOCK_ALIGNED, BLOCK_UNUSED };
struct block {
	uint32_t class, kind;
	uint64_t bytes; /* asked for; while it is unused: the next; ALIGNED: address of the block that it lies in */
};

static uint64_t class_bytes(unsigned class) { return ((uint64_t)SMALLEST << class / 4) * (4 + class % 4) / 4; }

static unsigned class_of(uint64_t bytes)
{
	unsigned class = bytes > SMALLEST ? 4 * (57 - (unsigned)__builtin_clzl(bytes)) : 0;

	while (class_bytes(class) < bytes)
		class ++;
	return class;
}

void heap_open(struct process *p)
{
	uint64_t most = world->memory ? world->memory(p) : HEAP_BYTES;

	p->heap.poor = most < HEAP_BYTES;
	p->heap.most = p->heap.poor ? most : HEAP_BYTES;
	p->heap.memory =
		mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->heap.memory == MAP_FAILED)
		err(2, "a heap");
}

void heap_close(struct process *p) { munmap(p->heap.memory, HEAP_BYTES); }

void *heap_take(struct process *p, uint64_t bytes)
{
	struct process_heap *h = &p->heap;
	unsigned class;
	struct block *b;

	if (bytes > HEAP_BYTES)
		return NULL;
	class = class_of(bytes + sizeof *b);
	b = h->unused[class];
	if (b) {
		h->unused[class] = (void *)b->bytes;
	} else {
		if (h->used > h->most || class_bytes(class) > h->most - h->used)
			return NULL;
		b = (struct block *)(h->memory + h->used);
		h->used += class_bytes(class);
	}
	*b = (struct block){ class, BLOCK_USED, bytes };
	return b + 1;
}

void heap_give(struct process *p, void *memory)
{
	struct block *b = (struct block *)memory - 1;

	if ((uint8_t *)b < p->heap.memory || (uint8_t *)b >= p->heap.memory + p->heap.used || b->kind == BLOCK_UNUSED ||
	    b->kind < BLOCK_USED || b->kind > BLOCK_UNUSED)
		violation("process %lx frees memory that was not allocated, or twice: %p", p->pid, memory);
	if (b->kind == BLOCK_ALIGNED)
		b = (struct block *)b->bytes;
	/* Who goes on using it shall notice. */
	memset(b + 1, 0xdb, b->bytes < POISONED ? b->bytes : POISONED);
	b->kind = BLOCK_UNUSED;
	b->bytes = (uint64_t)p->heap.unused[b->class];
	p->heap.unused[b->class] = b;
}

/* --- as programs call it ------------------------------------------------------------------------ */

void *guest_malloc(size_t bytes)
{
	time_spend(COST_MALLOC);
	return heap_take(running, bytes);
}

void guest_free(void *memory)
{
	time_spend(COST_MALLOC);
	if (memory)
		heap_give(running, memory);
}

void *guest_calloc(size_t n, size_t bytes)
{
	void *memory = bytes && n > HEAP_BYTES / bytes ? NULL : guest_malloc(n * bytes);

	if (memory)
		memset(memory, 0, n * bytes);
	return memory;
}

void *guest_realloc(void *old, size_t bytes)
{
	struct block *b = (struct block *)old - 1;
	void *memory;

	if (old && bytes + sizeof *b <= class_bytes((unsigned)b->class)) {
		b->bytes = bytes;
		return old;
	}
	memory = guest_malloc(bytes);
	if (memory && old) {
		memcpy(memory, old, b->bytes < bytes ? b->bytes : bytes);
		guest_free(old);
	}
	return memory;
}

void *guest_aligned_alloc(size_t alignment, size_t bytes)
{
	uint64_t at = (uint64_t)guest_malloc(bytes + alignment + sizeof(struct block));
	uint64_t aligned = (at + sizeof(struct block) + alignment - 1) & ~(alignment - 1);

	if (!at || alignment <= sizeof(struct block))
		return (void *)at;
	((struct block *)aligned)[-1] = (struct block){ 0, BLOCK_ALIGNED, at - sizeof(struct block) };
	return (void *)aligned;
}

char *guest_strdup(const char *text)
{
	char *copy = guest_malloc(strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

char *guest_strndup(const char *text, size_t most)
{
	size_t n = strnlen(text, most);
	char *copy = guest_malloc(n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

/* --- frames: a capability is the address ---------------------------------------------------------- */

err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *va)
{
	void *memory = guest_aligned_alloc(PAGE_SIZE, SIZE_OF_BITS(bits));

	if (!memory)
		return ERR_NO_MEMORY;
	memset(memory, 0, SIZE_OF_BITS(bits));
	*va = (vaddr_t)memory;
	*frame = *va;
	return ERR_OK;
}

err_t vspace_unmap(vaddr_t va)
{
	(void)va;
	return ERR_OK;
}

void shared_free(cptr_t cap) { guest_free((void *)cap); }

err_t shared_revoke(cptr_t cap)
{
	(void)cap;
	return ERR_OK;
}

err_t channel_send_cap(struct channel *c, cptr_t cap, unsigned rights, uint64_t *ticket)
{
	(void)c, (void)cap, (void)rights, (void)ticket;
	return ERR_UNSUPPORTED;
}
