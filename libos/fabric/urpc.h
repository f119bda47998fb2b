/*
 * URPC: 64-byte messages between two cores through one shared frame.
 *
 * The frame holds an inbox for each side.  An inbox is a ring of lines that the
 * peer writes, a line with the owner's position and a doorbell line, both written
 * by the owner alone.  A message is one line: 7 words, then a word with the
 * sequence (low half) and the acknowledgement that rides along (high half).  The
 * sender fills the line and publishes it by that last word; the receiver polls
 * it.  The sequence is the position itself: it grows by 8 a message, so that its
 * low byte, times 8, is the byte offset in the ring of 32 lines, and a line of
 * the round before never matches.
 *
 * Acknowledgements ride in the last word, as of the sender's last kick or look at
 * its window.  One alone is the owner's position line: the sender reads it, and so
 * moves it, only when its window has closed and what rode along did not open it.
 *
 * Trust: the frame can be written by the peer at any time.  Our position in it is
 * only used by its low byte, so no access leaves the inbox; one message is copied
 * at most per call, so nothing loops; a position that cannot be is ignored.  A
 * hostile peer can spoil this channel's messages, which it could send anyway, and
 * nothing else.
 *
 * Portable C over libos/x86/barrier.h; runs in any thread, on metal and hosted,
 * one thread at a time on each side.  docs/fabric.md has the orders in full.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"
#include "libos/x86/barrier.h"

#define URPC_WORDS 7  /* payload of a message */
#define URPC_LINES 32 /* of a ring; its size in bytes is that of a position's low byte, times 8 */
#define URPC_STEP 8u  /* what a position grows by for each message */
#define URPC_WINDOW (URPC_LINES * URPC_STEP)
#define URPC_FRAME_BITS 13 /* least size of the frame; what lies behind the inboxes is the caller's */

/* A message in memory; 16-byte alignment lets it move by 16-byte loads and stores. */
struct urpc_message {
	_Alignas(16) uint64_t word[URPC_WORDS];
	uint64_t unused;
};

struct urpc_line {
	_Alignas(CACHE_LINE) uint64_t word[URPC_WORDS];
	union {
		struct {
			uint32_t sequence, acknowledged;
		};
		uint64_t last;
	};
};

/* How far the inbox's owner has received: written at each message, read by the peer when its window has closed. */
struct urpc_position {
	uint32_t received;
	uint32_t unused[15];
};

/* What the inbox's owner tells its peer. */
struct urpc_doorbell {
	uint32_t asleep;  /* does not poll: notify it */
	uint32_t starved; /* waits for room in the peer's inbox: notify it when there is some */
	uint32_t closed;  /* sends no more */
	uint32_t unused[13];
};

struct urpc_inbox {
	struct urpc_line ring[URPC_LINES];
	struct urpc_position at;
	struct urpc_doorbell bell;
};
_Static_assert(sizeof(struct urpc_line) == CACHE_LINE, "a message is one line");
_Static_assert(sizeof(struct urpc_inbox) == (URPC_LINES + 2) * CACHE_LINE, "inbox is whole lines");
_Static_assert(2 * sizeof(struct urpc_inbox) <= SIZE_OF_BITS(URPC_FRAME_BITS), "inboxes outgrew their frame");
_Static_assert((URPC_WINDOW - 1) * 8 + CACHE_LINE <= sizeof(struct urpc_inbox), "any low byte's line is in the inbox");
_Static_assert(offsetof(struct urpc_inbox, ring) == 0, "the inbox's address is the ring's");
_Static_assert(URPC_WINDOW == 256 && CACHE_LINE == 8 * URPC_STEP, "a position's low byte times 8 is the offset");

/* One side of a channel: private memory, which may not be moved. */
struct urpc {
	struct urpc_inbox *own, *peer;
	union {
		struct {
			uint32_t sent;         /* position of the next message */
			uint32_t acknowledged; /* what rides on it; a carry out of `sent` may spoil its low bits */
		};
		uint64_t last; /* both: its last word */
	};
	uint32_t limit;      /* the position at which our window is closed: URPC_WINDOW beyond what is acknowledged */
	uint32_t seen;       /* our received position when the window was last looked at */
	uint32_t fresh_from; /* acknowledgements that rode on messages before this position may be old */
	uint8_t no_hint;     /* what hint points at when the receiver has no hint line */
	uint8_t *hint;       /* our byte in the receiver's hint line */
};

/*
 * Makes `u` side 0 or 1 of the channel in `frame` (size bytes, line aligned,
 * zero before either side's init).  The sides may come in any order; the first
 * may send at once.  ERR_ARGUMENT when the frame is too small or not aligned.
 */
err_t urpc_init(struct urpc *u, void *frame, size_t size, unsigned side);

/* Out of line: the window looks closed. Look at the acknowledgements; can we send now? */
bool urpc_window_open(struct urpc *u);
/* Out of line: the peer says that it sleeps. True: we are the one to notify it. */
bool urpc_claim_wakeup(struct urpc *u);

/* Out of line: urpc_send when the window looks closed. */
bool urpc_send_closed(struct urpc *u, const struct urpc_message *m);

/* Index, in words, of a position's line in its ring; whatever the position, the line is in the inbox. */
static inline uint64_t urpc_index(uint32_t position) { return (uint8_t)position; }

/* The sequence that the inbox's line at a position carries. */
static inline const uint32_t *urpc_sequence(const struct urpc_inbox *inbox, uint32_t position)
{
	return (const uint32_t *)((const uint64_t *)inbox + urpc_index(position) + URPC_WORDS);
}

/* Puts a message into the peer's ring at our position, u->last; the window is open. */
static inline void urpc_publish(struct urpc *u, const uint64_t *words, uint64_t last)
{
	/* Release of `last`: pairs with the acquire of the sequence in urpc_receive; the payload is there first. */
	mem_publish_line(u->peer, urpc_index((uint32_t)last), words, last);
	/* All 64 bits, so that the next load of `last` is forwarded from this store. */
	u->last += URPC_STEP;
}

/*
 * Sends if the window is open.  The message is published, but a peer that sleeps
 * or that polls its hint line is only sure to see it after urpc_kick(), once per
 * batch.  False: the window is closed, nothing was sent.
 */
static inline bool urpc_send(struct urpc *u, const struct urpc_message *m)
{
	uint64_t last = u->last;

	if (__builtin_expect((uint32_t)last == u->limit, 0))
		return urpc_send_closed(u, m);
	urpc_publish(u, m->word, last);
	return true;
}

/* The same for URPC_WORDS words wherever they lie. */
static inline bool urpc_send_words(struct urpc *u, const uint64_t *words)
{
	uint64_t last = u->last;

	if (__builtin_expect((uint32_t)last == u->limit, 0)) {
		struct urpc_message m;

		for (unsigned i = 0; i < URPC_WORDS; i++)
			m.word[i] = words[i];
		return urpc_send_closed(u, &m);
	}
	urpc_publish(u, words, last);
	return true;
}

/* Is the window open, by the look that costs least? */
static inline bool urpc_open(const struct urpc *u) { return __builtin_expect((uint32_t)u->last != u->limit, 1); }
/*
 * The same in place, when urpc_open said so: where the next message's words go, then urpc_commit. It remembers what
 * the compiler would have to load again after the words were stored.
 */
struct urpc_slot {
	uint64_t *word;
	uint64_t last;
};
static inline struct urpc_slot urpc_next(const struct urpc *u)
{
	uint64_t last = u->last;

	return (struct urpc_slot){ (uint64_t *)u->peer + urpc_index((uint32_t)last), last };
}
static inline void urpc_commit(struct urpc *u, struct urpc_slot slot)
{
	/* Release: as in urpc_publish. */
	mem_store64_release(&slot.word[URPC_WORDS], slot.last);
	u->last += URPC_STEP;
}

/* Is there a message to receive? Costs the peer nothing while there is none. */
static inline bool urpc_poll(const struct urpc *u)
{
	uint32_t received = mem_load32(&u->own->at.received);

	return mem_equals_acquire(urpc_sequence(u->own, received), received);
}

/* Copies the next message out of the ring. False: there is none. */
static inline bool urpc_receive(struct urpc *u, struct urpc_message *m)
{
	struct urpc_inbox *own = u->own;
	uint32_t received = mem_load32(&own->at.received);

	/* Acquire: pairs with the release of the last word in urpc_publish. */
	if (!mem_equals_acquire(urpc_sequence(own, received), received))
		return false;
	mem_read_words(m->word, own, urpc_index(received));
	/* Release: the line has been read before the peer, seeing the position, overwrites it. */
	mem_add_release(&own->at.received, URPC_STEP);
	return true;
}

/*
 * The same in place: is there a message, and where? The peer may change its words at any time, so each is read
 * once; then mem_add_release(urpc_taken(u), URPC_STEP), after which they are not ours any more.
 */
static inline bool urpc_peek(const struct urpc_inbox *own, const uint64_t **line)
{
	uint32_t received = mem_load32(&own->at.received);
	const uint64_t *at = (const uint64_t *)own + urpc_index(received);

	*line = at;
	/* Acquire: as in urpc_receive. */
	return mem_equals_acquire((const uint32_t *)(at + URPC_WORDS), received);
}
static inline uint32_t *urpc_taken(const struct urpc *u) { return &u->own->at.received; }

/* Could urpc_send send now? */
static inline bool urpc_can_send(struct urpc *u) { return u->sent != u->limit || urpc_window_open(u); }

/* Does the peer say that it sleeps? Without a fence: for statistics and tests. */
static inline bool urpc_peer_asleep(const struct urpc *u) { return mem_load32(&u->peer->bell.asleep) != 0; }

/*
 * After a batch of sends, before waiting: sets the hint and looks at the peer's
 * doorbell.  True: the peer sleeps, and the caller must notify it now.  (In two steps:
 * urpc_kick_first, and when that is true urpc_claim_wakeup.)
 *
 * Store buffering (Dekker): we write `last`, fence, read `asleep`; the receiver
 * in urpc_sleep_prepare writes `asleep`, fences, reads `last`.  With a fence on
 * both sides not both reads can give the old value, so either the receiver sees
 * the message and stays awake or we see it asleep and notify it.
 * Hint: we write `last`, then the hint (stores stay in order); the receiver
 * clears the hint, fences, then reads `last`.  A hint that its clear overwrites
 * is older than the clear, hence so is the message, and the read sees it.
 */
static inline bool urpc_kick_first(struct urpc *u)
{
	const struct urpc_inbox *peer = u->peer;

	u->acknowledged = mem_load32(&u->own->at.received);
	mem_store8(u->hint, 1);
	mem_fence();
	return __builtin_expect(!mem_equals_acquire(&peer->bell.asleep, 0), 0);
}
static inline bool urpc_kick(struct urpc *u) { return urpc_kick_first(u) && urpc_claim_wakeup(u); }

/* Receiver's half of the above for one channel. True: it may sleep; false: a message is there (and it is awake). */
bool urpc_sleep_prepare(struct urpc *u);
/* The same in parts, for a receiver with many channels: mark each, one mem_fence(), poll each. */
void urpc_sleep_mark(struct urpc *u);
/* Awake again. */
void urpc_sleep_cancel(struct urpc *u);

/*
 * A sender whose window is closed says so before it sleeps (with urpc_sleep_mark,
 * then a fence, then urpc_can_send once more).  The receiver asks
 * urpc_peer_starved() whenever it finds its ring empty, which it will since the
 * sender has stopped; true: notify the peer.
 */
void urpc_starve_mark(struct urpc *u);
void urpc_starve_cancel(struct urpc *u);
static inline bool urpc_peer_starved(struct urpc *u)
{
	/* The swap, like a claimed wake-up: one notification per wait. */
	return mem_load32(&u->peer->bell.starved) && mem_swap32(&u->peer->bell.starved, 0);
}

/* Says that we send no more. The caller kicks afterwards. */
void urpc_close(struct urpc *u);
/* The peer has closed and every message that it sent has been received. */
bool urpc_peer_closed(const struct urpc *u);
/* The peer has closed, and so takes nothing any more, whatever it sent before. */
bool urpc_peer_deaf(const struct urpc *u);

/*
 * The receiver has a hint board: set `hint` at each kick. It lies in memory of the
 * receiver's that other senders may write too.
 */
void urpc_use_hint(struct urpc *u, uint8_t *hint);
