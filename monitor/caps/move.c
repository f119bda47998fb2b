/*
 * Ownership moves: what is this core's own and used by others alone becomes the first sharer's.
 *
 * The sharers are frozen, so that none asks anybody while it is nobody's; the giver of the
 * memory, if it was another core's, is told; then the heir adopts it, and the others
 * hear whose it is.  Without a giver this core is one from then on and keeps a tombstone.  Portable.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"

enum { MOVE_FREEZE, MOVE_TELL, MOVE_HAND_OVER, MOVE_ADOPTED };

static void line(coreid_t to, unsigned what, const struct op *o, coreid_t core, uint64_t w3)
{
	caps_send(to, what, ERR_OK, o->number, &o->object, caps_object(&o->object, 0, 0, core), 0, w3, 0);
}

/* The others hear whose it is: the heir's, or still ours. */
static void thaw(const struct op *o, const struct share *s, coreid_t owner)
{
	for (const struct sharer *h = s->sharers; h; h = h->next)
		if (h->core != owner)
			line(h->core, CAPS_MOVED, o, owner, 0);
}

/* A giver that was told of the heir hears that nothing came of it: before we say that we know of any death since. */
static void move_fail(struct op *o, struct share *s)
{
	if (o->u.move.told && !core_gone(s->giver))
		line(s->giver, CAPS_TOLD, o, monitor.core, 0);
	thaw(o, s, monitor.core);
	s->stays = true;
	share_release(s);
	share_settle(s);
	op_end(o, ERR_OK, 0);
}

/* From here on it is the heir's. */
static void hand_over(struct op *o, struct share *s)
{
	struct move_op *v = &o->u.move;
	coreid_t giver = s->giver;
	bool dead = (giver != CORE_NONE && core_gone(giver)) || sharer_dead(s);
	err_t err = dead ? ERR_CORE_DOWN : kernel_share(TASK_KERNEL, s->keeper, false);

	if (!err && giver == CORE_NONE)
		err = kernel_give(TASK_KERNEL, s->keeper, true);
	else if (!err)
		err = slot_delete(s->keeper);
	if (err) {
		kernel_share(TASK_KERNEL, s->keeper, true);
		move_fail(o, s);
		return;
	}
	if (giver != CORE_NONE)
		s->keeper = 0;
	for (const struct sharer *h = s->sharers; h; h = h->next)
		if (h->core != v->heir)
			line(v->heir, CAPS_HEIR, o, h->core, h->count);
	o->peer = v->heir;
	line(v->heir, CAPS_ADOPT, o, giver == CORE_NONE ? monitor.core : giver, 0);
}

static void adopted(struct op *o, struct share *s)
{
	coreid_t heir = o->u.move.heir;

	thaw(o, s, heir);
	while (s->sharers)
		sharer_remove(s, s->sharers->core);
	s->own = false;
	s->owner = heir;
	s->given = s->giver == CORE_NONE;
	share_release(s);
	if (!s->given)
		share_free(s);
	else if (core_gone(heir))
		reclaim_begin(heir);
	op_end(o, ERR_OK, 0);
}

static void move_run(struct op *o)
{
	struct share *s = share_find(&o->object);
	struct move_op *v = &o->u.move;

	if (o->step == MOVE_FREEZE) {
		if (v->awaited)
			return;
		/* It may have let go, or be dead. */
		if (v->refused || !sharer_find(s, v->heir) || core_gone(v->heir)) {
			move_fail(o, s);
			s->stays = false;
			return;
		}
		o->step = MOVE_TELL;
	}
	if (o->step == MOVE_TELL) {
		if (s->giver != CORE_NONE && s->giver != v->heir && !core_gone(s->giver) && !v->told) {
			o->peer = s->giver;
			line(s->giver, CAPS_TOLD, o, v->heir, 0);
			return;
		}
		o->step = MOVE_HAND_OVER;
	}
	if (o->step == MOVE_HAND_OVER) {
		o->step = MOVE_ADOPTED;
		hand_over(o, s);
		return;
	}
	adopted(o, s);
}

static void move_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from, (void)err, (void)value;
	o->peer = CORE_NONE;
	o->u.move.told = true;
	op_ready(o);
}

void move_begin(struct share *s)
{
	struct op *o;

	if (s->stays || s->lost || sharer_dead(s) || (s->giver != CORE_NONE && core_gone(s->giver)) ||
	    (s->object.type != CAP_RAM && s->object.type != CAP_FRAME) || op_new(NULL, &o))
		return;
	o->object = s->object;
	o->run = move_run;
	o->reply = move_reply;
	o->u.move.heir = s->sharers->core;
	s->holder = o;
	for (struct sharer *h = s->sharers; h; h = h->next) {
		h->awaited = true;
		o->u.move.awaited++;
		line(h->core, CAPS_FREEZE, o, o->u.move.heir, s->giver == CORE_NONE ? monitor.core : s->giver);
	}
}

void frozen_message(coreid_t from, const struct mon_message *m)
{
	struct share *s = share_answered(from, m);
	struct op *o;

	if (!s)
		return;
	o = s->holder;
	o->u.move.refused |= caps_err(m->header) == ERR_NO_MEMORY;
	if (!sharer_find(s, from)->count)
		sharer_remove(s, from);
	if (--o->u.move.awaited == 0)
		op_ready(o);
}

/* A sharer of ours is dead, and the holder waits for it. */
void move_core_gone(struct share *s, coreid_t core)
{
	struct op *o = s->holder;
	bool moving = o && o->run == move_run;

	if (!o || !sharer_find(s, core) || !sharer_find(s, core)->awaited)
		return;
	if (moving ? --o->u.move.awaited == 0 : --o->u.clear.awaited == 0)
		op_ready(o);
}

/* --- sharers, heir, giver -------------------------------------------------------------------- */

void freeze_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);

	if (s && share_waits(s, from)) {
		share_wait(s, from, m);
		return;
	}
	if (s && (s->own || s->owner != from)) {
		line_drop(from, m);
		return;
	}
	/* A giver that has let its copies go hears of the move as giver only. */
	if (s && s->count) {
		s->frozen = true;
		s->heir = caps_core(m);
		s->heir_giver = (coreid_t)m->word[3];
	}
	caps_send(from, CAPS_FROZEN, ERR_OK, mon_sequence(m->header), &object, caps_object(&object, 0, 0, 0), 0, 0, 0);
}

static struct share *frozen_of(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);

	return s && s->frozen && s->owner == from ? s : NULL;
}

static void share_thaw(struct share *s)
{
	s->frozen = s->told = false;
	share_release(s);
	share_settle(s);
	sweep_soon();
}

void heir_message(coreid_t from, const struct mon_message *m)
{
	struct share *s = frozen_of(from, m);

	if (!s || caps_core(m) >= monitor.info->cores)
		line_drop(from, m);
	else if (!core_gone(caps_core(m)) && sharer_count(s, caps_core(m), (uint32_t)m->word[3]))
		report("monitor %u: no memory for a sharer", monitor.core);
}

void adopt_message(coreid_t from, const struct mon_message *m)
{
	struct share *s = frozen_of(from, m);
	cptr_t known;
	err_t err;

	if (!s) {
		line_drop(from, m);
		return;
	}
	known = s->keeper;
	s->own = true;
	err = share_keep(s, 0);
	if (!err)
		slot_delete(known);
	else
		report("monitor %u: cannot own an object of type %u at %x", monitor.core, s->object.type,
		       s->object.base);
	s->owner = monitor.core;
	s->giver = caps_core(m) == monitor.core ? CORE_NONE : caps_core(m); /* we had given it ourselves */
	s->given = false;
	s->count = 0;
	if (s->sharers || s->giver != CORE_NONE)
		kernel_share(TASK_KERNEL, s->keeper, true);
	caps_send_done(from, mon_sequence(m->header), err, 0);
	share_thaw(s);
}

/* It stays where it is, and this core was not frozen for want of memory. */
static bool stays_said(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	const struct share *s = share_find(&object);

	return caps_core(m) == from && s && !s->frozen && !s->own && s->owner == from;
}

void moved_message(coreid_t from, const struct mon_message *m)
{
	struct share *s = frozen_of(from, m);

	if (stays_said(from, m))
		return;
	if (!s || caps_core(m) >= monitor.info->cores) {
		line_drop(from, m);
		return;
	}
	s->owner = caps_core(m);
	share_thaw(s);
	if (core_gone(s->owner))
		share_lost(s);
}

void told_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);

	if (!s || !s->given || caps_core(m) >= monitor.info->cores ||
	    from != (caps_core(m) == from && !s->frozen ? s->teller : s->owner)) {
		line_drop(from, m);
		return;
	}
	if (caps_core(m) == from) {
		s->told = false;
		s->owner = from;
		s->teller = CORE_NONE;
		return;
	}
	/* Who has a share of it besides hears that it has moved only when it has. */
	s->teller = from;
	if (s->frozen)
		s->told = true;
	else
		s->owner = caps_core(m);
	caps_send_done(from, mon_sequence(m->header), ERR_OK, 0);
	if (core_gone(s->owner))
		reclaim_begin(s->owner);
}
