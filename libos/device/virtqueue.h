/*
 * A split virtqueue: buffers handed to a virtio device, and back (Virtual I/O Device specification 1.2, section 2.7).
 *
 * Portable: whoever has memory that the device sees can use it. Chains of descriptors are made
 * here and remembered here: what the device could write over is never read back, but for the used ring, and
 * that is checked. A device that returns what it was not given, or claims to have written more than there is
 * room for, is ERR_MESSAGE; then it is to be reset.
 *
 * One thread at a time uses a queue. Memory has the legacy layout (2.7.2), in which the device is told
 * one address; it is of use to a modern device too.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define VIRTQUEUE_ALIGN 4096
#define VIRTQUEUE_SIZE_MAX 1024

/* A piece of a request: physical address and bytes. */
struct virtqueue_piece {
	paddr_t base;
	uint32_t bytes;
};

struct virtqueue_descriptor;
struct virtqueue_ring;
struct virtqueue_chain;

struct virtqueue {
	uint16_t size; /* descriptors, a power of two */
	uint16_t free_first, free_count;
	uint16_t added, told; /* chains so far, wrapping: those that the device may have seen */
	uint16_t taken;       /* ... that came back */
	struct virtqueue_descriptor *descriptor;
	uint16_t *available;           /* flags, index, ring */
	struct virtqueue_ring *used;   /* the device's */
	struct virtqueue_chain *chain; /* ours alone: what became of each descriptor */
};

/* How much memory a queue of `size` descriptors needs. */
uint64_t virtqueue_bytes(uint16_t size);
/* Where its three parts begin there: the available ring, the used ring. */
uint64_t virtqueue_available_at(uint16_t size);
uint64_t virtqueue_used_at(uint16_t size);
/* In zeroed memory, aligned to VIRTQUEUE_ALIGN, which stays the caller's. ERR_ARGUMENT, ERR_NO_MEMORY. */
err_t virtqueue_init(struct virtqueue *q, uint16_t size, void *memory);
void virtqueue_destroy(struct virtqueue *q);
/*
 * Adds a request: `out` pieces that the device reads, then `in` that it writes. `token`, which is not NULL, comes
 * back with it. ERR_AGAIN: there is no room. The device sees it after virtqueue_publish.
 */
err_t virtqueue_add(struct virtqueue *q, const struct virtqueue_piece *pieces, unsigned out, unsigned in, void *token);
/* Shows the device what was added. True: it is to be notified. */
bool virtqueue_publish(struct virtqueue *q);
/* A request that the device has finished, and how many bytes it says that it wrote. ERR_AGAIN: none. ERR_MESSAGE. */
err_t virtqueue_take(struct virtqueue *q, void **token, uint32_t *written);
/* How many are with the device. */
static inline uint16_t virtqueue_pending(const struct virtqueue *q) { return (uint16_t)(q->added - q->taken); }
