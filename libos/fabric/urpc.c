/*
 * URPC off the fast path: initialisation, the window, sleeping, closing.
 *
 * Everything behind u->own and u->peer is in the peer's reach; see urpc.h for what
 * that may not lead to.  u itself is private.
 */
#include "libos/fabric/urpc.h"

/* The first position: the second round, so that a line of zeroes is no message. */
#define URPC_START URPC_WINDOW

err_t urpc_init(struct urpc *u, void *frame, size_t size, unsigned side)
{
	struct urpc_inbox *inbox = frame;

	if (side > 1 || size < 2 * sizeof(struct urpc_inbox) || (uintptr_t)frame % CACHE_LINE)
		return ERR_ARGUMENT;
	*u = (struct urpc){
		.own = &inbox[side],
		.peer = &inbox[1 - side],
		.sent = URPC_START,
		.acknowledged = URPC_START,
		.limit = URPC_START + URPC_WINDOW,
		.seen = URPC_START,
		.fresh_from = URPC_START,
	};
	u->hint = &u->no_hint;
	mem_store32(&u->own->at.received, URPC_START);
	return ERR_OK;
}

/* Moves the limit if `received` is news: beyond what is acknowledged, not beyond what was sent, a whole message. */
static void window_move(struct urpc *u, uint32_t received)
{
	uint32_t known = u->limit - URPC_WINDOW;

	if (received % URPC_STEP == 0 && received - known <= u->sent - known)
		u->limit = received + URPC_WINDOW;
}

/*
 * Positions wrap after 2^29 messages, so an acknowledgement is believed only when
 * it cannot be that old.  A look finds silence when nothing was received since the
 * look before, a window of ours ago at most.  Then the ring's contents may have lain
 * there for any time, and the 32 messages after them may carry what the peer knew
 * then; but in any 33 sends of the peer there is a look at its window, which renews
 * what it sends along.  So from the second window after the silence on, what rides
 * is younger than the silence.  And while no look finds silence, what rides is at
 * most a few windows of looks old.
 */
static bool ride_is_fresh(struct urpc *u, uint32_t received)
{
	if (received == u->seen)
		u->fresh_from = received + 2 * URPC_WINDOW;
	u->seen = received;
	return (int32_t)(received - u->fresh_from) > 0;
}

bool urpc_window_open(struct urpc *u)
{
	uint32_t received = mem_load32(&u->own->at.received);

	u->acknowledged = received;
	if (ride_is_fresh(u, received)) {
		/* The line of the last message: that one's word still, or that of a newer one. */
		const uint32_t *sequence = urpc_sequence(u->own, received - URPC_STEP);
		window_move(u, mem_load32_acquire(sequence + 1) & -URPC_STEP);
	}
	/* Acquire: pairs with the release of `received` in urpc_receive; our stores into the line come after. */
	if (u->limit - u->sent < URPC_WINDOW / 2)
		window_move(u, mem_load32_acquire(&u->peer->at.received));
	return u->limit != u->sent;
}

bool urpc_send_closed(struct urpc *u, const struct urpc_message *m)
{
	if (!urpc_window_open(u))
		return false;
	urpc_publish(u, m->word, u->last);
	return true;
}

/* Of several kicks between a receiver's going to sleep and its waking only one need notify it. */
bool urpc_claim_wakeup(struct urpc *u) { return mem_swap32(&u->peer->bell.asleep, 0) != 0; }

void urpc_sleep_mark(struct urpc *u) { mem_store32(&u->own->bell.asleep, 1); }

void urpc_sleep_cancel(struct urpc *u) { mem_store32(&u->own->bell.asleep, 0); }

bool urpc_sleep_prepare(struct urpc *u)
{
	urpc_sleep_mark(u);
	mem_fence(); /* pairs with that in urpc_kick */
	if (!urpc_poll(u))
		return true;
	urpc_sleep_cancel(u);
	return false;
}

void urpc_starve_mark(struct urpc *u) { mem_store32(&u->own->bell.starved, 1); }

void urpc_starve_cancel(struct urpc *u) { mem_store32(&u->own->bell.starved, 0); }

void urpc_close(struct urpc *u)
{
	/* Release: what was sent is published first; pairs with the acquire in urpc_peer_closed. */
	mem_store32_release(&u->own->bell.closed, 1);
}

bool urpc_peer_closed(const struct urpc *u) { return urpc_peer_deaf(u) && !urpc_poll(u); }
bool urpc_peer_deaf(const struct urpc *u) { return mem_load32_acquire(&u->peer->bell.closed) != 0; }

void urpc_use_hint(struct urpc *u, uint8_t *hint) { u->hint = hint; }
