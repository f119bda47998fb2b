/*
 * The bytes of files: blocks of 4 KiB below tables of 512 pointers, as many tables high as the size asks for.
 *
 * A file of one block is that block. Where nothing was written there is neither block nor table: zeroes. What a
 * block has behind the file's end is zero, so growing is only a larger size.
 */
#include <string.h>

#include "services/mem/extent.h"

#define TABLE_BITS 9
#define TABLE_POINTERS (1u << TABLE_BITS)
#define TABLE_BYTES (TABLE_POINTERS * sizeof(void *))

static unsigned shift_of(unsigned height) { return (height - 1) * TABLE_BITS; }

/* How many blocks there is room for. */
static uint64_t capacity(const struct mem_data *d) { return UINT64_C(1) << d->height * TABLE_BITS; }

static void *block_find(const struct mem_data *d, uint64_t index)
{
	void *at = d->root;

	if (index >= capacity(d))
		return NULL;
	for (unsigned h = d->height; at && h; h--)
		at = ((void **)at)[index >> shift_of(h) & (TABLE_POINTERS - 1)];
	return at;
}

/* Higher, until there is room for that block. */
static bool data_raise(struct mem_inode *i, uint64_t index)
{
	struct mem_data *d = &i->data;
	void **table;

	for (; index >= capacity(d); d->height++) {
		if (!d->root)
			continue;
		table = mem_take(i->fs, TABLE_BYTES);
		if (!table)
			return false;
		table[0] = d->root;
		d->root = table;
	}
	return true;
}

void **mem_block_slot(struct mem_inode *i, uint64_t index)
{
	struct mem_data *d = &i->data;
	void **at = &d->root;

	if (!data_raise(i, index))
		return NULL;
	for (unsigned h = d->height; h; h--) {
		if (!*at)
			*at = mem_take(i->fs, TABLE_BYTES);
		if (!*at)
			return NULL;
		at = &((void **)*at)[index >> shift_of(h) & (TABLE_POINTERS - 1)];
	}
	return at;
}

/* The block, made if need be, zeroed; NULL: no memory. */
static void *block_make(struct mem_inode *i, uint64_t index)
{
	void **at = mem_block_slot(i, index);

	if (at && !*at) {
		*at = mem_take(i->fs, MEM_BLOCK);
		i->data.blocks += *at != NULL;
	}
	return at ? *at : NULL;
}

/* Below `at` of that height, the first block at or after *index, which is counted from its own first. */
static const void *block_after(const void *at, unsigned height, uint64_t *index)
{
	uint64_t each = height ? UINT64_C(1) << shift_of(height) : 1, below;
	const void *found;

	if (!height)
		return at;
	for (uint64_t n = *index / each; at && n < TABLE_POINTERS; n++) {
		below = n == *index / each ? *index % each : 0;
		found = block_after(((void *const *)at)[n], height - 1, &below);
		if (found) {
			*index = n * each + below;
			return found;
		}
	}
	return NULL;
}

const void *mem_block_next(const struct mem_inode *i, uint64_t *index)
{
	return *index < capacity(&i->data) ? block_after(i->data.root, i->data.height, index) : NULL;
}

unsigned mem_block_set(struct mem_inode *i, uint64_t index, const void *bytes)
{
	char *block = index < MEM_FILE_MAX / MEM_BLOCK ? block_make(i, index) : NULL;
	uint64_t left = index * MEM_BLOCK < i->data.size ? i->data.size - index * MEM_BLOCK : 0;
	uint32_t some = left < MEM_BLOCK ? (uint32_t)left : MEM_BLOCK;

	if (!block)
		return NINEP_ENOSPC;
	memcpy(block, bytes, some);
	memset(block + some, 0, MEM_BLOCK - some);
	return 0;
}

static uint32_t part_of(uint64_t offset, uint32_t left)
{
	uint32_t to_end = MEM_BLOCK - (uint32_t)(offset % MEM_BLOCK);

	return left < to_end ? left : to_end;
}

uint32_t mem_read(struct mem_inode *i, uint64_t offset, void *into, uint32_t count)
{
	uint64_t left = offset < i->data.size ? i->data.size - offset : 0;
	uint32_t some;

	if (count > left)
		count = (uint32_t)left;
	for (uint32_t done = 0; done < count; done += some) {
		const char *block = block_find(&i->data, (offset + done) / MEM_BLOCK);

		some = part_of(offset + done, count - done);
		if (block)
			memcpy((char *)into + done, block + (offset + done) % MEM_BLOCK, some);
		else
			memset((char *)into + done, 0, some);
	}
	i->atime = i->fs->now();
	mem_head_forget(i);
	return count;
}

static void size_set(struct mem_inode *i, uint64_t size)
{
	i->data.size = size;
	if (i->data.extents)
		mem_head_size(i, size);
}

unsigned mem_write(struct mem_inode *i, uint64_t offset, const void *from, uint32_t *count)
{
	uint32_t done, some, wanted = *count;

	if (offset > MEM_FILE_MAX || wanted > MEM_FILE_MAX - offset)
		return NINEP_EFBIG;
	if (i->data.extents)
		mem_extents_clear(i, offset);
	for (done = 0; done < wanted; done += some) {
		char *block = block_make(i, (offset + done) / MEM_BLOCK);

		if (!block)
			break;
		some = part_of(offset + done, wanted - done);
		memcpy(block + (offset + done) % MEM_BLOCK, (const char *)from + done, some);
	}
	if (wanted && !done)
		return NINEP_ENOSPC;
	if (done && offset + done > i->data.size)
		size_set(i, offset + done);
	if (done)
		mem_touch(i, true);
	*count = done;
	return 0;
}

/* Frees, below `*at` of that height, all blocks from number `first` (counted from its own first) on. */
static void blocks_free(struct mem_inode *i, void **at, unsigned height, uint64_t first)
{
	void **table = *at;
	uint64_t each;

	if (!table)
		return;
	if (height) {
		each = UINT64_C(1) << shift_of(height);
		for (uint64_t n = first / each; n < TABLE_POINTERS; n++)
			blocks_free(i, &table[n], height - 1, n == first / each ? first % each : 0);
	}
	if (first)
		return;
	i->data.blocks -= !height;
	mem_give(i->fs, table, height ? TABLE_BYTES : MEM_BLOCK);
	*at = NULL;
}

static void shorten(struct mem_inode *i, uint64_t size)
{
	struct mem_data *d = &i->data;
	uint64_t kept = (size + MEM_BLOCK - 1) / MEM_BLOCK;
	char *last;

	if (d->extents)
		kept = mem_extents_shrink(i, size);
	if (kept < capacity(d))
		blocks_free(i, &d->root, d->height, kept);
	if (!d->root)
		d->height = 0;
	last = size % MEM_BLOCK ? block_find(d, size / MEM_BLOCK) : NULL;
	if (last)
		memset(last + size % MEM_BLOCK, 0, MEM_BLOCK - size % MEM_BLOCK);
	if (d->extents)
		mem_extents_shrunk(i);
}

unsigned mem_truncate(struct mem_inode *i, uint64_t size)
{
	if (size > MEM_FILE_MAX)
		return NINEP_EFBIG;
	if (size < i->data.size)
		shorten(i, size);
	else if (i->data.extents)
		mem_extents_clear(i, size);
	size_set(i, size);
	mem_touch(i, true);
	return 0;
}
