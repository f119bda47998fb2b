/*
 * Programs that are not in the boot archive: frames that processes have sent here, to be started from.
 *
 * Whoever starts such a program has its file in a frame of its own, and sends a capability to it to the monitor of the
 * core where the program is to run; the number that this gives goes into the request to start it.  Of the frame nothing
 * is believed and nothing kept: headers are looked at in a copy, and contents copied into the new process's memory.
 * While that happens the frame counts as shared with another core, so that nobody takes it away under our eyes.
 *
 * What was sent and not asked for goes when it is the oldest.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"
#include "monitor/spawn.h"

#include <string.h>

#define PROGRAMS_MAX 32
#define PROGRAM_NUMBERS 0x7fff
#define PROGRAM_BITS_MAX 25

static struct sent {
	uint64_t owner; /* pid */
	uint32_t number;
	cptr_t slot; /* 0: free */
} programs[PROGRAMS_MAX];
static uint32_t last;
static uint8_t head[PAGE_SIZE]; /* of the one that is loaded */

static void slot_let_go(cptr_t slot)
{
	if (slot_delete(slot))
		slot_free(slot); /* it was revoked */
}

err_t program_put(uint64_t owner, cptr_t source, uint64_t *number)
{
	struct sent *p = &programs[last % PROGRAMS_MAX];
	struct cap_info info;
	cptr_t slot;
	err_t err = cap_identify(source, &info);

	if (!err && (info.type != CAP_FRAME || info.bits > PROGRAM_BITS_MAX))
		err = ERR_CAP_TYPE;
	if (!err)
		err = slot_alloc(&slot);
	if (err)
		return err;
	err = cap_restrict(source, slot, RIGHT_READ);
	if (err) {
		slot_free(slot);
		return err;
	}
	if (p->slot)
		slot_let_go(p->slot);
	last = last % PROGRAM_NUMBERS + 1;
	*p = (struct sent){ owner, last, slot };
	*number = last;
	return ERR_OK;
}

void program_send_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct op *o;
	err_t err = w[0] < monitor.info->cores ? op_new(r, &o) : ERR_CORE_ID;

	if (err) {
		request_reply(r, err, NULL);
		return;
	}
	o->slot = (uint32_t)w[1];
	copy_begin(o, &(struct copy_op){ .dest = origin_process(r->from)->pid,
					 .core = (coreid_t)w[0],
					 .rights = RIGHT_READ,
					 .target = CAPS_TO_PROGRAM });
	ops_run();
}

/* --- while one is loaded --------------------------------------------------------------------- */

static err_t frame_hold(struct program_file *f)
{
	struct cap_info info;
	err_t err = cap_identify(f->slot, &info);

	if (err)
		return ERR_NOT_FOUND; /* it was revoked */
	f->bytes = SIZE_OF_BITS(info.bits);
	f->held = !(info.flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN));
	return f->held ? kernel_share(TASK_KERNEL, f->slot, true) : ERR_OK;
}

static err_t head_copy(struct program_file *f)
{
	void *at;
	err_t err = spawn_window(f->slot, 0, 0, 1, MAP_READ, &at);

	if (err)
		return err;
	memcpy(head, at, sizeof head);
	f->head = head;
	return frame_unmap(f->slot);
}

err_t program_open(uint32_t number, uint64_t owner, struct program_file *f)
{
	struct sent *p = programs;
	err_t err;

	while (p < programs + PROGRAMS_MAX && (!p->slot || p->number != number || p->owner != owner))
		p++;
	if (p == programs + PROGRAMS_MAX)
		return ERR_NOT_FOUND;
	*f = (struct program_file){ .slot = p->slot };
	p->slot = 0;
	err = frame_hold(f);
	if (!err)
		err = head_copy(f);
	if (err)
		program_close(f);
	return err;
}

void program_close(struct program_file *f)
{
	if (f->held)
		kernel_share(TASK_KERNEL, f->slot, false);
	slot_let_go(f->slot);
}

static err_t piece_copy(struct spawn *s, uint64_t to, uint64_t from, unsigned pages, size_t skip, size_t bytes)
{
	cptr_t image = ours(s, SLOT_IMAGE);
	void *target, *source;
	err_t err = spawn_window(image, 1, to, pages, MAP_READ | MAP_WRITE, &target);

	if (err)
		return err;
	err = spawn_window(s->file.slot, 0, from, pages, MAP_READ, &source);
	if (!err) {
		memcpy((uint8_t *)target + skip, (const uint8_t *)source + skip, bytes);
		err = frame_unmap(s->file.slot);
	}
	return err ? err : frame_unmap(image);
}

/* Address and place in the file are alike within a page. */
static err_t segment_copy(struct spawn *s, const struct elf_segment *g, uint64_t to)
{
	uint64_t from = g->offset / PAGE_SIZE, skip = g->offset % PAGE_SIZE, left = g->file_bytes;
	err_t err = ERR_OK;

	while (left && !err) {
		uint64_t room = (uint64_t)SPAWN_WINDOW * PAGE_SIZE - skip, n = left < room ? left : room;

		err = piece_copy(s, to, from, (unsigned)((skip + n + PAGE_SIZE - 1) / PAGE_SIZE), skip, n);
		to += SPAWN_WINDOW;
		from += SPAWN_WINDOW;
		left -= n;
		skip = 0;
	}
	return err;
}

err_t program_fill(struct spawn *s)
{
	uint64_t at = 1; /* page of the image, behind the arguments */
	err_t err = cap_copy(theirs(s, s->image), ours(s, SLOT_IMAGE));

	if (err)
		return err;
	for (unsigned i = 0; i < s->elf.count && !err; i++) {
		err = segment_copy(s, &s->elf.segment[i], at);
		at += plan_segment_pages(&s->elf.segment[i]);
	}
	cap_delete(ours(s, SLOT_IMAGE));
	return err;
}
