/*
 * What the generated stubs call: sending and waiting, answering, packing and unpacking.
 *
 * Words of a message are packed in the order of the parameters.  A scalar takes a word; a struct
 * whole words; text and arrays a word with their length in elements, then whole words.  Unpacking
 * never believes a length: a cursor knows where the message ends, and says ERR_MESSAGE at the end.
 */
#pragma once

#include <string.h>

#include "libos/rpc/rpc.h"

#define RPC_WORDS(bytes) (((bytes) + 7) / 8)
/* Words that text or an array of so many bytes takes at most. */
#define RPC_WORDS_SIZED(bytes) (1 + RPC_WORDS(bytes))

/* --- packing and unpacking ------------------------------------------------------------------ */

/* Where the next word goes to, or comes from. */
struct rpc_cursor {
	uint64_t *at, *end;
	bool bad; /* did not fit, or not what it should be */
};

static inline void rpc_put_word(struct rpc_cursor *k, uint64_t v)
{
	if (k->at < k->end)
		*k->at++ = v;
	else
		k->bad = true;
}

static inline uint64_t rpc_get_word(struct rpc_cursor *k)
{
	if (k->at < k->end)
		return *k->at++;
	k->bad = true;
	return 0;
}

/* Takes the words of so many bytes off the cursor; NULL: there are not so many. */
void *rpc_take_bytes(struct rpc_cursor *k, size_t bytes);
void rpc_put_bytes(struct rpc_cursor *k, const void *from, size_t bytes);
void rpc_get_bytes(struct rpc_cursor *k, void *to, size_t bytes);
/* An array: its length in elements goes ahead. More than `max` elements is bad. */
void rpc_put_array(struct rpc_cursor *k, const void *from, size_t count, size_t element, size_t max);
/* In place; NULL when bad. */
const void *rpc_get_array(struct rpc_cursor *k, uint64_t *count, size_t element, size_t max);
/* Into memory for *count elements, of which as many are written as came, and *count says so. */
void rpc_copy_array(struct rpc_cursor *k, void *to, uint64_t *count, size_t element);
void rpc_put_text(struct rpc_cursor *k, const char *text, size_t max);
/* In place, with its NUL, and without another; NULL when bad. */
const char *rpc_get_text(struct rpc_cursor *k, size_t max);
/* Into memory for max bytes and a NUL. */
void rpc_copy_text(struct rpc_cursor *k, char *to, size_t max);

/* By serialisers of the user's, in place: where to, and how much room; then how much it was. */
void *rpc_serial_room(struct rpc_cursor *k, size_t max, size_t *room);
void rpc_serial_put(struct rpc_cursor *k, void *data, size_t bytes);

/* --- calls -------------------------------------------------------------------------------------- */

/* What a call has in common with all others of its method. */
struct rpc_shape {
	uint64_t header; /* but for sequence, and for the length if that varies */
	uint16_t most;   /* words of arguments that its answer may have */
	bool idempotent;
	bool once; /* cannot be repeated: it carries a capability */
};

/* Reasons to leave the short path: bits of a client's `slow`. */
#define RPC_SLOW_CLOSED 1u   /* no channel */
#define RPC_SLOW_SHARED 2u   /* several threads */
#define RPC_SLOW_SENDING 4u  /* a message is between two of its lines */
#define RPC_SLOW_CARRIER 8u  /* not URPC */
#define RPC_SLOW_CARRIED 16u /* monitors carry it */
#define RPC_SLOW_LOOK 32u    /* its `look` is to be called before the next call */

/*
 * Sends the call in p->line, of `words` words of arguments; `most`: words that its answer may have. When this gives
 * ERR_OK the stub goes on with rpc_finish.
 */
err_t rpc_start_line(struct rpc_client *c, struct rpc_pending *p, unsigned words, unsigned most, bool idempotent);
/* The same and rpc_finish, quicker where the fabric is. */
err_t rpc_call_line(struct rpc_client *c, struct rpc_pending *p, unsigned words, unsigned most, bool idempotent);
/* Memory for a call that stays till finish: a cursor for its arguments. ERR_NO_MEMORY. */
err_t rpc_hold(struct rpc_pending *p, struct rpc_cursor *k, unsigned words);
/* Sends the call in p->call, held or the caller's (then p->held is NULL), whose arguments end at the cursor. */
err_t rpc_start_long(struct rpc_client *c, struct rpc_pending *p, struct rpc_cursor *k, const struct rpc_shape *shape);
/* Waits; repeats the call elsewhere if need be. The answer is at p->reply. */
err_t rpc_finish(struct rpc_pending *p);
/* A cursor over the answer's arguments. */
static inline struct rpc_cursor rpc_answer_cursor(const struct rpc_pending *p)
{
	return (struct rpc_cursor){ .at = p->reply + 1, .end = p->reply + rpc_header_words(p->reply[0]) };
}
void rpc_forget_long(struct rpc_pending *p);
/* Done with the answer: frees what is on the heap. */
static inline void rpc_forget(struct rpc_pending *p)
{
	if (p->held || p->reply != p->answer.word)
		rpc_forget_long(p);
}
/* Sees to it that there is a channel that can carry capabilities. */
err_t rpc_client_ensure(struct rpc_client *c);

/* --- packing without a call ---------------------------------------------------------------------- */

static inline struct rpc_cursor rpc_pack_cursor(const struct rpc_packed *m)
{
	return (struct rpc_cursor){ .at = m->word + 1, .end = m->word + (m->room ? m->room : 1), .bad = !m->room };
}
/* ERR_TOO_LONG: there was not room for it. */
err_t rpc_pack_line(struct rpc_packed *m, const struct urpc_message *line, const struct rpc_shape *shape);
err_t rpc_pack_long(struct rpc_packed *m, const struct rpc_cursor *k, const struct rpc_shape *shape);

/* --- one-way messages --------------------------------------------------------------------------- */

/* A message in one piece, `words` with its header. */
err_t rpc_send_slow(struct rpc_client *c, const uint64_t *word, unsigned words);

/* The peer sleeps: notifies it, unless somebody else does. */
err_t rpc_wake(struct rpc_client *c);
err_t rpc_send_long(struct rpc_client *c, uint64_t *word, const struct rpc_cursor *k, const struct rpc_shape *shape);

/* Can a message of one line go the short way? Else by rpc_send_slow. */
static inline bool rpc_line_open(const struct rpc_client *c)
{
	return __builtin_expect(!c->slow, 1) && urpc_open(&c->own.urpc);
}
/* Then this is where its words go. */
static inline struct urpc_slot rpc_line(const struct rpc_client *c) { return urpc_next(&c->own.urpc); }
/* The words are there. */
static inline err_t rpc_line_send(struct rpc_client *c, struct urpc_slot line)
{
	urpc_commit(&c->own.urpc, line);
	return urpc_kick_first(&c->own.urpc) ? rpc_wake(c) : ERR_OK;
}

/* --- handlers and answers ------------------------------------------------------------------------------------ */

/* The arguments of a call in a line have been read: the line goes back to the peer. */
static inline void rpc_taken(struct rpc_call *call) { mem_add_release(call->received, URPC_STEP); }
/* A cursor over a call's arguments, which are only read. */
static inline struct rpc_cursor rpc_call_cursor(const struct rpc_call *call, const uint64_t *in)
{
	return (struct rpc_cursor){ .at = (uint64_t *)in, .end = (uint64_t *)in + rpc_header_length(call->header) };
}
/*
 * Answers a call: m->word[1] on are `words` words of outputs, if err is ERR_OK. Not for later or one-way calls:
 * then nothing is sent.
 */
void rpc_answer_line(struct rpc_call *call, err_t err, struct urpc_message *m, unsigned words);
/* The same for outputs in one piece, word[1] up to the cursor. */
void rpc_answer_long(struct rpc_call *call, err_t err, uint64_t *word, const struct rpc_cursor *k);
/* The arguments are not what they should be: counts it, and says so to the caller. */
void rpc_malformed(struct rpc_call *call);
/* For answers given later: the call as it was. ERR_CLOSED: the caller is gone, and l is done with. */
err_t rpc_later_call(struct rpc_later *l, struct rpc_call *call);
/* The answer was given. */
void rpc_later_end(struct rpc_later *l);

/* --- capabilities, on metal (cap.c) --------------------------------------------------------------- */

/* Sends a copy with all rights; the ticket goes into the message. */
err_t rpc_cap_send(struct channel *c, cptr_t cap, uint64_t *ticket);
/* Takes it into a fresh slot. */
err_t rpc_cap_receive(struct channel *c, uint64_t ticket, cptr_t *slot);
/* The channel of a call. */
struct channel *rpc_call_channel(struct rpc_call *call);
