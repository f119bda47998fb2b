/*
 * Taking hints off a board.
 */
#include "libos/fabric/hint.h"

/* Clears the set bytes of one word; one bit for each. */
static uint64_t word_take(struct hint_board *b, unsigned word)
{
	uint64_t taken = 0;

	for (unsigned i = 8 * word; i < 8 * word + 8; i++)
		if (mem_load8(&b->hint[i])) {
			mem_store8(&b->hint[i], 0); /* a byte: the neighbours are other senders' */
			taken |= UINT64_C(1) << i;
		}
	return taken;
}

uint64_t hint_take(struct hint_board *b)
{
	uint64_t taken = 0;

	for (unsigned word = 0; word < HINT_BYTES / 8; word++)
		if (mem_load64(&b->word[word]))
			taken |= word_take(b, word);
	/* The clears are before the looks; pairs with the order of message and hint in urpc_kick. */
	if (taken)
		mem_fence();
	return taken;
}
