/*
 * Hint boards: which of a thousand channels has something, told by one line.
 *
 * A board lies in memory of the receiver's that its senders can write: a line of
 * 64 hint bytes.  Channel number n has byte n % 64.  A sender sets the byte by a
 * plain store at each kick; the receiver clears it, fences, and looks at the
 * channels of that byte.  A hint that gets lost (a sender may die in between, or
 * write what it likes) costs time only: before sleeping the receiver looks at all.
 * Doorbells are each channel's own, for a sender that wiped a common one would let
 * the receiver sleep through the messages of others.
 *
 * Orders: see urpc_kick.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/x86/barrier.h"

#define HINT_BYTES 64

struct hint_board {
	_Alignas(CACHE_LINE) union {
		uint8_t hint[HINT_BYTES];
		uint64_t word[HINT_BYTES / 8];
	};
};
_Static_assert(sizeof(struct hint_board) == CACHE_LINE, "a board is one line");

/* Is any hint set? One line. */
static inline bool hint_any(const struct hint_board *b)
{
	uint64_t all = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < HINT_BYTES / 8; i++)
		all |= mem_load64(&b->word[i]);
	return all != 0;
}

/* Clears the hints that are set, and fences. Bit n: the channels of byte n are to be looked at. */
uint64_t hint_take(struct hint_board *b);
