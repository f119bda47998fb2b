/*
 * Records of one size in pages of the libOS's own, which no child shares, unlike the heap: for those that are written
 * to when a word of the monitor comes. In the heap they would make a copy of what is shared of each such word.
 */
#pragma once

#include <stddef.h>

#include "libos/thread/thread.h"

struct own_room {
	size_t bytes; /* of a record */
	void *free;
	struct thread_queue guard; /* nobody waits in it */
};

/* A record, all zero; NULL: there is no memory. */
void *own_take(struct own_room *r);
/* NULL is none. Its page stays. */
void own_give(struct own_room *r, void *record);
