/*
 * See frame.h. A frame is the service's, and goes with it; libos/posix/mapping.c knows what then happens.
 *
 * Who has a capability to it may keep it for as long as he likes. So it is taken from all who have it, by the monitors,
 * before its memory is used for anything else.
 */
#include "services/mem/frame.h"

#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"

bool mem_frame_make(struct mem_frame *f, unsigned bits)
{
	vaddr_t at;
	cptr_t cap;

	if (frame_alloc_map(bits, &cap, &at))
		return false;
	*f = (struct mem_frame){ .at = (void *)at, .cap = cap };
	return true;
}

void mem_frame_free(struct mem_frame *f)
{
	vspace_unmap((vaddr_t)f->at);
	shared_free(f->cap);
	*f = (struct mem_frame){ 0 };
}

void mem_frame_revoke(struct mem_frame *f)
{
	if (f->given && !shared_revoke(f->cap))
		f->given = false;
}

bool mem_frame_send(struct mem_frame *f, struct channel *to, bool writes, uint64_t *ticket)
{
	f->given = true; /* perhaps on its way, whatever comes of it */
	return !channel_send_cap(to, f->cap, writes ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ, ticket);
}
