/*
 * Wait sets: polling, then sleeping, over many channels.
 *
 * The channels of a set are a ring, or, when their senders hint, behind the set's
 * board.  Looking at the ring starts behind the channel that was given last, so
 * each gets its turn.  While it polls, a set looks at one line of each channel of
 * the ring and at one line for the board.  What those do not tell (the peer has
 * closed, or waits for room) it looks at for the channel given last, which is the
 * one whose ring may just have been emptied; for all once in TEND_EVERY waits; and
 * for all before sleeping.
 */
#include "libos/fabric/fabric.h"

#define TEND_EVERY 64

/* --- what is in a set -------------------------------------------------------------- */

err_t wait_set_init(struct wait_set *w, struct fabric *f)
{
	uint32_t back = fabric_enter(f);
	err_t err;

	*w = (struct wait_set){ .fabric = f };
	err = f->ops->set_open(w);
	fabric_leave(f, back);
	return err;
}

void wait_set_destroy(struct wait_set *w)
{
	uint32_t back = fabric_enter(w->fabric);

	while (w->last)
		wait_set_remove(w->last);
	for (unsigned i = 0; w->board && i < HINT_BYTES; i++)
		while (w->board->list[i])
			wait_set_remove(w->board->list[i]);
	if (w->service)
		w->service->set = NULL;
	w->fabric->ops->set_close(w);
	fabric_leave(w->fabric, back);
}

static void ring_add(struct wait_set *w, struct channel *c)
{
	if (w->last) {
		c->next = w->last->next;
		w->last->next = c;
	} else {
		c->next = c;
	}
	w->last = c;
	w->channels++;
}

static void ring_remove(struct wait_set *w, struct channel *c)
{
	struct channel *before = c;

	while (before->next != c)
		before = before->next;
	before->next = c->next;
	if (w->last == c)
		w->last = before == c ? NULL : before;
	w->channels--;
}

static bool on_board(const struct wait_set *w, const struct channel *c) { return w->board && c->board == w->board; }

void wait_set_add(struct wait_set *w, struct channel *c)
{
	wait_set_remove(c);
	c->set = w;
	w->far += !c->ops->near;
	if (on_board(w, c))
		wait_board_add(w->board, c);
	else
		ring_add(w, c);
}

void wait_set_remove(struct channel *c)
{
	struct wait_set *w = c->set;

	if (!w)
		return;
	w->far -= !c->ops->near;
	if (on_board(w, c))
		wait_board_remove(w->board, c);
	else
		ring_remove(w, c);
	if (w->given == c)
		w->given = NULL;
	c->set = NULL;
	c->next = NULL;
}

void wait_set_serve(struct wait_set *w, struct service *s)
{
	if (w->service)
		w->service->set = NULL;
	w->service = s;
	if (s)
		s->set = w;
}

void wait_set_use_board(struct wait_set *w, struct wait_board *b) { w->board = b; }

/* --- looking ------------------------------------------------------------------------ */

/* The first channel of the ring that is ready, by its one line. */
static struct channel *ring_poll(struct wait_set *w)
{
	struct channel *c = w->last;

	for (uint32_t i = 0; i < w->channels; i++) {
		c = c->next;
		if (channel_ready(c)) {
			w->last = c;
			return c;
		}
	}
	return NULL;
}

/* Looks at everything of all channels; the first that is ready. */
static struct channel *set_look_all(struct wait_set *w)
{
	struct channel *found = NULL, *c = w->last;

	for (uint32_t i = 0; i < w->channels; i++) {
		c = c->next;
		if (c->ops->tend(c) && !found)
			found = c;
	}
	if (found)
		w->last = found;
	c = w->board ? wait_board_look_all(w->board) : NULL;
	return found ? found : c;
}

/* Board and ring go first by turns. */
struct channel *wait_set_poll(struct wait_set *w)
{
	struct channel *c;

	if (!w->board)
		return ring_poll(w);
	c = w->waits % 2 ? wait_board_poll(w->board) : ring_poll(w);
	if (c)
		return c;
	return w->waits % 2 ? ring_poll(w) : wait_board_poll(w->board);
}

static bool set_incoming(struct wait_set *w) { return w->service && w->fabric->ops->incoming(w->service); }

/* Polling is for peers on other cores; one of our own, which was just answered, runs when we stop. */
static uint32_t poll_rounds(const struct wait_set *w)
{
	if (!w->far || (w->given && w->given->ops->near))
		return 1;
	return w->fabric->looks / (w->channels + 1) + 1;
}

static struct channel *set_poll(struct wait_set *w, cycles_t deadline)
{
	uint32_t rounds = poll_rounds(w);

	for (uint32_t round = 0; round < rounds; round++) {
		struct channel *c = wait_set_poll(w);

		if (c || rounds == 1 || set_incoming(w) || deadline == FABRIC_POLL)
			return c;
		w->fabric->ops->relax(w->fabric);
	}
	return NULL;
}

/* --- sleeping ------------------------------------------------------------------------- */

static void set_mark(struct wait_set *w, bool asleep)
{
	struct channel *c = w->last;

	for (uint32_t i = 0; i < w->channels; i++, c = c->next)
		c->ops->sleep(c, asleep);
	if (w->board)
		wait_board_sleep(w->board, asleep);
}

/* Says that it sleeps, looks once more at everything, and blocks if there is nothing. */
static struct channel *set_sleep(struct wait_set *w, cycles_t deadline)
{
	struct channel *c;

	/* Peers of our own core do not ask whether we sleep: what they send after the last look wakes the set. */
	if (!w->far) {
		w->fabric->ops->block(w, deadline);
		return wait_set_poll(w);
	}
	set_mark(w, true);
	mem_fence(); /* pairs with that in urpc_kick */
	c = set_look_all(w);
	if (c || set_incoming(w)) {
		set_mark(w, false);
		return c;
	}
	w->fabric->ops->block(w, deadline);
	set_mark(w, false);
	return wait_set_poll(w);
}

/* The looks that polling leaves out. */
static void set_tend(struct wait_set *w)
{
	if (w->given && !w->given->ops->near && !channel_ready(w->given))
		w->given->ops->tend(w->given);
	if (++w->waits % TEND_EVERY == 0)
		set_look_all(w);
}

static struct channel *set_find(struct wait_set *w, cycles_t deadline)
{
	struct channel *c = set_poll(w, deadline);

	if (!c && deadline == FABRIC_POLL)
		c = set_look_all(w);
	while (!c && !set_incoming(w)) {
		if (deadline && (deadline == FABRIC_POLL || fabric_now(w->fabric) >= deadline))
			break;
		if (mem_load32(&w->interrupted))
			break;
		c = set_sleep(w, deadline);
	}
	return c;
}

err_t wait_set_wait(struct wait_set *w, struct channel **out, cycles_t deadline)
{
	uint32_t back = fabric_enter(w->fabric);
	bool found;

	set_tend(w);
	w->given = *out = set_find(w, deadline);
	mem_store32(&w->interrupted, 0);
	found = *out || set_incoming(w);
	fabric_leave(w->fabric, back);
	if (found)
		return ERR_OK;
	return deadline == FABRIC_POLL ? ERR_AGAIN : ERR_TIMEOUT;
}

bool wait_set_part(struct wait_set *w, struct channel *c, const struct urpc_message *m)
{
	uint32_t back;
	bool parted = false;

	if (!wait_set_parts(w, c))
		return false;
	back = fabric_enter(w->fabric);
	if (!wait_set_poll(w) && !set_incoming(w) && !mem_load32(&w->interrupted))
		parted = w->fabric->ops->part(w, c, m);
	fabric_leave(w->fabric, back);
	return parted;
}

void wait_set_interrupt(struct wait_set *w)
{
	if (!w->fabric || !w->fabric->ops->wake)
		return; /* not made yet: nobody waits there */
	mem_store32(&w->interrupted, 1);
	w->fabric->ops->wake(w);
}
