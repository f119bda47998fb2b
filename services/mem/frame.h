/* Memory of files that programs can map, too: frames. On this machine's own in frame.c; tests/unit has another. */
#pragma once

#include "libos/fabric/fabric.h"

struct mem_frame {
	void *at; /* NULL: there is none */
	uint64_t cap;
	bool given; /* others may have it */
};

/* Of 1 << bits bytes, zeroed; false: there is no memory. */
bool mem_frame_make(struct mem_frame *f, unsigned bits);
/* Others lose it, too, on whatever core. */
void mem_frame_free(struct mem_frame *f);
/* Others lose it; what is in it stays. */
void mem_frame_revoke(struct mem_frame *f);
/* A ticket for the channel's peer; false: it cannot have it. */
bool mem_frame_send(struct mem_frame *f, struct channel *to, bool writes, uint64_t *ticket);
