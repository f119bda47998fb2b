/*
 * Retype of RAM that another core owns: the owner gives a block of it away for each object, and the
 * block's new owner retypes that as its own.
 *
 * The giver keeps a tombstone, which keeps the block taken; the keeper here says when nothing is
 * made of the block any more, and then it goes back (release.c).  Portable.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"

#define RAM_MAKES                                                                                    \
	(1u << CAP_RAM | 1u << CAP_FRAME | 1u << CAP_CNODE | 1u << CAP_PTABLE1 | 1u << CAP_PTABLE2 | \
	 1u << CAP_PTABLE3 | 1u << CAP_PTABLE4 | 1u << CAP_DISPATCHER | 1u << CAP_NOTIFICATION)

/* --- the owner of the RAM ----------------------------------------------------------------- */

static err_t block_give(struct share *s, uint64_t offset, unsigned bits, coreid_t to, uint64_t *base)
{
	struct object block = { s->object.base + offset, CAP_RAM, (uint8_t)bits };
	struct share *given;
	cptr_t slot;
	err_t err = share_find(&block) ? ERR_RETYPE_OVERLAP : slot_alloc(&slot);

	if (err)
		return err;
	err = cap_retype(s->keeper, offset, CAP_RAM, bits, 1, slot);
	if (err) {
		slot_free(slot);
		return err;
	}
	err = kernel_give(TASK_KERNEL, slot, true);
	if (!err) {
		err = share_new(&block, to, &given);
		if (err)
			kernel_give(TASK_KERNEL, slot, false);
	}
	if (err) {
		slot_delete(slot);
		return err;
	}
	given->given = true;
	given->keeper = slot;
	*base = block.base;
	return ERR_OK;
}

void carve_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	uint32_t number = mon_sequence(m->header);
	uint64_t bits = m->word[4], base = 0;
	err_t err;

	if (bits < CAP_RAM_BITS_MIN || bits > object.bits || m->word[3] >> object.bits) {
		caps_send_done(from, number, ERR_RETYPE_SIZE, 0);
	} else if (!s) {
		caps_send_done(from, number, ERR_CAP_LOOKUP, 0);
	} else if (s->holder || s->frozen) {
		share_wait(s, from, m);
	} else if (!s->own) {
		caps_send(from, CAPS_RETRY, ERR_OK, number, NULL, 0, 0, 0, 0);
	} else if (!sharer_find(s, from) || object.type != CAP_RAM) {
		line_drop(from, m);
	} else {
		err = block_give(s, m->word[3], (unsigned)bits, from, &base);
		caps_send_done(from, number, err, base);
	}
}

void tombstone_undo(struct share *s)
{
	kernel_give(TASK_KERNEL, s->keeper, false);
	slot_delete(s->keeper);
	s->keeper = 0;
	share_free(s);
}

/* --- the asker ----------------------------------------------------------------------------- */

/* The object with the rights that the asker had to the RAM. */
static err_t object_make(const struct op *o, const struct share *s)
{
	const struct retype_op *t = &o->u.retype;
	struct process *p = process_table_find(&monitor.processes, o->process);
	cptr_t target, source;
	err_t err = process_alive(p) ? process_slot(p, (uint64_t)t->first + t->made, &target) : ERR_NO_PROCESS;

	if (err)
		return err;
	if (t->type == CAP_RAM)
		return cap_restrict(s->keeper, target, t->rights);
	err = slot_alloc(&source);
	if (err)
		return err;
	err = cap_restrict(s->keeper, source, t->rights);
	if (err) {
		slot_free(source);
		return err;
	}
	err = cap_retype(source, 0, t->type, t->bits, 1, target);
	slot_delete(source);
	return err;
}

static err_t block_adopt(const struct object *block, coreid_t giver, struct share **out)
{
	err_t err = share_new(block, monitor.core, out);

	if (err)
		return err;
	(*out)->giver = giver;
	err = share_keep(*out, 0);
	/* Its giver has to hear of its end: so nobody here ends it alone. */
	if (!err)
		err = kernel_share(TASK_KERNEL, (*out)->keeper, true);
	if (err)
		share_free(*out);
	sweep_soon();
	return err;
}

static void retype_reply(struct op *o, coreid_t from, err_t err, uint64_t base)
{
	struct retype_op *t = &o->u.retype;
	struct object block = { base, CAP_RAM, t->bits };
	struct share *s;

	if (err) {
		op_end(o, err, 0);
		return;
	}
	err = block_adopt(&block, from, &s);
	if (err) {
		caps_send(from, CAPS_RETURN, ERR_OK, 0, &block, caps_object(&block, 0, 0, 0), 0, 0, 0);
		op_end(o, err, 0);
		return;
	}
	err = object_make(o, s);
	if (err)
		sweep_soon();
	if (!err && ++t->made < t->count)
		op_ready(o);
	else
		op_end(o, err, 0);
}

static err_t retype_check(const struct op *o, const struct cap_info *info)
{
	const struct retype_op *t = &o->u.retype;

	if (info->type != CAP_RAM || t->type >= CAP_TYPES || !(RAM_MAKES >> t->type & 1))
		return ERR_RETYPE_TYPE;
	if (!(info->rights & RIGHT_WRITE))
		return ERR_CAP_RIGHTS;
	if (t->bits < CAP_RAM_BITS_MIN || t->bits > info->bits || t->offset & (SIZE_OF_BITS(t->bits) - 1) ||
	    t->offset >> info->bits || (uint64_t)t->count << t->bits > SIZE_OF_BITS(info->bits) - t->offset)
		return ERR_RETYPE_SIZE;
	return ERR_OK;
}

static void retype_foreign(struct op *o, const struct cap_info *info)
{
	struct retype_op *t = &o->u.retype;
	struct object object = object_of(info);
	struct share *s = share_find(&object);
	err_t err = retype_check(o, info);

	if (!err && (!s || s->pinned))
		err = ERR_CAP_REMOTE;
	if (!err && core_gone(s->owner))
		err = ERR_CORE_DOWN;
	if (err) {
		op_end(o, err, 0);
		return;
	}
	if (s->holder || s->frozen) {
		share_hold(s, o);
		return;
	}
	t->rights = info->rights;
	o->peer = s->owner;
	caps_send(s->owner, CAPS_CARVE, ERR_OK, o->number, &object, caps_object(&object, 0, 0, 0), 0,
		  t->offset + ((uint64_t)t->made << t->bits), t->bits);
}

static void retype_run(struct op *o)
{
	const struct retype_op *t = &o->u.retype;
	struct process *p = process_table_find(&monitor.processes, o->process);
	struct cap_info info;
	cptr_t source, target;
	err_t err = process_alive(p) ? process_slot(p, o->slot, &source) : ERR_NO_PROCESS;

	if (!err)
		err = process_slot(p, t->first, &target);
	if (!err)
		err = cap_identify(source, &info);
	if (!err && info.flags & CAP_FLAG_FOREIGN) {
		retype_foreign(o, &info);
		return;
	}
	if (!err)
		err = cap_retype(source, t->offset, t->type, t->bits, t->count, target);
	op_end(o, err, 0);
}

void caps_retype_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	uint64_t count = w[2] >> 16;
	struct op *o = op_asked(r, count == 0 || count > RETYPE_COUNT_MAX ? ERR_ARGUMENT : ERR_OK);

	if (!o)
		return;
	o->slot = (uint32_t)w[0];
	o->run = retype_run;
	o->reply = retype_reply;
	o->u.retype = (struct retype_op){ .offset = w[1],
					  .type = (uint8_t)w[2],
					  .bits = (uint8_t)(w[2] >> 8),
					  .count = (uint16_t)count,
					  .first = (uint32_t)w[3] };
	retype_run(o);
	ops_run();
}
