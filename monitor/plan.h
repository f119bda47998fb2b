/*
 * Where the parts of a process go in its RAM block and in its address space.
 *
 * All memory of a new process is one block: ending it is one revoke.  The lower
 * half holds its objects, largest first, so that each is aligned to its size; the
 * upper half is the process's own first RAM.  All that can be written, the
 * arguments, the data and the stack, lies in one frame.  Portable.
 */
#pragma once

#include "kernel/abi/boot.h"
#include "kernel/abi/cap.h"
#include "kernel/abi/dispatcher.h"
#include "kernel/core/elf.h"

#define PLAN_ROOT_BITS 12                  /* root cnode: 64 slots */
#define PLAN_STACK_PAGES 24                /* at least; the stack gets what is left of the frame */
#define PLAN_STACK_MAX 256                 /* pages */
#define PLAN_STACK_GUARD UINT64_C(0x10000) /* addresses below it that nothing is mapped at */
#define PLAN_TABLE_BITS 21                 /* bytes that a PTABLE1 covers */
#define PLAN_TABLES_MAX 128
#define PLAN_LOW USER_LOCAL_VA
#define PLAN_HIGH (DISPATCHER_VA + ((vaddr_t)PLAN_TABLES_MAX << PLAN_TABLE_BITS))

struct plan {
	unsigned image_bits; /* the frame: arguments in page 0, data, stack */
	unsigned data_pages;
	unsigned stack_pages;
	vaddr_t stack_top; /* the end of the last table: memory that members share, unlike what is below USER_TEXT_VA */
	unsigned tables;   /* PTABLE1s, from DISPATCHER_VA on, without gaps */
	unsigned block_bits;
	/* Offsets in the block. */
	uint64_t image, disp_frame, cnode, dispatcher, root, ptable4, ptable3, ptable2, ptable1;
	uint64_t ram; /* the upper half */
	unsigned ram_bits;
};

/* Must a segment's pages be the process's own (else they are mapped out of the archive)? */
bool plan_segment_private(const struct elf_segment *s);
unsigned plan_segment_pages(const struct elf_segment *s);
/* Pages from USER_LOCAL_VA on that are each member's own. */
unsigned plan_local_pages(const struct elf_image *elf);
/* The same for what a member on another core has of its own: `pages` from USER_LOCAL_VA on are its image. */
void plan_member(unsigned pages, struct plan *out);
/* `all`: no segment stays in the archive. ERR_NO_MEMORY when the program is larger than a plan can be. */
err_t plan_make(const struct elf_image *elf, bool all, struct plan *out);

/*
 * Fills an argument page: argc, argv (each NUL-terminated in `text`), the environment, which is what follows the
 * first `arguments` strings (0: all are arguments), the letter, which is the last `letter` bytes, and the name.
 * ERR_TOO_LONG, or ERR_ARGUMENT when there is no first argument, or there are not so many.
 */
err_t plan_arguments(struct process_args *page, const char *text, size_t length, unsigned arguments, unsigned letter);
