/* See virtqueue.h. Field names are the specification's where they are fields of its structures. */
#include "libos/device/virtqueue.h"

#include <stdlib.h>
#include <string.h>

#include "libos/x86/barrier.h"

enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2 };
enum { USED_F_NO_NOTIFY = 1 };
enum { AVAILABLE_INDEX = 1, AVAILABLE_RING = 2 }; /* in words of 16 bits */

struct virtqueue_descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtqueue_ring {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[];
};

/* Of a descriptor: the next one in the chain or among the free. Of the first one of a chain more. */
struct virtqueue_chain {
	uint16_t next, last, count;
	uint32_t room; /* bytes that the device may write */
	void *token;   /* NULL: no chain begins here */
};

uint64_t virtqueue_available_at(uint16_t size) { return sizeof(struct virtqueue_descriptor) * size; }

uint64_t virtqueue_used_at(uint16_t size)
{
	uint64_t end = virtqueue_available_at(size) + sizeof(uint16_t) * (AVAILABLE_RING + size + 1u);

	return (end + VIRTQUEUE_ALIGN - 1) / VIRTQUEUE_ALIGN * VIRTQUEUE_ALIGN;
}

uint64_t virtqueue_bytes(uint16_t size)
{
	uint64_t end = virtqueue_used_at(size) + sizeof(struct virtqueue_ring) + 8u * size + sizeof(uint16_t);

	return (end + VIRTQUEUE_ALIGN - 1) / VIRTQUEUE_ALIGN * VIRTQUEUE_ALIGN;
}

err_t virtqueue_init(struct virtqueue *q, uint16_t size, void *memory)
{
	if (!size || size > VIRTQUEUE_SIZE_MAX || size & (size - 1))
		return ERR_ARGUMENT;
	*q = (struct virtqueue){ .size = size, .free_count = size, .descriptor = memory };
	q->available = (uint16_t *)((char *)memory + virtqueue_available_at(size));
	q->used = (struct virtqueue_ring *)((char *)memory + virtqueue_used_at(size));
	q->chain = calloc(size, sizeof(*q->chain));
	if (!q->chain)
		return ERR_NO_MEMORY;
	for (unsigned i = 0; i < size; i++)
		q->chain[i].next = (uint16_t)(i + 1);
	return ERR_OK;
}

void virtqueue_destroy(struct virtqueue *q)
{
	free(q->chain);
	*q = (struct virtqueue){ 0 };
}

err_t virtqueue_add(struct virtqueue *q, const struct virtqueue_piece *pieces, unsigned out, unsigned in, void *token)
{
	uint16_t first = q->free_first, at = first;
	struct virtqueue_chain *head = &q->chain[first];
	unsigned count = out + in;

	if (!count || !token)
		return ERR_ARGUMENT;
	if (count > q->free_count)
		return ERR_AGAIN;
	head->room = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned flags = (i >= out ? DESC_F_WRITE : 0) | (i + 1 < count ? DESC_F_NEXT : 0);

		q->descriptor[at] = (struct virtqueue_descriptor){ pieces[i].base, pieces[i].bytes, (uint16_t)flags,
								   q->chain[at].next };
		head->room += i >= out ? pieces[i].bytes : 0;
		head->last = at;
		at = q->chain[at].next;
	}
	head->count = (uint16_t)count;
	head->token = token;
	q->free_first = at;
	q->free_count = (uint16_t)(q->free_count - count);
	q->available[AVAILABLE_RING + q->added % q->size] = first;
	q->added++;
	return ERR_OK;
}

bool virtqueue_publish(struct virtqueue *q)
{
	if (q->told == q->added)
		return false;
	q->told = q->added;
	/* Pairs with the device's load of the index: it then sees descriptors and ring. */
	__atomic_store_n(&q->available[AVAILABLE_INDEX], q->added, __ATOMIC_RELEASE);
	/* The index is out before the flag is read: a device that goes to sleep does it the other way round. */
	mem_fence();
	return !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & USED_F_NO_NOTIFY);
}

/* Its descriptors are free again. */
static void chain_free(struct virtqueue *q, uint16_t first)
{
	struct virtqueue_chain *head = &q->chain[first];

	head->token = NULL;
	q->free_count = (uint16_t)(q->free_count + head->count);
	q->chain[head->last].next = q->free_first;
	q->free_first = first;
}

err_t virtqueue_take(struct virtqueue *q, void **token, uint32_t *written)
{
	/* Pairs with the device's store: what it wrote is there. */
	uint16_t there = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);
	uint32_t id, length;

	if (there == q->taken)
		return ERR_AGAIN;
	if ((uint16_t)(there - q->taken) > (uint16_t)(q->told - q->taken))
		return ERR_MESSAGE;
	id = mem_load32(&q->used->ring[q->taken % q->size].id);
	length = mem_load32(&q->used->ring[q->taken % q->size].len);
	if (id >= q->size || !q->chain[id].token || length > q->chain[id].room)
		return ERR_MESSAGE;
	*token = q->chain[id].token;
	*written = length;
	q->taken++;
	chain_free(q, (uint16_t)id);
	return ERR_OK;
}
