/*
 * Packing and unpacking of what is longer than a word, and the putting together of lines.
 */
#include "libos/rpc/private.h"

#include <stdlib.h>

void *rpc_take_bytes(struct rpc_cursor *k, size_t bytes)
{
	uint64_t *at = k->at;

	if (k->bad || bytes > (size_t)(k->end - k->at) * sizeof(uint64_t)) {
		k->bad = true;
		return NULL;
	}
	k->at += RPC_WORDS(bytes);
	return at;
}

void rpc_put_bytes(struct rpc_cursor *k, const void *from, size_t bytes)
{
	uint64_t *to = rpc_take_bytes(k, bytes);

	if (!to || !bytes)
		return;
	to[RPC_WORDS(bytes) - 1] = 0; /* no byte of ours goes along unasked */
	memcpy(to, from, bytes);
}

void rpc_get_bytes(struct rpc_cursor *k, void *to, size_t bytes)
{
	const void *from = rpc_take_bytes(k, bytes);

	if (from)
		memcpy(to, from, bytes);
	else
		memset(to, 0, bytes);
}

void rpc_put_array(struct rpc_cursor *k, const void *from, size_t count, size_t element, size_t max)
{
	if (count > max) {
		k->bad = true;
		return;
	}
	rpc_put_word(k, count);
	rpc_put_bytes(k, from, count * element);
}

const void *rpc_get_array(struct rpc_cursor *k, uint64_t *count, size_t element, size_t max)
{
	uint64_t n = rpc_get_word(k);
	const void *data = NULL;

	if (n <= max)
		data = rpc_take_bytes(k, n * element);
	else
		k->bad = true;
	*count = data ? n : 0;
	return data;
}

void rpc_copy_array(struct rpc_cursor *k, void *to, uint64_t *count, size_t element)
{
	uint64_t n;
	const void *data = rpc_get_array(k, &n, element, *count);

	if (data && n)
		memcpy(to, data, n * element);
	*count = n;
}

/* The NUL goes along. */
void rpc_put_text(struct rpc_cursor *k, const char *text, size_t max)
{
	rpc_put_array(k, text, strnlen(text, max + 1) + 1, 1, max + 1);
}

const char *rpc_get_text(struct rpc_cursor *k, size_t max)
{
	uint64_t n;
	const char *text = rpc_get_array(k, &n, 1, max + 1);

	if (text && n && !memchr(text, 0, n - 1) && !text[n - 1])
		return text;
	k->bad = true;
	return NULL;
}

void rpc_copy_text(struct rpc_cursor *k, char *to, size_t max)
{
	const char *text = rpc_get_text(k, max);

	if (text)
		strcpy(to, text);
}

void *rpc_serial_room(struct rpc_cursor *k, size_t max, size_t *room)
{
	size_t left = k->at < k->end ? (size_t)(k->end - k->at - 1) * sizeof(uint64_t) : 0;

	*room = left < max ? left : max;
	if (!left)
		k->bad = true;
	return left ? k->at + 1 : NULL;
}

void rpc_serial_put(struct rpc_cursor *k, void *data, size_t bytes)
{
	if (!bytes) {
		k->bad = true;
		return;
	}
	rpc_put_word(k, bytes);
	memset((char *)data + bytes, 0, RPC_WORDS(bytes) * sizeof(uint64_t) - bytes);
	rpc_take_bytes(k, bytes);
}

err_t rpc_pack_line(struct rpc_packed *m, const struct urpc_message *line, const struct rpc_shape *shape)
{
	unsigned words = rpc_header_length(line->word[0]) + 1;

	if (words > m->room)
		return ERR_TOO_LONG;
	memcpy(m->word, line->word, words * sizeof(uint64_t));
	m->words = words;
	m->shape = shape;
	return ERR_OK;
}

err_t rpc_pack_long(struct rpc_packed *m, const struct rpc_cursor *k, const struct rpc_shape *shape)
{
	if (k->bad)
		return ERR_TOO_LONG;
	m->words = (uint32_t)(k->at - m->word);
	m->word[0] = shape->header | (uint64_t)(m->words - 1) << 16;
	m->shape = shape;
	return ERR_OK;
}

err_t rpc_inbox_take(struct rpc_inbox *in, const struct urpc_message *m, uint64_t **whole)
{
	unsigned some;

	if (!in->word) {
		in->want = rpc_header_words(m->word[0]);
		in->have = 0;
		if (in->want > RPC_WORDS_MAX)
			return ERR_MESSAGE;
		in->word = malloc(in->want * sizeof(uint64_t));
		if (!in->word)
			return ERR_NO_MEMORY;
	}
	some = in->want - in->have < URPC_WORDS ? in->want - in->have : URPC_WORDS;
	memcpy(in->word + in->have, m->word, some * sizeof(uint64_t));
	in->have += some;
	if (in->have == in->want) {
		*whole = in->word;
		in->word = NULL;
	}
	return ERR_OK;
}

void rpc_inbox_drop(struct rpc_inbox *in)
{
	free(in->word);
	in->word = NULL;
}
