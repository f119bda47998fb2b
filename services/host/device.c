/* See device.h. One device, so what is known of it is in here. */
#include "services/host/device.h"

#include <string.h>

#include "kernel/abi/cap.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/device/virtio.h"
#include "libos/x86/context.h"

#define SLOT_BITS 17 /* a message of 64 KiB of payload, and its answer */
#define SLOT_BYTES (UINT32_C(1) << SLOT_BITS)
#define ANSWER_LEAST NINEP_MSIZE
#define POLLS 1000 /* a second, where no interrupt has been seen */

_Static_assert(SLOT_BYTES >= 2 * CACHE_LINE + NINEP_MSIZE + NINEP_INLINE, "a slot is too small");

struct slot {
	struct slot *next; /* free */
	struct device_memory memory;
	uint32_t answer_at;
};

struct event device_event = EVENT_INIT;
static struct virtio virtio;
static struct virtqueue queue;
static struct device_memory queue_memory;
static struct slot slots[DEVICE_SLOTS], *slots_free;
static struct slot *reading; /* whose answer the link's user looks at */
static const char *fault;
static bool interrupts, interrupted; /* there is one; it has been seen to come */
static unsigned irq;

static err_t failed(const char *why)
{
	if (!fault)
		fault = why;
	return ERR_CLOSED;
}

/* --- slots ------------------------------------------------------------------------------------------ */

static void slot_give(struct slot *s)
{
	s->next = slots_free;
	slots_free = s;
}

static struct slot *slot_take(void)
{
	struct slot *s = slots_free;

	if (!s)
		return NULL;
	slots_free = s->next;
	if (s->memory.at || !device_memory_alloc(SLOT_BITS, &s->memory))
		return s;
	slot_give(s);
	return NULL;
}

/* --- the link ---------------------------------------------------------------------------------------- */

/* Its answer may be as long as the rest of the slot, which no request leaves shorter than it needs. */
static err_t slot_send(struct slot *s, uint32_t length)
{
	uint32_t at = (length + CACHE_LINE - 1) & ~(uint32_t)(CACHE_LINE - 1);
	const struct virtqueue_piece pieces[] = { { s->memory.base, length },
						  { s->memory.base + at, SLOT_BYTES - at } };
	err_t err = virtqueue_add(&queue, pieces, 1, 1, s);

	if (err)
		return err;
	s->answer_at = at;
	if (virtqueue_publish(&queue))
		virtio_notify(&virtio, 0);
	return ERR_OK;
}

static err_t device_send(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b)
{
	struct slot *s = fault ? NULL : slot_take();
	uint32_t length;
	err_t err;

	(void)b;
	if (!s)
		return fault ? ERR_CLOSED : ERR_NO_MEMORY;
	length = ninep_encode(m, NINEP_LINUX, false, s->memory.at, l->msize);
	err = length ? slot_send(s, length) : ERR_TOO_LONG;
	if (err)
		slot_give(s);
	return err == ERR_AGAIN ? ERR_NO_MEMORY : err;
}

static err_t device_receive(struct ninep_link *l, struct ninep_packet *p)
{
	uint32_t written = 0;
	void *token;
	err_t err;

	(void)l;
	if (reading)
		slot_give(reading);
	reading = NULL;
	if (fault)
		return ERR_CLOSED;
	while (!(err = virtqueue_take(&queue, &token, &written))) {
		struct slot *s = token;

		if (written) {
			reading = s;
			*p = (struct ninep_packet){ .head = (uint8_t *)s->memory.at + s->answer_at, .length = written };
			return ERR_OK;
		}
		slot_give(s); /* a request that was flushed: it has no answer */
	}
	return err == ERR_AGAIN ? err : failed("it returns what it was not given");
}

static err_t device_push(struct ninep_link *l)
{
	(void)l;
	return ERR_OK;
}

static err_t device_link_wait(struct ninep_link *l, cycles_t deadline)
{
	(void)l;
	(void)deadline;
	device_wait(context_now() + dispatcher_tsc_hz() / POLLS);
	return ERR_OK;
}

static void device_close(struct ninep_link *l) { (void)l; }

static const struct ninep_link_ops device_ops = {
	.send = device_send,
	.receive = device_receive,
	.push = device_push,
	.wait = device_link_wait,
	.close = device_close,
};

/* --- interrupts ------------------------------------------------------------------------------------------ */

/* Not having one is no reason to fail: then it is looked at now and then. */
static void interrupt_begin(void)
{
	cptr_t notification;

	if (pci_interrupt(&virtio.pci, &irq) || notification_create(event_handle, &device_event, &notification, NULL))
		return;
	interrupts = !irq_bind(TASK_IRQ, notification, irq);
}

/*
 * It is level-triggered, and masked by the CPU driver at its delivery. Reading why takes it back; after that and
 * irq_ack all that the device does raises it anew, so looking at the queue comes last.
 */
static void interrupt_take(void)
{
	if (virtio_interrupt(&virtio))
		interrupted = true;
	if (interrupts)
		irq_ack(TASK_IRQ, irq);
}

/* Until an interrupt has been seen to come, it is looked at once a millisecond. */
cycles_t device_deadline(cycles_t deadline)
{
	cycles_t look = context_now() + dispatcher_tsc_hz() / POLLS;

	return !deadline || interrupted || deadline < look ? deadline : look;
}

void device_wait(cycles_t deadline)
{
	event_wait(&device_event, deadline);
	interrupt_take();
}

/* --- start and end ------------------------------------------------------------------------------------- */

const char *device_fault(void) { return fault; }

void device_look(void)
{
	if (virtio_failed(&virtio))
		failed("it says that it has failed");
}

void device_stop(void) { virtio_reset(&virtio); }

err_t device_open(struct ninep_link *l)
{
	err_t err = virtio_open(&virtio, VIRTIO_9P);

	if (err)
		return err;
	virtio_features(&virtio, 0);
	err = virtio_queue(&virtio, 0, &queue, &queue_memory);
	if (err)
		return err;
	for (unsigned i = 0; i < DEVICE_SLOTS; i++)
		slot_give(&slots[i]);
	interrupt_begin();
	virtio_start(&virtio);
	*l = (struct ninep_link){ .ops = &device_ops, .dialect = NINEP_LINUX, .msize = NINEP_MSIZE };
	l->in_lines = NINEP_MSIZE;
	return ERR_OK;
}
