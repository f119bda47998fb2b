/*
 * A dynamic loader: maps the segments of a shared object and fills in addresses, as image.h says.
 */
#include "tools/sim/base/image.h"

#include "kernel/abi/types.h"

#include <dlfcn.h>
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_DOWN(x) ((x) & ~(uint64_t)(PAGE_SIZE - 1))
#define PAGE_UP(x) PAGE_DOWN((x) + PAGE_SIZE - 1)
#define NAME_MAX_BYTES 200

struct patch {
	uint64_t address;
	uint8_t bytes[16];
	unsigned length;
	struct patch *next;
};

struct image {
	const char *path;
	int file;
	const uint8_t *bytes; /* the file, read only */
	const Elf64_Phdr *headers;
	unsigned header_count;
	uint64_t span, own_bytes;
	const Elf64_Sym *symbols;
	const char *names;
	uint64_t symbol_count;
	const Elf64_Rela *relocations[2];
	uint64_t relocation_count[2];
	void **externals; /* of the symbol numbers: where the host has them */
	uint8_t **copies;
	unsigned copy_count, copy_room;
	struct patch *patches;
	struct image *next;
};
static struct image *images;

/* The file's bytes at an address of the image. */
static const void *at_address(const struct image *m, uint64_t address)
{
	for (unsigned i = 0; i < m->header_count; i++) {
		const Elf64_Phdr *h = &m->headers[i];

		if (h->p_type == PT_LOAD && address - h->p_vaddr < h->p_filesz)
			return m->bytes + h->p_offset + (address - h->p_vaddr);
	}
	errx(2, "%s has nothing at %lx", m->path, address);
}

static void dynamic_read(struct image *m, const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		uint64_t v = d->d_un.d_val;

		switch (d->d_tag) {
		case DT_SYMTAB:
			m->symbols = at_address(m, v);
			break;
		case DT_STRTAB:
			m->names = at_address(m, v);
			break;
		case DT_HASH:
			m->symbol_count = ((const uint32_t *)at_address(m, v))[1];
			break;
		case DT_RELA:
			m->relocations[0] = at_address(m, v);
			break;
		case DT_RELASZ:
			m->relocation_count[0] = v / sizeof(Elf64_Rela);
			break;
		case DT_JMPREL:
			m->relocations[1] = at_address(m, v);
			break;
		case DT_PLTRELSZ:
			m->relocation_count[1] = v / sizeof(Elf64_Rela);
			break;
		}
	}
}

static void *external(const char *prefix, const char *name)
{
	char text[NAME_MAX_BYTES];
	void *found;

	snprintf(text, sizeof text, "%s%s", prefix, name);
	found = dlsym(RTLD_DEFAULT, text);
	return found ? found : dlsym(RTLD_DEFAULT, name);
}

static void externals_find(struct image *m, const char *prefix)
{
	unsigned missing = 0;

	m->externals = calloc(m->symbol_count, sizeof *m->externals);
	for (uint64_t i = 1; i < m->symbol_count; i++) {
		const char *name = m->names + m->symbols[i].st_name;

		if (m->symbols[i].st_shndx != SHN_UNDEF)
			continue;
		m->externals[i] = external(prefix, name);
		if (m->externals[i] || ELF64_ST_BIND(m->symbols[i].st_info) == STB_WEAK)
			continue;
		warnx("%s needs %s, which the simulator does not have", m->path, name);
		missing++;
	}
	if (missing)
		errx(2, "%u symbols are missing", missing);
}

static void headers_read(struct image *m)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)m->bytes;

	m->headers = (const Elf64_Phdr *)(m->bytes + e->e_phoff);
	m->header_count = e->e_phnum;
	for (unsigned i = 0; i < m->header_count; i++) {
		const Elf64_Phdr *h = &m->headers[i];

		if (h->p_type == PT_LOAD)
			m->span = PAGE_UP(h->p_vaddr + h->p_memsz);
		if (h->p_type == PT_LOAD && h->p_flags & PF_W)
			m->own_bytes += PAGE_UP(h->p_memsz);
	}
	for (unsigned i = 0; i < m->header_count; i++)
		if (m->headers[i].p_type == PT_DYNAMIC)
			dynamic_read(m, at_address(m, m->headers[i].p_vaddr));
}

struct image *image_open(const char *path, const char *prefix)
{
	struct image *m = calloc(1, sizeof *m);
	struct stat s;

	if (!m)
		err(2, "%s", path);
	m->path = path;
	m->file = open(path, O_RDONLY | O_CLOEXEC);
	if (m->file < 0 || fstat(m->file, &s))
		err(2, "%s", path);
	m->bytes = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, m->file, 0);
	if (m->bytes == MAP_FAILED)
		err(2, "%s", path);
	headers_read(m);
	externals_find(m, prefix);
	m->next = images;
	images = m;
	return m;
}

uint64_t image_offset(uint64_t address, const char **path)
{
	for (const struct image *m = images; m; m = m->next)
		for (unsigned i = 0; i < m->copy_count; i++)
			if (address - (uint64_t)m->copies[i] < m->span) {
				*path = m->path;
				return address - (uint64_t)m->copies[i];
			}
	return 0;
}

uint64_t image_own_bytes(const struct image *m) { return m->own_bytes; }

/* --- a copy ----------------------------------------------------------------------------------- */

static void segment_map(const struct image *m, uint8_t *base, const Elf64_Phdr *h)
{
	uint64_t first = PAGE_DOWN(h->p_vaddr), file_end = h->p_vaddr + h->p_filesz;
	int access = PROT_READ | (h->p_flags & PF_W ? PROT_WRITE : 0) | (h->p_flags & PF_X ? PROT_EXEC : 0);

	/* What lies behind the file's part was mapped empty. */
	if (h->p_filesz && mmap(base + first, file_end - first, access, MAP_PRIVATE | MAP_FIXED, m->file,
				(off_t)PAGE_DOWN(h->p_offset)) == MAP_FAILED)
		err(2, "a segment of %s", m->path);
	if (h->p_flags & PF_W && h->p_memsz > h->p_filesz)
		memset(base + file_end, 0, PAGE_UP(file_end) - file_end);
}

static void relocate(const struct image *m, uint8_t *base, const Elf64_Rela *r)
{
	uint64_t *where = (uint64_t *)(base + r->r_offset);
	uint64_t number = ELF64_R_SYM(r->r_info), value = 0;

	if (number)
		value = m->symbols[number].st_shndx == SHN_UNDEF ? (uint64_t)m->externals[number]
								 : (uint64_t)base + m->symbols[number].st_value;
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_RELATIVE:
		*where = (uint64_t)base + (uint64_t)r->r_addend;
		break;
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		*where = value;
		break;
	case R_X86_64_64:
		*where = value + (uint64_t)r->r_addend;
		break;
	default:
		errx(2, "%s has a relocation of type %lu", m->path, ELF64_R_TYPE(r->r_info));
	}
}

static void patch_apply(const struct image *m, uint8_t *base, const struct patch *p)
{
	uint8_t *page = base + PAGE_DOWN(p->address);
	uint64_t bytes = PAGE_UP(p->address + p->length) - PAGE_DOWN(p->address);

	if (mprotect(page, bytes, PROT_READ | PROT_WRITE))
		err(2, "a change of %s", m->path);
	memcpy(base + p->address, p->bytes, p->length);
	mprotect(page, bytes, PROT_READ | PROT_EXEC);
}

static void copy_note(struct image *m, uint8_t *base)
{
	if (m->copy_count == m->copy_room) {
		m->copy_room = m->copy_room ? m->copy_room * 2 : 64;
		m->copies = realloc(m->copies, m->copy_room * sizeof *m->copies);
		if (!m->copies)
			err(2, "copies of %s", m->path);
	}
	m->copies[m->copy_count++] = base;
}

void *image_load(struct image *m)
{
	uint8_t *base = mmap(NULL, m->span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		err(2, "%s", m->path);
	copy_note(m, base);
	for (unsigned i = 0; i < m->header_count; i++)
		if (m->headers[i].p_type == PT_LOAD)
			segment_map(m, base, &m->headers[i]);
	for (unsigned t = 0; t < 2; t++)
		for (uint64_t i = 0; i < m->relocation_count[t]; i++)
			relocate(m, base, &m->relocations[t][i]);
	for (const struct patch *p = m->patches; p; p = p->next)
		patch_apply(m, base, p);
	return base;
}

void image_unload(struct image *m, void *copy)
{
	for (unsigned i = 0; i < m->copy_count; i++)
		if (m->copies[i] == copy) {
			m->copies[i] = m->copies[--m->copy_count];
			munmap(copy, m->span);
			return;
		}
}

/* --- names ------------------------------------------------------------------------------------ */

void *image_symbol(const struct image *m, void *copy, const char *name)
{
	for (uint64_t i = 1; i < m->symbol_count; i++)
		if (m->symbols[i].st_shndx != SHN_UNDEF && !strcmp(m->names + m->symbols[i].st_name, name))
			return (uint8_t *)copy + m->symbols[i].st_value;
	errx(2, "%s has no %s", m->path, name);
}

uint64_t image_function(const struct image *m, const char *name)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)m->bytes;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(m->bytes + e->e_shoff);

	for (unsigned s = 0; s < e->e_shnum; s++) {
		const Elf64_Sym *list = (const Elf64_Sym *)(m->bytes + sections[s].sh_offset);
		const char *text = (const char *)m->bytes + sections[sections[s].sh_link].sh_offset;

		if (sections[s].sh_type != SHT_SYMTAB)
			continue;
		for (uint64_t i = 0; i < sections[s].sh_size / sizeof *list; i++)
			if (ELF64_ST_TYPE(list[i].st_info) == STT_FUNC && !strcmp(text + list[i].st_name, name))
				return list[i].st_value;
	}
	return 0;
}

void image_patch(struct image *m, uint64_t address, const void *bytes, unsigned length)
{
	struct patch *p = calloc(1, sizeof *p);

	if (!p || length > sizeof p->bytes)
		err(2, "a change of %s", m->path);
	p->address = address;
	p->length = length;
	memcpy(p->bytes, bytes, length);
	p->next = m->patches;
	m->patches = p;
}
