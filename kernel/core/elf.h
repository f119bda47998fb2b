/*
 * Reads an ELF64 executable in memory; copies nothing and trusts nothing.
 *
 * elf_open() checks all that a loader relies on, so that the segments it then
 * hands out can be mapped without further checks.  Portable: the CPU driver uses
 * it for the monitor, the monitor for all other programs, and the host for fuzzing.
 */
#pragma once

#include "../abi/error.h"
#include "../abi/types.h"

#define ELF_SEGMENTS_MAX 16

enum { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 }; /* the format's own bits */

struct elf_segment {
	uint64_t offset; /* in the file; congruent to address modulo the page size */
	vaddr_t address;
	uint64_t file_bytes;   /* from the file; the rest up to memory_bytes is zero */
	uint64_t memory_bytes; /* not 0 for those of elf_image.segment */
	unsigned flags;        /* ELF_ */
};

struct elf_image {
	const uint8_t *data;
	uint64_t size;
	vaddr_t entry; /* lies in an executable segment */
	vaddr_t end;   /* first page boundary at or above all segments */
	unsigned count;
	struct elf_segment segment[ELF_SEGMENTS_MAX]; /* loadable; ascending, no two in one page */
	bool has_tls;
	struct elf_segment tls; /* flags unused */
	uint64_t tls_align;     /* a power of two, at most a page */
};

/*
 * Reads the headers of an executable of `size` bytes, of which data[0, head) is
 * there and must hold them. Segments must lie in [low, high). ERR_ELF_FORMAT: not an
 * x86-64 executable that is linked to fixed addresses, or more segments than
 * ELF_SEGMENTS_MAX; ERR_ELF_RANGE: something lies outside the file, its head or those
 * addresses, overlaps, or is not aligned.
 */
err_t elf_open(struct elf_image *image, const void *data, uint64_t head, uint64_t size, vaddr_t low, vaddr_t high);
