/*
 * Bulk: buffers in memory that both ends of a channel map, handed over by message.
 *
 * A pool is an array of buffers of one size.  Each buffer has one owner, who
 * alone may use it; who owns what, each side remembers in private memory.  A
 * word in a message hands a buffer over: its number, and the part of it that
 * counts.  It comes back in the same way.
 *
 * Trust: the peer can write to the whole pool at any time, whoever owns what.
 * So the words are checked: a buffer that the peer does not own, or a part that
 * leaves the buffer, is ERR_MESSAGE.  And what one parses one copies first: a
 * buffer's contents may change between two looks.  A peer that never gives
 * buffers back starves this channel and nothing else.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define BULK_BUFFERS_MAX 1024
#define BULK_BITS_MIN 6 /* a line: no two buffers share one */
#define BULK_BITS_MAX 20

struct bulk_pool {
	char *base;
	uint32_t count;
	uint32_t bits;                        /* a buffer has 1 << bits bytes */
	uint32_t owned;                       /* number of buffers that are ours and free */
	uint32_t next;                        /* word where the search for a free one starts */
	uint64_t mine[BULK_BUFFERS_MAX / 64]; /* ours, in use or not */
	uint64_t free[BULK_BUFFERS_MAX / 64]; /* ours and not in use */
};

/* A buffer in use: we own it until we give it to the peer or free it. */
struct bulk_buffer {
	uint32_t index;
	uint32_t offset; /* of the part that counts */
	uint32_t length;
	char *data; /* base + offset */
};

/*
 * A pool of buffers of 1 << bits bytes in `memory`, as many as fit.  At the start
 * side 0 owns the first `first` buffers, side 1 the rest; both ends say the same.
 * ERR_ARGUMENT when nothing fits, or more than BULK_BUFFERS_MAX.
 */
err_t bulk_init(struct bulk_pool *p, void *memory, uint64_t bytes, unsigned bits, uint32_t first, unsigned side);
/* Takes a free buffer of ours; its length is all of it. ERR_AGAIN when the peer has them all. */
err_t bulk_alloc(struct bulk_pool *p, struct bulk_buffer *b);
/* Done with a buffer that stays ours. */
void bulk_free(struct bulk_pool *p, const struct bulk_buffer *b);
/* Hands it to the peer: *word is to be sent. ERR_ARGUMENT if it is not ours or its part leaves the buffer. */
err_t bulk_give(struct bulk_pool *p, const struct bulk_buffer *b, uint64_t *word);
/* A word came: the buffer is ours now, in use. ERR_MESSAGE: the peer may not hand over that. */
err_t bulk_take(struct bulk_pool *p, uint64_t word, struct bulk_buffer *b);
/* The message with `word` could not be sent: the buffer is ours again, in use. */
err_t bulk_give_undo(struct bulk_pool *p, uint64_t word, struct bulk_buffer *b);
