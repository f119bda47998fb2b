/*
 * Where a cpu gets things from the others: a list without a lock, many senders, one receiver.
 *
 * A sender puts its item first, by compare and swap; the receiver takes all and
 * turns them round, so that each sender's come in their order.  Nothing is ever taken out of
 * the middle, so an address that comes again does no harm.
 *
 * `ring` says whether the receiver looks of its own accord.  Before it goes to sleep, or
 * on with a single thread for long, it asks to be rung; a sender that finds that asked for takes
 * the request, so that others need not, and rings.  Portable; the receiver's side on one cpu in disabled mode.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/x86/barrier.h"

/* Lies in what is sent, which is the receiver's from then on. */
struct inbox_item {
	struct inbox_item *next;
	uint64_t kind;
};

enum inbox_ring {
	RING_NOT,   /* it looks before long */
	RING_SEEKS, /* it looks all the time, and would take work */
	RING_IDLE,  /* it sleeps, and would take work: ring */
	RING_ALONE, /* it runs the one thread that it has: ring */
};

/* One line: who has put an item there has it at hand to look at `ring`. */
struct inbox {
	_Alignas(CACHE_LINE) uint64_t head; /* the item put last */
	uint32_t ring;
};

/* Sends. True: the caller must ring. */
static inline bool inbox_put(struct inbox *b, struct inbox_item *item)
{
	uint64_t first;

	do {
		first = mem_load64(&b->head);
		item->next = (struct inbox_item *)first;
	} while (!mem_change64(&b->head, first, (uint64_t)item));
	/*
	 * Store buffering: we wrote `head`, and the swap is a fence; now we read `ring`. The receiver, in
	 * inbox_listen, swaps `ring` and then reads `head`. Not both can see the old value.
	 */
	return mem_load32(&b->ring) != RING_NOT && mem_swap32(&b->ring, RING_NOT) >= RING_IDLE;
}

static inline bool inbox_empty(const struct inbox *b) { return mem_load64(&b->head) == 0; }

/* Takes all, the oldest first; NULL when there is none. */
static inline struct inbox_item *inbox_take(struct inbox *b)
{
	struct inbox_item *item, *next, *first = NULL;

	if (inbox_empty(b))
		return NULL;
	/* Pairs with the swap in inbox_put: what the senders wrote into the items is there. */
	for (item = (struct inbox_item *)mem_swap64(&b->head, 0); item; item = next) {
		next = item->next;
		item->next = first;
		first = item;
	}
	return first;
}

/* From now on senders ring. False: something has come, and they need not. */
static inline bool inbox_listen(struct inbox *b, enum inbox_ring why)
{
	mem_swap32(&b->ring, why); /* pairs with that of `head` in inbox_put */
	if (inbox_empty(b))
		return true;
	mem_store32(&b->ring, RING_NOT);
	return false;
}

/* Looks all the time from now on. */
static inline void inbox_seek(struct inbox *b) { mem_store32(&b->ring, RING_SEEKS); }

/* They need not ring any more. Who has just taken the request rings once in vain. */
static inline void inbox_look(struct inbox *b)
{
	if (mem_load32(&b->ring) != RING_NOT)
		mem_store32(&b->ring, RING_NOT);
}
