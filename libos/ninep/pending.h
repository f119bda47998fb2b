/* A request whose answer has been put off: libos/ninep's own. */
#pragma once

#include "libos/ninep/server.h"

struct ninep_pending {
	struct ninep_pending *next;
	struct ninep_connection *from;
	uint32_t fid, room;
	uint16_t tag;
	uint8_t type;
	bool lent;
	bool here; /* at the offset that is shared */
	struct bulk_buffer buffer;
	void (*cancel)(struct ninep_pending *p, void *arg);
	void *arg;
	struct ninep_lock lock;             /* of Tlock; without client_id */
	struct ninep_pending *next_granted; /* ... that has been granted, and is to be told first (log.h) */
	unsigned granted;                   /* the error */
};

/* ninep_answer, at once. */
void ninep_pending_answer(struct ninep_pending *p, unsigned error, const void *data, uint32_t count);
