/*
 * Any bytes as multiboot2 tags, and as a PVH start block, its memory map, its
 * module list and its command line.
 */
/* needs: kernel/x86/multiboot2.c kernel/x86/pvh.c kernel/x86/memmap.c kernel/x86/archive.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/x86/archive.h"
#include "kernel/x86/loader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	const uint8_t *data;
	size_t size;
};

static const void *map(void *context, paddr_t p, uint64_t length)
{
	const struct memory *m = context;

	return p <= m->size && length <= m->size - p && p % 8 == 0 ? m->data + p
	       : length == 1 && p < m->size                        ? m->data + p
								   : NULL;
}

static void info_check(const struct loader_info *l)
{
	if (l->module > l->module_end || l->rsdp_bytes > ACPI_RSDP_BYTES ||
	    strnlen(l->cmdline, BOOT_CMDLINE) == BOOT_CMDLINE)
		abort();
	for (unsigned i = 0; i < l->ram.count; i++) {
		const struct memmap_range *r = &l->ram.range[i];

		if (r->base >= r->end || r->base % PAGE_SIZE || r->end % PAGE_SIZE || (i && r[-1].end > r->base))
			abort();
	}
}

static void archive_read(const uint8_t *copy, size_t size)
{
	const struct archive_header *a = (const void *)copy;

	if (archive_check(a, size))
		return;
	for (uint32_t i = 0; i < a->count; i++)
		if (strlen(a->entry[i].name) >= ARCHIVE_NAME || a->entry[i].offset + a->entry[i].size > size)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* aligned, of exactly that size */
	struct memory m = { copy, size };
	struct loader_info info;

	if (size)
		memcpy(copy, data, size);
	if (multiboot2_parse(copy, size, &info))
		info_check(&info);
	archive_read(copy, size);
	if (size >= 8)
		memcpy(copy, &(uint64_t){ UINT64_C(1) << 32 | PVH_MAGIC }, 8);
	if (pvh_parse(0, map, &m, &info))
		info_check(&info);
	free(copy);
	return 0;
}
