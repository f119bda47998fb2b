/*
 * The ELF reader: what it accepts, and that each single defect is refused.
 */
/* needs: kernel/core/elf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/elf.h"

#define LOW 0x400000
#define HIGH 0x100000000

struct header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct program {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
struct file {
	struct header h;
	struct program p[3];
	uint8_t rest[0x3000 - sizeof(struct header) - 3 * sizeof(struct program)];
};

/* Text at LOW, data with zeros behind it a page further, thread-local storage within the data. */
static struct file *sound(void)
{
	struct file *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->h = (struct header){ .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
				.type = 2,
				.machine = 62,
				.version = 1,
				.entry = LOW + 0x10,
				.phoff = sizeof f->h,
				.phentsize = sizeof f->p[0],
				.phnum = 3 };
	f->p[0] =
		(struct program){ .type = 1, .flags = 5, .offset = 0, .vaddr = LOW, .filesz = 0x1234, .memsz = 0x1234 };
	f->p[1] = (struct program){
		.type = 1, .flags = 6, .offset = 0x2008, .vaddr = LOW + 0x2008, .filesz = 0x100, .memsz = 0x5000
	};
	f->p[2] = (struct program){ .type = 7,
				    .flags = 4,
				    .offset = 0x2010,
				    .vaddr = LOW + 0x2010,
				    .filesz = 0x20,
				    .memsz = 0x40,
				    .align = 16 };
	return f;
}

static err_t open_file(const struct file *f, uint64_t size)
{
	struct elf_image image;

	return elf_open(&image, f, size, size, LOW, HIGH);
}

static void sound_file(void **state)
{
	struct file *f = sound();
	struct elf_image image;

	(void)state;
	assert_int_equal(elf_open(&image, f, sizeof *f, sizeof *f, LOW, HIGH), ERR_OK);
	assert_int_equal(image.entry, LOW + 0x10);
	assert_int_equal(image.count, 2);
	assert_int_equal(image.segment[1].address, LOW + 0x2008);
	assert_int_equal(image.segment[1].memory_bytes, 0x5000);
	assert_int_equal(image.segment[1].flags, ELF_READ | ELF_WRITE);
	assert_int_equal(image.end, LOW + 0x8000);
	assert_true(image.has_tls);
	assert_int_equal(image.tls_align, 16);
	free(f);
}

/* Each length up to the end of what is used must be refused, without a look behind it. */
static void cut_off(void **state)
{
	struct file *f = sound();

	(void)state;
	for (uint64_t size = 0; size < 0x2108; size++) {
		struct file *cut = malloc(size ? size : 1);

		assert_non_null(cut);
		memcpy(cut, f, size);
		assert_int_not_equal(open_file(cut, size), ERR_OK);
		free(cut);
	}
	assert_int_equal(open_file(f, 0x2108), ERR_OK);
	free(f);
}

#define REFUSED(change, error)                                      \
	do {                                                        \
		struct file *f = sound();                           \
		change;                                             \
		assert_int_equal(open_file(f, sizeof *f), (error)); \
		free(f);                                            \
	} while (0)

static void wrong_kind(void **state)
{
	(void)state;
	REFUSED(f->h.ident[1] = 'X', ERR_ELF_FORMAT);
	REFUSED(f->h.ident[4] = 1, ERR_ELF_FORMAT);
	REFUSED(f->h.ident[5] = 2, ERR_ELF_FORMAT);
	REFUSED(f->h.ident[6] = 0, ERR_ELF_FORMAT);
	REFUSED(f->h.type = 3, ERR_ELF_FORMAT);
	REFUSED(f->h.machine = 183, ERR_ELF_FORMAT);
	REFUSED(f->h.phentsize = 32, ERR_ELF_FORMAT);
}

static void wrong_range(void **state)
{
	(void)state;
	REFUSED(f->h.phoff = sizeof *f - 100, ERR_ELF_RANGE);
	REFUSED(f->h.phoff = UINT64_MAX - 8, ERR_ELF_RANGE);
	REFUSED(f->h.phnum = 0xffff, ERR_ELF_RANGE);
	REFUSED(f->h.phnum = 0, ERR_ELF_RANGE); /* the entry is in no segment */
	REFUSED(f->h.entry = LOW + 0x1234, ERR_ELF_RANGE);
	REFUSED(f->h.entry = LOW + 0x2010, ERR_ELF_RANGE); /* not executable */
	REFUSED(f->p[0].filesz = 0x1235, ERR_ELF_RANGE);
	REFUSED(f->p[0].offset = UINT64_MAX - 0xfff, ERR_ELF_RANGE);
	REFUSED(f->p[0].offset = 8, ERR_ELF_RANGE); /* not congruent */
	REFUSED(f->p[0].vaddr = LOW - 0x1000, ERR_ELF_RANGE);
	REFUSED(f->p[1].vaddr = LOW + 0x1008, ERR_ELF_RANGE); /* the page of the text's end */
	REFUSED(f->p[1].memsz = UINT64_MAX, ERR_ELF_RANGE);
	REFUSED(f->p[1].memsz = HIGH, ERR_ELF_RANGE);
	REFUSED(f->p[2].filesz = 0x41, ERR_ELF_RANGE);
	REFUSED(f->p[2].align = 3, ERR_ELF_RANGE);
	REFUSED(f->p[2].align = 8192, ERR_ELF_RANGE);
	REFUSED(f->p[2].vaddr = LOW + 0x9000, ERR_ELF_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_file),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(wrong_kind),
		cmocka_unit_test(wrong_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
