/* See extent.h. */
#include "services/mem/extent.h"

#include <string.h>

#include "libos/ninep/head.h"

#define HEADS_SHARE 8 /* of the quota: from there on in frames no further file is read in memory */

static struct mem_extents *extents_of(struct mem_inode *i)
{
	if (!i->data.extents)
		i->data.extents = mem_take(i->fs, sizeof(*i->data.extents));
	return i->data.extents;
}

/* --- frames, counted --------------------------------------------------------------------------------- */

static bool frame_take(struct memfs *fs, struct mem_frame *f, unsigned bits)
{
	uint64_t bytes = UINT64_C(1) << bits;

	if (fs->used > fs->quota || bytes > fs->quota - fs->used || !mem_frame_make(f, bits))
		return false;
	fs->used += bytes;
	fs->framed += bytes;
	return true;
}

static void frame_give(struct memfs *fs, struct mem_frame *f, unsigned bits)
{
	mem_frame_free(f);
	fs->used -= UINT64_C(1) << bits;
	fs->framed -= UINT64_C(1) << bits;
}

/* --- the head ------------------------------------------------------------------------------------------ */

static struct ninep_head *head_of(const struct mem_inode *i) { return i->data.extents->head.at; }

static struct ninep_head *head_if(const struct mem_inode *i)
{
	return mem_format(i) == NINEP_FILE && i->data.extents ? head_of(i) : NULL;
}

struct mem_frame *mem_head_frame(struct mem_inode *i)
{
	struct mem_extents *x = i->fs->framed <= i->fs->quota / HEADS_SHARE ? extents_of(i) : i->data.extents;

	if (!x)
		return NULL;
	if (!x->head.at) {
		if (!frame_take(i->fs, &x->head, NINEP_HEAD_BITS))
			return NULL;
		head_of(i)->size = i->data.size;
		head_of(i)->stores = i->fs->stores;
	}
	return &x->head;
}

/* Pairs with the reader's load of the size: what is before the end is there when it sees that. */
void mem_head_size(struct mem_inode *i, uint64_t size)
{
	if (i->data.extents->head.at)
		__atomic_store_n(&head_of(i)->size, size, __ATOMIC_RELEASE);
}

/* Pairs with the loads of who keeps the file open for the next time that it is opened. */
void mem_head_names(struct mem_inode *i)
{
	struct ninep_head *head = head_if(i);

	if (head)
		__atomic_fetch_add(&head->names, 1, __ATOMIC_SEQ_CST);
}

void mem_heads_names(const struct memfs *fs)
{
	for (struct mem_inode *i = fs->first; i && fs->framed; i = i->next)
		mem_head_names(i);
}

/* Both pair with the reader's two looks at `told`, around its copy. */
void mem_head_forget(const struct mem_inode *i)
{
	struct ninep_head *head = head_if(i);

	if (head && head->told & 1)
		__atomic_fetch_add(&head->told, 1, __ATOMIC_SEQ_CST);
}

void mem_head_tell(const struct mem_inode *i, const struct ninep_attr *a)
{
	struct ninep_head *head = head_if(i);

	if (!head || head->told & 1)
		return;
	head->attr = *a;
	__atomic_fetch_add(&head->told, 1, __ATOMIC_SEQ_CST);
}

/* Pairs with the reader's two looks at the sequence, around its copy. */
static void head_turn(struct mem_inode *i)
{
	if (i->data.extents->head.at)
		__atomic_fetch_add(&head_of(i)->sequence, 1, __ATOMIC_SEQ_CST);
}

/* --- marks ----------------------------------------------------------------------------------------------- */

struct mem_frame *mem_marks_frame(struct mem_inode *i)
{
	struct mem_extents *x = i->data.extents;

	if (!x || !x->head.at || !i->fs->stores)
		return NULL;
	if (!x->marks.at && !frame_take(i->fs, &x->marks, NINEP_HEAD_BITS))
		return NULL;
	__atomic_store_n(&head_of(i)->marked, 1, __ATOMIC_SEQ_CST);
	return &x->marks;
}

/* What was told holds no more before the mark is gone: who finds none finds that. */
void mem_marks_take(struct mem_inode *i)
{
	struct mem_extents *x = mem_format(i) == NINEP_FILE ? i->data.extents : NULL;
	struct ninep_marks *marks = x ? x->marks.at : NULL;

	if (!marks || !__atomic_load_n(&marks->stored, __ATOMIC_ACQUIRE))
		return;
	mem_head_forget(i);
	__atomic_store_n(&marks->stored, 0, __ATOMIC_SEQ_CST);
	mem_touch(i, true);
}

/* Pairs with the writer's two looks at the sequence, around its stores. */
void mem_stores_set(struct memfs *fs, bool may)
{
	fs->stores = may;
	for (struct mem_inode *i = fs->first; i; i = i->next) {
		struct ninep_head *head = head_if(i);

		if (!head)
			continue;
		__atomic_store_n(&head->stores, may, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&head->sequence, 2, __ATOMIC_SEQ_CST);
		mem_marks_take(i);
	}
}

/* --- the tree's ---------------------------------------------------------------------------------------- */

struct mem_frame *mem_tree_frame(struct memfs *fs)
{
	return fs->tree.at || frame_take(fs, &fs->tree, NINEP_HEAD_BITS) ? &fs->tree : NULL;
}

/* Pairs with the loads of who remembers that something was not there. */
void mem_tree_came(const struct memfs *fs)
{
	struct ninep_tree_head *head = fs->tree.at;

	if (head)
		__atomic_fetch_add(&head->came, 1, __ATOMIC_SEQ_CST);
}

void mem_tree_free(struct memfs *fs)
{
	if (fs->tree.at)
		frame_give(fs, &fs->tree, NINEP_HEAD_BITS);
}

/* --- extents ------------------------------------------------------------------------------------------- */

/* The place of the first one with that number or a higher one. */
static uint32_t place_of(const struct mem_extents *x, uint64_t index)
{
	uint32_t low = 0, high = x->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (x->at[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct mem_extent *mem_extent_from(const struct mem_inode *i, uint64_t offset)
{
	const struct mem_extents *x = i->data.extents;
	uint32_t place = x ? place_of(x, offset >> MEM_EXTENT_BITS) : 0;

	return x && place < x->count ? &x->at[place] : NULL;
}

static bool room_make(struct mem_inode *i, struct mem_extents *x)
{
	uint32_t room = x->room ? 2 * x->room : 4;
	struct mem_extent *more;

	if (x->count < x->room)
		return true;
	more = mem_take(i->fs, room * sizeof(*more));
	if (!more)
		return false;
	if (x->count)
		memcpy(more, x->at, x->count * sizeof(*more));
	mem_give(i->fs, x->at, x->room * sizeof(*more));
	x->at = more;
	x->room = room;
	return true;
}

/* The tables to all of its blocks, so that nothing fails later. */
static bool slots_make(struct mem_inode *i, uint64_t first)
{
	for (unsigned n = 0; n < MEM_EXTENT_BLOCKS; n++)
		if (!mem_block_slot(i, first + n))
			return false;
	return true;
}

/* Its blocks' bytes move there, and they are pieces of it. */
static void blocks_move(struct mem_inode *i, uint64_t first, char *to)
{
	for (unsigned n = 0; n < MEM_EXTENT_BLOCKS; n++, to += MEM_BLOCK) {
		void **slot = mem_block_slot(i, first + n);

		if (*slot)
			memcpy(to, *slot, MEM_BLOCK);
		i->data.blocks += !*slot;
		mem_give(i->fs, *slot, MEM_BLOCK);
		*slot = to;
	}
}

struct mem_frame *mem_extent_frame(struct mem_inode *i, uint64_t offset)
{
	struct mem_extents *x = extents_of(i);
	uint64_t index = offset >> MEM_EXTENT_BITS;
	struct mem_extent e = { .index = index };
	uint32_t place;

	if (!x)
		return NULL;
	place = place_of(x, index);
	if (place < x->count && x->at[place].index == index)
		return &x->at[place].frame;
	if (!room_make(i, x) || !slots_make(i, index * MEM_EXTENT_BLOCKS) ||
	    !frame_take(i->fs, &e.frame, MEM_EXTENT_BITS))
		return NULL;
	blocks_move(i, index * MEM_EXTENT_BLOCKS, e.frame.at);
	memmove(&x->at[place + 1], &x->at[place], (x->count - place) * sizeof(e));
	x->at[place] = e;
	x->count++;
	mem_head_forget(i);
	return &x->at[place].frame;
}

/* Its blocks are nobody's. */
static void extent_end(struct mem_inode *i, struct mem_extent *e)
{
	for (unsigned n = 0; n < MEM_EXTENT_BLOCKS; n++)
		*mem_block_slot(i, e->index * MEM_EXTENT_BLOCKS + n) = NULL;
	i->data.blocks -= MEM_EXTENT_BLOCKS;
	frame_give(i->fs, &e->frame, MEM_EXTENT_BITS);
}

/* --- size --------------------------------------------------------------------------------------------------- */

uint64_t mem_extents_shrink(struct mem_inode *i, uint64_t size)
{
	struct mem_extents *x = i->data.extents;
	uint64_t kept = (size + MEM_EXTENT - 1) >> MEM_EXTENT_BITS;
	struct mem_extent *last;

	head_turn(i);
	mem_head_size(i, size);
	while (x->count && x->at[x->count - 1].index >= kept)
		extent_end(i, &x->at[--x->count]);
	last = x->count ? &x->at[x->count - 1] : NULL;
	if (!last || last->index != kept - 1)
		return (size + MEM_BLOCK - 1) / MEM_BLOCK;
	if (size % MEM_EXTENT) {
		mem_frame_revoke(&last->frame); /* first: nobody writes into what is cleared */
		memset((char *)last->frame.at + size % MEM_EXTENT, 0, MEM_EXTENT - size % MEM_EXTENT);
	}
	return kept * MEM_EXTENT_BLOCKS;
}

void mem_extents_shrunk(struct mem_inode *i) { head_turn(i); }

void mem_extents_clear(struct mem_inode *i, uint64_t to)
{
	uint64_t size = i->data.size, index = size >> MEM_EXTENT_BITS, end = (index + 1) << MEM_EXTENT_BITS;
	const struct mem_extent *e = mem_extent_from(i, size);

	if (e && e->index == index && to > size)
		memset((char *)e->frame.at + size % MEM_EXTENT, 0, (to < end ? to : end) - size);
}

void mem_extents_free(struct mem_inode *i)
{
	struct mem_extents *x = i->data.extents;

	while (x->writers)
		(void)mem_writer_remove(i, x->writers->of, x->writers->fid);
	if (x->head.at)
		frame_give(i->fs, &x->head, NINEP_HEAD_BITS);
	if (x->marks.at)
		frame_give(i->fs, &x->marks, NINEP_HEAD_BITS);
	mem_give(i->fs, x->at, x->room * sizeof(*x->at));
	mem_give(i->fs, x, sizeof(*x));
	i->data.extents = NULL;
}

/* --- who writes --------------------------------------------------------------------------------------------- */

static struct mem_writer **writer_find(const struct mem_inode *i, const void *of, uint32_t fid)
{
	struct mem_writer **at = &i->data.extents->writers;

	while (*at && ((*at)->of != of || (*at)->fid != fid))
		at = &(*at)->next;
	return at;
}

bool mem_writer_add(struct mem_inode *i, const void *of, uint32_t fid)
{
	struct mem_extents *x = extents_of(i);
	struct mem_writer *w;

	if (!x || *writer_find(i, of, fid))
		return x;
	w = mem_take(i->fs, sizeof(*w));
	if (!w)
		return false;
	*w = (struct mem_writer){ x->writers, of, fid };
	x->writers = w;
	return true;
}

bool mem_writer_remove(struct mem_inode *i, const void *of, uint32_t fid)
{
	struct mem_writer **at = i->data.extents ? writer_find(i, of, fid) : NULL, *w = at ? *at : NULL;

	if (!w)
		return false;
	*at = w->next;
	mem_give(i->fs, w, sizeof(*w));
	return true;
}
