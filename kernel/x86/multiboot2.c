/*
 * The multiboot2 tags. Portable, no state, no arch: see loader.h.
 *
 * Tags are aligned to 8 and end with one of type 0; each has a type and a size,
 * and all that is read is first checked to lie in its tag and in the whole.
 */
#include "loader.h"

enum { TAG_END = 0, TAG_CMDLINE = 1, TAG_MODULE = 3, TAG_MMAP = 6, TAG_ACPI_OLD = 14, TAG_ACPI_NEW = 15 };
enum { MMAP_AVAILABLE = 1 };
#define TAG_HEADER 8

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static void text_copy(char *to, uint64_t room, const uint8_t *from, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i + 1 < room && i < bytes && from[i]; i++)
		to[i] = (char)from[i];
	to[i] = '\0';
}

/* One pass over the memory map: the usable ranges, or all that are not. */
static void mmap_pass(const uint8_t *tag, uint32_t size, bool usable, struct memmap *ram)
{
	uint32_t step;

	if (size < 16)
		return;
	step = get32(tag + 8);
	if (step < 24)
		return;
	for (uint32_t at = 16; size - at >= step; at += step) {
		uint64_t base = get64(tag + at), length = get64(tag + at + 8);
		uint64_t end = length > UINT64_MAX - base ? UINT64_MAX : base + length;

		if (usable && get32(tag + at + 16) == MMAP_AVAILABLE)
			memmap_add(ram, base, end);
		if (!usable && get32(tag + at + 16) != MMAP_AVAILABLE)
			memmap_remove(ram, base, end);
	}
}

static void module_tag(const uint8_t *tag, uint32_t size, struct loader_info *out)
{
	if (size < 16 || get32(tag + 12) <= get32(tag + 8))
		return;
	if (out->modules++ != 0)
		return;
	out->module = get32(tag + 8);
	out->module_end = get32(tag + 12);
}

static void rsdp_tag(const uint8_t *tag, uint32_t size, struct loader_info *out)
{
	uint32_t n = size - TAG_HEADER;

	if (n > ACPI_RSDP_BYTES)
		n = ACPI_RSDP_BYTES;
	if (n < out->rsdp_bytes)
		return; /* the new form is the longer one: keep it */
	for (uint32_t i = 0; i < n; i++)
		out->rsdp[i] = tag[TAG_HEADER + i];
	out->rsdp_bytes = n;
}

static void tag_parse(const uint8_t *tag, uint32_t type, uint32_t size, struct loader_info *out)
{
	switch (type) {
	case TAG_CMDLINE:
		text_copy(out->cmdline, sizeof(out->cmdline), tag + TAG_HEADER, size - TAG_HEADER);
		break;
	case TAG_MODULE:
		module_tag(tag, size, out);
		break;
	case TAG_MMAP:
		mmap_pass(tag, size, true, &out->ram);
		mmap_pass(tag, size, false, &out->ram);
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		rsdp_tag(tag, size, out);
		break;
	}
}

bool multiboot2_parse(const void *info, uint64_t bytes, struct loader_info *out)
{
	const uint8_t *p = info;
	uint64_t total, at = TAG_HEADER;

	*out = (struct loader_info){ 0 };
	if (bytes < TAG_HEADER)
		return false;
	total = get32(p);
	if (total < TAG_HEADER || total > bytes)
		return false;
	while (at + TAG_HEADER <= total) {
		uint32_t type = get32(p + at), size = get32(p + at + 4);

		if (type == TAG_END || size < TAG_HEADER || size > total - at)
			break;
		tag_parse(p + at, type, size, out);
		at += ((uint64_t)size + 7) & ~UINT64_C(7);
	}
	memmap_pages(&out->ram);
	return true;
}
