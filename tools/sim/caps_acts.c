/*
 * What processes do with their capabilities: each operation is drawn for what there is to do it with.
 */
#include "tools/sim/caps_work.h"

#include <string.h>

#define ROOT_INDICES 6
#define TRIES 6 /* to draw an operation for which there is what it needs */

unsigned caps_revokes;

/* Each returns false when it has nothing to work on. */

static bool count(err_t err)
{
	if (err)
		caps_done.refused++;
	else
		caps_done.done++;
	return true;
}

static unsigned rights_draw(void) { return random_one_in(&dice, 3) ? (unsigned)random_below(&dice, 16) : RIGHT_ALL; }

static bool copy_act(struct member *m)
{
	struct island_cap c;
	unsigned from = slot_draw(m, ANY, &c), to = slot_draw(m, 0, NULL);

	return from && to && count(caps_invoke(m, from, INVOKE(CAP_OP_COPY, rights_draw()), to, 0));
}

static bool copy_far_act(struct member *m, bool fetch)
{
	struct member *o = member_draw_other(m), *from = fetch ? o : m, *to = fetch ? m : o;
	struct island_cap c;
	unsigned source, target, rights = rights_draw();
	struct asked *a;

	if (!o)
		return false;
	source = slot_draw(from, ANY, &c);
	target = slot_draw(to, 0, NULL);
	if (!source || !target)
		return false;
	a = caps_ask(fetch ? MON_CAP_FETCH : MON_CAP_COPY, m, fetch ? target : source, &c,
		     (uint64_t[]){ o->core, source, target, rights });
	caps_ask_other(a, o, fetch ? source : target, c.rights & rights);
	return true;
}

static unsigned type_draw(const struct island_cap *c, unsigned *bits)
{
	static const uint8_t types[] = { CAP_RAM,   CAP_RAM,          CAP_FRAME,  CAP_FRAME,
					 CAP_FRAME, CAP_NOTIFICATION, CAP_PTABLE3 };
	unsigned type = types[random_below(&dice, sizeof types)];

	*bits = type == CAP_NOTIFICATION ? CAP_NOTIFICATION_BITS : PAGE_BITS + (unsigned)random_below(&dice, 3);
	if (type == CAP_PTABLE3)
		*bits = CAP_PTABLE_BITS;
	if (type == CAP_RAM && c->bits > PAGE_BITS)
		*bits = c->bits - 1 - (unsigned)random_below(&dice, c->bits - PAGE_BITS);
	return type;
}

static bool retype_act(struct member *m)
{
	struct island_cap c;
	unsigned from = slot_draw(m, 1u << CAP_RAM, &c), to = slot_draw(m, 0, NULL), bits, type;
	uint64_t offset;
	err_t err;

	if (!from || !to)
		return false;
	type = type_draw(&c, &bits);
	offset = c.bits > bits ? random_below(&dice, SIZE_OF_BITS(c.bits - bits)) << bits : 0;
	err = caps_invoke(m, from, INVOKE_RETYPE(type, bits, 1), offset, to);
	if (err != ERR_CAP_REMOTE)
		return count(err);
	caps_ask_other(caps_ask(MON_CAP_RETYPE, m, from, &c,
				(uint64_t[]){ from, offset, type | (uint64_t)bits << 8 | UINT64_C(1) << 16, to }),
		       m, to, RIGHT_ALL);
	return true;
}

/* By itself, or by the monitor where others are concerned. */
static bool end_act(struct member *m, unsigned op, unsigned mon_op)
{
	struct island_cap c;
	unsigned slot = slot_draw(m, ANY, &c);
	err_t err;

	if (!slot || (slot == TASK_RAM && op == CAP_OP_DELETE))
		return false;
	caps_revokes++;
	err = caps_invoke(m, slot, op, 0, 0);
	if (err != ERR_CAP_REMOTE)
		return count(err);
	caps_ask(mon_op, m, slot, &c, (uint64_t[4]){ slot });
	return true;
}

static unsigned page_draw(void) { return (unsigned)random_below(&dice, PAGES); }

static bool map_act(struct member *m)
{
	struct island_cap c;
	unsigned slot = slot_draw(m, 1u << CAP_FRAME, &c), page = page_draw();
	err_t err;

	if (!slot || c.flags & CAP_FLAG_MAPPED)
		return false;
	err = caps_invoke(m, slot, INVOKE(CAP_OP_MAP, c.rights & (MAP_READ | MAP_WRITE)), SIM_SLOT_TABLE,
			  MAP_ARGS(SIM_TABLE_FREE + page, 1, 0));
	if (!err)
		m->mapped[slot] = (uint8_t)page;
	return count(err);
}

/* Of a table that members share the CPU driver alone takes nothing out. */
static bool unmap_act(struct member *m, bool protect)
{
	struct island_cap c;
	unsigned slot = slot_draw(m, 1u << CAP_FRAME, &c);
	err_t err;

	if (!slot || !(c.flags & CAP_FLAG_MAPPED))
		return false;
	err = protect ? caps_invoke(m, slot, INVOKE(CAP_OP_PROTECT, MAP_READ & c.rights), 0, UINT64_C(1) << 16)
		      : caps_invoke(m, slot, CAP_OP_UNMAP, 0, 0);
	if (err != ERR_CAP_REMOTE)
		return count(err);
	caps_ask(protect ? MON_PROTECT : MON_UNMAP, m, slot, &c,
		 (uint64_t[]){ m->core, slot, protect ? UINT64_C(1) << 16 : 0, protect ? MAP_READ & c.rights : 0 });
	return true;
}

/* What another process of the core has mapped, by a cnode that both have. That goes on with it meanwhile. */
static bool unmap_lent_act(struct member *m)
{
	struct member *o = member_draw_here(m);
	struct island_cap c;
	unsigned slot = o ? slot_draw(o, 1u << CAP_FRAME, &c) : 0;
	err_t err;

	if (!slot || !(c.flags & CAP_FLAG_MAPPED))
		return false;
	cores[m->core].island.isle_lend(o->process, m->process);
	err = caps_invoke(m, (unsigned)CPTR(LENT_L1, slot), CAP_OP_UNMAP, 0, 0);
	if (err != ERR_CAP_REMOTE)
		return count(err);
	caps_ask(MON_UNMAP, m, 0, &c, (uint64_t[4]){ m->core, CPTR(LENT_L1, slot) });
	return true;
}

static bool touch_act(struct member *m)
{
	unsigned n = page_draw();
	bool write = random_one_in(&dice, 2);
	paddr_t page;

	for (unsigned i = 0; i < PAGES; i++, n = (n + 1) % PAGES) {
		if (!machine_touch(m->core, m->process, SIM_TABLE_VA + (SIM_TABLE_FREE + n) * PAGE_SIZE, write, &page))
			continue;
		trace_note(m->core, "process %u uses page %u, at %lx", m->process, n, page);
		caps_done.touched++;
		return true;
	}
	return false;
}

/* To any process, whose name for the channel nobody looks at here: each has one to all. */
static bool send_act(struct member *m)
{
	struct member *o = member_draw();
	unsigned from, rights = rights_draw();
	struct island_cap c;

	if (!o || o == m)
		return false;
	from = slot_draw(m, ANY, &c);
	if (!from)
		return false;
	caps_ask(MON_CAP_SEND, m, from, &c, (uint64_t[4]){ (uint64_t)o->core << 32 | o->process, from, rights })
		->receiver = o;
	return true;
}

/* A top-level slot of all members, out of few, so that several want the same. */
static bool root_act(struct member *m)
{
	struct island_cap c;
	unsigned slot = slot_draw(m, 1u << CAP_PTABLE3, &c);
	uint64_t index = 1 + random_below(&dice, ROOT_INDICES);

	if (!slot)
		return false;
	caps_ask(MON_ROOT_SLOT, m, slot, &c, (uint64_t[4]){ slot, index })->index = member_draw_other(m) ? index : 0;
	return true;
}

static bool act(struct member *m, unsigned n)
{
	if (n < 12)
		return copy_act(m);
	if (n < 32)
		return retype_act(m);
	if (n < 44)
		return end_act(m, CAP_OP_DELETE, MON_CAP_DELETE);
	if (n < 47)
		return end_act(m, CAP_OP_REVOKE, MON_CAP_REVOKE);
	if (n < 60)
		return map_act(m);
	if (n < 66)
		return n == 65 ? unmap_lent_act(m) : unmap_act(m, n >= 63);
	if (n < 75)
		return touch_act(m);
	if (n < 79)
		return send_act(m);
	if (n < 81)
		return root_act(m);
	return copy_far_act(m, n < 90);
}

void caps_act(void)
{
	struct member *m;

	for (unsigned tries = 0; tries < TRIES && (m = member_draw()); tries++)
		if (act(m, (unsigned)random_below(&dice, 100)))
			return;
}
