/*
 * Bulk pools: who owns which buffer.  All state is private; the shared memory
 * holds nothing but the buffers.  See bulk.h for the rules.
 *
 * A word: buffer in bits 0-15, offset in 16-39, length in 40-63.
 */
#include "libos/fabric/bulk.h"

#define WORD_INDEX(w) ((uint32_t)((w)&0xffff))
#define WORD_OFFSET(w) ((uint32_t)((w) >> 16 & 0xffffff))
#define WORD_LENGTH(w) ((uint32_t)((w) >> 40 & 0xffffff))

static bool bit_get(const uint64_t *map, uint32_t i) { return map[i / 64] >> (i % 64) & 1; }
static void bit_set(uint64_t *map, uint32_t i) { map[i / 64] |= UINT64_C(1) << (i % 64); }
static void bit_clear(uint64_t *map, uint32_t i) { map[i / 64] &= ~(UINT64_C(1) << (i % 64)); }

err_t bulk_init(struct bulk_pool *p, void *memory, uint64_t bytes, unsigned bits, uint32_t first, unsigned side)
{
	uint64_t count = bits <= BULK_BITS_MAX ? bytes >> bits : 0;

	if (bits < BULK_BITS_MIN || !count || count > BULK_BUFFERS_MAX || first > count || side > 1)
		return ERR_ARGUMENT;
	*p = (struct bulk_pool){ .base = memory, .count = (uint32_t)count, .bits = bits };
	for (uint32_t i = 0; i < count; i++) {
		if ((i < first) != (side == 0))
			continue;
		bit_set(p->mine, i);
		bit_set(p->free, i);
		p->owned++;
	}
	return ERR_OK;
}

static bool part_fits(const struct bulk_pool *p, uint32_t offset, uint32_t length)
{
	return (uint64_t)offset + length <= SIZE_OF_BITS(p->bits);
}

static void buffer_set(const struct bulk_pool *p, struct bulk_buffer *b, uint32_t index, uint32_t offset,
		       uint32_t length)
{
	*b = (struct bulk_buffer){
		.index = index,
		.offset = offset,
		.length = length,
		.data = p->base + ((uint64_t)index << p->bits) + offset,
	};
}

err_t bulk_alloc(struct bulk_pool *p, struct bulk_buffer *b)
{
	uint32_t words = (p->count + 63) / 64;
	uint32_t word = p->next, index;

	if (!p->owned)
		return ERR_AGAIN;
	while (!p->free[word])
		word = (word + 1) % words;
	p->next = word;
	index = word * 64 + (uint32_t)__builtin_ctzll(p->free[word]);
	bit_clear(p->free, index);
	p->owned--;
	buffer_set(p, b, index, 0, (uint32_t)SIZE_OF_BITS(p->bits));
	return ERR_OK;
}

/* Ours and in use? */
static bool in_use(const struct bulk_pool *p, uint32_t index)
{
	return index < p->count && bit_get(p->mine, index) && !bit_get(p->free, index);
}

void bulk_free(struct bulk_pool *p, const struct bulk_buffer *b)
{
	if (!in_use(p, b->index))
		return;
	bit_set(p->free, b->index);
	p->owned++;
}

err_t bulk_give(struct bulk_pool *p, const struct bulk_buffer *b, uint64_t *word)
{
	if (!in_use(p, b->index) || !part_fits(p, b->offset, b->length))
		return ERR_ARGUMENT;
	bit_clear(p->mine, b->index);
	*word = (uint64_t)b->index | (uint64_t)b->offset << 16 | (uint64_t)b->length << 40;
	return ERR_OK;
}

err_t bulk_take(struct bulk_pool *p, uint64_t word, struct bulk_buffer *b)
{
	uint32_t index = WORD_INDEX(word);

	if (index >= p->count || bit_get(p->mine, index) || !part_fits(p, WORD_OFFSET(word), WORD_LENGTH(word)))
		return ERR_MESSAGE;
	bit_set(p->mine, index);
	buffer_set(p, b, index, WORD_OFFSET(word), WORD_LENGTH(word));
	return ERR_OK;
}

err_t bulk_give_undo(struct bulk_pool *p, uint64_t word, struct bulk_buffer *b)
{
	return bulk_take(p, word, b) ? ERR_ARGUMENT : ERR_OK;
}
