/*
 * The text that a child inherits, section by section: inherit.h.
 *
 * A section begins with what it is and how long; so a text is put together, and looked through, without knowing what
 * the sections hold.
 */
#include "libos/posix/inherit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct section {
	uint32_t tag, bytes;
};

static bool room_make(struct inherit *i, size_t bytes)
{
	size_t room = i->room ? i->room : 1024;
	char *data;

	if (i->error)
		return false;
	if (bytes > INHERIT_MAX - i->bytes) {
		i->error = E2BIG;
		return false;
	}
	while (room < i->bytes + bytes)
		room *= 2;
	if (room == i->room)
		return true;
	data = realloc(i->data, room);
	if (!data) {
		i->error = ENOMEM;
		return false;
	}
	i->data = data;
	i->room = room;
	return true;
}

static void append(struct inherit *i, const void *data, size_t bytes)
{
	if (!room_make(i, bytes))
		return;
	memcpy(i->data + i->bytes, data, bytes);
	i->bytes += bytes;
}

/* The section at an offset, as far as the text holds one. */
static bool section_at(const struct inherit *i, size_t at, struct section *out)
{
	if (i->bytes - at < sizeof *out)
		return false;
	memcpy(out, i->data + at, sizeof *out);
	return out->bytes <= i->bytes - at - sizeof *out;
}

void inherit_section(struct inherit *i, enum inherit_section tag)
{
	const struct section s = { .tag = tag };

	i->last = i->bytes;
	append(i, &s, sizeof s);
}

void inherit_add(struct inherit *i, const void *data, size_t bytes)
{
	struct section s;

	if (!bytes)
		return;
	append(i, data, bytes);
	if (i->error)
		return;
	memcpy(&s, i->data + i->last, sizeof s);
	s.bytes += (uint32_t)bytes;
	memcpy(i->data + i->last, &s, sizeof s);
}

void inherit_strings(struct inherit *i, char *const *strings)
{
	for (; strings && *strings; strings++)
		inherit_add(i, *strings, strlen(*strings) + 1);
}

void inherit_free(struct inherit *i)
{
	free(i->data);
	*i = (struct inherit){ 0 };
}

const char *inherit_find(const struct inherit *i, enum inherit_section tag, size_t *bytes)
{
	struct section s;

	for (size_t at = 0; at < i->bytes && section_at(i, at, &s); at += sizeof s + s.bytes)
		if (s.tag == tag) {
			*bytes = s.bytes;
			return i->data + at + sizeof s;
		}
	return NULL;
}
