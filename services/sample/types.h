/*
 * What the sample service and its callers both know.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "kernel/abi/types.h"

#define SAMPLE_NAME "sample"
#define SAMPLE_TEXT 200   /* bytes of a text */
#define SAMPLE_BYTES 4000 /* of a buffer */
#define SAMPLE_POINTS 20
#define SAMPLE_NAMES 8

struct sample_point {
	uint32_t x, y;
};

struct sample_block {
	uint64_t word[6];
};

struct sample_stat {
	uint64_t calls;
	uint64_t sum;
	struct sample_point far;
};

/* Not plain data: goes by the serialisers below. */
struct sample_list {
	char *name[SAMPLE_NAMES];
	uint32_t count;
};

/* The names one behind the other, with their NULs. */
static inline size_t sample_list_put(const struct sample_list *l, void *to, size_t room)
{
	size_t used = 1;

	if (!room)
		return 0;
	*(uint8_t *)to = (uint8_t)l->count;
	for (uint32_t i = 0; i < l->count; i++) {
		size_t bytes = strlen(l->name[i]) + 1;

		if (bytes > room - used)
			return 0;
		memcpy((char *)to + used, l->name[i], bytes);
		used += bytes;
	}
	return used;
}

static inline void sample_list_free(struct sample_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->name[i]);
	l->count = 0;
}

static inline bool sample_list_get(struct sample_list *l, const void *from, size_t bytes)
{
	const char *at = from, *end = at + bytes;
	uint8_t count = bytes ? (uint8_t)*at++ : UINT8_MAX;

	l->count = 0;
	if (count > SAMPLE_NAMES)
		return false;
	while (l->count < count && at < end && memchr(at, 0, (size_t)(end - at))) {
		l->name[l->count] = strdup(at);
		if (!l->name[l->count])
			break;
		l->count++;
		at += strlen(at) + 1;
	}
	if (l->count == count && at == end)
		return true;
	sample_list_free(l);
	return false;
}
