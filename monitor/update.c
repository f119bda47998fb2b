/*
 * Replacing this core's CPU driver by the one in the boot archive.
 *
 * The monitor lays the new one's text, constants and template out in a block of RAM,
 * as they are linked, and gives that to the CPU driver, which checks it and hands over
 * (kernel/core/handover.c).  The block of the one before is free from then on.
 */
#include "kernel/core/elf.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/archive.h"
#include "monitor/caps/caps.h"
#include "monitor/monitor.h"

#include <string.h>

#define KERNEL_NAME "kernel"
#define KERNEL_LOW UINT64_C(0x100000)
#define KERNEL_BASE UINT64_C(0xffffffff80000000)
#define IMAGE_BITS 18 /* room for the hand-over record too; the CPU driver says when it is too small */

static cptr_t running; /* the block that this core's CPU driver is in; 0: the image that all started with */

/* What is linked to lie in the image, one behind the other, from the text on, into memory that is clear. */
static err_t segments_copy(const struct elf_image *image, char *to)
{
	vaddr_t first = 0, end = 0;

	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segment[i];
		uint64_t at;

		if (s->address < KERNEL_BASE || s->file_bytes == 0)
			continue;
		first = first ? first : s->address;
		/* The private data's first contents follow the constants, at a line. */
		at = s->flags & ELF_WRITE ? (end + 63) / 64 * 64 - first : s->address - first;
		if (at > SIZE_OF_BITS(IMAGE_BITS) || s->file_bytes > SIZE_OF_BITS(IMAGE_BITS) - at)
			return ERR_UPDATE_SIZE;
		memcpy(to + at, image->data + s->offset, s->file_bytes);
		end = s->address + s->file_bytes;
	}
	return first ? ERR_OK : ERR_UPDATE_IMAGE;
}

/* The frame is gone afterwards, what was written stays. */
static err_t block_write(cptr_t block, const struct elf_image *image)
{
	vaddr_t memory = 0;
	cptr_t frame;
	err_t err = slot_alloc(&frame);

	if (err)
		return err;
	err = cap_retype(block, 0, CAP_FRAME, IMAGE_BITS, 1, frame);
	if (!err)
		err = vspace_map_frame(frame, IMAGE_BITS, MAP_READ | MAP_WRITE, &memory);
	if (!err)
		err = segments_copy(image, (char *)memory);
	if (memory)
		vspace_unmap(memory);
	cap_delete(frame);
	slot_free(frame);
	return err;
}

static err_t image_open(struct elf_image *image)
{
	const struct archive_entry *e = archive_find(monitor.archive, KERNEL_NAME);

	if (!e)
		return ERR_NOT_FOUND;
	return elf_open(image, (const char *)monitor.archive + e->offset, e->size, e->size, KERNEL_LOW, UINT64_MAX);
}

static void running_replace(cptr_t block)
{
	if (running && kernel_give(TASK_KERNEL, running, false) == ERR_OK) {
		caps_unpin(running);
		block_free(running, IMAGE_BITS, false);
	}
	running = block;
	caps_pin(block, CORES_MAX);
}

err_t driver_update(void)
{
	struct elf_image image;
	cptr_t block;
	err_t err = image_open(&image);

	if (!err)
		err = block_alloc(IMAGE_BITS, MEMORY_START, &block);
	if (err)
		return err;
	err = block_write(block, &image);
	if (!err)
		err = kernel_update(TASK_KERNEL, block);
	if (err)
		block_free(block, IMAGE_BITS, false);
	else
		running_replace(block);
	return err;
}
