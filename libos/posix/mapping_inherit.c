/*
 * Shared mappings for a fork's child: a record for each, with the state of its open file behind it
 * (open_file_ops.pack): a token, by which the child has that very file, though it may have no name any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "libos/posix/fd.h"
#include "libos/posix/inherit.h"
#include "libos/posix/mapping.h"
#include "libos/posix/region.h"

#define STATE_MAX 400

struct packed {
	uint64_t region, pages; /* in which it lies: a child makes each once */
	uint64_t va, bytes, offset;
	int32_t flags;
	uint16_t access, state_bytes;
};

/* --- the parent ------------------------------------------------------------------------------------------ */

static int one_put(struct inherit *i, const struct mapping_range *m)
{
	const struct region *r = region_of(m->va, m->bytes);
	struct packed p = {
		.va = m->va, .bytes = m->bytes, .offset = m->offset, .flags = m->file->flags, .access = m->access
	};
	char state[STATE_MAX];
	size_t bytes;
	int error = r ? m->file->ops->pack(m->file, state, sizeof(state), &bytes) : EFAULT;

	if (error)
		return error;
	p.region = r->va;
	p.pages = r->pages;
	p.state_bytes = (uint16_t)bytes;
	inherit_add(i, &p, sizeof(p));
	inherit_add(i, state, bytes);
	return 0;
}

void mapping_pack(struct inherit *i)
{
	struct mapping_range m;
	int error = 0;

	mutex_lock(&mapping_lock);
	if (mapping_get(0, &m))
		inherit_section(i, INHERIT_MAPPINGS);
	for (unsigned n = 0; !error && mapping_get(n, &m); n++)
		error = one_put(i, &m);
	mutex_unlock(&mapping_lock);
	if (error && !i->error)
		i->error = error;
}

/* --- the child ------------------------------------------------------------------------------------------- */

/* The region's pages that it lies over are there, without memory. */
static int one_map(const struct packed *p, struct open_file *f)
{
	const struct mapping_range m = { f, p->va, p->bytes, p->offset, (uint8_t)p->access };
	struct region *r = region_of(p->region, PAGE_SIZE);
	int error = r ? 0 : region_make_at(p->region, p->pages << PAGE_BITS, &r);

	if (!error)
		error = region_access(r, p->va, p->bytes, PROT_NONE);
	return error ? error : mapping_again(&m);
}

static int one_take(const struct packed *p, const char *state)
{
	struct open_file *f;
	int error = file_ninep_ops.unpack(state, p->state_bytes, p->flags, NULL, &f);

	if (error)
		return error;
	mutex_lock(&mapping_lock);
	error = one_map(p, f);
	mutex_unlock(&mapping_lock);
	file_drop(f);
	return error;
}

/* Takes what the child would have taken. */
static int one_undo(const struct packed *p, const char *state)
{
	struct open_file *f;

	if (!file_ninep_ops.unpack(state, p->state_bytes, O_RDONLY, NULL, &f))
		file_drop(f);
	return 0;
}

static int each(const char *data, size_t bytes, int (*one)(const struct packed *p, const char *state))
{
	struct packed p;
	int error = 0;

	while (bytes && !error) {
		if (bytes < sizeof(p))
			return EPROTO;
		memcpy(&p, data, sizeof(p));
		data += sizeof(p);
		bytes -= sizeof(p);
		if (bytes < p.state_bytes)
			return EPROTO;
		error = one(&p, data);
		data += p.state_bytes;
		bytes -= p.state_bytes;
	}
	return error;
}

int mapping_unpack(const char *data, size_t bytes) { return each(data, bytes, one_take); }

void mapping_pack_undo(const char *data, size_t bytes) { (void)each(data, bytes, one_undo); }
