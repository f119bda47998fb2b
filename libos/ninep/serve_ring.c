/*
 * Requests about memory that a file's users share, which are ours: Tring, Tpeer, Tpoke (libos/pipe/ring.h).
 *
 * They bring and take tickets for capabilities, which belong to the channel that they come over; the file's handlers
 * know what is behind them. Who is no client on such a channel is told EOPNOTSUPP.
 */
#include "libos/ninep/serve.h"

/* An open fid of a client that can have such; NULL: *error says why not. */
static struct ninep_fid *ring_fid(struct ninep_call *c, uint32_t fid, unsigned *error)
{
	struct ninep_fid *f = c->from->ours && c->from->server ? ninep_fid_find(c->from, fid) : NULL;

	*error = !c->from->ours || !c->from->server ? NINEP_EOPNOTSUPP : NINEP_EBADF;
	c->fid = fid;
	return f && f->open ? f : NULL;
}

unsigned ninep_serve_ring(struct ninep_call *c)
{
	unsigned error;
	struct ninep_fid *f = ring_fid(c, c->in.tring.fid, &error);
	struct ninep_ring ring = { 0 };

	if (!f)
		return error;
	if (!ninep_handlers_of(&f->file)->ring)
		return NINEP_EOPNOTSUPP;
	error = ninep_handlers_of(&f->file)->ring(c, &f->file, c->in.tring.ticket, &ring);
	c->out.rring.ticket = ring.ticket;
	c->out.rring.serial = ring.serial;
	c->out.rring.direct = ring.direct;
	return error;
}

unsigned ninep_serve_peer(struct ninep_call *c)
{
	unsigned error;
	struct ninep_fid *f = ring_fid(c, c->in.tpeer.fid, &error);

	if (!f)
		return error;
	if (!ninep_handlers_of(&f->file)->peer)
		return NINEP_EOPNOTSUPP;
	return ninep_handlers_of(&f->file)->peer(c, &f->file, c->in.tpeer.number, &c->out.rpeer.ticket);
}

/* It is not answered, but to a stranger, who waits for that. */
unsigned ninep_serve_poke(struct ninep_call *c)
{
	unsigned error;
	struct ninep_fid *f = ring_fid(c, c->in.tpoke.fid, &error);

	if (f && ninep_handlers_of(&f->file)->poke)
		ninep_handlers_of(&f->file)->poke(&f->file, c->in.tpoke.sleepers);
	return error == NINEP_EOPNOTSUPP ? error : NINEP_LATER;
}
