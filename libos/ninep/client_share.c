/* Open files that several clients share, from the client's side: see share.c. */
#include "libos/ninep/client.h"

unsigned ninep_pass(struct ninep_client *c, uint32_t fid, uint64_t offset, uint64_t token[2])
{
	struct ninep_request r = { .m.type = NINEP_TPASS };
	unsigned error;

	r.m.tpass.fid = fid;
	r.m.tpass.offset = offset;
	error = ninep_request(c, &r);
	if (error)
		return error;
	token[0] = r.m.rpass.high;
	token[1] = r.m.rpass.low;
	return 0;
}

unsigned ninep_take(struct ninep_client *c, const uint64_t token[2], uint32_t *fid, struct ninep_qid *qid)
{
	struct ninep_request r = { .m.type = NINEP_TTAKE };
	unsigned error;

	*fid = ninep_fid_take(c);
	r.m.ttake.newfid = *fid;
	r.m.ttake.high = token[0];
	r.m.ttake.low = token[1];
	error = ninep_request(c, &r);
	if (error)
		ninep_fid_give(c, *fid);
	else
		*qid = r.m.rtake.qid;
	return error;
}

unsigned ninep_seek(struct ninep_client *c, uint32_t fid, int64_t by, uint32_t whence, uint64_t *now)
{
	struct ninep_request r = { .m.type = NINEP_TSEEK };
	unsigned error;

	r.m.tseek.fid = fid;
	r.m.tseek.offset = (uint64_t)by;
	r.m.tseek.whence = whence;
	error = ninep_request(c, &r);
	if (!error)
		*now = r.m.rseek.offset;
	return error;
}

unsigned ninep_flags(struct ninep_client *c, uint32_t fid, uint32_t flags)
{
	struct ninep_request r = { .m.type = NINEP_TFLAGS };

	r.m.tflags.fid = fid;
	r.m.tflags.flags = flags;
	return ninep_request(c, &r);
}

/* --- memory that its users share ------------------------------------------------------------------------- */

unsigned ninep_ring(struct ninep_client *c, uint32_t fid, uint64_t notification, struct ninep_ring *ring)
{
	struct ninep_request r = { .m.type = NINEP_TRING };
	unsigned error;

	r.m.tring.fid = fid;
	r.m.tring.ticket = notification;
	error = c->ours ? ninep_request(c, &r) : NINEP_EOPNOTSUPP;
	if (error)
		return error;
	*ring = (struct ninep_ring){ r.m.rring.ticket, r.m.rring.serial, r.m.rring.direct };
	return 0;
}

unsigned ninep_peer(struct ninep_client *c, uint32_t fid, uint32_t number, uint64_t *ticket)
{
	struct ninep_request r = { .m.type = NINEP_TPEER };
	unsigned error;

	r.m.tpeer.fid = fid;
	r.m.tpeer.number = number;
	error = ninep_request(c, &r);
	if (!error)
		*ticket = r.m.rpeer.ticket;
	return error;
}

void ninep_poke(struct ninep_client *c, uint32_t fid, uint64_t sleepers)
{
	struct ninep_message m = { .type = NINEP_TPOKE, .tag = NINEP_NO_TAG };

	m.tpoke.fid = fid;
	m.tpoke.sleepers = sleepers;
	/* What finds no room goes with the next request; what does not go at all ends the link, which all see. */
	if (!c->broken)
		(void)c->link.ops->send(&c->link, &m, NULL);
}

/* --- files that are mapped --------------------------------------------------------------------------------- */

unsigned ninep_map(struct ninep_client *c, uint32_t fid, uint64_t offset, uint32_t how, struct ninep_mapping *out)
{
	struct ninep_request r = { .m.type = NINEP_TMAP };
	unsigned error;

	r.m.tmap.fid = fid;
	r.m.tmap.offset = offset;
	r.m.tmap.how = how;
	error = c->ours ? ninep_request(c, &r) : NINEP_EOPNOTSUPP;
	if (!error)
		*out = (struct ninep_mapping){ r.m.rmap.ticket, r.m.rmap.size };
	return error;
}

unsigned ninep_settle(struct ninep_client *c, uint32_t fid, uint64_t offset, uint64_t count)
{
	struct ninep_request r = { .m.type = NINEP_TSETTLE };

	r.m.tsettle.fid = fid;
	r.m.tsettle.offset = offset;
	r.m.tsettle.count = count;
	return c->ours ? ninep_request(c, &r) : NINEP_EOPNOTSUPP;
}
