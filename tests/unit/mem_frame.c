/* services/mem/frame.h on this machine: memory of the heap, and no capabilities. */
#include <stdlib.h>

#include "services/mem/frame.h"

bool mem_frame_make(struct mem_frame *f, unsigned bits)
{
	*f = (struct mem_frame){ .at = calloc(1, (size_t)1 << bits) };
	return f->at;
}

void mem_frame_free(struct mem_frame *f)
{
	free(f->at);
	*f = (struct mem_frame){ 0 };
}

void mem_frame_revoke(struct mem_frame *f) { f->given = false; }

/* The ticket says where it is. */
bool mem_frame_send(struct mem_frame *f, struct channel *to, bool writes, uint64_t *ticket)
{
	(void)to, (void)writes;
	f->given = true;
	*ticket = (uintptr_t)f->at;
	return true;
}
