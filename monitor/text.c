/*
 * Collecting text: a fixed number of buffers, each bound to one sender from its
 * first chunk to the request that uses it.  A sender that never sends its request
 * cannot keep a buffer from others: the buffer longest untouched is given away.
 * Portable, and tested on the host.
 */
#include "monitor/text.h"

#include <string.h>

static struct text *text_find(struct texts *t, struct origin from)
{
	for (unsigned i = 0; i < t->used; i++) {
		if (t->buffer[i].age && origin_same(t->buffer[i].origin, from))
			return &t->buffer[i];
	}
	return NULL;
}

/* A free buffer (age 0), one that was never used, or the one that was touched longest ago. */
static struct text *text_claim(struct texts *t, struct origin from)
{
	struct text *oldest = &t->buffer[0];

	for (unsigned i = 1; i < t->used; i++) {
		if (t->buffer[i].age < oldest->age)
			oldest = &t->buffer[i];
	}
	if ((!t->used || oldest->age) && t->used < TEXT_BUFFERS)
		oldest = &t->buffer[t->used++];
	oldest->origin = from;
	oldest->length = 0;
	oldest->overflow = false;
	return oldest;
}

bool text_append(struct texts *t, struct origin from, const struct mon_message *m)
{
	char chunk[MON_CHUNK];
	size_t n = mon_text_unpack(m, chunk);
	struct text *text;

	if (n == 0)
		return false;
	text = text_find(t, from);
	if (!text)
		text = text_claim(t, from);
	text->age = ++t->turn;
	if (text->length + n > MON_TEXT_MAX) {
		text->overflow = true;
		return true;
	}
	memcpy(text->data + text->length, chunk, n);
	text->length += (uint32_t)n;
	return true;
}

struct text *text_take(struct texts *t, struct origin from)
{
	struct text *text = text_find(t, from);

	if (text)
		text->data[text->length] = '\0';
	return text;
}

void text_release(struct text *text)
{
	if (text)
		text->age = 0;
}

void text_drop(struct texts *t, struct origin from) { text_release(text_find(t, from)); }
