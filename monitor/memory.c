/*
 * Memory that the monitor gives to processes: one RAM block for each process to
 * be made of, and more when a process asks.
 *
 * All of it comes from the core's RAM capabilities through the libOS's allocator
 * (libos/core/ram.h).  A block goes back by one revoke, which deletes whatever was
 * made of it by whomever; blocks of ended processes are kept for the next.
 */
#include "monitor/monitor.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/caps/caps.h"
#include "monitor/heirs.h"

#define EXTENTS_FIRST 1024

static struct extent extents[EXTENTS_FIRST];
static struct extent *extents_free;
static cptr_t slot_runs[PROCESS_MAX + ESTATES_MAX];
static unsigned slot_runs_free;

void extent_free(struct extent *e)
{
	e->next = extents_free;
	extents_free = e;
}

/* More than the first come in pages, which stay. */
static void extents_add(void)
{
	vaddr_t page;

	if (frame_alloc_map(PAGE_BITS, NULL, &page))
		return;
	for (size_t i = 0; i < PAGE_SIZE / sizeof(struct extent); i++)
		extent_free((struct extent *)page + i);
}

struct extent *extent_new(void)
{
	struct extent *e;

	if (!extents_free)
		extents_add();
	e = extents_free;
	if (e)
		extents_free = e->next;
	return e;
}

err_t memory_charge(struct process *p, uint64_t bytes)
{
	if (p->memory_most && p->memory + bytes > p->memory_most)
		return ERR_QUOTA;
	p->memory += bytes;
	return ERR_OK;
}

err_t memory_init(void)
{
	uint64_t total = SIZE_OF_BITS(process_args()->ram_bits);

	for (uint32_t i = 0; i < monitor.info->ram_caps; i++) {
		struct cap_info info;
		err_t err = cap_identify(CPTR(L1_RAM, i), &info);

		if (err)
			return err;
		err = ram_add(CPTR(L1_RAM, i), info.bits);
		if (err)
			return err;
		total += SIZE_OF_BITS(info.bits);
	}
	blocks_init(total);
	for (unsigned i = 0; i < EXTENTS_FIRST; i++)
		extent_free(&extents[i]);
	return ERR_OK;
}

/* What is to be done when a block is free, packed: the block, its bits, 1 + index of the process that ends. */
static uint64_t freeing_pack(cptr_t block, unsigned bits, const struct process *p)
{
	return (uint32_t)block | (uint64_t)bits << 32 | (uint64_t)(p ? p - monitor.processes.entry + 1 : 0) << 40;
}

void memory_freed(struct process *p)
{
	if (p && --p->freeing == 0) {
		if (p->slots)
			process_slots_give(p->slots);
		heir_end(p);
		p->on_freed(p);
	}
}

static void block_revoked(uint64_t context, err_t err, uint64_t value)
{
	(void)value;
	if (err)
		report("monitor %u: memory is lost: error %u", monitor.core, (unsigned)err);
	else
		block_return((uint32_t)context, context >> 32 & 0xff);
	memory_freed(context >> 40 ? &monitor.processes.entry[(context >> 40) - 1] : NULL);
}

static void block_take_back(cptr_t block, unsigned bits, bool stopped, struct process *p)
{
	uint64_t context = freeing_pack(block, bits, p);
	err_t err = cap_revoke(block);

	if (p)
		p->freeing++;
	if (err == ERR_CAP_REMOTE) {
		err = caps_revoke(block, stopped, block_revoked, context);
		if (!err)
			return;
	}
	block_revoked(context, err, 0);
}

static void frame_withdrawn(uint64_t frame, err_t err, uint64_t value)
{
	(void)value;
	if (!err)
		err = ram_free((cptr_t)frame);
	if (err)
		report("monitor %u: memory is lost: error %u", monitor.core, (unsigned)err);
}

void frame_free(cptr_t frame)
{
	err_t err = ram_free(frame);

	if (err == ERR_CAP_REMOTE)
		caps_withdraw(frame, frame_withdrawn, frame);
	else if (err)
		frame_withdrawn(frame, err, 0);
}

void block_free(cptr_t block, unsigned bits, bool stopped) { block_take_back(block, bits, stopped, NULL); }

/* Runs of slots are kept for the next process: as many as there ever were processes at a time. */
err_t process_slots_take(cptr_t *out)
{
	if (!slot_runs_free)
		return slot_alloc_run(PROCESS_SLOTS, out);
	*out = slot_runs[--slot_runs_free];
	return ERR_OK;
}

void process_slots_give(cptr_t slots) { slot_runs[slot_runs_free++] = slots; }

err_t process_slot(const struct process *p, uint64_t slot, cptr_t *out)
{
	if (slot == 0 || slot > UINT32_MAX)
		return ERR_SLOT_LOOKUP;
	*out = CPTR_IN(p->slots + SLOT_ROOT, slot);
	return ERR_OK;
}

/* --- more memory for a process ------------------------------------------------ */

static err_t extent_add(struct process *p, unsigned bits, uint32_t slot, cptr_t block)
{
	struct extent *e;
	struct cap_info info;
	err_t err = cap_identify(block, &info);

	e = err ? NULL : extent_new();
	if (!e)
		return err ? err : ERR_NO_MEMORY;
	*e = (struct extent){ .ram = block,
			      .base = info.base,
			      .slot = slot,
			      .bits = (uint8_t)bits,
			      .type = CAP_RAM,
			      .next = p->extents };
	p->extents = e;
	return ERR_OK;
}

/* `target`: where the process gets it; 0: nowhere. */
static err_t extent_make(struct process *p, unsigned bits, uint32_t slot, cptr_t target, cptr_t *block)
{
	enum memory_use use;
	err_t err;

	if (bits < PAGE_BITS || bits >= BLOCK_BITS_MAX)
		return ERR_ARGUMENT;
	use = memory_use_of(p, bits);
	err = memory_charge(p, SIZE_OF_BITS(bits));
	if (err)
		return err;
	err = block_alloc(bits, use, block);
	if (!err) {
		err = target ? cap_copy(*block, target) : ERR_OK;
		if (!err)
			err = extent_add(p, bits, slot, *block);
		if (err)
			block_free(*block, bits, false);
	}
	if (err)
		p->memory -= SIZE_OF_BITS(bits);
	return err;
}

err_t memory_extend(struct process *p, unsigned bits, uint32_t slot, cptr_t *block)
{
	return extent_make(p, bits, slot, 0, block);
}

/*
 * A process that has revoked its memory took our capability with it, and whoever has one from it is to lose that.
 * Error: nobody here has any, or it is another core's now, and comes back by itself.
 */
err_t extent_find(const struct extent *e)
{
	struct cap_info info = { .type = e->type, .bits = e->bits, .rights = RIGHT_ALL, .base = e->base };

	if (kernel_forge(TASK_KERNEL, &info, e->ram))
		return kernel_adopt(TASK_KERNEL, &info, e->ram);
	cap_delete(e->ram);
	return ERR_CAP_REMOTE;
}

static void extent_take_back(struct extent **at, struct process *ending)
{
	struct extent *e = *at;
	struct cap_info info;
	err_t err = ERR_OK;

	*at = e->next;
	if (e->region) {
		grant_take_back(e, ending);
		return;
	}
	if (cap_identify(e->ram, &info))
		err = extent_find(e);
	if (err)
		ram_reclaim(e->ram, e->base, e->bits);
	else
		block_take_back(e->ram, e->bits, ending, ending);
	extent_free(e);
}

void memory_ram(struct request *r)
{
	struct process *p = origin_process(r->from);
	cptr_t target, block;
	err_t err = process_slot(p, r->m.word[1], &target);

	if (!err)
		err = extent_make(p, r->m.word[0] & 0xff, (uint32_t)r->m.word[1], target, &block);
	request_reply(r, err, NULL);
}

void memory_ram_free(struct request *r)
{
	struct process *p = origin_process(r->from);
	struct extent **at = &p->extents;

	while (*at && (*at)->slot != r->m.word[0])
		at = &(*at)->next;
	if (!*at) {
		request_reply(r, ERR_ARGUMENT, NULL);
		return;
	}
	p->memory -= SIZE_OF_BITS((*at)->bits);
	extent_take_back(at, NULL);
	request_reply(r, ERR_OK, NULL);
}

/* --- the end --------------------------------------------------------------------- */

static bool slots_empty(cptr_t slots)
{
	struct cap_info info;
	bool empty = true;

	for (unsigned i = 0; i < PROCESS_SLOTS; i++) {
		(void)cap_delete(slots + i);
		empty = empty && cap_identify(slots + i, &info);
	}
	return empty;
}

/*
 * Others use its memory: that stays, and only what it could do with it goes, its dispatcher and its capability space.
 * What cannot be deleted now, since other cores share it, does so when the memory goes.
 */
static void memory_leave(struct process *p, struct estate *e)
{
	e->block = p->block;
	e->block_bits = p->block_bits;
	e->slots = p->slots;
	e->extents = p->extents;
	p->extents = NULL;
	p->slots = 0;
	(void)cap_revoke(e->slots + SLOT_DISPATCHER);
	(void)cap_revoke(e->slots + SLOT_ROOT);
	slots_empty(e->slots);
}

void estate_release(struct estate *e)
{
	while (e->extents)
		extent_take_back(&e->extents, NULL);
	block_take_back(e->block, e->block_bits, true, NULL);
	if (slots_empty(e->slots))
		process_slots_give(e->slots);
	else
		report("monitor %u: slots are lost", monitor.core);
}

void memory_forget(struct process *p, void (*freed)(struct process *p))
{
	struct estate *left = heirs_leave(p);

	p->freeing = 1;
	p->on_freed = freed;
	p->memory = 0;
	if (left)
		memory_leave(p, left);
	while (p->extents)
		extent_take_back(&p->extents, p);
	if (p->peers)
		block_take_back(p->peers, MEMBER_PEERS_BITS, true, p);
	if (!left)
		block_take_back(p->block, p->block_bits, true, p);
	memory_freed(p);
}

/* --- heirs ------------------------------------------------------------------------- */

/* A child on this core of who asks, which it has made itself. */
static struct process *heir_find(const struct process *p, uint64_t pid)
{
	struct process *child = process_table_find(&monitor.processes, (uint32_t)pid);

	return process_alive(child) && child->pid == pid && child->maker == p->pid ? child : NULL;
}

static void heir_answer(struct process *child, err_t err)
{
	struct origin to = { monitor.core, child->number };

	if (!child->heir_waits)
		return;
	child->heir_waits = false;
	reply_to(to, MON_HEIR_WAIT, child->heir_sequence, err, NULL);
}

/* The child gets the cnode; and none of its parent's memory goes before it has ended. */
void memory_heir(struct request *r)
{
	struct process *p = origin_process(r->from), *child = heir_find(p, r->m.word[0]);
	struct cap_info info;
	uint64_t words[MON_PAYLOAD] = { heirs_of(p) };
	cptr_t from;
	err_t err = child ? process_slot(p, r->m.word[1], &from) : ERR_NO_PROCESS;

	if (!err)
		err = cap_identify(from, &info);
	if (!err && info.type != CAP_CNODE)
		err = ERR_CAP_TYPE;
	if (!err)
		err = watch_heir(p, child);
	if (!err)
		err = heir_add(p, child);
	if (!err)
		err = cap_restrict(from, process_cap(child, CPTR_L1(MON_HEIR_L1)), RIGHT_READ | RIGHT_WRITE);
	if (!err)
		heir_answer(child, ERR_OK);
	request_reply(r, err, words);
}

void memory_heir_wait(struct request *r)
{
	struct process *p = origin_process(r->from),
		       *maker = process_table_find(&monitor.processes, (uint32_t)p->maker);

	if (p->above || !process_alive(maker) || maker->pid != p->maker) {
		request_reply(r, p->above ? ERR_OK : ERR_CLOSED, NULL);
		return;
	}
	heir_answer(p, ERR_AGAIN);
	maker->awaited = true;
	p->heir_waits = true;
	p->heir_sequence = mon_sequence(r->m.header);
}

void memory_maker_gone(struct process *p)
{
	for (unsigned i = 0; p->awaited && i < PROCESS_MAX; i++) {
		struct process *child = &monitor.processes.entry[i];

		if (child->maker == p->pid && process_alive(child))
			heir_answer(child, ERR_CLOSED);
	}
}

/* Of which frames in these slots is there no other capability? */
void memory_sole(struct request *r)
{
	struct process *p = origin_process(r->from);
	uint64_t words[MON_PAYLOAD] = { heirs_of(p), 0 };

	for (unsigned i = 0; i < MON_PAYLOAD; i++) {
		bool sole = false;
		cptr_t slot;

		if (!process_slot(p, r->m.word[i], &slot) && !kernel_sole(TASK_KERNEL, slot, &sole) && sole)
			words[1] |= UINT64_C(1) << i;
	}
	request_reply(r, ERR_OK, words);
}
