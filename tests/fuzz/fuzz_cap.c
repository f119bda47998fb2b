/*
 * libFuzzer on the capability system: the input is a list of system calls, most of
 * them with arguments of a sensible kind, some with the input's bytes as they are.
 * The invariants are walked after each, and at the end all must be revocable.
 */
/* needs: tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c */
#include <stdlib.h>
#include <string.h>

#include "kernel/core/cap_state.h"
#include "kernel/core/mdb.h"
#include "kernel/x86/arch.h"
#include "tests/unit/arch_hosted.h"

#define SLOTS 24
#define FAR (HOSTED_OWN + 0x100000) /* another core's memory */
#define FAR_BYTES 0x100000
enum { FLUSHED = 1, STOPPED = 2 };

static const uint8_t *input;
static size_t left;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static uint64_t word(void)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < 8; i++)
		w = w << 8 | byte();
	return w;
}

static cptr_t slot(void)
{
	unsigned b = byte();

	if (b < 160)
		return W_FREE + b % SLOTS;
	if (b < 180)
		return CPTR_L1(1 + b % 4);
	if (b < 210)
		return CPTR(1 + b % 4, byte() % 8);
	if (b < 240)
		return CPTR_IN(W_FREE + b % SLOTS, CPTR_L1(byte() % 5));
	return b < 254 ? W_RAM + (cptr_t)b % (W_ROOT - W_RAM) : word();
}

/* Is it a slot that the world stands on, by whatever address it was found? */
static bool vital(const struct cap *s)
{
	for (cptr_t w = W_RAM; w <= W_ROOT; w++)
		if (s == world_slot(w))
			return true;
	return s == world_slot(CPTR_L1(0));
}

static cptr_t victim(void)
{
	cptr_t c = slot();

	return vital(cap_lookup_slot(&world_root, c)) ? W_FREE : c;
}

static struct sys_result run(struct sys_result (*operation)(struct cap *, uint64_t), struct cap *c, uint64_t flags)
{
	struct sys_result r;

	do
		r = operation(c, flags);
	while (r.err == ERR_RESTART);
	return r;
}

/* A capability to the first root is in no victim's reach, or the world would end. */
static bool revocable(const struct cap *s)
{
	for (cptr_t w = W_RAM; s && w <= W_ROOT; w++)
		if (s != world_slot(w) && cap_same_object(s, world_slot(w)))
			return false;
	if (s && s != world_slot(CPTR_L1(0)) && cap_same_object(s, world_slot(CPTR_L1(0))))
		return false;
	return s != world_slot(W_ROOT);
}

static err_t revoke(void)
{
	cptr_t c = slot();

	return revocable(cap_lookup(&world_root, c)) ? invoke(c, CAP_OP_REVOKE, 0, 0) : ERR_OK;
}

static err_t make(void)
{
	static const uint8_t bits[CAP_TYPES] = {
		[CAP_RAM] = 14,     [CAP_FRAME] = 12,       [CAP_CNODE] = 14,   [CAP_PTABLE1] = 12,
		[CAP_PTABLE2] = 12, [CAP_PTABLE3] = 12,     [CAP_PTABLE4] = 12, [CAP_DISPATCHER] = 13,
		[CAP_ENDPOINT] = 6, [CAP_NOTIFICATION] = 6,
	};
	unsigned type = byte() % (CAP_TYPES + 1), size = byte(), count = byte();
	cptr_t from = slot();
	uint64_t offset = type == CAP_ENDPOINT ? 4096 + byte() * UINT64_C(64) : byte() * UINT64_C(4096);

	if (size < 200)
		size = type < CAP_TYPES ? (size < 20 ? 8 + size : bits[type]) : 12;
	return retype(from, offset, type, size, count < 200 ? 1 : count - 199, slot());
}

static err_t embed(void)
{
	struct cap *own = cap_lookup(&world_root, slot()), *c = cap_lookup(&world_root, slot());
	struct dispatcher *d;

	if (!own || !c || own->type != CAP_DISPATCHER || own->flags & CAP_FLAG_FOREIGN)
		return ERR_OK;
	d = arch_window(own->base);
	if (c->type == CAP_CNODE)
		return cap_embed(&d->cspace, c);
	if (c->type == CAP_PTABLE4)
		return cap_embed(&d->vspace_cap, c);
	return c->type == CAP_FRAME ? cap_embed(&d->frame_cap, c) : ERR_OK;
}

static err_t monitor_call(void)
{
	unsigned way = byte();
	struct cap *c = cap_lookup(&world_root, slot());

	if (way < 80)
		return cap_forge(&world_root, CAP_INFO(byte() % CAP_TYPES, byte() % 16, byte() % 24, 0),
				 (way < 40   ? FAR
				  : way < 60 ? HOSTED_DEVICE
					     : HOSTED_BASE) +
					 byte() * UINT64_C(4096),
				 byte(), slot());
	if (way < 100)
		return cap_forge(&world_root, word(), word(), word(), slot());
	if (way < 120)
		return cap_adopt(&world_root, CAP_INFO(byte() % CAP_TYPES, byte() % 16, byte() % 24, 0),
				 FAR + byte() * UINT64_C(4096), byte(), slot());
	if (!c)
		return ERR_CAP_LOOKUP;
	for (cptr_t w = W_RAM; w <= W_ROOT; w++)
		if (cap_same_object(c, world_slot(w)))
			return ERR_OK;
	if (way < 220)
		return cap_share(c, way & 1);
	return way < 240 ? cap_give(c) : cap_give_undo(c);
}

/* The monitor's operations on what may be mapped in shared tables, and its questions. */
static err_t pass(void)
{
	unsigned way = byte(), flags = way % 3;
	struct cap *c = cap_lookup(&world_root, slot());

	if (way < 10)
		return cap_next(word(), word(), word(), way & 1).err;
	if (!c)
		return ERR_CAP_LOOKUP;
	if (way < 90)
		return revocable(c) ? run(cap_revoke_shared, c, flags).err : ERR_OK;
	if (way < 160)
		return vital(c) ? ERR_OK : run(cap_delete_shared, c, flags).err;
	if (way < 230)
		return cap_unmap_shared(c, way & 1);
	if (way < 240)
		return cap_place(c).err;
	return way < 248 ? cap_protect_shared(c, word(), MAP_READ) : cap_sole(c);
}

static err_t map(void)
{
	unsigned way = byte();
	uint64_t where = way & 1 ? word() : MAP_ARGS(byte() % 16, 1 + byte() % 4, byte() % 4);

	if (way < 100)
		return invoke(way < 50 ? W_FREE + 8 : CPTR(1, way % 4), INVOKE(CAP_OP_MAP, MAP_READ | (way & 2)),
			      W_FREE + 6 + way % 2, where & UINT64_C(0x3ffff01ff));
	if (way < 160)
		return invoke(slot(), INVOKE(CAP_OP_MAP, way & 15), slot(),
			      way & 1 ? where : where & ~UINT64_C(0xe0000));
	if (way < 200)
		return invoke(slot(), CAP_OP_UNMAP, 0, 0);
	return invoke(slot(), INVOKE(CAP_OP_PROTECT, way & 15), 0, where);
}

static err_t step(void)
{
	unsigned op = byte();

	if (op < 90)
		return make();
	if (op < 130)
		return invoke(slot(), CAP_OP_COPY | (uint64_t)byte() << 8 | (uint64_t)(op & 1) << 16, slot(), byte());
	if (op < 155)
		return invoke(victim(), CAP_OP_DELETE, 0, 0);
	if (op < 165)
		return revoke();
	if (op < 215)
		return map();
	if (op < 220)
		return embed();
	if (op < 237)
		return monitor_call();
	if (op < 252)
		return pass();
	/* One part of a long operation, whose caller then never comes back. */
	return cap_invoke(&world_root, victim(), CAP_OP_DELETE, 0, 0).err;
}

/* A world in which most kinds of steps can succeed: nested cnodes, mapped tables, a dispatcher set up. */
static void prepare(void)
{
	const cptr_t s = W_FREE;

	retype(W_RAM, 0x0000, CAP_CNODE, 8, 4, s);
	retype(W_RAM, 0x4000, CAP_CNODE, 14, 2, CPTR_L1(1));
	for (unsigned i = 0; i < 4; i++)
		retype(W_RAM, 0x10000 + i * 4096, CAP_PTABLE4 - i, 12, 1, s + 4 + i);
	for (unsigned i = 0; i < 3; i++)
		invoke(s + 5 + i, CAP_OP_MAP, s + 4 + i, MAP_ARGS(i, 1, 0));
	retype(W_RAM, 0x20000, CAP_FRAME, 16, 1, s + 8);
	retype(W_RAM, 0x14000, CAP_DISPATCHER, 13, 1, s + 9);
	cap_embed(&((struct dispatcher *)arch_window(world_slot(s + 9)->base))->cspace, world_slot(CPTR_L1(2)));
	cap_embed(&((struct dispatcher *)arch_window(world_slot(s + 9)->base))->frame_cap, world_slot(s + 8));
	retype(s + 9, 4096, CAP_ENDPOINT, 6, 2, s + 12);
	retype(W_RAM, 0x30000, CAP_RAM, 16, 1, s + 11);
	for (unsigned i = 0; i < 4; i++)
		copy(s + (i + 1) % 4, CPTR_IN(s + i, CPTR_L1(0)), RIGHT_ALL);
	retype(s + 11, 0, CAP_FRAME, 12, 4, CPTR(1, 0));
	retype(s + 11, 0x8000, CAP_NOTIFICATION, 6, 12, CPTR(2, 0));
}

/* Does c say that it is what entry `index` of the table shows? */
static bool claims(const struct cap *c, const struct cap *table, unsigned index, uint64_t pte)
{
	unsigned first = c->mapping & 0x1ff, count = cap_is_table(c) ? 1 : (unsigned)(c->mapping >> 52 & 0x1ff) + 1;

	return c->flags & CAP_FLAG_MAPPED && (c->mapping & UINT64_C(0x000ffffffffff000)) == table->base &&
	       index >= first && index < first + count && mdb_contains(c, arch_pte_paddr(pte));
}

static bool claimed(const struct cap *table, unsigned index, uint64_t pte)
{
	for (const struct cap *n = mdb_first(SPACE_MEMORY); n; n = mdb_next(n)) {
		if (claims(n, table, index, pte))
			return true;
		for (const struct cap *c = n->type == CAP_CNODE ? NULL : n->copies; c; c = c->next)
			if (claims(c, table, index, pte))
				return true;
	}
	return false;
}

/* No page is seen through a table without a capability that answers for it. */
static void check_entries(void)
{
	for (const struct cap *t = mdb_first(SPACE_MEMORY); t; t = mdb_next(t)) {
		const uint64_t *entry;

		if (!cap_is_table(t) || t->flags & (CAP_FLAG_FOREIGN | CAP_FLAG_CLEARING))
			continue;
		entry = arch_window(t->base);
		for (unsigned i = 0; i < arch_ptable_user_entries(t->type - CAP_PTABLE1 + 1); i++)
			if (arch_pte_present(entry[i]) && !claimed(t, i, entry[i]))
				abort();
	}
}

static struct cap *first_foreign(void)
{
	for (unsigned space = 0; space < SPACES; space++)
		for (struct cap *c = mdb_first(space); c; c = mdb_next(c))
			if (c->flags & CAP_FLAG_FOREIGN)
				return c;
	return NULL;
}

/* Other cores let go of everything, and no one runs; then this one must be able to. */
static void unshare(void)
{
	for (unsigned space = 0; space < SPACES; space++)
		for (struct cap *c = mdb_first(space); c; c = mdb_next(c))
			if (!cap_is_stuck(c))
				c->flags &= (uint8_t)~CAP_FLAG_REMOTE;
	for (struct cap *c = first_foreign(); c; c = first_foreign())
		if (run(cap_delete_shared, c, STOPPED).err)
			abort();
	for (cptr_t w = W_RAM; w < W_ROOT; w++)
		if (run(cap_revoke_shared, world_slot(w), STOPPED).err)
			abort();
	for (cptr_t c = W_FREE; c < 256; c++)
		if (!cap_empty(world_slot(c)) && run(cap_delete_shared, world_slot(c), STOPPED).err)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready)
		world_init();
	ready = true;
	input = data;
	left = size;
	memset(arch_window(FAR), 0, FAR_BYTES);
	prepare();
	for (unsigned i = 0; left; i++) {
		step();
		if (i % 4 == 0 && cap_check())
			abort();
	}
	check_entries();
	unshare();
	if (world_reset())
		abort();
	return 0;
}
