/* See ring.h. What the users have written into the memory is believed in nothing but which of them are to be woken. */
#include "services/pipe/ring.h"

#include <stdlib.h>

struct ring_user {
	struct ring_user *next;
	const struct ninep_connection *of;
	uint32_t fid, serial;
	uint64_t bell; /* 0: none */
};

/* A request that waits for events. */
struct ring_wait {
	struct ring_wait *next;
	struct ring_pipe *pipe;
	struct ninep_pending *pending;
	enum pipe_end end;
	uint32_t events;
};

static struct pipe_side *side_of(const struct ring_pipe *p, enum pipe_end end) { return &p->memory.ring->side[end]; }

unsigned ring_pipe_make(struct ring_pipe *p)
{
	*p = (struct ring_pipe){ 0 };
	return ring_memory_make(&p->memory) ? 0 : NINEP_ENOMEM;
}

void ring_pipe_free(struct ring_pipe *p) { ring_memory_free(&p->memory); }

/* --- those who wait ---------------------------------------------------------------------------------- */

static uint32_t events_told(const struct ring_pipe *p, enum pipe_end end, uint32_t asked)
{
	return pipe_ring_events(p->memory.ring, end) & (asked | NINEP_READY_ERROR | NINEP_READY_HANGUP);
}

static void wait_take(struct ring_wait *w)
{
	struct ring_wait **at = &w->pipe->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void wait_cancel(struct ninep_pending *pending, void *arg)
{
	(void)pending;
	wait_take(arg);
	free(arg);
}

/* Answers those who have something; the others sleep: they look a last time after they have said so. */
static void waits_look(struct ring_pipe *p)
{
	struct ring_wait *w = p->waits, *next;
	uint32_t events;

	for (; w; w = next) {
		next = w->next;
		if (!events_told(p, w->end, w->events))
			pipe_side_sleep(side_of(p, w->end), PIPE_RING_SERVICE);
		events = events_told(p, w->end, w->events);
		if (!events)
			continue;
		wait_take(w);
		ninep_answer(w->pending, 0, NULL, events);
		free(w);
	}
}

unsigned ring_pipe_ready(struct ring_pipe *p, struct ninep_call *c, enum pipe_end end, uint32_t *events)
{
	uint32_t told = events_told(p, end, *events);
	struct ring_wait *w;

	if (told || *events & NINEP_READY_NOW) {
		*events = told;
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return NINEP_ENOMEM;
	*w = (struct ring_wait){ .next = p->waits, .pipe = p, .end = end, .events = *events };
	w->pending = ninep_later(c, wait_cancel, w);
	if (!w->pending) {
		free(w);
		return NINEP_EAGAIN;
	}
	p->waits = w;
	waits_look(p);
	return NINEP_LATER;
}

void ring_pipe_poke(struct ring_pipe *p, uint64_t sleepers)
{
	for (struct ring_user *u = p->users; u; u = u->next)
		if (u->bell && u->serial <= PIPE_RING_SLEEPERS && sleepers >> (u->serial - 1) & 1)
			ring_bell_ring(u->bell);
	waits_look(p);
}

/* --- users ------------------------------------------------------------------------------------------------ */

static struct ring_user **user_find(struct ring_pipe *p, const struct ninep_connection *n, uint32_t fid)
{
	struct ring_user **at = &p->users;

	while (*at && ((*at)->of != n || (*at)->fid != fid))
		at = &(*at)->next;
	return at;
}

unsigned ring_pipe_join(struct ring_pipe *p, struct ninep_call *c, uint64_t ticket, struct ninep_ring *out)
{
	struct channel *channel = &c->from->channel;
	struct ring_user *u;

	if (*user_find(p, c->from, c->fid))
		return NINEP_EBUSY;
	u = malloc(sizeof(*u));
	if (!u)
		return NINEP_ENOMEM;
	if (!ring_memory_send(&p->memory, channel, &out->ticket)) {
		free(u);
		return NINEP_ENOMEM;
	}
	*u = (struct ring_user){ p->users, c->from, c->fid, ++p->serials,
				 ticket ? ring_bell_take(channel, ticket) : 0 };
	p->users = u;
	out->serial = u->serial;
	out->direct = u->bell && u->serial <= PIPE_RING_SLEEPERS;
	return 0;
}

unsigned ring_pipe_peer(struct ring_pipe *p, struct ninep_call *c, uint32_t number, uint64_t *ticket)
{
	struct ring_user *u = p->users;

	while (u && u->serial != number)
		u = u->next;
	if (!u || !u->bell)
		return NINEP_ENOENT;
	return ring_bell_send(u->bell, &c->from->channel, ticket) ? 0 : NINEP_EOPNOTSUPP;
}

/* It may have died with a lock. */
void ring_pipe_left(struct ring_pipe *p, const struct ninep_connection *n, uint32_t fid)
{
	struct ring_user **at = user_find(p, n, fid), *u = *at;

	if (!u)
		return;
	*at = u->next;
	pipe_side_break(side_of(p, PIPE_READERS), u->serial);
	pipe_side_break(side_of(p, PIPE_WRITERS), u->serial);
	if (u->bell)
		ring_bell_free(u->bell);
	free(u);
}

/* --- ends ------------------------------------------------------------------------------------------------ */

void ring_pipe_flags(struct ring_pipe *p, enum pipe_end end, uint32_t flags)
{
	mem_store32(&side_of(p, end)->nonblock, (flags & NINEP_NONBLOCK) != 0);
}

void ring_pipe_open(struct ring_pipe *p, enum pipe_end end, uint32_t flags)
{
	p->open[end]++;
	mem_store32(&side_of(p, end)->gone, 0);
	ring_pipe_flags(p, end, flags);
}

/* Everybody who waits for what that end would have done is told. */
void ring_pipe_close(struct ring_pipe *p, enum pipe_end end)
{
	if (--p->open[end])
		return;
	mem_store32_release(&side_of(p, end)->gone, 1);
	mem_fence(); /* pairs with pipe_side_sleep: who does not see it is seen asleep */
	ring_pipe_poke(p, pipe_side_wake(side_of(p, !end)));
}
