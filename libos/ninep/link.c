/* What the two kinds of links have in common: memory, and the queue of what found no room. */
#include "libos/ninep/link.h"

#include <stdlib.h>
#include <string.h>

err_t ninep_link_alloc(struct ninep_link *l, uint32_t bytes)
{
	l->in_lines = bytes;
	l->in = malloc(bytes);
	l->out = malloc(bytes);
	if (l->in && l->out)
		return ERR_OK;
	free(l->in);
	free(l->out);
	return ERR_NO_MEMORY;
}

void ninep_link_close(struct ninep_link *l)
{
	if (!l->ops)
		return;
	l->ops->close(l);
	free(l->in);
	free(l->out);
	free(l->queue);
	*l = (struct ninep_link){ 0 };
}

err_t ninep_link_queue(struct ninep_link *l, const void *bytes, uint32_t length)
{
	uint32_t end = l->queue_end + length, room = l->queue_room ? l->queue_room : 4096;
	uint8_t *queue;

	if (end > NINEP_QUEUED_MAX)
		return ERR_NO_MEMORY;
	while (room < end)
		room *= 2;
	if (room != l->queue_room) {
		queue = realloc(l->queue, room);
		if (!queue)
			return ERR_NO_MEMORY;
		l->queue = queue;
		l->queue_room = room;
	}
	memcpy(l->queue + l->queue_end, bytes, length);
	l->queue_end = end;
	return ERR_OK;
}

void ninep_link_sent(struct ninep_link *l, uint32_t bytes)
{
	l->queue_first += bytes;
	if (l->queue_first == l->queue_end)
		l->queue_first = l->queue_end = 0;
}
