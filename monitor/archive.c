/*
 * The boot archive. It comes from outside, so nothing in it is believed before
 * archive_valid has looked at it. Portable, and tested on the host.
 */
#include "monitor/archive.h"

#include <string.h>

static bool entry_valid(const struct archive_entry *e, uint64_t size)
{
	return memchr(e->name, '\0', sizeof e->name) && e->offset % PAGE_SIZE == 0 && e->offset <= size &&
	       e->size <= size - e->offset;
}

bool archive_valid(const struct archive_header *a, uint64_t size)
{
	if (size < sizeof *a || a->magic != ARCHIVE_MAGIC || a->size > size ||
	    a->count > (size - sizeof *a) / sizeof a->entry[0])
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (!entry_valid(&a->entry[i], a->size))
			return false;
	}
	return true;
}

const struct archive_entry *archive_find(const struct archive_header *a, const char *name)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (strcmp(a->entry[i].name, name) == 0)
			return &a->entry[i];
	}
	return NULL;
}
