/* See virtio.h. */
#include "libos/device/virtio.h"

#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/device/ports.h"

/* Legacy registers, 4.1.4.8; without MSI-X the device's own configuration comes right behind. */
enum {
	DEVICE_FEATURES = 0,
	DRIVER_FEATURES = 4,
	QUEUE_ADDRESS = 8,
	QUEUE_SIZE = 12,
	QUEUE_SELECT = 14,
	QUEUE_NOTIFY = 16,
	DEVICE_STATUS = 18,
	ISR_STATUS = 19,
	DEVICE_CONFIG = 20,
};
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_NEEDS_RESET = 64 };

#define QUEUE_SHIFT 12 /* an address is told in pages */
#define LEGACY_FIRST 0x1000
#define LEGACY_LAST 0x103f
#define ABSENT 0xff

struct search {
	unsigned type;
	struct pci_device *out;
};

err_t device_memory_alloc(unsigned bits, struct device_memory *out)
{
	struct cap_info info = { 0 };
	vaddr_t at;
	err_t err = frame_alloc_map(bits, &out->frame, &at);

	if (err)
		return err;
	err = cap_identify(out->frame, &info);
	out->at = (void *)at;
	out->base = info.base;
	out->bits = bits;
	return err;
}

/* --- finding it ------------------------------------------------------------------------------------ */

static bool is_wanted(const struct pci_device *d, void *arg)
{
	const struct search *s = arg;

	if (d->vendor != VIRTIO_VENDOR || d->device < LEGACY_FIRST || d->device > LEGACY_LAST ||
	    d->subsystem != s->type)
		return false;
	*s->out = *d;
	return true;
}

static unsigned status(struct virtio *v) { return port_in(v->ports + DEVICE_STATUS, 1); }
static void status_add(struct virtio *v, unsigned bits) { port_out(v->ports + DEVICE_STATUS, 1, status(v) | bits); }

err_t virtio_open(struct virtio *v, unsigned type)
{
	struct search s = { type, &v->pci };
	err_t err;

	if (!pci_walk(is_wanted, &s))
		return ERR_NOT_FOUND;
	err = pci_ports(&v->pci, 0, &v->ports);
	if (err)
		return err;
	pci_enable(&v->pci, PCI_COMMAND_PORTS);
	/* Whoever drove it before may have left it at work. */
	virtio_reset(v);
	if (status(v) == ABSENT)
		return ERR_NOT_FOUND;
	pci_enable(&v->pci, PCI_COMMAND_MASTER);
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);
	return ERR_OK;
}

uint32_t virtio_features(struct virtio *v, uint32_t wanted)
{
	uint32_t both = port_in(v->ports + DEVICE_FEATURES, 4) & wanted;

	port_out(v->ports + DRIVER_FEATURES, 4, both);
	return both;
}

/* --- its queues -------------------------------------------------------------------------------------- */

err_t virtio_queue(struct virtio *v, unsigned index, struct virtqueue *q, struct device_memory *memory)
{
	unsigned bits = PAGE_BITS;
	uint16_t size;
	err_t err;

	port_out(v->ports + QUEUE_SELECT, 2, index);
	size = (uint16_t)port_in(v->ports + QUEUE_SIZE, 2);
	if (!size || size > VIRTQUEUE_SIZE_MAX)
		return ERR_NOT_FOUND;
	while ((UINT64_C(1) << bits) < virtqueue_bytes(size))
		bits++;
	err = device_memory_alloc(bits, memory);
	if (!err)
		err = virtqueue_init(q, size, memory->at);
	if (!err)
		port_out(v->ports + QUEUE_ADDRESS, 4, (uint32_t)(memory->base >> QUEUE_SHIFT));
	return err;
}

void virtio_start(struct virtio *v) { status_add(v, STATUS_DRIVER_OK); }
void virtio_reset(struct virtio *v) { port_out(v->ports + DEVICE_STATUS, 1, 0); }
void virtio_notify(struct virtio *v, unsigned queue) { port_out(v->ports + QUEUE_NOTIFY, 2, queue); }
unsigned virtio_interrupt(struct virtio *v) { return port_in(v->ports + ISR_STATUS, 1); }
bool virtio_failed(struct virtio *v) { return status(v) & STATUS_NEEDS_RESET; }
uint8_t virtio_config(struct virtio *v, unsigned offset)
{
	return (uint8_t)port_in(v->ports + DEVICE_CONFIG + offset, 1);
}
