/*
 * Any bytes as an executable: what elf_open() accepts must be safe to load.
 */
/* needs: kernel/core/elf.c */
#include <stdint.h>
#include <stdlib.h>

#include "kernel/core/elf.h"

#define LOW 0x400000
#define HIGH 0x100000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

/* Its bytes are in the file, and readable: the address sanitizer watches. */
static void segment_read(const struct elf_image *image, const struct elf_segment *s)
{
	if (s->file_bytes > s->memory_bytes || s->file_bytes > image->size)
		abort();
	for (uint64_t i = 0; i < s->file_bytes; i++)
		sink = image->data[s->offset + i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image image;
	uint64_t end = LOW;

	if (elf_open(&image, data, size, size, LOW, HIGH))
		return 0;
	for (unsigned i = 0; i < image.count; i++) {
		const struct elf_segment *s = &image.segment[i];

		if (s->address < end || s->address + s->memory_bytes > HIGH)
			abort();
		end = (s->address + s->memory_bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		segment_read(&image, s);
	}
	if (end != image.end)
		abort();
	if (image.has_tls)
		segment_read(&image, &image.tls);
	return 0;
}
