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
