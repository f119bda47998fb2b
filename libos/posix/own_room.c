/* Records in pages of the libOS's own: own_room.h. Free ones are in a list, by their first words. */
#include "libos/posix/own_room.h"

#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/vspace.h"
#include "libos/thread/control.h"

struct unused {
	struct unused *next;
};

static void room_lock(struct own_room *r)
{
	dispatcher_disable();
	wait_lock(&r->guard);
}

static void room_unlock(struct own_room *r)
{
	wait_unlock(&r->guard);
	dispatcher_enable();
}

void own_give(struct own_room *r, void *record)
{
	struct unused *u = record;

	if (!u)
		return;
	room_lock(r);
	u->next = r->free;
	r->free = u;
	room_unlock(r);
}

static void *free_take(struct own_room *r)
{
	struct unused *u;

	room_lock(r);
	u = r->free;
	if (u)
		r->free = u->next;
	room_unlock(r);
	return u;
}

static void page_add(struct own_room *r)
{
	vaddr_t page;

	if (frame_alloc_map(PAGE_BITS, NULL, &page))
		return;
	for (size_t at = 0; at + r->bytes <= PAGE_SIZE; at += r->bytes)
		own_give(r, (char *)page + at);
}

void *own_take(struct own_room *r)
{
	void *record = free_take(r);

	if (!record) {
		page_add(r);
		record = free_take(r);
	}
	return record ? memset(record, 0, r->bytes) : NULL;
}
