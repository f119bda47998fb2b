/*
 * Nodes of the table of names: found by a hash over them, made and unmade. See table.h, node.h.
 *
 * They are made and unmade in one place each (node_make, node_prune), which keep bucket, list of the parent and counts
 * together.
 */
#include "services/name/node.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256

bool component_next(const char **path, struct component *c)
{
	const char *p = *path;

	while (*p == '/')
		p++;
	c->at = p;
	while (*p && *p != '/')
		p++;
	c->length = (uint32_t)(p - c->at);
	*path = p;
	return c->length != 0;
}

/* --- finding -------------------------------------------------------------------------- */

/* Up to eight bytes, at least one; what is not there counts as zero. Two loads that meet or overlap. */
static inline uint64_t word_load(const char *from, uint32_t bytes)
{
	uint64_t word;
	uint32_t low, high;

	if (bytes >= sizeof word) {
		memcpy(&word, from, sizeof word);
		return word;
	}
	if (bytes >= sizeof low) {
		memcpy(&low, from, sizeof low);
		memcpy(&high, from + bytes - sizeof high, sizeof high);
		return low | (uint64_t)high << 8 * (bytes - sizeof high);
	}
	return (unsigned char)from[0] | (uint64_t)(unsigned char)from[bytes / 2] << 8 * (bytes / 2) |
	       (uint64_t)(unsigned char)from[bytes - 1] << 8 * (bytes - 1);
}

/* A name that lies in its node has zeroes behind it. */
static inline bool name_is(const struct name_node *n, const struct component *c)
{
	uint64_t word[2];

	if (n->length != c->length)
		return false;
	if (c->length > NODE_INLINE)
		return !memcmp(n->name.out, c->at, c->length);
	memcpy(word, n->name.in, sizeof word);
	return word[0] == word_load(c->at, c->length) &&
	       (c->length <= 8 || word[1] == word_load(c->at + 8, c->length - 8));
}

static uint32_t hash_of(uint32_t parent, const struct component *c)
{
	uint64_t h = (parent + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) + c->length;

	for (uint32_t i = 0; i < c->length; i += sizeof(uint64_t)) {
		h = (h ^ word_load(c->at + i, c->length - i)) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

static uint32_t child_find(const struct name_table *t, uint32_t parent, const struct component *c, uint32_t hash)
{
	uint32_t at = t->bucket[hash & (t->buckets - 1)];

	while (at != TABLE_NONE) {
		const struct name_node *n = node_at(t, at);

		if (n->parent == parent && name_is(n, c))
			return at;
		at = n->chain;
	}
	return TABLE_NONE;
}

uint32_t table_find(const struct name_table *t, const char *path)
{
	uint32_t at = TABLE_ROOT;
	struct component c;

	while (at != TABLE_NONE && component_next(&path, &c))
		at = child_find(t, at, &c, hash_of(at, &c));
	return at;
}

uint64_t table_changed(const struct name_table *t, const char *path)
{
	uint32_t at = TABLE_ROOT, child;
	struct component c;

	while (component_next(&path, &c)) {
		child = child_find(t, at, &c, hash_of(at, &c));
		if (child == TABLE_NONE)
			break;
		at = child;
	}
	return node_at(t, at)->changed;
}

/* --- room ------------------------------------------------------------------------------ */

static void bucket_insert(struct name_table *t, uint32_t node)
{
	struct name_node *n = node_at(t, node);
	struct component c = { node_name(n), n->length };
	uint32_t *head = &t->bucket[hash_of(n->parent, &c) & (t->buckets - 1)];

	n->chain = *head;
	*head = node;
}

static uint32_t *buckets_make(uint32_t count)
{
	uint32_t *bucket = malloc(count * sizeof *bucket);

	if (bucket)
		memset(bucket, 0xff, count * sizeof *bucket);
	return bucket;
}

/* As many buckets as nodes. Without memory for more it goes on with longer chains. */
static void buckets_grow(struct name_table *t)
{
	uint32_t *bucket = buckets_make(t->buckets * 2);

	if (!bucket)
		return;
	free(t->bucket);
	t->bucket = bucket;
	t->buckets *= 2;
	for (uint32_t i = 1; i < t->fresh; i++)
		if (node_at(t, i)->length)
			bucket_insert(t, i);
}

static err_t block_add(struct name_table *t)
{
	struct name_node **block = realloc(t->block, (t->blocks + 1) * sizeof *block);

	if (!block)
		return ERR_NO_MEMORY;
	t->block = block;
	block[t->blocks] = calloc(TABLE_BLOCK, sizeof **block);
	if (!block[t->blocks])
		return ERR_NO_MEMORY;
	t->blocks++;
	return ERR_OK;
}

/* Every component might be new, and too long for its node. */
err_t table_room(struct name_table *t, const char *path)
{
	uint32_t left = t->blocks * TABLE_BLOCK - t->nodes;
	struct component c;
	uint32_t wanted = 0, bytes = 0;
	void *probe;

	for (const char *p = path; component_next(&p, &c); wanted++)
		bytes += c.length > NODE_INLINE ? c.length + 64 : 0;
	if (t->nodes + wanted > NAME_NAMES_MAX)
		return ERR_NO_MEMORY;
	if (left < wanted && block_add(t))
		return ERR_NO_MEMORY;
	if (!bytes)
		return ERR_OK;
	probe = malloc(bytes);
	free(probe);
	return probe ? ERR_OK : ERR_NO_MEMORY;
}

/* --- nodes come and go -------------------------------------------------------------------- */

static uint32_t node_take(struct name_table *t)
{
	uint32_t node = t->free;

	if (node != TABLE_NONE)
		t->free = node_at(t, node)->chain;
	else
		node = t->fresh++;
	t->nodes++;
	return node;
}

static void list_append(struct name_table *t, struct name_node *parent, uint32_t node)
{
	struct name_node *n = node_at(t, node);

	n->next = TABLE_NONE;
	n->before = parent->last;
	if (parent->last == TABLE_NONE)
		parent->first = node;
	else
		node_at(t, parent->last)->next = node;
	parent->last = node;
	parent->below++;
}

static void list_take(struct name_table *t, struct name_node *parent, const struct name_node *n)
{
	if (n->before == TABLE_NONE)
		parent->first = n->next;
	else
		node_at(t, n->before)->next = n->next;
	if (n->next == TABLE_NONE)
		parent->last = n->before;
	else
		node_at(t, n->next)->before = n->before;
	parent->below--;
}

static void name_set(struct name_node *n, const struct component *c)
{
	char *to = n->name.in;

	if (c->length > NODE_INLINE)
		n->name.out = to = malloc(c->length);
	if (!to)
		abort(); /* table_room has seen that it is there */
	memcpy(to, c->at, c->length);
	n->length = (uint8_t)c->length;
}

static uint32_t node_make(struct name_table *t, uint32_t parent, const struct component *c)
{
	struct name_node *n;
	uint32_t node;

	if (t->nodes >= t->buckets)
		buckets_grow(t);
	node = node_take(t);
	n = node_at(t, node);
	*n = (struct name_node){ .parent = parent, .first = TABLE_NONE, .last = TABLE_NONE, .serial = ++t->serial };
	name_set(n, c);
	list_append(t, node_at(t, parent), node);
	policy_forget(node_at(t, parent));
	bucket_insert(t, node);
	return node;
}

static void bucket_take(struct name_table *t, uint32_t node)
{
	struct name_node *n = node_at(t, node);
	struct component c = { node_name(n), n->length };
	uint32_t *at = &t->bucket[hash_of(n->parent, &c) & (t->buckets - 1)];

	while (*at != node)
		at = &node_at(t, *at)->chain;
	*at = n->chain;
}

static uint32_t node_free(struct name_table *t, uint32_t node)
{
	struct name_node *n = node_at(t, node);
	uint32_t parent = n->parent;

	bucket_take(t, node);
	list_take(t, node_at(t, parent), n);
	if (n->length > NODE_INLINE)
		free(n->name.out);
	n->length = 0;
	n->chain = t->free;
	t->free = node;
	t->nodes--;
	return parent;
}

void node_prune(struct name_table *t, uint32_t node)
{
	while (node != TABLE_ROOT) {
		struct name_node *n = node_at(t, node);

		if (n->below || node_has_mailbox(n) || n->policy)
			return;
		node = node_free(t, node);
		n = node_at(t, node);
		policy_forget(n);
		if (!n->below)
			n->policy = NAME_NO_POLICY; /* a fleet's name goes with its last member */
	}
}

uint32_t path_make(struct name_table *t, const char *path)
{
	uint32_t at = TABLE_ROOT, child;
	struct component c;

	while (component_next(&path, &c)) {
		child = child_find(t, at, &c, hash_of(at, &c));
		at = child == TABLE_NONE ? node_make(t, at, &c) : child;
	}
	return at;
}

void path_write(const struct name_table *t, uint32_t node, char *path)
{
	uint32_t trail[NAME_DEPTH];
	unsigned depth = 0;

	for (; node != TABLE_ROOT; node = node_at(t, node)->parent)
		trail[depth++] = node;
	while (depth) {
		const struct name_node *n = node_at(t, trail[--depth]);

		*path++ = '/';
		memcpy(path, node_name(n), n->length);
		path += n->length;
	}
	*path = '\0';
}

/* --- start and end ------------------------------------------------------------------------------ */

err_t table_init(struct name_table *t)
{
	*t = (struct name_table){ .free = TABLE_NONE, .buckets = BUCKETS_FIRST, .fresh = 1, .nodes = 1 };
	t->bucket = buckets_make(BUCKETS_FIRST);
	if (!t->bucket || block_add(t)) {
		table_destroy(t);
		return ERR_NO_MEMORY;
	}
	*node_at(t, TABLE_ROOT) = (struct name_node){ .first = TABLE_NONE, .last = TABLE_NONE };
	return ERR_OK;
}

void table_destroy(struct name_table *t)
{
	for (uint32_t i = 1; t->blocks && i < t->fresh; i++) {
		struct name_node *n = node_at(t, i);

		policy_forget(n);
		if (n->length > NODE_INLINE)
			free(n->name.out);
	}
	for (uint32_t i = 0; i < t->blocks; i++)
		free(t->block[i]);
	free(t->block);
	free(t->bucket);
}
