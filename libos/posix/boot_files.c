/*
 * The boot archive as a process sees it: mapped whole, once, when it is first
 * needed.
 *
 * Only what the header says within the archive's own frame is believed.
 */
#include <string.h>

#include "kernel/abi/boot.h"
#include "kernel/abi/error.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/posix/boot_files.h"

static const struct archive_header *archive;
static struct mutex lock = MUTEX_INIT;

static err_t archive_map(void)
{
	struct cap_info info;
	vaddr_t va;
	cptr_t copy;
	err_t err = cap_identify(TASK_ARCHIVE, &info);

	if (!err)
		err = slot_alloc(&copy);
	if (err)
		return err;
	err = cap_copy(TASK_ARCHIVE, copy);
	if (!err)
		err = vspace_map_frame(copy, info.bits, MAP_READ, &va);
	if (err) {
		slot_delete(copy);
		return err;
	}
	archive = (const struct archive_header *)va;
	if (archive->magic != ARCHIVE_MAGIC || archive->size > SIZE_OF_BITS(info.bits))
		return ERR_NOT_FOUND;
	return 0;
}

static err_t archive_open(void)
{
	err_t err = 0;

	mutex_lock(&lock);
	if (!archive)
		err = archive_map();
	mutex_unlock(&lock);
	return err;
}

err_t boot_file_at(unsigned index, struct boot_file *out)
{
	err_t err = archive_open();
	const struct archive_entry *e;

	if (err)
		return err;
	if (index >= archive->count)
		return ERR_NOT_FOUND;
	e = &archive->entry[index];
	if (e->offset > archive->size || e->size > archive->size - e->offset || !memchr(e->name, 0, ARCHIVE_NAME))
		return ERR_NOT_FOUND;
	*out = (struct boot_file){ .name = e->name, .data = (const uint8_t *)archive + e->offset, .size = e->size };
	return 0;
}

err_t boot_file_find(const char *name, struct boot_file *out)
{
	err_t err;

	for (unsigned i = 0; !(err = boot_file_at(i, out)); i++)
		if (strcmp(out->name, name) == 0)
			return 0;
	return err;
}
