/*
 * Loads the islands: a dynamic loader of the few relocations that gcc's position-independent
 * code needs. dlmopen() has room for 16 copies only.
 */
#include "tools/sim/loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_DOWN(x) ((x) & ~(uint64_t)(PAGE_SIZE - 1))
#define PAGE_UP(x) PAGE_DOWN((x) + PAGE_SIZE - 1)

static int file = -1;
static const uint8_t *image; /* the file, read only */
static const Elf64_Phdr *headers;
static unsigned header_count;
static uint64_t span, own_bytes;
static const Elf64_Sym *symbols;
static const char *names;
static uint64_t symbol_count;
static const Elf64_Rela *relocations[2];
static uint64_t relocation_count[2];
static uint8_t *copies[CORES_MAX];
static unsigned copy_count;
static void **externals; /* of the symbol numbers: where the host has them */

/* The file's bytes at an address of the image. */
static const void *at_address(uint64_t address)
{
	for (unsigned i = 0; i < header_count; i++)
		if (headers[i].p_type == PT_LOAD && address - headers[i].p_vaddr < headers[i].p_filesz)
			return image + headers[i].p_offset + (address - headers[i].p_vaddr);
	errx(2, "the island's image has nothing at %lx", address);
}

static void dynamic_read(const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		uint64_t v = d->d_un.d_val;

		switch (d->d_tag) {
		case DT_SYMTAB:
			symbols = at_address(v);
			break;
		case DT_STRTAB:
			names = at_address(v);
			break;
		case DT_HASH:
			symbol_count = ((const uint32_t *)at_address(v))[1];
			break;
		case DT_RELA:
			relocations[0] = at_address(v);
			break;
		case DT_RELASZ:
			relocation_count[0] = v / sizeof(Elf64_Rela);
			break;
		case DT_JMPREL:
			relocations[1] = at_address(v);
			break;
		case DT_PLTRELSZ:
			relocation_count[1] = v / sizeof(Elf64_Rela);
			break;
		}
	}
}

static void externals_find(void)
{
	unsigned missing = 0;

	externals = calloc(symbol_count, sizeof *externals);
	for (uint64_t i = 1; i < symbol_count; i++) {
		if (symbols[i].st_shndx != SHN_UNDEF)
			continue;
		externals[i] = dlsym(RTLD_DEFAULT, names + symbols[i].st_name);
		if (externals[i] || ELF64_ST_BIND(symbols[i].st_info) == STB_WEAK)
			continue;
		warnx("an island needs %s, which the simulator does not have (tools/sim/island)",
		      names + symbols[i].st_name);
		missing++;
	}
	if (missing)
		errx(2, "%u symbols are missing", missing);
}

void loader_open(const char *path)
{
	const Elf64_Ehdr *e;
	struct stat s;

	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &s))
		err(2, "%s", path);
	image = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (image == MAP_FAILED)
		err(2, "%s", path);
	e = (const Elf64_Ehdr *)image;
	headers = (const Elf64_Phdr *)(image + e->e_phoff);
	header_count = e->e_phnum;
	for (unsigned i = 0; i < header_count; i++) {
		if (headers[i].p_type == PT_LOAD)
			span = PAGE_UP(headers[i].p_vaddr + headers[i].p_memsz);
		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_W)
			own_bytes += PAGE_UP(headers[i].p_memsz);
	}
	for (unsigned i = 0; i < header_count; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			dynamic_read(at_address(headers[i].p_vaddr));
	externals_find();
}

uint64_t loader_offset(uint64_t address)
{
	for (unsigned i = 0; i < copy_count; i++)
		if (address - (uint64_t)copies[i] < span)
			return address - (uint64_t)copies[i];
	return 0;
}

uint64_t loader_island_bytes(void) { return own_bytes; }

static void segment_map(uint8_t *base, const Elf64_Phdr *h)
{
	uint64_t first = PAGE_DOWN(h->p_vaddr), file_end = h->p_vaddr + h->p_filesz;
	int access = PROT_READ | (h->p_flags & PF_W ? PROT_WRITE : 0) | (h->p_flags & PF_X ? PROT_EXEC : 0);

	/* What lies behind the file's part was mapped empty. */
	if (h->p_filesz && mmap(base + first, file_end - first, access, MAP_PRIVATE | MAP_FIXED, file,
				(off_t)PAGE_DOWN(h->p_offset)) == MAP_FAILED)
		err(2, "an island's segment");
	if (h->p_flags & PF_W && h->p_memsz > h->p_filesz)
		memset(base + file_end, 0, PAGE_UP(file_end) - file_end);
}

static void relocate(uint8_t *base, const Elf64_Rela *r)
{
	uint64_t *where = (uint64_t *)(base + r->r_offset);
	uint64_t number = ELF64_R_SYM(r->r_info), value = 0;

	if (number)
		value = symbols[number].st_shndx == SHN_UNDEF ? (uint64_t)externals[number]
							      : (uint64_t)base + symbols[number].st_value;
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
		errx(2, "the island's image has a relocation of type %lu", ELF64_R_TYPE(r->r_info));
	}
}

static void *entry(uint8_t *base, const char *name)
{
	for (uint64_t i = 1; i < symbol_count; i++)
		if (symbols[i].st_shndx != SHN_UNDEF && !strcmp(names + symbols[i].st_name, name))
			return base + symbols[i].st_value;
	errx(2, "an island has no %s", name);
}

void loader_load(struct island *out)
{
	uint8_t *base = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED || copy_count == CORES_MAX)
		err(2, "an island");
	copies[copy_count++] = base;
	for (unsigned i = 0; i < header_count; i++)
		if (headers[i].p_type == PT_LOAD)
			segment_map(base, &headers[i]);
	for (unsigned t = 0; t < 2; t++)
		for (uint64_t i = 0; i < relocation_count[t]; i++)
			relocate(base, &relocations[t][i]);
#define ISLAND_ENTRY(name) out->name = (__typeof__(&name))entry(base, #name);
	ISLAND_ENTRIES(ISLAND_ENTRY)
#undef ISLAND_ENTRY
}
