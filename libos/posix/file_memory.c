/* See file_memory.h. */
#include "libos/posix/file_memory.h"

#include <errno.h>

#include "libos/core/invoke.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/posix/fd.h"
#include "libos/posix/file_server.h"

#define TRIES 4 /* a ticket is good with the server that gave it, which may have died since */

err_t cap_of_peer_take(struct ninep_client *c, uint64_t ticket, cptr_t *out)
{
	err_t err = slot_alloc(out);

	if (err)
		return err;
	err = channel_receive_cap(&c->channel, ticket, *out);
	if (err) {
		slot_free(*out);
		*out = 0;
	}
	return err;
}

void cap_of_peer_drop(cptr_t cap)
{
	err_t err = shared_delete(cap);

	if (!err || err == ERR_CAP_LOOKUP)
		slot_free(cap);
}

bool cap_of_peer_there(cptr_t cap)
{
	struct cap_info info;

	return !cap_identify(cap, &info);
}

void *lent_map(cptr_t frame, unsigned bits, uint8_t access)
{
	vaddr_t at;

	if (!frame)
		return NULL;
	if (!vspace_map_frame(frame, bits, access, &at))
		return (void *)at;
	cap_of_peer_drop(frame);
	return NULL;
}

void lent_unmap(const void *at, cptr_t frame)
{
	(void)vspace_unmap((vaddr_t)at);
	cap_of_peer_drop(frame);
}

int fid_memory(struct ninep_client *c, uint32_t fid, uint64_t offset, uint32_t how, cptr_t *frame, uint64_t *size)
{
	struct ninep_mapping m;
	unsigned error = 0;
	err_t err = ERR_CLOSED;

	*frame = 0;
	for (unsigned i = 0; i < TRIES && err && !error; i++) {
		error = ninep_map(c, fid, offset, how, &m);
		err = error || !m.ticket ? ERR_OK : cap_of_peer_take(c, m.ticket, frame);
	}
	if (error)
		return error == NINEP_EOPNOTSUPP ? EOPNOTSUPP : errno_from_ninep(error);
	*size = m.size;
	return err ? ENOMEM : 0;
}

int file_memory(const struct open_file *f, struct ninep_client *c, uint64_t offset, uint32_t how, cptr_t *frame,
		uint64_t *size)
{
	int error;

	if (f->ops != &file_ninep_ops || f->ninep.blocks)
		return EOPNOTSUPP;
	error = fid_memory(c, f->ninep.fid, offset, how, frame, size);
	f->ninep.server->lends |= !error || error == ENOMEM;
	return error;
}
