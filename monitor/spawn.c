/*
 * Making a process: its capability space, its address space, its dispatcher.
 *
 * Everything is retyped out of one RAM block straight into the slots of the new
 * process; of its own the monitor keeps a few capabilities only.  Text is mapped
 * where it lies in the boot archive.  What must be written (dispatcher page,
 * arguments, data) is mapped here for a moment through a window of page table
 * entries that stays.  On any failure the one revoke of the block undoes it all.
 */
#include "libos/core/invoke.h"
#include "libos/core/lmp.h"
#include "libos/core/ram.h"
#include "monitor/members.h"
#include "monitor/spawn.h"

#include <string.h>

/* The window: an entry of the root that the libOS does not use, one PTABLE1. */
#define WINDOW_VA UINT64_C(0x10000000000)
#define WINDOW_ROOT_INDEX 2
#define WINDOW_PAGES 512

static cptr_t window;

err_t spawn_init(void)
{
	static const unsigned types[] = { CAP_PTABLE3, CAP_PTABLE2, CAP_PTABLE1 };
	cptr_t parent = TASK_VSPACE;

	for (unsigned i = 0; i < 3; i++) {
		cptr_t table;
		err_t err = ram_object(types[i], CAP_PTABLE_BITS, &table);

		if (!err)
			err = ptable_map(table, parent, i == 0 ? WINDOW_ROOT_INDEX : 0);
		if (err)
			return err;
		parent = table;
	}
	window = parent;
	return ERR_OK;
}

err_t spawn_object(const struct spawn *s, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t to)
{
	return cap_retype(s->p->block, offset, type, bits, count, to);
}

/* --- capability space ------------------------------------------------------------ */

err_t spawn_cspace(struct spawn *s)
{
	const struct plan *l = &s->plan;
	err_t err = spawn_object(s, l->root, CAP_CNODE, PLAN_ROOT_BITS, 1, ours(s, SLOT_ROOT));

	if (!err)
		err = spawn_object(s, l->cnode, CAP_CNODE, CAP_L2CNODE_BITS, 1, theirs(s, CPTR_L1(L1_TASK)));
	if (!err)
		err = cap_copy(ours(s, SLOT_ROOT), theirs(s, TASK_ROOT_CNODE));
	if (!err)
		err = spawn_object(s, l->ram, CAP_RAM, l->ram_bits, 1, theirs(s, TASK_RAM));
	if (!err)
		err = cap_restrict(TASK_CHANNEL, theirs(s, TASK_CHANNEL), RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT);
	if (!err)
		err = cap_restrict(TASK_ARCHIVE, theirs(s, TASK_ARCHIVE), RIGHT_READ | RIGHT_EXECUTE | RIGHT_GRANT);
	return err;
}

static err_t spawn_devices(struct spawn *s)
{
	err_t err = cap_copy(TASK_IRQ, theirs(s, TASK_IRQ));

	return err ? err : cap_copy(TASK_IOPORT, theirs(s, TASK_IOPORT));
}

err_t spawn_dispatcher(struct spawn *s)
{
	cptr_t disp = ours(s, SLOT_DISPATCHER);
	err_t err = spawn_object(s, s->plan.dispatcher, CAP_DISPATCHER, CAP_DISPATCHER_BITS, 1, disp);

	if (!err)
		err = cap_copy(disp, theirs(s, TASK_DISPATCHER));
	if (!err)
		err = cap_retype(disp, CAP_ENDPOINT_OFFSET, CAP_ENDPOINT, CAP_ENDPOINT_BITS, 1,
				 theirs(s, TASK_SELF_EP));
	if (!err)
		err = cap_mint(theirs(s, TASK_SELF_EP), ours(s, SLOT_ENDPOINT), RIGHT_WRITE | RIGHT_GRANT, MON_BADGE);
	if (!err)
		err = cap_mint(monitor_endpoint(), theirs(s, TASK_MONITOR_EP), RIGHT_WRITE, s->p->number);
	return err;
}

/* --- address space ------------------------------------------------------------------ */

err_t spawn_tables(struct spawn *s)
{
	const struct plan *l = &s->plan;
	cptr_t table3 = s->next++, table2 = s->next++;
	err_t err = spawn_object(s, l->ptable4, CAP_PTABLE4, CAP_PTABLE_BITS, 1, theirs(s, TASK_VSPACE));

	s->tables = s->next;
	s->next += l->tables + MEMBER_ROOTS;
	s->p->tables = (uint8_t)l->tables;
	if (!err)
		err = spawn_object(s, l->ptable3, CAP_PTABLE3, CAP_PTABLE_BITS, 1, theirs(s, table3));
	if (!err)
		err = spawn_object(s, l->ptable2, CAP_PTABLE2, CAP_PTABLE_BITS, 1, theirs(s, table2));
	if (!err)
		err = spawn_object(s, l->ptable1, CAP_PTABLE1, CAP_PTABLE_BITS, l->tables, theirs(s, s->tables));
	if (!err)
		err = ptable_map(theirs(s, table3), theirs(s, TASK_VSPACE), 0);
	if (!err)
		err = ptable_map(theirs(s, table2), theirs(s, table3), 0);
	for (unsigned i = 0; i < l->tables && !err; i++)
		err = ptable_map(theirs(s, s->tables + i), theirs(s, table2),
				 (unsigned)(DISPATCHER_VA >> PLAN_TABLE_BITS) + i);
	return err;
}

err_t spawn_map(const struct spawn *s, cptr_t cap, vaddr_t va, unsigned count, uint64_t first, unsigned flags)
{
	unsigned table = (unsigned)((va - DISPATCHER_VA) >> PLAN_TABLE_BITS);

	return frame_map(theirs(s, cap), theirs(s, s->tables + table), (unsigned)(va >> PAGE_BITS) % 512, count,
			 (unsigned)first, flags);
}

/* The next piece of some pages that are left from `va` on: what one table holds. */
static unsigned piece_pages(vaddr_t va, unsigned pages)
{
	unsigned room = 512 - (unsigned)(va >> PAGE_BITS) % 512;

	return pages < room ? pages : room;
}

/* A capability is mapped in one place, so each piece gets a copy of its own. */
static err_t map_pages(struct spawn *s, cptr_t source, vaddr_t va, unsigned pages, uint64_t first, unsigned flags)
{
	while (pages) {
		unsigned count = piece_pages(va, pages);
		cptr_t copy = s->next++;
		err_t err = cap_copy(theirs(s, source), theirs(s, copy));

		if (!err)
			err = spawn_map(s, copy, va, count, first, flags);
		if (err)
			return err;
		pages -= count;
		first += count;
		va += (vaddr_t)count << PAGE_BITS;
	}
	return ERR_OK;
}

/* Has the process this segment in its image? Else it lies in the archive. */
static bool segment_own(const struct spawn *s, const struct elf_segment *g)
{
	return !s->entry || plan_segment_private(g);
}

static unsigned segment_flags(const struct elf_segment *g)
{
	return (g->flags & ELF_READ ? MAP_READ : 0) | (g->flags & ELF_WRITE ? MAP_WRITE : 0) |
	       (g->flags & ELF_EXECUTE ? MAP_EXECUTE : 0);
}

static err_t spawn_segments(struct spawn *s)
{
	uint64_t data = 1; /* page of the image frame */

	for (unsigned i = 0; i < s->elf.count; i++) {
		const struct elf_segment *g = &s->elf.segment[i];
		bool own = segment_own(s, g);
		unsigned pages = plan_segment_pages(g);
		uint64_t first = own ? data : (s->entry->offset + g->offset) >> PAGE_BITS;
		err_t err = map_pages(s, own ? s->image : TASK_ARCHIVE, g->address & ~(vaddr_t)(PAGE_SIZE - 1), pages,
				      first, segment_flags(g));

		if (err)
			return err;
		if (own) {
			s->data = g->address & ~(vaddr_t)(PAGE_SIZE - 1);
			s->data_page = data;
			data += pages;
		}
	}
	return ERR_OK;
}

err_t spawn_disp_frame(struct spawn *s)
{
	err_t err =
		spawn_object(s, s->plan.disp_frame, CAP_FRAME, DISPATCHER_FRAME_BITS, 1, theirs(s, TASK_DISP_FRAME));

	return err ? err : spawn_map(s, TASK_DISP_FRAME, DISPATCHER_VA, DISP_PAGES, 0, MAP_READ | MAP_WRITE);
}

/* The dispatcher frame, the arguments, the segments, and above them the stack. */
static err_t spawn_memory(struct spawn *s)
{
	const struct plan *l = &s->plan;
	err_t err = spawn_disp_frame(s);

	s->image = s->next++;
	if (!err)
		err = spawn_object(s, l->image, CAP_FRAME, l->image_bits, 1, theirs(s, s->image));
	if (!err)
		err = cap_restrict(theirs(s, s->image), theirs(s, TASK_ARGS_FRAME), RIGHT_READ);
	if (!err)
		err = spawn_map(s, TASK_ARGS_FRAME, ARGS_VA, 1, 0, MAP_READ);
	if (!err)
		err = spawn_segments(s);
	if (!err)
		err = map_pages(s, s->image, l->stack_top - (vaddr_t)l->stack_pages * PAGE_SIZE, l->stack_pages,
				1 + l->data_pages, MAP_READ | MAP_WRITE);
	return err;
}

/* Of a program in the archive. */
static err_t spawn_open(struct spawn *s)
{
	const struct archive_entry *e = s->entry;
	err_t err =
		elf_open(&s->elf, (const uint8_t *)monitor.archive + e->offset, e->size, e->size, PLAN_LOW, PLAN_HIGH);

	return err ? err : plan_make(&s->elf, false, &s->plan);
}

/* --- the pieces again: in the order in which spawn_segments took slots for them ----- */

err_t spawn_again(struct spawn *s, struct process *p)
{
	err_t err;

	*s = (struct spawn){ .p = p, .entry = archive_find(monitor.archive, p->name), .tables = MEMBER_TABLES };
	if (!s->entry || p->from_file)
		return ERR_NOT_FOUND;
	err = spawn_open(s);
	s->image = s->tables + s->plan.tables + MEMBER_ROOTS;
	return err;
}

/* Of one segment; the slots of its pieces begin at s->next. */
static bool segment_piece_find(struct spawn *s, const struct elf_segment *g, vaddr_t at, struct spawn_piece *out)
{
	vaddr_t va = g->address & ~(vaddr_t)(PAGE_SIZE - 1), start = va;
	unsigned pages = plan_segment_pages(g), count;
	bool found = false;

	for (; pages && !found; pages -= count, va += (vaddr_t)count << PAGE_BITS, s->next++) {
		count = piece_pages(va, pages);
		found = at >= va && at - va < (vaddr_t)count << PAGE_BITS;
		*out = (struct spawn_piece){ .slot = s->next,
					     .table = s->tables + ((va - DISPATCHER_VA) >> PLAN_TABLE_BITS),
					     .va = va,
					     .first = ((s->entry->offset + g->offset) >> PAGE_BITS) +
						      ((va - start) >> PAGE_BITS),
					     .pages = count,
					     .flags = segment_flags(g) };
	}
	return found;
}

bool spawn_piece_find(struct spawn *s, vaddr_t va, struct spawn_piece *out)
{
	s->next = s->image + 1;
	for (unsigned i = 0; i < s->elf.count; i++)
		if (segment_piece_find(s, &s->elf.segment[i], va, out))
			return !plan_segment_private(&s->elf.segment[i]);
	return false;
}

err_t spawn_window(cptr_t frame, unsigned half, uint64_t first, unsigned pages, unsigned flags, void **at)
{
	*at = (uint8_t *)WINDOW_VA + (size_t)half * SPAWN_WINDOW * PAGE_SIZE;
	return frame_map(frame, window, half * SPAWN_WINDOW, pages, (unsigned)first, flags);
}

/* --- contents --------------------------------------------------------------------------- */

static err_t window_map(struct spawn *s, unsigned slot, cptr_t frame, unsigned index, unsigned pages)
{
	err_t err = cap_copy(theirs(s, frame), ours(s, slot));

	return err ? err : frame_map(ours(s, slot), window, index, pages, 0, MAP_READ | MAP_WRITE);
}

static err_t fill_arguments(struct spawn *s, struct process_args *a, const struct spawn_args *args)
{
	const struct elf_image *elf = &s->elf;

	a->pid = s->p->pid;
	a->ram_bits = s->plan.ram_bits;
	a->image_end = elf->end;
	a->stack_top = s->plan.stack_top;
	a->stack_bytes = (uint64_t)s->plan.stack_pages * PAGE_SIZE;
	a->data = s->data;
	a->data_offset = s->data_page * PAGE_SIZE;
	a->stack_offset = (1 + (uint64_t)s->plan.data_pages) * PAGE_SIZE;
	if (elf->has_tls) {
		a->tls_image = elf->tls.address;
		a->tls_file = elf->tls.file_bytes;
		a->tls_size = elf->tls.memory_bytes;
		a->tls_align = elf->tls_align;
	}
	a->wall_seconds = monitor.info->wall_valid ? monitor.info->wall_seconds : 0;
	a->boot_tsc = monitor.info->boot_tsc;
	a->free_slot = s->next;
	a->id = s->p->id;
	a->service = args->service || args->devices;
	a->heir_pid = args->heir_pid;
	a->heir_secret = args->heir_secret;
	a->heir_service = args->heir_service;
	a->heir_heap = args->heir_heap;
	return plan_arguments(a, args->text, args->length, args->arguments, args->letter_bytes);
}

/* Of a program in the archive. */
static void fill_data(struct spawn *s, uint8_t *image)
{
	uint8_t *page = image + PAGE_SIZE;

	for (unsigned i = 0; i < s->elf.count && s->entry; i++) {
		const struct elf_segment *g = &s->elf.segment[i];

		if (!plan_segment_private(g))
			continue;
		memcpy(page + g->address % PAGE_SIZE, s->elf.data + g->offset, g->file_bytes);
		page += (size_t)plan_segment_pages(g) * PAGE_SIZE;
	}
}

/* Pages of the image frame up to the last that gets contents here; what lies behind them is zero, or program_fill's. */
static uint64_t pages_filled(const struct spawn *s)
{
	uint64_t at = 1, filled = 1;

	for (unsigned i = 0; i < s->elf.count && s->entry; i++) {
		const struct elf_segment *g = &s->elf.segment[i];

		if (!plan_segment_private(g))
			continue;
		if (g->file_bytes)
			filled = at + (g->address % PAGE_SIZE + g->file_bytes + PAGE_SIZE - 1) / PAGE_SIZE;
		at += plan_segment_pages(g);
	}
	return filled;
}

struct dispatcher_page *spawn_page(struct spawn *s, err_t *err)
{
	*err = window_map(s, SLOT_DISP_FRAME, TASK_DISP_FRAME, 0, 1);
	return (struct dispatcher_page *)WINDOW_VA;
}

void spawn_page_done(struct spawn *s) { cap_delete(ours(s, SLOT_DISP_FRAME)); }

static err_t spawn_fill(struct spawn *s, const struct spawn_args *args)
{
	struct dispatcher_page *page;
	uint8_t *image = (uint8_t *)WINDOW_VA + DISP_PAGES * PAGE_SIZE;
	uint64_t pages = pages_filled(s);
	err_t err;

	if (pages > WINDOW_PAGES - DISP_PAGES)
		return ERR_NO_MEMORY;
	page = spawn_page(s, &err);
	if (!err)
		err = window_map(s, SLOT_IMAGE, s->image, DISP_PAGES, (unsigned)pages);
	if (!err) {
		page->upcall_run = s->elf.entry;
		page->upcall_stack = s->plan.stack_top;
		err = fill_arguments(s, (struct process_args *)image, args);
	}
	if (!err)
		fill_data(s, image);
	spawn_page_done(s);
	cap_delete(ours(s, SLOT_IMAGE));
	return err;
}

/* --- all together ----------------------------------------------------------------------- */

err_t spawn_setup(struct spawn *s)
{
	cptr_t disp = ours(s, SLOT_DISPATCHER);
	err_t err =
		disp_setup(disp, ours(s, SLOT_ROOT), theirs(s, TASK_VSPACE), theirs(s, TASK_DISP_FRAME), DISPATCHER_VA);

	if (!err)
		err = disp_watch(disp, monitor_watch());
	return err;
}

static err_t spawn_build(struct spawn *s, const struct spawn_args *args)
{
	err_t err = block_alloc(s->plan.block_bits, MEMORY_START, &s->p->block);

	if (err)
		return err;
	s->p->block_bits = (uint8_t)s->plan.block_bits;
	s->p->local_pages = (uint16_t)plan_local_pages(&s->elf);
	err = spawn_cspace(s);
	if (!err && args->devices)
		err = spawn_devices(s);
	if (!err)
		err = spawn_dispatcher(s);
	if (!err)
		err = spawn_tables(s);
	if (!err)
		err = spawn_memory(s);
	if (!err)
		err = spawn_fill(s, args);
	if (!err && !s->entry)
		err = program_fill(s);
	if (!err)
		err = spawn_setup(s);
	if (!err)
		err = disp_run(ours(s, SLOT_DISPATCHER));
	if (err)
		block_free(s->p->block, s->p->block_bits, true);
	return err;
}

static err_t spawn_make(struct spawn *s, const struct spawn_args *args)
{
	err_t err = process_slots_take(&s->p->slots);

	if (err)
		return err;
	err = spawn_build(s, args);
	if (err)
		process_slots_give(s->p->slots);
	return err;
}

static err_t spawn_named(struct spawn *s, const struct spawn_args *args, struct process **out)
{
	err_t err;

	s->p = process_table_new(&monitor.processes, args->text);
	if (!s->p)
		return ERR_NO_MEMORY;
	s->p->pid = (uint64_t)monitor.core << 32 | s->p->number;
	if (args->ticket)
		process_table_name(&monitor.processes, s->p, args->ticket);
	s->p->id = args->id;
	s->p->maker = args->heir_pid;
	s->p->service = args->service;
	s->p->from_file = !s->entry;
	s->p->stays = args->service || args->devices;
	err = spawn_make(s, args);
	if (err) {
		process_table_drop(&monitor.processes, s->p);
		return err;
	}
	if (monitor.verbose)
		report("monitor %u: %s (%u.%u) starts", monitor.core, s->p->name, monitor.core, s->p->number);
	*out = s->p;
	return ERR_OK;
}

static err_t spawn_from_frame(struct spawn *s, const struct spawn_args *args, struct process **out)
{
	err_t err = program_open(args->program, args->heir_pid, &s->file);

	if (err)
		return err;
	err = elf_open(&s->elf, s->file.head, PAGE_SIZE, s->file.bytes, PLAN_LOW, PLAN_HIGH);
	if (!err)
		err = plan_make(&s->elf, true, &s->plan);
	if (!err)
		err = spawn_named(s, args, out);
	program_close(&s->file);
	return err;
}

err_t process_spawn(const struct spawn_args *args, struct process **out)
{
	static struct spawn s; /* one at a time; too large for comfort on the stack */
	err_t err;

	s = (struct spawn){ .next = TASK_FREE };
	if (args->program)
		return spawn_from_frame(&s, args, out);
	s.entry = archive_find(monitor.archive, args->text);
	if (!s.entry)
		return ERR_NOT_FOUND;
	err = spawn_open(&s);
	return err ? err : spawn_named(&s, args, out);
}
