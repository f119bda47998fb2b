/*
 * What carries a channel: two ways of lines, each with the window of a URPC ring.
 *
 * A line that was sent is on its way when its sender flushes; lines of one way never overtake each other. When
 * an end has gone the other is told, but not before all that was flushed has come. Bulk memory is there at once for
 * both, and till both have closed.
 */
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <stdlib.h>

static void link_release(struct link *l)
{
	if (--l->uses)
		return;
	free(l->bulk);
	free(l);
}

static void end_list(struct link_end *e, struct process *p)
{
	e->process = p;
	e->next = p->links;
	e->at = &p->links;
	if (e->next)
		e->next->at = &e->next;
	p->links = e;
}

struct link *link_make(struct process *opener, unsigned bulk_bits)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		err(2, "a channel");
	l->bulk_bytes = bulk_bits ? SIZE_OF_BITS(bulk_bits) : 0;
	if (bulk_bits && !(l->bulk = calloc(1, l->bulk_bytes)))
		err(2, "a channel's memory");
	l->uses = 2;
	l->end[0].link = l->end[1].link = l;
	end_list(&l->end[0], opener);
	return l;
}

void link_accept(struct link *l, struct process *p) { end_list(&l->end[1], p); }

void set_wake(struct wait_set *w)
{
	w->woken = 1;
	while (thread_wake(w->waiter))
		;
}

void sets_wake(struct process *p)
{
	for (struct wait_set *w = p->sets; w; w = w->next)
		set_wake(w);
}

static void end_wake(const struct link *l, unsigned side)
{
	struct channel *c = l->end[side].channel;

	if (c && c->set)
		set_wake(c->set);
	else if (l->end[side].process)
		sets_wake(l->end[side].process);
}

/* --- lines ------------------------------------------------------------------------------------- */

static void lines_come(struct moment *m)
{
	struct link *l = m->who;
	unsigned side = (unsigned)m->a;

	l->way[side].arrived = m->b;
	if (l->end[1 - side].process)
		end_wake(l, 1 - side);
	link_release(l);
}

/* Never before what left earlier. */
static cycles_t way_arrival(struct link *l, unsigned side)
{
	struct way *w = &l->way[side];
	const struct process *to = l->end[1 - side].process;
	cycles_t at = time_arrival(l->end[side].process->core, to ? to->core : l->end[side].process->core);

	if (at < w->last)
		at = w->last;
	w->last = at;
	return at;
}

static void link_flush(struct channel *c)
{
	struct link *l = c->link;
	struct way *w = &l->way[c->side];
	struct moment m = { .happen = lines_come, .who = l, .a = c->side, .b = w->sent };

	time_spend(COST_KICK);
	if (w->flushed == w->sent)
		return;
	fate_send(l->end[c->side].process);
	trace(l->end[c->side].process, "sends %lu to %lx: %lx %lx", w->sent - w->flushed, c->peer,
	      w->line[w->flushed % WINDOW].word[0], w->line[w->flushed % WINDOW].word[1]);
	w->flushed = w->sent;
	l->uses++;
	time_post(way_arrival(l, c->side), &m);
}

static bool link_room(struct channel *c)
{
	const struct way *w = &((struct link *)c->link)->way[c->side];

	return c->closed || w->sent - w->received < WINDOW;
}

static err_t link_send(struct channel *c, const struct urpc_message *m)
{
	struct way *w = &((struct link *)c->link)->way[c->side];

	if (c->closed)
		return ERR_CLOSED;
	if (!link_room(c))
		return ERR_AGAIN;
	time_spend(COST_SEND);
	w->line[w->sent++ % WINDOW] = *m;
	return ERR_OK;
}

static void room_made(struct moment *m)
{
	struct link *l = m->who;

	if (l->end[m->a].process)
		sets_wake(l->end[m->a].process);
	link_release(l);
}

static void starved_tell(struct link *l, unsigned side)
{
	struct moment m = { .happen = room_made, .who = l, .a = side };

	if (!l->way[side].starved || !l->end[side].process)
		return;
	l->way[side].starved = false;
	l->uses++;
	time_post(time_arrival(l->end[1 - side].process->core, l->end[side].process->core), &m);
}

static err_t link_receive(struct channel *c, struct urpc_message *m)
{
	struct link *l = c->link;
	struct way *w = &l->way[1 - c->side];

	if (w->received == w->arrived) {
		time_spend(COST_POLL);
		return c->closed ? ERR_CLOSED : ERR_AGAIN;
	}
	time_spend(COST_RECEIVE + COST_HANDLE);
	*m = w->line[w->received++ % WINDOW];
	starved_tell(l, 1 - c->side);
	return ERR_OK;
}

static bool link_ready(struct channel *c)
{
	const struct way *w = &((struct link *)c->link)->way[1 - c->side];

	return w->received != w->arrived || c->closed;
}

static void link_sleep(struct channel *c, bool asleep) { (void)c, (void)asleep; }

static void link_starve(struct channel *c, bool starved) { ((struct link *)c->link)->way[c->side].starved = starved; }

/* --- ends ------------------------------------------------------------------------------------------- */

static void closed_come(struct moment *m)
{
	struct link *l = m->who;
	unsigned side = (unsigned)m->a;

	l->end[side].told = true;
	if (l->end[side].channel)
		l->end[side].channel->closed = 1;
	/* All: one may wait for room in a set of its own. */
	if (l->end[side].process)
		sets_wake(l->end[side].process);
	link_release(l);
}

void link_end(struct link *l, unsigned side, cycles_t delay)
{
	struct moment m = { .happen = closed_come, .who = l, .a = 1 - side };
	struct link_end *e = &l->end[side];

	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	if (l->end[1 - side].process) {
		l->uses++;
		time_post(way_arrival(l, side) + delay, &m);
	}
	e->process = NULL;
	e->channel = NULL;
	link_release(l);
}

void links_end(struct process *p, cycles_t delay)
{
	while (p->links) {
		struct link_end *e = p->links;
		struct link *l = e->link;

		link_end(l, e == &l->end[1], delay);
	}
}

static void link_close(struct channel *c)
{
	link_flush(c);
	link_end(c->link, c->side, 0);
}

static const struct channel_ops far_ops = {
	.name = "far",
	.send = link_send,
	.receive = link_receive,
	.flush = link_flush,
	.ready = link_ready,
	.tend = link_ready,
	.sleep = link_sleep,
	.starve = link_starve,
	.room = link_room,
	.close = link_close,
};
static const struct channel_ops near_ops = {
	.name = "near",
	.send = link_send,
	.receive = link_receive,
	.flush = link_flush,
	.ready = link_ready,
	.tend = link_ready,
	.sleep = link_sleep,
	.starve = link_starve,
	.room = link_room,
	.close = link_close,
	.near = true,
};

void link_attach(struct link *l, unsigned side, struct channel *c, uint64_t peer)
{
	l->end[side].channel = c;
	c->ops = peer >> 32 == l->end[side].process->core ? &near_ops : &far_ops;
	c->link = l;
	c->bulk = l->bulk;
	c->bulk_bytes = l->bulk_bytes;
	c->peer = peer;
	c->side = side;
	c->closed = l->end[side].told;
}
