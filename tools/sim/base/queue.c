/* Events by time: a binary heap of places in a pool. */
#include "tools/sim/base/queue.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

void queue_init(struct queue *q, size_t bytes) { *q = (struct queue){ .bytes = bytes }; }

static void queue_grow(struct queue *q)
{
	unsigned room = q->room ? q->room * 2 : 4096;

	q->heap = realloc(q->heap, room * sizeof *q->heap);
	q->pool = realloc(q->pool, room * q->bytes);
	q->unused = realloc(q->unused, room * sizeof *q->unused);
	if (!q->heap || !q->pool || !q->unused)
		err(2, "events");
	for (unsigned i = room; i-- > q->room;)
		q->unused[q->unused_count++] = i;
	q->room = room;
}

static bool sooner(const struct queue_place *a, const struct queue_place *b)
{
	return a->time != b->time ? a->time < b->time : a->order < b->order;
}

void queue_put(struct queue *q, cycles_t time, const void *event)
{
	struct queue_place p = { time, q->orders++, 0 };
	unsigned at;

	if (!q->unused_count)
		queue_grow(q);
	p.event = q->unused[--q->unused_count];
	memcpy(queue_event(q, p.event), event, q->bytes);
	for (at = q->count++; at && sooner(&p, &q->heap[(at - 1) / 2]); at = (at - 1) / 2)
		q->heap[at] = q->heap[(at - 1) / 2];
	q->heap[at] = p;
}

uint32_t queue_take(struct queue *q)
{
	struct queue_place top = q->heap[0], last = q->heap[--q->count];
	unsigned at = 0;

	for (unsigned child; (child = 2 * at + 1) < q->count; at = child) {
		if (child + 1 < q->count && sooner(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!sooner(&q->heap[child], &last))
			break;
		q->heap[at] = q->heap[child];
	}
	q->heap[at] = last;
	return top.event;
}

void queue_drop(struct queue *q, uint32_t place) { q->unused[q->unused_count++] = place; }
