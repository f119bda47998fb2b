/* See memory.h. The frame is the service's: it goes with it, and libos/posix/pipe_ring.c knows what then happens. */
#include "services/pipe/memory.h"

#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"

bool ring_memory_make(struct ring_memory *m)
{
	cptr_t frame;
	vaddr_t at;

	if (frame_alloc_map(PIPE_RING_BITS, &frame, &at))
		return false;
	*m = (struct ring_memory){ (struct pipe_ring *)at, frame };
	return true;
}

/* Another core may have copies of it: the monitors see to those. */
void ring_memory_free(const struct ring_memory *m)
{
	struct cap_info info;

	vspace_unmap((vaddr_t)m->ring);
	if (!cap_identify(m->frame, &info) && !shared_revoke(m->frame) && !shared_delete(m->frame))
		ram_reclaim(m->frame, info.base, info.bits);
}

bool ring_memory_send(const struct ring_memory *m, struct channel *to, uint64_t *ticket)
{
	return !channel_send_cap(to, m->frame, RIGHT_READ | RIGHT_WRITE, ticket);
}

uint64_t ring_bell_take(struct channel *from, uint64_t ticket)
{
	cptr_t slot;

	if (slot_alloc(&slot))
		return 0;
	if (!channel_receive_cap(from, ticket, slot))
		return slot;
	slot_free(slot);
	return 0;
}

/* Its owner may have died, and it with him. */
void ring_bell_free(uint64_t bell)
{
	err_t err = shared_delete(bell);

	if (!err || err == ERR_CAP_LOOKUP)
		slot_free(bell);
}

bool ring_bell_send(uint64_t bell, struct channel *to, uint64_t *ticket)
{
	return !channel_send_cap(to, bell, RIGHT_WRITE, ticket);
}

void ring_bell_ring(uint64_t bell) { ntfn_signal(bell); }
