/*
 * A virtio device on PCI, by its legacy interface (Virtual I/O Device specification 1.2, sections 4.1.4.8 and 4.1.5).
 *
 * All registers are I/O ports, so the port capability is all that a driver needs. What QEMU calls
 * transitional has this interface; a device that has only the modern one (registers in memory) is not found.
 *
 * The device masters the bus and there is no IOMMU: it can be told to write anywhere, and does so
 * after its driver's death too, into memory that it was given. So a driver that ends resets it first.
 */
#pragma once

#include "libos/device/pci.h"
#include "libos/device/virtqueue.h"

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_9P 9 /* device types, section 5 */

struct virtio {
	struct pci_device pci;
	uint16_t ports; /* the first one */
};

/* Memory that a device can see: one block. */
struct device_memory {
	void *at;
	paddr_t base;
	unsigned bits;
	cptr_t frame;
};

/* 1 << bits bytes, zeroed. */
err_t device_memory_alloc(unsigned bits, struct device_memory *out);

/* The first device of that type, reset, acknowledged. ERR_NOT_FOUND. */
err_t virtio_open(struct virtio *v, unsigned type);
/* Takes those of the features (the lower 32) that it has; returns them. */
uint32_t virtio_features(struct virtio *v, uint32_t wanted);
/* Makes a queue of the size that the device wants. ERR_NOT_FOUND: it has no such queue. */
err_t virtio_queue(struct virtio *v, unsigned index, struct virtqueue *q, struct device_memory *memory);
/* From now on it works. */
void virtio_start(struct virtio *v);
/* The device stops at once, and forgets all. */
void virtio_reset(struct virtio *v);
/* Tells it that there is something in a queue. */
void virtio_notify(struct virtio *v, unsigned queue);
/* Why it interrupted, which takes the interrupt back: 0: it did not. */
unsigned virtio_interrupt(struct virtio *v);
/* It says that it cannot go on. */
bool virtio_failed(struct virtio *v);
/* A byte of the configuration of its type. */
uint8_t virtio_config(struct virtio *v, unsigned offset);
