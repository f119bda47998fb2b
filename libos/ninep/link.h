/*
 * A 9P connection's carrier: a fabric channel or a byte stream.
 *
 * Over a channel a message is whole lines, first its bytes, then zeroes. One of up to 56 bytes,
 * which is nearly all, is one line. With bulk memory (channel_options.bulk_bits) the
 * opener owns buffers of 64 KiB. It lends one with a request by two flags in the size and the
 * bulk word in the line's last word: a Twrite's payload is in it, a Tread's answer is to be
 * put there. The answer, whichever it is, brings the buffer back. So the server owns none, and
 * never waits for one; payloads are not copied.
 *
 * Sending never blocks: what finds no room is queued in order, and the owner stops taking
 * requests until ninep_link_push has sent all of it. One thread at a time uses a link.
 */
#pragma once

#include "libos/fabric/bulk.h"
#include "libos/fabric/fabric.h"
#include "libos/ninep/message.h"

#define NINEP_BUFFER_BITS 16
#define NINEP_BUFFER_BYTES (UINT32_C(1) << NINEP_BUFFER_BITS)
#define NINEP_BULK_BITS 18 /* what a client asks a channel for: four buffers */
#define NINEP_INLINE 8192  /* bytes of the longest message in lines */
/* Of a message with 64 KiB of payload. */
#define NINEP_MSIZE (NINEP_BUFFER_BYTES + NINEP_PAYLOAD_HEAD + 1)
#define NINEP_QUEUED_MAX (UINT32_C(1) << 20)

/* A byte stream: functions that do not block. ERR_AGAIN: nothing now; ERR_CLOSED: nothing any more. */
struct ninep_stream {
	err_t (*read)(void *arg, void *into, uint32_t room, uint32_t *done);
	err_t (*write)(void *arg, const void *from, uint32_t length, uint32_t *done);
	/* Until it can be read, or also written; ERR_TIMEOUT. */
	err_t (*wait)(void *arg, bool writing, cycles_t deadline);
	void (*close)(void *arg);
};

/* A message that came. `head` and what it points to are good till the next call of the link. */
struct ninep_packet {
	const uint8_t *head;
	uint32_t length; /* of head */
	bool apart;      /* the payload is in the buffer */
	bool lent;       /* a buffer came along: it is ours until it goes back */
	bool too_long;   /* longer than it may be: there is the header only */
	struct bulk_buffer buffer;
	uint32_t payload; /* bytes of it that are the message's */
};

struct ninep_link;

struct ninep_link_ops {
	/* A whole message. ERR_CLOSED, ERR_TOO_LONG, ERR_NO_MEMORY. */
	err_t (*send)(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b);
	/* ERR_AGAIN: none yet. ERR_CLOSED; ERR_MESSAGE: there is no going on. */
	err_t (*receive)(struct ninep_link *l, struct ninep_packet *p);
	/* Sends what was kept, then from the queue. ERR_AGAIN: no room for all. */
	err_t (*push)(struct ninep_link *l);
	/* Blocks until there may be something to receive, or to push. */
	err_t (*wait)(struct ninep_link *l, cycles_t deadline);
	/* Sends, and receives the next message; NULL: no quicker than one by one. */
	err_t (*exchange)(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b,
			  struct ninep_packet *p);
	void (*close)(struct ninep_link *l);
};

struct ninep_link {
	const struct ninep_link_ops *ops; /* NULL: not open */
	enum ninep_dialect dialect;
	uint32_t msize;    /* the longest message; before Tversion what we can take */
	uint32_t in_lines; /* the longest one that has its payload with it */
	struct channel *channel;
	bool bulk;             /* there is a pool */
	struct bulk_pool pool; /* the opener owns all at the start */
	const struct ninep_stream *stream;
	void *arg;           /* the stream's */
	uint8_t *in, *out;   /* of in_lines bytes each: a message that comes in pieces, or goes */
	uint32_t have, need; /* bytes of it that are there, or are to be skipped; 0, 0: none */
	bool skipping;
	uint8_t *queue; /* bytes to be sent before all others */
	uint32_t queue_first, queue_end, queue_room;
	struct urpc_message line; /* where the message lies, if it came in one */
	bool keeps;               /* a channel's: a line that is sent is kept, till the next one, or ninep_link_last */
	bool kept;                /* ... one is */
	struct urpc_message last; /* that one */
};

/* Over an open channel, which stays the caller's to close. ERR_NO_MEMORY. */
err_t ninep_link_channel(struct ninep_link *l, struct channel *c);
/* Over a stream, with messages of up to `msize` bytes. ERR_NO_MEMORY. */
err_t ninep_link_stream(struct ninep_link *l, const struct ninep_stream *s, void *arg, uint32_t msize);
/* Gives back what it holds and closes a stream. */
void ninep_link_close(struct ninep_link *l);

/* Bytes wait for room. */
static inline bool ninep_link_stalled(const struct ninep_link *l) { return l->queue_end != 0; }

/* What was kept goes now; it may be queued. ERR_CLOSED, ERR_NO_MEMORY. */
static inline err_t ninep_link_last(struct ninep_link *l)
{
	err_t err = l->kept ? l->ops->push(l) : ERR_OK;

	return err == ERR_AGAIN ? ERR_OK : err;
}

/* --- for the two implementations ---------------------------------------------------------------- */

err_t ninep_link_alloc(struct ninep_link *l, uint32_t bytes);
/* Appends what found no room. ERR_NO_MEMORY: over NINEP_QUEUED_MAX. */
err_t ninep_link_queue(struct ninep_link *l, const void *bytes, uint32_t length);
/* So many of the queue's bytes went out. */
void ninep_link_sent(struct ninep_link *l, uint32_t bytes);
