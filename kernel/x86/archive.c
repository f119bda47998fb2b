/*
 * The check of the boot archive's header and entries, once, before it is moved;
 * after it every entry lies in the archive, at a page, under a name that ends.
 * The files themselves are checked by whoever loads them.
 */
#include "archive.h"

static bool name_ends(const char *name)
{
	for (unsigned i = 0; i < ARCHIVE_NAME; i++)
		if (name[i] == '\0')
			return i > 0;
	return false;
}

const char *archive_check(const struct archive_header *a, uint64_t bytes)
{
	if (bytes < sizeof(*a))
		return "shorter than its header";
	if (a->magic != ARCHIVE_MAGIC)
		return "not an archive (wrong magic number)";
	if (a->size < sizeof(*a) || a->size > bytes)
		return "cut off";
	if (a->count > (a->size - sizeof(*a)) / sizeof(a->entry[0]))
		return "more entries than fit";
	for (uint32_t i = 0; i < a->count; i++) {
		const struct archive_entry *e = &a->entry[i];

		if (!name_ends(e->name))
			return "an entry's name does not end";
		if (e->offset % PAGE_SIZE != 0 || e->offset > a->size || e->size > a->size - e->offset)
			return "an entry lies outside";
	}
	return NULL;
}
