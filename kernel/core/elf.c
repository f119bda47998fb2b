/*
 * The ELF reader. Layouts and constants: System V ABI, "Object Files", and its AMD64 supplement.
 *
 * The file may lie at any address and may be cut off anywhere: headers are copied
 * out bytewise before they are looked at, and every sum is checked by subtraction.
 */
#include "elf.h"

#define ELF_MAGIC UINT32_C(0x464c457f) /* "\x7fELF" */
#define ELF_CLASS_64 2
#define ELF_LITTLE_ENDIAN 1
#define ELF_TYPE_EXECUTABLE 2
#define ELF_MACHINE_X86_64 62
#define PROGRAM_LOAD 1
#define PROGRAM_TLS 7

struct elf_header {
	uint32_t magic;
	uint8_t class, encoding, version, unused[9];
	uint16_t type, machine;
	uint32_t file_version;
	uint64_t entry, program_offset, section_offset;
	uint32_t flags;
	uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF64 file header");

struct elf_program {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_bytes, memory_bytes, align;
};
_Static_assert(sizeof(struct elf_program) == 56, "ELF64 program header");

static void bytes_copy(void *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = from[i];
}

static uint64_t page_up(uint64_t v) { return (v + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1); }

static bool header_ok(const struct elf_header *h)
{
	return h->magic == ELF_MAGIC && h->class == ELF_CLASS_64 && h->encoding == ELF_LITTLE_ENDIAN &&
	       h->version == 1 && h->file_version == 1 && h->type == ELF_TYPE_EXECUTABLE &&
	       h->machine == ELF_MACHINE_X86_64 && h->program_bytes == sizeof(struct elf_program);
}

static struct elf_segment segment_of(const struct elf_program *p)
{
	return (struct elf_segment){ p->offset, p->address, p->file_bytes, p->memory_bytes, p->flags & 7 };
}

static bool file_range_ok(const struct elf_image *image, const struct elf_segment *s)
{
	return s->file_bytes <= s->memory_bytes && s->offset <= image->size && s->file_bytes <= image->size - s->offset;
}

/* One more loadable segment, above and in other pages than those before. */
static err_t load_add(struct elf_image *image, const struct elf_segment *s, vaddr_t high)
{
	if (s->memory_bytes == 0)
		return ERR_OK;
	if (image->count == ELF_SEGMENTS_MAX)
		return ERR_ELF_FORMAT;
	if (!file_range_ok(image, s) || s->address < image->end || s->address >= high ||
	    s->memory_bytes > high - s->address || s->address % PAGE_SIZE != s->offset % PAGE_SIZE)
		return ERR_ELF_RANGE;
	image->segment[image->count++] = *s;
	image->end = page_up(s->address + s->memory_bytes);
	return ERR_OK;
}

static err_t tls_set(struct elf_image *image, const struct elf_segment *s, uint64_t align)
{
	if (image->has_tls)
		return ERR_ELF_FORMAT;
	align = align ? align : 1;
	if (!file_range_ok(image, s) || align > PAGE_SIZE || (align & (align - 1)))
		return ERR_ELF_RANGE;
	image->has_tls = true;
	image->tls = *s;
	image->tls_align = align;
	return ERR_OK;
}

static err_t program_add(struct elf_image *image, const struct elf_program *p, vaddr_t high)
{
	struct elf_segment s = segment_of(p);

	if (p->type == PROGRAM_LOAD)
		return load_add(image, &s, high);
	return p->type == PROGRAM_TLS ? tls_set(image, &s, p->align) : ERR_OK;
}

/* Does [s.address, + bytes of it) lie in a loadable segment with these flags? */
static bool loaded(const struct elf_image *image, vaddr_t address, uint64_t bytes, unsigned flags)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segment[i];

		if (address >= s->address && address - s->address < s->memory_bytes &&
		    bytes <= s->memory_bytes - (address - s->address))
			return (s->flags & flags) == flags;
	}
	return false;
}

static err_t image_check(const struct elf_image *image)
{
	if (!loaded(image, image->entry, 1, ELF_EXECUTE))
		return ERR_ELF_RANGE;
	if (image->has_tls && image->tls.file_bytes &&
	    !loaded(image, image->tls.address, image->tls.file_bytes, ELF_READ))
		return ERR_ELF_RANGE;
	return ERR_OK;
}

err_t elf_open(struct elf_image *image, const void *data, uint64_t head, uint64_t size, vaddr_t low, vaddr_t high)
{
	struct elf_header h;
	struct elf_program p;
	err_t err = ERR_OK;

	*image = (struct elf_image){ .data = data, .size = size, .end = low };
	if (head < sizeof h)
		return ERR_ELF_FORMAT;
	bytes_copy(&h, image->data, sizeof h);
	if (!header_ok(&h))
		return ERR_ELF_FORMAT;
	if (h.program_offset > head || h.program_count > (head - h.program_offset) / sizeof p)
		return ERR_ELF_RANGE;
	image->entry = h.entry;
	for (unsigned i = 0; !err && i < h.program_count; i++) {
		bytes_copy(&p, image->data + h.program_offset + i * sizeof p, sizeof p);
		err = program_add(image, &p, high);
	}
	return err ? err : image_check(image);
}
