/*
 * Breakpoints: a program's text is mapped out of the boot archive, which all that run it share.
 *
 * What spawn mapped by one capability is replaced as a whole by a copy, in memory that counts as the process's own,
 * when something of it is to be written the first time.  The process is stopped, or at any rate not running while
 * its monitor is; one that spans cores shares those page tables, and is refused.
 */
#include "libos/core/invoke.h"
#include "monitor/members.h"
#include "monitor/spawn.h"

#include <string.h>

static unsigned bits_of_pages(unsigned pages)
{
	unsigned bits = PAGE_BITS;

	while (SIZE_OF_BITS(bits) < (uint64_t)pages * PAGE_SIZE)
		bits++;
	return bits;
}

/* Is it still mapped as spawn did? Then replacing it cannot fail half-way. */
static err_t piece_check(const struct spawn *s, const struct spawn_piece *piece, bool *shared)
{
	struct cap_info archive, info, table;
	err_t err = cap_identify(TASK_ARCHIVE, &archive);

	if (!err)
		err = cap_identify(theirs(s, piece->slot), &info);
	if (!err)
		err = cap_identify(theirs(s, piece->table), &table);
	if (err)
		return err;
	if (info.type != archive.type || table.type != CAP_PTABLE1)
		return ERR_DENIED;
	*shared = info.base == archive.base;
	return ERR_OK;
}

/* Its own by now, if a copy that was made here is in that slot. */
static err_t copied_check(const struct process *p, const struct spawn_piece *piece)
{
	for (const struct extent *e = p->extents; e; e = e->next)
		if (e->slot == piece->slot && !e->region)
			return ERR_OK;
	return ERR_DENIED;
}

static err_t piece_fill(struct spawn *s, const struct spawn_piece *piece)
{
	cptr_t frame = ours(s, SLOT_IMAGE);
	void *to;
	err_t err = spawn_window(frame, 0, 0, piece->pages, MAP_READ | MAP_WRITE, &to);

	if (err)
		return err;
	memcpy(to, (const char *)monitor.archive + piece->first * PAGE_SIZE, (size_t)piece->pages * PAGE_SIZE);
	return frame_unmap(frame);
}

static err_t piece_replace(struct spawn *s, const struct spawn_piece *piece)
{
	cptr_t frame = ours(s, SLOT_IMAGE), slot = theirs(s, piece->slot);
	err_t err = cap_delete(slot);

	if (!err)
		err = cap_restrict(frame, slot, RIGHT_READ | RIGHT_EXECUTE);
	if (!err)
		err = frame_map(slot, theirs(s, piece->table), (unsigned)(piece->va >> PAGE_BITS) % 512, piece->pages,
				0, piece->flags);
	return err;
}

static err_t piece_copy(struct spawn *s, const struct spawn_piece *piece)
{
	unsigned bits = bits_of_pages(piece->pages);
	cptr_t block;
	err_t err = memory_extend(s->p, bits, (uint32_t)piece->slot, &block);

	if (!err)
		err = cap_retype(block, 0, CAP_FRAME, bits, 1, ours(s, SLOT_IMAGE));
	if (err)
		return err;
	err = piece_fill(s, piece);
	if (!err)
		err = piece_replace(s, piece);
	cap_delete(ours(s, SLOT_IMAGE));
	return err;
}

err_t text_own(struct process *p, vaddr_t va)
{
	static struct spawn s; /* too large for comfort on the stack */
	struct spawn_piece piece;
	bool shared;
	err_t err = member_spans(p) ? ERR_UNSUPPORTED : spawn_again(&s, p);

	if (err)
		return err;
	if (!spawn_piece_find(&s, va, &piece))
		return ERR_DENIED;
	err = piece_check(&s, &piece, &shared);
	if (err)
		return err;
	return shared ? piece_copy(&s, &piece) : copied_check(p, &piece);
}
