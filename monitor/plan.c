/*
 * Sizes and places of a process's parts; its argument page. Portable, and tested
 * on the host.
 */
#include "monitor/plan.h"

#include <string.h>

bool plan_segment_private(const struct elf_segment *s)
{
	return (s->flags & ELF_WRITE) || s->memory_bytes > s->file_bytes;
}

unsigned plan_segment_pages(const struct elf_segment *s)
{
	vaddr_t first = s->address & ~(vaddr_t)(PAGE_SIZE - 1);

	return (unsigned)((s->address + s->memory_bytes - first + PAGE_SIZE - 1) / PAGE_SIZE);
}

static unsigned bits_for(uint64_t bytes)
{
	unsigned bits = PAGE_BITS;

	while (SIZE_OF_BITS(bits) < bytes)
		bits++;
	return bits;
}

static uint64_t place(uint64_t *at, uint64_t bytes)
{
	uint64_t here = *at;

	*at += bytes;
	return here;
}

/* Largest first: the frame is at least as large as a dispatcher frame. */
static void plan_objects(struct plan *p)
{
	uint64_t at = 0;

	p->image = place(&at, SIZE_OF_BITS(p->image_bits));
	p->disp_frame = place(&at, SIZE_OF_BITS(DISPATCHER_FRAME_BITS));
	p->cnode = place(&at, SIZE_OF_BITS(CAP_L2CNODE_BITS));
	p->dispatcher = place(&at, SIZE_OF_BITS(CAP_DISPATCHER_BITS));
	p->root = place(&at, SIZE_OF_BITS(PLAN_ROOT_BITS));
	p->ptable4 = place(&at, PAGE_SIZE);
	p->ptable3 = place(&at, PAGE_SIZE);
	p->ptable2 = place(&at, PAGE_SIZE);
	p->ptable1 = place(&at, (uint64_t)p->tables * PAGE_SIZE);
	p->ram_bits = bits_for(at);
	p->ram = SIZE_OF_BITS(p->ram_bits);
	p->block_bits = p->ram_bits + 1;
}

unsigned plan_local_pages(const struct elf_image *elf)
{
	vaddr_t end = USER_LOCAL_VA;

	for (unsigned i = 0; i < elf->count; i++) {
		const struct elf_segment *g = &elf->segment[i];

		if (g->address < USER_TEXT_VA && g->address + g->memory_bytes > end)
			end = g->address + g->memory_bytes;
	}
	if (end > USER_TEXT_VA)
		end = USER_TEXT_VA;
	return (unsigned)((end - USER_LOCAL_VA + PAGE_SIZE - 1) / PAGE_SIZE);
}

void plan_member(unsigned pages, struct plan *out)
{
	*out = (struct plan){ .tables = 1, .image_bits = bits_for((uint64_t)pages * PAGE_SIZE) };
	if (out->image_bits < DISPATCHER_FRAME_BITS)
		out->image_bits = DISPATCHER_FRAME_BITS;
	plan_objects(out);
}

err_t plan_make(const struct elf_image *elf, bool all, struct plan *out)
{
	uint64_t data = 0;
	vaddr_t end;

	for (unsigned i = 0; i < elf->count; i++) {
		if (all || plan_segment_private(&elf->segment[i]))
			data += plan_segment_pages(&elf->segment[i]);
	}
	*out = (struct plan){ 0 };
	if (elf->end > PLAN_HIGH)
		return ERR_NO_MEMORY;
	out->data_pages = (unsigned)data;
	out->image_bits = bits_for((1 + data + PLAN_STACK_PAGES) * PAGE_SIZE);
	if (out->image_bits < DISPATCHER_FRAME_BITS)
		out->image_bits = DISPATCHER_FRAME_BITS;
	out->stack_pages = (unsigned)(SIZE_OF_BITS(out->image_bits) / PAGE_SIZE - 1 - data);
	if (out->stack_pages > PLAN_STACK_MAX)
		out->stack_pages = PLAN_STACK_MAX;
	end = elf->end + PLAN_STACK_GUARD + (vaddr_t)out->stack_pages * PAGE_SIZE;
	out->tables = (unsigned)((end - DISPATCHER_VA + SIZE_OF_BITS(PLAN_TABLE_BITS) - 1) >> PLAN_TABLE_BITS);
	out->stack_top = DISPATCHER_VA + ((vaddr_t)out->tables << PLAN_TABLE_BITS);
	plan_objects(out);
	return ERR_OK;
}

err_t plan_arguments(struct process_args *page, const char *text, size_t length, unsigned arguments, unsigned letter)
{
	size_t room = PAGE_SIZE - offsetof(struct process_args, text), at = 0, strings = length - letter;
	uint64_t count = 0;

	if (length <= letter || text[0] == '\0')
		return ERR_ARGUMENT;
	if (length > room || text[strings - 1] != '\0')
		return ERR_TOO_LONG;
	memcpy(page->text, text, length);
	page->text_bytes = length;
	page->letter_bytes = letter;
	while (at < strings) {
		if (count == PROCESS_ARGS_MAX)
			return ERR_TOO_LONG;
		page->arg[count++] = (uint16_t)(offsetof(struct process_args, text) + at);
		at += strlen(text + at) + 1;
	}
	if (arguments > count)
		return ERR_ARGUMENT;
	page->argc = arguments ? arguments : count;
	page->envc = count - page->argc;
	strncpy(page->name, text, sizeof page->name - 1);
	return ERR_OK;
}
