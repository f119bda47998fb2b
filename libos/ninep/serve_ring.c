/*
 * Requests about memory that a file's users share, which are ours: Tring, Tpeer, Tpoke (libos/pipe/ring.h); Tmap and
 * Tsettle, of files that are mapped.
 *
 * They bring and take tickets for capabilities, which belong to the channel that they come over; the file's handlers
 * know what is behind them. Who is no client on such a channel is told EOPNOTSUPP.
 */
#include "libos/ninep/serve.h"

/* A fid of a client that can have such; NULL: *error says why not. */
static struct ninep_fid *any_fid(struct ninep_call *c, uint32_t fid, unsigned *error)
{
	*error = !c->from->ours || !c->from->server ? NINEP_EOPNOTSUPP : NINEP_EBADF;
	c->fid = fid;
	return *error == NINEP_EBADF ? ninep_fid_find(c->from, fid) : NULL;
}

/* ... that is open. */
static struct ninep_fid *ring_fid(struct ninep_call *c, uint32_t fid, unsigned *error)
{
	struct ninep_fid *f = any_fid(c, fid, error);

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

/* Who maps must be able to read; O_ACCMODE's numbers. */
static bool may_map(const struct ninep_fid *f, uint32_t how)
{
	uint32_t access = f->flags & NINEP_ACCESS;

	return access == NINEP_RDWR || (access != NINEP_WRONLY && !(how & (NINEP_MAP_WRITE | NINEP_MAP_STORE)));
}

unsigned ninep_serve_map(struct ninep_call *c)
{
	unsigned error;
	bool tree = c->in.tmap.how == NINEP_MAP_TREE;
	struct ninep_fid *f = (tree ? any_fid : ring_fid)(c, c->in.tmap.fid, &error);
	struct ninep_mapping m = { 0 };

	if (!f)
		return error;
	if (!ninep_handlers_of(&f->file)->map)
		return NINEP_EOPNOTSUPP;
	if (!may_map(f, c->in.tmap.how))
		return NINEP_EACCES;
	error = ninep_handlers_of(&f->file)->map(c, &f->file, c->in.tmap.offset, c->in.tmap.how, &m);
	c->out.rmap.ticket = m.ticket;
	c->out.rmap.size = m.size;
	return error;
}

unsigned ninep_serve_settle(struct ninep_call *c)
{
	unsigned error;
	struct ninep_fid *f = ring_fid(c, c->in.tsettle.fid, &error);

	if (!f)
		return error;
	if (!ninep_handlers_of(&f->file)->settle)
		return NINEP_EOPNOTSUPP;
	return ninep_handlers_of(&f->file)->settle(c, &f->file, c->in.tsettle.offset, c->in.tsettle.count);
}
