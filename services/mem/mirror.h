/*
 * Between the member that serves and the one that mirrors it: the log's way.
 *
 * It is memory that both share, a ring of bytes: the sender writes records and then how far it has written; the
 * receiver says how far it has read. So what was written is with the receiver, though the sender dies the next
 * moment. A channel's lines say only that there is something, or room; its end says that the sender is no more.
 */
#pragma once

#include "libos/fabric/fabric.h"
#include "libos/ninep/log.h"

struct mirror_ring;

struct mirror_out {
	struct ninep_log log;
	struct channel channel;
	struct mirror_ring *ring;
	uint64_t bytes;   /* of it */
	uint64_t written; /* so far */
	bool lost;        /* it takes no more */
};

/* Opens it to the mirror's mailbox. */
err_t mirror_open(struct mirror_out *m, struct fabric *f, const struct mailbox *at);
void mirror_close(struct mirror_out *m);
/* log.put */
void mirror_put(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload);

struct mirror_in {
	struct channel channel;
	struct mirror_ring *ring;
	uint64_t bytes, taken;
	uint8_t *record; /* one at a time, out of the ring */
	uint32_t room;
};

/* `s` announces the mailbox; waits for the sender. */
err_t mirror_accept(struct mirror_in *m, struct service *s, struct wait_set *set);
/*
 * Takes records till the sender is no more: ERR_CLOSED, or till `take` says so: ERR_MESSAGE. Each is whole, and
 * the receiver's own memory.
 */
err_t mirror_run(struct mirror_in *m,
		 unsigned (*take)(void *arg, const struct ninep_record *r, const void *message, const void *payload),
		 void *arg);
void mirror_end(struct mirror_in *m);
