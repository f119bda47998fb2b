/*
 * Requests about a file's memory, which programs map: Tmap, Tsettle.
 *
 * What programs store there is in the file at once, and in no log: the mirror is told of it when somebody asks for that
 * (Tsettle, Tfsync), and when a fid is closed by which it was mapped to be written.
 */
#include "services/mem/map.h"

#include "services/mem/copy.h"
#include "services/mem/extent.h"

static struct mem_inode *inode_of(const struct ninep_file *f) { return (struct mem_inode *)(uintptr_t)f->key; }

unsigned mem_file_map(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint32_t how,
		      struct ninep_mapping *out)
{
	struct mem_inode *i = inode_of(f);
	bool head = how & NINEP_MAP_HEAD, writes = how & NINEP_MAP_WRITE && !head, stores = how & NINEP_MAP_STORE;
	struct mem_frame *frame;

	out->size = i->data.size;
	if (!head && offset >= i->data.size)
		return 0;
	if (stores && !i->fs->stores)
		return NINEP_EACCES;
	frame = !head ? mem_extent_frame(i, offset) : stores ? mem_marks_frame(i) : mem_head_frame(i);
	if (!head) {
		mem_extents_clear(i, (i->data.size | (MEM_BLOCK - 1)) + 1);
		i->atime = i->fs->now();
		mem_head_forget(i);
	}
	if (!frame || (writes && !mem_writer_add(i, c->from, c->fid)))
		return NINEP_ENOSPC;
	return mem_frame_send(frame, &c->from->channel, writes || stores, &out->ticket) ? 0 : NINEP_ENOMEM;
}

/* --- the mirror ---------------------------------------------------------------------------------------- */

static void extent_tell(struct ninep_log *l, struct ninep_record *r, const struct mem_extent *e, uint64_t from,
			uint64_t end)
{
	const char *bytes = e->frame.at;
	uint64_t first = e->index << MEM_EXTENT_BITS;

	for (unsigned n = 0; n < MEM_EXTENT_BLOCKS; n++) {
		uint64_t at = first + n * MEM_BLOCK;

		if (at + MEM_BLOCK <= from || at >= end)
			continue;
		r->result[1] = at / MEM_BLOCK;
		l->put(l, r, NULL, bytes + n * MEM_BLOCK);
	}
}

/* What is in the file's memory from there up to there is the mirror's, too; and the file has been changed. */
static void stores_tell(const struct ninep_connection *n, uint32_t fid, struct mem_inode *i, uint64_t from,
			uint64_t end)
{
	struct ninep_log *l = n->server->log;
	struct ninep_record r = {
		.kind = MEM_RECORD_STORE, .payload = MEM_BLOCK, .connection = n->number, .result = { fid }
	};
	const struct mem_extent *e = mem_extent_from(i, from);

	end = end < i->data.size ? end : i->data.size;
	for (; l && e && e->index << MEM_EXTENT_BITS < end; e = mem_extent_from(i, (e->index + 1) << MEM_EXTENT_BITS))
		extent_tell(l, &r, e, from, end);
	mem_touch(i, true);
	r.payload = 0;
	r.time[0] = i->mtime.seconds;
	r.time[1] = i->mtime.nanoseconds;
	if (l)
		l->put(l, &r, NULL, NULL);
}

unsigned mem_file_settle(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint64_t count)
{
	struct mem_inode *i = inode_of(f);

	if (i->data.extents && i->data.extents->writers)
		stores_tell(c->from, c->fid, i, offset, count > UINT64_MAX - offset ? UINT64_MAX : offset + count);
	return 0;
}

void mem_file_left(const struct ninep_connection *n, const struct ninep_file *f, uint32_t fid)
{
	struct mem_inode *i = inode_of(f);

	mem_marks_take(i);
	if (mem_writer_remove(i, n, fid) && (i->links || i->holds > 1))
		stores_tell(n, fid, i, 0, UINT64_MAX);
}
