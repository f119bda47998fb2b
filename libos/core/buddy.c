/*
 * The buddy allocator: see buddy.h.
 *
 * Free blocks of a size are in one list.  Merging sorts nothing: for every size,
 * smallest first, each block looks for its other half in a list of the same size
 * by a hash of addresses that is built on the way.
 */
#include "libos/core/buddy.h"

static unsigned order_of(unsigned bits) { return bits - BUDDY_BITS_MIN; }

void buddy_init(struct buddy *b) { *b = (struct buddy){ 0 }; }

void buddy_feed(struct buddy *b, struct buddy_node *nodes, unsigned count)
{
	/* Those of an earlier feed that are left are few, or none. */
	for (; b->fresh_count; b->fresh_count--) {
		b->fresh->next = b->pool;
		b->pool = b->fresh++;
	}
	b->fresh = nodes;
	b->fresh_count = count;
	b->pool_count += count;
}

static struct buddy_node *node_take(struct buddy *b)
{
	struct buddy_node *n = b->pool;

	if (n) {
		b->pool = n->next;
	} else if (b->fresh_count) {
		n = b->fresh++;
		b->fresh_count--;
	}
	b->pool_count -= n != NULL;
	return n;
}

static void node_give(struct buddy *b, struct buddy_node *n)
{
	n->next = b->pool;
	b->pool = n;
	b->pool_count++;
}

static void block_put(struct buddy *b, struct buddy_node *n, uint64_t base, unsigned bits, uint64_t tag)
{
	struct buddy_node **list = &b->free[order_of(bits)];

	n->base = base;
	n->tag = tag;
	n->next = *list;
	*list = n;
	if (bits > b->largest)
		b->largest = bits;
	b->free_bytes += SIZE_OF_BITS(bits);
}

uint64_t buddy_free_from(const struct buddy *b, unsigned bits)
{
	uint64_t bytes = b->free_bytes;

	for (unsigned small = BUDDY_BITS_MIN; small < bits; small++)
		for (const struct buddy_node *n = b->free[order_of(small)]; n; n = n->next)
			bytes -= SIZE_OF_BITS(small);
	return bytes;
}

bool buddy_release(struct buddy *b, uint64_t base, unsigned bits, uint64_t tag)
{
	struct buddy_node *n = node_take(b);

	if (!n)
		return false;
	block_put(b, n, base, bits, tag);
	return true;
}

/* The largest block that begins at base and fits: aligned to its size. */
static unsigned piece_bits(uint64_t base, uint64_t bytes)
{
	unsigned bits = 63 - (unsigned)__builtin_clzll(bytes);
	unsigned align = base ? (unsigned)__builtin_ctzll(base) : 63;

	if (bits > align)
		bits = align;
	return bits < BUDDY_BITS_MAX ? bits : BUDDY_BITS_MAX;
}

static unsigned pieces(uint64_t base, uint64_t bytes)
{
	unsigned n = 0;

	while (bytes) {
		unsigned bits = piece_bits(base, bytes);

		base += SIZE_OF_BITS(bits);
		bytes -= SIZE_OF_BITS(bits);
		n++;
	}
	return n;
}

bool buddy_add(struct buddy *b, uint64_t base, uint64_t bytes, uint64_t tag)
{
	uint64_t round = SIZE_OF_BITS(BUDDY_BITS_MIN) - 1;
	uint64_t end = (base + bytes) & ~round;

	base = (base + round) & ~round;
	if (end <= base)
		return true;
	if (pieces(base, end - base) > b->pool_count)
		return false;
	while (base < end) {
		unsigned bits = piece_bits(base, end - base);

		block_put(b, node_take(b), base, bits, tag);
		base += SIZE_OF_BITS(bits);
	}
	return true;
}

/* --- merging --------------------------------------------------------------- */

#define MERGE_BUCKETS 64

static unsigned merge_bucket(uint64_t base, unsigned bits) { return (unsigned)(base >> (bits + 1)) % MERGE_BUCKETS; }

/* Takes the block's other half out of its bucket, or returns NULL. Both halves share a bucket. */
static struct buddy_node *half_take(struct buddy_node **bucket, const struct buddy_node *n, unsigned bits)
{
	for (; *bucket; bucket = &(*bucket)->next) {
		struct buddy_node *m = *bucket;

		if (m->base == (n->base ^ SIZE_OF_BITS(bits)) && m->tag == n->tag) {
			*bucket = m->next;
			return m;
		}
	}
	return NULL;
}

/* Merges the pairs of one size into blocks of the next. */
static void merge_order(struct buddy *b, unsigned bits)
{
	struct buddy_node *bucket[MERGE_BUCKETS] = { NULL };
	struct buddy_node *n = b->free[order_of(bits)], *next, *half;

	b->free[order_of(bits)] = NULL;
	for (; n; n = next) {
		struct buddy_node **home = &bucket[merge_bucket(n->base, bits)];

		next = n->next;
		half = half_take(home, n, bits);
		if (!half) {
			n->next = *home;
			*home = n;
			continue;
		}
		b->free_bytes -= SIZE_OF_BITS(bits + 1);
		block_put(b, n, n->base & ~SIZE_OF_BITS(bits), bits + 1, n->tag);
		node_give(b, half);
	}
	for (unsigned i = 0; i < MERGE_BUCKETS; i++) {
		for (n = bucket[i]; n; n = next) {
			next = n->next;
			n->next = b->free[order_of(bits)];
			b->free[order_of(bits)] = n;
		}
	}
}

static void merge(struct buddy *b)
{
	unsigned top = b->largest;

	for (unsigned bits = BUDDY_BITS_MIN; bits < top; bits++)
		if (b->free[order_of(bits)])
			merge_order(b, bits);
}

/* --- allocation ---------------------------------------------------------------- */

/* Bits of the smallest free block that is large enough, or 0. */
static unsigned find(const struct buddy *b, unsigned bits)
{
	for (unsigned found = bits; found <= b->largest; found++)
		if (b->free[order_of(found)])
			return found;
	return 0;
}

/* Takes the block and gives back the halves that are too much. */
static void split(struct buddy *b, unsigned found, unsigned bits, uint64_t *base, uint64_t *tag)
{
	struct buddy_node *n = b->free[order_of(found)];

	b->free[order_of(found)] = n->next;
	b->free_bytes -= SIZE_OF_BITS(found);
	*base = n->base;
	*tag = n->tag;
	node_give(b, n);
	while (found-- > bits) {
		block_put(b, node_take(b), *base + (b->from_top ? 0 : SIZE_OF_BITS(found)), found, *tag);
		*base += b->from_top ? SIZE_OF_BITS(found) : 0;
	}
}

bool buddy_alloc(struct buddy *b, unsigned bits, uint64_t *base, uint64_t *tag)
{
	unsigned found;

	if (bits < BUDDY_BITS_MIN)
		bits = BUDDY_BITS_MIN;
	if (bits > BUDDY_BITS_MAX)
		return false;
	found = find(b, bits);
	if (!found && b->free_bytes >= SIZE_OF_BITS(bits)) {
		merge(b);
		found = find(b, bits);
	}
	/* The node of the block that is split serves one of its pieces. */
	if (!found || b->pool_count + 1 < found - bits)
		return false;
	split(b, found, bits, base, tag);
	return true;
}

/* What leads to the free block that has that one in it; NULL: there is none. */
static struct buddy_node **holder_find(struct buddy *b, uint64_t base, unsigned bits, unsigned *found)
{
	struct buddy_node **at;

	for (*found = bits; *found <= b->largest; ++*found)
		for (at = &b->free[order_of(*found)]; *at; at = &(*at)->next)
			if ((*at)->base == (base & ~(SIZE_OF_BITS(*found) - 1)))
				return at;
	return NULL;
}

bool buddy_claim(struct buddy *b, uint64_t base, unsigned bits)
{
	unsigned found;
	struct buddy_node **at = holder_find(b, base, bits, &found), *n = at ? *at : NULL;
	uint64_t tag;

	if (!n || b->pool_count + 1 < found - bits)
		return false;
	tag = n->tag;
	*at = n->next;
	b->free_bytes -= SIZE_OF_BITS(found);
	node_give(b, n);
	while (found-- > bits)
		block_put(b, node_take(b), (base & ~(SIZE_OF_BITS(found) - 1)) ^ SIZE_OF_BITS(found), found, tag);
	return true;
}
