/*
 * Channels behind a hint board: each byte has a list.
 *
 * `pending` remembers the bytes taken off the board whose channels have not been
 * found empty since; so a hint is cleared once for any number of messages.
 */
#include "libos/fabric/fabric.h"

void wait_board_init(struct wait_board *b, struct hint_board *shared) { *b = (struct wait_board){ .shared = shared }; }

err_t wait_board_open(struct wait_board *b, struct fabric *f)
{
	*b = (struct wait_board){ .fabric = f };
	return f->ops->board_open ? f->ops->board_open(b) : ERR_UNSUPPORTED;
}

void wait_board_close(struct wait_board *b) { b->fabric->ops->board_close(b); }

void wait_board_number(struct wait_board *b, struct channel *c)
{
	c->board = b;
	c->hint = b->numbers++ % HINT_BYTES;
}

void wait_board_add(struct wait_board *b, struct channel *c)
{
	c->next = b->list[c->hint];
	b->list[c->hint] = c;
	b->used |= UINT64_C(1) << c->hint;
	b->pending |= UINT64_C(1) << c->hint; /* it may have been hinted at before */
}

static struct channel **place(struct wait_board *b, struct channel *c)
{
	struct channel **at = &b->list[c->hint];

	while (*at != c)
		at = &(*at)->next;
	return at;
}

void wait_board_remove(struct wait_board *b, struct channel *c)
{
	*place(b, c) = c->next;
	if (!b->list[c->hint])
		b->used &= ~(UINT64_C(1) << c->hint);
}

/* Puts it last, so that the others behind its byte have their turn. */
static void requeue(struct wait_board *b, struct channel *c)
{
	struct channel **at = place(b, c);

	*at = c->next;
	while (*at)
		at = &(*at)->next;
	*at = c;
	c->next = NULL;
}

static struct channel *list_look(struct wait_board *b, unsigned byte)
{
	for (struct channel *c = b->list[byte]; c; c = c->next)
		if (channel_ready(c)) {
			if (c->next)
				requeue(b, c);
			return c;
		}
	return NULL;
}

struct channel *wait_board_poll(struct wait_board *b)
{
	if (hint_any(b->shared))
		b->pending |= hint_take(b->shared);
	while (b->pending) {
		/* The bytes from `turn` on come first. */
		uint64_t later = b->pending & ~UINT64_C(0) << b->turn;
		unsigned byte = (unsigned)__builtin_ctzll(later ? later : b->pending);
		struct channel *c = list_look(b, byte);

		b->turn = (byte + 1) % HINT_BYTES;
		if (c)
			return c;
		b->pending &= ~(UINT64_C(1) << byte);
	}
	return NULL;
}

struct channel *wait_board_look_all(struct wait_board *b)
{
	struct channel *found = NULL;

	for (uint64_t left = b->used; left; left &= left - 1) {
		unsigned byte = (unsigned)__builtin_ctzll(left);

		for (struct channel *c = b->list[byte]; c; c = c->next)
			if (c->ops->tend(c)) {
				b->pending |= UINT64_C(1) << byte;
				found = found ? found : c;
			}
	}
	return found;
}

void wait_board_sleep(struct wait_board *b, bool asleep)
{
	for (uint64_t left = b->used; left; left &= left - 1)
		for (struct channel *c = b->list[__builtin_ctzll(left)]; c; c = c->next)
			c->ops->sleep(c, asleep);
}
